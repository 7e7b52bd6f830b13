"""Writes accepted dialogues as Parquet, as ``datasets.load_dataset`` reads it: split by synthetic patient.

The writer streams in row groups. It writes no seed: the model and a sample's seeds together would give its rejected
siblings to whoever holds the model. A patient is known by the number of the case, a sample by its place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet as pq

from synthgen.payloads.dialogue import Dialogue, DialogueAnonymised, DialogueSynthetic, Label, Turn
from synthgen.report import Column, DatasetFacts

Made = DialogueSynthetic | DialogueAnonymised
Samples = Callable[[], Iterable[tuple[int, Made]]]

DATA: Final = "data"
SPLITS: Final = ("train", "test")
OPENING: Final = "(The session begins.)"
"""The user's message before a clinician who speaks first: chat templates ask that a user begin."""


@dataclass(frozen=True)
class Wording:
    """How a release names its records and speaks of them.

    Attributes:
        kind: ``"synthetic"``: beginning of every name in capitals, and in sentences as it is.
        title: of the dataset.
        asked: what condition a record has, behind "each with the setting, disorder, severity and session".
        stated: where disorder, severity and labels come from, behind "The disorder or topic".
    """

    kind: str
    title: str
    asked: str
    stated: str

    def patient(self, case: int) -> str:
        """``"SYNTHETIC-P00012"``."""
        return f"{self.kind.upper()}-P{case:05d}"

    def record(self, index: int) -> str:
        """``"SYNTHETIC-000123"``."""
        return f"{self.kind.upper()}-{index:06d}"


SYNTHETIC: Final = Wording("synthetic", "Synthetic clinical dialogues", " that it was generated for", "asked for")
ANONYMISED: Final = Wording("anonymised", "Anonymised clinical dialogues", ", where they are known", "stated")

_ROW_GROUP: Final = 128
_ROWS_PER_FILE: Final = 4096
_TEST_SHARE: Final = 0.1

_TURN: Final = pa.struct([(name, pa.string()) for name in ("speaker", "text", "emotion", "stage")])
_MESSAGE: Final = pa.struct([("role", pa.string()), ("content", pa.string())])


def messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """The dialogue as chat templates take it, the strict ones too: user and assistant in turn, a user first, no system.

    The clinician is the assistant; the patient, and whoever came along, is the user. A clinician who speaks first
    answers :data:`OPENING`; a companion's words are marked as theirs; what one side says in a row is one message.
    Templates of the Gemma and Mistral kind reject a system message, a leading assistant, and two messages of one side.
    """
    found: list[dict[str, str]] = []
    if turns and turns[0].speaker == "clinician":
        found.append({"role": "user", "content": OPENING})
    for turn in turns:
        role = "assistant" if turn.speaker == "clinician" else "user"
        said = f"Companion: {turn.text}" if turn.speaker == "companion" else turn.text
        if found and found[-1]["role"] == role:
            found[-1]["content"] += f"\n{said}"
        else:
            found.append({"role": role, "content": said})
    return found


def held_out_patients(cases: Iterable[int]) -> frozenset[int]:
    """The synthetic patients of the test split: a tenth, by the hash of the number, at least one of two.

    A patient's split does not change as a release grows, but for the one who is taken where the hash takes none.
    """
    lots = {case: int.from_bytes(hashlib.blake2b(b"split %d" % case, digest_size=8).digest()) for case in cases}
    drawn = {case for case, lot in lots.items() if lot < _TEST_SHARE * 2**64}
    if len(lots) < 2:
        return frozenset()
    by_lot = sorted(lots, key=lambda case: (lots[case], case))
    return frozenset((drawn or {by_lot[0]}) - ({by_lot[-1]} if len(drawn) == len(lots) else set()))


@dataclass(frozen=True)
class _Survey:
    """What has to be known before the first row is written."""

    rows: dict[str, int]
    test: frozenset[int]
    schema: pa.Schema
    label_types: tuple[tuple[str, pa.DataType], ...]
    counts: tuple[tuple[str, int], ...]
    words: int
    turns: int


