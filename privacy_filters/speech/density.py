"""The unit in which a distance to a speaker is given: how near that speaker's neighbours are, and who measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.privacy_filters.nearest import PatientIndex, local_scale

Scores = NDArray[np.float64]
X = TypeVar("X")

_FLOOR_SHARE = 0.5  # of the median: a speaker under two numbers has a neighbour at no distance


@dataclass(frozen=True)
class Density:
    """Per protected speaker the distance to the nearest one of those who were there first (T).

    Speakers who are enrolled later measure nobody. Each of them may then be left out, as if never enrolled, and is a
    stranger to all others by the same rule as one who is not in the index.

    Attributes:
        scale: shape [P], > 0.
        measures: shape [P], whether the speaker was there first.
    """

    scale: Scores
    measures: NDArray[np.bool_]

    @classmethod
    def among(
        cls, index: PatientIndex, tracks: Sequence[X], patients: Sequence[str], distances: Callable[[X], Scores]
    ) -> Self:
        """Of the speakers of ``index``, who are these; ``distances`` gives a track's to each of them, shape [P]."""
        everybody = np.ones(len(index.patients), dtype=np.bool_)
        nearest = _nearest(index, everybody, tracks, patients, distances)
        found = np.array([nearest.get(name, np.inf) for name in index.patients])
        return cls(local_scale(found, _FLOOR_SHARE), everybody)

    def enrolled(
        self,
        before: PatientIndex,
        after: PatientIndex,
        tracks: Sequence[X],
        patients: Sequence[str],
        distances: Callable[[X], Scores],
    ) -> Self:
        """The same after ``tracks`` joined the index; ``distances`` are those to the speakers of ``before``."""
        nearest = _nearest(before, self.measures, tracks, patients, distances)
        known = {name: i for i, name in enumerate(before.patients)}
        median = float(np.median(self.scale[self.measures]))
        scale = np.full(len(after.patients), median)
        measures = np.zeros(len(after.patients), dtype=np.bool_)
        for number, name in enumerate(after.patients):
            if name in known:
                scale[number], measures[number] = self.scale[known[name]], self.measures[known[name]]
            elif np.isfinite(nearest.get(name, np.inf)):
                scale[number] = max(nearest[name], _FLOOR_SHARE * median)
        return type(self)(scale, measures)


def joined(index: PatientIndex, vectors: NDArray[np.float32], patients: Sequence[str]) -> PatientIndex:
    """The index with further rows, ``vectors[i]`` of ``patients[i]``."""
    return PatientIndex.build(np.concatenate([index.vectors, vectors]), [*index.owners, *patients])


def _nearest(
    index: PatientIndex,
    measures: NDArray[np.bool_],
    tracks: Sequence[X],
    patients: Sequence[str],
    distances: Callable[[X], Scores],
) -> dict[str, float]:
    """Per speaker of ``tracks`` the distance to the nearest other one who measures; infinite without any."""
    found: dict[str, float] = {}
    for track, patient in zip(tracks, patients, strict=True):
        others = np.where(measures, distances(track), np.inf)
        own = index.number(patient)
        if own is not None:
            others[own] = np.inf
        found[patient] = min(found.get(patient, np.inf), float(others.min()))
    return found
