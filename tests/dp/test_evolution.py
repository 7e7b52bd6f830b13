"""Patients vote on candidates: what one patient can change, what is reproducible, and that the votes are followed."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.dp.evolution import (
    Ballot,
    Evidence,
    EvolutionSettings,
    Floats,
    Voters,
    evolve,
    expected_votes,
    matched_weights,
    noisy_votes,
    patient_votes,
    sample,
    vote_weights,
)

SMALL = EvolutionSettings(candidates=60, children=30, rounds=1, refinements=1, spread=0.1, prior=3.0)


@dataclass(frozen=True)
class Points:
    """Points of the plane, wide about the origin; on the right of it is one condition, on the left the other."""

    def draw(self, rng: np.random.Generator, n: int) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in rng.normal(0, 3, (n, 2))]

    def vary(
        self, rng: np.random.Generator, parents: Sequence[tuple[float, float]], strength: float
    ) -> list[tuple[float, float]]:
        return [(x, y + strength * float(rng.normal())) for x, y in parents]

    def embed(self, candidates: Sequence[tuple[float, float]]) -> Floats:
        return np.array(candidates, dtype=np.float64)

    def conditions(self, candidates: Sequence[tuple[float, float]]) -> list[str]:
        return ["right" if x > 0 else "left" for x, _ in candidates]


def people(n: int, records: int, seed: int = 0, at: tuple[float, float] = (0.0, 2.0)) -> Voters:
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 0.4, (n * records, 2)) + np.array(at)
    conditions = tuple("right" if x > 0 else "left" for x in features[:, 0])
    return Voters(features, tuple(f"p{i // records}" for i in range(n * records)), conditions)


def without(voters: Voters, patient: str) -> Voters:
    kept = [i for i, name in enumerate(voters.patients) if name != patient]
    return Voters(
        voters.features[kept],
        tuple(voters.patients[i] for i in kept),
        tuple(voters.conditions[i] for i in kept),
    )


def ballot(n: int, seed: int = 1) -> Ballot:
    drawn = Points().draw(np.random.default_rng(seed), n)
    return Ballot(Points().embed(drawn), tuple(Points().conditions(drawn)))


@given(
    records=st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.floats(-5, 5)), min_size=1, max_size=25),
    candidates=st.lists(st.tuples(st.sampled_from("ab"), st.floats(-5, 5)), min_size=1, max_size=15),
    spread=st.floats(0.01, 1.0),
    leaves=st.integers(0, 4),
)
@settings(max_examples=150, deadline=None)
def test_one_patient_changes_the_votes_by_a_norm_of_one_at_most(
    records: list[tuple[int, str, float]], candidates: list[tuple[str, float]], spread: float, leaves: int
) -> None:
    voters = Voters(
        np.array([[x] for _, _, x in records]),
        tuple(f"p{i}" for i, _, _ in records),
        tuple(condition for _, condition, _ in records),
    )
    offered = Ballot(np.array([[x] for _, x in candidates]), tuple(condition for condition, _ in candidates))
    chosen = EvolutionSettings(spread=spread)
    with_all = patient_votes(voters, offered, chosen).sum(axis=0)
    rest = patient_votes(without(voters, f"p{leaves}"), offered, chosen).sum(axis=0)
    assert np.linalg.norm(with_all - rest) <= 1 + 1e-12


def test_a_patient_of_a_hundred_records_counts_as_one() -> None:
    many, offered = people(1, 100), ballot(60)
    assert np.linalg.norm(patient_votes(many, offered, SMALL).sum(axis=0)) == pytest.approx(1.0)
    alike = Voters(np.repeat(many.features[:1], 100, axis=0), many.patients, many.conditions[:1] * 100)
    once = Voters(many.features[:1], many.patients[:1], many.conditions[:1])
    np.testing.assert_allclose(patient_votes(alike, offered, SMALL), patient_votes(once, offered, SMALL))


def test_a_record_votes_for_the_nearest_of_its_own_condition() -> None:
    offered = Ballot(np.array([[0.0], [1.0], [0.1]]), ("a", "a", "b"))
    voters = Voters(np.array([[0.1], [0.9]]), ("p", "q"), ("a", "b"))
    votes = patient_votes(voters, offered, EvolutionSettings(spread=0.01))
    np.testing.assert_array_equal(votes, [[1, 0, 0], [0, 0, 1]])


def test_a_condition_that_nobody_offers_is_no_vote() -> None:
    voters = Voters(np.zeros((1, 2)), ("p",), ("elsewhere",))
    assert not patient_votes(voters, ballot(10), SMALL).any()


def test_the_noise_is_of_the_stated_size_and_of_its_own_stream() -> None:
    offered, voters = ballot(4000), people(20, 1)
    plain = patient_votes(voters, offered, SMALL).sum(axis=0)
    noise = noisy_votes(voters, offered, SMALL, 2.0, np.random.default_rng([3, 0])) - plain
    assert noise.std() == pytest.approx(2.0, rel=0.05) and abs(noise.mean()) < 0.15
    again = noisy_votes(voters, offered, SMALL, 2.0, np.random.default_rng([3, 0])) - plain
    other = noisy_votes(voters, offered, SMALL, 2.0, np.random.default_rng([3, 1])) - plain
    np.testing.assert_array_equal(noise, again)
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.1


def test_a_cohort_that_is_counted_in_blocks_votes_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    voters, offered = people(50, 3), ballot(40)
    whole = noisy_votes(voters, offered, SMALL, 0.0, np.random.default_rng([0, 0]))
    monkeypatch.setattr("synthgen.dp.evolution._CHUNK", 7)
    np.testing.assert_allclose(noisy_votes(voters, offered, SMALL, 0.0, np.random.default_rng([0, 0])), whole)


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_a_noise_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma must be finite"):
        noisy_votes(people(2, 1), ballot(5), SMALL, sigma, np.random.default_rng([0, 0]))


@given(st.integers(0, 2**32 - 1), st.floats(0, 20), st.integers(1, 30), st.integers(2, 30))
@settings(max_examples=60, deadline=None)
def test_weights_are_a_distribution_whatever_the_votes_are(seed: int, sigma: float, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    votes = rng.normal(0, 1 + sigma, m)
    expected = rng.random((m, n))
    weights = matched_weights([Evidence(votes, expected / expected.sum(axis=0))], sigma, SMALL)
    for found in (weights, vote_weights(votes, sigma)):
        assert (found >= 0).all() and found.sum() == pytest.approx(1.0)


def test_votes_that_are_as_expected_give_the_weights_back() -> None:
    offered = ballot(80)
    expected = expected_votes(offered, offered, SMALL, 0)
    true = np.random.default_rng(0).dirichlet(np.full(80, 0.2))
    found = matched_weights([Evidence(1e4 * expected @ true, expected)], 0.0, replace(SMALL, prior=0.01, steps=3000))
    np.testing.assert_allclose(expected @ found, expected @ true, atol=2e-3)


def test_nobody_votes_for_himself() -> None:
    offered = ballot(40)
    assert not np.diag(expected_votes(offered, offered, SMALL, 0)).any()
    np.testing.assert_allclose(expected_votes(offered, offered, SMALL, 0).sum(axis=0), 1.0)


def asking(voters: Voters, sigma: float, noise_seed: int, chosen: EvolutionSettings = SMALL):  # type: ignore[no-untyped-def]
    return lambda number, offered: noisy_votes(
        voters, offered, chosen, sigma, np.random.default_rng([noise_seed, number])
    )


def test_a_seed_determines_everything() -> None:
    voters = people(50, 2)
    one = evolve(Points(), asking(voters, 0.5, 7), 0.5, SMALL, seed=3)
    two = evolve(Points(), asking(voters, 0.5, 7), 0.5, SMALL, seed=3)
    other = evolve(Points(), asking(voters, 0.5, 7), 0.5, SMALL, seed=4)
    assert one.candidates == two.candidates and (one.weights == two.weights).all()
    assert one.candidates != other.candidates


def test_saved_votes_give_the_same_again_without_the_patients() -> None:
    """A run that is cut short asks for the rounds that it lacks, on the same ballots."""
    chosen, voters, saved = replace(SMALL, rounds=2), people(50, 2), {}
    ballots: dict[int, Ballot] = {}

    def ask(number: int, offered: Ballot) -> Floats:
        ballots[number] = offered
        saved[number] = noisy_votes(voters, offered, chosen, 0.5, np.random.default_rng([7, number]))
        return saved[number]

    first = evolve(Points(), ask, 0.5, chosen, seed=3)

    def replay(number: int, offered: Ballot) -> Floats:
        np.testing.assert_array_equal(offered.features, ballots[number].features)
        return saved[number]

    again = evolve(Points(), replay, 0.5, chosen, seed=3)
    assert sorted(saved) == [0, 1]
    assert again.candidates == first.candidates and (again.weights == first.weights).all()


def test_the_patients_are_asked_once_a_round_and_for_refinements_not_at_all() -> None:
    asked: list[int] = []

    def ask(number: int, offered: Ballot) -> Floats:
        asked.append(number)
        return np.ones(len(offered.conditions))

    prior = evolve(Points(), ask, 1.0, replace(SMALL, rounds=2, refinements=3), seed=0)
    assert asked == [0, 1] and len(prior.candidates) == 60 + 4 * 30


@pytest.mark.parametrize("answer", [np.ones(3), np.full(60, np.nan)])
def test_an_answer_that_is_no_vote_is_refused(answer: Floats) -> None:
    with pytest.raises(ValueError, match="60 finite numbers"):
        evolve(Points(), lambda number, offered: answer, 1.0, SMALL, seed=0)


def test_what_comes_out_holds_no_array_of_the_patients() -> None:
    voters = people(30, 2)
    prior = evolve(Points(), asking(voters, 0.5, 7), 0.5, SMALL, seed=3)
    assert not any(holder is prior or holder is prior.__dict__ for holder in gc.get_referrers(voters.features, voters))
    assert not np.shares_memory(prior.weights, voters.features)


def test_the_population_moves_to_where_the_patients_are() -> None:
    """And the more so the less noise there is."""
    voters, apart = people(200, 1), {}
    for sigma in (0.0, 0.5, 50.0):
        prior = evolve(Points(), asking(voters, sigma, 7), sigma, SMALL, seed=3)
        spots = np.array(prior.candidates)
        apart[sigma] = float(prior.weights @ np.hypot(spots[:, 0], spots[:, 1] - 2))
    even = float(np.hypot(*(np.array(Points().draw(np.random.default_rng(0), 500)) - [0, 2]).T).mean())
    assert apart[0.0] < 0.5 * even and apart[0.5] < 0.6 * even and apart[50.0] > apart[0.5]


def test_the_middle_does_not_win_by_being_near_to_everybody() -> None:
    """Votes alone shrink a population; matched weights keep its spread."""
    rng = np.random.default_rng(0)
    voters = Voters(rng.normal(0, 1, (3000, 12)), tuple(map(str, range(3000))), ("",) * 3000)
    offered = Ballot(rng.normal(0, 1, (600, 12)), ("",) * 600)
    chosen = EvolutionSettings(spread=0.02, prior=1.0)
    votes = patient_votes(voters, offered, chosen).sum(axis=0)
    matched = matched_weights([Evidence(votes, expected_votes(offered, offered, chosen, 0))], 0.0, chosen)
    by_votes = vote_weights(votes, 0.0)
    spread = {name: float(w @ (offered.features**2).sum(axis=1)) for name, w in (("m", matched), ("v", by_votes))}
    assert spread["v"] < 0.9 * 12 and abs(spread["m"] - 12) < 0.5 * abs(spread["v"] - 12)


def test_a_sample_is_of_the_condition_that_is_asked_for() -> None:
    prior = evolve(Points(), asking(people(50, 1), 0.5, 7), 0.5, SMALL, seed=3)
    conditions = Points().conditions(prior.candidates)
    drawn = sample(prior, conditions, "left", np.random.default_rng(0), 50)
    assert len(drawn) == 50 and set(Points().conditions(drawn)) == {"left"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("candidates", 1, "candidates must be >= 2"),
        ("rounds", 0, "rounds must be >= 1"),
        ("refinements", -1, "refinements must be >= 0"),
        ("spread", 0.0, r"spread must be in \(0, 1\]"),
        ("strength", 1.5, r"strength must be in \(0, 1\]"),
        ("prior", 0.0, "prior must be finite and > 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(SMALL, **{name: value})


def test_records_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        Voters(np.zeros((2, 1)), ("p",), ("", ""))
