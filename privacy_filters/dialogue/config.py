"""Configuration of the calibrated dialogue filters."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section
from synthgen.pretrained.sentence import PACKAGED


class NearDuplicateConfig(Section):
    """TF-IDF of runs of words, and a sentence encoder for what is told again in other words."""

    encoder: str = Field(
        PACKAGED,
        description="sentence encoder that hears what is told in other words: packaged (all-MiniLM-L6-v2, of the extra "
        "dialogue), a sentence-transformers name or folder, or empty: none",
    )
    passage_words: int = Field(80, ge=20, le=1000, description="words that a passage of whole turns has at least")
