"""Opens the gate over a cohort, and measures what it blocks and what it misses, before any sample is judged."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

import numpy as np

from synthgen.config import Section
from synthgen.errors import UserError
from synthgen.estimates import one_record_each, some_records
from synthgen.files import write_atomically
from synthgen.privacy_filters.calibration import CopiesAmongStrangersError
from synthgen.privacy_filters.gate import Gate, calibrate_gate, calibration_facts, plant, plant_returning
from synthgen.records import C, Cohort, Filters, Planting, Rule, Verdict
from synthgen.report import CalibrationFacts, PlantedResult
from synthgen.run import Run
from synthgen.sizes import TRIAL

_LISTED = 20  # closest pairs of a calibration patient's record and another patient's

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


def open_screen(run: Run[T, C, M], cohort: Cohort[T, C], *, folder: Path, model: Path | None) -> Screen[T]:
    """Calibrates the gate on C, measures its block rate on E, and plants copies of T.

    Args:
        folder: where the fitted filters lie; the calibration is written beside them.
        model: the generator, for copies in its own domain; None when somebody else's data is screened.

    Raises:
        UserError: if a calibration patient is a copy of another one.
    """
    kind, gating = run.modality, run.config.gate
    filters = kind.filters.open(cohort.train, run.settings, folder)
    seed, planting = run.seed("calibration"), run.seed("planted")
    everyone = some_records(cohort.train, len(cohort.train), planting)
    tried = min(TRIAL, len(everyone) // 8)
    trial, chosen = everyone[:tried], everyone[tried : tried + gating.planted]
    hosts = one_record_each(cohort.audit, planting)
    task = run.progress.task("planting copies", None, "copy")
    with TemporaryDirectory(prefix="synthgen-copies-") as name:
        scratch = Path(name)
        first = Planting(trial, (), hosts, planting + 1, scratch)
        tried_copies = kind.filters.planted(first, run.settings) if trial else ()
        claimed = (copies for copies in tried_copies if copies.domain != "beyond")
        try:
            gate = calibrate_gate(filters, cohort.train, cohort.calibration, gating.alpha, seed, claimed)
        except CopiesAmongStrangersError as error:
            listed = _copies_listed(filters, cohort, seed, folder / "copies.csv")
            raise UserError(
                f"{error}: look at the private list {listed}, give the records of one person one patient id or remove "
                "them, and use a new --work"
            ) from None
        calibration = json.dumps(gate.calibration.as_dict(), allow_nan=False)
        write_atomically(folder / "calibration.json", calibration.encode())
        facts = calibration_facts(gate, cohort.train, cohort.calibration, cohort.audit, seed)
        trips = () if model is None else kind.generator.round_trips(model, run.config, planting, scratch)
        planted = []
        second = Planting(chosen, trips, hosts, planting, scratch)
        for result in plant(gate, kind.filters.planted(second, run.settings)):
            planted.append(result)
            task.advance(result.planted, result.perturbation)
    returning = plant_returning(gate, (*cohort.calibration, *cohort.audit), seed)
    judge = Judgement(gate, rules_of(run, model))
    return Screen(gate, judge, facts, (*planted, *((returning,) if returning else ())))


def _copies_listed(filters: Filters[T], cohort: Cohort[T, C], seed: int, path: Path) -> Path:
    """Writes the calibration patients' records that are copies of another patient's, each beside that one's record."""
    each = one_record_each(cohort.calibration or cohort.train, seed)
    everyone = (*cohort.train, *cohort.calibration)
    distances = np.array(filters.distances([r.payload for r in each], [r.payload for r in everyone]))
    distances[np.array([[a.patient == b.patient for b in everyone] for a in each])] = np.inf
    nearest = distances.argmin(axis=1)
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("first", "second", "first_patient", "second_patient"))
    for row in np.argsort(distances.min(axis=1), kind="stable")[:_LISTED]:
        one, other = each[row], everyone[nearest[row]]
        table.writerow((one.record, other.record, one.patient, other.patient))
    write_atomically(path, buffer.getvalue().encode())
    return path


def rules_of(run: Run[T, C, M], model: Path | None) -> tuple[Rule[T], ...]:
    """What rejects a sample beside the gate; None for records that were made elsewhere."""
    kind, settings = run.modality, run.settings
    own = () if model is None else kind.generator.rules(model, settings)
    return (*own, *kind.filters.rules(settings, cleaned=model is not None))
