"""How well an attacker links records to people: verification of pairs, and search among many.

Scores are similarities: larger is more alike. A pair of one person is mated, of two people non-mated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from synthgen.estimates import (
    Floats,
    auc_draws,
    blocks,
    bounded_interval,
    few_negatives,
    finite,
    mean,
    patient_counts,
    tpr_draws,
)
from synthgen.records import Estimate

FALSE_ALARMS = 0.01
_RESAMPLES = 400
_MOST_PAIRS = 20_000  # non-mated: enough for a rate of one in a thousand
_GRID = 512


def equal_error(mated: Floats, non_mated: Floats, wm: Floats, wn: Floats) -> tuple[Floats, Floats]:
    """Equal error rate and its threshold, per resample: weights [R, P] and [R, Q]; NaN where a kind is not drawn.

    At a threshold t, FRR is the share of mated scores below t and FAR that of non-mated ones at or above it; where the
    two curves cross between two scores, both are interpolated.
    """
    scores = np.concatenate([mated, non_mated])
    order = np.argsort(scores, kind="stable")
    levels, first = np.unique(scores[order], return_index=True)
    total_m, total_n = wm.sum(axis=1), wn.sum(axis=1)
    both_m = np.concatenate([wm, np.zeros_like(wn)], axis=1)[:, order]
    both_n = np.concatenate([np.zeros_like(wm), wn], axis=1)[:, order]
    zero = np.zeros((len(wm), 1))
    below_m = np.concatenate([zero, np.cumsum(both_m, axis=1)], axis=1)[:, np.append(first, len(scores))]
    below_n = np.concatenate([zero, np.cumsum(both_n, axis=1)], axis=1)[:, np.append(first, len(scores))]
    with np.errstate(invalid="ignore", divide="ignore"):
        frr, far = below_m / total_m[:, None], 1 - below_n / total_n[:, None]
    after = np.argmax(frr >= far, axis=1)  # at the last level FRR is 1 and FAR 0
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(wm))
    gap_before, gap_after = (far - frr)[rows, before], (frr - far)[rows, after]
    width = gap_before + gap_after
    share = np.divide(gap_before, width, out=np.zeros_like(width), where=width > 0)
    rate = (1 - share) * frr[rows, before] + share * frr[rows, after]
    ends = np.append(levels, levels[-1] + 1e-9)
    threshold = (1 - share) * ends[before] + share * ends[after]
    missing = (total_m == 0) | (total_n == 0)
    return np.where(missing, np.nan, rate), np.where(missing, np.nan, threshold)


def d_sys(mated: Floats, non_mated: Floats, wm: Floats, wn: Floats, *, prior_ratio: float = 1.0) -> Floats:
    """Global linkability (Gomez-Barrero et al. 2017, General framework to evaluate unlinkability, eqs. 8 to 11).

    D(s) = 0 where ω LR(s) ≤ 1, else 2 ω LR / (1 + ω LR) − 1, LR = p(s|mated) / p(s|non-mated); D_sys is its mean over
    p(s|mated), in [0, 1]. Densities are Gaussian kernels on a grid, of one bandwidth for both (Silverman's, by the
    smaller class): a histogram would find gaps to be differences.

    Args:
        wm, wn: weights per resample, [R, P] and [R, Q].
        prior_ratio: ω = p(mated) / p(non-mated).
    """
    low, high = min(mated.min(), non_mated.min()), max(mated.max(), non_mated.max())
    if high <= low:
        return np.zeros(len(wm))
    spread = np.sqrt((mated.var() + non_mated.var()) / 2)
    width = 1.06 * max(float(spread), 1e-3 * (high - low)) * min(len(mated), len(non_mated)) ** -0.2
    low, high = low - 4 * width, high + 4 * width
    step = (high - low) / (_GRID - 1)

    def density(scores: Floats, weights: Floats) -> Floats:
        place = np.clip(np.round((scores - low) / step).astype(int), 0, _GRID - 1)
        mass = np.zeros((len(weights), _GRID))
        np.add.at(mass.T, place, weights.T)
        with np.errstate(invalid="ignore"):
            share = mass / weights.sum(axis=1, keepdims=True)
        return np.asarray(gaussian_filter1d(share, width / step, axis=1, mode="constant"), dtype=np.float64)

    pm, pn = density(mated, wm), density(non_mated, wn)
    lr = prior_ratio * pm / np.maximum(pn, 1e-300)
    local = np.where(lr <= 1, 0.0, 2 * (lr / (1 + lr)) - 1)
    return np.asarray(np.clip((pm * local).sum(axis=1), 0.0, 1.0), dtype=np.float64)


@dataclass(frozen=True)
class Linked:
    """What an attacker's scores are worth: see :func:`linked`."""

    auc: Estimate
    eer: Estimate
    tpr: Estimate
    rank1: Estimate
    d_sys: Estimate
    gallery: int

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        return (self.auc, self.eer, self.tpr, self.rank1, self.d_sys)


