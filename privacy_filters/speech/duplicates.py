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

from synthgen.privacy_filters.speech.recordings import FRAMES_A_SECOND, Levels, vectors
from synthgen.privacy_filters.speech.sound import Floats

SECONDS = 2.0
"""Of a stretch. What is shorter is compared as if silence followed."""

_PROBES = 8
_SAME = 0.9  # correlation of a stretch: codecs and cuts keep 0.95, strangers reach 0.75
_SHARE = 0.5  # of a recording's stretches that must be found: a jingle or a prompt in every session is no duplicate
_BLOCK = 4096  # stretches compared at once


@dataclass(frozen=True)
class Probes:
    """Stretches that are looked for.

    Attributes:
        vectors: shape [N, D].
        owner: shape [N], the track of each.
        tracks: number of tracks.
    """

    vectors: Floats
    owner: NDArray[np.intp]
    tracks: int

    @classmethod
    def of(cls, tracks: Sequence[Levels]) -> Probes:
        found = [_probes(levels) for levels in tracks]
        owner = np.repeat(np.arange(len(found)), [len(own) for own in found])
        return cls(np.concatenate(found), owner, len(found))

    def shares(self, levels: Levels) -> NDArray[np.float64]:
        """Of each track's stretches, the share that is found in this one, shape [tracks]; 0 of a silent track."""
        last = max(0, len(levels) - round(SECONDS * FRAMES_A_SECOND))
        best = np.zeros(len(self.vectors), dtype=np.float32)
        for low in range(0, last + 1, _BLOCK):
            heard = vectors(levels, SECONDS, range(low, min(low + _BLOCK, last + 1)))
            best = np.maximum(best, (heard @ self.vectors.T).max(axis=0))
        found = np.bincount(self.owner, best >= _SAME, self.tracks)
        return np.asarray(found / np.maximum(np.bincount(self.owner, minlength=self.tracks), 1), dtype=np.float64)


def same_sound(tracks: Sequence[Levels]) -> list[tuple[int, int]]:
    """Pairs of tracks of which one holds at least half of the other, the smaller number first, in order."""
    if len(tracks) < 2:
        return []
    probes = Probes.of(tracks)
    pairs = {
        (min(number, other), max(number, other))
        for number, levels in enumerate(tracks)
        for other in np.flatnonzero(probes.shares(levels) >= _SHARE).tolist()
        if other != number
    }
    return sorted(pairs)


def _probes(levels: Levels) -> Floats:
    """At most eight stretches in which something is heard, evenly spread, shape [n, D]."""
    length = round(SECONDS * FRAMES_A_SECOND)
    last = max(0, len(levels) - length)
    count = int(np.clip(len(levels) // length, 1, _PROBES))
    found = vectors(levels, SECONDS, np.unique(np.linspace(0, last, count).astype(int)).tolist())
    return found[found.any(axis=1)]
