"""Which synthetic patients a release asks for: slot i is case i, whose words are drawn from a seed of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from synthgen.config import Section
from synthgen.modalities.speech.types import SpeechCondition

Severity = Literal["minimal", "mild", "moderate", "moderately severe", "severe"]


class ConditionConfig(Section):
    """The patients of a release, drawn independently of each other and of every cohort."""

    setting: Literal["therapy", "visit"] = Field("therapy", description="What kind of sessions")
    disorders: tuple[str, ...] = Field(
        ("depression", "anxiety"), min_length=1, description="Presenting problems, equally often"
    )
    severities: tuple[Severity, ...] = Field(
        ("mild", "moderate", "severe"), min_length=1, description="Severities, equally often"
    )
    sessions: int = Field(2, ge=1, le=100, description="Sessions of each patient")


def condition_sampler(config: ConditionConfig) -> Callable[[int, int], SpeechCondition]:
    """The condition of a slot, from its number and the run's seed."""

    def condition(slot: int, run_seed: int) -> SpeechCondition:
        content = f"speech case,{run_seed},{slot}".encode()
        seed = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1
        rng = np.random.default_rng(seed)
        return SpeechCondition(
            setting=config.setting,
            disorder=config.disorders[int(rng.integers(len(config.disorders)))],
            severity=config.severities[int(rng.integers(len(config.severities)))],
            sessions=config.sessions,
            case=slot,
            case_seed=seed,
        )

    return condition
