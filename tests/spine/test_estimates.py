"""Estimates against scikit-learn and scipy, their invariants, and the rate at which their intervals cover the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from synthgen import estimates

scores = st.lists(st.integers(-5, 5), min_size=2, max_size=30).map(lambda x: np.array(x, dtype=float))


@settings(max_examples=60, deadline=None)
@given(scores, scores)
def test_auc_agrees_with_sklearn_and_ties_count_half(positive, negative):
    expected = roc_auc_score(np.r_[np.ones(len(positive)), np.zeros(len(negative))], np.r_[positive, negative])
    assert estimates.auc("auc", positive, negative, resamples=2).value == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(scores, scores, st.integers(0, 3))
def test_auc_and_its_interval_do_not_change_under_monotone_maps(positive, negative, seed):
    one = estimates.auc("auc", positive, negative, seed=seed, resamples=50)
    two = estimates.auc("auc", np.exp(positive) * 3 - 1, np.exp(negative) * 3 - 1, seed=seed, resamples=50)
    assert one == two
    swapped = estimates.auc("auc", -positive, -negative, seed=seed, resamples=50)
    assert swapped.value == pytest.approx(1 - one.value)


@settings(max_examples=60, deadline=None)
@given(scores, scores, st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_tpr_at_fpr_agrees_with_sklearns_curve(positive, negative, rate):
    fpr, tpr, _ = roc_curve(
        np.r_[np.ones(len(positive)), np.zeros(len(negative))], np.r_[positive, negative], drop_intermediate=False
    )
    found = estimates.tpr_at_fpr("tpr", positive, negative, rate, resamples=2)
    assert found.value == pytest.approx(tpr[fpr <= rate + 1e-9].max())
    assert ("no false positive" in found.note) == (len(negative) * rate < 1)


def test_a_weighted_draw_is_the_statistic_of_the_resampled_records():
    rng = np.random.default_rng(0)
    p, n = rng.integers(0, 6, 20).astype(float), rng.integers(0, 6, 15).astype(float)
    wp, wn = rng.integers(0, 4, (5, 20)).astype(float), rng.integers(0, 4, (5, 15)).astype(float)
    draws = estimates.auc_draws(p, n, wp, wn)
    rates = estimates.tpr_draws(p, n, wp, wn, 0.2)
    for i in range(5):
        a, b = np.repeat(p, wp[i].astype(int)), np.repeat(n, wn[i].astype(int))
        truth = np.r_[np.ones(len(a)), np.zeros(len(b))]
        assert draws[i] == pytest.approx(roc_auc_score(truth, np.r_[a, b]))
        fpr, tpr, _ = roc_curve(truth, np.r_[a, b], drop_intermediate=False)
        assert rates[i] == pytest.approx(tpr[fpr <= 0.2 + 1e-9].max())


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 17), (299, 300)])
def test_clopper_pearson_agrees_with_scipy(k, n):
    expected = stats.binomtest(k, n).proportion_ci(method="exact")
    assert estimates.clopper_pearson(k, n) == pytest.approx((expected.low, expected.high))


def test_macro_auc_agrees_with_sklearn():
    rng = np.random.default_rng(1)
    labels, guess = rng.random((80, 3)) < 0.4, rng.normal(size=(80, 3))
    weights = np.stack([np.ones(80), rng.integers(0, 3, 80).astype(float)])
    plain, resampled = estimates.macro_auc_draws(guess, labels, weights)
    assert plain == pytest.approx(roc_auc_score(labels, guess, average="macro"))
    assert resampled == pytest.approx(roc_auc_score(labels, guess, average="macro", sample_weight=weights[1]))


def test_many_images_of_a_patient_do_not_narrow_the_interval():
    rng = np.random.default_rng(2)
    p, n = rng.normal(0.5, 1, 40), rng.normal(0, 1, 40)
    single = estimates.auc("auc", p, n, seed=3)
    owners = [f"p{i:02d}" for i in range(40) for _ in range(9)]
    many = estimates.auc(
        "auc", np.repeat(p, 9), np.repeat(n, 9), positive_patients=owners, negative_patients=owners, seed=3
    )
    by_image = estimates.auc("auc", np.repeat(p, 9), np.repeat(n, 9), seed=3)

    def width(x):
        return x.ci95[1] - x.ci95[0]

    assert many.n == single.n == 80
    assert width(many) == pytest.approx(width(single), rel=0.2)
    assert width(by_image) < 0.5 * width(single)  # what must not be reported


def test_perfect_separation_still_has_an_interval():
    found = estimates.auc("auc", np.arange(10) + 100, np.arange(12))
    assert found.value == 1.0
    assert found.ci95 == pytest.approx((0.025 ** (1 / 10), 1.0))
    assert estimates.mean("share", np.zeros(20), bounded=True).ci95 == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))


def test_the_auc_interval_covers_the_truth_at_the_nominal_rate():
    rng = np.random.default_rng(4)
    truth = stats.norm.cdf(0.8 / math.sqrt(2))
    hits = 0
    for seed in range(300):
        # three images a patient, alike: what a naive interval over images gets wrong
        p, n = (np.repeat(rng.normal(shift, 1, 50), 3) + rng.normal(0, 1e-3, 150) for shift in (0.8, 0.0))
        owners = [str(i // 3) for i in range(150)]
        found = estimates.auc("auc", p, n, positive_patients=owners, negative_patients=owners, seed=seed, resamples=200)
        hits += found.ci95[0] <= truth <= found.ci95[1]
    low, high = stats.binom.ppf([1e-3, 1 - 1e-3], 300, 0.94)
    assert low <= hits <= high


def test_the_interval_of_a_mean_covers_at_the_nominal_rate():
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(400):
        images = rng.integers(1, 5, 60)
        values, owners = np.repeat(rng.exponential(1.0, 60), images), np.repeat(np.arange(60).astype(str), images)
        found = estimates.mean("mean", values, list(owners), seed=seed, resamples=200)
        hits += found.ci95[0] <= 1.0 <= found.ci95[1]
    assert 0.88 <= hits / 400 <= 0.98


def test_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(6).normal(size=50)
    left = np.array([np.delete(x, i).mean() for i in range(50)])
    low, high = estimates.jackknife_interval(float(x.mean()), left)
    assert (high - low) / 2 == pytest.approx(1.959964 * x.std(ddof=1) / math.sqrt(50), rel=1e-6)


def test_best_cut_separates_and_sits_between():
    assert estimates.best_cut(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(0, 5), st.integers(1, 4))
def test_one_per_patient_and_folds_respect_patients(patients, seed, folds):
    rows = estimates.one_per_patient(patients, seed)
    assert sorted(patients[i] for i in rows) == sorted(set(patients))
    assert len(estimates.one_per_patient(patients, seed, 3)) == min(3, len(set(patients)))
    fold = estimates.patient_folds(patients, len(patients), folds, seed)
    assert all(len({int(f) for f, p in zip(fold, patients, strict=True) if p == q}) == 1 for q in set(patients))


def test_limit_of_patients_is_not_by_name():
    chosen = {i for seed in range(40) for i in estimates.one_per_patient([f"{i:03d}" for i in range(50)], seed, 5)}
    assert len(chosen) > 40


@pytest.mark.parametrize("bad", [np.array([1.0, np.nan]), np.array([np.inf, 0.0])])
def test_scores_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        estimates.auc("auc", bad, np.zeros(2))


def test_same_seed_same_interval():
    p, n = np.random.default_rng(0).normal(size=(2, 30))
    assert estimates.auc("auc", p, n, seed=1) == estimates.auc("auc", p, n, seed=1)
    assert estimates.auc("auc", p, n, seed=1).ci95 != estimates.auc("auc", p, n, seed=2).ci95
