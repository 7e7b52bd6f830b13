"""Settings of the evaluation of speech."""

from __future__ import annotations

from pydantic import Field

from synthgen.config import Section


class EvaluationConfig(Section):
    """How a release of speech is evaluated."""

    max_samples: int = Field(500, ge=4, description="at most so many records of each set are used, drawn at random")
    turns: int = Field(
        600,
        ge=20,
        description="turns of each set whose acoustics are measured, evenly over its voices",
    )
    turn_seconds: float = Field(12.0, ge=2, le=60, description="of a longer turn the middle of this length is measured")
    voice_seconds: float = Field(20.0, ge=4, le=120, description="of each voice that the attacker's features hear")
    permutations: int = Field(200, ge=20, le=10_000, description="draws of the permutation null of the linkability")
    wer_turns: int = Field(
        24, ge=0, le=10_000, description="turns that a recogniser transcribes, where one is installed; 0: none"
    )
    diarised_seconds: float = Field(
        90.0, ge=0, le=3600, description="of each session that a diariser hears, where there is one; 0: nothing"
    )
    diarised_sessions: int = Field(6, ge=1, le=10_000, description="sessions that a diariser hears")
    density_dimensions: int = Field(8, ge=1, le=64, description="principal components of the density attack (DOMIAS)")
    classifier_repeats: int = Field(3, ge=1, le=20, description="trainings of each emotion classifier, on other draws")
