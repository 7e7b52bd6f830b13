"""What can be chosen about the plans: distributions of settings, problems, severities, styles; lengths; responses."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, model_validator

from synthgen.config import Section
from synthgen.generators.dialogue.plan.types import Attitude, Style
from synthgen.payloads.dialogue import Setting, Severity

THERAPY: Final = (
    "depression",
    "generalised_anxiety",
    "panic",
    "social_anxiety",
    "ptsd",
    "ocd",
    "insomnia",
    "adjustment",
    "alcohol_use",
    "grief",
)
VISIT: Final = (
    "chest_pain",
    "hypertension_review",
    "diabetes_review",
    "asthma",
    "low_back_pain",
    "headache",
    "abdominal_pain",
    "cough",
    "urinary_symptoms",
    "knee_pain",
    "rash",
    "fatigue",
    "palpitations",
)
WITH_GAD7: Final = frozenset({"generalised_anxiety", "panic", "social_anxiety", "ptsd", "ocd"})
"""Disorders whose leading instrument is the GAD-7; that of the other disorders in therapy is the PHQ-9."""


def severities(setting: Setting, disorder: str) -> tuple[Severity, ...]:
    """The bands that a case may have at intake."""
    if setting == "therapy" and disorder not in WITH_GAD7:
        return ("mild", "moderate", "moderately severe", "severe")
    return ("mild", "moderate", "severe")


class PlanConfig(Section):
    """The distributions that patients, arcs and sessions are drawn from. Weights need not add up to one."""

    settings: dict[Setting, float] = Field(
        {"therapy": 1.0, "visit": 1.0}, description="Weights of therapy sessions and clinical visits"
    )
    therapy: dict[str, float] = Field(
        dict.fromkeys(THERAPY, 1.0), description=f"Weights of the disorders in therapy: {', '.join(THERAPY)}"
    )
    visit: dict[str, float] = Field(
        dict.fromkeys(VISIT, 1.0), description=f"Weights of the presenting problems: {', '.join(VISIT)}"
    )
    severity: dict[Severity, float] = Field(
        {"mild": 2.0, "moderate": 4.0, "moderately severe": 3.0, "severe": 1.5},
        description="Weights of the bands at intake; those that an instrument lacks fall away",
    )
    sessions: int = Field(4, ge=1, le=12, description="Sessions of every case; an arc of therapy has 4 to 12")
    utterances: tuple[int, int] = Field((62, 86), description="Least and most utterances planned for a session")
    styles: dict[Style, float] = Field(
        {"plain": 4.0, "verbose": 2.0, "terse": 2.0, "tangential": 1.5, "guarded": 2.0, "pleasing": 1.5},
        description="Weights of the ways of speaking",
    )
    attitudes: dict[Attitude, float] = Field(
        {"open": 3.0, "hopeful": 2.0, "sceptical": 2.0, "ambivalent": 2.0, "resigned": 1.5},
        description="Weights of the attitudes to treatment",
    )
    response: dict[str, float] = Field(
        {"responds": 5.0, "responds partly": 2.5, "does not respond": 1.5},
        description="Weights of the courses that severity takes",
    )
    setback: float = Field(0.25, ge=0, le=1, description="Chance that a session after the second is a setback")
    rupture: float = Field(0.12, ge=0, le=1, description="Chance that a session after the first holds a rupture")
    homework: dict[str, float] = Field(
        {"done": 4.5, "partly": 3.5, "not done": 2.0}, description="Weights of how far homework is done"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = {"settings": ("therapy", "visit"), "therapy": THERAPY, "visit": VISIT,
                 "response": ("responds", "responds partly", "does not respond"),
                 "homework": ("done", "partly", "not done")}  # fmt: skip
        for name, weights in self.model_dump().items():
            if not isinstance(weights, dict):
                continue
            if any(weight < 0 for weight in weights.values()) or not sum(weights.values()) > 0:
                raise ValueError(f"{name}: weights must be at least 0 and not all 0")
            if unknown := sorted(set(weights) - set(known.get(name, weights))):
                raise ValueError(f"{name}: {unknown[0]!r} is none of {', '.join(known[name])}")
        if {"minimal", ""} & {band for band, weight in self.severity.items() if weight}:
            raise ValueError("severity: the bands at intake are mild, moderate, moderately severe and severe")
        low, high = self.utterances
        if not 12 <= low < high <= 200:
            raise ValueError("utterances must be two different numbers, 12 to 200, the smaller one first")
        for setting, weight in self.settings.items():
            for disorder, share in (self.therapy if setting == "therapy" else self.visit).items():
                if weight and share and not any(self.severity.get(band) for band in severities(setting, disorder)):
                    raise ValueError(f"severity: {disorder} knows none of the bands with a weight")
        return self
