"""Plans as candidates: a session is near to the plans of its complaint and its length, and votes are followed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synthgen.dp.evolution import EvolutionSettings, Evolved, evolve, noisy_votes
from synthgen.errors import UserError
from synthgen.generators.dialogue.evolution import (
    SUBJECTS,
    PlanCandidate,
    PlanPopulation,
    dialogue_features,
    dialogue_voters,
    evolved_conditions,
    evolved_planner,
    read_prior,
    write_prior,
)
from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.config import PlanConfig, severities
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.records import Real

POPULATION = PlanPopulation(PlanConfig())
CHOSEN = EvolutionSettings(candidates=300, children=150, refinements=1, spread=0.03, prior=3.0)


def coughing(turns: int) -> Dialogue:
    told = ("I've had this cough for a week, and I bring up yellow phlegm.", "It began with a sore throat and a fever.")
    asked = ("What brings you here?", "And how did it begin?")
    pairs = [(Turn("clinician", asked[i % 2]), Turn("patient", told[i % 2])) for i in range(turns // 2)]
    return Dialogue(tuple(turn for pair in pairs for turn in pair))


def test_every_plan_that_is_drawn_or_varied_can_be_planned() -> None:
    rng = np.random.default_rng(0)
    drawn = POPULATION.draw(rng, 200)
    for one in (*drawn, *POPULATION.vary(rng, drawn, 0.5)):
        assert one.severity in severities(one.setting, one.disorder)
        assert 12 < one.utterances < 200 and one.utterances % 2
    one = drawn[0]
    assert plan_case(1, setting=one.setting, disorder=one.disorder, severity=one.severity, sessions=4,
                     config=PlanConfig()).patient.disorder == one.disorder  # fmt: skip


def test_a_child_is_like_its_parent_and_less_so_the_stronger_it_is_varied() -> None:
    drawn = POPULATION.draw(np.random.default_rng(0), 200)
    same = []
    for strength in (0.1, 0.9):
        children = POPULATION.vary(np.random.default_rng(1), drawn, strength)
        same.append(np.mean([a.disorder == b.disorder for a, b in zip(children, drawn, strict=True)]))
    assert same[0] > 0.8 and same[1] < 0.4


def test_a_session_is_most_like_the_content_of_its_complaint() -> None:
    likeness = dialogue_features(coughing(40))[: len(SUBJECTS)]
    assert SUBJECTS[int(likeness.argmax())] == "cough"
    assert np.linalg.norm(likeness) == pytest.approx(1.0)


def test_words_that_no_content_file_knows_are_like_nothing() -> None:
    features = dialogue_features(Dialogue((Turn("patient", "Xyzzy plugh."),)))
    assert not features[: len(SUBJECTS)].any() and np.isfinite(features).all()


def test_a_cohort_of_coughs_gives_plans_of_coughs_of_its_length() -> None:
    records = [Real(f"p{i}", f"d{i}", DialogueCondition(), coughing(100)) for i in range(80)]
    voters = dialogue_voters(records)
    prior = evolve(
        POPULATION, lambda n, b: noisy_votes(voters, b, CHOSEN, 0.5, np.random.default_rng([1, n])), 0.5, CHOSEN, seed=0
    )
    share = sum(w for one, w in zip(prior.candidates, prior.weights, strict=True) if one.disorder == "cough")
    even = np.mean([one.disorder == "cough" for one in POPULATION.draw(np.random.default_rng(0), 1000)])
    assert share > 0.4 > 5 * even
    mean = sum(w * one.utterances for one, w in zip(prior.candidates, prior.weights, strict=True))
    assert 70 < mean < 130


def test_cases_are_planned_as_the_prior_has_them() -> None:
    config = PlanConfig(sessions=1)
    prior = Evolved(
        (
            PlanCandidate("visit", "cough", "severe", "terse", "open", 31),
            PlanCandidate("therapy", "grief", "mild", "verbose", "resigned", 151),
        ),
        np.array([0.5, 0.5]),
    )
    condition, plan = evolved_conditions(prior, config), evolved_planner(prior, config)
    seen = set()
    for slot in range(12):
        asked = condition(slot, 5)
        arc = plan(asked)
        low, high = arc.sessions[0].turns
        seen.add((arc.patient.disorder, arc.patient.style, arc.patient.attitude, asked.severity, high > 100))
        assert low <= high and plan(asked) == arc
    assert seen == {("cough", "terse", "open", "severe", False), ("grief", "verbose", "resigned", "mild", True)}


def test_a_prior_is_read_as_it_was_written(tmp_path: Path) -> None:
    drawn = POPULATION.draw(np.random.default_rng(0), 30)
    weights = np.random.default_rng(0).dirichlet(np.ones(30))
    write_prior(tmp_path / "prior.json", Evolved(tuple(drawn), weights))
    read = read_prior(tmp_path / "prior.json")
    assert read.candidates == tuple(drawn)
    np.testing.assert_allclose(read.weights, weights)


@pytest.mark.parametrize(
    ("name", "value"),
    [("disorder", "boredom"), ("severity", "minimal"), ("style", "rude"), ("attitude", ""), ("weight", -1)],
)
def test_a_file_that_is_no_prior_is_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "prior.json"
    one = PlanCandidate("visit", "cough", "mild", "plain", "open", 81)
    write_prior(path, Evolved((one,), np.ones(1)))
    values = json.loads(path.read_text())
    values["candidates"][0][name] = value
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match="is no prior of dialogues"):
        read_prior(path)
