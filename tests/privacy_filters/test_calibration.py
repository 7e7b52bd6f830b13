"""The calibration does what split-conformal prediction promises, in simulation and as an invariant."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthgen.privacy_filters.calibration import (
    Calibration,
    CopiesAmongStrangersError,
    Tail,
    attainable_alpha,
    calibrate,
    common_scale,
    k_for,
    only,
    patients_needed,
    useful_columns,
)
from synthgen.privacy_filters.power import BlockRate

Strangers = Callable[[np.random.Generator, int], np.ndarray]


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


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    """The same with a third filter whose strangers at times come very close by accident."""
    scores = draw(rng, n)
    scores[:, 2] = np.exp(-np.minimum(3 * np.abs(rng.standard_t(1.5, size=n)), 600))
    return scores


@pytest.mark.parametrize("strangers", [draw, heavy])
@pytest.mark.parametrize("seed", [0, 1])
def test_union_of_filters_blocks_strangers_at_the_stated_rate(strangers: Strangers, seed: int) -> None:
    """Over many calibration sets the mean rate is k/(n+1) and the spread is that of Beta(k, n+1-k)."""
    rng = np.random.default_rng(seed)
    n, alpha, repeats = 99, 0.05, 300
    rates = []
    for _ in range(repeats):
        gate = calibrate(("a", "b", "c"), strangers(rng, n), alpha, strangers(rng, 200))
        rates.append(gate.rejects(strangers(rng, 2000)).mean())
    block = BlockRate(k_for(alpha, n), n)
    spread = stats.beta(block.k, n + 1 - block.k).std()
    assert abs(np.mean(rates) - block.expected) < 4 * spread / math.sqrt(repeats)
    low, high = block.interval
    assert np.mean([(low <= r <= high) for r in rates]) > 0.88


def with_normal_tails(gate: Calibration, scores: np.ndarray) -> np.ndarray:
    """g as it would be by median and deviation alone."""
    return common_scale(scores, [replace(scale, tail=Tail()) for scale in gate.scales]).min(axis=1)


def test_a_heavy_tailed_filter_does_not_take_the_level_of_the_others() -> None:
    """Copies that one filter sees plainly are caught although another filter's strangers have outliers."""
    rng = np.random.default_rng(7)
    by_shape, by_choice, by_neither = [], [], []
    for _ in range(40):
        strangers, copies = heavy(rng, 171), heavy(rng, 400)
        copies[:, 0] = np.exp(-3.0 + 0.3 * rng.normal(size=400))
        gate = calibrate(("a", "b", "c"), strangers, 0.01, heavy(rng, 200))
        columns = useful_columns(gate, [copies[:100]])
        by_shape.append(gate.rejects(copies[100:]).mean())
        by_choice.append(only(gate, columns).rejects(copies[100:][:, columns]).mean())
        by_neither.append((with_normal_tails(gate, copies[100:]) <= with_normal_tails(gate, strangers).min()).mean())
    assert np.mean(by_neither) < 0.3 < 0.5 < np.mean(by_shape)
    assert np.mean(by_choice) > 0.9


def test_filters_that_see_different_copies_both_stay() -> None:
    rng = np.random.default_rng(8)
    strangers = draw(rng, 150)
    near = [draw(rng, 60), draw(rng, 60)]
    near[0][:, 0], near[1][:, 1] = np.exp(-5.0), np.exp(-8.0)
    gate = calibrate(("a", "b", "c"), strangers, 0.01)
    assert {0, 1} <= set(useful_columns(gate, near))
    assert useful_columns(gate, []) == (0, 1, 2)


@given(
    logs=st.lists(st.floats(-50, 50), min_size=40, max_size=80, unique=True),
    probability=st.floats(1e-6, 0.9),
)
@settings(max_examples=60, deadline=None)
def test_a_tail_is_monotone_and_has_an_inverse(logs: list[float], probability: float) -> None:
    tail = Tail.fit(np.array(logs) / 10)
    z = np.linspace(-100, 100, 400)
    assert (np.diff(tail.log_probability(z)) >= 0).all()
    there = tail.quantile(math.log(probability))
    assert tail.log_probability(np.array([there]))[0] == pytest.approx(math.log(probability), rel=1e-6, abs=1e-6)


@given(
    n=st.integers(19, 80),
    filters=st.integers(1, 4),
    alpha=st.floats(0.01, 0.4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_exactly_k_calibration_patients_lie_at_or_below_the_threshold(
    n: int, filters: int, alpha: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    strangers = np.exp(rng.normal(size=(n, filters)))
    gate = calibrate(tuple("abcd"[:filters]), strangers, alpha)
    assert (np.array(gate.strangers) <= gate.threshold).sum() == k_for(alpha, n) == gate.k
    by_hand = (strangers <= np.array(gate.thresholds) * (1 + 1e-12)).any(axis=1)
    assert (by_hand == gate.rejects(strangers)).all()
    assert max(gate.blockers) <= gate.k <= sum(gate.blockers)
    assert filters > 1 or gate.rejects(strangers).sum() == gate.k


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


def test_calibration_refuses_scores_it_cannot_rank() -> None:
    rng = np.random.default_rng(5)
    strangers = draw(rng, 20)
    strangers[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or negative"):
        calibrate(("a", "b", "c"), strangers, 0.1)


def test_a_copy_among_the_strangers_is_no_threshold() -> None:
    strangers = draw(np.random.default_rng(6), 20)
    strangers[4, 0] = 0.0
    with pytest.raises(CopiesAmongStrangersError, match="1 of 20 calibration patients are copies"):
        calibrate(("a", "b", "c"), strangers, 0.1)


@pytest.mark.parametrize(
    ("common", "k", "blocked"), [((1, 2, 2, 3, 4), 2, 1), ((1, 1, 2, 3, 4), 1, 0), ((1, 1, 2), 2, 2)]
)
def test_calibration_patients_who_are_each_others_nearest_do_not_raise_the_rate(
    common: tuple[int, ...], k: int, blocked: int
) -> None:
    scores = np.exp(np.array(common, dtype=float))[:, None]
    gate = calibrate(["a"], scores, (k + 0.5) / (len(common) + 1))
    assert gate.k == k
    assert gate.rejects(scores).sum() == blocked
    assert gate.rejects(scores / 100).all()
