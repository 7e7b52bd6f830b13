"""Exact nearest-patient search, and distances that are comparable between dense and sparse regions of a cohort.

The search is a matrix product: an approximate index would miss patients, and missing patients is what the gate is for.
Vectors are dense, or sparse (scipy's CSR): runs of words in a million places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
_CELLS = 2**24  # cosines held at once: bounds memory
_FEW = 8  # records
_RUN = 256  # columns


@dataclass(frozen=True)
class PatientIndex:
    """Unit vectors of the training records, ordered by patient.

    Attributes:
        vectors: shape [N, D], unit norm; float32, dense or sparse.
        patients: the P distinct patients, sorted.
        starts: shape [P], the first row of each patient in ``vectors``.
        owner: shape [N], the patient's number of every row.
    """

    vectors: Any
    patients: tuple[str, ...]
    starts: NDArray[np.intp]
    owner: NDArray[np.intp]

    @classmethod
    def build(cls, vectors: Any, patients: Sequence[str]) -> PatientIndex:
        """Indexes ``vectors`` [N, D]; row i belongs to ``patients[i]``.

        Raises:
            ValueError: if the numbers of rows and patients differ or there are none.
        """
        if vectors.shape[0] != len(patients) or not len(patients):
            raise ValueError(f"need one patient per row, got {vectors.shape[0]} rows and {len(patients)} patients")
        order = np.argsort(np.asarray(patients), kind="stable")
        names, starts, owner = np.unique(np.asarray(patients)[order], return_index=True, return_inverse=True)
        ordered = vectors[order].astype(np.float32)
        return cls(ordered, tuple(str(name) for name in names), starts, owner)

    @property
    def owners(self) -> list[str]:
        """The patient of every row."""
        return [self.patients[i] for i in self.owner]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.patients)}

    @cached_property
    def _largest(self) -> _Largest:
        return _Largest.over(self.starts, len(self.owner))

    def number(self, patient: str) -> int | None:
        """The patient's place in ``patients``; None for a patient who is not indexed."""
        return self._places.get(patient)

    def numbers(self, patients: Sequence[str] | None) -> NDArray[np.intp] | None:
        """The places of ``patients`` in ``self.patients``, -1 for one who is not indexed; None for None."""
        if patients is None:
            return None
        return np.array([self._places.get(patient, -1) for patient in patients], dtype=np.intp)

    def similarities(self, queries: Any, exclude: Sequence[str] | None = None) -> Floats:
        """Largest cosine of each query to any record of each patient, shape [Q, P].

        Args:
            queries: unit vectors, shape [Q, D].
            exclude: for each query a patient that is left out (its own, when a training record is scored).
        """
        return self._similarities(queries, self._columns(), exclude)

    def some_similarities(self, queries: Any, exclude: Sequence[str] | None = None) -> Iterator[tuple[slice, Floats]]:
        """The same for some queries at a time, in bounded memory: which, and their similarities."""
        columns, step = self._columns(), max(1, _CELLS // len(self.owner))
        for low in range(0, queries.shape[0], step):
            rows = slice(low, min(low + step, queries.shape[0]))
            yield rows, self._similarities(queries[rows], columns, None if exclude is None else exclude[rows])

    def _columns(self) -> Any:
        """The vectors transposed; sparse ones in the order in which products are taken."""
        return self.vectors.T.tocsr() if sparse.issparse(self.vectors) else self.vectors.T

    def _similarities(self, queries: Any, columns: Any, exclude: Sequence[str] | None) -> Floats:
        cosines = queries @ columns
        dense = cosines.toarray() if sparse.issparse(cosines) else cosines
        best = self._largest.of(dense)
        own = self.numbers(exclude)
        if own is not None:
            known = np.flatnonzero(own >= 0)
            best[known, own[known]] = -np.inf
        return np.asarray(best, dtype=np.float32)

    def nearest(
        self, queries: Any, k: int = 1, exclude: Sequence[str] | None = None
    ) -> tuple[NDArray[np.intp], Floats]:
        """The k most similar patients of each query and their cosines, both of shape [Q, k], most similar first."""
        k = min(k, len(self.patients))
        numbers = np.empty((queries.shape[0], k), dtype=np.intp)
        cosines = np.empty((queries.shape[0], k), dtype=np.float32)
        for rows, best in self.some_similarities(queries, exclude):
            top = _top(best, k)
            numbers[rows] = top
            cosines[rows] = np.take_along_axis(best, top, axis=1)
        return numbers, cosines


@dataclass(frozen=True)
class _Largest:
    """The largest of each patient's columns, row by row, since a row stays in the cache.

    ``np.maximum.reduceat`` takes ten times as long for each patient as for each record. Of patients with few records
    the first ones are compared with the second ones, then with the third ones, each time a whole array at once.

    Attributes:
        records: the number N of columns.
        few: shape [A], first columns of patients with few records, those with most of them first.
        further: the second, the third, … column of the first of ``few``, as many as have one.
        many: shape [B, 2], first column and end of each patient with many records.
        place: shape [P], where each patient stands among ``many`` and ``few``.
    """

    records: int
    few: NDArray[np.intp]
    further: tuple[NDArray[np.intp], ...]
    many: NDArray[np.intp]
    place: NDArray[np.intp]

    @classmethod
    def over(cls, starts: NDArray[np.intp], records: int) -> _Largest:
        """Of N columns, ``starts`` being the first of each patient's, in order."""
        counts = np.diff(starts, append=records)
        order = np.argsort(-np.minimum(counts, _FEW + 1), kind="stable")
        counts, firsts = counts[order], starts[order]
        split = int((counts > _FEW).sum())
        few, left = firsts[split:], counts[split:]
        further = tuple(few[: int((left > k).sum())] + k for k in range(1, int(left.max(initial=1))))
        many = np.stack([firsts[:split], firsts[:split] + counts[:split]], axis=1)
        return cls(records, few, further, many, np.argsort(order, kind="stable"))

    def of(self, cosines: Floats) -> Floats:
        """From [Q, N] to [Q, P]; the same array where every patient has one record."""
        if len(self.place) == self.records:
            return cosines
        best = np.empty((len(cosines), len(self.place)), dtype=cosines.dtype)
        edges = self.many.ravel()
        edges = edges[:-1] if len(edges) and edges[-1] == self.records else edges
        for row, found in zip(cosines, best, strict=True):
            largest = row[self.few]
            for columns in self.further:
                np.maximum(largest[: len(columns)], row[columns], out=largest[: len(columns)])
            if len(edges):
                largest = np.concatenate([np.maximum.reduceat(row, edges)[::2], largest])
            np.take(largest, self.place, out=found)
        return best


def _top(best: Floats, k: int) -> NDArray[np.intp]:
    """Columns of the k largest of each row of [Q, P], the largest first.

    The k-th largest of the largest of every ``_RUN`` columns bounds what has to be sorted.
    """
    if k == 1:
        return np.asarray(best.argmax(axis=1)[:, None])
    whole = best.shape[1] // _RUN * _RUN
    bounds = best[:, :whole].reshape(len(best), whole // _RUN, _RUN).max(axis=2)
    if bounds.shape[1] < k or np.isnan(bounds).any():
        top = np.argpartition(-best, k - 1, axis=1)[:, :k]
        return np.take_along_axis(top, np.argsort(-np.take_along_axis(best, top, axis=1), axis=1), axis=1)
    least = np.partition(bounds, -k, axis=1)[:, -k]
    top = np.empty((len(best), k), dtype=np.intp)
    for row, bound, found in zip(best, least, top, strict=True):
        columns = np.flatnonzero(row >= bound)
        found[:] = columns[np.argsort(-row[columns], kind="stable")[:k]]
    return top


def chord(cosines: Floats) -> Floats:
    """Euclidean distance of unit vectors from their cosine, in [0, 2]."""
    return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0)), dtype=np.float32)


