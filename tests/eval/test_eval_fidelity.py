"""Fidelity against closed forms, plain formulas and other libraries' matrix roots."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, ndimage, signal
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


class Features(torch.nn.Module):
    """What torchmetrics takes for a network: features as they are."""

    num_features = 8

    def forward(self, x):
        return x


@pytest.mark.parametrize("seed", [0, 1])
def test_fid_and_kid_agree_with_torchmetrics(seed):
    fid = pytest.importorskip("torchmetrics.image.fid").FrechetInceptionDistance
    kid = pytest.importorskip("torchmetrics.image.kid").KernelInceptionDistance
    r, s = two_sets(60, 60, 8, seed)
    theirs = (
        fid(feature=Features()).set_dtype(torch.float64),
        kid(feature=Features(), subsets=1, subset_size=60),
    )
    for metric in theirs:
        metric.update(torch.from_numpy(r), real=True)
        metric.update(torch.from_numpy(s), real=False)
    assert fidelity.frechet_distance(r, s) == pytest.approx(float(theirs[0].compute()), rel=1e-4)
    assert fidelity.squared_mmd(r, s) == pytest.approx(float(theirs[1].compute()[0]), rel=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_precision_to_coverage_agree_with_their_authors(seed):
    theirs = pytest.importorskip("prdc").compute_prdc
    r, s = two_sets(50, 40, 4, seed)
    found = fidelity.precision_recall_density_coverage(r, s, k=5, suffix="_x")
    expected = theirs(real_features=r, fake_features=s, nearest_k=5)
    assert {e.metric.removesuffix("_x"): e.value for e in found} == pytest.approx(expected)


@pytest.mark.parametrize(("real", "synthetic"), [(60, 60), (100, 12), (40, 160)])
def test_expected_coverage_is_that_of_one_distribution(real, synthetic):
    rng = np.random.default_rng(real)
    covered = [
        fidelity.precision_recall_density_coverage(rng.normal(size=(real, 4)), rng.normal(size=(synthetic, 4)))[3].value
        for _ in range(60)
    ]
    assert fidelity.expected_coverage(real, synthetic) == pytest.approx(np.mean(covered), abs=0.03)


def test_the_radial_spectrum_agrees_with_scipys_periodograms():
    """Two-dimensional: along the rows by one periodogram, along the columns by another; rings by a plain mask."""
    images = structured(3, 64, 0)
    at, power = fidelity.radial_spectra(images)
    assert at[0] == pytest.approx(0.01) and len(at) == 25 and power.shape == (3, 25)
    x = (images - images.mean(axis=(1, 2), keepdims=True)) / images.std(axis=(1, 2), keepdims=True)
    scaled = np.sqrt((signal.windows.hann(64, sym=False) ** 2).sum())
    along = np.fft.fft(x * signal.windows.hann(64, sym=False)[None, :, None] / scaled, axis=1)
    f, parts = signal.periodogram(
        np.concatenate([along.real, along.imag]), window="hann", detrend=False, return_onesided=False, axis=2
    )
    full = parts[:3] + parts[3:]  # cross terms of k and −k cancel within a ring
    radius = np.hypot(*np.meshgrid(f, f, indexing="ij"))
    inside = (radius >= 0.2) & (radius < 0.22)
    assert power[:, 10] == pytest.approx(full[:, inside].mean(axis=1))


def films(n, size, seed, blur=0.0):
    """Coarse bodies under fine grain, blurred as a whole."""
    noise = np.random.default_rng(seed).normal(size=(2, n, size, size))
    body, grain = ndimage.gaussian_filter(noise[0], (0, size / 10, size / 10), mode="wrap"), noise[1]
    x = 40 * body / body.std() + 12 * grain
    x = ndimage.gaussian_filter(x, (0, blur, blur), mode="wrap") if blur else x
    return np.clip(128 + x, 0, 255).astype(np.uint8)


def test_radial_power_is_one_for_fresh_draws_and_falls_with_blur():
    same = by_metric(fidelity.radial_power(films(30, 64, 0), films(40, 64, 1)))
    assert all(e.ci95[0] < 1.05 and e.ci95[1] > 0.95 for e in same.values())
    assert same["radial_power_mean"].value == pytest.approx(1, abs=0.1)
    blurred = by_metric(fidelity.radial_power(films(30, 64, 0), films(40, 64, 1, blur=1.0), suffix="_x"))
    assert blurred["radial_power_mean_x"].ci95[1] < 0.5
    assert blurred["radial_power_worst_x"].value < blurred["radial_power_mean_x"].value
    assert "0.38 to 0.40 cycles per pixel" in blurred["radial_power_worst_x"].note


def test_radial_power_of_a_known_gain_has_its_closed_form():
    """Half noise, half another noise that one wave was added to: power rises in that wave's ring alone."""
    x = films(20, 64, 0)
    wave = 40 * np.sin(2 * np.pi * 0.25 * np.arange(64))
    waved = np.clip(films(20, 64, 1) + wave[None, None, :], 0, 255).astype(np.uint8)
    worst = by_metric(fidelity.radial_power(x, waved))["radial_power_worst"]
    assert worst.value > 3 and "0.24 to 0.26" in worst.note


def test_radial_power_resamples_patients():
    x, y = films(20, 32, 0), films(20, 32, 1)
    x[10:] = np.clip(x[10:] * 0.0 + films(10, 32, 5, blur=1.5), 0, 255).astype(np.uint8)
    alone = by_metric(fidelity.radial_power(x, y))["radial_power_mean"]
    owned = by_metric(fidelity.radial_power(x, y, real_patients=["a"] * 10 + ["b"] * 10))["radial_power_mean"]
    assert owned.n == 2 and alone.n == 20
    assert owned.ci95[1] - owned.ci95[0] > 1.5 * (alone.ci95[1] - alone.ci95[0])


def test_sizes_that_differ_are_no_spectrum():
    with pytest.raises(ValueError, match="one size"):
        fidelity.radial_power(films(4, 32, 0), films(4, 64, 0))
    with pytest.raises(NotMeasurableError):
        fidelity.radial_power(films(1, 32, 0), films(4, 32, 0))


def by_metric(estimates):
    return {e.metric: e for e in estimates}
