"""Opens the gate over a cohort, and measures what it blocks and what it misses, before any sample is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from synthgen.config import RunConfig, Section
from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.modality import Modality
from synthgen.privacy_filters.calibration import attainable_alpha, patients_needed
from synthgen.privacy_filters.gate import (
    Gate,
    calibrate_gate,
    calibration_facts,
    one_record_each,
    plant,
    plant_returning,
)
from synthgen.progress import Progress
from synthgen.records import C, Cohort, Rule, Verdict
from synthgen.report import CalibrationFacts, Outcome, PlantedResult
from synthgen.slots import stage_seed

T = TypeVar("T")
M = TypeVar("M", bound=Section)


@dataclass(frozen=True)
class Judgement(Generic[T]):
    """All that can reject a sample: the calibrated gate, where there is a cohort, and the modality's rules."""

    gate: Gate[T] | None
    rules: tuple[Rule[T], ...]

    def __call__(self, payloads: Sequence[T]) -> list[tuple[Verdict, ...]]:
        if self.gate is None:
            judged: list[tuple[Verdict, ...]] = [(Verdict("none", 1.0, 0.0),) for _ in payloads]
        else:
            judged = self.gate(payloads)
        for rule in self.rules:
            judged = [(*before, verdict) for before, verdict in zip(judged, rule(payloads), strict=True)]
        return judged

    @property
    def rule_names(self) -> tuple[str, ...]:
        return tuple(rule.name for rule in self.rules)


@dataclass(frozen=True)
class Screen(Generic[T]):
    """A calibrated gate and what is known of it."""

    gate: Gate[T]
    judge: Judgement[T]
    facts: CalibrationFacts
    planted: tuple[PlantedResult, ...]


def check_patients(cohort: Cohort[T, C], alpha: float, accept: tuple[Outcome, ...]) -> None:
    """Refuses a cohort whose calibration patients are too few for ``alpha``, before anything is fitted.

    Raises:
        UserError: saying which level can be attained, unless the user accepts an uncalibrated release.
    """
    n = len({r.patient for r in cohort.calibration}) or len({r.patient for r in cohort.train})
    if attainable_alpha(n) > alpha + 1e-12 and Outcome.UNCALIBRATED not in accept:
        raise UserError(
            f"{n} calibration patients attain a level of {attainable_alpha(n):.2%} at best, {alpha:.2%} is asked for: "
            f"give a cohort with {patients_needed(alpha)} calibration patients, "
            f"--set gate.alpha={math.ceil(attainable_alpha(n) * 1e4) / 1e4:g}, or --accept UNCALIBRATED"
        )


def open_screen(
    modality: Modality[T, C, M],
    cohort: Cohort[T, C],
    config: RunConfig[M],
    *,
    filters_folder: Path,
    model: Path | None,
    progress: Progress,
) -> Screen[T]:
    """Calibrates the gate on C, measures its block rate on E, and plants copies of T.

    Args:
        filters_folder: where the fitted filters lie; the calibration is written beside them.
        model: the generator, for copies in its own domain; None when somebody else's data is screened.
    """
    filters = modality.open_filters(cohort.train, config.modality, filters_folder)
    seed = stage_seed(config.seed, "calibration")
    gate = calibrate_gate(filters, cohort.train, cohort.calibration, config.gate.alpha, seed)
    write_atomically(
        filters_folder / "calibration.json", json.dumps(gate.calibration.as_dict(), allow_nan=False).encode()
    )
    facts = calibration_facts(gate, cohort.train, cohort.calibration, cohort.audit, seed)
    chosen = one_record_each(cohort.train, stage_seed(config.seed, "planted"))[: config.gate.planted]
    copies = modality.planted(chosen, model, config, stage_seed(config.seed, "planted"))
    task = progress.task("planting copies", None, "copy")
    planted = []
    for result in plant(gate, copies):
        planted.append(result)
        task.advance(result.planted, result.perturbation)
    returning = plant_returning(gate, (*cohort.calibration, *cohort.audit), seed)
    judge = Judgement(gate, modality.rules(config.modality, model))
    return Screen(gate, judge, facts, (*planted, *((returning,) if returning else ())))
