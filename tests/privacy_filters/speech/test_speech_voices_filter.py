"""Distances of voices, the metric of statistics, and the scale on which filters of different kinds meet."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.payloads.sound import Floats
from synthgen.pretrained.speaker import unit
from synthgen.privacy_filters.speech.strangers import Strangers
from synthgen.privacy_filters.speech.voices import Voices, Whitening, best_supported


def speakers(count: int, windows: int, seed: int = 0, spread: float = 0.1) -> list[Floats]:
    """Windows of ``count`` voices: a direction of its own for each, and some spread about it."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 1, 24))
    return [unit(centre + spread * rng.normal(size=(windows, 24))) for centre in centres]


KNOWN = speakers(20, 4)
NAMES = [f"p{i}" for i in range(20)]
VOICES = Voices.over(KNOWN, NAMES)


def test_a_voice_is_near_to_itself_and_far_from_others() -> None:
    again = speakers(20, 4, spread=0.1)  # the same centres
    strangers = speakers(40, 4, seed=1)
    assert max(VOICES.score(track) for track in again) < min(VOICES.score(track) for track in strangers)
    assert VOICES.score(KNOWN[3]) == pytest.approx(0.0, abs=2e-3)
    assert VOICES.score(KNOWN[3], "p3") > 0.5
    assert VOICES.score(KNOWN[3], "nobody") == VOICES.score(KNOWN[3])


def test_a_part_of_a_track_in_a_protected_voice_is_found() -> None:
    (stranger,) = speakers(1, 40, seed=2)
    alone = VOICES.score(stranger)
    for windows in (4, 10, 20):
        (protected,) = (track[:windows] for track in speakers(20, 40, seed=0, spread=0.15)[6:7])
        mixed = np.concatenate([stranger[windows:], protected])[np.random.default_rng(0).permutation(40)]
        assert VOICES.score(mixed) < 0.75 * alone


def test_a_long_track_of_a_stranger_has_no_better_chances_than_a_short_one() -> None:
    known, names = speakers(20, 8, spread=0.3), NAMES
    voices = Voices.over(known, names)
    strangers = speakers(60, 200, seed=3, spread=0.3)
    short = [voices.score(track[:1]) for track in strangers]
    long = [voices.score(track) for track in strangers]
    assert np.quantile(long, 0.05) > 0.95 * np.quantile(short, 0.05)
    assert np.median(long) > 0.9 * np.median(short)
    uncorrected = [replace(voices, spread=0.0).score(track) for track in strangers]
    assert np.median(uncorrected) < 0.9 * np.median(long)


@given(st.integers(1, 60), st.integers(0, 100))
def test_what_supports_best_is_no_farther_than_all_together(windows: int, seed: int) -> None:
    distances = np.random.default_rng(seed).uniform(0.1, 2.0, (windows, 3))
    found = best_supported(distances, 0.1)
    assert (found <= distances.mean(axis=0) + 1e-9).all() and (found >= 0).all()
    assert best_supported(distances[:1], 0.1) == pytest.approx(distances[0])
    assert (best_supported(0.5 * distances, 0.1) <= found + 1e-9).all()


def test_the_spread_of_windows_is_learned_where_tracks_are_long_enough() -> None:
    narrow, wide = (Voices.over(speakers(20, 8, spread=s), NAMES).spread for s in (0.1, 0.4))
    assert 0 < narrow < wide
    single = Voices.over([track[:1] for track in KNOWN], NAMES)
    assert 0 < single.spread < 1


def test_who_was_enrolled_is_left_out_as_if_never_enrolled() -> None:
    added = speakers(12, 3, seed=4)
    names = [f"c{i}" for i in range(12)]
    everybody = VOICES.enrolled(added, names)
    for number in (0, 5, 11):
        others = [i for i in range(12) if i != number]
        without = VOICES.enrolled([added[i] for i in others], [names[i] for i in others])
        assert everybody.score(added[number], names[number]) == without.score(added[number])
        assert everybody.score(added[number]) == pytest.approx(0.0, abs=2e-3)