def write_release(folder: Path, samples: Samples, wording: Wording = SYNTHETIC) -> DatasetFacts:
    """Writes ``data/train-00000-of-0000N.parquet`` … and, where there are two patients, ``data/test-…``.

    Args:
        folder: the release's folder, without ``data`` as yet.
        samples: gives (index in the release, sample), streamed; called twice: the labels' types and the number of
            files have to be known before the first row.

    Without any sample (of a generator that was stopped) the table of the train split is empty.

    Raises:
        OSError: the folder cannot be written.
    """
    survey = _survey(samples)
    (folder / DATA).mkdir()
    writers = {split: _Writer(folder, split, survey) for split in SPLITS if split == "train" or survey.rows[split]}
    try:
        for index, sample in samples():
            writers["test" if sample.condition.case in survey.test else "train"].add(
                _row(index, sample, survey, wording)
            )
    finally:
        for writer in writers.values():
            writer.close()
    total, patients = sum(survey.rows.values()), len(survey.test)
    return DatasetFacts(
        modality="dialogue",
        title=wording.title,
        description=(
            f"{total:,} {wording.kind} dialogues of clinicians and patients ({survey.turns:,} turns, {survey.words:,} "
            f"words), each with the setting, disorder, severity and session{wording.asked}."
            + (f" Split by {wording.kind} patient: the test split holds {patients:,} of them." if patients else "")
        ),
        samples=total,
        columns=_columns(survey, wording),
        metadata_file="",
        media_glob="",
        media_type="",
        media_column="",
        counts=survey.counts,
        task_categories=("text-generation", "text-classification"),
        modality_tags=("dialogue", "conversational", "mental-health"),
        tables=tuple((split, f"{DATA}/{split}-*.parquet") for split in writers),
    )


class _Writer:
    """The Parquet files of one split, a row group in memory at a time."""

    def __init__(self, folder: Path, split: str, survey: _Survey) -> None:
        files = max(1, -(-survey.rows[split] // _ROWS_PER_FILE))
        self._paths = [folder / DATA / f"{split}-{number:05d}-of-{files:05d}.parquet" for number in range(files)]
        self._schema = survey.schema
        self._pending: list[dict[str, Any]] = []
        self._written = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: dict[str, Any]) -> None:
        self._pending.append(row)
        if len(self._pending) == _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
        else:
            pq.write_table(self._schema.empty_table(), self._paths[0], compression="zstd")

    def _flush(self) -> None:
        if not self._pending:
            return
        if self._writer is None or self._written % _ROWS_PER_FILE == 0:
            if self._writer is not None:
                self._writer.close()
            path = self._paths[self._written // _ROWS_PER_FILE]
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._pending, schema=self._schema))
        self._written += len(self._pending)
        self._pending = []


def _survey(samples: Samples) -> _Survey:
    cases: Counter[int] = Counter()
    kinds: dict[str, set[type]] = {}
    counts: Counter[str] = Counter()
    words = turns = 0
    for _, sample in samples():
        condition = sample.condition
        cases[condition.case] += 1
        for name, value in sample.payload.labels:
            kinds.setdefault(name, set()).update([] if value is None else [type(value)])
        counts[condition.disorder or "no disorder stated"] += 1
        if condition.severity:
            counts[f"severity: {condition.severity}"] += 1
        turns += len(sample.payload.turns)
        words += len(sample.payload.text.split())
    test = held_out_patients(cases)
    in_test = sum(cases[case] for case in test)
    label_types = tuple((name, _label_type(kinds[name])) for name in sorted(kinds))
    fields: list[tuple[str, pa.DataType]] = [
        ("dialogue_id", pa.string()),
        ("patient_id", pa.string()),
        ("session", pa.int32()),
        ("sessions", pa.int32()),
        ("setting", pa.string()),
        ("disorder", pa.string()),
        ("severity", pa.string()),
        ("turns", pa.list_(_TURN)),
        ("messages", pa.list_(_MESSAGE)),
    ]
    if label_types:  # Parquet knows no struct without a field
        fields.append(("labels", pa.struct(list(label_types))))
    return _Survey(
        rows={"train": sum(cases.values()) - in_test, "test": in_test},
        test=test,
        schema=pa.schema(fields),
        label_types=label_types,
        counts=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        words=words,
        turns=turns,
    )


