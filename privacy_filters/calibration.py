"""From scores of held-out strangers to thresholds with a stated error rate.

Every filter f gives a record x a score s_f(x) >= 0, larger is safer. So that several filters share one level alpha and
none uses it up, each log score is turned into a log tail probability, and the gate's score is the smallest:

    g(x) = min_f log P_f(z <= (log s_f(x) - centre_f) / scale_f)

Centre and scale are the median and median deviation of the calibration patients. The tail P_f is a generalised Pareto
distribution over the quarter who come closest (Pickands 1975; probability-weighted moments, Hosking and Wallis 1987),
of the calibration patients and of training patients, each scored with himself left out, each group standardised by
itself. A filter whose strangers have a heavy tail is given a heavy tail, so that one outlier in it does not set a
threshold which the copies that other filters see pass. The training patients alone do not tell: what a filter learnt
from them (which words are rare, which faces are near) fits them, and their tails can be lighter than a stranger's.

The threshold is the k-th smallest of the n calibration patients' g, or the next smaller one where others equal it. Each
patient's own g is on tails that were fitted without him, as a new stranger's is (the jackknife): a patient who took
part in the fit would lie in a tail that his own distance had made heavier, and strangers would be blocked half as often
again. For a g that is fixed beforehand, calibration patients and a new stranger are exchangeable, and a stranger is
rejected at rate k / (n + 1) in expectation, the true rate given the calibration set being Beta(k, n + 1 - k)
distributed (Vovk 2012, Conditional validity of inductive conformal predictors); centre and scale are robust statistics,
which one record among n moves by O(1/n). The tests hold the rate and its spread against the Beta distribution by
simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.records import JsonValue, Verdict

Scores = NDArray[np.float64]

_TAIL_SHARE = 0.25
_LEAST_FOR_TAIL = 40
_WORTH = 0.005  # of the copies: less is chance
_MAD_TO_SIGMA = 1.4826
_HEAVIEST = 1.0
_LEFT_OUT = (
    200  # calibration patients, the closest, whose own g is on tails without them: no others are near a threshold
)


class CopiesAmongStrangersError(ValueError):
    """A calibration patient lies at copy distance: the same record under two patients."""


@dataclass(frozen=True)
class Tail:
    """The lower tail of a filter's standardised log scores z over strangers.

    Attributes:
        below: u, where the tail begins.
        share: P(z <= u).
        spread: sigma > 0 of the generalised Pareto distribution of u - z.
        shape: xi in [0, 1]; 0 is exponential.
    """

    below: float = -0.6745
    share: float = _TAIL_SHARE
    spread: float = 0.5
    shape: float = 0.0

    @classmethod
    def fit(cls, z: Scores) -> Self:
        """The tail of standardised log scores [m]."""
        z = np.sort(z)
        count = math.ceil(_TAIL_SHARE * len(z))
        spread, shape = _pareto(float(z[count]) - z[:count])
        return cls(float(z[count]), count / len(z), spread, shape)

    def log_probability(self, z: Scores) -> Scores:
        """log P(Z <= z) in the tail; above it linear, rising without bound. -inf stays -inf, NaN stays NaN."""
        beyond = self.below - z
        with np.errstate(invalid="ignore", divide="ignore"):
            deep = np.maximum(beyond, 0.0)
            tail = -deep / self.spread if self.shape < 1e-9 else -np.log1p(self.shape * deep / self.spread) / self.shape
        return np.asarray(math.log(self.share) + np.where(beyond > 0, tail, -beyond / self.spread))

    def quantile(self, log_probability: float) -> float:
        """Inverse of :meth:`log_probability`."""
        depth = log_probability - math.log(self.share)
        if depth >= 0 or self.shape < 1e-9:
            return self.below + self.spread * depth
        return self.below - self.spread * math.expm1(-self.shape * depth) / self.shape


def _pareto(excess: Scores) -> tuple[float, float]:
    """(sigma, xi) of excesses >= 0 by probability-weighted moments."""
    m, mean = len(excess), float(excess.mean())
    if mean <= 0:
        return 1.0, 0.0
    weights = 1.0 - (np.arange(1, m + 1) - 0.35) / m
    moment = float((weights * np.sort(excess)).mean())
    shape = 2.0 - mean / (mean - 2.0 * moment) if mean > 2.0 * moment else 0.0
    shape = min(max(shape, 0.0), _HEAVIEST)
    return (mean, 0.0) if shape == 0.0 else (2.0 * mean * moment / (mean - 2.0 * moment), shape)


def _deviation(logs: Scores) -> float:
    """1.4826 times the median absolute deviation; 1 where that is 0."""
    return _MAD_TO_SIGMA * float(np.median(np.abs(logs - np.median(logs)))) or 1.0


@dataclass(frozen=True)
class Scale:
    """From a filter's score to the gate's common scale."""

    centre: float
    deviation: float
    tail: Tail

    @classmethod
    def fit(cls, strangers: Scores, reference: Scores | None = None, apart: int | None = None) -> Self:
        """From the log scores of calibration patients [n], and of training patients [m] for the tail's shape.

        Args:
            apart: the place of a calibration patient who is left out of the tail.
        """
        finite = strangers[np.isfinite(strangers)]
        if not finite.size:
            return cls(0.0, 1.0, Tail())
        centre, deviation = float(np.median(finite)), _deviation(finite)
        others = strangers if apart is None else np.delete(strangers, apart)
        z = (others[np.isfinite(others)] - centre) / deviation
        if reference is not None and (known := reference[np.isfinite(reference)]).size:
            z = np.concatenate([z, (known - np.median(known)) / _deviation(known)])
        enough = len(z) + (apart is not None) >= _LEAST_FOR_TAIL
        return cls(centre, deviation, Tail.fit(z) if enough else Tail())

    def __call__(self, scores: Scores) -> Scores:
        """log P(S <= s), shape as ``scores``; zero becomes -inf, a negative score or NaN becomes NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.tail.log_probability((np.log(scores) - self.centre) / self.deviation)

    def score(self, common: float) -> float:
        """Inverse."""
        return math.exp(self.centre + self.deviation * self.tail.quantile(common))


