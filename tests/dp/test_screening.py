"""The floor of a private screen, and plausible deniability held against its theorem by exact calculation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from synthgen.dp.accounting import Stated
from synthgen.dp.screening import (
    Deniability,
    composed,
    cost_of_seeded,
    cost_of_unseeded,
    epsilon_to_catch,
    most_caught,
    plausible,
)
from synthgen.errors import UserError


def test_the_floor_in_figures() -> None:
    assert epsilon_to_catch(0.95, 0.01) == pytest.approx(math.log(95))
    assert most_caught(3.0, 0.0, 0.01) == pytest.approx(0.2, abs=0.001)
    assert most_caught(8.0, 0.0, 0.01) == 1.0
    assert epsilon_to_catch(0.5, 0.0) == math.inf
    assert epsilon_to_catch(0.01, 0.05) == 0.0


@given(st.floats(0.01, 1), st.floats(1e-4, 1), st.floats(0, 0.1))
def test_at_the_epsilon_that_is_needed_the_share_can_just_be_caught(share: float, blocked: float, delta: float) -> None:
    assert most_caught(epsilon_to_catch(share, blocked, delta), delta, blocked) >= share - 1e-9


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(UserError, match=r"in \[0, 1\]"):
        epsilon_to_catch(share, 0.01)


def passes(count: NDArray[np.int_], rule: Deniability) -> NDArray[np.float64]:
    """The chance that count >= k + Laplace(1/ε₀)."""
    x = (count - rule.k) * rule.epsilon0
    return np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 1 - 0.5 * np.exp(-np.maximum(x, 0)))


def released(likelihood: NDArray[np.float64], rule: Deniability) -> NDArray[np.float64]:
    """The chance of each outcome, exactly: shape [candidates + 1], the last is that it is refused.

    ``likelihood``, shape [records, candidates]: a record is drawn, then a candidate of it, then the test is made.
    """
    bins = np.floor(-np.log(likelihood) / math.log(rule.gamma))
    counts = (bins[:, None, :] == bins[None, :, :]).sum(axis=1)
    out = (likelihood * passes(counts, rule)).mean(axis=0)
    return np.append(out, 1 - out.sum())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 12), st.integers(2, 5), st.floats(0.2, 3), st.floats(1.1, 8))
def test_its_cost_covers_what_one_record_changes(seed: int, n: int, k: int, epsilon0: float, gamma: float) -> None:
    rng = np.random.default_rng(seed)
    likelihood = rng.dirichlet(np.full(4, rng.choice([0.3, 1.0, 10.0])), n) + 1e-12
    likelihood[1 : 1 + n // 2] = likelihood[0]  # records that explain one another
    rule = Deniability(k, epsilon0, gamma)
    less, more = released(likelihood[:-1], rule), released(likelihood, rule)
    for t in range(1, k):
        cost = cost_of_seeded(rule, math.exp(-epsilon0 * (k - t)) * (1 + 1e-9))
        assert cost.epsilon == pytest.approx(epsilon0 + math.log(1 + gamma / t))
        for one, other in ((less, more), (more, less)):
            beyond = np.maximum(one - math.exp(cost.epsilon) * other, 0)[:-1].sum()
            assert beyond <= cost.delta + 1e-9


def test_that_a_seeded_candidate_was_refused_is_not_covered() -> None:
    likelihood = np.full((40, 2), [1.0, 1e-9])
    likelihood[-1] = [1e-9, 1.0]  # one record that nobody else explains
    rule = Deniability(5, 1.0)
    cost = cost_of_seeded(rule, 0.02)
    less, more = released(likelihood[:-1], rule), released(likelihood, rule)
    assert (np.maximum(more - math.exp(cost.epsilon) * less, 0)[:-1]).sum() <= cost.delta
    assert more[-1] - math.exp(cost.epsilon) * less[-1] > 0.02


def test_the_threshold_is_noisy_and_fair() -> None:
    rule = Deniability(10, 1.0)
    rng = np.random.default_rng(0)
    for count in (0, 8, 10, 13):
        share = plausible(np.full(20_000, count), rule, rng).mean()
        assert share == pytest.approx(float(passes(np.array([count]), rule)[0]), abs=0.015)


def test_a_delta_out_of_reach_says_which_k_reaches_it() -> None:
    with pytest.raises(UserError, match="set k to at least 15"):
        cost_of_seeded(Deniability(10, 1.0), 1e-6)
    assert cost_of_seeded(Deniability(15, 1.0), 1e-6).delta <= 1e-6


def test_a_candidate_without_a_seed_costs_the_noise_of_its_count() -> None:
    assert cost_of_unseeded(Deniability(10, 0.5)) == Stated(0.5)


@given(st.floats(0.001, 1), st.integers(1, 2000))
def test_many_decisions_cost_no_more_than_their_sum(epsilon: float, candidates: int) -> None:
    total = composed(Stated(epsilon, 1e-9), candidates, 1e-5)
    assert total.epsilon <= candidates * epsilon * (1 + 1e-9)
    assert total.delta <= candidates * 1e-9 + 1e-5
    assert total.epsilon >= epsilon


def test_advanced_composition_helps_where_there_are_many() -> None:
    assert composed(Stated(0.01), 1000, 1e-5).epsilon < 2.0


@pytest.mark.parametrize(("k", "epsilon0", "gamma"), [(0, 1.0, 2.0), (5, 0.0, 2.0), (5, 1.0, 1.0), (5, math.nan, 2.0)])
def test_a_rule_that_means_nothing_is_refused(k: int, epsilon0: float, gamma: float) -> None:
    with pytest.raises(UserError):
        Deniability(k, epsilon0, gamma)
