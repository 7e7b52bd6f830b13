"""Tests the generator by its first attempts, and attacks and evaluates what would be released."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.config import RunConfig, Section
from synthgen.generate import Generated, kept_samples
from synthgen.modality import Modality
from synthgen.privacy_filters.gate import Gate, judge_generator, share_nearer_to_train
from synthgen.progress import Progress
from synthgen.records import C, Cohort, Synthetic
from synthgen.report import Evaluation, GeneratorTest
from synthgen.slots import stage_seed

T = TypeVar("T")
M = TypeVar("M", bound=Section)

_MOST_SAMPLES = 2000  # of a larger release so many are evaluated, so that memory does not grow with it


def generator_test(
    gate: Gate[T],
    cohort: Cohort[T, C],
    generated: Generated[T, C],
    first: Sequence[Synthetic[T, C]],
    run_seed: int,
) -> GeneratorTest:
    """Holds all first attempts against the limit, and reports on which side of one half they lean."""
    share = share_nearer_to_train(
        gate.filters,
        [sample.payload for sample in first],
        cohort.train,
        cohort.calibration,
        stage_seed(run_seed, "train_share"),
    )
    return judge_generator(gate.calibration, generated.first_attempts, generated.first_rejected, share)


def far_from_all(gate: Gate[T], payloads: Sequence[T]) -> bool:
    """True when half of the first attempts lie farther from T than every calibration patient does: off the map."""
    if not payloads:
        return False
    scores = gate.calibration.common(gate.filters.scores(payloads))
    return bool(np.nanmedian(scores) > gate.calibration.strangers[-1])


def evaluate_release(
    modality: Modality[T, C, M],
    cohort: Cohort[T, C],
    model: Path,
    config: RunConfig[M],
    generated: Generated[T, C],
    progress: Progress,
) -> Evaluation:
    """Attacks and quality of the kept samples; nothing where the generator was stopped, since nothing is released."""
    if generated.stopped:
        return Evaluation()
    samples = [sample for _, sample in islice(kept_samples(modality, generated), _MOST_SAMPLES)]
    if not samples:
        return Evaluation()
    return modality.evaluate(samples, cohort, model, config.modality, stage_seed(config.seed, "evaluation"), progress)