@dataclass(frozen=True)
class Calibration:
    """Thresholds for a set of filters. Private: it stays in the work folder.

    Attributes:
        names: the F filters.
        scales: F ways from a filter's score to the common scale.
        threshold: on the common scale; a record at or below it in any filter is rejected.
        k, n: the threshold is the k-th smallest of n calibration scores, or lies below it where others equal that.
        alpha: the level that was asked for.
        apart: shape [n, F], the calibration patients' common scores, in the order in which they were given, each on
            tails that were fitted without him.
        blockers: shape [F], how many of the k blocked calibration patients each filter blocks.
    """

    names: tuple[str, ...]
    scales: tuple[Scale, ...]
    threshold: float
    k: int
    n: int
    alpha: float
    apart: tuple[tuple[float, ...], ...]
    blockers: tuple[int, ...]

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The threshold of each filter on its own scale."""
        return tuple(scale.score(self.threshold) for scale in self.scales)

    @property
    def attained(self) -> bool:
        """False where the calibration patients are too few for the level that was asked for."""
        return attainable_alpha(self.n) <= self.alpha

    @property
    def strangers(self) -> tuple[float, ...]:
        """Shape [n], the calibration patients' g."""
        return tuple(map(min, self.apart))

    @property
    def farthest(self) -> float:
        """The largest common score of a calibration patient."""
        return max(self.strangers)

    def common(self, scores: Scores) -> Scores:
        """The gate's score g of each record, shape [N], from ``scores`` [N, F]. NaN in any filter gives NaN."""
        return np.asarray(common_scale(scores, self.scales).min(axis=1))

    def rejects(self, scores: Scores, names: Sequence[str] | None = None) -> NDArray[np.bool_]:
        """Shape [N]: True where one of ``names`` is at or below its threshold, or NaN, from their ``scores`` [N, F]."""
        scales = [self.scales[self.names.index(name)] for name in names or self.names]
        return np.asarray(~(common_scale(scores, scales).min(axis=1) > self.threshold))

    def verdicts(self, scores: Scores) -> list[tuple[Verdict, ...]]:
        """One verdict per record and filter, on the common scale, from ``scores`` [N, F]."""
        return [
            tuple(Verdict(name, float(z), self.threshold) for name, z in zip(self.names, row, strict=True))
            for row in common_scale(scores, self.scales)
        ]

    def as_dict(self) -> dict[str, JsonValue]:
        return {
            "names": list(self.names),
            "scales": [asdict(scale) for scale in self.scales],
            "threshold": self.threshold,
            "k": self.k,
            "n": self.n,
            "alpha": self.alpha,
            "strangers": list(self.strangers),
            "blockers": list(self.blockers),
        }


def common_scale(scores: Scores, scales: Sequence[Scale]) -> Scores:
    """log P_f(S <= s) per filter, shape [N, F]."""
    return np.stack([scale(np.asarray(scores)[:, f]) for f, scale in enumerate(scales)], axis=1)


