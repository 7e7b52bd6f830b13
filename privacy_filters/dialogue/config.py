"""Configuration of the calibrated dialogue filters."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section


class NearDuplicateConfig(Section):
    """TF-IDF, and a sentence encoder where one is named."""

    encoder: str = Field("", description="sentence-transformers name or folder; empty: TF-IDF alone")
    encoder_weight: float = Field(0.5, gt=0, lt=1, description="the encoder's share of the similarity, TF-IDF the rest")
    encoder_batch: int = Field(32, ge=1, le=4096, description="passages that the encoder reads at once")
    letters_weight: float = Field(0.4, ge=0, lt=1, description="share of letter n-grams in the TF-IDF similarity")
    passage_words: int = Field(60, ge=10, le=1000, description="words that a passage of turns has at least")
