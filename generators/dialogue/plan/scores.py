"""Item scores of the PHQ-9 and the GAD-7 that add up to a total, and the bands of totals.

Kroenke, Spitzer & Williams 2001 (PHQ-9: 0-4, 5-9, 10-14, 15-19, 20-27); Spitzer et al. 2006 (GAD-7: 0-4, 5-9, 10-14,
15-21).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final, Literal

from synthgen.generators.dialogue.plan.types import Scores
from synthgen.payloads.dialogue import Severity

Instrument = Literal["PHQ-9", "GAD-7"]

BANDS: Final[Mapping[Instrument, tuple[tuple[Severity, int, int], ...]]] = {
    "PHQ-9": (
        ("minimal", 0, 4),
        ("mild", 5, 9),
        ("moderate", 10, 14),
        ("moderately severe", 15, 19),
        ("severe", 20, 27),
    ),
    "GAD-7": (("minimal", 0, 4), ("mild", 5, 9), ("moderate", 10, 14), ("severe", 15, 21)),
}
# How readily each item is endorsed; items 3, 4 and 7 of the PHQ-9 are sleep, energy and concentration.
_READINESS: Final[Mapping[Instrument, tuple[float, ...]]] = {
    "PHQ-9": (1.0, 1.1, 1.2, 1.3, 0.8, 0.9, 0.9, 0.5, 0.0),
    "GAD-7": (1.2, 1.0, 1.1, 1.0, 0.7, 0.8, 0.9),
}
_SELF_HARM: Final[Mapping[Severity, float]] = {"moderately severe": 0.12, "severe": 0.4}
"""Chance that item 9 of the PHQ-9 (thoughts of being better off dead) is above 0; below these bands it is 0."""


def band(instrument: Instrument, total: int) -> Severity:
    """The severity band of a total. Raises ValueError where there is no such total."""
    for name, low, high in BANDS[instrument]:
        if low <= total <= high:
            return name
    raise ValueError(f"the {instrument} has no total of {total}")


def total_within(instrument: Instrument, severity: Severity, rng: random.Random) -> int:
    """A total of the band. Raises ValueError where the instrument has no such band."""
    for name, low, high in BANDS[instrument]:
        if name == severity:
            # The top of the PHQ-9 is rare, and needs item 9.
            return rng.randint(low, min(high, 23) if instrument == "PHQ-9" else high)
    raise ValueError(f"the {instrument} has no band {severity!r}")


def items(instrument: Instrument, total: int, rng: random.Random, leading: Mapping[int, float] | None = None) -> Scores:
    """Item scores, each 0 to 3, that add up to ``total``.

    Args:
        leading: items (from 0) that the disorder brings with it, and the factor of their readiness.

    Raises:
        ValueError: no such total.
    """
    severity = band(instrument, total)
    readiness = list(_READINESS[instrument])
    for item, factor in (leading or {}).items():
        readiness[item] *= factor
    scores = [0] * len(readiness)
    if instrument == "PHQ-9":
        if rng.random() < _SELF_HARM.get(severity, 0.0):
            scores[8] = 2 if severity == "severe" and rng.random() < 0.25 else 1
        scores[8] = max(scores[8], total - 24)
    left = total - sum(scores)
    while left:
        weights = [ready if score < 3 else 0.0 for ready, score in zip(readiness, scores, strict=True)]
        scores[rng.choices(range(len(scores)), weights)[0]] += 1
        left -= 1
    return Scores(instrument, tuple(scores))
