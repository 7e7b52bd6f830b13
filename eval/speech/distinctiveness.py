"""Gain of voice distinctiveness (Noé et al. 2020, Speech pseudonymisation assessment using voice similarity matrices).

M(i, j) = sigmoid(mean log-likelihood ratio of pairs of a segment of voice i and one of voice j), self-pairs excluded;
D_diag = |mean of the diagonal - mean off it|; G_VD = 10 log10(D_diag(M_aa) / D_diag(M_oo)), aa the synthetic voices,
oo real ones. 0 dB: as different from each other as real people; below, they sound more alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from synthgen.estimates import Floats, NotMeasurableError, patient_counts, percentile_interval
from synthgen.eval.speech.pairs import LEAST, Prints, Scores
from synthgen.records import Estimate

_RESAMPLES = 1000
_MOST_VOICES = 200
_MOST_SEGMENTS = 24


@dataclass(frozen=True)
class Likelihood:
    """Similarity to log-likelihood ratio: slope · s + offset, at even prior odds."""

    slope: float
    offset: float

    @classmethod
    def fit(cls, scores: Scores) -> Likelihood:
        """Logistic calibration (Brümmer and du Preez 2006) on real pairs of people who are in neither matrix."""
        from sklearn.linear_model import LogisticRegression

        x = np.concatenate([scores.mated, scores.non_mated])[:, None]
        y = np.concatenate([np.ones(len(scores.mated)), np.zeros(len(scores.non_mated))])
        model = LogisticRegression(C=100.0, class_weight="balanced", max_iter=1000).fit(x, y)
        return cls(float(model.coef_[0, 0]), float(model.intercept_[0]))

    def __call__(self, similarity: Floats) -> Floats:
        return np.asarray(self.slope * similarity + self.offset, dtype=np.float64)


def similarity_matrix(found: Prints, likelihood: Likelihood, seed: int) -> Floats:
    """M [V, V] of voices with two segments or more, at most 200 of them; segments are windows of their recordings.

    Raises:
        NotMeasurableError: fewer than four such voices.
    """
    segments: dict[str, list[Floats]] = defaultdict(list)
    for voice, windows in zip(found.voices, found.windows, strict=True):
        segments[voice] += list(windows)
    rng = np.random.default_rng(seed)
    names = [name for name in sorted(segments) if len(segments[name]) > 1]
    if len(names) < LEAST:
        raise NotMeasurableError(f"distinctiveness needs {LEAST} voices with two segments")
    names = [names[i] for i in np.sort(rng.permutation(len(names))[:_MOST_VOICES])]
    chosen = [
        np.stack([segments[name][i] for i in rng.permutation(len(segments[name]))[:_MOST_SEGMENTS]]) for name in names
    ]
    means = np.stack([own.mean(axis=0) for own in chosen])
    # The ratio is linear in the similarity, so that the mean over pairs is that of the mean vectors.
    similarity = means @ means.T
    sizes = np.array([len(own) for own in chosen], dtype=np.float64)
    squares = np.array([(own**2).sum() for own in chosen])
    same = (sizes**2 * np.diag(similarity) - squares) / (sizes * (sizes - 1))
    np.fill_diagonal(similarity, same)
    return np.asarray(expit(likelihood(similarity)), dtype=np.float64)


def diagonal_dominance(matrix: Floats, counts: Floats | None = None) -> Floats:
    """D_diag, per resample of voices (counts [R, V]); NaN where fewer than two voices are drawn."""
    c = np.ones((1, len(matrix))) if counts is None else counts
    diagonal = np.diag(matrix)
    on = (c @ diagonal) / c.sum(axis=1)
    weight = c.sum(axis=1) ** 2 - (c**2).sum(axis=1)
    total = np.einsum("ri,ij,rj->r", c, matrix, c, optimize=True) - (c**2) @ diagonal
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.where(weight > 0, total / weight, np.nan)
    return np.asarray(np.abs(on - off), dtype=np.float64)


def gain_of_distinctiveness(
    synthetic: Prints, real: Prints, likelihood: Likelihood, *, seed: int, note: str = ""
) -> tuple[Estimate, ...]:
    """``gvd_db``. Voices of both sides are resampled.

    Raises:
        NotMeasurableError: fewer than four voices with two segments on a side, or real voices that cannot be told
            apart.
    """
    ours, theirs = similarity_matrix(synthetic, likelihood, seed), similarity_matrix(real, likelihood, seed + 1)
    base = float(diagonal_dominance(theirs)[0])
    value = float(diagonal_dominance(ours)[0])
    if min(base, value) <= 0:
        raise NotMeasurableError("voices of one side cannot be told apart at all")
    above = diagonal_dominance(ours, patient_counts(len(ours), seed, _RESAMPLES))
    below = diagonal_dominance(theirs, patient_counts(len(theirs), seed + 1, _RESAMPLES))
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = 10 * np.log10(above / below)
    gain = 10 * float(np.log10(value / base))
    low, high = percentile_interval(draws[np.isfinite(draws)])
    text = f"{len(ours)} synthetic voices (D_diag {value:.3f}) and {len(theirs)} real ones ({base:.3f})"
    text = "; ".join(part for part in (text, note) if part)
    n = min(len(ours), len(theirs))
    return (Estimate("gvd_db", gain, (min(low, gain), max(high, gain)), n, "0", text),)
