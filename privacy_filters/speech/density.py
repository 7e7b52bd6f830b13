"""The unit in which a distance to a speaker is given: how near that speaker's neighbours are, and who measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.privacy_filters.nearest import LocalScale, PatientIndex

Scores = NDArray[np.float64]
X = TypeVar("X")

_FLOOR_SHARE = 0.5  # of the median: a speaker under two numbers has a neighbour at no distance


@dataclass(frozen=True)
class Density:
    """Per protected speaker the distance to the nearest one of those who were there first (T).

    Speakers who are enrolled later measure nobody. Each of them may then be left out, as if never enrolled, and is a
    stranger to all others by the same rule as one who is not in the index. Who was there first is left out of the
    denominators likewise; see :class:`synthgen.privacy_filters.nearest.LocalScale`.

    Attributes:
        scale: of P speakers.
        measures: shape [P], whether the speaker was there first.
    """

    scale: LocalScale
    measures: NDArray[np.bool_]

    @classmethod
    def alone(cls, speakers: int) -> Self:
        """Distances as they are."""
        return cls(LocalScale.even(speakers), np.ones(speakers, dtype=np.bool_))

    @classmethod
    def among(
        cls, index: PatientIndex, tracks: Sequence[X], patients: Sequence[str], distances: Callable[[X], Scores]
    ) -> Self:
        """Of the speakers of ``index``, who are these; ``distances`` gives a track's to each of them, shape [P]."""
        everybody = np.ones(len(index.patients), dtype=np.bool_)
        return cls(_scale(index, everybody, tracks, patients, index.patients, distances), everybody)

    def enrolled(
        self,
        before: PatientIndex,
        after: PatientIndex,
        tracks: Sequence[X],
        patients: Sequence[str],
        distances: Callable[[X], Scores],
    ) -> Self:
        """The same after ``tracks`` joined the index; ``distances`` are those to the speakers of ``before``."""
        place = {name: number for number, name in enumerate(after.patients)}
        moved = np.array([place[name] for name in before.patients])
        new = sorted(set(patients) - set(before.patients))
        those = [i for i, patient in enumerate(patients) if patient in set(new)]
        scale, measures = _spread_out(self.scale, moved, len(place)), np.zeros(len(place), dtype=np.bool_)
        measures[moved] = self.measures
        if new:
            floor = _FLOOR_SHARE * float(np.median(self.scale.nearest[self.measures]))
            theirs = _scale(
                before, self.measures, [tracks[i] for i in those], [patients[i] for i in those], new, distances
            )
            at = np.array([place[name] for name in new])
            scale.nearest[at] = theirs.nearest.clip(min=floor)
            scale.second[at] = theirs.second.clip(min=scale.nearest[at])
            scale.neighbour[at] = np.where(theirs.neighbour < 0, -1, moved[theirs.neighbour])
        return type(self)(scale, measures)

    def of(self, left_out: int | None) -> Scores:
        """The unit of each speaker, shape [P], where speaker number ``left_out`` is nobody."""
        return self.scale.of(np.arange(len(self.measures)), None if left_out is None else np.asarray(left_out))


def joined(index: PatientIndex, vectors: NDArray[np.float32], patients: Sequence[str]) -> PatientIndex:
    """The index with further rows, ``vectors[i]`` of ``patients[i]``."""
    return PatientIndex.build(np.concatenate([index.vectors, vectors]), [*index.owners, *patients])


def _spread_out(scale: LocalScale, places: NDArray[np.intp], count: int) -> LocalScale:
    """The same at ``places`` of ``count``; between them nothing yet."""
    nearest, second, neighbour = np.ones(count), np.ones(count), np.full(count, -1)
    nearest[places], second[places] = scale.nearest, scale.second
    neighbour[places] = np.where(scale.neighbour < 0, -1, places[scale.neighbour])
    return LocalScale(nearest, second, neighbour)


def _scale(
    index: PatientIndex,
    measures: NDArray[np.bool_],
    tracks: Sequence[X],
    patients: Sequence[str],
    names: Sequence[str],
    distances: Callable[[X], Scores],
) -> LocalScale:
    """Of the speakers ``names``, whose tracks these are, by the two nearest others who measure."""
    rows = np.stack([np.where(measures, distances(track), np.inf) for track in tracks])
    for row, patient in zip(rows, patients, strict=True):
        own = index.number(patient)
        if own is not None:
            row[own] = np.inf
    two = np.argsort(rows, axis=1, kind="stable")[:, :2]
    place = {name: number for number, name in enumerate(names)}
    owner = np.array([place[patient] for patient in patients])
    return LocalScale.over(np.take_along_axis(rows, two, axis=1), two, owner, _FLOOR_SHARE)
