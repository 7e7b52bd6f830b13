"""How like the real data the synthetic data is, and how varied: FID, KID, precision to coverage, spectra, MS-SSIM.

Features are [records, dimensions] in a stated space; say beside each figure which network, size and resize made them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal, stats
from scipy.spatial.distance import cdist

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    finite,
    jackknife_interval,
    mean,
    patient_folds,
    patient_weights,
    percentile_interval,
    ratio,
)
from synthgen.records import Estimate

NEAREST = 5  # Kynkäänniemi 2019 uses 3, Naeem 2020 uses 5
_SCALE_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # Wang et al. 2003, section 3.2
_WINDOW = 11


def _feature_sets(real: NDArray[np.generic], synthetic: NDArray[np.generic], least: int) -> tuple[Floats, Floats]:
    r, s = finite("real features", real), finite("synthetic features", synthetic)
    if r.ndim != 2 or s.ndim != 2 or r.shape[1] != s.shape[1]:
        raise ValueError("features must be [records, dimensions], with the same dimensions on both sides")
    if min(len(r), len(s)) < least:
        raise NotMeasurableError(f"both sides need at least {least} records, got {len(r)} and {len(s)}")
    return r, s


def _root_of_covariance(x: Floats) -> Floats:
    """The triangular R [min(n, d), d] with RᵀR = the covariance of ``x`` [n, d]."""
    return np.asarray(np.linalg.qr((x - x.mean(axis=0)) / np.sqrt(len(x) - 1)).R, dtype=np.float64)


def frechet_distance(real: Floats, synthetic: Floats) -> float:
    """|μ_r − μ_s|² + tr(Σ_r + Σ_s − 2(Σ_r Σ_s)^½) of two feature sets [n, d], [m, d] (Heusel et al. 2017, eq. 6).

    With Σ_r = AᵀA and Σ_s = BᵀB the trace of the root is the sum of the singular values of A Bᵀ: no root of a product
    of singular matrices is taken, so it holds for n < d. The triangular factors keep A Bᵀ at [≤ d, ≤ d].
    """
    a, b = _root_of_covariance(real), _root_of_covariance(synthetic)
    root = float(np.linalg.svd(a @ b.T, compute_uv=False).sum())
    shift = float(((real.mean(axis=0) - synthetic.mean(axis=0)) ** 2).sum())
    return max(0.0, shift + float((a**2).sum()) + float((b**2).sum()) - 2 * root)


def fid(
    features_real: NDArray[np.generic],
    features_synth: NDArray[np.generic],
    *,
    real_patients: Sequence[str] | None = None,
    seed: int = 0,
    metric: str = "fid",
    note: str = "",
) -> Estimate:
    """Fréchet distance with a jackknife interval that leaves out a tenth of the patients and of the samples at a time.

    It is biased upwards in small sets, by more the smaller: compare only sets of the same sizes. (A bootstrap would add
    that bias a second time; the jackknife does not.) ``n`` is the smaller side.
    """
    r, s = _feature_sets(features_real, features_synth, least=4)
    value = frechet_distance(r, s)
    fold_r, fold_s = patient_folds(real_patients, len(r), 10, seed), patient_folds(None, len(s), 10, seed + 1)
    left_real = np.array([frechet_distance(r[fold_r != f], s) for f in np.unique(fold_r)])
    left_synth = np.array([frechet_distance(r, s[fold_s != f]) for f in np.unique(fold_s)])
    low, high = jackknife_interval(value, left_real, left_synth)
    return Estimate(metric, value, (max(0.0, low), high), min(int(fold_r.size), len(s)), "lower", note)


def _kernel(x: Floats, y: Floats) -> Floats:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3, dtype=np.float64)


def squared_mmd(x: Floats, y: Floats) -> float:
    """Unbiased squared MMD under (xᵀy/d + 1)³ (Bińkowski et al. 2018, eq. 4); it may be negative."""
    kxx, kyy = _kernel(x, x), _kernel(y, y)
    n, m = len(x), len(y)
    within = (kxx.sum() - np.trace(kxx)) / (n * (n - 1)) + (kyy.sum() - np.trace(kyy)) / (m * (m - 1))
    return float(within - 2 * _kernel(x, y).mean())


def kid(
    features_real: NDArray[np.generic],
    features_synth: NDArray[np.generic],
    *,
    real_patients: Sequence[str] | None = None,
    seed: int = 0,
    metric: str = "kid",
    note: str = "",
) -> Estimate:
    """Mean of the unbiased squared MMD over 4 to 10 blocks, disjoint by patient, with a t interval over the blocks."""
    r, s = _feature_sets(features_real, features_synth, least=8)
    count = int(np.clip(min(len(r), len(s)) // 10, 4, 10))
    fold_r, fold_s = patient_folds(real_patients, len(r), count, seed), patient_folds(None, len(s), count, seed + 1)
    blocks = [(r[fold_r == f], s[fold_s == f]) for f in range(count)]
    values = np.array([squared_mmd(x, y) for x, y in blocks if min(len(x), len(y)) >= 2])
    if len(values) < 2:
        raise NotMeasurableError("KID needs at least two blocks of two patients and two samples")
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    value = float(values.mean())
    return Estimate(metric, value, (value - half, value + half), min(len(r), len(s)), "lower", note)


def precision_recall_density_coverage(
    features_real: NDArray[np.generic],
    features_synth: NDArray[np.generic],
    *,
    k: int = NEAREST,
    real_patients: Sequence[str] | None = None,
    seed: int = 0,
    prefix: str = "",
    suffix: str = "",
    note: str = "",
) -> tuple[Estimate, ...]:
    """Precision and recall (Kynkäänniemi et al. 2019, eq. 2), density and coverage (Naeem et al. 2020, eqs. 4 and 5).

    The balls reach to the k-th nearest other record of their own set; give one record per patient, or a patient's own
    images shrink them. The intervals resample the samples judged (patients for recall and coverage), balls held fixed.
    """
    r, s = _feature_sets(features_real, features_synth, least=k + 1)
    between = cdist(r, s)
    radius_r, radius_s = (np.partition(cdist(x, x), k, axis=1)[:, k] for x in (r, s))  # column 0 is the record itself
    in_real = between <= radius_r[:, None]
    judged: tuple[tuple[str, Floats, Sequence[str] | None], ...] = (
        ("precision", in_real.any(axis=0).astype(np.float64), None),
        ("recall", (between <= radius_s[None, :]).any(axis=1).astype(np.float64), real_patients),
        ("density", in_real.sum(axis=0) / k, None),
        ("coverage", (between.min(axis=1) <= radius_r).astype(np.float64), real_patients),
    )
    return tuple(
        mean(prefix + name + suffix, hits, owners, seed=seed, bounded=name != "density", note=note)
        for name, hits, owners in judged
    )


def expected_coverage(real: int, synthetic: int, k: int = NEAREST) -> float:
    """The coverage that samples of the very distribution of the real records have, by their numbers (Naeem 2020).

    >>> round(expected_coverage(100, 100), 3), round(expected_coverage(100, 10), 3)
    (0.971, 0.388)
    """
    missed = [(real - i) / (real + synthetic - i) for i in range(1, k + 1)]
    return 1 - float(np.prod(missed)) if real > k else 1.0


RING = 0.02
"""Cycles per pixel."""

FINE = (0.1, 0.4)
"""Cycles per pixel: ribs, vessels and grain of a film at 64 to 256 px; coarser is the body, finer is mostly noise."""


def radial_spectra(images: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Mean periodogram of each image in rings of 0.02 cycles per pixel: their middles [rings], and power [n, rings].

    Images [n, s, s] are standardised (mean 0, deviation 1) under a Hann window, so that exposure and edges are nothing.
    A ring that holds no frequency of so small an image is left out.
    """
    n, size = len(images), images.shape[1]
    window = np.outer(*2 * [signal.windows.hann(size, sym=False)])
    axis = np.fft.fftfreq(size)
    ring = np.floor(np.hypot(axis[:, None], axis[None, :]) / RING + 1e-9).astype(int).ravel()
    count = np.bincount(ring)
    kept = np.flatnonzero(count[: int(0.5 / RING)])
    power = np.empty((n, len(kept)))
    for i, image in enumerate(images):
        x = image.reshape(1, -1).astype(np.float64)
        x = (x - x.mean(axis=1, keepdims=True)) / np.maximum(x.std(axis=1, keepdims=True), 1.0)
        spectrum = np.abs(np.fft.fft2(x.reshape(size, size) * window)) ** 2 / (window**2).sum()
        power[i] = (np.bincount(ring, weights=spectrum.ravel()) / np.maximum(count, 1))[kept]
    return np.asarray((kept + 0.5) * RING, dtype=np.float64), power


