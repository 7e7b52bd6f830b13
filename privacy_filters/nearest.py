"""Exact nearest-patient search, and distances that are comparable between dense and sparse regions of a cohort.

The search is a matrix product: an approximate index would miss patients, and missing patients is what the gate is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class PatientIndex:
    """Unit vectors of the training records, ordered by patient.

    Attributes:
        vectors: shape [N, D], unit norm.
        patients: the P distinct patients, sorted.
        starts: shape [P], the first row of each patient in ``vectors``.
        owner: shape [N], the patient's number of every row.
    """

    vectors: Floats
    patients: tuple[str, ...]
    starts: NDArray[np.intp]
    owner: NDArray[np.intp]

    @classmethod
    def build(cls, vectors: Floats, patients: Sequence[str]) -> PatientIndex:
        """Indexes ``vectors`` [N, D]; row i belongs to ``patients[i]``.

        Raises:
            ValueError: if the numbers of rows and patients differ or there are none.
        """
        if len(vectors) != len(patients) or not len(patients):
            raise ValueError(f"need one patient per row, got {len(vectors)} rows and {len(patients)} patients")
        order = np.argsort(np.asarray(patients), kind="stable")
        names, starts, owner = np.unique(np.asarray(patients)[order], return_index=True, return_inverse=True)
        return cls(
            vectors=np.ascontiguousarray(vectors[order], dtype=np.float32),
            patients=tuple(str(name) for name in names),
            starts=starts,
            owner=owner,
        )

    @property
    def owners(self) -> list[str]:
        """The patient of every row."""
        return [self.patients[i] for i in self.owner]

    def number(self, patient: str) -> np.intp | None:
        """The patient's place in ``patients``; None for a patient who is not indexed."""
        place = np.searchsorted(np.asarray(self.patients), patient)
        return place if place < len(self.patients) and self.patients[place] == patient else None

    def least_per_patient(self, distances: NDArray[np.floating]) -> NDArray[np.float64]:
        """The smallest over each patient's rows: [N] to [P]."""
        return np.asarray(np.minimum.reduceat(distances, self.starts), dtype=np.float64)

    def similarities(self, queries: Floats, exclude: Sequence[str] | None = None) -> Floats:
        """Largest cosine of each query to any record of each patient, shape [Q, P].

        Args:
            queries: unit vectors, shape [Q, D].
            exclude: for each query a patient that is left out (its own, when a training record is scored).
        """
        best = np.maximum.reduceat(queries @ self.vectors.T, self.starts, axis=1)
        if exclude is not None:
            for row, patient in enumerate(exclude):
                own = self.number(patient)
                if own is not None:
                    best[row, own] = -np.inf
        return np.asarray(best, dtype=np.float32)

    def nearest(
        self, queries: Floats, k: int = 1, exclude: Sequence[str] | None = None
    ) -> tuple[NDArray[np.intp], Floats]:
        """The k most similar patients of each query and their cosines, both of shape [Q, k], most similar first."""
        k = min(k, len(self.patients))
        numbers = np.empty((len(queries), k), dtype=np.intp)
        cosines = np.empty((len(queries), k), dtype=np.float32)
        step = max(1, _CHUNK_BYTES // (4 * len(self.vectors)))
        for low in range(0, len(queries), step):
            chunk = slice(low, low + step)
            best = self.similarities(queries[chunk], None if exclude is None else exclude[chunk])
            if k == 1:
                top = best.argmax(axis=1)[:, None]
            else:
                top = np.argpartition(-best, k - 1, axis=1)[:, :k]
                top = np.take_along_axis(top, np.argsort(-np.take_along_axis(best, top, axis=1), axis=1), axis=1)
            numbers[chunk] = top
            cosines[chunk] = np.take_along_axis(best, top, axis=1)
        return numbers, cosines


def chord(cosines: Floats) -> Floats:
    """Euclidean distance of unit vectors from their cosine, in [0, 2]."""
    return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0)), dtype=np.float32)


def local_scale(nearest_other: NDArray[np.floating], floor_share: float = 0.5) -> NDArray[np.float64]:
    """The denominator of a density-normalised distance, per training patient.

    A patient whose twin is in the cohort (a sibling's file, the same person under two numbers) has a tiny distance to
    the nearest other patient; dividing by it would make a copy look far. So the scale is floored at a share of the
    median.

    Args:
        nearest_other: shape [P], distance of each training patient to the nearest other one; may hold NaN or infinity
            where a patient has no neighbour, which then counts as the median.
        floor_share: share of the median below which no denominator falls, in (0, 1].
    """
    distances = np.asarray(nearest_other, dtype=np.float64)
    finite = distances[np.isfinite(distances)]
    median = float(np.median(finite)) if finite.size else 1.0
    floor = max(floor_share * median, float(np.finfo(np.float32).tiny))
    return np.where(np.isfinite(distances), distances, median).clip(min=floor)
