"""Is the synthetic data of use? Train on synthetic, test on real (TSTR; Esteban et al. 2017), beside training on real.

A modality trains its own classifiers and hands over their scores on the audit records; this compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.eval.estimates import (
    Floats,
    NotMeasurableError,
    finite,
    macro_auc,
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
    seed: int = 0,
    note: str = "",
) -> tuple[Estimate, ...]:
    """Macro AUC on the audit records of classifiers trained on synthetic, on real (of the same size) and on both.

    Args:
        labels: [n, L], the truth; ``names`` its columns. Labels with fewer than 5 positives or negatives are left out,
            and named in the note.
        synthetic, real, both: [n, L], the scores of the three classifiers.

    Returns:
        ``tstr_auc_macro``, ``trtr_auc_macro``, ``train_on_both_auc_macro``, ``tstr_gap`` (real − synthetic: points
        lost) and ``augmentation_gain`` (both − real: points won). The differences are paired: one resample of patients
        serves both. The intervals hold for these trained classifiers; the chance of another training is not in them.

    Raises:
        NotMeasurableError: no label has enough of both classes.
    """
    columns, left_out = measurable_labels(labels, names)
    if len(columns) == 0:
        raise NotMeasurableError(f"no label has {LEAST} positives and {LEAST} negatives among the audit records")
    parts = [note, "labels: " + ", ".join(names[i] for i in columns)]
    if left_out:
        parts.append(f"left out, fewer than {LEAST} of a class: " + ", ".join(left_out))
    text = "; ".join(part for part in parts if part)
    truth = labels[:, columns]
    s, r, b = (finite("scores", x)[:, columns] for x in (synthetic, real, both))
    weights = patient_weights(patients, seed)

    def difference(metric: str, first: Floats, second: Floats, better: str) -> Estimate:
        one = np.ones((1, len(truth)))
        value = float((macro_auc_draws(first, truth, one) - macro_auc_draws(second, truth, one))[0])
        draws = macro_auc_draws(first, truth, weights) - macro_auc_draws(second, truth, weights)
        return Estimate(metric, value, percentile_interval(draws), len(set(patients)), better, text)

    return (
        macro_auc("tstr_auc_macro", s, truth, patients, seed=seed, note=text),
        macro_auc("trtr_auc_macro", r, truth, patients, seed=seed, note=text),
        macro_auc("train_on_both_auc_macro", b, truth, patients, seed=seed, note=text),
        difference("tstr_gap", r, s, "lower"),
        difference("augmentation_gain", b, r, "higher"),
    )
