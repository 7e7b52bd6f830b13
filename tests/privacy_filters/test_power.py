"""Rates, limits and power are what simulation says they are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.privacy_filters.power import BlockRate, detectable_share, miss_upper, released_share, weighted


@pytest.mark.parametrize(("level", "n"), [(0.01, 100), (0.001, 100), (0.01, 300)])
def test_the_limit_is_passed_by_honest_generators_at_its_level_only(level: float, n: int) -> None:
    rng = np.random.default_rng(4)
    block, attempts, draws = BlockRate(1, n), 200, 200_000
    honest = rng.binomial(attempts, rng.beta(1, n, size=draws))
    assert (honest > block.limit(attempts, level)).mean() <= level + 4 * math.sqrt(level / draws)
    assert (honest > block.limit(attempts, level) - 2).mean() > level / 2


@pytest.mark.parametrize(("n", "attempts", "catch"), [(171, 200, 0.98), (300, 400, 1.0), (100, 64, 0.9)])
def test_a_generator_with_the_detectable_share_of_copies_is_seen(n: int, attempts: int, catch: float) -> None:
    rng = np.random.default_rng(5)
    block = BlockRate(1, n)
    limit = block.limit(attempts, 0.01)
    share = detectable_share(block, attempts, limit, catch)
    rates = share * catch + (1 - share) * rng.beta(1, n, size=100_000)
    assert (rng.binomial(attempts, rates) > limit).mean() == pytest.approx(0.95, abs=0.01)


def test_power_is_measured_as_the_definition_says() -> None:
    """Smallest shares at a level of 1% and the 99.9% limit, from an independent calculation."""
    for k, n, attempts, share in (
        (1, 99, 64, 0.19),
        (1, 171, 64, 0.155),
        (10, 999, 64, 0.13),
        (1, 99, 200, 0.115),
        (10, 999, 200, 0.07),
    ):
        block = BlockRate(k, n)
        assert detectable_share(block, attempts, block.limit(attempts, 0.001), 1.0) == pytest.approx(share, abs=0.01)


def test_a_gate_that_catches_nothing_sees_nothing() -> None:
    assert detectable_share(BlockRate(1, 100), 64, 4, 0.0) == math.inf
    assert detectable_share(BlockRate(1, 100), 3, 4, 1.0) == math.inf


@given(st.integers(1, 10), st.integers(20, 300))
@settings(max_examples=40, deadline=None)
def test_equal_weights_change_nothing_and_unequal_ones_cost_patients(k: int, n: int) -> None:
    blocked = np.arange(n) < k
    same = weighted(blocked, np.full(n, 3.0))
    assert (same.k, same.n) == (pytest.approx(k), pytest.approx(n))
    uneven = weighted(blocked, np.linspace(0.1, 1.0, n))
    assert uneven.n < n
    assert uneven.k >= 1


def test_a_group_that_is_blocked_more_often_raises_the_rate() -> None:
    blocked = np.zeros(200, dtype=bool)
    blocked[:4] = True  # all among the first twenty
    group = np.where(np.arange(200) < 20, 9.0, 1.0)
    assert weighted(blocked, group).expected > 3 * weighted(blocked, np.ones(200)).expected


@pytest.mark.parametrize(("k", "n"), [(0, 10), (11, 10), (-1, 5)])
def test_a_rate_needs_a_rank(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="k must be in"):
        BlockRate(k, n)


@pytest.mark.parametrize(("m", "bound"), [(59, 0.05), (299, 0.01)])
def test_miss_bound_when_all_are_caught(m: int, bound: float) -> None:
    assert miss_upper(m, m) == pytest.approx(1 - 0.05 ** (1 / m))
    assert miss_upper(m, m) == pytest.approx(bound, rel=0.02)
    assert miss_upper(m, m - 1) > miss_upper(m, m)
    assert miss_upper(m, 0) == 1.0


def test_retries_add_up() -> None:
    rng = np.random.default_rng(6)
    slips = (rng.random((100_000, 3)) < 0.04).any(axis=1).mean()
    assert released_share(0.04, 3) == pytest.approx(slips, abs=0.003)
    assert released_share(0.04, 1) == pytest.approx(0.04)
