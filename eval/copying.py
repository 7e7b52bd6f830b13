"""Is the release nearer to T than strangers are? Statistics of nearest distances, from copying sets to single outliers.

They describe; the gate and the attacks decide. Data that passes distance-to-closest-record can stay open to membership
inference (Ganev and De Cristofaro 2023; Yao et al. 2025), and 1% of planted copies barely moves a mean.

Embeddings are [records, dimensions]; distances are Euclidean. Where T need not be matched in size it is given whole:
subsampling it would hide copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    finite,
    jackknife_interval,
    mean,
    patient_folds,
    patient_weights,
    percentile_interval,
    proportion,
)
from synthgen.records import Estimate

_CHUNK = 512


def _nearest_two(queries: Floats, base: Floats, owners: Sequence[str]) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Distance to the nearest row of ``base``, to the nearest of another patient, and the nearest row's index."""
    names = np.asarray(owners, dtype=np.str_)
    if len(names) != len(base) or len(np.unique(names)) < 2:
        raise NotMeasurableError("nearest distances need two patients, and one patient per record")
    first, second, index = [], [], []
    for start in range(0, len(queries), _CHUNK):
        d = cdist(queries[start : start + _CHUNK], base)
        nearest = d.argmin(axis=1)
        first.append(d[np.arange(len(d)), nearest])
        second.append(np.where(names[None, :] == names[nearest][:, None], np.inf, d).min(axis=1))
        index.append(nearest)
    return np.concatenate(first), np.concatenate(second), np.concatenate(index).astype(np.intp)


def _nearest_stranger(base: Floats, owners: Sequence[str]) -> Floats:
    """Distance of each row to the nearest row of another patient."""
    names = np.asarray(owners, dtype=np.str_)
    parts = []
    for start in range(0, len(base), _CHUNK):
        d = cdist(base[start : start + _CHUNK], base)
        parts.append(np.where(names[start : start + _CHUNK, None] == names[None, :], np.inf, d).min(axis=1))
    return np.concatenate(parts)


def authenticity(
    train: NDArray[np.generic], train_patients: Sequence[str], synthetic: NDArray[np.generic], *, note: str = ""
) -> Estimate:
    """Share of S that is authentic (Alaa et al. 2022, section 4): d(x, t*) > d(t*, nearest of T to t*).

    t* is the nearest of T to x; its own neighbour is sought among other patients, or a patient's second image would
    pass a copy as authentic. About one half or more for fresh draws; 0 for copies.
    """
    t, s = finite("train", train), finite("synthetic", synthetic)
    distance, _, index = _nearest_two(s, t, train_patients)
    authentic = int((distance > _nearest_stranger(t, train_patients)[index]).sum())
    return proportion("authenticity", authentic, len(s), note=note)


def nearest_neighbour_distance_ratio(
    train: NDArray[np.generic],
    train_patients: Sequence[str],
    synthetic: NDArray[np.generic],
    *,
    seed: int = 0,
    note: str = "",
) -> Estimate:
    """Mean of d₁/d₂ over S: distance to the nearest of T over that to the nearest other patient; 0 for a copy."""
    first, second, _ = _nearest_two(finite("synthetic", synthetic), finite("train", train), train_patients)
    ratios = np.divide(first, second, out=np.zeros(len(first)), where=second > 0)  # a copy of a twin is a copy
    return mean("nndr", ratios, seed=seed, bounded=True, note=note)


def dcr_share(
    train: NDArray[np.generic],
    calibration: NDArray[np.generic],
    synthetic: NDArray[np.generic],
    *,
    seed: int = 0,
    note: str = "",
) -> Estimate:
    """P(d_T < d_C) + ½P(=) over S: share nearer to T than to the held-out C. Ideal 0.5.

    Args:
        train, calibration: one record per patient, equally many (a larger set is nearer by its size alone).

    The jackknife leaves out patients and samples: the chance of which patients fell into C counts.
    """
    t, c, s = finite("train", train), finite("calibration", calibration), finite("synthetic", synthetic)
    if len(t) != len(c):
        raise ValueError(f"train and calibration must be size-matched, got {len(t)} and {len(c)}")
    if min(len(t), len(s)) < 4:
        raise NotMeasurableError("the share needs 4 patients on each side and 4 samples")
    to_t, to_c = cdist(s, t), cdist(s, c)

    def share(dt: Floats, dc: Floats) -> float:
        a, b = dt.min(axis=1), dc.min(axis=1)
        return float((a < b).mean() + 0.5 * (a == b).mean())

    value = share(to_t, to_c)
    folds = min(20, len(t))
    fold_t, fold_c = patient_folds(None, len(t), folds, seed), patient_folds(None, len(c), folds, seed + 1)
    fold_s = patient_folds(None, len(s), min(20, len(s)), seed + 2)
    left_t = np.array([share(to_t[:, fold_t != f], to_c) for f in range(folds)])
    left_c = np.array([share(to_t, to_c[:, fold_c != f]) for f in range(folds)])
    left_s = np.array([share(to_t[fold_s != f], to_c[fold_s != f]) for f in np.unique(fold_s)])
    low, high = jackknife_interval(value, left_t, left_c, left_s)
    return Estimate("dcr_share", value, (max(0.0, low), min(1.0, high)), len(t), "0.5", note)