def _label_type(kinds: set[type]) -> pa.DataType:
    """One type for a label in the whole release: numbers of both kinds are float64, other mixtures are text."""
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float} else pa.string()


def _label(value: Label, kind: pa.DataType) -> Label:
    if value is None or kind != pa.string() or isinstance(value, str):
        return float(value) if isinstance(value, int) and kind == pa.float64() else value
    return str(value)


def _row(index: int, sample: Made, survey: _Survey, wording: Wording) -> dict[str, Any]:
    condition, dialogue = sample.condition, sample.payload
    row: dict[str, Any] = {
        "dialogue_id": wording.record(index),
        "patient_id": wording.patient(condition.case),
        "session": condition.session,
        "sessions": condition.sessions,
        "setting": condition.setting or None,
        "disorder": condition.disorder or None,
        "severity": condition.severity or None,
        "turns": [
            {"speaker": turn.speaker, "text": turn.text, "emotion": turn.emotion or None, "stage": turn.stage or None}
            for turn in dialogue.turns
        ],
        "messages": messages(dialogue.turns),
    }
    if survey.label_types:
        row["labels"] = _labels(dialogue, survey)
    return row


def _labels(dialogue: Dialogue, survey: _Survey) -> dict[str, Label]:
    own = dict(dialogue.labels)
    return {name: _label(own.get(name), kind) for name, kind in survey.label_types}


def _columns(survey: _Survey, wording: Wording) -> tuple[Column, ...]:
    croissant = {pa.bool_(): "sc:Boolean", pa.int64(): "sc:Integer", pa.float64(): "sc:Float"}
    columns = (
        Column("dialogue_id", "sc:Text", "The sample's name."),
        Column(
            "patient_id", "sc:Text", f"The {wording.kind} patient's name; the sessions of one share it, and its split."
        ),
        Column("session", "sc:Integer", "The number of the session in the patient's course, from 1."),
        Column("sessions", "sc:Integer", "How many sessions the course has."),
        Column("setting", "sc:Text", "therapy or visit; null when none was stated."),
        Column("disorder", "sc:Text", f"The disorder or topic {wording.stated}; null when none was stated."),
        Column(
            "severity",
            "sc:Text",
            f"The severity {wording.stated}: in therapy a band of the PHQ-9 or GAD-7, in a visit one of a rating out "
            "of ten; null when none was stated.",
        ),
        Column(
            "turns",
            "",
            "The utterances in order.",
            repeated=True,
            fields=(
                Column("speaker", "sc:Text", "clinician, patient or companion."),
                Column("text", "sc:Text", "What is said."),
                Column("emotion", "sc:Text", "The emotion of the turn; null where it is not labelled."),
                Column("stage", "sc:Text", "The part of the session that the turn belongs to; null where unknown."),
            ),
        ),
        Column(
            "messages",
            "",
            (
                "The same for a chat template: the clinician is the assistant, patient and companion are the user, "
                f"turns of one side in a row are one message, and '{OPENING}' stands before a clinician who begins."
            ),
            repeated=True,
            fields=(
                Column("role", "sc:Text", "user or assistant, in turn, the user first."),
                Column("content", "sc:Text", "What is said."),
            ),
        ),
    )
    if not survey.label_types:
        return columns
    labels = tuple(
        Column(name, croissant.get(kind, "sc:Text"), f"As {wording.stated} for the session; null where it has none.")
        for name, kind in survey.label_types
    )
    return (*columns, Column("labels", "", f"What else is {wording.stated} of the session.", fields=labels))
