"""Which synthetic patients a release asks for: slot i is case i, whose words are drawn from a seed of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from synthgen.config import Section
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT
from synthgen.generators.dialogue.plan.config import severities as severities_of
from synthgen.modalities.speech.types import SpeechCondition

Severity = Literal["mild", "moderate", "moderately severe", "severe"]


class ConditionConfig(Section):
    """The patients of a release, drawn independently of each other and of every cohort."""

    setting: Literal["therapy", "visit"] = Field("therapy", description="What kind of sessions")
    disorders: tuple[str, ...] = Field(
        (), description="Presenting problems as in the dialogue modality, equally often; empty: all of the setting"
    )
    severities: tuple[Severity, ...] = Field(
        ("mild", "moderate", "severe"), min_length=1, description="Severities, equally often"
    )
    sessions: int = Field(2, ge=1, le=12, description="Sessions of each patient")

    @property
    def problems(self) -> tuple[str, ...]:
        """The presenting problems that are drawn from."""
        return self.disorders or (THERAPY if self.setting == "therapy" else VISIT)

    def bands(self, disorder: str) -> tuple[Severity, ...]:
        """The severities that are drawn from for a problem: those whose instrument has the band."""
        own = severities_of(self.setting, disorder)
        return tuple(band for band in self.severities if band in own)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = THERAPY if self.setting == "therapy" else VISIT
        for disorder in self.problems:
            if disorder not in known:
                raise ValueError(f"disorders: {disorder!r} is none of {', '.join(known)}")
            if not self.bands(disorder):
                raise ValueError(f"severities: {disorder} knows none of the bands")
        return self


def condition_sampler(config: ConditionConfig) -> Callable[[int, int], SpeechCondition]:
    """The condition of a slot, from its number and the run's seed."""

    def condition(slot: int, run_seed: int) -> SpeechCondition:
        content = f"speech case,{run_seed},{slot}".encode()
        seed = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1
        rng = np.random.default_rng(seed)
        disorder = config.problems[int(rng.integers(len(config.problems)))]
        bands = config.bands(disorder)
        return SpeechCondition(
            setting=config.setting,
            disorder=disorder,
            severity=bands[int(rng.integers(len(bands)))],
            sessions=config.sessions,
            case=slot,
            case_seed=seed,
        )

    return condition
