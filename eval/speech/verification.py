"""How well voices are told apart: equal error rate, false acceptance and rejection, linkability.

Scores are similarities: larger is more alike. A pair at or above a threshold is accepted as one voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    bounded_interval,
    clopper_pearson,
    finite,
    patient_counts,
    percentile_interval,
    proportion,
    ratio,
)
from synthgen.eval.speech.pairs import LEAST, Prints, Scores
from synthgen.linkage import d_sys, equal_error
from synthgen.records import Estimate

_RESAMPLES = 400


def equal_error_rate(name: str, scores: Scores, *, seed: int, better: str = "lower", note: str = "") -> Estimate:
    """``name``: the equal error rate over pairs."""
    wm, wn = scores.resampled(seed, _RESAMPLES)
    rates, _ = equal_error(scores.mated, scores.non_mated, wm, wn)
    text = "; ".join(part for part in (note, scores.note, _sizes(scores)) if part)
    n = scores.mated_voices
    return Estimate(name, float(rates[0]), bounded_interval(float(rates[0]), rates[1:], n), n, better, text)


def threshold_at_equal_error(scores: Scores) -> float:
    """τ: where both errors are alike."""
    wm, wn = scores.weights(np.ones((1, scores.count)))
    return float(equal_error(scores.mated, scores.non_mated, wm, wn)[1][0])


def rates_at(scores: Scores, threshold: float, *, seed: int, note: str) -> tuple[Estimate, Estimate]:
    """``speaker_far_at_tau`` and ``speaker_frr_at_tau`` of pairs whose voices did not set τ."""
    wm, wn = scores.resampled(seed, _RESAMPLES)
    far = ratio(wn @ (scores.non_mated >= threshold).astype(np.float64), wn.sum(axis=1))
    frr = ratio(wm @ (scores.mated < threshold).astype(np.float64), wm.sum(axis=1))
    text = "; ".join((note, scores.note, _sizes(scores)))
    n = scores.count

    def figure(name: str, draws: Floats, voices: int) -> Estimate:
        value = float(draws[0])
        return Estimate(name, value, bounded_interval(value, draws[1:], voices), voices, "lower", text)

    return figure("speaker_far_at_tau", far, n), figure("speaker_frr_at_tau", frr, scores.mated_voices)


def accepted_as_registered(
    synthetic: Prints, strangers: Prints, threshold_by: Prints, register: Prints, *, level: float = 0.05
) -> tuple[Estimate, ...]:
    """``voices_accepted``: released voices that verify as somebody of the register (T), beside real strangers (E).

    s(v) is the largest cosine of a voice's mean vector to any registered recording. τ is the (1 - level) quantile of
    s over the voices of C, one recording each: strangers are accepted at ``level`` in expectation, which the second
    figure, over E, measures. A release in which nobody is to be found is accepted as often as strangers are, or less.

    Raises:
        NotMeasurableError: fewer than 1 / level voices in C, or nobody to compare.
    """

    def similarity(found: Prints) -> Floats:
        names, index = np.unique(np.asarray(found.voices, dtype=np.str_), return_inverse=True)
        best = (found.rows @ register.rows.T).max(axis=1)
        out = np.full(len(names), -1.0)
        np.maximum.at(out, index, best)
        return out

    if not len(register.parts) or not len(synthetic.parts):
        raise NotMeasurableError("nobody is heard in the release, or in T")
    limit = _first_of_each(threshold_by)
    if len(limit.parts) < 1 / level:
        raise NotMeasurableError(f"a false acceptance of {level:.0%} needs {1 / level:.0f} voices in C")
    threshold = float(np.quantile(similarity(limit), 1 - level, method="higher"))
    note = f"τ at {level:.0%} of {len(limit.parts)} voices of C, against {len(set(register.voices))} of T"
    found = []
    for name, voices in (("voices_accepted", synthetic), ("voices_accepted_real", _first_of_each(strangers))):
        values = similarity(voices)
        if len(values):
            found.append(proportion(name, int((values > threshold).sum()), len(values), better="lower", note=note))
    return tuple(found)


def registered_missed(
    held_out: Prints, threshold_by: Prints, register: Prints, *, level: float = 0.05
) -> tuple[Estimate, ...]:
    """``registered_frr_at_tau``: further recordings of registered speakers that τ of ``accepted_as_registered`` misses.

    Each speaker of T with two recordings: one is looked for with itself left out of the register.

    Raises:
        NotMeasurableError: fewer than four such speakers, or C is too small to set τ.
    """
    limit = _first_of_each(threshold_by)
    if len(limit.parts) < 1 / level or not len(register.parts):
        raise NotMeasurableError(f"a false acceptance of {level:.0%} needs {1 / level:.0f} voices in C")
    threshold = float(np.quantile((limit.rows @ register.rows.T).max(axis=1), 1 - level, method="higher"))
    similarity = held_out.rows @ register.rows.T
    recordings = np.array([part.recording for part in register.parts])
    voices = np.asarray(register.voices, dtype=np.str_)
    missed = 0
    tried: set[str] = set()
    for row, part in enumerate(held_out.parts):
        others = (voices == part.voice) & (recordings != part.recording)
        if part.voice in tried or not others.any():
            continue
        tried.add(part.voice)
        own = similarity[row].copy()
        own[recordings == part.recording] = -1.0
        missed += bool(own.max() <= threshold)
    if len(tried) < LEAST:
        raise NotMeasurableError(f"missed speakers need {LEAST} of T with two recordings")
    note = f"τ as of voices_accepted; one recording of each of {len(tried)} speakers, looked for among all others"
    return (proportion("registered_frr_at_tau", missed, len(tried), better="lower", note=note),)


def _first_of_each(found: Prints) -> Prints:
    first: dict[str, int] = {}
    for row, voice in enumerate(found.voices):
        first.setdefault(voice, row)
    return found.take(sorted(first.values()))


def permutation_null(mated: Floats, non_mated: Floats, permutations: int, seed: int) -> Floats:
    """``d_sys`` with the labels of the scores shuffled, [permutations]: what small samples alone make of it."""
    rng = np.random.default_rng(seed)
    pooled = np.concatenate([mated, non_mated])
    ones = (np.ones((1, len(mated))), np.ones((1, len(non_mated))))
    found = []
    for _ in range(permutations):
        shuffled = rng.permutation(pooled)
        found.append(d_sys(shuffled[: len(mated)], shuffled[len(mated) :], *ones)[0])
    return np.asarray(found, dtype=np.float64)


def _with_null(value: float, mated: Floats, non_mated: Floats, permutations: int, seed: int) -> str:
    null = permutation_null(mated, non_mated, permutations, seed)
    p = (1 + int((null >= value).sum())) / (1 + permutations)
    return f"permutation null: median {np.median(null):.3f}, 95% below {np.quantile(null, 0.95):.3f}, p = {p:.3f}"


def linkability_of_pairs(
    name: str, scores: Scores, *, permutations: int, seed: int, better: str, note: str
) -> Estimate:
    """D_sys over mated and non-mated pairs, voices resampled. In the null, scores of pairs are shuffled."""
    wm, wn = scores.resampled(seed, _RESAMPLES)
    draws = d_sys(scores.mated, scores.non_mated, wm, wn)
    value, n = float(draws[0]), scores.mated_voices
    null = _with_null(value, scores.mated, scores.non_mated, permutations, seed)
    text = "; ".join(part for part in (note, scores.note, null) if part)
    return Estimate(name, value, _ordered(value, draws[1:], n), n, better, text)


def linkability(
    name: str,
    members: NDArray[np.generic],
    strangers: NDArray[np.generic],
    *,
    permutations: int,
    seed: int,
    note: str = "",
) -> Estimate:
    """D_sys between the scores of two groups of people, one each: can T be linked to the release better than E?

    Biased upwards in small samples: the note holds the permutation null, which is exact here, since under the null the
    two groups are exchangeable.

    Raises:
        NotMeasurableError: fewer than eight of either.
    """
    t, e = finite("members", members), finite("strangers", strangers)
    if min(len(t), len(e)) < 2 * LEAST:
        raise NotMeasurableError(f"linkability needs {2 * LEAST} members and as many strangers")
    wt = np.concatenate([np.ones((1, len(t))), patient_counts(len(t), seed, _RESAMPLES)])
    we = np.concatenate([np.ones((1, len(e))), patient_counts(len(e), seed + 1, _RESAMPLES)])
    draws = d_sys(t, e, wt, we)
    value = float(draws[0])
    text = "; ".join(part for part in (note, _with_null(value, t, e, permutations, seed)) if part)
    n = len(t) + len(e)
    return Estimate(name, value, _ordered(value, draws[1:], n), n, "0", text)


def _ordered(value: float, draws: Floats, n: int) -> tuple[float, float]:
    """Percentile interval that holds its value; exact where the value is 0 or 1."""
    if value in (0.0, 1.0):
        return clopper_pearson(n if value == 1.0 else 0, n)
    low, high = percentile_interval(draws)
    return (min(low, value), max(high, value))


def _sizes(scores: Scores) -> str:
    return f"{len(scores.mated)} mated pairs of {scores.mated_voices} voices, {len(scores.non_mated)} non-mated"
