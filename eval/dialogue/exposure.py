"""How much of a planted secret a language model gives away (Carlini et al. 2019, The Secret Sharer, section 4).

Exposure is log2 |R| − log2 rank: the rank of the canary among the candidates R by the model's own probability, R being
the canary and references of the same space that were never planted. It counts the bits by which the model shortens the
search for a secret. Its greatest value is log2 |R|. A model that knows nothing ranks canaries uniformly: the mean is
then not 0 but near log2 e = 1.44 bits, which ``chance_exposure`` gives exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.estimates import (
    RESAMPLES,
    Floats,
    NotMeasurableError,
    bounded_interval,
    finite,
    mean,
    percentile_interval,
)
from synthgen.records import Estimate


def exposures(canaries: NDArray[np.generic], references: NDArray[np.generic]) -> Floats:
    """Exposure of each canary in bits [K], by exact enumeration of the sampled references (eq. 3).

    Args:
        canaries: ln p of each planted secret [K], under the model.
        references: ln p of secrets of the same space that were not planted [R], at least 1. Ties count one half.

    Returns:
        values from 0 (every reference is likelier) to log2(R + 1) (none is).
    """
    c, r = finite("canaries", canaries), np.sort(finite("references", references))
    if not len(r):
        raise ValueError("exposure needs references")
    above = len(r) - np.searchsorted(r, c, side="right")
    equal = np.searchsorted(r, c, side="right") - np.searchsorted(r, c, side="left")
    return np.asarray(np.log2(len(r) + 1) - np.log2(1 + above + equal / 2), dtype=np.float64)


def extrapolated_exposures(
    canaries: NDArray[np.generic], references: NDArray[np.generic], *, most: float = 50.0
) -> Floats:
    """Exposure of each canary in bits [K], where it may exceed what R can count: −log2 of the tail beyond it of a
    skew-normal distribution fitted to the references' −ln p (section 4.3).

    Args:
        most: bits; larger exposures are cut to it. log2 of the size of the secrets' space, or what doubles resolve.

    Raises:
        NotMeasurableError: fewer than 50 references, or all alike: no distribution can be fitted.
    """
    c, r = finite("canaries", canaries), finite("references", references)
    if len(r) < 50 or np.ptp(r) == 0:
        raise NotMeasurableError("a distribution needs 50 references that differ")
    shape, location, scale = stats.skewnorm.fit(-r)
    tail = np.maximum(stats.skewnorm.cdf(-c, shape, location, scale), 2.0**-most)
    return np.asarray(np.maximum(-np.log2(tail), 0.0), dtype=np.float64)


def chance_exposure(references: int) -> float:
    """Mean exposure in bits under a model that knows nothing, with so many references."""
    return float(np.log2(references + 1) - np.mean(np.log2(np.arange(1, references + 2))))


def exposure(
    canaries: NDArray[np.generic],
    references: NDArray[np.generic],
    *,
    extrapolate: bool = False,
    seed: int = 0,
    metric: str = "model_canary_exposure",
    note: str = "",
) -> Estimate:
    """Mean exposure over canaries, bits; n is the number of canaries.

    The interval is a bootstrap over canaries and, as all of them are ranked among the same ones, over references.

    Args:
        extrapolate: see :func:`extrapolated_exposures`; the fitted tail is then taken as it is, for every resample.

    Raises:
        NotMeasurableError: fewer than 2 canaries; see :func:`extrapolated_exposures`.
    """
    c, r = finite("canaries", canaries), finite("references", references)
    if len(c) < 2:
        raise NotMeasurableError("exposure needs at least 2 canaries")
    known = f"{len(r)} references, chance {chance_exposure(len(r)):.2f} bits"
    text = "; ".join(part for part in (note, known, "skew-normal tail" if extrapolate else "") if part)
    if extrapolate:
        return mean(metric, extrapolated_exposures(c, r), seed=seed, better="lower", note=text)
    value, most = float(exposures(c, r).mean()), float(np.log2(len(r) + 1))
    rng = np.random.default_rng(seed)
    draws = [
        exposures(c[rng.integers(len(c), size=len(c))], r[rng.integers(len(r), size=len(r))]).mean()
        for _ in range(RESAMPLES)
    ]
    low, high = bounded_interval(value / most, np.array(draws) / most, len(c))
    return Estimate(metric, value, (low * most, high * most), len(c), "lower", text)


def exposure_by_repetitions(
    canaries: NDArray[np.generic], repetitions: Sequence[int], references: NDArray[np.generic], *, seed: int = 0
) -> tuple[Estimate, ...]:
    """One figure for each number of repetitions with at least 2 canaries, ascending: ``model_canary_exposure_x8``."""
    times = np.asarray(repetitions)
    found = []
    for count in np.unique(times):
        some = np.asarray(canaries)[times == count]
        if len(some) >= 2:
            found.append(exposure(some, references, seed=seed, metric=f"model_canary_exposure_x{count}"))
    return tuple(found)


def rank_correlation(values: NDArray[np.generic], repetitions: Sequence[int], *, seed: int = 0) -> Estimate:
    """Kendall's tau-b between canaries' exposure and their repetitions; bootstrap over canaries.

    Raises:
        NotMeasurableError: fewer than 4 canaries, or all repeated alike.
    """
    x, y = finite("values", values), np.asarray(repetitions, np.float64)
    if len(x) < 4 or np.ptp(y) == 0:
        raise NotMeasurableError("the trend needs 4 canaries with different repetitions")
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(len(x), size=len(x)) for _ in range(400))
    draws = np.array([stats.kendalltau(x[rows], y[rows]).statistic for rows in drawn], np.float64)
    value = float(stats.kendalltau(x, y).statistic)
    low, high = percentile_interval(draws)
    return Estimate("model_canary_trend", value, (min(low, value), max(high, value)), len(x), "0")
