"""Voices of no real person: each a card of parameters drawn from a prior, kept over all sessions and emotions.

A card is never fitted to a recording. The prior covers adults: F0 after Traunmüller and Eriksson (1995), vocal-tract
length after Fitch and Giedd (1999: women some 15% shorter), jitter, shimmer and breathiness within the healthy range.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

Sex = Literal["f", "m"]

COLOURS = 10
"""Points of a card's spectral colour, equally spaced on the mel scale from 0 Hz to 8 kHz."""
WARPS = 3
"""Formant regions with a shift of their own, around 500, 1500 and 2800 Hz."""

_ACCENTS = ("en-us", "en-us", "en-us", "en-gb", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc")
_VARIANTS: dict[Sex, tuple[str, ...]] = {
    "f": ("f1", "f2", "f3", "f4", "Annie", "belinda", "linda", "anika"),
    "m": ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Denis", "Gene", "Mike", "max", "robert"),
}


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """One voice.

    Attributes:
        seed: what else is random in the voice, such as a neural back-end's speaker embedding.
        sex: of the prior that the card was drawn from.
        language: BCP-47 tag with the accent, ``"en-us"``.
        variant: the base voice's name in the espeak back-end.
        f0_hz: median F0 of neutral speech, Hz.
        f0_range: standard deviation of neutral F0, semitones.
        tract: length of the vocal tract relative to the base voice; formants lie at 1 / tract.
        warp: further shift of the regions of F1, F2, F3 each, as a factor of frequency.
        colour: gain at :data:`COLOURS` points on the mel scale, dB.
        tilt: gain above 1 kHz, dB.
        breathiness: noise in voiced sounds, 0 to 1.
        jitter: standard deviation of F0 from frame to frame, percent.
        shimmer: the same of the level, dB.
        rate: tempo relative to the base voice.
    """

    seed: int
    sex: Sex
    language: str
    variant: str
    f0_hz: float
    f0_range: float
    tract: float
    warp: tuple[float, ...]
    colour: tuple[float, ...]
    tilt: float
    breathiness: float
    jitter: float
    shimmer: float
    rate: float


def draw_voice(seed: int, role: str, language: str = "en") -> VoiceCard:
    """The card of a synthetic person: ``role`` tells the patient from the clinician of the same sample.

    Args:
        seed: any integer >= 0; the card depends on nothing else.
        language: BCP-47 tag; plain ``"en"`` draws an accent.
    """
    rng = np.random.default_rng(_seed_of(seed, role))
    sex: Sex = "f" if rng.random() < 0.5 else "m"
    female = sex == "f"
    f0 = float(np.clip(rng.normal(198.0, 24.0), 150, 260) if female else np.clip(rng.normal(118.0, 19.0), 80, 170))
    variants = _VARIANTS[sex]
    return VoiceCard(
        seed=int(rng.integers(2**31)),
        sex=sex,
        language=_ACCENTS[int(rng.integers(len(_ACCENTS)))] if language == "en" else language,
        variant=variants[int(rng.integers(len(variants)))],
        f0_hz=round(f0, 2),
        f0_range=round(float(np.clip(rng.normal(2.6, 0.5), 1.6, 3.8)), 3),
        tract=round(float(np.clip(rng.normal(1.0, 0.07), 0.86, 1.16)), 4),
        warp=tuple(round(float(w), 4) for w in np.clip(rng.normal(1.0, 0.04, WARPS), 0.9, 1.1)),
        colour=tuple(round(float(c), 2) for c in np.clip(rng.normal(0.0, 4.0, COLOURS), -9, 9)),
        tilt=round(float(np.clip(rng.normal(0.0, 1.5), -3, 3)), 2),
        breathiness=round(float(rng.beta(1.6, 10) + (0.03 if female else 0.0)), 3),
        jitter=round(float(rng.uniform(0.2, 0.7)), 3),
        shimmer=round(float(rng.uniform(0.1, 0.35)), 3),
        rate=round(float(np.clip(rng.normal(1.0, 0.07), 0.84, 1.16)), 3),
    )


def _seed_of(seed: int, role: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"voice,{seed},{role}".encode(), digest_size=8).digest(), "big")