def radial_power(
    real: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    *,
    real_patients: Sequence[str] | None = None,
    seed: int = 0,
    suffix: str = "",
    note: str = "",
) -> tuple[Estimate, ...]:
    """Power of synthetic ÷ real images [n, s, s] at 0.1 to 0.4 cycles per pixel: below 1 is blur, above 1 is noise.

    ``radial_power_mean`` is the geometric mean over the rings, ``radial_power_worst`` that of the ring farthest from 1
    (in ratio), whose interval is of that ring. Patients and samples are resampled.
    """
    if real.shape[1:] != synthetic.shape[1:] or real.ndim != 3:
        raise ValueError("both sides need images [n, s, s] of one size")
    if min(len(real), len(synthetic)) < 2:
        raise NotMeasurableError("spectra need two images on both sides")
    at, power_r = radial_spectra(real)
    fine = (at >= FINE[0]) & (at <= FINE[1])
    power_s = radial_spectra(synthetic)[1]
    owners = [str(i) for i in range(len(real))] if real_patients is None else list(real_patients)
    each = (patient_weights(owners, seed), patient_weights([str(i) for i in range(len(synthetic))], seed + 1))
    whole = np.log(_ring_means(power_s, None)[:, fine] / _ring_means(power_r, None)[:, fine])[0]
    draws = np.log(_ring_means(power_s, each[1])[:, fine] / _ring_means(power_r, each[0])[:, fine])
    worst, n = int(np.abs(whole).argmax()), len(set(owners))
    ring = f"{at[fine][worst] - RING / 2:.2f} to {at[fine][worst] + RING / 2:.2f} cycles per pixel"
    figures = (
        ("mean", float(whole.mean()), draws.mean(axis=1), note),
        ("worst", float(whole[worst]), draws[:, worst], "; ".join(filter(None, (note, ring)))),
    )
    return tuple(
        Estimate(f"radial_power_{name}{suffix}", float(np.exp(value)), percentile_interval(np.exp(drawn)), n, "1", text)
        for name, value, drawn, text in figures
    )


