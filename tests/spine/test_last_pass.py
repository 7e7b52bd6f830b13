"""Probes, empty slots and the last pass, over a small but real modality: points of the plane."""

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from synthgen.config import GateConfig, RunConfig, Section, SlotConfig
from synthgen.engines.local import LocalEngine
from synthgen.last_pass import last_pass
from synthgen.modality import Modality
from synthgen.privacy_filters.gate import Gate, calibrate_gate
from synthgen.progress import Silent
from synthgen.records import Filters, JsonValue, Real, Request, Synthetic
from synthgen.run import Run
from synthgen.sampling import Generated, generate, kept_samples
from synthgen.workfolder import Workfolder, opened

Point = tuple[float, float]


@dataclass(frozen=True)
class Case:
    number: int = 0
    stratum: str = "any"

    def as_dict(self) -> dict[str, JsonValue]:
        return {"number": self.number, "kind": self.stratum}


class Nothing(Section):
    """No settings."""


@dataclass(frozen=True)
class Nearest(Filters[Point]):
    """One filter: distance to the nearest protected point."""

    points: np.ndarray
    patients: tuple[str, ...]
    names: tuple[str, ...] = ("distance",)

    def scores(self, payloads: Sequence[Point], exclude: Sequence[str] | None = None) -> np.ndarray:
        d = cdist(np.array(payloads), self.points)
        if exclude is not None:
            d[np.array(exclude)[:, None] == np.array(self.patients)[None, :]] = np.inf
        return d.min(axis=1, keepdims=True)

    def enrolled(self, payloads: Sequence[Point], patients: Sequence[str]) -> "Nearest":
        return Nearest(np.concatenate([self.points, np.array(payloads)]), (*self.patients, *patients))

    def nearest_patients(self, payloads: Sequence[Point]) -> list[str]:
        return [self.patients[i] for i in cdist(np.array(payloads), self.points).argmin(axis=1)]

    def distances(self, payloads: Sequence[Point], references: Sequence[Point]) -> np.ndarray:
        return cdist(np.array(payloads), np.array(references))


@dataclass(frozen=True)
class Points:
    """What ``generate`` and ``last_pass`` ask of a modality. Three samples make a person; together they are a mean."""

    draw: Callable[[int], Point]

    def open(
        self, model: Path, config: Nothing, rows: int, scratch: Path
    ) -> Callable[[Sequence[Request[Case]]], list[Synthetic[Point, Case]]]:
        return lambda requests: [Synthetic(r.seed, r.condition, self.draw(r.seed)) for r in requests]

    def cleaned(self, generator: object, config: Nothing) -> object:
        return generator

    def condition_from(self, values: dict[str, JsonValue]) -> Case:
        return Case(int(str(values["number"])), str(values["kind"]))

    def encode(self, payload: Point) -> bytes:
        return json.dumps(payload).encode()

    def decode(self, content: bytes, scratch: Path) -> Point:
        x, y = json.loads(content)
        return x, y

    def person(self, condition: Case) -> Hashable | None:
        return condition.number // 3

    def joined(self, payloads: Sequence[Point]) -> Point:
        x, y = np.mean(payloads, axis=0)
        return float(x), float(y)


def people(count: int, prefix: str, seed: int) -> list[Real[Point, Case]]:
    homes = np.random.default_rng(seed).normal(size=(count, 2))
    return [Real(f"{prefix}{i}", "0", Case(), (float(x), float(y))) for i, (x, y) in enumerate(homes)]


TRAIN, CALIBRATION, AUDIT = people(150, "t", 1), people(100, "c", 2), people(60, "e", 3)


@pytest.fixture(scope="module")
def gate() -> Gate[Point]:
    points, patients = np.array([r.payload for r in TRAIN]), tuple(r.patient for r in TRAIN)
    return calibrate_gate(Nearest(points, patients), TRAIN, CALIBRATION, 0.01, seed=0)


def honest(seed: int) -> Point:
    x, y = np.random.default_rng(seed).normal(size=2)
    return float(x), float(y)


def copier(of: Iterable[Real[Point, Case]], share: float) -> Callable[[int], Point]:
    known = [r.payload for r in of]

    def draw(seed: int) -> Point:
        rng = np.random.default_rng(seed)
        return known[rng.integers(len(known))] if rng.random() < share else honest(seed)

    return draw


