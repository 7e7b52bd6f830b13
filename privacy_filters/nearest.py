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

    def numbers(self, patients: Sequence[str] | None) -> NDArray[np.intp] | None:
        """The places of ``patients`` in ``self.patients``, -1 for one who is not indexed; None for None."""
        if patients is None:
            return None
        places = [self.number(patient) for patient in patients]
        return np.array([-1 if place is None else place for place in places], dtype=np.intp)

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


@dataclass(frozen=True)
class LocalScale:
    """The denominators of density-normalised distances: how far each patient's nearest other patient lies.

    A patient whose twin is in the cohort (a sibling's file, the same person under two numbers) has a tiny distance to
    the nearest other patient; dividing by it would make a copy look far. So the scale is floored at a share of the
    median. And who is scored with himself left out must not stand in a denominator either: he would always look as far
    as the patient next to him, nearer than whom he cannot be to himself.

    Attributes:
        nearest, second: shape [P], distance of each patient to the nearest and the second nearest other one.
        neighbour: shape [P], the number of the nearest one.
    """

    nearest: NDArray[np.float64]
    second: NDArray[np.float64]
    neighbour: NDArray[np.intp]

    @classmethod
    def over(
        cls,
        distances: NDArray[np.floating],
        others: NDArray[np.intp],
        owner: NDArray[np.intp],
        floor_share: float = 0.5,
    ) -> LocalScale:
        """From each record's two (or more) nearest other patients.

        Args:
            distances, others: shape [R, K], distances of each record to K different patients other than its own, and
                their numbers; NaN or infinity where there is none, which then counts as the median.
            owner: shape [R], the number of each record's patient, 0 to P - 1.
            floor_share: share of the median below which no denominator falls, in (0, 1].
        """
        count = int(owner.max()) + 1
        first, second = np.full(count, np.inf), np.full(count, np.inf)
        neighbour = np.full(count, -1, dtype=np.intp)
        known = np.where(np.isfinite(distances), distances, np.inf).astype(np.float64)
        for row, patient in enumerate(owner):
            for distance, other in zip(known[row], others[row], strict=True):
                if other == neighbour[patient]:
                    first[patient] = min(first[patient], distance)
                elif distance < first[patient]:
                    second[patient] = first[patient]
                    first[patient], neighbour[patient] = distance, other
                elif distance < second[patient]:
                    second[patient] = distance
        median = _median(first)
        floor = max(floor_share * median, float(np.finfo(np.float32).tiny))
        nearest = np.where(np.isfinite(first), first, median).clip(min=floor)
        return cls(nearest, np.where(np.isfinite(second), second, nearest).clip(min=nearest), neighbour)

    def of(self, patients: NDArray[np.intp], left_out: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """The denominator of each of ``patients``, shape as theirs, without the patient of each that is left out.

        Args:
            left_out: the number of the patient who is left out, -1 for nobody; broadcast against ``patients``.
        """
        if left_out is None:
            return self.nearest[patients]
        return np.where(self.neighbour[patients] == left_out, self.second[patients], self.nearest[patients])


def _median(distances: NDArray[np.float64]) -> float:
    finite = distances[np.isfinite(distances)]
    return float(np.median(finite)) if finite.size else 1.0


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
