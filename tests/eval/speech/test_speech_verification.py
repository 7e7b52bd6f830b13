"""Equal error, linkability and distinctiveness of scores whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from speech_signals import gaussian_voices

from synthgen.estimates import NotMeasurableError
from synthgen.eval.speech.distinctiveness import (
    Likelihood,
    diagonal_dominance,
    gain_of_distinctiveness,
    similarity_matrix,
)
from synthgen.eval.speech.pairs import Scores, pair_scores
from synthgen.eval.speech.verification import (
    accepted_as_registered,
    d_sys,
    equal_error,
    equal_error_rate,
    linkability,
    rates_at,
    registered_missed,
    threshold_at_equal_error,
)


def once(values: np.ndarray) -> np.ndarray:
    return np.ones((1, len(values)))


def error(mated: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    rate, threshold = equal_error(mated, other, once(mated), once(other))
    return float(rate[0]), float(threshold[0])


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0, 3.0])
def test_the_equal_error_of_two_gaussians(distance: float) -> None:
    rng = np.random.default_rng(int(distance))
    rate, threshold = error(rng.normal(distance, 1, 20_000), rng.normal(0, 1, 20_000))
    assert rate == pytest.approx(norm.cdf(-distance / 2), abs=0.01)
    assert threshold == pytest.approx(distance / 2, abs=0.06)


def test_the_equal_error_of_separated_equal_and_swapped_scores() -> None:
    low, high = np.arange(0.0, 10.0), np.arange(20.0, 30.0)
    assert error(high, low)[0] == 0.0
    assert 9.0 < error(high, low)[1] <= 20.0
    assert error(low, high)[0] == pytest.approx(1.0)
    assert error(np.ones(7), np.ones(5))[0] == pytest.approx(0.5)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30), st.lists(st.integers(-20, 20), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_the_equal_error_lies_between_the_errors_beside_its_threshold(mated: list[int], other: list[int]) -> None:
    m, n = np.asarray(mated, float), np.asarray(other, float)
    rate, threshold = error(m, n)
    assert 0 <= rate <= 1
    levels = np.unique(np.concatenate([m, n]))
    below = levels[levels <= threshold].max(initial=-99)
    above = np.append(levels[levels >= threshold], 99).min()
    frr = [float((m < t).mean()) for t in (below, above)]
    far = [float((n >= t).mean()) for t in (below, above)]
    assert min(*frr, *far) - 1e-9 <= rate <= max(*frr, *far) + 1e-9


def test_weights_count_as_often_as_scores_would() -> None:
    rng = np.random.default_rng(3)
    m, n = rng.normal(1, 1, 40), rng.normal(0, 1, 60)
    times_m, times_n = rng.integers(0, 3, 40), rng.integers(0, 3, 60)
    weighted, _ = equal_error(m, n, times_m[None].astype(float), times_n[None].astype(float))
    repeated, _ = error(np.repeat(m, times_m), np.repeat(n, times_n))
    assert float(weighted[0]) == pytest.approx(repeated)


def test_linkability_is_nought_for_equal_distributions_and_one_for_separated_ones() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4000), rng.normal(0, 1, 4000)
    assert d_sys(a, b, once(a), once(b))[0] < 0.03
    assert d_sys(a + 10, b, once(a), once(b))[0] > 0.999
    assert d_sys(a, a, once(a), once(a))[0] == pytest.approx(0, abs=1e-9)


def test_linkability_of_two_gaussians_is_its_integral() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(1.5, 1, 20_000), rng.normal(0, 1, 20_000)
    s = np.linspace(-8, 10, 20_001)
    pm, pn = norm.pdf(s, 1.5), norm.pdf(s)
    lr = pm / pn
    expected = np.trapezoid(pm * np.where(lr <= 1, 0, 2 * lr / (1 + lr) - 1), s)
    assert d_sys(a, b, once(a), once(b))[0] == pytest.approx(expected, abs=0.02)


def test_linkability_of_small_samples_is_held_against_its_permutation_null() -> None:
    """Eight scores on either side look linkable by accident; the null says so."""
    surprising = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found = linkability("x", rng.normal(size=12), rng.normal(size=12), permutations=60, seed=seed)
        assert found.value > 0.01
        surprising += float(found.note.rpartition("p = ")[2]) < 0.05
    assert surprising <= 2
    rng = np.random.default_rng(99)
    found = linkability("x", rng.normal(3, 1, 12), rng.normal(0, 1, 12), permutations=60, seed=0)
    assert float(found.note.rpartition("p = ")[2]) < 0.05
    with pytest.raises(NotMeasurableError):
        linkability("x", np.zeros(4), np.zeros(30), permutations=20, seed=0)


def test_voices_that_stay_themselves_have_no_equal_error_and_noise_has_one_of_half() -> None:
    clear = pair_scores(gaussian_voices(30, 2, 4, 0.05, 0), 0)
    assert equal_error_rate("x", clear, seed=0).value == pytest.approx(0, abs=1e-9)
    noise = pair_scores(gaussian_voices(60, 2, 1, 50.0, 1), 0)
    found = equal_error_rate("x", noise, seed=0)
    assert found.ci95[0] < 0.5 < found.ci95[1]
    assert found.n == 60


def test_rates_at_a_threshold_of_other_voices() -> None:
    setting = pair_scores(gaussian_voices(60, 2, 4, 0.4, 2), 0)
    judged = pair_scores(gaussian_voices(60, 2, 4, 0.4, 3), 0)
    tau = threshold_at_equal_error(setting)
    far, frr = rates_at(judged, tau, seed=0, note="")
    assert far.value == pytest.approx(float((judged.non_mated >= tau).mean()))
    assert frr.value == pytest.approx(float((judged.mated < tau).mean()))
    assert far.ci95[0] <= far.value <= far.ci95[1]


def test_halves_of_a_recording_are_compared_where_voices_have_one_each() -> None:
    scores = pair_scores(gaussian_voices(12, 1, 4, 0.1, 4), 0)
    assert "halves" in scores.note
    assert scores.mated_voices == 12
    with pytest.raises(NotMeasurableError):
        pair_scores(gaussian_voices(12, 1, 1, 0.1, 4), 0)
    with pytest.raises(NotMeasurableError):
        pair_scores(gaussian_voices(3, 2, 1, 0.1, 4), 0)


def test_halves_are_compared_where_another_set_has_to() -> None:
    found = gaussian_voices(12, 2, 4, 0.1, 4)
    assert "halves" not in pair_scores(found, 0).note
    forced = pair_scores(found, 0, halves=True)
    assert "halves" in forced.note
    assert len(forced.mated) == 12


def test_many_recordings_of_a_voice_weigh_as_one() -> None:
    scores = pair_scores(gaussian_voices(5, 8, 1, 0.3, 5), 0)
    weights, _ = scores.weights(np.ones((1, scores.count)))
    assert np.bincount(scores.mated_voice, weights=weights[0]) == pytest.approx(np.ones(5))


def _likelihood() -> Likelihood:
    return Likelihood.fit(pair_scores(gaussian_voices(60, 2, 4, 0.4, 100), 0))


def test_real_voices_against_themselves_gain_nothing() -> None:
    real = gaussian_voices(30, 2, 6, 0.4, 6)
    (found,) = gain_of_distinctiveness(real, real, _likelihood(), seed=0)
    assert found.value == pytest.approx(0, abs=0.3)
    assert found.ci95[0] <= 0 <= found.ci95[1]


def test_other_voices_of_the_same_kind_gain_nothing_and_a_single_voice_loses_all() -> None:
    likelihood = _likelihood()
    real = gaussian_voices(40, 2, 6, 0.4, 7)
    (same,) = gain_of_distinctiveness(gaussian_voices(40, 2, 6, 0.4, 8, first=100), real, likelihood, seed=0)
    assert same.ci95[0] <= 0 <= same.ci95[1]
    assert abs(same.value) < 0.5
    alike = gaussian_voices(40, 2, 6, 30.0, 9)
    (lost,) = gain_of_distinctiveness(alike, real, likelihood, seed=0)
    assert lost.value < -8
    assert lost.ci95[1] < 0


def test_the_matrix_is_the_sigmoid_of_mean_ratios_without_self_pairs() -> None:
    found = gaussian_voices(5, 1, 3, 0.5, 10)
    likelihood = Likelihood(3.0, -1.0)
    matrix = similarity_matrix(found, likelihood, 0)
    for i in range(5):
        for j in range(5):
            pairs = [
                likelihood(np.array([a @ b]))[0]
                for k, a in enumerate(found.windows[i])
                for m, b in enumerate(found.windows[j])
                if i != j or k != m
            ]
            assert matrix[i, j] == pytest.approx(1 / (1 + np.exp(-np.mean(pairs))))
    on, off = np.diag(matrix).mean(), matrix[~np.eye(5, dtype=bool)].mean()
    assert diagonal_dominance(matrix)[0] == pytest.approx(abs(on - off))
    counts = np.array([[2.0, 0, 1, 1, 1]])
    rows = [0, 0, 2, 3, 4]
    pairs = [matrix[a, b] for a in rows for b in rows if a != b]
    expected = np.mean([matrix[a, a] for a in rows]) - np.mean(pairs)
    assert diagonal_dominance(matrix, counts)[0] == pytest.approx(abs(expected))


def test_registered_voices_are_found_and_strangers_are_not() -> None:
    everybody = gaussian_voices(140, 2, 4, 0.15, 11, dimensions=24)
    voices = np.array([int(voice) for voice in everybody.voices])
    register, limit, strangers = (
        everybody.take(np.flatnonzero((voices >= low) & (voices < high)))
        for low, high in ((0, 60), (60, 100), (100, 140))
    )
    copied = register.take(range(1, 120, 2))
    released, real = accepted_as_registered(copied, strangers, limit, register)
    assert released.value > 0.95
    assert real.value < 0.2
    (missed,) = registered_missed(register, limit, register)
    assert missed.value < 0.1
    assert missed.n == 60
    with pytest.raises(NotMeasurableError):
        accepted_as_registered(copied, strangers, limit.take(range(6)), register)


def test_scores_hold_their_sizes() -> None:
    scores = pair_scores(gaussian_voices(7, 3, 2, 0.2, 12), 0)
    assert isinstance(scores, Scores)
    assert len(scores.mated) == 7 * 3
    assert len(scores.non_mated) == 21
    assert (scores.left < scores.right).all()