def context(draw: Callable[[int], Point], work: Workfolder) -> Run[Point, Case, Nothing]:
    points: Any = Points(draw)
    kind = Modality("points", Nothing, ("", ""), points, points, points, points)
    config = RunConfig[Nothing](samples=60, seed=5, slots=SlotConfig(rows=8, depth=2), modality=Nothing())
    return Run(kind, config, work, Silent())


def run(
    draw: Callable[[int], Point], gate: Gate[Point], folder: Path, probes: int = 0, limit: int | None = None
) -> tuple[Run[Point, Case, Nothing], Generated[Point, Case]]:
    with opened(folder, modality="points", config_digest="") as work:
        own = context(draw, work)
        conditions = lambda slot, seed: Case(slot)  # noqa: E731
        made = generate(
            own, model=folder, judge=gate, limit=limit, probes=probes, condition=conditions, engine=LocalEngine()
        )
        return own, made


def test_probes_are_judged_and_never_released(gate: Gate[Point], tmp_path: Path) -> None:
    own, plain = run(honest, gate, tmp_path / "plain")
    _, probed = run(honest, gate, tmp_path / "probed", probes=40)
    assert (plain.first.judged, probed.first.judged) == (60, 100)
    assert probed.facts == plain.facts
    released = [list(kept_samples(own.modality.cohorts, made)) for made in (plain, probed)]
    assert released[0] == released[1]
    assert all(slot < 60 for slot, _ in released[1])
    _, again = run(honest, gate, tmp_path / "probed", probes=40)
    assert again == probed


def test_a_slot_that_copies_thrice_stays_empty(gate: Gate[Point], tmp_path: Path) -> None:
    _, made = run(copier(TRAIN, 1.0), gate, tmp_path)
    assert made.facts.attempts == 180
    assert made.facts.exhausted == 60
    assert made.first.close == 60


def test_a_copier_is_stopped_by_its_probes_too(gate: Gate[Point], tmp_path: Path) -> None:
    _, made = run(copier(TRAIN, 0.5), gate, tmp_path, probes=100, limit=8)
    assert made.stopped


def test_audit_patients_are_protected_in_the_last_pass(gate: Gate[Point], tmp_path: Path) -> None:
    own, made = run(copier(AUDIT, 0.4), gate, tmp_path)
    last = last_pass(own, gate, AUDIT, made)
    assert last.facts.withheld_for_audit > last.facts.outsider_limit
    known = {r.payload for r in AUDIT}
    before = [s.payload for _, s in kept_samples(own.modality.cohorts, made)]
    after = [s.payload for _, s in kept_samples(own.modality.cohorts, last)]
    assert known & set(before)
    assert not known & set(after)
    assert last.facts.released == len(after)


def test_honest_samples_pass_the_last_pass(gate: Gate[Point], tmp_path: Path) -> None:
    own, made = run(honest, gate, tmp_path)
    last = last_pass(own, gate, AUDIT, made)
    assert last.facts.withheld_for_audit <= last.facts.outsider_limit
    assert last.facts.persons >= 15


def test_what_is_dealt_over_a_persons_samples_is_seen_together(gate: Gate[Point], tmp_path: Path) -> None:
    """Each of three samples is far from everybody; their mean is a training patient."""
    target = np.array(TRAIN[0].payload)
    turns = iter(range(10**6))

    def dealt(seed: int) -> Point:
        angle = 2 * np.pi * (next(turns) % 3) / 3
        x, y = target + 40 * np.array([np.cos(angle), np.sin(angle)])
        return float(x), float(y)

    own, made = run(dealt, gate, tmp_path)
    assert made.facts.exhausted == 0
    last = last_pass(own, gate, AUDIT, made)
    assert last.facts.persons == 20
    assert last.facts.withheld_persons > last.facts.person_limit
    assert last.facts.released == 60 - last.facts.withheld_in_persons


def test_bounds_keep_a_pass_from_meaning_nothing() -> None:
    for setting in ({"alpha": 0.2}, {"attack_auc": 0.9}, {"attack_upper": 0.99}, {"detectable": 1.0}, {"miss": 0.5}):
        with pytest.raises(ValueError, match="less than or equal"):
            GateConfig.model_validate(setting)