@dataclass(frozen=True)
class LocalScale:
    """The denominators of density-normalised distances: how far each patient's nearest other patient lies.

    Who is scored with himself left out must not stand in a denominator either: he would always look as far as the
    patient next to him, nearer than whom he cannot be to himself.

    Attributes:
        nearest, second: shape [P], distance of each patient to the nearest other one, and to the nearest without that
            one; floored by :func:`local_scale`, and ``second`` at least ``nearest``.
        neighbour: shape [P], the number of the nearest one, -1 where there is none.
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
        """From each record's nearest other patients, two or more.

        Args:
            distances, others: shape [R, K], distances of each record to patients other than its own, and their
                numbers; NaN or infinity where there is none.
            owner: shape [R], the number of each record's patient, 0 to P - 1.
            floor_share: see :func:`local_scale`.
        """
        count = int(owner.max()) + 1
        known = np.where(np.isfinite(distances), distances, np.inf).astype(np.float64)
        first = _least(known, owner, count)
        row, column = np.nonzero((known == first[owner][:, None]) & np.isfinite(known))
        neighbour = np.full(count, -1, dtype=np.intp)
        neighbour[owner[row]] = others[row, column]
        second = _least(np.where(others == neighbour[owner][:, None], np.inf, known), owner, count)
        nearest = local_scale(first, floor_share)
        return cls(nearest, np.maximum(local_scale(second, floor_share), nearest), neighbour)

    @classmethod
    def even(cls, count: int) -> LocalScale:
        """One for everybody."""
        return cls(np.ones(count), np.ones(count), np.full(count, -1, dtype=np.intp))

    def of(self, patients: NDArray[np.intp], left_out: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """The denominator of each of ``patients``, shape as theirs, without the patient of each that is left out.

        Args:
            left_out: the number of the patient who is left out, -1 for nobody; broadcast against ``patients``.
        """
        if left_out is None:
            return self.nearest[patients]
        touched = (self.neighbour[patients] == left_out) & (left_out >= 0)
        return np.where(touched, self.second[patients], self.nearest[patients])


def _least(distances: NDArray[np.float64], owner: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """The smallest over each patient's records, [R, K] to [P]; infinite where there is none."""
    found = np.full(count, np.inf)
    np.minimum.at(found, owner, distances.min(axis=1))
    return found


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
