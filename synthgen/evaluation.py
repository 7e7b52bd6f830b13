"""Tests the generator by its first attempts, and attacks and evaluates what would be released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.config import Section
from synthgen.privacy_filters.gate import FirstAttempts, Gate, judge_generator, share_nearer_to_train
from synthgen.records import C, Cohort, Synthetic
from synthgen.report import Evaluation, GeneratorTest, PlantedResult
from synthgen.run import Run
from synthgen.sampling import Generated, kept_samples
from synthgen.seeds import stage_seed

T = TypeVar("T")
M = TypeVar("M", bound=Section)

MOST_SAMPLES = 2000  # of a larger release so many are evaluated, so that memory does not grow with it


def generator_test(
    gate: Gate[T],
    cohort: Cohort[T, C],
    first: FirstAttempts,
    shown: Sequence[Synthetic[T, C]],
    planted: Sequence[PlantedResult],
    run_seed: int,
    power: float,
) -> GeneratorTest:
    """Holds all first attempts against the limit, and reports on which side of one half they lean.

    Args:
        shown: some of the first attempts.
        planted: the copies that tell which share of a generator's copies the gate would catch.
    """
    share = share_nearer_to_train(
        gate.filters,
        [sample.payload for sample in shown],
        cohort.train,
        cohort.calibration,
        stage_seed(run_seed, "train_share"),
    )
    return judge_generator(gate, first, catch_rate(planted), share, power)


def catch_rate(planted: Sequence[PlantedResult]) -> float:
    """The share of copies that the gate catches, of the claimed kind it catches least; 0 where nothing is known."""
    return min((r.caught / r.planted for r in planted if r.domain != "beyond" and r.planted), default=0.0)


def far_from_all(gate: Gate[T], payloads: Sequence[T]) -> bool:
    """True when half of the first attempts lie farther from everybody than every stranger does: off the map."""
    if not payloads:
        return False
    return bool(np.nanmedian(gate.calibration.common(gate.scores(payloads))) > gate.calibration.farthest)


def evaluate_release(run: Run[T, C, M], cohort: Cohort[T, C], model: Path, generated: Generated[T, C]) -> Evaluation:
    """Attacks and quality of the kept samples; nothing where the generator was stopped, since nothing is released."""
    if generated.stopped:
        return Evaluation()
    samples = [sample for _, sample in islice(kept_samples(run.modality.cohorts, generated), MOST_SAMPLES)]
    if not samples:
        return Evaluation()
    seed, kind = run.seed("evaluation"), run.modality
    found = kind.releases.evaluate(samples, cohort, run.settings, seed, run.progress)
    own = kind.generator.evaluate(model, samples, cohort, run.settings, seed, run.progress)
    return replace(found, quality=(*found.quality, *own))
