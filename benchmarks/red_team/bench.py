"""Puts a generator into the real pipeline, over a cohort of which some people are set aside as strangers."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from benchmarks.red_team import held_out, images, sounds, transcripts, uneven
from benchmarks.red_team.kinds import AnyKind, number
from benchmarks.red_team.leaky import Honest, Leaky, Strangers, opened
from benchmarks.red_team.remembering import Remembering
from synthgen.config import RunConfig, Section
from synthgen.engines.local import LocalEngine
from synthgen.errors import SynthgenError
from synthgen.fitting import fit_filters
from synthgen.modality import GeneratorKind, Modality, Ready, load
from synthgen.pipeline import Plan, release_from, split_cohort
from synthgen.progress import Progress, Silent
from synthgen.records import (
    C,
    Cohort,
    Estimate,
    JsonValue,
    Link,
    Loaded,
    Planted,
    Planting,
    Real,
    Request,
    Rule,
    Synthetic,
)
from synthgen.report import DatasetFacts, Evaluation
from synthgen.run import Run
from synthgen.shards import Row, read_shard
from synthgen.slots import Conditions
from synthgen.workfolder import Workfolder
from synthgen.workfolder import opened as opened_work

T = TypeVar("T")
M = TypeVar("M", bound=Section)

Mode = Literal["full", "gate-only"]
Part = Literal["train", "calibration", "audit"]


@dataclass
class Prepared(Generic[T, C, M]):
    """A modality whose cohort is loaded already. Everything else is the real one, but:

    Rules (identifiers) are left out: real strangers break them, and whoever hides a copy masks a name first. With
    ``remembers`` the filters keep their answers, planted copies are made once, and the attacks on the finished release
    are taken to find nothing, which can only make the verdict milder than that of the full pipeline.

    Attributes:
        everybody: all records, of which ``loaded`` holds those that are the cohort now.
        dealt: over so many samples each synthetic person is dealt; 0 leaves the conditions as they are.
        mix: share of the conditions that ask for the group of an uneven cohort; None leaves them.
        hosts: onto whose records planted copies are laid where they are laid onto another's; empty: audit patients, as
            in the pipeline. Planted copies that are remembered while C and E change need people who are in neither.
        written: what was asked for by the samples that were written last: the release, or the quarantine.
    """

    modality: Modality[T, C, M]
    everybody: tuple[Real[T, C], ...]
    loaded: Loaded[T, C]
    remembers: bool
    dealt: int = 0
    mix: float | None = None
    hosts: tuple[Real[T, C], ...] = ()
    memory: dict[object, Any] = field(default_factory=dict)
    written: list[Request[C]] = field(default_factory=list)

    def bundle(self, generator: GeneratorKind[T, C, M] | None = None) -> Modality[T, C, M]:
        """The modality as the pipeline takes it, with its own generator or another."""
        parts: dict[str, Any] = {"cohorts": _Cohorts(self), "filters": _Filters(self), "releases": _Releases(self)}
        return replace(self.modality, generator=generator or self.modality.generator, **parts)

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]


@dataclass(frozen=True)
class _Cohorts:
    """The records that are at hand; all else is the modality's."""

    over: Prepared[Any, Any, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "over":
            raise AttributeError(name)
        return getattr(self.over.modality.cohorts, name)

    def load(self, data: Path, config: Any, cache: Path, progress: Progress) -> Loaded[Any, Any]:
        return self.over.loaded

    def links(self, records: Sequence[Real[Any, Any]], config: Any, progress: Progress) -> Sequence[Link]:
        over = self.over
        found = over.once("links", lambda: tuple(over.modality.cohorts.links(over.everybody, config, progress)))
        at = {(record.patient, record.record): place for place, record in enumerate(records)}
        ends = [[over.everybody[end] for end in (link.first, link.second)] for link in found]
        places = [sorted(at.get((record.patient, record.record), -1) for record in pair) for pair in ends]
        linked = [(link, low, high) for link, (low, high) in zip(found, places, strict=True) if low >= 0]
        return [replace(link, first=low, second=high) for link, low, high in linked]

    def conditions(self, train: Sequence[Real[Any, Any]], config: Any) -> Conditions[Any]:
        drawn = self.over.modality.cohorts.conditions(train, config)
        if self.over.mix is not None:
            return uneven.mixed(drawn, self.over.mix)
        return _dealt(drawn, self.over.dealt) if self.over.dealt > 1 else drawn


@dataclass(frozen=True)
class _Filters:
    """The filters, which may remember; no rules."""

    over: Prepared[Any, Any, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "over":
            raise AttributeError(name)
        return getattr(self.over.modality.filters, name)

    def rules(self, config: Any, *, cleaned: bool) -> tuple[Rule[Any], ...]:
        return ()

    def open(self, train: Sequence[Real[Any, Any]], config: Any, folder: Path) -> Any:
        kind = self.over.modality
        if not self.over.remembers:
            return kind.filters.open(train, config, folder)
        return self.over.once(
            ("filters", _names(train)),
            lambda: Remembering(kind.filters.open(train, config, folder), kind.cohorts.encode),
        )

    def planted(self, planting: Planting[Any, Any], config: Any) -> Iterable[Planted[Any]]:
        planting = replace(planting, hosts=self.over.hosts or planting.hosts)
        known = self.over.memory.get(_key(planting)) if self.over.remembers else None
        return known if known is not None else self._planting(planting, config)

    def _planting(self, planting: Planting[Any, Any], config: Any) -> Iterator[Planted[Any]]:
        """Makes planted copies and keeps them. Each is judged before the next is made, while its files are there."""
        kept = []
        for copies in self.over.modality.filters.planted(planting, config):
            kept.append(copies)
            yield copies
        if self.over.remembers:
            self.over.memory[_key(planting)] = tuple(kept)


@dataclass(frozen=True)
class _Releases:
    """The writer, of which is kept what it wrote; the evaluation may be left out."""

    over: Prepared[Any, Any, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "over":
            raise AttributeError(name)
        return getattr(self.over.modality.releases, name)

    def write(
        self,
        folder: Path,
        samples: Callable[[], Iterable[tuple[int, Synthetic[Any, Any]]]],
        formats: Sequence[str],
        seed: int,
    ) -> DatasetFacts:
        self.over.written = [Request(sample.seed, sample.condition) for _, sample in samples()]
        return self.over.modality.releases.write(folder, samples, formats, seed)

    def evaluate(
        self, samples: Sequence[Any], cohort: Cohort[Any, Any], config: Any, seed: int, progress: Progress
    ) -> Evaluation:
        if not self.over.remembers:
            return self.over.modality.releases.evaluate(samples, cohort, config, seed, progress)
        outsiders = len({record.patient for record in cohort.audit})
        return Evaluation((Estimate("membership_auc", 0.5, (0.5, 0.5), outsiders, "0.5", "assumed, not measured"),), ())


def _dealt(drawn: Conditions[Any], sessions: int) -> Conditions[Any]:
    """Sessions of one synthetic person in a row, ``sessions`` of each."""

    def condition(slot: int, run_seed: int) -> Any:
        case, session = divmod(slot, sessions)
        return replace(drawn(case * 12, run_seed), session=session + 1, sessions=sessions, case=case)

    return condition


def _key(planting: Planting[Any, Any]) -> tuple[object, ...]:
    return ("planted", _names(planting.records), _names(planting.hosts), planting.seed)


def _names(records: Sequence[Real[T, C]]) -> tuple[tuple[str, str], ...]:
    return tuple((record.patient, record.record) for record in records)


@dataclass(frozen=True)
class Ground:
    """A modality's cohort, split, with fitted filters, and strangers beside it."""

    name: str
    data: str
    preset: str
    settings: tuple[str, ...]
    base: Path
    samples: int
    loaded: Loaded[Any, Any]
    strangers: tuple[Real[Any, Any], ...]
    cohort: Cohort[Any, Any]
    cohorts: uneven.Cohorts = "even"
    memory: dict[object, Any] = field(default_factory=dict)

    @property
    def modality(self) -> Modality[Any, Any, Any]:
        return load(self.name)

    @property
    def gate(self) -> Path:
        """The work folder in which the filters were fitted."""
        return self.base / f"gate-{self.cohorts}"

    def config(self, samples: int, settings: Sequence[str] = ()) -> RunConfig[Any]:
        """The configuration of every run: the gate's seed is the same, so that one gate serves all."""
        chosen = ("threads=1", *self.settings, *settings)
        return self.modality.config(self.preset, chosen, samples=samples, seed=0)

    def prepared(self, mode: Mode, dealt: int = 0, loaded: Loaded[Any, Any] | None = None) -> Prepared[Any, Any, Any]:
        """The modality over this cohort, or over another choice of its people."""
        everybody = (*self.loaded.records, *self.strangers)
        return Prepared(self.modality, everybody, loaded or self.loaded, mode == "gate-only", dealt, memory=self.memory)


def prepare(
    name: str,
    data: str,
    *,
    base: Path,
    preset: str,
    settings: Sequence[str],
    samples: int,
    aside: float,
    cohorts: uneven.Cohorts = "even",
) -> Ground:
    """Loads a cohort, sets a share of its patients aside as strangers, and fits the filters on T of the others.

    Args:
        data: a cohort folder or file, or ``"demo"`` for the modality's own simulated one.
        base: a private folder, which is reused when it holds the same.
        aside: share of the patients who stand for what an honest generator makes.
        cohorts: how records are spread over the patients.
    """
    modality = load(name)
    config = modality.config(preset, ("threads=1", *settings), samples=samples, seed=0)
    folder = _data(modality, data, base, config)
    group = uneven.GROUPS[cohorts]
    with opened_work(base / f"gate-{cohorts}", modality=name, config_digest=config.digest()) as work:
        everything = modality.cohorts.load(folder, config.modality, work.cohort, Silent())
        loaded, strangers = set_aside(everything, aside)
        if name == "dialogue":
            loaded = replace(loaded, records=transcripts.with_events(loaded.records, 0))
        if group is not None:
            sound = base / f"sound-{cohorts}"
            loaded = replace(loaded, records=uneven.reshaped(name, loaded.records, group, sound, aside=False))
            strangers = uneven.reshaped(name, strangers, group, sound, aside=True)
        memory: dict[object, Any] = {}
        over = Prepared(modality, (*loaded.records, *strangers), loaded, remembers=False, memory=memory)
        strangers = _nobody(over, config.modality, len(loaded.records))
        run = Run(over.bundle(), config, work, Silent())
        cohort = split_cohort(run, folder)[1]
        fit_filters(run, cohort)
    return Ground(name, data, preset, tuple(settings), base, samples, loaded, strangers, cohort, cohorts, memory)


def _nobody(over: Prepared[T, C, Any], config: Any, cohort: int) -> tuple[Real[T, C], ...]:
    """The records after the first ``cohort`` that are no other name of somebody among those."""
    links = over.bundle().cohorts.links(over.everybody, config, Silent())
    linked = {link.second for link in links if link.first < cohort}
    return tuple(record for i, record in enumerate(over.everybody) if i >= cohort and i not in linked)


def _data(modality: Modality[Any, Any, Any], data: str, base: Path, config: RunConfig[Any]) -> Path:
    if data != "demo":
        return Path(data)
    folder = base / "demo-cohort"
    if not folder.exists():
        base.mkdir(parents=True, exist_ok=True)
        modality.cohorts.write_demo(folder, config.modality, 0, Silent())
    return folder


def set_aside(loaded: Loaded[T, C], share: float) -> tuple[Loaded[T, C], tuple[Real[T, C], ...]]:
    """A random share of the patients, one record each, apart from the others' records."""
    patients = sorted({record.patient for record in loaded.records})
    order = np.random.default_rng(number("set aside")).permutation(len(patients))
    apart = {patients[i] for i in order[: round(share * len(patients))]}
    first: dict[str, Real[T, C]] = {}
    for record in loaded.records:
        if record.patient in apart:
            first.setdefault(record.patient, record)
    kept = tuple(record for record in loaded.records if record.patient not in apart)
    return replace(loaded, records=kept), tuple(first.values())


def kinds_of(name: str, paraphrases: Path | None = None) -> tuple[AnyKind, ...]:
    """All kinds of copies of a modality, those that were named in advance first."""
    if name == "cxr":
        return (*images.KINDS, *held_out.IMAGES)
    if name == "speech":
        return (*sounds.KINDS, *sounds.HELD_OUT)
    told_again = () if paraphrases is None else (transcripts.paraphrase(read_paraphrases(paraphrases)),)
    return (*transcripts.KINDS, *told_again, *held_out.TRANSCRIPTS)


def read_paraphrases(path: Path) -> Mapping[str, tuple[Any, ...]]:
    """Turns of paraphrases by the record that each is one of, which its label ``origin_id`` names."""
    modality = load("dialogue")
    loaded = modality.cohorts.load(path, modality.config("cpu").modality, path, Silent())
    return {str(dict(r.payload.labels)["origin_id"]): r.payload.turns for r in loaded.records}


@dataclass(frozen=True)
class Cell:
    """One run of a leaky generator.

    Attributes:
        share: of the samples that are copies.
        sticks: True where it is slots that are copies, whatever is tried in them.
        victims: whose records are copied.
        most: of so many patients at most; every copy of a further one is another to judge.
    """

    kind: AnyKind
    share: float
    seed: int
    mode: Mode
    sticks: bool = False
    victims: Part = "train"
    most: int | None = None

    def key(self, ground: Ground) -> dict[str, JsonValue]:
        """What identifies the cell in a file of results."""
        return {
            "modality": ground.name, "data": Path(ground.data).name, "preset": Path(ground.preset).stem,
            "settings": list(ground.settings), "kind": self.kind.name, "held_out": self.kind.held_out,
            "share": self.share, "sticks": self.sticks, "victims": self.victims, "most": self.most, "seed": self.seed,
            "mode": self.mode, "n": self.samples(ground),
        }  # fmt: skip

    def samples(self, ground: Ground) -> int:
        """Samples of the run: a kind that is dealt over many samples of one person needs several persons."""
        return max(ground.samples, 8 * self.kind.sessions) if self.kind.sessions > 1 else ground.samples


def run_cell(ground: Ground, cell: Cell) -> dict[str, JsonValue] | None:
    """Runs a leaky generator through the pipeline; None where no copy of its kind can be made."""
    samples = cell.samples(ground)
    records: tuple[Real[Any, Any], ...] = getattr(ground.cohort, cell.victims)
    victims = _of_some([r for r in records if cell.kind.applies(r.record, r.payload)], cell.most)
    if not victims:
        return None
    config = ground.config(samples)
    leaky: Leaky[Any, Any] = Leaky(
        cell.kind, cell.share, cell.sticks, cell.mode == "gate-only", cell.seed, victims,
        Strangers.dealt(ground.strangers, cell.seed, config.seed, slots_of(config)),
        _part, _person, place_of(ground.name), ground.base,
    )  # fmt: skip
    over = ground.prepared(cell.mode, cell.kind.sessions)
    found = through_pipeline(ground, over, leaky, config, version=json.dumps(cell.key(ground)))
    condition_from = over.modality.cohorts.condition_from
    requests = [Request(row.seed, condition_from(row.condition)) for row in found.rows]
    released = [sample for sample in found.written if leaky.copies(sample)]
    return {**cell.key(ground), **found.facts(), **_copies(found.rows, requests, leaky, samples, len(released))}


def _of_some(records: Sequence[Real[Any, Any]], most: int | None) -> tuple[Real[Any, Any], ...]:
    """The records of ``most`` patients at random, the same in every run; None: of all."""
    patients = sorted({record.patient for record in records})
    chosen = {patients[i] for i in np.random.default_rng(number("victims")).permutation(len(patients))[:most]}
    return tuple(record for record in records if record.patient in chosen)


def _part(condition: Any) -> int:
    return int(getattr(condition, "session", 1)) - 1


def _person(condition: Any) -> Hashable:
    return int(getattr(condition, "case", 0))


def place_of(name: str) -> Callable[[Any, Path], Any]:
    """What puts the files of a payload into the folder of the samples; images and transcripts have none."""
    return sounds.placed if name == "speech" else lambda payload, scratch: payload


def slots_of(config: RunConfig[Any]) -> int:
    """Slots of a run: those of the release, and the probes that the test of the generator may draw beyond them."""
    return config.samples + config.gate.attempts


def _copies(
    rows: Sequence[Row], requests: Sequence[Request[Any]], leaky: Leaky[Any, Any], samples: int, released: int
) -> dict[str, JsonValue]:
    """What became of the copies: per attempt, probes included, and per slot of the release that tried one."""
    copied = [leaky.copies(request) for request in requests]
    copies = [row for row, is_copy in zip(rows, copied, strict=True) if is_copy]
    honest = [row for row, is_copy in zip(rows, copied, strict=True) if not is_copy]
    return {
        "copies_tried": len(copies),
        "copies_rejected": sum(row.close for row in copies),
        "slots_with_copies": len({row.slot for row in copies if row.slot < samples}),
        "copies_kept": released,
        "honest_tried": len(honest),
        "honest_rejected": sum(row.close for row in honest),
    }


@dataclass(frozen=True)
class Found:
    """A finished run: its report, every attempt, and what was asked for where a sample stands in what was written."""

    report: dict[str, Any]
    rows: tuple[Row, ...]
    written: tuple[Request[Any], ...]
    seconds: float
    error: str = ""

    def facts(self) -> dict[str, JsonValue]:
        """The verdict, its reasons, and the test of the generator."""
        privacy = self.report.get("privacy", {})
        test = privacy.get("generator_test") or {}
        screening = privacy.get("screening") or {}
        return {
            "outcome": str(privacy.get("outcome", "ERROR")),
            "reasons": list(privacy.get("reasons", [self.error])),
            "first_attempts": int(test.get("attempts", 0)),
            "first_rejected": int(test.get("rejected", 0)),
            "limit": int(test.get("limit", 0)),
            "generator_test": test,
            "exhausted": int(screening.get("exhausted", 0)),
            "cpu_seconds": round(self.seconds, 1),
        }


def through_pipeline(
    ground: Ground,
    over: Prepared[Any, Any, Any],
    generator: Leaky[Any, Any] | Honest[Any, Any],
    config: RunConfig[Any],
    version: str,
) -> Found:
    """Runs the pipeline in a work folder of its own, with the fitted filters of the ground, and clears up."""
    started = time.process_time()
    folder = ground.base / "run"
    shutil.rmtree(folder, ignore_errors=True)
    kind = over.bundle(Ready(opened(generator), "A generator of the red team", version))
    data = _data(ground.modality, ground.data, ground.base, config)
    plan = Plan(
        data=data, model=None, out=folder / "release", preset=Path(ground.preset).stem,
        formats=kind.releases.formats[:1], accept=(), demo=False,
    )  # fmt: skip
    error = ""
    with (
        _first_try(folder / "state"),
        opened_work(folder / "work", modality=ground.name, config_digest=config.digest()) as work,
    ):
        shutil.copytree(ground.gate / "screen", work.screen, dirs_exist_ok=True)
        try:
            sealed = release_from(Run(kind, config, work, Silent()), plan, LocalEngine()).folder
            report = json.loads((sealed / "privacy_report.json").read_text("utf-8"))
        except SynthgenError as caught:
            report, error = {}, str(caught)
        rows = _rows(work)
    shutil.rmtree(folder, ignore_errors=True)
    return Found(report, rows, tuple(over.written), time.process_time() - started, error)


@contextmanager
def _first_try(state: Path) -> Iterator[None]:
    """What is remembered of a cohort beyond one run lies in ``state``: every run here is the first on its cohort."""
    before = os.environ.get("SYNTHGEN_STATE")
    os.environ["SYNTHGEN_STATE"] = str(state)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SYNTHGEN_STATE"]
        else:
            os.environ["SYNTHGEN_STATE"] = before


def _rows(work: Workfolder) -> tuple[Row, ...]:
    """All attempts of a run, without their payloads."""
    shards = sorted((work.folder / "shards").glob("*.parquet"))
    return tuple(replace(row, payload=b"") for shard in shards for row in read_shard(shard))