def _ring_means(power: Floats, weights: Floats | None) -> Floats:
    """Mean power [1 or resamples, rings], of records weighted by [resamples, n]."""
    w = np.ones((1, len(power))) if weights is None else weights
    return np.asarray(np.maximum(w @ power / w.sum(axis=1, keepdims=True), 1e-12), dtype=np.float64)


def scales_for(size: int) -> int:
    """How many of the five scales leave at least one window of 11 pixels: 1 from 11 px, 3 from 44, 5 from 176."""
    if size < _WINDOW:
        raise ValueError(f"MS-SSIM needs images of at least {_WINDOW} px, got {size}")
    return min(len(_SCALE_WEIGHTS), 1 + int(np.log2(size / _WINDOW)))


def ms_ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Floats:
    """Multi-scale structural similarity of image pairs [pairs, size, size] (Wang et al. 2003, eq. 7), in [0, 1].

    Gaussian window of 11 pixels, σ 1.5, borders left out, means of 2 × 2 between scales. Images below 176 px have fewer
    than five scales, with the weights of those they have, made to sum to 1: compare figures of one size only.
    """
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError("ms_ssim needs two stacks [pairs, size, size] of one shape")
    scales = scales_for(min(a.shape[1:]))
    weights = _SCALE_WEIGHTS[:scales] / _SCALE_WEIGHTS[:scales].sum()
    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255
    c1, c2, edge = 0.01**2, 0.03**2, _WINDOW // 2
    value = np.ones(len(x))

    def blur(z: Floats) -> Floats:
        smooth = ndimage.gaussian_filter(z, sigma=(0, 1.5, 1.5), radius=(0, edge, edge))
        return np.asarray(smooth[:, edge : z.shape[1] - edge, edge : z.shape[2] - edge], dtype=np.float64)

    for scale, weight in enumerate(weights):
        mx, my = blur(x), blur(y)
        vx, vy, vxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
        contrast = (2 * vxy + c2) / (vx + vy + c2)
        if scale == scales - 1:
            contrast = contrast * (2 * mx * my + c1) / (mx * mx + my * my + c1)
        value *= np.maximum(contrast.mean(axis=(1, 2)), 0.0) ** weight
        h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
        x, y = (z[:, :h, :w].reshape(len(z), h // 2, 2, w // 2, 2).mean(axis=(2, 4)) for z in (x, y))
    return value


def ms_ssim_within(
    images: NDArray[np.uint8],
    conditions: Sequence[str],
    *,
    patients: Sequence[str] | None = None,
    max_pairs: int = 400,
    seed: int = 0,
    metric: str = "ms_ssim_within",
    note: str = "",
) -> Estimate:
    """Mean MS-SSIM of pairs of one condition (and of different patients), images [n, size, size].

    At most ``max_pairs`` random pairs; images (patients) are resampled, a pair weighs the product of its two counts.
    Read it beside the same figure of the real images: higher than real means that the generator repeats itself.

    Raises:
        NotMeasurableError: no two images (of different patients) share a condition.
    """
    owners = [str(i) for i in range(len(images))] if patients is None else list(patients)
    if len(conditions) != len(images) or len(owners) != len(images):
        raise ValueError("one condition and one patient per image")
    groups, names = (np.unique(np.asarray(x, dtype=np.str_), return_inverse=True)[1] for x in (conditions, owners))
    a, b = np.triu_indices(len(images), k=1)  # numbers in place of names, whose characters would fill gigabytes
    kept = np.flatnonzero((groups[a] == groups[b]) & (names[a] != names[b]))
    if len(kept) == 0:
        raise NotMeasurableError("no condition has two images of different patients")
    if len(kept) > max_pairs:
        kept = np.sort(np.random.default_rng(seed).choice(kept, max_pairs, replace=False))
    a, b = a[kept], b[kept]
    values = ms_ssim(images[a], images[b])
    counts = patient_weights(owners, seed)
    weights = counts[:, a] * counts[:, b]
    draws = ratio(weights @ values, weights.sum(axis=1))
    n = len(set(names[a]) | set(names[b]))
    text = "; ".join(part for part in (note, f"{len(kept)} pairs, {scales_for(min(images.shape[1:]))} scales") if part)
    return Estimate(metric, float(values.mean()), percentile_interval(draws), n, "lower", text)
