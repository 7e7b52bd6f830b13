"""Re-identification by an embedding: verification of pairs and retrieval (Packhäuser et al. 2022, Sci Rep 12:14851).

Published on ChestX-ray14: AUC 0.9940, accuracy 95.55%, mAP@R 0.9748, precision@1 0.9963. Their 50,000 positive test
pairs come from 144 patients, half of them from 9; here a patient gives one positive pair, and counts once in retrieval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import (
    Floats,
    Indices,
    NotMeasurableError,
    auc_draws,
    best_cut,
    blocks,
    bounded_interval,
    few_negatives,
    finite,
    mean,
    patient_counts,
    tpr_draws,
    two_samples,
)
from synthgen.records import Estimate

MAX_DIFFERENT = 20_000
RESAMPLES = 1000


@dataclass(frozen=True)
class Pairs:
    """Pairs of record indices. ``same`` [P, 2]: one per patient who has two records. ``different`` [D, 2]."""

    same: Indices
    different: Indices
    same_patients: tuple[str, ...]
    different_patients: tuple[tuple[str, str], ...]


def verification_pairs(patients: Sequence[str], seed: int, max_different: int = MAX_DIFFERENT) -> Pairs:
    """One random pair of records per patient who has two, and pairs of different patients, one random record of each.

    All pairs of patients are taken, or ``max_different`` random ones of them, so that a false positive rate of 10⁻³ can
    be resolved with 50 patients; ``verification`` resamples patients, so that this narrows no interval.
    """
    rng = np.random.default_rng(seed)
    owners = np.asarray(patients, dtype=np.str_)
    names = np.unique(owners)
    records = [rng.permutation(np.flatnonzero(owners == name)) for name in names]
    twice = [i for i, own in enumerate(records) if len(own) >= 2]
    a, b = np.triu_indices(len(names), k=1)
    if len(a) > max_different:
        kept = np.sort(rng.choice(len(a), max_different, replace=False))
        a, b = a[kept], b[kept]
    first = np.array([own[0] for own in records], dtype=np.intp)
    return Pairs(
        same=np.array([records[i][:2] for i in twice], dtype=np.intp).reshape(-1, 2),
        different=np.stack([first[a], first[b]], axis=1),
        same_patients=tuple(str(names[i]) for i in twice),
        different_patients=tuple((str(names[i]), str(names[j])) for i, j in zip(a, b, strict=True)),
    )


def _cross_fitted_hits(
    same: Floats, diff: Floats, owner_same: Indices, owner_diff: Indices, half: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """1.0 where a pair is judged right by the threshold that was set on the other half of the patients."""
    hit_same, hit_diff = np.zeros(len(same)), np.zeros(len(diff))
    for side in (False, True):
        on_s, on_d = half[owner_same] == side, half[owner_diff] == side
        fit_s, fit_d = (~on_s, ~on_d) if (~on_s).any() and (~on_d).any() else (on_s | True, on_d | True)
        cut = best_cut(same[fit_s], diff[fit_d])
        hit_same[on_s], hit_diff[on_d] = same[on_s] > cut, diff[on_d] <= cut
    return hit_same, hit_diff


def verification(
    same: NDArray[np.generic],
    diff: NDArray[np.generic],
    same_patients: Sequence[str],
    diff_patients: Sequence[tuple[str, str]],
    seed: int,
) -> tuple[Estimate, ...]:
    """``verification_auc``, ``verification_accuracy`` and ``verification_tpr_at_fpr_0.001`` of pair scores.

    Args:
        same: scores of pairs of one patient, [P]; higher means more likely the same patient.
        diff: scores of pairs of two patients, [D].
        same_patients: the patient of each pair of ``same``; each patient once.
        diff_patients: the two patients of each pair of ``diff``.

    Accuracy weighs both kinds alike (as with equally many pairs of each), at a threshold set on the other half of the
    patients. Patients are resampled, and a pair of two patients weighs the product of their counts (the pigeonhole
    bootstrap, Owen 2007, which errs on the wide side).

    Raises:
        ValueError: a patient has two pairs in ``same``, a pair of ``diff`` has one patient twice, or a group is empty.
    """
    s, d, owners, _ = two_samples(same, diff, same_patients, [a for a, _ in diff_patients])
    if len(set(owners)) != len(owners):
        raise ValueError("one pair per patient: a patient occurs twice in same_patients")
    if any(a == b for a, b in diff_patients):
        raise ValueError("a pair of different patients names one patient twice")
    names = sorted(set(owners).union(*diff_patients))
    index = {name: i for i, name in enumerate(names)}
    own = np.array([index[p] for p in owners], dtype=np.intp)
    left = np.array([index[a] for a, _ in diff_patients], dtype=np.intp)
    right = np.array([index[b] for _, b in diff_patients], dtype=np.intp)
    half = np.zeros(len(names), dtype=np.bool_)
    half[np.random.default_rng(seed).permutation(len(names))[: len(names) // 2]] = True
    hit_s, hit_d = _cross_fitted_hits(s, d, own, left, half)

    def statistics(ws: Floats, wd: Floats) -> Floats:
        with np.errstate(invalid="ignore"):  # a resample may miss one kind of pairs: NaN, left out
            accuracy = (ws @ hit_s / ws.sum(1) + wd @ hit_d / wd.sum(1)) / 2
        return np.stack([auc_draws(s, d, ws, wd), accuracy, tpr_draws(s, d, ws, wd, 1e-3)])

    values = statistics(np.ones((1, len(s))), np.ones((1, len(d))))[:, 0]
    counts = patient_counts(len(names), seed, RESAMPLES)
    parts = [counts[block] for block in blocks(RESAMPLES, len(s) + len(d))]
    draws = np.concatenate([statistics(c[:, own], c[:, left] * c[:, right]) for c in parts], axis=1)
    note = f"{len(s)} pairs of one patient (one per patient), {len(d)} pairs of two"
    fitted = f"{note}; both kinds weigh alike, threshold from the other half of the patients"
    notes = (note, fitted, few_negatives(len(d), 1e-3, note))
    metrics = ("verification_auc", "verification_accuracy", "verification_tpr_at_fpr_0.001")
    return tuple(
        Estimate(metric, float(value), bounded_interval(float(value), draw, len(s)), len(s), "higher", text)
        for metric, value, draw, text in zip(metrics, values, draws, notes, strict=True)
    )


def retrieval(embeddings: NDArray[np.generic], patients: Sequence[str], seed: int) -> tuple[Estimate, ...]:
    """``retrieval_map_at_r`` (Musgrave et al. 2020, eq. 3) and ``retrieval_p_at_1``: every record queries all others.

    Args:
        embeddings: [N, D], unit norm; similarity is the dot product.
        patients: owner of each row. Patients with one record are distractors, and no query.

    A patient's queries are averaged first, so that one with many records counts once. Among equal similarities the
    other patients' records come first: an embedding that has collapsed scores 0, not 1.

    Raises:
        ValueError: shapes differ, a value is not finite, or no patient has two records.
    """
    x = finite("embeddings", embeddings)
    owners = np.asarray(patients, dtype=np.str_)
    if x.ndim != 2 or len(owners) != len(x):
        raise ValueError("embeddings must be [N, D], with one patient per row")
    names, index, records = np.unique(owners, return_inverse=True, return_counts=True)
    if not (records >= 2).any():
        raise NotMeasurableError("retrieval needs a patient with two records")
    ap, hit, query_owner = [], [], []
    for q in np.flatnonzero(records[index] >= 2):
        similarity = np.round(x @ x[q], 12)  # equal vectors must tie whatever the order of summation
        relevant = index == index[q]
        others = np.delete(np.arange(len(x)), q)
        r = int(records[index[q]]) - 1
        ranked = others[np.lexsort((relevant[others], -similarity[others]))][:r]
        found = relevant[ranked]
        precision = np.cumsum(found) / np.arange(1, r + 1)
        ap.append(float((precision * found).sum() / r))
        hit.append(float(found[0]))
        query_owner.append(index[q])
    owner = np.array(query_owner)
    queries = np.bincount(owner, minlength=len(names))
    kept = queries > 0

    def per_patient(metric: str, values: list[float]) -> Estimate:
        own = np.bincount(owner, weights=values, minlength=len(names))[kept] / queries[kept]
        note = f"{len(owner)} queries among {len(x)} records; each patient counts once"
        return mean(metric, own, seed=seed, bounded=True, note=note)

    return (per_patient("retrieval_map_at_r", ap), per_patient("retrieval_p_at_1", hit))
