"""From scores of held-out strangers to thresholds with a stated error rate.

Every filter f gives a record x a score s_f(x) >= 0, larger is safer. So that several filters share one level alpha
and none uses it up, the log scores are put on one scale by the strangers' own median and spread, and the gate's score
is the smallest over the filters:

    g(x) = min_f (log s_f(x) - centre_f) / scale_f

The threshold is the k-th smallest of the n calibration patients' g. For one score that is fixed beforehand,
calibration patients and a new stranger are exchangeable, and a stranger is rejected at rate k / (n + 1) in
expectation, the true rate given the calibration set being Beta(k, n + 1 - k) distributed (Vovk 2012, Conditional
validity of inductive conformal predictors). Here centre and scale are robust statistics of the same patients;
recomputed with the stranger among them the statement would be exact (full conformal prediction), and one record among
n moves a median and a median deviation by O(1/n). The tests hold the rate and its spread against the Beta
distribution by simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.records import JsonValue, Verdict

Scores = NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Calibration:
    """Thresholds for a set of filters. Private: it stays in the work folder.

    Attributes:
        names: the F filters.
        centre, scale: shape [F], median and spread of the strangers' log scores.
        threshold: on the common scale; a record at or below it in any filter is rejected.
        k, n: the threshold is the k-th smallest of n calibration scores.
        alpha: the level that was asked for.
        strangers: shape [n], the calibration patients' common scores, ascending.
        blockers: shape [F], how many of the k blocked calibration patients each filter blocks.
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    threshold: float
    k: int
    n: int
    alpha: float
    strangers: tuple[float, ...]
    blockers: tuple[int, ...]

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The threshold of each filter on its own scale."""
        return tuple(math.exp(c + s * self.threshold) for c, s in zip(self.centre, self.scale, strict=True))

    @property
    def attained(self) -> bool:
        """False where the calibration patients are too few for the level that was asked for."""
        return attainable_alpha(self.n) <= self.alpha

    def common(self, scores: Scores) -> Scores:
        """The gate's score g of each record, shape [N], from ``scores`` [N, F]. NaN in any filter gives NaN."""
        return np.asarray(common_scale(scores, self.centre, self.scale).min(axis=1))

    def rejects(self, scores: Scores) -> NDArray[np.bool_]:
        """Shape [N]: True where any filter is at or below its threshold, or NaN."""
        return ~(self.common(scores) > self.threshold)

    def verdicts(self, scores: Scores) -> list[tuple[Verdict, ...]]:
        """One verdict per record and filter, on the common scale, from ``scores`` [N, F]."""
        common = common_scale(scores, self.centre, self.scale)
        return [
            tuple(Verdict(name, float(z), self.threshold) for name, z in zip(self.names, row, strict=True))
            for row in common
        ]

    def conformal_p(self, scores: Scores) -> Scores:
        """(1 + #{j: g_j <= g}) / (n + 1) of each record, shape [N]; NaN scores give the smallest p."""
        g = np.nan_to_num(self.common(scores), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        below = np.searchsorted(np.asarray(self.strangers), g, side="right")
        return np.asarray((1.0 + below) / (self.n + 1.0), dtype=np.float64)

    def as_dict(self) -> dict[str, JsonValue]:
        return {
            "names": list(self.names),
            "centre": list(self.centre),
            "scale": list(self.scale),
            "threshold": self.threshold,
            "k": self.k,
            "n": self.n,
            "alpha": self.alpha,
            "strangers": list(self.strangers),
            "blockers": list(self.blockers),
        }


def common_scale(scores: Scores, centre: Sequence[float], scale: Sequence[float]) -> Scores:
    """(log s - centre) / scale per filter, shape [N, F]; zero becomes -inf, a negative score or NaN becomes NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.asarray(scores, dtype=np.float64))
    return np.asarray((logs - np.asarray(centre)) / np.asarray(scale), dtype=np.float64)


def k_for(alpha: float, n: int) -> int:
    """k = max(1, floor(alpha (n + 1))): how many of n strangers the gate may block at level alpha.

    Raises:
        ValueError: if alpha is not in (0, 1) or n < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha}")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return max(1, math.floor(alpha * (n + 1) + 1e-9))


def attainable_alpha(n: int) -> float:
    """1 / (n + 1): the smallest level that n calibration patients allow."""
    return 1.0 / (n + 1.0)


def patients_needed(alpha: float) -> int:
    """The smallest n whose attainable level is alpha."""
    return math.ceil(1.0 / alpha - 1.0 - 1e-9)


def block_rate(k: int, n: int) -> tuple[float, tuple[float, float]]:
    """Expected rate at which strangers are blocked, and the central 95% of its Beta(k, n + 1 - k) distribution."""
    low, high = stats.beta.ppf([0.025, 0.975], k, n + 1 - k)
    return k / (n + 1.0), (float(low), float(high))


def generator_limit(attempts: int, k: int, n: int, level: float = 0.999) -> int:
    """The largest number of rejected first attempts that an honest generator may have, at ``level``.

    A stranger's rate of rejection is Beta(k, n + 1 - k), so the count among N exchangeable draws is
    BetaBinomial(N; k, n + 1 - k); this is its quantile at ``level``.
    """
    return int(stats.betabinom.ppf(level, attempts, k, n + 1 - k))


def miss_upper(planted: int, caught: int, confidence: float = 0.95) -> float:
    """Upper Clopper-Pearson bound on the miss rate; 1 - 0.05^(1/m) where all m are caught."""
    if not 0 <= caught <= planted:
        raise ValueError(f"caught must be in 0 to {planted}, got {caught}")
    missed = planted - caught
    if missed == planted:
        return 1.0
    return float(stats.beta.ppf(confidence, missed + 1, planted - missed))


def calibrate(names: Sequence[str], strangers: Scores, alpha: float) -> Calibration:
    """Sets the thresholds of all filters together, so that their union blocks k of the n calibration patients.

    Args:
        strangers: shape [n, F], scores of one random record of each calibration patient.
        alpha: level of the gate as a whole, in (0, 1).

    Raises:
        ValueError: if shapes disagree, or a calibration score is NaN (a filter that cannot score a real record).
    """
    if strangers.ndim != 2 or strangers.shape[1] != len(names):
        raise ValueError(f"need [n, {len(names)}] scores, got {strangers.shape}")
    if np.isnan(strangers).any() or (strangers < 0).any():
        raise ValueError("a calibration score is NaN or negative")
    with np.errstate(divide="ignore"):
        logs = np.log(strangers)
    centre = np.zeros(len(names))
    scale = np.ones(len(names))
    for f in range(len(names)):
        finite = logs[np.isfinite(logs[:, f]), f]
        if finite.size:
            centre[f] = np.median(finite)
            scale[f] = _MAD_TO_SIGMA * np.median(np.abs(finite - centre[f])) or 1.0
    n = len(strangers)
    k = k_for(alpha, n)
    common = common_scale(strangers, centre.tolist(), scale.tolist())
    g = common.min(axis=1)
    threshold = float(np.sort(g)[k - 1])
    return Calibration(
        names=tuple(names),
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        threshold=threshold,
        k=k,
        n=n,
        alpha=alpha,
        strangers=tuple(np.sort(g).tolist()),
        blockers=tuple(int(x) for x in (common <= threshold).sum(axis=0)),
    )
