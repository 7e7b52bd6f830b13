"""One scale for scores of different kinds, learned from T alone.

The gate shares its level out among the columns by the strangers' median and median deviation. A column whose lower
tail is heavier than its middle tells would then take the whole level for its few outliers. So each column is first put
on a scale on which strangers are roughly normal on either side: a score s becomes exp(z), with z negative below the
strangers' median in units of their lower spread. The map is monotone and holds no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

X_contra = TypeVar("X_contra", contravariant=True)
X = TypeVar("X")

_TAIL = (0.02, 0.05, 0.16, 0.25)  # the widest of the spreads that these quantiles tell counts
_LEAST = 0.02  # of a log score: below, a spread of the few is an accident
_ENOUGH = 8  # speakers, below which nothing is learned


class Scorer(Protocol[X_contra]):
    """Scores a track against protected speakers."""

    def score(self, track: X_contra, exclude: str | None = None) -> float: ...


@dataclass(frozen=True)
class Strangers:
    """Where strangers lie in one column.

    Attributes:
        centre: median of their log scores.
        lower, upper: spread of the log scores below and above it, as standard deviations of a half-normal.
    """

    centre: float = 0.0
    lower: float = 1.0
    upper: float = 1.0

    @classmethod
    def among(
        cls, tracks: Sequence[X], patients: Sequence[str], over: Callable[[Sequence[X], Sequence[str]], Scorer[X]]
    ) -> Self:
        """Learns it from T: one track of each speaker in one half of T is scored against the other half, and back.

        Left out one by one, T's speakers would not do: each is what the others' density was measured by.
        """
        names = sorted(set(patients))
        if len(names) < _ENOUGH:
            return cls()
        found: list[float] = []
        for half in (0, 1):
            strangers = set(names[half::2])
            known = [i for i, patient in enumerate(patients) if patient not in strangers]
            judge = over([tracks[i] for i in known], [patients[i] for i in known])
            first = {patient: i for i, patient in reversed(list(enumerate(patients))) if patient in strangers}
            found += [judge.score(tracks[i]) for i in first.values()]
        return cls.of(np.asarray(found))

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> Self:
        """From strangers' scores, shape [n], > 0; others are left out."""
        logs = np.log(scores[(scores > 0) & np.isfinite(scores)])
        if len(logs) < _ENOUGH:
            return cls()
        centre = float(np.median(logs))
        normal = stats.norm.ppf(_TAIL)
        lower = float(np.max((np.quantile(logs, _TAIL) - centre) / normal))
        upper = float(np.max((centre - np.quantile(logs, [1 - q for q in _TAIL])) / normal))
        return cls(centre, max(lower, _LEAST), max(upper, _LEAST))

    def __call__(self, score: float) -> float:
        """exp(z), >= 0; zero stays zero, infinity infinite."""
        if score <= 0.0 or not np.isfinite(score):
            return score
        gap = float(np.log(score)) - self.centre
        return float(np.exp(np.clip(gap / (self.lower if gap < 0 else self.upper), -700.0, 700.0)))
