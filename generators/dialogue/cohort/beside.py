"""Labels in tables beside the transcripts, by patient or by dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort import rows
from synthgen.generators.dialogue.cohort.columns import identifier, is_empty
from synthgen.generators.dialogue.cohort.raw import Raw, Reading
from synthgen.patient_ids import patient_key


@dataclass(frozen=True)
class _Described:
    """A table beside the transcripts: its rows by patient, or by dialogue, where each has one row."""

    by_patient: Mapping[str, Mapping[str, Any]]
    by_dialogue: Mapping[str, Mapping[str, Any]]
    patients: Mapping[str, str]


def labelled(found: Iterator[Raw], paths: Sequence[Path], reading: Reading) -> Iterator[Raw]:
    """Dialogues with what tables say of them or their patients, by their ids or by the id that begins a file's name.

    A table whose rows match nobody is counted.
    """
    tables = [_described_in(path, reading) for path in paths]
    if not tables:
        yield from found
        return
    raws = list(found)
    begun = [_begins(raw, tables) for raw in raws]
    by_file = all(not raw.patient for raw in raws) and 2 * sum(map(bool, begun)) >= len(raws)
    used: set[int] = set()
    for raw, begins in zip(raws, begun, strict=True):
        yield _with_labels(raw, begins if by_file else "", tables, used, reading)
    if unused := len(tables) - len(used):
        reading.tally.skipped["table that holds no dialogue and describes none"] += unused


def _with_labels(raw: Raw, begins: str, tables: list[_Described], used: set[int], reading: Reading) -> Raw:
    own = patient_key(raw.record)
    told = next((table.patients[own] for table in tables if table.patients.get(own)), "")
    patient = raw.patient or told or begins
    labels: dict[str, Any] = {}
    for number, table in enumerate(tables):
        row = table.by_dialogue.get(own) or (table.by_patient.get(patient_key(patient)) if patient else None)
        if row is not None:
            labels |= row
            used.add(number)
    if not labels and not told:
        return raw
    reading.notice("dialogues have labels from a table beside them")
    return Raw(raw.where, raw.record, patient, raw.session, raw.turns, {**labels, **raw.labels}, raw.file, raw.date)


def _begins(raw: Raw, tables: list[_Described]) -> str:
    """The id of a table that the file's name begins with: ``300_TRANSCRIPT.csv`` is of 300; empty where none is."""
    first = Path(raw.file).name.replace("-", "_").replace(".", "_").split("_")[0]
    known = len(first) > 2 and any(patient_key(first) in table.by_patient for table in tables)
    return first if known else ""


def _described_in(path: Path, reading: Reading) -> _Described:
    """By patient where each has one row; by dialogue likewise. Both are empty for any other table."""
    quiet = reading.quietly()
    by_patient: dict[str, dict[str, Any]] = {}
    by_dialogue: dict[str, dict[str, Any]] = {}
    patients: dict[str, str] = {}
    rows_read = 0
    try:
        for where, row in rows.csv_rows(path, quiet):
            rows_read += 1
            patient = identifier(quiet.columns.value(row, "patient_id"), where, "patient")
            dialogue = patient_key(identifier(quiet.columns.value(row, "dialogue_id"), where, "dialogue"))
            ids = {*quiet.columns.all(row, "patient_id"), *quiet.columns.all(row, "dialogue_id")}
            labels = {name: _number(value) for name, value in row.items() if name not in ids and name}
            by_patient[patient_key(patient)] = labels
            by_dialogue[dialogue] = labels
            patients[dialogue] = patient
    except UserError:
        rows_read = -1
    return _Described(
        by_patient if len(by_patient) == rows_read and "" not in by_patient else {},
        by_dialogue if len(by_dialogue) == rows_read and "" not in by_dialogue else {},
        patients if len(by_dialogue) == rows_read and "" not in by_dialogue else {},
    )


def _number(value: Any) -> Any:
    """A number of a table as one."""
    text = str(value).strip()
    if is_empty(text):
        return None
    try:
        return int(text) if text.removeprefix("-").isdecimal() else float(text)
    except ValueError:
        return value
