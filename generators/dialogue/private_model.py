"""The grammar with a private prior: patients vote on plans, and their noisy votes say which plans sessions follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthgen.dp.accounting import Event
from synthgen.dp.ballots import evolved, vote_events
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.evolution import (
    PLAN_SETTINGS,
    PlanPopulation,
    dialogue_voters,
    plan_config_of,
    read_prior,
    write_prior,
)
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.payloads.dialogue import DialogueReal
from synthgen.progress import Progress

PRIOR = "prior.json"
MECHANISM = "Private Evolution: noisy votes of patients on plans of sessions"


def holds_prior(folder: Path) -> bool:
    """True where the model in ``folder`` has a private prior."""
    return (folder / PRIOR).is_file()


def events(epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
    """What the votes need for (ε, δ), whatever the number of patients."""
    return vote_events(epsilon, delta, PLAN_SETTINGS)


def fit_prior(
    train: Sequence[DialogueReal],
    noise: tuple[Event, ...],
    config: GeneratorConfig,
    folder: Path,
    seed: int,
    progress: Progress,
) -> None:
    """Fits a prior over plans into ``folder``, beside the grammar; resumes, and returns at once when it is finished.

    Args:
        noise: as :func:`events` gives it.
        config: with the template realiser and no base: nothing else may read a transcript.
        seed: of the candidates, not of the noise.
    """
    if not (folder / PRIOR).is_file():
        prior = evolved(
            PlanPopulation(config.plan), dialogue_voters(train), noise, PLAN_SETTINGS, folder, seed, progress
        )
        write_model_folder(folder, config)
        write_prior(folder / PRIOR, prior)


def planned(config: GeneratorConfig, model: Path) -> GeneratorConfig:
    """The configuration whose plans follow the prior of a model; as it is where the model has none."""
    if not holds_prior(model):
        return config
    return config.model_copy(update={"plan": plan_config_of(read_prior(model / PRIOR), config.plan)})
