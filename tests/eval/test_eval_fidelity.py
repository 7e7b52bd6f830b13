"""Fidelity against closed forms, plain formulas and other libraries' matrix roots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, ndimage
from scipy.spatial.distance import cdist

from synthgen.estimates import NotMeasurableError
from synthgen.eval import fidelity

shapes = st.tuples(st.integers(4, 30), st.integers(4, 30), st.integers(1, 20), st.integers(0, 1000))


def two_sets(n, m, d, seed, shift=0.5):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d))
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) @ mix / np.sqrt(d) + shift


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fid_agrees_with_the_matrix_root(seed):
    r, s = two_sets(200, 150, 8, seed)
    a, b = np.cov(r.T), np.cov(s.T)
    root = linalg.sqrtm(a @ b).real
    expected = ((r.mean(0) - s.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)
    assert fidelity.frechet_distance(r, s) == pytest.approx(expected, rel=1e-8)


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_fid_is_zero_for_the_same_set_symmetric_and_not_negative_also_with_fewer_records_than_dimensions(shape):
    r, s = two_sets(*shape)
    assert fidelity.frechet_distance(r, r) == pytest.approx(0.0, abs=1e-9)
    assert fidelity.frechet_distance(r, s) == pytest.approx(fidelity.frechet_distance(s, r), rel=1e-9, abs=1e-9)
    assert fidelity.frechet_distance(r, s) >= 0


def test_fid_of_gaussians_has_its_closed_form():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 3))
    y = 2 * rng.normal(size=(40_000, 3)) + [3, 0, 0]
    found = fidelity.fid(x, y)
    assert found.value == pytest.approx(9 + 3 * (1 - 2) ** 2, rel=0.02)
    assert found.ci95[0] < 12 < found.ci95[1]


@pytest.mark.parametrize("seed", [0, 1])
def test_kid_is_the_unbiased_estimate_and_zero_in_expectation(seed):
    r, s = two_sets(12, 9, 5, seed)

    def kernel(a, b):
        return (a @ b / 5 + 1) ** 3

    xx = np.mean([kernel(r[i], r[j]) for i in range(12) for j in range(12) if i != j])
    yy = np.mean([kernel(s[i], s[j]) for i in range(9) for j in range(9) if i != j])
    xy = np.mean([kernel(a, b) for a in r for b in s])
    assert fidelity.squared_mmd(r, s) == pytest.approx(xx + yy - 2 * xy)
    rng = np.random.default_rng(seed)
    null = [fidelity.squared_mmd(rng.normal(size=(20, 4)), rng.normal(size=(20, 4))) for _ in range(400)]
    assert abs(np.mean(null)) < 4 * np.std(null) / 20


def test_kid_covers_zero_for_fresh_draws_and_not_for_a_shift():
    rng = np.random.default_rng(0)
    covered = [
        found.ci95[0] <= 0 <= found.ci95[1]
        for found in (fidelity.kid(rng.normal(size=(80, 6)), rng.normal(size=(80, 6)), seed=s) for s in range(60))
    ]
    assert 50 <= sum(covered) <= 60
    assert fidelity.kid(rng.normal(size=(80, 6)), rng.normal(size=(80, 6)) + 1).ci95[0] > 0


def test_precision_to_coverage_agree_with_their_definitions():
    rng = np.random.default_rng(1)
    r, s, k = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + 0.7, 5
    radius = {
        name: [sorted(np.linalg.norm(x - x[i], axis=1))[k] for i in range(len(x))] for name, x in (("r", r), ("s", s))
    }
    d = cdist(r, s)
    precision = np.mean([any(d[i, j] <= radius["r"][i] for i in range(40)) for j in range(30)])
    recall = np.mean([any(d[i, j] <= radius["s"][j] for j in range(30)) for i in range(40)])
    density = sum(d[i, j] <= radius["r"][i] for i in range(40) for j in range(30)) / (k * 30)
    coverage = np.mean([any(d[i, j] <= radius["r"][i] for j in range(30)) for i in range(40)])
    found = fidelity.precision_recall_density_coverage(r, s, k=k)
    assert [e.value for e in found] == pytest.approx([precision, recall, density, coverage])
    assert [e.n for e in found] == [30, 40, 30, 40]


def test_one_synthetic_image_repeated_is_precise_and_covers_nothing():
    r = np.random.default_rng(2).normal(size=(50, 3))
    found = {e.metric: e for e in fidelity.precision_recall_density_coverage(r, np.tile(r[:1], (50, 1)))}
    assert found["precision"].value == 1.0
    assert found["precision"].ci95[0] < 1.0
    assert found["coverage"].value < 0.4


def structured(n, size, seed):
    rng = np.random.default_rng(seed)
    x = ndimage.gaussian_filter(rng.normal(size=(n, size, size)), (0, 3, 3))
    return (255 * (x - x.min()) / (x.max() - x.min())).astype(np.uint8)


def test_ms_ssim_is_one_for_equals_symmetric_and_falls_with_noise():
    x = structured(4, 64, 0)
    assert fidelity.ms_ssim(x, x) == pytest.approx(np.ones(4))
    rng = np.random.default_rng(0)
    noisy = [np.clip(x + rng.normal(0, sd, x.shape), 0, 255).astype(np.uint8) for sd in (5, 20, 60)]
    values = [fidelity.ms_ssim(x, y).mean() for y in noisy]
    assert 1 > values[0] > values[1] > values[2] > 0
    assert fidelity.ms_ssim(x, noisy[1]) == pytest.approx(fidelity.ms_ssim(noisy[1], x))
    assert [fidelity.scales_for(s) for s in (11, 44, 64, 176, 512)] == [1, 3, 3, 5, 5]


def test_ms_ssim_of_flat_images_has_its_closed_form():
    a, b = np.full((1, 32, 32), 100, dtype=np.uint8), np.full((1, 32, 32), 150, dtype=np.uint8)
    x, y, c1 = 100 / 255, 150 / 255, 0.01**2
    weights = np.array([0.0448, 0.2856])
    luminance = (2 * x * y + c1) / (
        x * x + y * y + c1
    )  # contrast and structure are 1; luminance counts at the last scale
    assert fidelity.ms_ssim(a, b)[0] == pytest.approx(luminance ** (weights[1] / weights.sum()))


def test_mode_collapse_shows_within_conditions_and_pairs_stay_within_them():
    varied = structured(24, 44, 1)
    collapsed = varied.copy()
    collapsed[:12], collapsed[12:] = varied[0], varied[12]
    groups = ["a"] * 12 + ["b"] * 12
    real, synthetic = (fidelity.ms_ssim_within(x, groups, seed=0) for x in (varied, collapsed))
    assert synthetic.value == pytest.approx(1.0)  # pairs across the two groups would lower it
    assert real.ci95[1] < synthetic.ci95[0]


def test_ms_ssim_pairs_are_of_different_patients():
    x = structured(6, 44, 2)
    with pytest.raises(NotMeasurableError, match="different patients"):
        fidelity.ms_ssim_within(x, ["a"] * 6, patients=["p"] * 6)


def test_too_few_records_are_not_measured():
    with pytest.raises(NotMeasurableError):
        fidelity.fid(np.zeros((3, 2)), np.zeros((10, 2)))
    with pytest.raises(ValueError, match="dimensions"):
        fidelity.fid(np.zeros((9, 2)), np.zeros((9, 3)))
