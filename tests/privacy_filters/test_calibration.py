"""The calibration does what split-conformal prediction promises, in simulation and as an invariant."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthgen.privacy_filters.calibration import (
    attainable_alpha,
    block_rate,
    calibrate,
    generator_limit,
    k_for,
    miss_upper,
    patients_needed,
)


def draw(rng: np.random.Generator, n: int, filters: int = 3) -> np.ndarray:
    """Correlated positive scores of strangers, with another scale and tail in each filter."""
    shared = rng.normal(size=(n, 1))
    return np.exp(0.6 * shared + rng.normal(size=(n, filters)) * np.array([0.5, 1.0, 2.0])[:filters])


@pytest.mark.parametrize(("n", "alpha", "k"), [(99, 0.01, 1), (199, 0.01, 2), (50, 0.01, 1), (300, 0.02, 6)])
def test_k_and_attainable_level(n: int, alpha: float, k: int) -> None:
    assert k_for(alpha, n) == k
    assert attainable_alpha(n) == pytest.approx(1 / (n + 1))
    assert attainable_alpha(patients_needed(alpha)) <= alpha < attainable_alpha(patients_needed(alpha) - 1)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.7])
def test_alpha_must_be_a_level(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must be in"):
        k_for(alpha, 100)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_union_of_filters_blocks_strangers_at_the_stated_rate(seed: int) -> None:
    """Over many calibration sets the mean rate is k/(n+1) and the spread is that of Beta(k, n+1-k)."""
    rng = np.random.default_rng(seed)
    n, alpha, repeats = 99, 0.05, 300
    rates = []
    for _ in range(repeats):
        gate = calibrate(("a", "b", "c"), draw(rng, n), alpha)
        rates.append(gate.rejects(draw(rng, 2000)).mean())
    k = k_for(alpha, n)
    expected, (low, high) = block_rate(k, n)
    spread = stats.beta(k, n + 1 - k).std()
    assert abs(np.mean(rates) - expected) < 4 * spread / math.sqrt(repeats)
    assert np.mean([(low <= r <= high) for r in rates]) > 0.9


@given(
    n=st.integers(5, 60),
    filters=st.integers(1, 4),
    alpha=st.floats(0.01, 0.4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_exactly_k_calibration_patients_are_blocked(n: int, filters: int, alpha: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    strangers = np.exp(rng.normal(size=(n, filters)))
    gate = calibrate(tuple("abcd"[:filters]), strangers, alpha)
    blocked = gate.rejects(strangers)
    assert blocked.sum() == k_for(alpha, n) == gate.k
    by_hand = (strangers <= np.array(gate.thresholds) * (1 + 1e-12)).any(axis=1)
    assert (by_hand == blocked).all()
    assert max(gate.blockers) <= gate.k <= sum(gate.blockers)
    assert ((gate.conformal_p(strangers) <= (gate.k + 1) / (n + 1) + 1e-12) == blocked).all()


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3), st.floats(0.1, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_closer_record_is_never_kept_where_a_farther_one_is_rejected(scores: list[float], nearer: float) -> None:
    rng = np.random.default_rng(0)
    gate = calibrate(("a", "b", "c"), draw(rng, 100), 0.05)
    record = np.array([scores])
    assert not gate.rejects(record)[0] or gate.rejects(record * nearer)[0]


def test_nan_zero_and_ties_are_rejected() -> None:
    rng = np.random.default_rng(3)
    gate = calibrate(("a", "b"), draw(rng, 100, 2), 0.05)
    far = np.array([1e6, 1e6])
    for bad in (np.nan, 0.0, -1.0):
        assert gate.rejects(np.array([[bad, far[1]]]))[0]
        assert not all(v.keeps for v in gate.verdicts(np.array([[bad, far[1]]]))[0])
    assert not gate.rejects(far[None])[0]
    tie = np.array([list(gate.thresholds)])
    common = gate.common(tie)
    assert gate.rejects(tie)[0] or common[0] == pytest.approx(gate.threshold, abs=1e-9)


def test_the_limit_is_rarely_passed_by_an_honest_generator_and_always_by_a_copier() -> None:
    rng = np.random.default_rng(4)
    n, attempts = 100, 200
    k = k_for(0.01, n)
    limit = generator_limit(attempts, k, n)
    rates = rng.beta(k, n + 1 - k, size=20_000)
    honest = rng.binomial(attempts, rates)
    assert (honest > limit).mean() <= 0.0015
    assert limit < attempts // 4


@pytest.mark.parametrize(("m", "bound"), [(59, 0.05), (299, 0.01)])
def test_miss_bound_when_all_are_caught(m: int, bound: float) -> None:
    assert miss_upper(m, m) == pytest.approx(1 - 0.05 ** (1 / m))
    assert miss_upper(m, m) == pytest.approx(bound, rel=0.02)
    assert miss_upper(m, m - 1) > miss_upper(m, m)
    assert miss_upper(m, 0) == 1.0


def test_calibration_refuses_scores_it_cannot_rank() -> None:
    rng = np.random.default_rng(5)
    strangers = draw(rng, 20)
    strangers[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or negative"):
        calibrate(("a", "b", "c"), strangers, 0.1)