def k_for(alpha: float, n: int) -> int:
    """k = max(1, floor(alpha (n + 1))): how many of n strangers the gate may block at level alpha.

    >>> k_for(0.01, 99), k_for(0.01, 300), k_for(0.05, 99)
    (1, 3, 5)

    Raises:
        ValueError: if alpha is not in (0, 1) or n < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha}")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return max(1, math.floor(alpha * (n + 1) + 1e-9))


def attainable_alpha(n: int) -> float:
    """1 / (n + 1): the smallest level that n calibration patients allow.

    >>> attainable_alpha(99)
    0.01
    """
    return 1.0 / (n + 1.0)


def patients_needed(alpha: float) -> int:
    """The smallest n whose attainable level is alpha.

    >>> patients_needed(0.01), patients_needed(0.05)
    (99, 19)
    """
    return math.ceil(1.0 / alpha - 1.0 - 1e-9)


def calibrate(names: Sequence[str], strangers: Scores, alpha: float, reference: Scores | None = None) -> Calibration:
    """Sets the thresholds of all filters together, so that their union blocks k of the n calibration patients.

    Args:
        strangers: shape [n, F], scores of one random record of each calibration patient; infinite where a filter has
            nothing to compare the record with.
        alpha: level of the gate as a whole, in (0, 1).
        reference: shape [m, F], scores of training patients, each with himself left out, for the shape of the tails.
            Where they and the calibration patients are few, the tails are normal ones.

    Raises:
        ValueError: if shapes disagree, or a calibration score is NaN (a filter that cannot score a real record).
        CopiesAmongStrangersError: if a calibration score is zero, which only a copy's is.
    """
    if strangers.ndim != 2 or strangers.shape[1] != len(names):
        raise ValueError(f"need [n, {len(names)}] scores, got {strangers.shape}")
    if np.isnan(strangers).any() or (strangers < 0).any():
        raise ValueError("a calibration score is NaN or negative")
    copies = int((strangers == 0).any(axis=1).sum())
    if copies:
        raise CopiesAmongStrangersError(f"{copies} of {len(strangers)} calibration patients are copies of another")
    with np.errstate(divide="ignore", invalid="ignore"):
        logs, known = np.log(strangers), None if reference is None else np.log(reference)
    scales = _scales(logs, known)
    return _with_threshold(tuple(names), scales, _each_apart(strangers, logs, known, scales), alpha)


def _scales(logs: Scores, reference: Scores | None, apart: int | None = None) -> tuple[Scale, ...]:
    known = [None] * logs.shape[1] if reference is None else list(reference.T)
    return tuple(Scale.fit(column, train, apart) for column, train in zip(logs.T, known, strict=True))


def _each_apart(strangers: Scores, logs: Scores, reference: Scores | None, scales: Sequence[Scale]) -> Scores:
    """Common scores of the calibration patients, shape [n, F], each on tails that were fitted without him.

    Of a single filter the order decides, and no tail matters.
    """
    common = common_scale(strangers, scales)
    closest = np.argsort(common.min(axis=1), kind="stable")[: max(_LEFT_OUT, len(strangers) // 10)]
    for i in closest if len(scales) > 1 else ():
        common[i] = common_scale(strangers[i : i + 1], _scales(logs, reference, int(i)))[0]
    return common


def _with_threshold(names: tuple[str, ...], scales: tuple[Scale, ...], apart: Scores, alpha: float) -> Calibration:
    n = len(apart)
    k = k_for(alpha, n)
    threshold = _closest_but(k, apart.min(axis=1))
    return Calibration(
        names=names,
        scales=scales,
        threshold=threshold,
        k=k,
        n=n,
        alpha=alpha,
        apart=tuple(map(tuple, apart.tolist())),
        blockers=tuple(int(x) for x in (apart <= threshold).sum(axis=0)),
    )


def _closest_but(k: int, g: Scores) -> float:
    """The k-th smallest of g [n]; where others equal it, the next smaller value, so that at most k are blocked.

    Two calibration patients may be each other's nearest, at one distance. Where already the smallest value is shared by
    more than k, the threshold lies just below it.
    """
    ordered = np.sort(g)
    if k == len(g) or ordered[k] > ordered[k - 1]:
        return float(ordered[k - 1])
    below = ordered[ordered < ordered[k - 1]]
    return float(below[-1]) if len(below) else float(np.nextafter(ordered[0], -np.inf))


def useful_columns(calibration: Calibration, copies: Sequence[Scores]) -> tuple[int, ...]:
    """The filters that are worth their share of the level.

    A filter whose strangers come close by chance takes part of alpha from the others. One after the other, the filter
    without which most copies are caught at the same level goes, as long as more are caught without it. One that costs
    nothing stays: it may see a kind of copy that nobody planted.

    Args:
        calibration: with all filters.
        copies: per kind of copy the scores [m, F]; each kind counts alike. Not the copies whose rate is reported.

    Returns:
        Places in ``calibration.names``, ascending, never none.
    """
    here = np.array(calibration.apart)
    there = [common_scale(kind, calibration.scales) for kind in copies]

    def caught(columns: list[int]) -> float:
        threshold = _closest_but(calibration.k, here[:, columns].min(axis=1))
        return float(np.mean([(~(kind[:, columns].min(axis=1) > threshold)).mean() for kind in there]))

    kept = list(range(len(calibration.names)))
    best = caught(kept) if there else 0.0
    while there and len(kept) > 1:
        trials = [[f for f in kept if f != gone] for gone in kept]
        rates = [caught(trial) for trial in trials]
        if max(rates) <= best + _WORTH:
            break
        best, kept = max(rates), trials[int(np.argmax(rates))]
    return tuple(kept)


def only(calibration: Calibration, columns: Sequence[int]) -> Calibration:
    """The same scales and level, with some of the filters."""
    names = tuple(calibration.names[f] for f in columns)
    scales = tuple(calibration.scales[f] for f in columns)
    return _with_threshold(names, scales, np.array(calibration.apart)[:, list(columns)], calibration.alpha)