def test_enrolling_in_two_steps_is_enrolling_at_once() -> None:
    added, names = speakers(6, 3, seed=4), [f"c{i}" for i in range(6)]
    once, twice = VOICES.enrolled(added, names), VOICES.enrolled(added[:3], names[:3]).enrolled(added[3:], names[3:])
    assert once.index.patients == twice.index.patients
    assert np.array_equal(once.density.of(None), twice.density.of(None))
    assert once.density.measures.sum() == 20 and VOICES.enrolled([], []) is VOICES


def test_a_twin_in_the_cohort_does_not_mask_a_copy() -> None:
    twins = Voices.over([*KNOWN, KNOWN[5]], [*NAMES, "twin"])
    assert twins.score(speakers(20, 4)[5]) <= VOICES.score(speakers(20, 4)[5]) * 2.5
    strangers = [twins.score(track) for track in speakers(40, 4, seed=1)]
    assert min(strangers) > 0.5


def test_one_speaker_alone_is_nobodys_neighbour() -> None:
    alone = Voices.over(KNOWN[:1], NAMES[:1])
    assert np.isfinite(alone.score(KNOWN[1])) and alone.score(KNOWN[0], "p0") == np.inf


def test_whitening_counts_little_what_varies_within_a_recording() -> None:
    rng = np.random.default_rng(3)
    identity, mood = np.zeros(6), np.zeros(6)
    identity[0], mood[1] = 1.0, 5.0
    voices = rng.normal(size=200)
    halves = np.repeat(voices, 2)[:, None] * identity + rng.normal(size=(400, 1)) * mood
    halves = (halves + 0.1 * rng.normal(size=halves.shape)).astype(np.float32)
    whole = (halves[0::2] + halves[1::2]) / 2
    white = Whitening.fit(whole, halves)
    once, again = (voices[:, None] * identity + rng.normal(size=(200, 1)) * mood for _ in range(2))
    apart = np.abs(voices[:, None] - voices[None]) > 1.0
    opposite = np.sign(voices[:, None] * voices[None]) < 0

    def cosines(metric: Whitening) -> Floats:
        return metric(once.astype(np.float32)) @ metric(again.astype(np.float32)).T

    plain, whitened = cosines(Whitening.none(6)), cosines(white)
    assert np.diag(whitened).mean() > np.diag(plain).mean() + 0.3
    assert whitened[opposite & apart].mean() < -0.3


@given(st.floats(0.001, 1e3), st.floats(0.001, 1e3), st.integers(0, 1000))
def test_the_common_scale_keeps_the_order(one: float, other: float, seed: int) -> None:
    scale = Strangers.of(np.exp(np.random.default_rng(seed).standard_t(3, size=40)))
    if one <= other:
        assert scale(one) <= scale(other)
    assert scale(0.0) == 0.0 and scale(float("inf")) == float("inf") and np.isnan(scale(float("nan")))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_strangers_are_roughly_normal_on_the_common_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.exp(2.0 + 0.3 * rng.standard_normal(2_000))
    scale = Strangers.of(scores)
    z = np.log([scale(score) for score in scores])
    assert np.median(z) == pytest.approx(0.0, abs=0.02)
    assert 0.8 < np.quantile(z, 0.16) / -0.994 < 1.05 and 0.8 < np.quantile(z, 0.84) / 0.994 < 1.05
    heavy = Strangers.of(np.exp(2.0 + 0.3 * rng.standard_t(1.5, size=2_000)))
    assert heavy.lower > 1.5 * scale.lower  # the tail counts, not the middle


def test_from_few_speakers_nothing_is_learned() -> None:
    assert Strangers.among(KNOWN[:6], NAMES[:6], Voices.over) == Strangers()
    assert Strangers.of(np.array([0.0, np.inf, np.nan, 1.0])) == Strangers()


def test_each_speaker_is_a_stranger_once() -> None:
    seen: list[int] = []

    class Counting:
        def __init__(self, known: int) -> None:
            self.known = known

        def score(self, track: int, exclude: str | None = None) -> float:
            seen.append(track)
            return 1.0

    owners = [f"p{i // 2}" for i in range(24)]  # two tracks each
    Strangers.among(list(range(24)), owners, lambda tracks, names: Counting(len(tracks)))
    assert sorted(seen) == list(range(0, 24, 2))
