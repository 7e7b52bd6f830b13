"""Recordings of a cohort that are the same sound: as it is, through a codec, louder, or cut out of one another.

A few stretches of each recording, spread over it, are looked for at every frame of every other, in the representation
of :mod:`synthgen.privacy_filters.speech.recordings`. What is said is not looked at: in many cohorts everybody reads
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.sound import Floats
from synthgen.privacy_filters.speech.listening import spread
from synthgen.privacy_filters.speech.recordings import FRAMES_A_SECOND, Levels, vectors

_PROBES = 8
_STARTS = 64  # places at which a stretch is looked for that says something
_SHARE = 0.5  # of a recording's stretches that must be found: a jingle or a prompt in every session is no duplicate
_BLOCK = 4096  # stretches compared at once


@dataclass(frozen=True)
class Stretch:
    """What is compared.

    Attributes:
        seconds: of a stretch.
        same: correlation from which on two stretches are the same sound.
        spoken: share of a stretch in which something must be heard.
    """

    seconds: float
    same: float
    spoken: float

    @property
    def frames(self) -> int:
        return round(self.seconds * FRAMES_A_SECOND)

    def vectors(self, levels: Levels, starts: Sequence[int]) -> Floats:
        return vectors(levels, self.seconds, starts, self.spoken)


LONG = Stretch(2.0, 0.85, 0.3)
"""Strangers reach 0.70 (LibriSpeech, 351 recordings of 261 speakers). The same words of one synthesiser, in two voices
that were made of it, reach 0.92: such a cohort may have a few links of people who are none.
"""
SHORT = Stretch(1.0, 0.95, 0.0)
"""For what is shorter than two seconds, from end to end, among its like: people who say the same word reach 0.84."""


@dataclass(frozen=True)
class Probes:
    """Stretches that are looked for.

    Attributes:
        vectors: shape [N, D].
        owner: shape [N], the track of each.
        tracks: number of tracks.
    """

    stretch: Stretch
    vectors: Floats
    owner: NDArray[np.intp]
    tracks: int

    @classmethod
    def of(cls, tracks: Sequence[Levels], stretch: Stretch) -> Probes:
        found = [_probes(levels, stretch) for levels in tracks]
        owner = np.repeat(np.arange(len(found)), [len(own) for own in found])
        return cls(stretch, np.concatenate(found), owner, len(found))

    def shares(self, levels: Levels) -> NDArray[np.float64]:
        """Of each track's stretches, the share that is found in this one, shape [tracks]; 0 of a silent track."""
        last = max(0, len(levels) - self.stretch.frames)
        best = np.zeros(len(self.vectors), dtype=np.float32)
        for low in range(0, last + 1, _BLOCK):
            heard = self.stretch.vectors(levels, range(low, min(low + _BLOCK, last + 1)))
            best = np.maximum(best, (heard @ self.vectors.T).max(axis=0))
        found = np.bincount(self.owner, best >= self.stretch.same, self.tracks)
        return np.asarray(found / np.maximum(np.bincount(self.owner, minlength=self.tracks), 1), dtype=np.float64)


def same_sound(tracks: Sequence[Levels]) -> list[tuple[int, int]]:
    """Pairs of tracks of which one holds at least half of the other, the smaller number first, in order.

    Of tracks shorter than two seconds, pairs that are the same from end to end.
    """
    short = [number for number, levels in enumerate(tracks) if len(levels) < LONG.frames]
    long = [number for number, levels in enumerate(tracks) if len(levels) >= LONG.frames]
    return sorted([*_pairs(tracks, long, LONG), *_pairs(tracks, short, SHORT)])


def _pairs(tracks: Sequence[Levels], numbers: Sequence[int], stretch: Stretch) -> set[tuple[int, int]]:
    """Among the tracks of these numbers."""
    if len(numbers) < 2:
        return set()
    probes = Probes.of([tracks[number] for number in numbers], stretch)
    return {
        (min(number, other), max(number, other))
        for number in numbers
        for other in (numbers[i] for i in np.flatnonzero(probes.shares(tracks[number]) >= _SHARE).tolist())
        if other != number
    }


def _probes(levels: Levels, stretch: Stretch) -> Floats:
    """At most eight stretches in which something is heard, evenly spread, shape [n, D]."""
    last = max(0, len(levels) - stretch.frames)
    starts = np.unique(np.linspace(0, last, min(last + 1, _STARTS)).astype(int))
    found = stretch.vectors(levels, starts.tolist())
    return spread(found[found.any(axis=1)], min(_PROBES, 1 + len(levels) // stretch.frames))