def linked(name: str, scores: Floats, people: Sequence[str], seed: int, note: str = "") -> Linked:
    """AUC, equal error rate, TPR at 1% FPR, rank-1 and D_sys of one probe of each of N people.

    Mated pairs are (i, i); of the non-mated at most 20,000 are looked at, drawn at random. People are resampled, and a
    pair of two weighs the product of their counts (the pigeonhole bootstrap, Owen 2007). A probe whose own record
    shares the highest score with k - 1 others counts 1/k in rank-1.

    Args:
        scores: shape [N, G], G >= N; the gallery's record i < N is of the person of probe i, those after of others.
        people: of each probe, all different.

    Raises:
        ValueError: shapes disagree, a person is there twice, or a score is not finite.
    """
    finite("scores", scores)
    probes, gallery = scores.shape
    if len(people) != probes or len(set(people)) != probes or gallery < max(2, probes):
        raise ValueError(f"need one probe of each of N people and a gallery of N or more, got {scores.shape}")
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(~np.eye(probes, gallery, dtype=np.bool_))
    if len(rows) > _MOST_PAIRS:
        chosen = np.sort(rng.choice(len(rows), _MOST_PAIRS, replace=False))
        rows, columns = rows[chosen], columns[chosen]
    mated, non_mated = np.diagonal(scores).copy(), scores[rows, columns]

    def figures(counts: Floats) -> Floats:
        others = np.concatenate([counts, np.ones((len(counts), gallery - probes))], axis=1)
        wn = counts[:, rows] * others[:, columns]
        tpr = tpr_draws(mated, non_mated, counts, wn, FALSE_ALARMS)
        eer, _ = equal_error(mated, non_mated, counts, wn)
        return np.stack([auc_draws(mated, non_mated, counts, wn), eer, tpr, d_sys(mated, non_mated, counts, wn)])

    values = figures(np.ones((1, probes)))[:, 0]
    resamples = patient_counts(probes, seed, _RESAMPLES)
    draws = np.concatenate([figures(resamples[block]) for block in blocks(_RESAMPLES, 8 * len(rows))], axis=1)
    told = few_negatives(len(non_mated), FALSE_ALARMS, note)

    def estimate(metric: str, row: int, better: str, text: str = note) -> Estimate:
        value = float(values[row])
        return Estimate(f"{name}_{metric}", value, bounded_interval(value, draws[row], probes), probes, better, text)

    best = scores.max(axis=1)
    hits = (mated == best) / (scores == best[:, None]).sum(axis=1)
    chance = f"{note}; guessing finds {1 / gallery:.1%} of a gallery of {gallery}" if note else f"of {gallery}"
    return Linked(
        auc=estimate("auc", 0, "0.5"),
        eer=estimate("eer", 1, "0.5"),
        tpr=estimate(f"tpr_at_fpr_{FALSE_ALARMS:g}", 2, "lower", told),
        rank1=mean(f"{name}_rank1", hits, list(people), seed=seed, better="lower", note=chance, bounded=True),
        d_sys=estimate("d_sys", 3, "0"),
        gallery=gallery,
    )
