"""Configuration of the identifier rule."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section
from synthgen.privacy_filters.dialogue.identifiers.types import SAFE_HARBOR, Entity


class IdentifierConfig(Section):
    """What counts as an identifier, and what becomes of a dialogue that has one."""

    language: Literal["en", "es"] = Field("en", description="language of the dialogues")
    reject: tuple[Entity, ...] = Field(
        SAFE_HARBOR,
        description="kinds of identifiers that reject a dialogue; by default the direct ones of Safe Harbor",
    )
    confidence: float = Field(0.5, gt=0, le=1, description="least confidence at which a hit counts")
    ner: str = Field(
        "", description="spacy:NAME or transformers:NAME, an installed model or a folder that also looks for names"
    )
    surrogates: bool = Field(
        False, description="replace identifiers by consistent invented ones instead of rejecting the dialogue"
    )
