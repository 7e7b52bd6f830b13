"""False alarms: an honest generator, whose samples are people nobody has screened against, run after run.

T and the filters fitted on it stay; who sets the thresholds, who audits and who stands for the samples is drawn anew
from all others in every run. The runs share T and, in part, people: the interval of their rate is for this T.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from benchmarks.red_team import uneven
from benchmarks.red_team.bench import Found, Ground, Mode, place_of, slots_of, through_pipeline
from benchmarks.red_team.kinds import number
from benchmarks.red_team.leaky import Honest, Strangers
from synthgen.records import JsonValue, Real, Request

COHORTS: tuple[uneven.Cohorts, ...] = get_args(uneven.Cohorts)

People = dict[str, list[Real[Any, Any]]]


@dataclass(frozen=True)
class Case:
    """One run of an honest generator."""

    number: int
    mode: Mode

    def key(self, ground: Ground) -> dict[str, JsonValue]:
        """What identifies the run in a file of results."""
        return {
            "modality": ground.name, "data": Path(ground.data).name, "preset": Path(ground.preset).stem,
            "settings": list(ground.settings), "cohort": ground.cohorts, "seed": self.number, "mode": self.mode,
            "n": ground.samples,
        }  # fmt: skip


def run_case(ground: Ground, case: Case) -> dict[str, JsonValue]:
    """Draws C, E and the samples' people anew, and runs the pipeline on them."""
    drawn = _draw(ground, case.number)
    chosen = {record.patient for part in (*drawn.parts.values(),) for record in part}
    loaded = replace(ground.loaded, records=tuple(r for part in drawn.parts.values() for r in part))
    split = _split_file(ground.base / "splits" / f"{ground.cohorts}-{case.number}.csv", drawn.parts)
    config = ground.config(ground.samples, (f"split.file={split}",))
    over = replace(ground.prepared(case.mode, loaded=loaded), mix=_mix(ground), hosts=_hosts(ground))
    honest = _honest(ground, drawn.samples, config.seed, slots_of(config))
    found = through_pipeline(ground, over, honest, config, version=f"{ground.cohorts} {case.number}")
    return {**case.key(ground), **found.facts(), "patients": len(chosen), "expected_block_rate": _expected(found)}


def _mix(ground: Ground) -> float | None:
    group = uneven.GROUPS[ground.cohorts]
    return None if group is None else group.mix


@dataclass(frozen=True)
class _Drawn:
    parts: dict[str, list[Real[Any, Any]]]
    samples: list[Real[Any, Any]]


def _draw(ground: Ground, seed: int) -> _Drawn:
    """T as it is; C and E of their old sizes, and the rest, drawn from all others. The group is shared out evenly."""
    rng = np.random.default_rng(number("honest", seed))
    old = {"calibration": ground.cohort.calibration, "audit": ground.cohort.audit}
    parts: dict[str, list[Real[Any, Any]]] = {"train": list(ground.cohort.train), "calibration": [], "audit": []}
    samples: list[Real[Any, Any]] = []
    for mine in (False, True):
        apart = {record.patient for record in _hosts(ground)}
        others = [record for record in ground.strangers if record.patient not in apart]
        people = _people((*old["calibration"], *old["audit"], *others), mine, ground)
        order = [sorted(people)[i] for i in rng.permutation(len(people))]
        for part, records in old.items():
            count = len(_people(records, mine, ground))
            parts[part] += [record for patient in order[:count] for record in people[patient]]
            order = order[count:]
        samples += [people[patient][rng.integers(len(people[patient]))] for patient in order]
    return _Drawn(parts, [samples[i] for i in rng.permutation(len(samples))])


def _hosts(ground: Ground) -> tuple[Real[Any, Any], ...]:
    """Strangers who are drawn in no run: planted copies are laid onto them, once for all runs."""
    most = min(ground.config(ground.samples).gate.planted, len(ground.strangers) // 4)
    return ground.strangers[:most]


def _people(records: Sequence[Real[Any, Any]], mine: bool, ground: Ground) -> People:
    """The records by patient, of the group or of the others."""
    people: People = {}
    for record in records:
        marked = uneven.GROUPS[ground.cohorts] is not None and uneven.is_marked(record.condition)
        if marked is mine:
            people.setdefault(record.patient, []).append(record)
    return people


def _split_file(path: Path, parts: dict[str, list[Real[Any, Any]]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("patient_id", "split"))
        for part, records in parts.items():
            table.writerows((patient, part) for patient in sorted({record.patient for record in records}))
    return path


def _honest(ground: Ground, samples: Sequence[Real[Any, Any]], run_seed: int, slots: int) -> Honest[Any, Any]:
    """Somebody else for every sample, of the group where the condition asks for it."""
    if uneven.GROUPS[ground.cohorts] is None:
        everyone = Strangers.in_order(samples, run_seed, slots)
        return Honest(lambda request: everyone.of(request.seed), place_of(ground.name), ground.base)
    groups = {
        mine: Strangers.in_order(
            [r for r in samples if uneven.is_marked(r.condition) is mine], run_seed, ground.samples
        )
        for mine in (False, True)
    }

    def choose(request: Request[Any]) -> Any:
        return groups[uneven.is_marked(request.condition)].of(request.seed)

    return Honest(choose, place_of(ground.name), ground.base)


def _expected(found: Found) -> float | None:
    """The rate at which the gate may block strangers, by its own account."""
    calibration = found.report.get("privacy", {}).get("calibration") or {}
    return calibration.get("expected_block_rate")
