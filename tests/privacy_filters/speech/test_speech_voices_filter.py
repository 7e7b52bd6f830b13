"""Distances of voices, the metric of statistics, and the scale on which filters of different kinds meet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.privacy_filters.speech.encoders import unit
from synthgen.privacy_filters.speech.sound import Floats
from synthgen.privacy_filters.speech.strangers import Strangers
from synthgen.privacy_filters.speech.voices import Voices, Whitening


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


def test_one_window_that_resembles_somebody_is_no_copied_voice() -> None:
    stranger = speakers(1, 5, seed=2)[0]
    chance = np.concatenate([stranger[:4], KNOWN[0][:1]])
    assert VOICES.score(chance) == pytest.approx(VOICES.score(stranger), rel=0.2)
    assert VOICES.score(np.concatenate([stranger[:1], KNOWN[0]])) < 0.1


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