def data_copying(
    train: NDArray[np.generic],
    calibration: NDArray[np.generic],
    synthetic: NDArray[np.generic],
    *,
    cells: int | None = None,
    seed: int = 0,
    note: str = "",
) -> Estimate:
    """C_T (Meehan et al. 2020, eq. 2): Mann-Whitney z of distances to T, S against C, per k-means cell of T.

    Cells are weighted by C's mass in them; cells with fewer than 4 of S or of C are left out. Far below 0 means
    copying; within ±1.96 / √(cells) of 0 is chance.
    """
    t, c, s = finite("train", train), finite("calibration", calibration), finite("synthetic", synthetic)
    count = cells or int(np.clip(min(len(c), len(s)) // 20, 1, 10))
    means = KMeans(n_clusters=min(count, len(t)), n_init=4, random_state=seed).fit(t)
    of_s, of_c = means.predict(s), means.predict(c)
    d_s, d_c = cdist(s, t).min(axis=1), cdist(c, t).min(axis=1)
    z, mass = [], []
    for cell in range(means.n_clusters):
        a, b = d_s[of_s == cell], d_c[of_c == cell]
        if min(len(a), len(b)) < 4:
            continue
        ranks = stats.rankdata(np.concatenate([a, b]))  # ties share their mean rank
        u = ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2
        sd = np.sqrt(len(a) * len(b) * (len(a) + len(b) + 1) / 12)
        z.append(float((u - len(a) * len(b) / 2) / sd))
        mass.append(len(b))
    if not z:
        raise NotMeasurableError("no cell has 4 synthetic and 4 calibration records")
    weight = np.array(mass) / sum(mass)
    value, half = float(weight @ np.array(z)), float(stats.norm.ppf(0.975) * np.sqrt((weight**2).sum()))
    text = "; ".join(part for part in (note, f"{len(z)} cells") if part)
    return Estimate("data_copying_c_t", value, (value - half, value + half), len(s), "0", text)


def _inverse_entropy(x: Floats) -> Floats:
    """1 / entropy of each column in 20 equal bins (Yoon et al. 2020, section 4): rare values identify."""
    entropy = []
    for column in x.T:
        share = np.histogram(column, bins=20)[0] / len(column)
        entropy.append(-(share[share > 0] * np.log(share[share > 0])).sum())
    return np.asarray(1 / np.maximum(entropy, 0.1), dtype=np.float64)


def epsilon_identifiability(
    train: NDArray[np.generic],
    calibration: NDArray[np.generic],
    synthetic: NDArray[np.generic],
    *,
    seed: int = 0,
    note: str = "",
) -> Estimate:
    """Share of T whose nearest synthetic is nearer than its nearest other real record, minus the same share of C.

    Args:
        train, calibration: one record per patient, equally many. Features are weighted by inverse entropy (Yoon et al.
            2020, eq. 2), as in the paper; the weights come from both real sets together.
    """
    t, c, s = finite("train", train), finite("calibration", calibration), finite("synthetic", synthetic)
    if len(t) != len(c):
        raise ValueError(f"train and calibration must be size-matched, got {len(t)} and {len(c)}")
    if len(t) < 4:
        raise NotMeasurableError("identifiability needs 4 patients on each side")
    weight = _inverse_entropy(np.concatenate([t, c]))

    def identified(real: Floats) -> Floats:
        own = _nearest_stranger(real * weight, [str(i) for i in range(len(real))])
        return np.asarray(cdist(real * weight, s * weight).min(axis=1) < own, dtype=np.float64)

    on_t, on_c = identified(t), identified(c)
    owners = [str(i) for i in range(len(t))]
    draws = (patient_weights(owners, seed) @ on_t - patient_weights(owners, seed + 1) @ on_c) / len(t)
    text = "; ".join(part for part in (note, f"share of T {on_t.mean():.3f}") if part)
    value = float(on_t.mean() - on_c.mean())
    return Estimate("epsilon_identifiability", value, percentile_interval(draws), len(t) + len(c), "0", text)


def outlier_similarity(
    train: NDArray[np.generic],
    calibration: NDArray[np.generic],
    synthetic: NDArray[np.generic],
    *,
    alpha: float = 0.05,
    note: str = "",
) -> Estimate:
    """Share of T's outliers that have a synthetic record nearer than strangers come to T.

    An outlier's mean distance to the others of T exceeds the mean by 2 standard deviations. A stranger's reach is the
    ``alpha`` quantile of the distances from C to their nearest of T.
    """
    t, c, s = finite("train", train), finite("calibration", calibration), finite("synthetic", synthetic)
    far = cdist(t, t).sum(axis=1) / max(1, len(t) - 1)
    outliers = t[far > far.mean() + 2 * far.std()]
    if len(outliers) == 0:
        raise NotMeasurableError("T has no outliers")
    reach = np.quantile(cdist(c, t).min(axis=1), alpha)
    near = int((cdist(outliers, s).min(axis=1) < reach).sum())
    return proportion("outlier_similarity", near, len(outliers), better="lower", note=note)
