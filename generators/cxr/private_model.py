"""A generator of chest X-rays that is fitted with differential privacy: patients vote on simulated radiographs.

The folder holds the private prior (what the votes, with their noise, made of the simulator), a card, and the noisy
votes of every round, from which alone a fit that was cut short goes on: other noise would be a second release.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from synthgen.dp.accounting import Event, Gaussian, sigma_for
from synthgen.dp.evolution import Ballot, EvolutionSettings, Floats, Voters, evolve, noisy_votes
from synthgen.dp.noise import private_rng
from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.generators.cxr.evolution import (
    EvolvedGenerator,
    cxr_population,
    cxr_voters,
    read_prior,
    write_prior,
)
from synthgen.generators.cxr.model_folder import FORMAT, MODALITY
from synthgen.generators.cxr.phantom import sample_patient
from synthgen.generators.model_folder import check_kind, digest_of, read_json, refuse_pickled
from synthgen.payloads.cxr import OLDEST, CxrCondition, CxrReal
from synthgen.progress import Progress

PRIOR, CARD = "prior.json", "synthgen.json"
METHOD, MECHANISM = "evolution", "Private Evolution of a simulator: noisy votes of patients"
SETTINGS = EvolutionSettings()


def holds_prior(folder: Path) -> bool:
    """True where the model in ``folder`` is a private prior."""
    return (folder / PRIOR).is_file()


def events(epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
    """The rounds of votes: each a sum of which a patient changes an L2 norm of 1."""
    return (Gaussian(sigma_for(epsilon, delta, steps=SETTINGS.rounds), steps=SETTINGS.rounds),)


def fit_prior(
    train: Sequence[CxrReal], noise: tuple[Event, ...], size: int, folder: Path, seed: int, progress: Progress
) -> None:
    """Fits a prior into ``folder``; resumes, and returns at once when it is finished.

    Args:
        noise: as :func:`events` gives it.
        size: pixels on a side of the images that it will draw.
        seed: of the simulated candidates, not of the noise, which nobody knows.
    """
    if holds_prior(folder):
        return
    (event,) = noise
    if not isinstance(event, Gaussian):
        raise TypeError("votes need the noise of a Gaussian mechanism")
    private_folder(folder)
    bar = progress.task("private evolution", SETTINGS.rounds + SETTINGS.refinements, "round")
    population = cxr_population()
    voters = cxr_voters(train, population.features)

    def ask(number: int, ballot: Ballot) -> Floats:
        bar.advance()
        return _votes(folder / f"votes_{number}.json", voters, ballot, event.sigma)

    prior = evolve(population, ask, event.sigma, SETTINGS, seed)
    bar.advance(SETTINGS.refinements)
    about = {"modality": MODALITY, "format": FORMAT, "kind": METHOD, "size": size}
    write_atomically(folder / CARD, (json.dumps(about, indent=2) + "\n").encode())
    write_prior(folder / PRIOR, prior)


def _votes(path: Path, voters: Voters, ballot: Ballot, sigma: float) -> Floats:
    """The noisy votes of a round; drawn once, and read back ever after."""
    if not path.exists():
        found = noisy_votes(voters, ballot, SETTINGS, sigma, private_rng())
        write_atomically(path, json.dumps(found.tolist()).encode())
    return np.array(json.loads(path.read_text("utf-8")), dtype=np.float64)


def check_prior(folder: Path) -> None:
    """Refuses a folder that is no private prior of chest X-rays.

    Raises:
        UserError: it holds pickled weights, is of another modality, or of a newer format.
    """
    refuse_pickled(folder, folder.rglob("*"))
    card = read_json(folder / CARD)
    check_kind(folder, card, MODALITY, FORMAT)
    if not isinstance(card.get("size"), int):
        raise UserError(f"{folder}/{CARD} lacks the size of the images; fit the model again")


def open_prior(folder: Path) -> EvolvedGenerator:
    """The generator that draws from the prior in ``folder``.

    Raises:
        UserError: see :func:`check_prior`.
    """
    check_prior(folder)
    return EvolvedGenerator(read_prior(folder / PRIOR), int(read_json(folder / CARD)["size"]))


def prior_digest(folder: Path) -> str:
    """SHA-256 of the prior and its card."""
    return digest_of(folder, [folder / PRIOR, folder / CARD])


def prior_conditions(folder: Path) -> Callable[[int], CxrCondition]:
    """Draws conditions as the prior has them: what a candidate shows that is drawn by weight, and of whom."""
    prior = open_prior(folder).prior

    def condition(seed: int) -> CxrCondition:
        rng = np.random.default_rng(seed)
        chosen = prior.candidates[int(rng.choice(len(prior.weights), p=prior.weights))]
        person = sample_patient(chosen.body)
        return CxrCondition(chosen.findings, chosen.view, person.sex, min(OLDEST, person.age))

    return condition
