"""What counts of rejected records mean: rates with their spread, limits for honest generators, and the power to see
a dishonest one.

A stranger's rate of rejection given the calibration set is Beta(k, n + 1 - k); a count among N exchangeable draws is
BetaBinomial(N; k, n + 1 - k). Where the release is composed differently than the calibration patients, they are
weighted to its mix, and k and n become effective numbers (Kish 1965): weighted conformal prediction (Tibshirani et al.
2019) with the weights' spread charged to n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class BlockRate:
    """The rate at which strangers are rejected, Beta(k, n + 1 - k) distributed; k and n may be effective numbers.

    >>> rate = BlockRate(k=1, n=99)
    >>> rate.expected, rate.limit(draws=64, level=0.01)
    (0.01, 4)
    """

    k: float
    n: float

    def __post_init__(self) -> None:
        if not 0 < self.k < self.n + 1:
            raise ValueError(f"k must be in (0, n + 1), got k = {self.k} and n = {self.n}")

    @property
    def expected(self) -> float:
        """k / (n + 1)."""
        return self.k / (self.n + 1.0)

    @property
    def interval(self) -> tuple[float, float]:
        """The central 95%."""
        low, high = stats.beta.ppf([0.025, 0.975], self.k, self.n + 1 - self.k)
        return float(low), float(high)

    def limit(self, draws: int, level: float) -> int:
        """The largest number of rejections that honest ``draws`` exceed with probability at most ``level``."""
        return int(stats.betabinom.isf(level, draws, self.k, self.n + 1 - self.k))


def weighted(blocked: NDArray[np.bool_], weights: Weights) -> BlockRate:
    """The block rate of strangers who are composed like the release.

    Args:
        blocked: shape [n], the calibration patients at or below the threshold.
        weights: shape [n], >= 0, not all zero. Equal weights give k and n as they are.

    The effective n is (sum w)² / sum w²; the effective k is at least 1, for a group of which nobody is blocked may yet
    be blocked at a rate of 1 / (n + 1).
    """
    n = float(weights.sum() ** 2 / np.square(weights).sum())
    return BlockRate(max(1.0, n * float(weights[blocked].sum() / weights.sum())), n)


def miss_upper(planted: int, caught: int, confidence: float = 0.95) -> float:
    """Upper Clopper-Pearson bound on the miss rate; 1 - 0.05^(1/m) where all m are caught.

    >>> [round(miss_upper(m, m), 3) for m in (20, 59, 299)]
    [0.139, 0.05, 0.01]
    """
    if not 0 <= caught <= planted:
        raise ValueError(f"caught must be in 0 to {planted}, got {caught}")
    missed = planted - caught
    if missed == planted:
        return 1.0
    return float(stats.beta.ppf(confidence, missed + 1, planted - missed))


def detectable_share(rate: BlockRate, draws: int, limit: int, catch: float, power: float = 0.95) -> float:
    """The smallest share of copies among a generator's samples at which its test refuses it with probability ``power``.

    Args:
        rate: at which honest samples are blocked.
        draws: first attempts that are judged.
        limit: more rejections than this refuse the generator.
        catch: share of copies that the gate catches.

    Returns:
        A share in (0, 1], to 0.1%; infinity where not even copies alone would be refused.
    """
    honest = np.linspace(0.0025, 0.9975, 200)
    block = stats.beta.ppf(honest, rate.k, rate.n + 1 - rate.k)

    def refused(share: float) -> float:
        return float(stats.binom.sf(limit, draws, share * catch + (1 - share) * block).mean())

    if refused(1.0) < power:
        return float("inf")
    low, high = 0.0, 1.0
    while high - low > 5e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if refused(middle) >= power else (middle, high)
    return high


def released_share(miss: float, attempts: int) -> float:
    """Of slots that keep copying, the share of which a copy is released: 1 - (1 - m)^r, m missed per attempt.

    >>> round(released_share(0.05, 3), 3)
    0.143
    """
    return 1.0 - (1.0 - miss) ** attempts
