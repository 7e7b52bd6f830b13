"""Figures with intervals. The unit is the patient: patients are resampled, never images or pairs.

Bootstrap draws are weights: a resample of patients gives every record the number of times its patient was drawn, and
each statistic is computed on weighted records, for all resamples at once (Efron and Tibshirani 1993, percentile
interval). Where every patient agrees (an AUC of exactly 1, a rate of exactly 0) the bootstrap would report an interval
of no width; there the exact binomial interval stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.progress import Progress
from synthgen.records import C, Estimate, Real

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
P = ParamSpec("P")
T = TypeVar("T")
Figure = TypeVar("Figure")

RESAMPLES = 1000
_BLOCK = 4_000_000  # weights held at once: 32 MB


class NotMeasurableError(ValueError):
    """Too little data for a figure: a report leaves it out and says so."""


def finite(name: str, values: NDArray[np.generic]) -> Floats:
    """``values`` as float64; ValueError when one is NaN or infinite (a silent NaN would move every rank)."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array


def patient_counts(patients: int, seed: int, resamples: int = RESAMPLES) -> Floats:
    """How often each patient is drawn in each resample: shape [resamples, patients]; rows sum to ``patients``."""
    if patients < 1:
        raise ValueError("a bootstrap needs at least one patient")
    drawn = np.random.default_rng(seed).integers(patients, size=(resamples, patients))
    flat = (drawn + patients * np.arange(resamples)[:, None]).ravel()
    return np.bincount(flat, minlength=resamples * patients).reshape(resamples, patients).astype(np.float64)


def patient_weights(patients: Sequence[str], seed: int, resamples: int = RESAMPLES) -> Floats:
    """Weight of every record in every resample of its patients: shape [resamples, records]."""
    names, index = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    return patient_counts(len(names), seed, resamples)[:, index]


