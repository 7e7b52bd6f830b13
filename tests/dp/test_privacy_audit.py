"""The audit stays below what is true, and finds what is broken."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.dp.accounting import gaussian_epsilon
from synthgen.dp.audit import audit, lower_bound, lower_mu, p_value, tossed
from synthgen.errors import UserError

DELTA = 1e-5


@pytest.mark.parametrize(("correct", "epsilon"), [(100, 3.47), (90, 1.63), (60, 0.05)])
def test_bounds_of_the_reference(correct: int, epsilon: float) -> None:
    assert lower_bound(1000, 100, correct, DELTA, 0.05) == pytest.approx(epsilon, abs=0.01)


@given(st.integers(2, 400), st.data())
def test_more_right_guesses_show_more(guesses: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, guesses - 1))
    more = lower_bound(1000, guesses, correct + 1, DELTA, 0.05)
    assert more >= lower_bound(1000, guesses, correct, DELTA, 0.05) - 1e-5
    assert more <= lower_bound(1000, guesses, correct + 1, 0.0, 0.05) + 1e-5


@given(st.integers(1, 300), st.floats(0, 10), st.floats(0, 10))
def test_a_larger_epsilon_is_harder_to_refute(guesses: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    correct = guesses - guesses // 10
    assert p_value(1000, guesses, correct, low, DELTA) <= p_value(1000, guesses, correct, high, DELTA) + 1e-9


def bounds(sigma: float, contribution: float, runs: int, canaries: int = 600, gaussian: bool = False) -> list[float]:
    """Bounds of audits of a sum with noise: each canary adds ``contribution`` to a coordinate of its own."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        coins = tossed(canaries, rng)
        scores = contribution * coins + sigma * rng.standard_normal(canaries)
        found.append(audit(scores, coins, DELTA, gaussian=gaussian).epsilon)
    return found


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("sigma", [0.7, 4.0])
def test_the_bound_of_a_right_mechanism_stays_below_its_epsilon(sigma: float, gaussian: bool) -> None:
    claimed = gaussian_epsilon(1 / sigma, DELTA)
    assert np.mean([bound <= claimed for bound in bounds(sigma, 1.0, 60, gaussian=gaussian)]) >= 0.95


@pytest.mark.parametrize("gaussian", [False, True])
def test_nothing_is_found_where_nothing_is_released(gaussian: bool) -> None:
    assert np.mean([bound == 0 for bound in bounds(1.0, 0.0, 100, gaussian=gaussian)]) >= 0.95


def test_of_a_gaussian_mechanism_more_is_found() -> None:
    assert np.median(bounds(0.7, 1.0, 20, gaussian=True)) > 1.3 * np.median(bounds(0.7, 1.0, 20))


@given(st.integers(2, 200), st.data())
def test_more_right_guesses_show_more_of_a_gaussian_mechanism(guesses: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, guesses - 1))
    assert lower_mu(200, guesses, correct + 1, 0.05) >= lower_mu(200, guesses, correct, 0.05) - 1e-5


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize(("sigma", "contribution"), [(1e-3, 1.0), (1.5, 10.0)])
def test_the_bound_of_a_broken_mechanism_exceeds_its_epsilon(sigma: float, contribution: float, gaussian: bool) -> None:
    claimed = 3.0
    assert gaussian_epsilon(1 / 1.5, DELTA) < claimed
    assert min(bounds(sigma, contribution, 20, gaussian=gaussian)) > claimed


def test_equal_scores_tell_nothing_in_whatever_order_the_canaries_stand() -> None:
    coins = np.arange(400) >= 200
    assert audit(np.zeros(400), coins, DELTA).epsilon == 0.0


def test_a_bound_says_what_it_was_made_of() -> None:
    coins = tossed(64, np.random.default_rng(0))
    found = audit(coins.astype(float), coins, DELTA)
    assert (found.canaries, found.tried, found.confidence) == (64, 3, 0.95)
    assert found.guesses == found.correct
    assert found.refutes(found.epsilon - 0.1)
    assert not found.refutes(found.epsilon + 0.1)


def test_coins_are_fair_and_never_the_same() -> None:
    assert tossed(10_000).mean() == pytest.approx(0.5, abs=0.03)
    assert not np.array_equal(tossed(256), tossed(256))


@pytest.mark.parametrize(
    ("scores", "coins", "delta"),
    [
        (np.array([]), np.array([], dtype=bool), DELTA),
        (np.array([1.0, 2.0]), np.array([True]), DELTA),
        (np.array([1.0, math.nan]), np.array([True, False]), DELTA),
        (np.array([1.0, 2.0]), np.array([True, False]), 1.0),
    ],
)
def test_an_audit_of_nothing_is_refused(scores: np.ndarray, coins: np.ndarray, delta: float) -> None:
    with pytest.raises(UserError, match="an audit needs"):
        audit(scores, coins, delta)


def test_one_number_of_guesses_needs_no_correction() -> None:
    coins = tossed(400, np.random.default_rng(1))
    one = audit(coins.astype(float), coins, DELTA, guesses=[100])
    both = audit(coins.astype(float), coins, DELTA, guesses=[100, 50])
    assert (one.tried, both.tried) == (1, 2)
    assert one.correct == both.correct == 100
    assert one.epsilon > both.epsilon
