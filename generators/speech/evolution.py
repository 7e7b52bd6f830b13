"""Private Evolution of voices: speakers vote on voice cards by how high they speak and how much their pitch moves.

A candidate is a card of the voice prior. Cards and recordings meet in two figures that a recording tells without any
network: the median of F0 and its spread, in semitones. What else a card holds (vocal tract, colour, breathiness, …) is
not voted on and drawn anew for every voice, so that a prior says which pitches a cohort has and nothing of who.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from synthgen.dp.evolution import EvolutionSettings, Evolved, Floats, Voters
from synthgen.dp.prior_file import read_prior_file, write_prior_file
from synthgen.generators.speech.tracks import excerpt
from synthgen.generators.speech.voices import Person, Sex, VoiceCard, draw_voice
from synthgen.generators.speech.world import pitch
from synthgen.payloads.speech import Speech, SpeechReal

VOICE_SETTINGS: Final = EvolutionSettings(candidates=400, children=200, spread=0.05, strength=0.5)
_FORMAT: Final = "synthgen-voice-prior-1"
_SEMITONES: Final = 2.0
_RANGE: Final = 1.0
"""Semitones of the median, and of the spread, that count as one step of distance."""
_LOWEST, _HIGHEST, _NARROWEST, _WIDEST = 70.0, 340.0, 1.0, 5.0
"""Of people's voices: Hz, and semitones."""
BY: Final = "the pitch of the voice, and how much it moves"
"""What the votes look at, in words."""
NEAR: Final = 0.05
"""Share of pairs of voices that lie nearer than a recording may lie to one that it explains."""
_SECONDS: Final = 20.0
_VOICE: Final = 0x01CE


@dataclass(frozen=True, slots=True)
class VoiceCandidate:
    """What of a voice is voted on.

    Attributes:
        f0_hz: median F0 of neutral speech, Hz.
        f0_range: standard deviation of F0, semitones.
    """

    sex: Sex
    f0_hz: float
    f0_range: float


@dataclass(frozen=True)
class VoicePopulation:
    """Half of the pitches are the card prior's, half are spread evenly over all that people have."""

    def draw(self, rng: np.random.Generator, n: int) -> list[VoiceCandidate]:
        return [self._one(rng) for _ in range(n)]

    def vary(
        self, rng: np.random.Generator, parents: Sequence[VoiceCandidate], strength: float
    ) -> list[VoiceCandidate]:
        """Pitch moves by up to a few semitones, its spread by as much of one; the sex stays."""
        return [_moved(rng, parent, strength) for parent in parents]

    def embed(self, candidates: Sequence[VoiceCandidate]) -> Floats:
        return np.array([_features(one.f0_hz, one.f0_range) for one in candidates])

    def conditions(self, candidates: Sequence[VoiceCandidate]) -> list[str]:
        """One for all: a recording need not say whose sex it is."""
        return [""] * len(candidates)

    def _one(self, rng: np.random.Generator) -> VoiceCandidate:
        card = draw_voice(int(rng.integers(2**62)), "patient")
        if rng.random() < 0.5:
            return VoiceCandidate(card.sex, card.f0_hz, card.f0_range)
        f0 = math.exp(rng.uniform(math.log(_LOWEST), math.log(_HIGHEST)))
        return VoiceCandidate("f" if f0 > 160 else "m", f0, float(rng.uniform(_NARROWEST, _WIDEST)))


def _moved(rng: np.random.Generator, one: VoiceCandidate, strength: float) -> VoiceCandidate:
    f0 = one.f0_hz * 2 ** (strength * 3 * float(rng.normal()) / 12)
    spread = one.f0_range + strength * float(rng.normal())
    return replace(
        one, f0_hz=float(np.clip(f0, _LOWEST, _HIGHEST)), f0_range=float(np.clip(spread, _NARROWEST, _WIDEST))
    )


