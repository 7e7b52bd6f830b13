"""Real records, changed one by one until trained attackers lose them: the sibling of the flow that generates.

The operator sees T where something is fitted; attackers learn on C and are judged on E; all records are released, or
none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from synthgen import __version__
from synthgen.config import Section
from synthgen.digests import keyed
from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.linkage_verdict import linkage_report
from synthgen.linking import ORACLE, Person, attack_all, not_makable, people_of
from synthgen.modality import AnonymiserKind, Cohorts
from synthgen.pipeline import CONFIG, MODEL, split_cohort
from synthgen.records import Anonymised, C, Cohort, Operator, Real
from synthgen.release import Sealed, seal_changed, staged
from synthgen.report import AnonymisationReport, Outcome, Provenance
from synthgen.run import Run
from synthgen.settings import CONFIG as SETTINGS
from synthgen.settings import public_yaml
from synthgen.steward import NOTHING_STATED, Steward, checklist
from synthgen.tries import begin_try, end_try

T = TypeVar("T")
M = TypeVar("M", bound=Section)

STAGES = 4
_SCHEMA = pa.schema([("condition", pa.string()), ("payload", pa.binary()), ("header", pa.binary())])


@dataclass(frozen=True)
class ChangePlan:
    """What the user asked for, beside the configuration."""

    data: Path
    out: Path
    preset: str
    accept: tuple[Outcome, ...] = ()
    steward: Steward = NOTHING_STATED


def anonymise(run: Run[T, C, M], plan: ChangePlan) -> Sealed:
    """From a cohort to a sealed release of its records, changed, or to quarantine. Run again after a crash, it resumes.

    Raises:
        UserError: for whatever the user must put right; nothing half-written is left outside the work folder.
    """
    kind, work, settings = run.modality, run.work, run.config.anonymise
    anonymiser = anonymiser_of(run)
    name = operator_of(anonymiser, settings.operator)
    anonymiser.check(name, settings.strength, run.settings)

    # 1. The cohort, split by patient: an attacker never learns from those on whom it is judged.
    run.progress.stage(1, STAGES, "cohort")
    loaded, cohort, linked = split_cohort(run, plan.data)

    lacking = not_makable(cohort.calibration, cohort.audit)
    if few := [f"{attack.replace('_', ' ')} ({lacking[attack]})" for attack in settings.hold if attack in lacking]:
        run.progress.say(f"expect no PASS: attacks that must fail cannot be made: {'; '.join(few)}")

    # 2. Every record, changed, by an operator that learnt on T alone.
    run.progress.stage(2, STAGES, "change")
    tries = begin_try(loaded.records, (run.config.digest(), cohort.digest, name), work, run.progress)
    work.begin()
    opened = open_operator(run, cohort, name, settings.strength, work.operator)
    anonymiser, operator = opened.anonymiser, opened.holders
    store = changed(run, operator, name, (*cohort.train, *cohort.calibration, *cohort.audit))

    # 3. Who finds them again, and what they are still good for.
    run.progress.stage(3, STAGES, "attack")
    learnt_from, judged = opened.people(cohort, run.seed("linking"))
    attackers = anonymiser.attackers(run.settings)
    attacked = attack_all(attackers, learnt_from, judged, run.seed("linking"), run.progress)
    evaluation = anonymiser.evaluate(operator, cohort, run.settings, run.seed("evaluation"), run.progress)

    # 4. The verdict, and the release that it seals.
    run.progress.stage(4, STAGES, "verdict and release")
    counts = (store.people, len(learnt_from), len(judged))
    report = linkage_report(attacked, settings, name, counts, linked, tries)
    told = anonymiser.describe(name, settings.strength, run.settings)
    provenance = Provenance(
        synthgen_version=__version__,
        preset=plan.preset,
        config_digest=keyed(work.key, CONFIG, run.config.digest()),
        model_digest=keyed(work.key, MODEL, told),
        source=loaded.layout,
        source_licence=loaded.licence,
        generator=told,
        skipped=loaded.skipped,
    )
    private = {r.patient for r in loaded.records} | {r.record for r in loaded.records}
    with staged(plan.out) as staging:
        (staging.folder / SETTINGS).write_text(public_yaml(run.config, kind.name, kind.configs), "utf-8")
        dataset = anonymiser.write(staging.folder, lambda: enumerate(store.records(work.key)))
        sealed = seal_changed(
            staging,
            AnonymisationReport(provenance, dataset, report, evaluation, checklist(plan.steward, changed=True)),
            work=work.folder,
            accept=plan.accept,
            forbidden=sorted(private | {str(work.folder), str(plan.data.resolve())}),
        )
    end_try(work, report.outcome)
    return sealed


@dataclass(frozen=True)
class OpenOperator(Generic[T, C, M]):
    """An operator that has learnt what it learns on T.

    Attributes:
        holders: as the data holder runs it, under the key of the work folder.
        attackers: as somebody runs it who knows everything but that key.
    """

    anonymiser: AnonymiserKind[T, C, M]
    holders: Operator[T, C]
    attackers: Operator[T, C]

    def people(self, cohort: Cohort[T, C], seed: int) -> tuple[list[Person[T]], list[Person[T]]]:
        """Those whom attackers learn from, of C, and those on whom they are judged, of E."""
        learnt_from, judged = (
            people_of(part, self.holders, self.attackers, seed) for part in (cohort.calibration, cohort.audit)
        )
        return learnt_from, judged


def open_operator(
    run: Run[T, C, M], cohort: Cohort[T, C], name: str, strength: float, folder: Path
) -> OpenOperator[T, C, M]:
    """Lets an operator learn on T, and opens it under the run's key.

    Args:
        folder: private; keeps what was learnt.
    """
    kind = anonymiser_of(run).within(private_folder(run.work.changed))
    fitted = kind.fitted(name, strength, cohort.train, run.settings, folder, run.seed("operator"), run.progress)

    def under(secret: str) -> Operator[T, C]:
        key = keyed(run.work.key, secret, cohort.digest).encode()
        return fitted.open(name, strength, cohort.train, run.settings, key)

    return OpenOperator(fitted, under("anonymise"), under(ORACLE))


def anonymiser_of(run: Run[T, C, M]) -> AnonymiserKind[T, C, M]:
    """The modality's.

    Raises:
        UserError: it has none.
    """
    if run.modality.anonymiser is None:
        raise UserError(f"records of the modality {run.modality.name} cannot be anonymised: nothing changes them yet")
    return run.modality.anonymiser


def operator_of(anonymiser: AnonymiserKind[T, C, M], name: str) -> str:
    """The operator's name, the default where none is given.

    Raises:
        UserError: there is none of that name.
    """
    if name and name not in anonymiser.operators:
        raise UserError(f"no operator {name!r}: give one of {', '.join(anonymiser.operators)}")
    return name or anonymiser.operators[0]


def _by_patient(records: Iterable[Real[T, C]]) -> Iterator[tuple[str, list[Real[T, C]]]]:
    ordered = sorted(records, key=lambda r: (r.patient, r.record))
    for patient, own in groupby(ordered, key=lambda r: r.patient):
        yield patient, list(own)


@dataclass(frozen=True)
class Store(Generic[T, C]):
    """Changed records in the work folder, a file a person: what is there is finished.

    Attributes:
        people: persons are numbered from 1 to this, in an order that only the run's key tells.
    """

    cohorts: Cohorts[T, C, Any]
    folder: Path
    operator: str
    people: int

    def path(self, person: int) -> Path:
        return self.folder / f"{person:06d}.parquet"

    def records(self, key: bytes) -> Iterator[Anonymised[T, C]]:
        """All records in an order that the key alone tells: neighbours would be taken for one person's.

        Raises:
            UserError: a file is damaged.
        """
        places = [(person, row) for person in range(1, self.people + 1) for row in range(len(self._rows(person)))]
        for person, row in sorted(places, key=lambda place: keyed(key, "record", *map(str, place))):
            found = self._rows(person)[row]
            condition = self.cohorts.condition_from(json.loads(found["condition"]))
            payload = self.cohorts.decode(found["payload"], self.folder)
            yield Anonymised(self.operator, condition, payload, found["header"])

    def _rows(self, person: int) -> list[dict[str, Any]]:
        try:
            rows: list[dict[str, Any]] = pq.read_table(self.path(person), schema=_SCHEMA).to_pylist()
        except (pa.ArrowException, OSError):
            raise UserError(f"{self.path(person)} is damaged: delete it and run the same command again") from None
        return rows

    def write(self, person: int, records: Sequence[Anonymised[T, C]]) -> None:
        columns = {
            "condition": [json.dumps(record.condition.as_dict(), sort_keys=True) for record in records],
            "payload": [self.cohorts.encode(record.payload) for record in records],
            "header": [record.header for record in records],
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns, schema=_SCHEMA), sink, compression="zstd")
        write_atomically(self.path(person), sink.getvalue().to_pybytes())


def changed(run: Run[T, C, M], operator: Operator[T, C], name: str, records: Sequence[Real[T, C]]) -> Store[T, C]:
    """Changes all records that are not changed yet, a patient at a time."""
    patients = sorted(_by_patient(records), key=lambda one: keyed(run.work.key, "person", one[0]))
    private_folder(run.work.changed)
    store = Store(run.modality.cohorts, run.work.changed, name, len(patients))
    done = sum(store.path(person).exists() for person in range(1, len(patients) + 1))
    task = run.progress.task("change records", len(patients), "patient", done)
    for person, (_, own) in enumerate(patients, start=1):
        if not store.path(person).exists():
            store.write(person, operator(person, own))
            task.advance()
    return store