def blocks(resamples: int, records: int) -> Iterator[slice]:
    """Slices of the resamples such that one block of weights stays small."""
    step = max(1, _BLOCK // max(1, records))
    for start in range(0, resamples, step):
        yield slice(start, min(resamples, start + step))


def percentile_interval(draws: Floats) -> tuple[float, float]:
    """Central 95% of the draws; NaN draws (a resample without one of the classes) are left out."""
    kept = draws[~np.isnan(draws)]
    if len(kept) == 0:
        return (float("nan"), float("nan"))
    low, high = np.quantile(kept, [0.025, 0.975])
    return (float(low), float(high))


def clopper_pearson(successes: int, n: int) -> tuple[float, float]:
    """Exact 95% interval of a proportion (Clopper and Pearson 1934).

    >>> [round(end, 3) for end in clopper_pearson(0, 60)]
    [0.0, 0.06]
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be in 0 to {n}, got {successes}")
    if n == 0:
        return (float("nan"), float("nan"))
    low = 0.0 if successes == 0 else float(stats.beta.ppf(0.025, successes, n - successes + 1))
    high = 1.0 if successes == n else float(stats.beta.ppf(0.975, successes + 1, n - successes))
    return (low, high)


def proportion(metric: str, successes: int, n: int, *, better: str = "higher", note: str = "") -> Estimate:
    """A share of independent units with its Clopper-Pearson interval.

    >>> found = proportion("share_caught", 57, 60)
    >>> found.value, [round(end, 3) for end in found.ci95], found.n
    (0.95, [0.861, 0.99], 60)
    """
    value = successes / n if n else float("nan")
    return Estimate(metric, value, clopper_pearson(successes, n), n, better, note)


def bounded_interval(value: float, draws: Floats, n: int) -> tuple[float, float]:
    """Percentile interval of a quantity in [0, 1] that contains its value; exact where all ``n`` units agree."""
    if value in (0.0, 1.0):
        return clopper_pearson(n if value == 1.0 else 0, n)
    low, high = percentile_interval(draws)
    return (min(low, value), max(high, value))


def mean(
    metric: str,
    values: NDArray[np.generic],
    patients: Sequence[str] | None = None,
    *,
    seed: int = 0,
    better: str = "higher",
    note: str = "",
    bounded: bool = False,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean of ``values`` [records]; the interval resamples ``patients`` (each record its own where None).

    ``bounded`` values lie in [0, 1]: where all of them are 0, or 1, the exact interval takes over.
    """
    x = finite("values", values)
    owners = [str(i) for i in range(len(x))] if patients is None else patients
    if len(owners) != len(x) or len(x) == 0:
        raise ValueError("values and patients must have the same length, at least 1")
    weights = patient_weights(owners, seed, resamples)
    draws = weights @ x / weights.sum(axis=1)
    n, value = len(set(owners)), float(x.mean())
    interval = bounded_interval(value, draws, n) if bounded else percentile_interval(draws)
    return Estimate(metric, value, interval, n, better, note)


def ratio(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, NaN where ``whole`` is 0."""
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def _curve(positive: Floats, negative: Floats, wp: Floats, wn: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and negatives per distinct score, ascending: two arrays [resamples, levels]."""
    scores = np.concatenate([positive, negative])
    order = np.argsort(scores, kind="stable")
    levels = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    none_p, none_n = np.zeros_like(wn), np.zeros_like(wp)
    up = np.concatenate([wp, none_p], axis=1)[:, order]
    un = np.concatenate([none_n, wn], axis=1)[:, order]
    return np.add.reduceat(up, levels, axis=1), np.add.reduceat(un, levels, axis=1)


def auc_draws(positive: Floats, negative: Floats, wp: Floats, wn: Floats) -> Floats:
    """P(positive > negative) + half P(equal) per resample. Weights [resamples, n]; NaN where a class is empty."""
    wins = np.zeros(len(wp))
    step = max(1, _BLOCK // max(1, len(negative)))
    for start in range(0, len(positive), step):
        p = positive[start : start + step, None]
        order = (p > negative).astype(np.float64) + 0.5 * (p == negative)
        wins += ((wp[:, start : start + step] @ order) * wn).sum(axis=1)
    return ratio(wins, wp.sum(axis=1) * wn.sum(axis=1))


def tpr_draws(positive: Floats, negative: Floats, wp: Floats, wn: Floats, fpr: float) -> Floats:
    """Per resample, the largest true positive rate of all thresholds whose false positive rate is at most ``fpr``."""
    order = np.argsort(-negative, kind="stable")
    falsely = np.cumsum(wn[:, order], axis=1)
    over = falsely > fpr * falsely[:, -1:] + 1e-9
    # The first negative too many sets the bar, and its equals stay out with it; without one, everybody is in.
    bar = np.where(over.any(axis=1), negative[order][over.argmax(axis=1)], -np.inf)
    truly = (wp * (positive > bar[:, None])).sum(axis=1)
    return ratio(truly, np.where(falsely[:, -1] > 0, wp.sum(axis=1), 0.0))


def _ones(n: int) -> Floats:
    return np.ones((1, n))


def two_samples(
    positive: NDArray[np.generic],
    negative: NDArray[np.generic],
    positive_patients: Sequence[str] | None,
    negative_patients: Sequence[str] | None,
) -> tuple[Floats, Floats, list[str], list[str]]:
    """Checked scores and owners of two groups; each record is its own patient where None is given."""
    p, n = finite("positive scores", positive), finite("negative scores", negative)
    pp = [str(i) for i in range(len(p))] if positive_patients is None else list(positive_patients)
    nn = [str(i) for i in range(len(n))] if negative_patients is None else list(negative_patients)
    if not len(p) or not len(n) or len(pp) != len(p) or len(nn) != len(n):
        raise ValueError("both groups need at least one score, and one patient per score")
    return p, n, pp, nn


def auc(
    metric: str,
    positive: NDArray[np.generic],
    negative: NDArray[np.generic],
    *,
    positive_patients: Sequence[str] | None = None,
    negative_patients: Sequence[str] | None = None,
    seed: int = 0,
    better: str = "higher",
    note: str = "",
    resamples: int = RESAMPLES,
) -> Estimate:
    """Area under the ROC curve of two groups of disjoint patients, each resampled by itself. Ties count one half.

    >>> auc("membership_auc", np.array([0.9, 0.4, 0.7]), np.array([0.1, 0.5])).value
    0.8333333333333334

    ``n`` is the number of patients in both groups together.
    """
    p, n, pp, nn = two_samples(positive, negative, positive_patients, negative_patients)
    value = float(auc_draws(p, n, _ones(len(p)), _ones(len(n)))[0])
    draws = auc_draws(p, n, patient_weights(pp, seed, resamples), patient_weights(nn, seed + 1, resamples))
    a, b = len(set(pp)), len(set(nn))
    # Perfect separation: min(a, b) disjoint pairs, all ordered alike, are that many Bernoulli(AUC) successes.
    return Estimate(metric, value, bounded_interval(value, draws, min(a, b)), a + b, better, note)


def tpr_at_fpr(
    metric: str,
    positive: NDArray[np.generic],
    negative: NDArray[np.generic],
    fpr: float,
    *,
    positive_patients: Sequence[str] | None = None,
    negative_patients: Sequence[str] | None = None,
    seed: int = 0,
    better: str = "higher",
    note: str = "",
    resamples: int = RESAMPLES,
) -> Estimate:
    """True positive rate at a false positive rate of at most ``fpr``, without interpolation.

    With fewer than 1/fpr negatives no false positive is allowed at all, and the note says so.
    """
    if not 0 <= fpr <= 1:
        raise ValueError(f"fpr must be in [0, 1], got {fpr}")
    p, n, pp, nn = two_samples(positive, negative, positive_patients, negative_patients)
    value = float(tpr_draws(p, n, _ones(len(p)), _ones(len(n)), fpr)[0])
    draws = tpr_draws(p, n, patient_weights(pp, seed, resamples), patient_weights(nn, seed + 1, resamples), fpr)
    a, b = len(set(pp)), len(set(nn))
    return Estimate(metric, value, bounded_interval(value, draws, a), a + b, better, few_negatives(len(n), fpr, note))


def few_negatives(n: int, fpr: float, note: str = "") -> str:
    """``note``, with a word where ``n`` negatives are too few to resolve ``fpr``."""
    if n * fpr >= 1:
        return note
    return "; ".join(part for part in (note, f"{n} negatives: measured at no false positive at all") if part)


def macro_auc_draws(scores: Floats, labels: NDArray[np.bool_], weights: Floats) -> Floats:
    """Mean AUC over labels per resample, less those that lack a class. Shapes [n, L], [n, L], [resamples, n]."""
    columns = [
        auc_draws(scores[on, j], scores[~on, j], weights[:, on], weights[:, ~on]) for j, on in enumerate(labels.T)
    ]
    stacked = np.stack(columns)
    known = ~np.isnan(stacked)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    return ratio(total, known.sum(axis=0).astype(np.float64))


def patient_folds(patients: Sequence[str] | None, records: int, folds: int, seed: int) -> Indices:
    """A fold in 0 to folds − 1 per record, the same for all records of a patient; folds are even in patients."""
    owners = np.arange(records).astype(np.str_) if patients is None else np.asarray(patients, dtype=np.str_)
    if len(owners) != records:
        raise ValueError("one patient per record")
    names, index = np.unique(owners, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray((order % folds)[index], dtype=np.intp)


def jackknife_interval(value: float, *left_out: Floats) -> tuple[float, float]:
    """``value`` ± 1.96 standard errors by the delete-a-group jackknife (Shao and Tu 1995, section 2.3).

    Each array holds the statistic with one group left out at a time, for one independent source of chance (the
    patients, the samples); their variances add.
    """
    variance = sum(float((len(t) - 1) / len(t) * ((t - t.mean()) ** 2).sum()) for t in left_out if len(t) > 1)
    half = float(stats.norm.ppf(0.975)) * variance**0.5
    return (value - half, value + half)


def drawn(count: int, most: int, seed: int) -> list[int]:
    """Sorted indices of at most ``most`` of ``count`` records, drawn without replacement."""
    if count <= most:
        return list(range(count))
    return sorted(int(i) for i in np.random.default_rng(seed).choice(count, most, replace=False))


def one_per_patient(patients: Sequence[str], seed: int, limit: int | None = None) -> Indices:
    """Indices of one random record of each patient, of at most ``limit`` random patients, in order of the records."""
    owners = np.asarray(patients, dtype=np.str_)
    shuffled = np.random.default_rng(seed).permutation(len(owners))
    _, first = np.unique(owners[shuffled], return_index=True)
    chosen = shuffled[np.sort(first)[:limit]]
    return np.asarray(np.sort(chosen), dtype=np.intp)


def one_record_each(records: Sequence[Real[T, C]], seed: int) -> list[Real[T, C]]:
    """One random record of each patient, in the order of the patients' names: patients are the unit, not images."""
    ordered = sorted(records, key=lambda r: (r.patient, r.record))
    return [ordered[i] for i in one_per_patient([r.patient for r in ordered], seed)]


def some_records(records: Sequence[Real[T, C]], most: int, seed: int) -> list[Real[T, C]]:
    """One random record each of up to ``most`` random patients, in random order."""
    each = one_record_each(records, seed)
    return [each[i] for i in np.random.default_rng(seed + 1).permutation(len(each))[:most]]


def best_cut(positive: Floats, negative: Floats) -> float:
    """Threshold of the best balanced accuracy: midway between the scores on either side of the cut."""
    levels = np.unique(np.concatenate([positive, negative]))
    cuts = np.concatenate([[levels[0] - 1.0], (levels[1:] + levels[:-1]) / 2, [levels[-1] + 1.0]])
    tpr = 1 - np.searchsorted(np.sort(positive), cuts, side="right") / len(positive)
    tnr = np.searchsorted(np.sort(negative), cuts, side="right") / len(negative)
    return float(cuts[int(np.argmax(tpr + tnr))])


def measured(
    progress: Progress, figure: Callable[P, Estimate | tuple[Estimate, ...]], *args: P.args, **kwargs: P.kwargs
) -> tuple[Estimate, ...]:
    """The figures of ``figure(*args, **kwargs)``; none where there is too little data, which is said."""
    found = attempted(progress, figure, *args, **kwargs)
    if found is None:
        return ()
    return found if isinstance(found, tuple) else (found,)


def attempted(progress: Progress, work: Callable[P, Figure], *args: P.args, **kwargs: P.kwargs) -> Figure | None:
    """``work(*args, **kwargs)``; None where there is too little data, which is said."""
    try:
        return work(*args, **kwargs)
    except NotMeasurableError as error:
        progress.say(f"{getattr(work, '__name__', 'a figure').replace('_', ' ')} is not measured: {error}")
        return None
