"""A generator of chest X-rays that is fitted with differential privacy: patients vote on simulated radiographs.

The folder holds the private prior (what the votes, with their noise, made of the simulator), a card, and the votes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from synthgen.dp.accounting import Event
from synthgen.dp.ballots import METHOD, evolved, vote_events
from synthgen.dp.evolution import EvolutionSettings
from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.generators.cxr.evolution import EvolvedGenerator, cxr_population, cxr_voters, read_prior, write_prior
from synthgen.generators.cxr.model_folder import FORMAT, MODALITY
from synthgen.generators.cxr.phantom import sample_patient
from synthgen.generators.model_folder import check_kind, digest_of, read_json, refuse_pickled
from synthgen.payloads.cxr import OLDEST, CxrCondition, CxrReal
from synthgen.progress import Progress

PRIOR, CARD = "prior.json", "synthgen.json"
MECHANISM = "Private Evolution: noisy votes of patients on simulated radiographs"
SETTINGS = EvolutionSettings()


def holds_prior(folder: Path) -> bool:
    """True where the model in ``folder`` is a private prior."""
    return (folder / PRIOR).is_file()


def events(epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
    """What the votes need for (ε, δ), whatever the number of patients."""
    return vote_events(epsilon, delta, SETTINGS)


def fit_prior(
    train: Sequence[CxrReal], noise: tuple[Event, ...], size: int, folder: Path, seed: int, progress: Progress
) -> None:
    """Fits a prior into ``folder``; resumes, and returns at once when it is finished.

    Args:
        noise: as :func:`events` gives it.
        size: pixels on a side of the images that it will draw.
        seed: of the simulated candidates, not of the noise.
    """
    if holds_prior(folder):
        return
    population = cxr_population()
    voters = cxr_voters(train, population.features)
    prior = evolved(population, voters, noise, SETTINGS, folder, seed, progress)
    about = {"modality": MODALITY, "format": FORMAT, "kind": METHOD, "size": size}
    write_atomically(folder / CARD, (json.dumps(about, indent=2) + "\n").encode())
    write_prior(folder / PRIOR, prior)


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
