"""Configuration of the speech privacy filters."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section


class VoiceConfig(Section):
    """How voices are compared, and how recordings are."""

    seconds: float = Field(
        3.0, ge=1.0, le=30.0, description="voiced speech in a window: real and synthetic voices are compared at this"
    )
    windows: int = Field(
        64,
        ge=1,
        le=4096,
        description="windows of a protected track that are kept to compare with, spread over it; of what is judged "
        "every window is heard",
    )
    encoder: str = Field(
        "", description="a second speaker encoder, transformers name or folder of an x-vector model; empty: none"
    )
    excerpt_seconds: float = Field(
        2.0, ge=1.0, le=30.0, description="length at which a recording is recognised inside another one"
    )
    passage_seconds: float = Field(
        6.0, ge=2.0, le=60.0, description="length at which it is recognised whatever was done to its sound"
    )