def _features(f0_hz: float, f0_range: float) -> list[float]:
    return [12 * math.log2(f0_hz) / _SEMITONES, f0_range / _RANGE]


def pitch_of(samples: NDArray[Any], rate: int) -> tuple[float, float]:
    """Median F0, Hz, and its spread, semitones (1.48 × the median deviation: octave errors do not count); nan if none.

    Args:
        samples: a waveform, [n].
    """
    f0 = pitch(samples, rate)
    voiced = f0[f0 > 0]
    if len(voiced) < 20:
        return math.nan, math.nan
    semitones = 12 * np.log2(voiced)
    middle = float(np.median(semitones))
    return 2 ** (middle / 12), 1.4826 * float(np.median(np.abs(semitones - middle)))


def _heard(speech: Speech) -> tuple[float, float]:
    """Of the person protected: the patient's track, else the first, of the first recording; its first seconds."""
    tracks = speech.recordings[0].tracks
    track = next((one for one in tracks if one.role in ("patient", "speaker")), tracks[0])
    parts, left = [], round(_SECONDS * track.audio.rate)
    for start, end in (stretch for segment in track.segments for stretch in segment.stretches):
        parts.append(excerpt(track.audio, start, min(end, start + left)))
        left -= len(parts[-1])
        if left <= 0:
            break
    samples = np.concatenate(parts) if parts else excerpt(track.audio, 0, min(left, track.audio.frames))
    return pitch_of(samples, track.audio.rate)


def speech_features(payloads: Sequence[Speech]) -> Floats:
    """Recordings, real or not, in the space of the votes, [n, 2]; nan where there is no voice."""
    heard = [_heard(payload) for payload in payloads]
    return np.array([_features(f0, spread) for f0, spread in heard]).reshape(len(heard), 2)


def voice_voters(records: Sequence[SpeechReal]) -> Voters:
    """The speakers of a cohort as voters; a recording without voice does not vote. Private."""
    features = speech_features([record.payload for record in records])
    voiced = np.isfinite(features[:, 0])
    patients = tuple(record.patient for record, heard in zip(records, voiced, strict=True) if heard)
    return Voters(features[voiced], patients, ("",) * len(patients))


def draw_card(
    prior: Evolved[VoiceCandidate],
    seed: int,
    language: str = "en",
    person: Person = Person(),  # noqa: B008
) -> VoiceCard:
    """A voice by the prior: pitch near a candidate's, all else from the card prior.

    Args:
        person: its sex is kept where it is known; of an age the card prior alone knows the pitch.
    """
    rng = np.random.default_rng([seed, _VOICE])
    of_sex = np.array([person.sex in (None, one.sex) for one in prior.candidates]) * prior.weights
    weights = of_sex if of_sex.sum() > 0 else prior.weights
    one = prior.candidates[int(rng.choice(len(weights), p=weights / weights.sum()))]
    card = draw_voice(seed, "patient", language, replace(person, sex=person.sex or one.sex))
    if person.age is not None:
        return card
    near = _moved(rng, one, 0.1)
    return replace(card, f0_hz=round(near.f0_hz, 2), f0_range=round(near.f0_range, 3))


def write_prior(path: Path, prior: Evolved[VoiceCandidate]) -> None:
    """Writes a prior as JSON: pitches and their weights."""
    write_prior_file(path, prior, _FORMAT)


def read_prior(path: Path) -> Evolved[VoiceCandidate]:
    """Inverse of :func:`write_prior`.

    Raises:
        UserError: the file is missing, or no prior of voices.
    """
    return read_prior_file(path, _FORMAT, "voices", _read)


def _read(row: dict[str, Any]) -> VoiceCandidate:
    f0, spread = float(row["f0_hz"]), float(row["f0_range"])
    if row["sex"] not in ("f", "m") or not (_LOWEST <= f0 <= _HIGHEST and _NARROWEST <= spread <= _WIDEST):
        raise ValueError("sex or pitch")
    return VoiceCandidate(row["sex"], f0, spread)
