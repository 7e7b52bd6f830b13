"""Voices of no real person: each a card of parameters drawn from a prior, kept over all sessions and emotions.

A card is never fitted to a recording. The prior is of the sex and age that a session's labels say, else of adults: F0
after Traunmüller and Eriksson (1995), vocal-tract
length after Fitch and Giedd (1999: women some 15% shorter), jitter, shimmer and breathiness within the healthy range.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Sex = Literal["f", "m"]

COLOURS = 10
"""Points of a card's spectral colour, equally spaced on the mel scale from 0 Hz to 8 kHz."""
WARPS = 3
"""Formant regions with a shift of their own, around 500, 1500 and 2800 Hz."""

_ACCENT = "en-us"
"""Of plain English. By Whisper (tiny.en) under the layer 0.11 of espeak's words were lost in American English, 0.27 in
British, 0.25 in New York's, 0.34 in Received Pronunciation, 0.45 in Scottish (140 words each). A tag chooses others."""
_VARIANTS: dict[Sex, tuple[str, ...]] = {
    "f": ("f2", "steph", "steph2", "steph3"),
    "m": ("m1", "m2", "m5", "m6", "m8", "Gene", "Mike", "max"),
}
"""Those of espeak's that are understood: by the same ear each lost 0.09 to 0.21 of 70 words under the layer. Annie, f3,
Andrea, Alicia, m7 and Lee lost more; f4, m4, Denis, f5 and aunty already without it; f1, linda, belinda, anika and m3
in an earlier trial."""


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


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of whoever is to speak.

    Attributes:
        sex: None: drawn.
        age: years; None: an adult, nothing more is known.
    """

    sex: Sex | None = None
    age: float | None = None


def person_of(labels: Mapping[str, object]) -> Person:
    """The patient of a session by its labels: ``sex`` or ``gender``, ``age`` or ``age_band`` (``"30-39"``)."""
    known = {re.sub(r"[\W_]+", "", name.lower()): value for name, value in labels.items()}
    sex = next((known[name] for name in _SEX_LABELS if known.get(name)), "")
    age = next((known[name] for name in _AGE_LABELS if known.get(name) is not None), "")
    first = str(sex).strip().lower()
    return Person("f" if first in _FEMALE else "m" if first in _MALE else None, _years(str(age)))


def _years(age: str) -> float | None:
    """The middle of a band, or the number: ``"30-39"`` is 35."""
    found = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", age)[:2]]
    if not found or found[0] > 120:
        return None
    return (found[0] + found[1] + 1) / 2 if len(found) == 2 else found[0] + 5 * ("+" in age)


_SEX_LABELS = ("sex", "gender", "patientsex", "patientgender", "geschlecht")
_AGE_LABELS = ("age", "ageband", "agegroup", "patientage", "alter")
_FEMALE = frozenset({"f", "female", "woman", "w", "weiblich", "frau", "girl", "femme", "mujer"})
_MALE = frozenset({"m", "male", "man", "männlich", "maennlich", "mann", "boy", "homme", "hombre"})


def draw_voice(seed: int, role: str, language: str = "en", person: Person = Person()) -> VoiceCard:
    """The card of a synthetic person: ``role`` tells the patient from the clinician of the same sample.

    Args:
        seed: any integer >= 0; the card depends on it and on ``person``.
        language: BCP-47 tag; plain ``"en"`` is American.
        person: of this sex and age the voice is.
    """
    rng = np.random.default_rng(_seed_of(seed, role))
    drawn: Sex = "f" if rng.random() < 0.5 else "m"
    sex = person.sex or drawn
    female = sex == "f"
    typical = f0_of(sex, person.age)
    f0 = _within(float(rng.normal(typical.median, typical.spread)), typical)
    variants = _VARIANTS[sex]
    aged = max(0.0, ((person.age or 0.0) - 60) / 30)
    return VoiceCard(
        seed=int(rng.integers(2**31)),
        sex=sex,
        language=_ACCENT if language == "en" else language,
        variant=variants[int(rng.integers(len(variants)))],
        f0_hz=round(f0, 2),
        f0_range=round(float(np.clip(rng.normal(2.6, 0.5), 1.6, 3.8)), 3),
        tract=round(float(np.clip(rng.normal(1.0, 0.07), 0.86, 1.16)) * _tract_of(person.age), 4),
        warp=tuple(round(float(w), 4) for w in np.clip(rng.normal(1.0, 0.04, WARPS), 0.9, 1.1)),
        colour=tuple(round(float(c), 2) for c in np.clip(rng.normal(0.0, 4.0, COLOURS), -9, 9)),
        tilt=round(float(np.clip(rng.normal(0.0, 1.5), -3, 3)), 2),
        breathiness=round(float(rng.beta(1.6, 10) + (0.03 if female else 0.0) + 0.04 * aged), 3),
        jitter=round(float(rng.uniform(0.2, 0.7)) * (1 + 0.6 * aged), 3),
        shimmer=round(float(rng.uniform(0.1, 0.35)) * (1 + 0.5 * aged), 3),
        rate=round(float(np.clip(rng.normal(1.0, 0.07), 0.84, 1.16)) * (1 - 0.12 * aged), 3),
    )


@dataclass(frozen=True, slots=True)
class Typical:
    """F0 of neutral speech, Hz: median and spread over people, and the bounds within which a card is drawn."""

    median: float
    spread: float
    lowest: float
    highest: float


def f0_of(sex: Sex, age: float | None) -> Typical:
    """Typical F0 of a sex at an age: women's falls from the forties on, men's rises after seventy, children's is high.

    After Stathopoulos, Huber and Sussman (2011) and Nishio and Niimi (2008). The bounds keep women above 165 Hz and men
    below 155 Hz, so that a voice is taken for the other sex by its pitch in no card.
    """
    if age is not None and age < 14:
        return Typical(270.0 - 4.0 * max(0.0, age - 6), 20.0, 200.0, 330.0)
    years = age if age is not None else 40.0
    if sex == "f":
        return Typical(200.0 - 0.75 * float(np.clip(years - 40, 0, 35)), 18.0, 165.0, 255.0)
    return Typical(115.0 + 0.8 * float(np.clip(years - 65, 0, 20)), 16.0, 80.0, 155.0)


def _within(f0: float, typical: Typical) -> float:
    """Mirrored at the bounds, so that no two people meet on one."""
    inside = typical.lowest + abs(f0 - typical.lowest)
    return float(np.clip(typical.highest - abs(typical.highest - inside), typical.lowest, typical.highest))


def _tract_of(age: float | None) -> float:
    """Length of the vocal tract against an adult's (Fitch and Giedd 1999)."""
    return 1.0 if age is None or age >= 16 else float(np.clip(0.74 + 0.016 * age, 0.74, 1.0))


def _seed_of(seed: int, role: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"voice,{seed},{role}".encode(), digest_size=8).digest(), "big")
