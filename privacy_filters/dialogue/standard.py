"""Columns on one scale, for candidates of any length.

A column's score becomes the share of strangers who score as low or lower, the training patients being strangers to each
other: one half of them is scored against the other. Within the sample that share is a rank; below its lowest tenth it
is an exponential tail of the log scores, which is where copies lie. So no column has a scale that depends on how its
harmless scores crowd.

A candidate that is longer than nearly all of T, such as all sessions of one synthetic patient joined, has more places
where it may resemble somebody by chance. It is judged in overlapping stretches as long as the longer records of T, the
lowest counts, and is multiplied by the number of stretches (Bonferroni), so that a stranger who speaks for twenty
sessions is blocked no more often than one who speaks for one. Columns that correct for length by themselves are asked
once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.words import turn_words

_TAIL = 0.1  # share of the sample that tells the tail
_LEAST = 20  # patients, below whom a sample tells nothing and scores stay as they are
_STEEPEST = 0.02  # least spread of the tail, in log scores
_EULER = 0.5772  # the deepest of n exponential excesses is expected at log n + this, in units of their mean

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Strangers:
    """How strangers score in one column.

    Attributes:
        logs: log scores of training patients against others, shape [m], ascending.
        tail: how many of them make the tail.
        spread: mean excess below the tail's upper end, or what the deepest of so many speaks for, if that is more.
    """

    logs: Scores
    tail: int
    spread: float

    @classmethod
    def among(cls, scores: Scores) -> Self:
        """From scores [m] of strangers; what is zero or NaN among them is left out."""
        logs = np.sort(np.log(scores[np.isfinite(scores) & (scores > 0)]))
        if len(logs) < _LEAST:
            return cls(logs, 0, 1.0)
        tail = int(np.ceil(_TAIL * len(logs)))
        tail = min(tail, int(np.searchsorted(logs, logs[tail])))  # of what has the same score, all or nothing
        depths = logs[tail] - logs[:tail]
        if not tail:
            return cls(logs, 0, 1.0)
        spread = max(float(depths.mean()), float(depths[0]) / (math.log(tail) + _EULER))
        return cls(logs, tail, max(spread, _STEEPEST))

    def __call__(self, scores: Scores) -> Scores:
        """The share of strangers at or below each score, shape as ``scores``; above 1 beyond all of them.

        Zero stays zero and NaN stays NaN. A sample of a few strangers leaves the scores as they are.
        """
        if len(self.logs) < _LEAST:
            return scores
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(scores)
        edge, share = self.logs[self.tail], max(1, self.tail) / len(self.logs)
        low = share * np.exp(np.minimum(logs - edge, 0.0) / self.spread)
        ranks = np.searchsorted(self.logs, logs, side="right") / len(self.logs)
        beyond = np.exp(np.maximum(logs - self.logs[-1], 0.0))
        shares = np.where(logs < edge, low, np.maximum(ranks, share) * beyond)
        return np.asarray(np.where(np.isnan(logs), np.nan, shares), dtype=np.float64)


@dataclass(frozen=True)
class Stretches:
    """How long candidates are cut.

    Attributes:
        words: of a stretch, at least; candidates that are no longer are one stretch.
    """

    words: int

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue]) -> Self:
        """Stretches as long as the longer ones of these dialogues: their 95% quantile."""
        lengths = [sum(map(len, turn_words(dialogue))) for dialogue in dialogues]
        return cls(max(1, int(np.quantile(lengths, 0.95))) if lengths else 1)

    def __call__(self, dialogue: Dialogue) -> list[Dialogue]:
        """The dialogue, or its stretches of whole turns, each a quarter of a stretch into the one before."""
        total = np.cumsum([0, *map(len, turn_words(dialogue))])
        if total[-1] <= 2 * self.words:
            return [dialogue]
        begins = np.arange(0, total[-1] - self.words // 4, 0.75 * self.words)
        starts = np.unique(np.searchsorted(total, begins, side="right") - 1)
        ends = np.searchsorted(total, total[starts] + self.words).clip(max=len(dialogue.turns))
        return [replace(dialogue, turns=dialogue.turns[a:b]) for a, b in zip(starts, ends, strict=True)]


def lowest(scores: Scores, parts: Sequence[int]) -> Scores:
    """The lowest of each candidate's consecutive rows, times their number, shape [N, F] from [sum of parts, F].

    Rows of NaN (a stretch of nothing but fillers) are passed over where another row has a score.
    """
    ends = np.cumsum([0, *parts])
    with np.errstate(invalid="ignore"):
        found = [np.fmin.reduce(scores[a:b], axis=0) * (b - a) for a, b in pairwise(ends)]
    return np.array(found)
