"""When turns begin and where they pause: log-normal times, whose length and spread grow with severity.

Severity shows here first: pause time and its spread rise, tempo falls (Mundt et al. 2007; Cannizzaro et al. 2004),
while the variation of F0 is left to the emotion of the turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from synthgen.generators.speech.config import TimingConfig
from synthgen.generators.speech.emotions import Manner
from synthgen.generators.speech.text import Boundary

_SPREAD = 0.35
"""Standard deviation of the logarithm of a healthy speaker's pauses."""
_SHORTEST, _LONGEST = 0.06, 6.0  # seconds

_LEVELS = {"": 0, "none": 0, "minimal": 0, "mild": 1, "moderate": 2, "moderately severe": 3, "severe": 4}


def severity_level(severity: str) -> int:
    """0 (minimal, unknown) to 4 (severe)."""
    return _LEVELS.get(severity, 0)


@dataclass(frozen=True, slots=True)
class Tempo:
    """How severity changes a speaker's timing, as factors; see :func:`tempo_of`."""

    pauses: float = 1.0
    spread: float = 1.0
    rate: float = 1.0
    latency: float = 1.0
    hesitation: float = 1.0


def tempo_of(level: int) -> Tempo:
    """The timing of a patient of severity ``level``, 0 to 4: at 4, pauses and their spread are half as large again."""
    if not 0 <= level <= 4:
        raise ValueError(f"level must be in [0, 4], got {level}")
    return Tempo(1 + 0.125 * level, 1 + 0.125 * level, 1 - 0.03 * level, 1 + 0.2 * level, 1 + 0.5 * level)


def pause_after(
    boundary: Boundary, manner: Manner, tempo: Tempo, config: TimingConfig, rng: np.random.Generator
) -> float:
    """Seconds of silence after a phrase, 0.06 to 6."""
    median = (config.comma if boundary == "comma" else config.sentence) * manner.pauses * tempo.pauses
    return _draw(median, _SPREAD * manner.pause_spread * tempo.spread, rng)


def hesitation(manner: Manner, tempo: Tempo, config: TimingConfig, rng: np.random.Generator) -> float:
    """Seconds of an unfilled pause within a phrase."""
    return _draw(1.2 * config.comma * manner.pauses * tempo.pauses, _SPREAD * manner.pause_spread * tempo.spread, rng)


def latency(manner: Manner, tempo: Tempo, config: TimingConfig, overlap: bool, rng: np.random.Generator) -> float:
    """Seconds from the end of the turn before to this one; negative (-0.5 to -0.1) where they overlap."""
    if overlap:
        return -float(rng.uniform(0.1, 0.5))
    return _draw(config.latency * math.sqrt(manner.pauses) * tempo.latency, 0.5 * tempo.spread, rng)


def _draw(median: float, spread: float, rng: np.random.Generator) -> float:
    deviation = float(rng.standard_normal())
    if median <= 0:
        return 0.0
    return round(min(max(median * math.exp(spread * deviation), _SHORTEST), _LONGEST), 4)
