"""Longest runs of words that two sets of dialogues share, by rolling hashes; and the reproduction rate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, NotMeasurableError, patient_weights, percentile_interval
from synthgen.eval.attacks import by_score
from synthgen.eval.dialogue.records import Dialogues
from synthgen.records import Estimate

_Hashes = NDArray[np.uint64]
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)


def longest_shared_runs(queries: Dialogues, base: Dialogues, limit: int) -> NDArray[np.intp]:
    """Words of the longest run that each query shares with any dialogue of ``base``, counted up to ``limit``.

    Runs go across turns, since a copy may be cut into turns anew; never across dialogues. A run can be shared only
    where the run of one word less is, so that ever fewer places of either side are looked at. Hashes of 64 bits: a
    false match of millions of runs has a chance below 10⁻⁶.
    """
    vocabulary: dict[str, int] = {}
    own, theirs = _Places.of(queries, vocabulary), _Places.of(base, vocabulary)
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 2**63, size=len(vocabulary) + 1, dtype=np.uint64)
    longest = np.zeros(len(queries), dtype=np.intp)
    for length in range(1, limit + 1):
        own, theirs = own.extended(codes, length), theirs.extended(codes, length)
        known = np.unique(theirs.hashes)
        own = own.kept(_among(own.hashes, known))
        if not len(own.at):
            break
        theirs = theirs.kept(_among(theirs.hashes, np.unique(own.hashes)))
        longest[np.unique(own.dialogue[own.at])] = length
    return longest


@dataclass(frozen=True)
class _Places:
    """Where runs may begin in a set of dialogues that stand one behind the other.

    Attributes:
        words: numbers of all words, [W].
        dialogue, end: of each word [W]: its dialogue, and the first place behind it.
        at: places where a run still may begin, [P]; ``hashes`` of the runs there, as long as the last step's.
    """

    words: NDArray[np.intp]
    dialogue: NDArray[np.intp]
    end: NDArray[np.intp]
    at: NDArray[np.intp]
    hashes: _Hashes

    @classmethod
    def of(cls, x: Dialogues, vocabulary: dict[str, int]) -> Self:
        texts = [[word for turn in turns for word in turn] for turns in x.turn_words]
        lengths = np.array([len(text) for text in texts], dtype=np.intp)
        words = [vocabulary.setdefault(word, len(vocabulary)) for text in texts for word in text]
        return cls(
            np.array(words, dtype=np.intp),
            np.repeat(np.arange(len(texts)), lengths),
            np.repeat(np.cumsum(lengths), lengths),
            np.arange(len(words)),
            np.zeros(len(words), dtype=np.uint64),
        )

    def kept(self, which: NDArray[np.bool_]) -> Self:
        return replace(self, at=self.at[which], hashes=self.hashes[which])

    def extended(self, codes: _Hashes, length: int) -> Self:
        """Runs of ``length`` words: the shorter run's hash, times the base, plus the next word's."""
        fits = self.kept(self.at + length <= self.end[self.at])
        with np.errstate(over="ignore"):
            hashes = fits.hashes * _BASE + codes[fits.words[fits.at + length - 1]]
        return replace(fits, hashes=np.asarray(hashes, dtype=np.uint64))


def _among(hashes: _Hashes, known: _Hashes) -> NDArray[np.bool_]:
    """Which hashes are in ``known``, sorted."""
    if not len(known):
        return np.zeros(len(hashes), dtype=np.bool_)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[at] == hashes)


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


def membership_runs(
    members: Dialogues, others: Dialogues, release: Dialogues, limit: int, *, seed: int, note: str
) -> tuple[Estimate, ...]:
    """The attack by shared runs: the score of a record is the longest run that it shares with the release."""
    t, e = (np.asarray(longest_shared_runs(x, release, limit), dtype=np.float64) for x in (members, others))
    return by_score("membership_runs", t, e, members.patients, others.patients, seed=seed, note=note)
