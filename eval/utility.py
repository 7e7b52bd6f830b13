"""Is the synthetic data of use? Train on synthetic, test on real (TSTR; Esteban et al. 2017), beside training on real.

A modality trains its own classifiers and hands over their scores on the audit records; this compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    finite,
    macro_auc_draws,
    patient_weights,
    percentile_interval,
)
from synthgen.records import Estimate

LEAST = 5


def measurable_labels(
    labels: NDArray[np.bool_], names: Sequence[str], least: int = LEAST
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Columns of ``labels`` [n, L] with at least ``least`` positives and negatives, and the names of the others."""
    positives = labels.sum(axis=0)
    enough = (positives >= least) & (len(labels) - positives >= least)
    left_out = tuple(name for name, keep in zip(names, enough, strict=True) if not keep)
    return np.flatnonzero(enough), left_out


def utility(
    labels: NDArray[np.bool_],
    names: Sequence[str],
    patients: Sequence[str],
    *,
    synthetic: NDArray[np.generic],
    real: NDArray[np.generic],
    both: NDArray[np.generic],
    pretrained: NDArray[np.generic] | None = None,
    seed: int = 0,
    note: str = "",
) -> tuple[Estimate, ...]:
    """Macro AUC on the audit records of classifiers trained on synthetic, on real of the same size, on both.

    Args:
        labels: [n, L], the truth; ``names`` its columns. Labels with fewer than 5 positives or negatives are left out,
            and named in the note.
        synthetic, real, both: [K, n, L], the scores of the three classifiers in each of K trainings.
        pretrained: likewise, of one that is trained on synthetic data first and then on the real data.

    Returns:
        ``tstr_auc_macro``, ``trtr_auc_macro``, ``train_on_both_auc_macro``, ``tstr_gap`` (real − synthetic: points
        lost) and ``augmentation_gain`` (both − real: points won); where there is one, ``pretrained_auc_macro`` and
        ``pretraining_gain`` (pretrained − real: points won). The differences are paired: one resample of patients
        serves both. The variance between trainings is added to that of the patients; with K = 1 it is not known.

    Raises:
        NotMeasurableError: no label has enough of both classes.
    """
    columns, left_out = measurable_labels(labels, names)
    if len(columns) == 0:
        raise NotMeasurableError(f"no label has {LEAST} positives and {LEAST} negatives among the audit records")
    trainings = len(synthetic)
    parts = [note, f"{trainings} trainings" if trainings > 1 else "1 training: its chance is not in the interval"]
    parts.append("labels: " + ", ".join(names[i] for i in columns))
    if left_out:
        parts.append(f"left out, fewer than {LEAST} of a class: " + ", ".join(left_out))
    text = "; ".join(part for part in parts if part)
    truth, n = labels[:, columns], len(set(patients))
    weights = np.concatenate([np.ones((1, len(truth))), patient_weights(patients, seed)])  # row 0: the figure itself

    def drawn(trained: NDArray[np.generic]) -> Floats:
        return np.stack([macro_auc_draws(x[:, columns], truth, weights) for x in finite("scores", trained)])

    s, r, b = drawn(synthetic), drawn(real), drawn(both)

    def figure(metric: str, draws: Floats, low: float, better: str) -> Estimate:
        value = float(draws[:, 0].mean())
        ends = _over_trainings(draws[:, 0], draws[:, 1:])
        return Estimate(metric, value, (max(low, ends[0]), min(1.0, ends[1])), n, better, text)

    found = (
        figure("tstr_auc_macro", s, 0.0, "higher"),
        figure("trtr_auc_macro", r, 0.0, "higher"),
        figure("train_on_both_auc_macro", b, 0.0, "higher"),
        figure("tstr_gap", r - s, -1.0, "lower"),
        figure("augmentation_gain", b - r, -1.0, "higher"),
    )
    if pretrained is None:
        return found
    p = drawn(pretrained)
    return (*found, figure("pretrained_auc_macro", p, 0.0, "higher"), figure("pretraining_gain", p - r, -1.0, "higher"))


def _over_trainings(values: Floats, draws: Floats) -> tuple[float, float]:
    """Interval of a mean over K trainings, values [K], draws [K, resamples]: patients' and trainings' variances add.

    Student's t with Satterthwaite's degrees of freedom, K − 1 for the trainings and very many for the patients.
    """
    patients = float(np.nanvar(draws.mean(axis=0)))
    trainings = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    if trainings == 0:
        return percentile_interval(draws.mean(axis=0))
    freedom = (len(values) - 1) * ((patients + trainings) / trainings) ** 2
    half = float(stats.t.ppf(0.975, freedom)) * (patients + trainings) ** 0.5
    return (float(values.mean()) - half, float(values.mean()) + half)
