"""The grammar with a private prior: patients vote on plans, and their noisy votes say which plans sessions follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from synthgen.dp.accounting import Event
from synthgen.dp.ballots import evolved, vote_events
from synthgen.generators.dialogue.cohort_counts import COUNTS, counted_conditions, counted_planner, read_counts
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.evolution import (
    PLAN_SETTINGS,
    PlanPopulation,
    dialogue_voters,
    evolved_conditions,
    evolved_planner,
    read_prior,
    write_prior,
)
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.sampler import Planner, planner
from synthgen.payloads.dialogue import DialogueCondition, DialogueReal
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


def conditions_of(model: Path, config: PlanConfig) -> Callable[[int, int], DialogueCondition]:
    """The condition of a slot: of plans drawn from a model's prior, by its counts, or as configured."""
    if holds_prior(model):
        return evolved_conditions(read_prior(model / PRIOR), config)
    return counted_conditions(read_counts(model / COUNTS), config) if holds_counts(model) else condition_sampler(config)


def planner_of(model: Path, config: PlanConfig) -> Planner:
    """How a model plans the case of a condition: likewise."""
    if holds_prior(model):
        return evolved_planner(read_prior(model / PRIOR), config)
    return counted_planner(read_counts(model / COUNTS), config) if holds_counts(model) else planner(config)


def holds_counts(folder: Path) -> bool:
    """True where the plans of the model in ``folder`` follow counts of a cohort."""
    return (folder / COUNTS).is_file()
