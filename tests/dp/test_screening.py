"""The floor of a private screen, and plausible deniability: what one patient changes, what it costs, what passes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special

from synthgen.dp.accounting import Gaussian, epsilon_of
from synthgen.dp.evolution import Ballot, Voters
from synthgen.dp.screening import (
    Deniability,
    epsilon_to_catch,
    explained,
    most_caught,
    plausible,
    public_radius,
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


def people(seed: int, patients: int, records: int) -> Voters:
    rng = np.random.default_rng(seed)
    owners = [f"p{i:02}" for i in rng.integers(patients, size=records)]
    return Voters(rng.normal(size=(records, 3)), tuple(owners), tuple(rng.choice(["PA", "AP"], records).tolist()))


def without(voters: Voters, patient: str) -> Voters:
    kept = [i for i, owner in enumerate(voters.patients) if owner != patient]
    owners, conditions = ([them[i] for i in kept] for them in (voters.patients, voters.conditions))
    return Voters(voters.features[kept], tuple(owners), tuple(conditions))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 60), st.integers(1, 9), st.floats(0.1, 5))
def test_one_patient_changes_few_counts_and_each_by_one(
    seed: int, patients: int, records: int, nearest: int, radius: float
) -> None:
    voters = people(seed, patients, records)
    rng = np.random.default_rng(seed + 1)
    ballot = Ballot(rng.normal(size=(20, 3)), tuple(rng.choice(["PA", "AP"], 20).tolist()))
    whole = explained(voters, ballot, radius, nearest)
    for patient in sorted(set(voters.patients))[:3]:
        change = whole - explained(without(voters, patient), ballot, radius, nearest)
        assert set(change.tolist()) <= {0, 1}
        assert np.linalg.norm(change) <= math.sqrt(nearest) + 1e-12


def test_a_patient_explains_what_lies_near_a_record_of_that_condition() -> None:
    voters = Voters(
        np.array([[0.0], [0.1], [9.0], [0.0], [np.nan]]), ("a", "a", "b", "c", "d"), ("PA", "PA", "PA", "AP", "PA")
    )
    ballot = Ballot(np.array([[0.0], [0.2], [8.8], [np.nan], [5.0]]), ("PA",) * 5)
    assert explained(voters, ballot, 0.25, 5).tolist() == [1, 1, 1, 0, 0]
    assert explained(voters, ballot, 0.25, 1).tolist() == [1, 0, 1, 0, 0]
    assert explained(voters, ballot, 4.0, 5).tolist() == [1, 1, 1, 0, 1]


def test_a_record_of_another_condition_explains_nothing() -> None:
    voters = Voters(np.zeros((1, 1)), ("a",), ("AP",))
    assert explained(voters, Ballot(np.zeros((2, 1)), ("PA", "PA")), 1.0, 2).tolist() == [0, 0]


class Line:
    """Numbers between 0 and 1, of which every other is far away."""

    def draw(self, rng: np.random.Generator, n: int) -> list[float]:
        return rng.random(n).tolist()

    def vary(self, rng: np.random.Generator, parents: object, strength: float) -> list[float]:
        raise AssertionError

    def embed(self, candidates: object) -> NDArray[np.float64]:
        return np.array(candidates)[:, None] + 100.0 * (np.arange(len(list(candidates))) % 2)[:, None]  # type: ignore[call-overload]

    def conditions(self, candidates: object) -> list[str]:
        return ["near", "far"] * (len(list(candidates)) // 2)  # type: ignore[call-overload]


def test_the_radius_is_a_quantile_of_public_pairs_of_one_condition() -> None:
    for share in (0.05, 0.5):  # the distance of two uniform numbers: P(d <= r) = 2r - r²
        assert public_radius(Line(), share) == pytest.approx(1 - math.sqrt(1 - share), abs=0.02)
    assert public_radius(Line(), 0.5) == public_radius(Line(), 0.5)


def test_the_threshold_is_noisy_and_fair() -> None:
    rule, rng = Deniability(10, 16, 4.0), np.random.default_rng(0)
    for count in (0, 1, 8, 10, 16):
        share = plausible(np.full(20_000, count), rule, rng).mean()
        assert share == pytest.approx(special.ndtr((count - 10) / 4), abs=0.015)
        assert count != 1 or share == pytest.approx(rule.lone, abs=0.005)


def test_its_cost_does_not_grow_with_the_number_of_candidates() -> None:
    assert Deniability(10, 16, 4.0).event == Gaussian(1.0)
    assert Deniability(10, 1, 4.0).event == Gaussian(4.0)


def test_its_cost_is_what_the_likelihoods_of_what_passed_allow() -> None:
    """Exactly, in the worst case: the patient counts for every candidate that may count, and nobody else does."""
    rule = Deniability(3, 4, 2.0)
    less, more = (special.ndtr((count - rule.k) / rule.noise) for count in (0, 1))
    delta = 1e-3
    epsilon = epsilon_of([rule.event], delta).epsilon
    beyond = 0.0
    for passed in range(rule.nearest + 1):
        ways = math.comb(rule.nearest, passed)
        chances = [ways * p**passed * (1 - p) ** (rule.nearest - passed) for p in (more, less)]
        beyond += max(0.0, chances[0] - math.exp(epsilon) * chances[1])
    assert beyond <= delta


def test_how_many_can_pass_is_known_beforehand() -> None:
    rule = Deniability(10, 16, 4.0)
    assert rule.most_explained(245, 64) == pytest.approx(61.25)
    assert rule.most_explained(245, 1000) < rule.k
    assert rule.most_explained(245, 8) == 245


@pytest.mark.parametrize(("k", "nearest", "noise"), [(1, 4, 1.0), (5, 0, 1.0), (5, 4, 0.0), (5, 4, math.nan)])
def test_a_rule_that_means_nothing_is_refused(k: int, nearest: int, noise: float) -> None:
    with pytest.raises(UserError):
        Deniability(k, nearest, noise)
