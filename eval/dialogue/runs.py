"""Longest runs of words that two sets of dialogues share, by rolling hashes; and the reproduction rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.estimates import Floats, NotMeasurableError, patient_weights, percentile_interval
from synthgen.records import Estimate

_Hashes = NDArray[np.uint64]
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)


def longest_shared_runs(queries: Dialogues, base: Dialogues, limit: int) -> NDArray[np.intp]:
    """Words of the longest run that each query shares with any dialogue of ``base``, counted up to ``limit``.

    Runs go across turns, since a copy may be cut into turns anew; never across dialogues. Hashes of 64 bits: a false
    match of millions of runs has a chance below 10⁻⁶.
    """
    vocabulary: dict[str, int] = {}
    own, theirs = (_numbers(x, vocabulary) for x in (queries, base))
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 2**63, size=len(vocabulary) + 1, dtype=np.uint64)
    longest = np.zeros(len(own), dtype=np.intp)
    alive = list(range(len(own)))
    words_own, words_base = ([codes[numbers] for numbers in side] for side in (own, theirs))
    hashes_own, hashes_base = list(words_own), list(words_base)
    for length in range(1, limit + 1):
        if length > 1:  # hash of a run of one word more: the shorter run's, times the base, plus the next word's
            for i in alive:
                hashes_own[i] = _extended(hashes_own[i], words_own[i], length)
            hashes_base = [_extended(h, c, length) for h, c in zip(hashes_base, words_base, strict=True)]
        known = np.unique(np.concatenate(hashes_base)) if hashes_base else np.zeros(0, np.uint64)
        alive = [i for i in alive if _any_in(hashes_own[i], known)]
        if not alive:
            break
        longest[alive] = length
    return longest


def _numbers(x: Dialogues, vocabulary: dict[str, int]) -> list[NDArray[np.intp]]:
    return [
        np.array([vocabulary.setdefault(word, len(vocabulary)) for turn in turns for word in turn], dtype=np.intp)
        for turns in x.turn_words
    ]


def _extended(hashes: _Hashes, codes: _Hashes, length: int) -> _Hashes:
    runs = max(0, len(codes) - length + 1)
    with np.errstate(over="ignore"):
        return np.asarray(hashes[:runs] * _BASE + codes[length - 1 : length - 1 + runs], dtype=np.uint64)


def _any_in(hashes: _Hashes, known: _Hashes) -> bool:
    if not len(hashes) or not len(known):
        return False
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return bool((known[at] == hashes).any())


def reproduction_rate(
    synthetic: Dialogues,
    train: Dialogues,
    calibration: Dialogues,
    *,
    limit: int,
    alpha: float = 0.01,
    seed: int = 0,
) -> Estimate:
    """Share of S that shares with T a run as long as strangers seldom do, minus the same share against C.

    The threshold is the ``alpha`` upper quantile of what dialogues of C share with T (the longest of all where C is
    small). C is smaller than T as a rule, so that the difference is on the careful side. Ideal 0.
    """
    if min(len(calibration), len(train)) < 8:
        raise NotMeasurableError("the reproduction rate needs 8 training and 8 calibration dialogues")
    strangers = np.sort(longest_shared_runs(calibration, train, limit))[::-1]
    threshold = int(strangers[max(1, int(alpha * (len(strangers) + 1))) - 1]) + 1
    if threshold > limit:
        raise NotMeasurableError(f"strangers share runs of {limit} words and more: set evaluation.longest_run higher")
    on_t, on_c = (
        np.asarray(longest_shared_runs(synthetic, x, limit) >= threshold, dtype=np.float64)
        for x in (train, calibration)
    )
    difference: Floats = on_t - on_c
    weights = patient_weights(synthetic.patients, seed)
    draws = weights @ difference / weights.sum(axis=1)
    note = (
        f"runs longer than those of all but {alpha:.0%} of calibration dialogues with T; against T "
        f"({len(train)} dialogues) {on_t.mean():.3f}, against C ({len(calibration)}) {on_c.mean():.3f}"
    )
    n = len(set(synthetic.patients))
    return Estimate("reproduction_rate", float(difference.mean()), _ends(draws, difference, n), n, "0", note)


def _ends(draws: Floats, values: Floats, n: int) -> tuple[float, float]:
    """Percentile interval; where no sample reproduces anything, that of no success among ``n`` units."""
    if values.any():
        return percentile_interval(draws)
    return (0.0, 1 - 0.025 ** (1 / n))


def run_scores(records: Sequence[Dialogues], release: Dialogues, limit: int) -> list[Floats]:
    """The attack by shared runs: the longest run that each record shares with the release, as a score."""
    return [np.asarray(longest_shared_runs(x, release, limit), dtype=np.float64) for x in records]
