"""Do synthetic images show what they were asked to show? A classifier that was trained on real images reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    bounded_interval,
    macro_auc_draws,
    one_per_patient,
    patient_weights,
    tpr_at_fpr,
)
from synthgen.eval.cxr.classifier import LabelledImages, Tstr, label_matrix
from synthgen.eval.utility import LEAST, measurable_labels
from synthgen.records import Estimate

FALSE_ALARMS = 0.1
"""Share of real held-out images without a finding in which the reader sees it, at the threshold of its recall."""

Labels = NDArray[np.bool_]


def label_figures(
    synthetic: LabelledImages, held_out: LabelledImages, reader: Tstr, *, seed: int
) -> tuple[Estimate, ...]:
    """``label_auc_macro`` and ``label_recall_<finding>``, each beside the same of real images (``…_real``).

    The AUC is within the synthetic images: those asked to show a label against those that were not, so that a change of
    style common to all is nothing. Recall is at the threshold at which the reader sees the finding in 10% of the real
    images without it; the note has how often it sees it in synthetic images that were not asked for it.

    Args:
        held_out: real images that the reader was not trained on; one of each patient is used.
        reader: trained on all of T; where it is several networks, their mean.

    Raises:
        NotMeasurableError: no label has 5 images with and without it on both sides.
    """
    real = held_out.take(one_per_patient(held_out.patients, seed))
    truth_s, truth_r = (label_matrix(x.conditions, reader.names) for x in (synthetic, real))
    both = (measurable_labels(truth, reader.names)[0] for truth in (truth_s, truth_r))
    columns = np.array(sorted(set.intersection(*(set(map(int, found)) for found in both))), dtype=np.intp)
    if len(columns) == 0:
        raise NotMeasurableError(f"no label has {LEAST} images with and without it, synthetic and real")
    names = [reader.names[i] for i in columns]
    s, r = (reader.read(x.images)[:, columns] for x in (synthetic, real))
    truth_s, truth_r = truth_s[:, columns], truth_r[:, columns]
    told = f"read by a classifier trained on all real images of T; labels: {', '.join(names)}"
    found = [
        _macro_auc("label_auc_macro", s, truth_s, [str(i) for i in range(len(s))], seed, told),
        _macro_auc("label_auc_macro_real", r, truth_r, real.patients, seed, told),
    ]
    for j, name in enumerate(names):
        found += _recall(name, s[:, j], truth_s[:, j], r[:, j], truth_r[:, j], seed)
    return tuple(found)


def _macro_auc(metric: str, scores: Floats, truth: Labels, owners: Sequence[str], seed: int, note: str) -> Estimate:
    value = float(macro_auc_draws(scores, truth, np.ones((1, len(scores))))[0])
    draws = macro_auc_draws(scores, truth, patient_weights(owners, seed))
    n = len(set(owners))
    return Estimate(metric, value, bounded_interval(value, draws, n), n, "higher", note)


def _recall(name: str, s: Floats, asked: Labels, r: Floats, has: Labels, seed: int) -> tuple[Estimate, Estimate]:
    metric = f"label_recall_{'_'.join(name.lower().split())}"
    told = f"at {FALSE_ALARMS:.0%} false alarms in real held-out images"
    bar = np.sort(r[~has])[::-1][int(FALSE_ALARMS * (~has).sum())]
    false = f"seen in {float((s[~asked] > bar).mean()):.0%} of those not asked for it"
    return (
        tpr_at_fpr(metric, s[asked], r[~has], FALSE_ALARMS, seed=seed, note=f"{told}; {false}"),
        tpr_at_fpr(f"{metric}_real", r[has], r[~has], FALSE_ALARMS, seed=seed, note=told),
    )
