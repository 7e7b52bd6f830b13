"""How much of one protected record a candidate covers, however long the candidate is and wherever it says it.

A transcript that is dealt over many sessions of one synthetic patient is a small part of each of them, and of all of
them joined; but all of it is there. So the protected record is what is measured: the share f of its runs of three and
four words within a turn that stand somewhere in the candidate, each run weighted by its rarity. A longer candidate
covers more by chance. With d of the N other records of T saying a run, m unrelated records say it with probability
1 - (1 - d / N)^m; a run that nobody else says counts as d = 2 n2 / n1, what Good and Turing's estimate makes of the
numbers n1, n2 of runs in one record and in two (Good 1953, The population frequencies of species). With m the
candidate's runs over those of a record of T, the expected share is e, and what is covered beyond it

    g = (f - e) / (1 - e)

is 1 for a record that is there as a whole, and about 0 for strangers of any length. Two visits for one complaint cover
more of each other: 1 - g is divided by the density of T around the record, as in :mod:`near_duplicate`, and written as
odds in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.modalities.dialogue.types import Dialogue
from synthgen.privacy_filters.dialogue.near_duplicate import PLACES, odds, runs
from synthgen.privacy_filters.dialogue.words import turn_words
from synthgen.privacy_filters.nearest import LocalScale

_LEAST = 40  # runs: a record of fewer is counted as if it had that many, most of them not covered
_STEPS = 4  # sizes of candidates are rounded to the fourth part of a doubling
_NEAREST = 6  # records by other patients among whom two patients are looked for
_ROWS = 256  # candidates compared with all records at a time: bounds memory

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Coverage:
    """The runs of every protected record; a column of the gate.

    Attributes:
        runs: shape [R, D], 1 where a record has a run.
        patients: of each record.
        counted: shape [R], 1 where the record is one of those that ``spread`` counts.
        spread: shape [D], how many records of T have each run.
        records: number N of records of T.
        size: mean number of runs of a record of T.
        unheard: what a run counts as that no other record of T has.
        density: sqrt(1 - g) of each record to the nearest other patient, floored at half the median.
    """

    runs: Any
    patients: tuple[str, ...]
    counted: NDArray[np.float32]
    spread: NDArray[np.float32]
    records: int
    size: float
    unheard: float
    density: LocalScale | None

    name = "coverage"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        own = _runs(dialogues)
        spread = np.asarray(own.sum(axis=0), dtype=np.float32).ravel()
        once, twice = int((spread == 1).sum()), int((spread == 2).sum())
        unheard = min(1.0, 2.0 * twice / once) if once else 1.0
        ones = np.ones(len(dialogues), dtype=np.float32)
        size = max(1.0, float(own.sum()) / len(dialogues))
        bare = cls(own, tuple(patients), ones, spread, len(dialogues), size, unheard, None)
        return bare._scaled()

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too; how rare a run is remains what T says."""
        both = sparse.vstack([self.runs, _runs(dialogues)], format="csr")
        grown = replace(
            self,
            runs=both,
            patients=(*self.patients, *patients),
            counted=np.append(self.counted, np.zeros(len(dialogues), dtype=np.float32)),
        )
        return grown._scaled()

    def _scaled(self) -> Self:
        """With the density around each record."""
        far = self._beyond(self.runs)
        far[self._same(self.patients)] = np.inf
        names, owner = np.unique(self.patients, return_inverse=True)
        two = np.argsort(far, axis=1)[:, :_NEAREST]
        nearest = np.sqrt(np.take_along_axis(far, two, axis=1))
        return replace(
            self, density=LocalScale.over(nearest, owner[two], np.arange(len(owner))) if len(names) else None
        )

    def _unit(self, exclude: Sequence[str] | None) -> Scores | float:
        """The density around each record, shape [1, R], or [N, R] where candidates leave a patient out."""
        if self.density is None:
            return 1.0
        names = np.unique(self.patients)
        records = np.arange(len(self.patients))[None]
        if exclude is None:
            return self.density.of(records) ** 2
        place = {str(name): i for i, name in enumerate(names)}
        own = np.array([place.get(patient, -1) for patient in exclude])
        return self.density.of(records, own[:, None]) ** 2

    def _same(self, patients: Sequence[str]) -> NDArray[np.bool_]:
        """Where candidate ``patients[i]`` meets an own record, shape [N, R]."""
        same: NDArray[np.bool_] = np.asarray(patients)[:, None] == np.asarray(self.patients)[None, :]
        return same

    @cached_property
    def _weighted(self) -> Any:
        """The runs of each record, weighted by their rarity among the others, and scaled to a sum of one."""
        weights = self.runs.copy()
        counts = self._others(weights)
        weights.data = np.log((self.records + 1.0) / counts).astype(np.float32)
        total = np.asarray(weights.sum(axis=1)).ravel()
        number = np.diff(weights.indptr)
        total *= np.maximum(1.0, _LEAST / np.maximum(number, 1))
        weights.data /= np.repeat(np.maximum(total, 1e-9), number).astype(np.float32)
        return weights

    def _others(self, said: Any) -> NDArray[np.float32]:
        """In how many other records of T each entry of ``said`` is said."""
        own = np.repeat(self.counted, np.diff(said.indptr))
        return np.asarray(np.maximum(self.spread[said.indices] - own, self.unheard), dtype=np.float32)

    @cached_property
    def _expected(self) -> Callable[[int], NDArray[np.float64]]:
        weights = self._weighted
        missed = np.log1p(-np.minimum(self._others(self.runs) / (self.records + 1.0), 0.999))

        @lru_cache(maxsize=256)
        def expected(step: int) -> NDArray[np.float64]:
            chance = sparse.csr_matrix(
                (weights.data * -np.expm1(missed * 2.0 ** (step / _STEPS)), weights.indices, weights.indptr),
                shape=weights.shape,
            )
            return np.asarray(chance.sum(axis=1), dtype=np.float64).ravel()

        return expected

    def _beyond(self, queries: Any) -> Scores:
        """1 - g of each candidate and record, shape [Q, R], in [0, 1]."""
        sizes = np.diff(queries.indptr) / self.size
        steps = np.rint(np.log2(np.maximum(sizes, 1e-3)) * _STEPS).astype(int)
        found = np.asarray((queries @ self._weighted.T).todense(), dtype=np.float64)
        by_chance = np.stack([self._expected(step) for step in steps]) if len(steps) else found
        return ((1.0 - found) / (1.0 - by_chance)).clip(0.0, 1.0)

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], NaN for a dialogue without words."""
        scores = np.full(len(dialogues), np.nan)
        for low in range(0, len(dialogues), _ROWS):
            rows = slice(low, low + _ROWS)
            queries = _runs(dialogues[rows])
            ratios = self._beyond(queries) / self._unit(None if exclude is None else exclude[rows])
            if exclude is not None:
                ratios[self._same(exclude[rows])] = np.inf
            usual = 1.0 if self.density is None else float(np.median(self.density.nearest)) ** 2
            found = odds(ratios.min(axis=1, initial=np.inf), usual)
            scores[rows] = np.where(np.diff(queries.indptr) > 0, found, np.nan)
        return scores


def _runs(dialogues: Sequence[Dialogue]) -> Any:
    """Which runs of words each dialogue has within a turn, shape [N, D], ones: turns may be dealt apart."""
    from sklearn.feature_extraction.text import HashingVectorizer

    def analysed(dialogue: Dialogue) -> list[str]:
        return [run for turn in turn_words(dialogue) for run in runs(turn)]

    vectoriser = HashingVectorizer(
        analyzer=analysed, n_features=PLACES, norm=None, alternate_sign=False, binary=True, dtype=np.float32
    )
    return vectoriser.transform(dialogues).tocsr()
