"""Item scores of instruments that add up to a total, how they move from week to week, and the bands of totals.

Kroenke, Spitzer & Williams 2001 (PHQ-9: 0-4, 5-9, 10-14, 15-19, 20-27); Spitzer et al. 2006 (GAD-7: 0-4, 5-9, 10-14,
15-21). The other instruments have totals and no bands here: what a condition calls severe is said by these two.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from synthgen.generators.dialogue.plan.types import SCALES, Instrument, Scores, highest
from synthgen.payloads.dialogue import Severity

BANDS: Final[Mapping[str, tuple[tuple[Severity, int, int], ...]]] = {
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
FASTEST: Final[Mapping[Instrument, int]] = {"PHQ-9": 5, "GAD-7": 4, "Y-BOCS": 5, "PCL-5": 9, "AUDIT": 9, "ISI": 4}
"""Points by which a total falls in a week at most: about what counts as a reliable change of the instrument."""
_DEATH: Final[Mapping[Severity, float]] = {
    "minimal": 0.02, "mild": 0.06, "moderate": 0.14, "moderately severe": 0.25, "severe": 0.45,
}  # fmt: skip
"""Chance that item 9 of the PHQ-9 (thoughts of death or self-harm) is above 0 where it has not been before, at intake;
a choice of this project, between the few per cent of all who fill it in and the half of those in severe depression."""


def total_label(instrument: Instrument) -> str:
    """The label that a total stands under: ``phq9_total``."""
    return f"{instrument.replace('-', '').lower()}_total"


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


def no_faster(instrument: Instrument, total: int, before: int, weeks: int) -> int:
    """A total that falls no faster than :data:`FASTEST`."""
    return max(total, before - FASTEST[instrument] * weeks)


def item9(rng: random.Random, severity: Severity, before: int | None, ever: bool, factor: float = 1.0) -> int:
    """The answer to item 9 of the PHQ-9, 0 to 3; it remembers the last one, and that it was ever positive.

    Args:
        before: last session's; None at intake.
        factor: of the chance, by the disorder.
    """
    fresh = min(0.9, _DEATH[severity] * factor)
    if before:
        if rng.random() < 0.3 + (severity in {"minimal", "mild"}) * 0.25:
            return before - 1
        return min(3, before + (rng.random() < 0.08))
    if rng.random() >= (fresh if before is None else 0.3 * fresh + 0.08 * ever):
        return 0
    return 2 if severity in {"moderately severe", "severe"} and rng.random() < 0.3 else 1


def items(
    instrument: Instrument,
    total: int,
    rng: random.Random,
    leading: Mapping[int, float] | None = None,
    *,
    death: int = 0,
    before: Scores | None = None,
) -> Scores:
    """Item scores that add up to ``total``.

    Args:
        leading: items (from 0) that the disorder brings with it, and the factor of their readiness.
        death: item 9 of the PHQ-9, as far as the total allows.
        before: last time's answers: what changes is what the total asks for, and a little beside it.

    Raises:
        ValueError: no such total.
    """
    count, most = SCALES[instrument]
    if not 0 <= total <= highest(instrument):
        raise ValueError(f"the {instrument} has no total of {total}: it goes from 0 to {highest(instrument)}")
    readiness = list(_READINESS.get(instrument, (1.0,) * count))
    for item, factor in (leading or {}).items():
        readiness[item] *= factor
    scores = [0] * count if before is None else list(before.items)
    fixed: set[int] = set()
    if instrument == "PHQ-9":
        scores[8] = max(min(death, total), total - 24)
        fixed = {8}
    if before is not None:  # a point or two wander
        for _ in range(rng.randint(0, 2)):
            open_to = [i for i in range(count) if scores[i] > 0 and i not in fixed]
            if open_to:
                scores[rng.choice(open_to)] -= 1
    while (left := total - sum(scores)) != 0:
        ready = readiness if left > 0 else [1 / max(one, 0.1) for one in readiness]
        weights = [
            one if i not in fixed and (score < most if left > 0 else score > 0) else 0.0
            for i, (one, score) in enumerate(zip(ready, scores, strict=True))
        ]
        scores[rng.choices(range(count), weights)[0]] += 1 if left > 0 else -1
    return Scores(instrument, tuple(scores))
