"""How much of one protected record a candidate covers, however long the candidate is and wherever it says it.

A transcript that is dealt over many sessions of one synthetic patient is a small part of each of them, and of all of
them joined; but all of it is there. So the protected record is what is measured: the share f of its runs of three and
four words within a turn that stand somewhere in the candidate, each run weighted by its rarity. A longer candidate
covers more by chance. Of N new records r* say a run that d of the N records of T say, r* = (d + 1) n[d + 1] / n[d] by
Good and Turing's estimate, n[d] being the number of runs that d records say (Good 1953, The population frequencies of
species), and one of m unrelated records says it with probability 1 - (1 - r* / N)^m. With m the candidate's words
over those of a record of T, the expected share is e, and what is covered beyond it

    g = (f - e) / (1 - e)

is 1 for a record that is there as a whole, and about 0 for strangers of any length. Two visits for one complaint cover
more of each other: 1 - g is divided by the density of T around the record, as in :mod:`near_duplicate`, and written as
odds in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.near_duplicate import PLACES, odds, runs
from synthgen.privacy_filters.dialogue.words import turn_words
from synthgen.privacy_filters.nearest import LocalScale

_LEAST = 40  # runs: a record of fewer is counted as if it had that many, most of them not covered
_ENOUGH, _RAREST = 20, 0.05
_DOUBT = 0.05  # of what is covered by chance: where that is nearly all, little can be told from the rest
_STEPS = 4  # sizes of candidates are rounded to the fourth part of a doubling
_ROWS = 256  # candidates compared with all records at a time: bounds memory

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Coverage:
    """The runs of every protected record; a column of the gate.

    Attributes:
        runs: shape [R, D], 1 where a record has a run.
        patients: of each record.
        counted: shape [R], 1 where the record is one of those that ``spread`` counts.
        said_by: shape [N + 2], how many of N new records say a run that so many of N records have.
        spread: shape [D], how many of the N records of T have each run.
        lengths: shape [R], words of each record.
        size: mean words of a record of T.
        owner: shape [R], the number of each record's patient.
        scale: of sqrt(1 - g), how near each record's nearest one of another patient is.
    """

    runs: Any
    patients: tuple[str, ...]
    counted: NDArray[np.float32]
    said_by: Scores
    spread: NDArray[np.int64]
    lengths: Scores
    size: float
    owner: NDArray[np.intp]
    scale: LocalScale

    name = "coverage"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        own = _runs(dialogues)
        spread = np.asarray(own.sum(axis=0)).ravel().astype(np.int64)
        ones = np.ones(len(dialogues), dtype=np.float32)
        lengths = _lengths(dialogues)
        size = max(1.0, float(lengths.mean()))
        rarity = _new(spread, len(dialogues))
        nobody, alone = np.zeros(len(dialogues), dtype=np.intp), LocalScale.even(len(dialogues))
        return cls(own, tuple(patients), ones, rarity, spread, lengths, size, nobody, alone)._scaled()

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too; how rare a run is remains what T says."""
        both = sparse.vstack([self.runs, _runs(dialogues)], format="csr")
        grown = replace(
            self,
            runs=both,
            patients=(*self.patients, *patients),
            counted=np.append(self.counted, np.zeros(len(dialogues), dtype=np.float32)),
            lengths=np.append(self.lengths, _lengths(dialogues)),
        )
        return grown._scaled()

    def _scaled(self) -> Self:
        """With the density around each record."""
        if not self.patients:
            return self
        _, owner = np.unique(self.patients, return_inverse=True)
        rows = np.arange(len(owner))
        far = self._beyond(self.runs, self.lengths)
        far[owner[:, None] == owner] = np.inf
        first = far.argmin(axis=1)
        distances = [far[rows, first]]
        far[owner[first][:, None] == owner] = np.inf
        second = far.argmin(axis=1)
        distances.append(far[rows, second])
        both = np.sqrt(np.stack(distances, axis=1))
        others = np.stack([owner[first], owner[second]], axis=1)
        return replace(self, owner=owner, scale=LocalScale.over(both, others, rows))

    @cached_property
    def _weighted(self) -> Any:
        """The runs of each record, weighted by their rarity among the others, and scaled to a sum of one."""
        weights = self.runs.copy()
        counts = self._others(weights)
        weights.data = np.log((self.records + 2.0) / counts).astype(np.float32)
        total = np.asarray(weights.sum(axis=1)).ravel()
        number = np.diff(weights.indptr)
        total *= np.maximum(1.0, _LEAST / np.maximum(number, 1))
        weights.data /= np.repeat(np.maximum(total, 1e-9), number).astype(np.float32)
        return weights

    @property
    def records(self) -> int:
        """The number N of records of T."""
        return len(self.said_by) - 2

    def _others(self, said: Any) -> Scores:
        """How many of N new records say each entry of ``said``."""
        one_more = np.repeat(1 - self.counted.astype(np.int64), np.diff(said.indptr))
        return np.asarray(self.said_by[self.spread[said.indices] + one_more])

    @cached_property
    def _missed(self) -> Scores:
        """Logarithm of the chance that a new record does not say each entry of ``runs``."""
        return np.asarray(np.log1p(-np.minimum(self._others(self.runs) / (self.records + 2.0), 0.999)))

    @cached_property
    def _known(self) -> dict[int, Scores]:
        return {}

    def _expected(self, step: int) -> Scores:
        """The share e of each record that a candidate of that size covers by chance, shape [R]."""
        if step not in self._known:
            weights = self._weighted
            chance = sparse.csr_matrix(
                (weights.data * -np.expm1(self._missed * 2.0 ** (step / _STEPS)), weights.indices, weights.indptr),
                shape=weights.shape,
            )
            self._known[step] = np.asarray(chance.sum(axis=1), dtype=np.float64).ravel()
        return self._known[step]

    def _beyond(self, queries: Any, lengths: Scores) -> Scores:
        """1 - g of each candidate and record, shape [Q, R], in [0, 1]."""
        steps = np.rint(np.log2(np.maximum(lengths / self.size, 1e-3)) * _STEPS).astype(int)
        found = np.asarray((queries @ self._weighted.T).todense(), dtype=np.float64)
        by_chance = np.stack([self._expected(int(step)) for step in steps]) if len(steps) else found
        return ((1.0 + _DOUBT - found) / (1.0 + _DOUBT - by_chance)).clip(0.0, 1.0)

    @cached_property
    def _places(self) -> dict[str, int]:
        return dict(zip(self.patients, self.owner.tolist(), strict=True))

    def _numbers(self, patients: Sequence[str]) -> NDArray[np.intp]:
        """As in ``owner``; -1 for somebody who has no record."""
        return np.array([self._places.get(patient, -1) for patient in patients], dtype=np.intp)

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], NaN for a dialogue without words."""
        scores = np.full(len(dialogues), np.nan)
        records, median = np.arange(len(self.owner)), float(np.median(self.scale.nearest**2))
        for low in range(0, len(dialogues), _ROWS):
            rows = slice(low, low + _ROWS)
            queries = _runs(dialogues[rows])
            own = None if exclude is None else self._numbers(exclude[rows])[:, None]
            ratios = self._beyond(queries, _lengths(dialogues[rows])) / self.scale.of(records, own) ** 2
            if own is not None:
                ratios[own == self.owner] = np.inf
            found = odds(ratios.min(axis=1, initial=np.inf), median)
            scores[rows] = np.where(np.diff(queries.indptr) > 0, found, np.nan)
        return scores


def _new(spread: NDArray[np.int64], records: int) -> Scores:
    """r* = (d + 1) n[d + 1] / n[d] for d = 0 to N + 1, kept within one of d: how many of N new records say a run.

    n[d] is the number of runs that d records have. Where they are few, d - 1/2.
    """
    numbers = np.bincount(spread[spread > 0], minlength=records + 3)[: records + 3].astype(np.float64)
    d = np.arange(records + 2, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = (d + 1.0) * numbers[1:] / numbers[:-1]
    enough = (numbers[:-1] >= _ENOUGH) & (numbers[1:] > 0)
    return np.where(enough, told.clip(d - 1.0, d + 1.0), d - 0.5).clip(min=_RAREST)


def _lengths(dialogues: Sequence[Dialogue]) -> Scores:
    """Words of each."""
    return np.array([sum(map(len, turn_words(dialogue))) for dialogue in dialogues], dtype=np.float64)


def _runs(dialogues: Sequence[Dialogue]) -> Any:
    """Which runs of words each dialogue has within a turn, shape [N, D], ones: turns may be dealt apart."""
    from sklearn.feature_extraction.text import HashingVectorizer

    def analysed(dialogue: Dialogue) -> list[str]:
        return [run for turn in turn_words(dialogue) for run in runs(turn)]

    vectoriser = HashingVectorizer(
        analyzer=analysed, n_features=PLACES, norm=None, alternate_sign=False, binary=True, dtype=np.float32
    )
    return vectoriser.transform(dialogues).tocsr()
