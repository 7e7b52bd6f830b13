"""Configuration of the calibrated dialogue filters."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section


class NearDuplicateConfig(Section):
    """TF-IDF of runs of words, and a sentence encoder where one is named."""

    encoder: str = Field("", description="sentence-transformers name or folder, for one more filter; empty: none")
    encoder_batch: int = Field(32, ge=1, le=4096, description="passages that the encoder reads at once")
    passage_words: int = Field(80, ge=20, le=1000, description="words that a passage of whole turns has at least")
