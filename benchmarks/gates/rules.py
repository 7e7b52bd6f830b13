"""What a gate is to this benchmark: something that tells how near a sample lies to protected people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.records import Cohort

T = TypeVar("T")
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted(Generic[T]):
    """A gate that knows whom it protects.

    Attributes:
        scores: samples to [N], smaller is nearer; NaN where a sample cannot be judged, which rejects it.
        rejects_at: by its own rule a score up to this is rejected; None where it has no customary rule.
    """

    scores: Callable[[Sequence[T]], Scores]
    rejects_at: float | None


@dataclass(frozen=True)
class Rule(Generic[T]):
    """Somebody's filter.

    Attributes:
        name: with its customary threshold, and whose it is.
        fit: from a cohort and a seed; T and C are protected, and nothing may be learnt from E.
    """

    name: str
    fit: Callable[[Cohort[T, Any], int], Fitted[T]]


def protected(cohort: Cohort[T, Any]) -> list[T]:
    """Every record of T and C."""
    return [record.payload for record in (*cohort.train, *cohort.calibration)]


def nearest(embed: Callable[[Sequence[T]], NDArray[Any]], known: Sequence[T]) -> Callable[[Sequence[T]], Scores]:
    """One less the largest cosine with a protected record; ``embed`` gives unit vectors [N, D]."""
    vectors = embed(known)

    def scores(samples: Sequence[T]) -> Scores:
        return np.asarray(1.0 - (embed(samples) @ vectors.T).max(axis=1), dtype=np.float64)

    return scores


def at_one_in_a_hundred(people: Scores) -> float:
    """The score below which one in a hundred people lies at most: what is smaller is rejected."""
    ordered = np.sort(np.nan_to_num(people, nan=-np.inf))
    return float(ordered[int(0.01 * len(ordered))])
