"""Verification and retrieval against plain loops and known cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from synthgen.estimates import NotMeasurableError
from synthgen.eval.reidentification import retrieval, verification, verification_pairs


def identities(patients, records, noise, seed):
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=(patients, 12)), records, axis=0)
    x = x + noise * rng.normal(size=x.shape)
    return x / np.linalg.norm(x, axis=1, keepdims=True), [f"p{i // records}" for i in range(patients * records)]


def verify(x, patients, seed):
    pairs = verification_pairs(patients, seed)
    same, diff = ((x[p[:, 0]] * x[p[:, 1]]).sum(axis=1) for p in (pairs.same, pairs.different))
    return same, diff, verification(same, diff, pairs.same_patients, pairs.different_patients, seed)


def test_pairs_are_one_per_patient_and_of_two_patients():
    patients = ["a"] * 50 + ["b", "b", "c"]
    pairs = verification_pairs(patients, 0)
    assert pairs.same_patients == ("a", "b")
    assert all(patients[i] == patients[j] and i != j for i, j in pairs.same)
    assert sorted(pairs.different_patients) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(
        (patients[i], patients[j]) == q for (i, j), q in zip(pairs.different, pairs.different_patients, strict=True)
    )
    assert len(verification_pairs([str(i) for i in range(30)], 0, max_different=7).different) == 7


@pytest.mark.parametrize("seed", [0, 1])
def test_verification_agrees_with_sklearn_and_its_interval_is_about_patients(seed):
    x, patients = identities(40, 2, 0.8, seed)
    same, diff, (area, accuracy, rate) = verify(x, patients, seed)
    expected = roc_auc_score(np.r_[np.ones(len(same)), np.zeros(len(diff))], np.r_[same, diff])
    assert area.value == pytest.approx(expected)
    assert area.ci95[0] < area.value < area.ci95[1]
    assert area.n == 40
    assert [area.metric, accuracy.metric, rate.metric] == [
        "verification_auc", "verification_accuracy", "verification_tpr_at_fpr_0.001",
    ]  # fmt: skip
    assert "no false positive" in rate.note  # 780 pairs cannot resolve one in a thousand
    assert rate.value == pytest.approx((same > diff.max()).mean())


def test_accuracy_of_noise_is_one_half_because_the_threshold_is_cross_fitted():
    values = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        names = [str(i) for i in range(30)]
        diff = [(names[i], names[i - 1]) for i in range(30)]
        values.append(verification(rng.normal(size=30), rng.normal(size=30), names, diff, seed)[1].value)
    assert abs(np.mean(values) - 0.5) < 0.05


def test_perfect_embedding_is_perfect_and_says_how_sure():
    x, patients = identities(30, 2, 0.0, 0)
    _, _, (area, accuracy, rate) = verify(x, patients, 0)
    assert area.value == accuracy.value == rate.value == 1.0
    assert area.ci95[0] == pytest.approx(0.025 ** (1 / 30))
    assert [e.value for e in retrieval(x, patients, 0)] == [1.0, 1.0]


def test_two_pairs_of_one_patient_are_refused():
    with pytest.raises(ValueError, match="one pair per patient"):
        verification(np.ones(2), np.zeros(1), ["a", "a"], [("a", "b")], 0)
    with pytest.raises(ValueError, match="twice"):
        verification(np.ones(1), np.zeros(1), ["a"], [("a", "a")], 0)


def naive_retrieval(x, patients):
    by_patient = {}
    for q, owner in enumerate(patients):
        r = patients.count(owner) - 1
        if r == 0:
            continue
        order = sorted((i for i in range(len(x)) if i != q), key=lambda i, q=q: -float(x[i] @ x[q]))[:r]
        hits = [patients[i] == owner for i in order]
        ap = sum(sum(hits[: k + 1]) / (k + 1) for k in range(r) if hits[k]) / r
        by_patient.setdefault(owner, []).append((ap, float(hits[0])))
    return np.mean([np.mean(v, axis=0) for v in by_patient.values()], axis=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_retrieval_agrees_with_a_plain_loop(seed):
    x, patients = identities(12, 4, 1.0, seed)
    kept = [i for i in range(len(x)) if i % 5]
    x, patients = x[kept], [patients[i] for i in kept]
    found = retrieval(x, patients, seed)
    assert [e.value for e in found] == pytest.approx(list(naive_retrieval(x, patients)))


def test_a_collapsed_embedding_retrieves_nobody():
    x = np.tile([[0.6, 0.8]], (40, 1))
    found = retrieval(x, [str(i // 2) for i in range(40)], 0)
    assert [e.value for e in found] == [0.0, 0.0]


def test_a_patient_with_many_records_counts_once():
    x, patients = identities(10, 2, 0.0, 0)
    noise = np.random.default_rng(1).normal(size=(60, 12))
    x = np.concatenate([x, noise / np.linalg.norm(noise, axis=1, keepdims=True)])
    found = retrieval(x, [*patients, *["crowd"] * 60], 0)[1]
    assert found.n == 11
    assert found.value > 0.9


def test_retrieval_without_a_second_record_says_so():
    with pytest.raises(NotMeasurableError, match="two records"):
        retrieval(np.eye(3), ["a", "b", "c"], 0)
