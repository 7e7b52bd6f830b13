"""Phantoms as candidates: parameters are varied, never pixels; a prior is read as it was written."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from synthgen.dp.evolution import EvolutionSettings, Evolved, evolve, noisy_votes
from synthgen.errors import UserError
from synthgen.generators.cxr.evolution import (
    SIDE,
    CxrCandidate,
    CxrPopulation,
    EvolvedGenerator,
    condition_of,
    cxr_population,
    cxr_voters,
    films,
    read_prior,
    write_prior,
)
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.generators.cxr.phantom.film import sample_exposure
from synthgen.payloads.cxr import CxrCondition
from synthgen.records import Real, Request


@pytest.fixture(scope="module")
def population() -> CxrPopulation:
    return cxr_population(bodies=40)


@pytest.fixture(scope="module")
def drawn(population: CxrPopulation) -> list[CxrCandidate]:
    return population.draw(np.random.default_rng(0), 40)


def test_all_conditions_are_drawn_alike(population: CxrPopulation, drawn: list[CxrCandidate]) -> None:
    conditions = population.conditions(drawn)
    assert {c: conditions.count(c) for c in set(conditions)} == dict.fromkeys(
        ("AP finding", "AP none", "PA finding", "PA none"), 10
    )
    assert condition_of("", ()) == "PA none"


def test_a_child_has_its_parents_condition_and_most_of_its_figures(
    population: CxrPopulation, drawn: list[CxrCandidate]
) -> None:
    children = population.vary(np.random.default_rng(1), drawn, 0.2)
    assert population.conditions(children) == population.conditions(drawn)
    kept = [
        np.mean(np.array(astuple(child.exposure)) == np.array(astuple(parent.exposure)))
        for child, parent in zip(children, drawn, strict=True)
    ]
    assert 0.6 < np.mean(kept) < 0.95
    moved = [child.body != parent.body for child, parent in zip(children, drawn, strict=True)]
    assert 0.2 < np.mean(moved) < 0.8


def test_a_candidate_in_its_usual_place_is_the_phantom_itself() -> None:
    body = 5
    patient = sample_patient(body)
    visit = sample_visit(body, patient)
    one = CxrPopulation(lambda images: images.reshape(len(images), -1)).draw(np.random.default_rng(0), 1)[0]
    still = replace(one.framing, zoom_x=0.0, zoom_y=0.0, shift_x=0.0, shift_y=0.0, turn=0.0)
    usual = CxrCandidate(body, (), "AP", sample_exposure(visit.seed, "AP"), still)
    difference = films([usual], 128)[0].astype(int) - render(patient, visit, (), "AP", 128)
    assert np.abs(difference).mean() < 1.5  # half precision, and that is all


def test_the_figures_of_an_exposure_show(drawn: list[CxrCandidate]) -> None:
    one = drawn[0]
    brighter = replace(one, exposure=replace(one.exposure, middle=-0.2, gamma=0.6))
    darker = replace(one, exposure=replace(one.exposure, middle=0.6, gamma=1.3))
    images = films([darker, one, brighter], SIDE)
    assert images.shape == (3, SIDE, SIDE) and images.dtype == np.uint8
    assert images[0].mean() + 10 < images[2].mean()


def test_features_are_the_same_in_every_process(population: CxrPopulation, drawn: list[CxrCandidate]) -> None:
    again = cxr_population.__wrapped__(bodies=40)  # not the one that is remembered
    np.testing.assert_allclose(again.embed(drawn[:5]), population.embed(drawn[:5]), atol=1e-9)


def test_patients_of_one_exposure_pull_the_population_there(population: CxrPopulation) -> None:
    """Films far darker than usual are what comes out, of people who are not the patients."""
    real = population.draw(np.random.default_rng(99), 40)
    dark = [replace(one, exposure=replace(one.exposure, middle=0.5, slope=2.5, gamma=1.3)) for one in real]
    records = [
        Real(f"p{i}", f"r{i}", CxrCondition(one.findings, one.view), image)
        for i, (one, image) in enumerate(zip(dark, films(dark, 128), strict=True))
    ]
    voters = cxr_voters(records, population.features)
    chosen = EvolutionSettings(candidates=120, children=40, refinements=1, prior=3.0)
    prior = evolve(
        population,
        lambda n, ballot: noisy_votes(voters, ballot, chosen, 0.2, np.random.default_rng([1, n])),
        0.2,
        chosen,
        seed=0,
    )
    gamma = np.array([one.exposure.gamma for one in prior.candidates])
    middle = np.array([one.exposure.middle for one in prior.candidates])
    assert prior.weights @ middle > middle[:120].mean() + 0.1
    assert prior.weights @ gamma > gamma[:120].mean()


def test_an_image_depends_on_its_own_request_and_no_two_are_alike(drawn: list[CxrCandidate]) -> None:
    generator = EvolvedGenerator(Evolved(tuple(drawn), np.full(40, 1 / 40)), 64)
    asked = [Request(seed, CxrCondition(("Pneumonia",), "AP", "F", 60)) for seed in (1, 2)]
    both, alone = generator(asked), generator(asked[1:])
    assert both[0].payload.shape == (64, 64) and both[0].condition == asked[0].condition
    np.testing.assert_array_equal(both[1].payload, alone[0].payload)
    assert np.abs(both[0].payload.astype(int) - both[1].payload).mean() > 3


def test_one_candidate_alone_gives_other_images_at_every_request(drawn: list[CxrCandidate]) -> None:
    generator = EvolvedGenerator(Evolved((drawn[0],), np.ones(1)), 64)
    images = [one.payload.astype(int) for one in generator([Request(s, CxrCondition(view="PA")) for s in range(3)])]
    assert min(np.abs(images[0] - images[1]).mean(), np.abs(images[1] - images[2]).mean()) > 1


def test_a_prior_is_read_as_it_was_written(tmp_path: Path, drawn: list[CxrCandidate]) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(40))
    write_prior(tmp_path / "prior.json", Evolved(tuple(drawn), weights))
    read = read_prior(tmp_path / "prior.json")
    assert read.candidates == tuple(drawn)
    np.testing.assert_allclose(read.weights, weights)


@pytest.mark.parametrize("fault", ["format", "weight", "view", "findings", "exposure", "empty"])
def test_a_file_that_is_no_prior_is_refused(tmp_path: Path, drawn: list[CxrCandidate], fault: str) -> None:
    path = tmp_path / "prior.json"
    write_prior(path, Evolved(tuple(drawn[:2]), np.array([0.5, 0.5])))
    values = json.loads(path.read_text())
    row = values["candidates"][0]
    if fault == "format":
        values["format"] = "another"
    elif fault == "empty":
        values["candidates"] = []
    elif fault == "exposure":
        row["exposure"]["gamma"] = float("nan")
    else:
        row[fault] = {"weight": -1, "view": "sideways", "findings": ["Boredom"]}[fault]
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match="is no prior of chest X-rays"):
        read_prior(path)
