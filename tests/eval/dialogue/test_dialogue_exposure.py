from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synthgen.estimates import NotMeasurableError
from synthgen.eval.dialogue.exposure import (
    chance_exposure,
    exposure,
    exposure_by_repetitions,
    exposures,
    extrapolated_exposures,
    rank_correlation,
)


def test_the_extremes_are_zero_and_the_log_of_the_space() -> None:
    references = np.arange(-1023.0, 0.0)  # 1023 references: 1024 candidates with the canary, 10 bits
    assert exposures(np.array([1.0, -5000.0]), references).tolist() == [10.0, 0.0]
    # Likelier than all but one: rank 2 of 1024.
    assert exposures(np.array([-1.5]), references)[0] == pytest.approx(9.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=30), st.lists(st.integers(-6, 6), min_size=1, max_size=8))
def test_against_the_definition(references: list[int], canaries: list[int]) -> None:
    found = exposures(np.array(canaries), np.array(references))
    for canary, value in zip(canaries, found, strict=True):
        rank = 1 + sum(r > canary for r in references) + sum(r == canary for r in references) / 2
        assert value == pytest.approx(np.log2(len(references) + 1) - np.log2(rank))
        assert 0 <= value <= np.log2(len(references) + 1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_that_knows_nothing_is_at_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    references = rng.normal(size=1023)
    found = exposure(rng.normal(size=2000), references, seed=seed)
    assert found.value == pytest.approx(chance_exposure(1023), abs=0.2)  # 4 SD of the references
    assert chance_exposure(1023) == pytest.approx(np.log2(np.e), abs=0.02)
    assert found.n == 2000 and found.better == "lower" and "1023 references" in found.note


def test_intervals_cover_chance_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        found = exposure(rng.normal(size=40), rng.normal(size=255), seed=seed)
        covered += found.ci95[0] <= chance_exposure(255) <= found.ci95[1]
    assert covered >= 51  # of 60 at 95%: fewer has a chance of 1 in 1,000


def test_canaries_that_are_all_known_have_an_interval_too() -> None:
    found = exposure(np.full(6, 1.0), np.linspace(-9.0, 0.0, 1023))
    assert found.value == 10.0 and found.ci95[1] == 10.0 and 4.0 < found.ci95[0] < 8.0


@pytest.mark.parametrize("seed", [0, 1])
def test_the_fitted_tail_agrees_with_counting_and_goes_beyond_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    references = -stats.skewnorm.rvs(3.0, 30.0, 4.0, size=4000, random_state=rng)
    inside = np.quantile(references, [0.5, 0.9, 0.99])
    assert extrapolated_exposures(inside, references) == pytest.approx(exposures(inside, references), abs=0.4)
    beyond = np.array([references.max() + 4.0])
    assert extrapolated_exposures(beyond, references)[0] > exposures(beyond, references)[0] + 1
    assert extrapolated_exposures(np.array([1e6]), references)[0] == 50.0
    assert extrapolated_exposures(np.array([1e6]), references, most=29.9)[0] == pytest.approx(29.9)


def test_by_repetitions_and_the_trend() -> None:
    rng = np.random.default_rng(0)
    repetitions = [0] * 8 + [4] * 8 + [16] * 8 + [99]
    canaries = np.concatenate([rng.normal(size=8), rng.normal(1.5, 1, 8), rng.normal(6, 1, 8), [9.0]])
    references = rng.normal(size=511)
    found = exposure_by_repetitions(canaries, repetitions, references)
    assert [e.metric for e in found] == [f"model_canary_exposure_x{n}" for n in (0, 4, 16)]  # one canary is no figure
    assert found[0].value < found[1].value < found[2].value and all(e.n == 8 for e in found)
    trend = rank_correlation(exposures(canaries, references), repetitions)
    assert trend.value > 0.5 and trend.ci95[0] > 0.2
    flat = rank_correlation(exposures(rng.normal(size=25), references), repetitions)
    assert flat.ci95[0] < 0 < flat.ci95[1]


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(NotMeasurableError):
        exposure(np.array([1.0]), np.arange(100.0))
    with pytest.raises(NotMeasurableError):
        extrapolated_exposures(np.array([1.0]), np.zeros(100))
    with pytest.raises(NotMeasurableError):
        rank_correlation(np.arange(5.0), [3] * 5)
    with pytest.raises(ValueError, match="references"):
        exposures(np.array([1.0]), np.zeros(0))
    with pytest.raises(ValueError, match="finite"):
        exposures(np.array([np.nan]), np.zeros(4))
