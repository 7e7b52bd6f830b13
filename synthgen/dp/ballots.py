"""Private Evolution as a fit: the noise that an ε takes, and votes that are drawn once and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.dp.accounting import Event, Gaussian, sigma_for
from synthgen.dp.begun import note_drawn
from synthgen.dp.evolution import (
    Ballot,
    EvolutionSettings,
    Evolved,
    Floats,
    Population,
    Voters,
    evolve,
    noisy_votes,
)
from synthgen.dp.noise import private_rng
from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.progress import Progress

P = TypeVar("P")

METHOD = "evolution"
VOTES = "votes_{}.json"
"""The noisy votes of a round, in the model's folder: as private as the model, which follows from them."""


def vote_events(epsilon: float, delta: float, settings: EvolutionSettings) -> tuple[Event, ...]:
    """Rounds of votes, each a sum of which a patient changes an L2 norm of at most 1."""
    return (Gaussian(sigma_for(epsilon, delta, steps=settings.rounds), steps=settings.rounds),)


def evolved(
    population: Population[P],
    voters: Voters,
    noise: Sequence[Event],
    settings: EvolutionSettings,
    folder: Path,
    seed: int,
    progress: Progress,
) -> Evolved[P]:
    """The population that the patients' noisy votes make; resumes from the votes in ``folder``.

    Other noise for a vote that is known already would be a second release of it.

    Args:
        noise: as :func:`vote_events` gives it.
        seed: of the candidates, not of the noise, which comes from the system and is kept nowhere.

    Raises:
        UserError: votes in the folder cannot be read.
    """
    (event,) = noise
    if not isinstance(event, Gaussian):
        raise TypeError("votes need the noise of a Gaussian mechanism")
    private_folder(folder)
    bar = progress.task("private evolution", settings.rounds + settings.refinements, "round")

    def ask(number: int, ballot: Ballot) -> Floats:
        path = folder / VOTES.format(number)
        if not path.exists():
            for stale in range(number + 1, settings.rounds):  # on candidates that came of other votes
                (folder / VOTES.format(stale)).unlink(missing_ok=True)
            note_drawn(folder, number + 1)
            found = noisy_votes(voters, ballot, settings, event.sigma, private_rng())
            write_atomically(path, json.dumps(found.tolist()).encode())
        bar.advance()
        return _read(path)

    made = evolve(population, ask, event.sigma, settings, seed)
    bar.advance(settings.refinements)
    return made


def votes_drawn(folder: Path) -> int:
    """How many rounds of votes lie in a model's folder, without a gap."""
    return next(number for number in count() if not (folder / VOTES.format(number)).is_file())


def _read(path: Path) -> Floats:
    try:
        return np.array(json.loads(path.read_text("utf-8")), dtype=np.float64)
    except (OSError, ValueError, TypeError):
        raise UserError(f"{path} cannot be read: fit into another folder, which costs the patients once more") from None
