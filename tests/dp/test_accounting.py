"""ε of private mechanisms: an upper bound, close to an independent implementation's, and it moves the right way."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dp import accounting
from synthgen.dp.accounting import (
    Gaussian,
    Stated,
    check_delta,
    default_delta,
    epsilon_of,
    event_as_dict,
    event_from,
    gaussian_delta,
    gaussian_epsilon,
    largest_tpr,
    rate_of,
    rdp_epsilon,
    sigma_for,
)
from synthgen.errors import MissingExtraError, UserError

SIGMAS = st.floats(0.4, 20)
DELTAS = st.floats(1e-6, 1e-2)


def test_it_agrees_with_dp_accounting_within_one_percent_over_fifty_settings() -> None:
    pytest.importorskip("opacus")
    pytest.importorskip("dp_accounting")
    from benchmarks import dp_accounting

    rows = [dp_accounting.compared(setting) for setting in dp_accounting.settings()]
    assert len(rows) == 50
    assert {row.ours.bound for row in rows} == {"analytic Gaussian", "PRV"}
    for row in rows:
        assert abs(row.difference) < 0.01, row
        assert row.ours.epsilon > row.theirs * 0.999, row
        assert row.ours.rdp >= row.ours.epsilon, row


def test_the_arithmetic_of_a_small_cohort() -> None:
    pytest.importorskip("opacus")
    delta = default_delta(409)
    assert sigma_for(8, delta, rate=0.25, steps=200) == pytest.approx(1.93, abs=0.01)
    assert sigma_for(8, delta) == pytest.approx(0.5, abs=0.01)


@given(SIGMAS, DELTAS)
def test_delta_at_epsilon_of_delta_is_delta(sigma: float, delta: float) -> None:
    epsilon = gaussian_epsilon(1 / sigma, delta)
    if epsilon:
        assert gaussian_delta(1 / sigma, epsilon) == pytest.approx(delta, rel=1e-4)
    else:
        assert gaussian_delta(1 / sigma, 0.0) <= delta


@given(SIGMAS, st.integers(1, 50), DELTAS, st.floats(1.01, 3))
def test_more_noise_costs_less_and_more_steps_cost_more(sigma: float, steps: int, delta: float, factor: float) -> None:
    once = epsilon_of([Gaussian(sigma, 1.0, steps)], delta).epsilon
    assert epsilon_of([Gaussian(sigma * factor, 1.0, steps)], delta).epsilon <= once
    assert epsilon_of([Gaussian(sigma, 1.0, steps + 1)], delta).epsilon >= once
    assert rdp_epsilon([Gaussian(sigma, 1.0, steps)], delta) >= once


@settings(max_examples=3, deadline=None)
@given(st.floats(0.7, 5), st.floats(0.02, 0.5), st.integers(2, 300), st.floats(1e-5, 1e-3))
def test_sampled_steps_cost_more_with_less_noise_a_higher_rate_and_more_steps(
    sigma: float, rate: float, steps: int, delta: float
) -> None:
    pytest.importorskip("opacus")
    once = epsilon_of([Gaussian(sigma, rate, steps)], delta).epsilon
    assert epsilon_of([Gaussian(sigma / 1.2, rate, steps)], delta).epsilon >= once
    assert epsilon_of([Gaussian(sigma, rate * 1.2, steps)], delta).epsilon >= once
    assert epsilon_of([Gaussian(sigma, rate, steps * 2)], delta).epsilon >= once
    assert once <= epsilon_of([Gaussian(sigma, 1.0, steps)], delta).epsilon * 1.01


@given(st.floats(0.05, 50), DELTAS, st.integers(1, 20))
def test_the_noise_for_an_epsilon_reaches_it(epsilon: float, delta: float, steps: int) -> None:
    reached = epsilon_of([Gaussian(sigma_for(epsilon, delta, steps=steps), 1.0, steps)], delta).epsilon
    assert 0.99 * epsilon < reached <= epsilon


@settings(max_examples=2, deadline=None)
@given(st.floats(0.5, 10), st.floats(0.05, 0.5), st.integers(10, 200))
def test_the_noise_for_an_epsilon_reaches_it_with_sampling(epsilon: float, rate: float, steps: int) -> None:
    pytest.importorskip("opacus")
    sigma = sigma_for(epsilon, 1e-4, rate=rate, steps=steps)
    reached = epsilon_of([Gaussian(sigma, rate, steps)], 1e-4).epsilon
    assert 0.98 * epsilon < reached <= epsilon


def test_what_was_spent_leaves_less() -> None:
    spent = [Gaussian(1.0)]
    sigma = sigma_for(8, 1e-4, spent=spent)
    assert sigma > sigma_for(8, 1e-4)
    assert epsilon_of([*spent, Gaussian(sigma)], 1e-4).epsilon <= 8
    with pytest.raises(UserError, match="is spent already"):
        sigma_for(1, 1e-4, spent=spent)


@given(st.lists(st.builds(Gaussian, SIGMAS, st.just(1.0), st.integers(1, 9)), min_size=1, max_size=5), DELTAS)
def test_unsampled_mechanisms_compose_to_one_whatever_their_order(events: list[Gaussian], delta: float) -> None:
    mu = math.sqrt(sum(event.steps / event.sigma**2 for event in events))
    found = epsilon_of(events, delta)
    assert found.epsilon == pytest.approx(gaussian_epsilon(mu, delta), rel=1e-6, abs=1e-9)
    assert found.epsilon == pytest.approx(epsilon_of(events[::-1], delta, adaptive=True).epsilon, rel=1e-6, abs=1e-9)


def test_stated_mechanisms_add_their_epsilon_and_use_up_delta() -> None:
    alone = epsilon_of([Gaussian(1.0)], 5e-5).epsilon
    assert epsilon_of([Gaussian(1.0), Stated(0.5, 5e-5)], 1e-4).epsilon == pytest.approx(alone + 0.5)
    assert epsilon_of([Stated(0.5), Stated(0.25)], 1e-4).epsilon == 0.75
    with pytest.raises(UserError, match="less than what has been spent"):
        epsilon_of([Gaussian(1.0), Stated(0.5, 1e-3)], 1e-4)


def test_settings_that_were_chosen_on_the_way_are_composed_by_renyi() -> None:
    pytest.importorskip("opacus")
    events = [Gaussian(2.0, 0.25, 100), Gaussian(3.0, 0.2, 50)]
    fixed, adaptive = epsilon_of(events, 1e-4), epsilon_of(events, 1e-4, adaptive=True)
    assert (fixed.bound, adaptive.bound) == ("PRV", "RDP")
    assert adaptive.epsilon == adaptive.rdp == fixed.rdp > fixed.epsilon


def test_where_prv_cannot_be_trusted_the_bound_is_renyis_and_says_so() -> None:
    pytest.importorskip("opacus")
    found = epsilon_of([Gaussian(2.0, 0.1, 1000)], 1e-13)
    assert found.bound == "RDP"
    assert found.epsilon == found.rdp
    assert epsilon_of([Gaussian(0.02, 0.5, 3)], 1e-4).epsilon > 1000  # too little noise to say anything, and it is said


@given(SIGMAS, st.floats(0, 1))
def test_what_an_attack_can_find_lies_between_chance_and_all(sigma: float, fpr: float) -> None:
    exact = largest_tpr([Gaussian(sigma)], fpr)
    assert fpr - 1e-9 <= exact <= 1
    assert largest_tpr([Gaussian(sigma), Stated(1e-9)], fpr) >= exact - 1e-6  # the bound by RDP lies above


def test_an_epsilon_bounds_what_an_attack_finds() -> None:
    assert largest_tpr([Stated(1.0)], 0.01) == pytest.approx(math.e * 0.01, rel=1e-3)
    assert largest_tpr([], 0.25) == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("event", [Gaussian(1.5, 0.25, 200), Gaussian(2.0), Stated(1.0, 1e-5)])
def test_an_event_is_read_as_it_was_written(event: Gaussian | Stated) -> None:
    assert event_from(event_as_dict(event)) == event


@pytest.mark.parametrize("value", [{}, {"mechanism": "laplace"}, [], {**event_as_dict(Gaussian(1.0)), "steps": "9"}])
def test_what_is_no_event_is_not_read(value: object) -> None:
    with pytest.raises(ValueError, match="not an event"):
        event_from(value)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
def test_a_mechanism_needs_noise(sigma: float) -> None:
    with pytest.raises(UserError, match="noise of a private mechanism must be above 0"):
        Gaussian(sigma)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, math.nan])
def test_a_rate_is_a_chance(rate: float) -> None:
    with pytest.raises(UserError, match=r"must be in \(0, 1\]"):
        Gaussian(1.0, rate)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_an_epsilon_is_above_zero(epsilon: float) -> None:
    with pytest.raises(UserError, match="epsilon must be a number above 0"):
        sigma_for(epsilon, 1e-4)


@pytest.mark.parametrize("delta", [0.0, 0.01, 0.5, math.nan])
def test_a_delta_of_one_patient_in_n_says_nothing(delta: float) -> None:
    with pytest.raises(UserError, match="below 1/100"):
        check_delta(delta, 100)


@given(st.integers(3, 10**7))
def test_the_default_delta_says_something(patients: int) -> None:
    assert check_delta(default_delta(patients), patients) < 1 / patients


@pytest.mark.parametrize("patients", [0, 1, 2])
def test_two_patients_are_too_few(patients: int) -> None:
    with pytest.raises(UserError, match="at least 3 patients"):
        default_delta(patients)


def test_a_batch_is_no_larger_than_the_cohort() -> None:
    assert rate_of(100, 400) == 0.25
    with pytest.raises(UserError, match="cannot be drawn from 10"):
        rate_of(11, 10)


def test_steps_are_counted_from_one() -> None:
    with pytest.raises(UserError, match="at least once"):
        Gaussian(1.0, 0.5, 0)


def test_without_opacus_the_extra_is_named_and_votes_are_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opacus.accountants.analysis", None)
    monkeypatch.setitem(sys.modules, "opacus.accountants.analysis.rdp", None)
    accounting._sampled_rdp.cache_clear()
    with pytest.raises(MissingExtraError, match=r"\[dp\]"):
        epsilon_of([Gaussian(1.0, 0.5, 3)], 1e-4)
    assert epsilon_of([Gaussian(1.0)], 1e-4).bound == "analytic Gaussian"
    assert sigma_for(8, 1e-4, steps=5) > 0


def test_like_events_are_merged() -> None:
    merged = accounting._merged([Gaussian(2.0, 0.5, 3), Gaussian(1.0), Gaussian(2.0, 0.5, 4), Gaussian(1.0)])
    assert merged == [Gaussian(float(np.sqrt(0.5))), Gaussian(2.0, 0.5, 7)]
