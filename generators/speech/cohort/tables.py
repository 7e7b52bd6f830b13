"""Tables as data holders write them: CSV, TSV, JSON lines or a JSON array, with one of several names for a column."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, wide_enough
from synthgen.generators.speech.cohort.finding import spelt
from synthgen.generators.speech.cohort.turns import decoded, text_of

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "file_name": (
        *("file_name", "filename", "file", "path", "audio", "audio_path", "wav", "audio_file", "audio_filepath"),
        *("file_path", "filepath", "wav_path", "wav_file", "clip", "fname", "recording", "datei", "dateiname"),
    ),
    "speaker_id": ("speaker_id", "speaker", "client_id", "spk_id", "speakerid", "spk", "speaker_name", "sprecher"),
    "patient_id": (
        *("patient_id", "patient", "patientid", "participant_id", "participant", "subject_id", "subject", "subjectid"),
        *("person_id", "pid", "user_id", "id_patient", "proband", "patienten_id"),
    ),
    "emotion": (
        *("emotion", "emotion_label", "emotions", "emo", "emotion_name", "emotion_class", "gefühl", "émotion"),
        *("emoción", "emozione", "emoção", "emotie"),
    ),
    "transcript": ("transcript", "transcription", "text", "sentence", "normalized_text", "transkript"),
    "role": ("role", "speaker_role", "rolle"),
    "session": ("session_id", "session", "sitzung", "visit", "conversation_id", "recording_id", "call_id"),
    "channel": ("channel", "channel_id", "kanal"),
    "start": ("start", "start_time", "start_s", "onset", "begin", "start_sec", "offset"),
    "end": ("end", "end_time", "end_s", "stop", "end_sec"),
    "start_ms": ("start_ms", "begin_ms", "onset_ms", "offset_ms"),
    "end_ms": ("end_ms", "stop_ms"),
    "duration": ("duration", "duration_s", "dur"),
    "licence": ("licence", "license"),
}
"""For each column the names under which it is recognised, in any case, the first preferred."""
UNSURE: Final = ("label", "labels", "class", "category", "diagnosis", "condition", "group")
"""Columns that hold emotions in some sets and diagnoses in others: not read unless the user says so."""

JSON: Final = (".jsonl", ".ndjson", ".json")
_HEADER: Final = 2**16
_TOP: Final = 20
"""Lines in which a header is looked for, below a title."""
_FILES: Final = ("file_name",)
_PEOPLE: Final = ("speaker_id", "patient_id", "role")
_FIELD_LIMIT = 10 * 2**20


def read_rows(
    path: Path, required: Sequence[Sequence[str]], renamed: Mapping[str, str] = MappingProxyType({})
) -> Iterator[TableRow]:
    """The rows of a table with the columns of :data:`NAMES` that it has, one at a time.

    Args:
        required: of each group of our columns one must be there.
        renamed: our names of columns to the table's, as the user says; ``""``: the column is not there.

    Raises:
        UserError: a required column is missing, a column stands twice, a row is too short or too long, there is no
            row, or the file is not text.
    """
    rows = 0
    try:
        for row in (_json_rows if path.suffix.lower() in JSON else _csv_rows)(path, required, renamed):
            rows += 1
            yield row
    except csv.Error:
        raise UserError(f"{path.name} cannot be read as a table after row {rows + 1}") from None
    if not rows:
        raise UserError(f"{path.name} has no rows: it needs one for each recording")


def header_of(path: Path, renamed: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """The names of the columns; of JSON the keys of the first object. Empty for what is no table."""
    try:
        with path.open("rb") as file:
            text = decoded(file.read(_HEADER), path.name)
        if path.suffix.lower() in JSON:
            if path.suffix.lower() == ".json" and not text.lstrip().startswith("["):
                return []  # about one recording, or about the whole set
            values, _ = json.JSONDecoder().raw_decode(text.lstrip().removeprefix("[").lstrip())
            return list(values) if isinstance(values, dict) else []
        lines, delimiter = _told_delimiter(text.splitlines(), renamed)
        first = next((line for line in lines if line.strip()), "")
        return next(csv.reader([first], delimiter=delimiter or _delimiter(first)), [])
    except (UserError, ValueError, csv.Error, OSError):
        return []


def chosen(
    names: Sequence[str],
    table: str,
    required: Sequence[Sequence[str]],
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Our name of a column to the table's.

    Raises:
        UserError: a required column is missing, one that is used stands twice, or the user names one that is not there.
    """
    found: dict[str, str] = {}
    counts = Counter(names)
    for column, own in _candidates(names, table, renamed):
        if counts[own] > 1:
            raise UserError(f"{table}: column named more than once: {own}; keep one of each")
        found[column] = own
    missing = [group for group in required if not any(column in found for column in group)]
    if missing:
        known = "; ".join(f"{group[0]} (or {', '.join(NAMES[group[0]][1:4])})" for group in missing)
        free = iter([name for name in names if name and name not in found.values()])
        example = ", ".join(f"{group[0]}: {next(free, 'NAME')}" for group in missing)
        raise UserError(
            f"{table}: missing column: {known}; it has {', '.join(names[:8]) or 'none'}"
            f"{', …' if len(names) > 8 else ''}: if one is meant, --set modality.cohort.columns='{{{example}}}'"
        )
    return found


def _candidates(names: Sequence[str], table: str, renamed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    lowered = {spelt(name): name for name in reversed(names)}
    for column in renamed:
        if column not in NAMES:
            raise UserError(f"modality.cohort.columns: no column {column}: choose from {', '.join(NAMES)}")
    for column, known in NAMES.items():
        told = renamed.get(column)
        if told and spelt(told) not in lowered:
            raise UserError(f"{table} has no column {told} (modality.cohort.columns): it has {', '.join(names)}")
        own = lowered.get(spelt(told)) if told else next((lowered[n] for n in known if n in lowered), None)
        if own is not None and told != "" and (told or own not in renamed.values()):
            yield column, own


def _delimiter(line: str) -> str:
    """The commonest of the usual ones in the header; a comma where there is but one column."""
    return max(",\t;|", key=line.count)


def titles_above(path: Path, renamed: Mapping[str, str]) -> int:
    """How many lines of a title stand above the header. Raises UserError for what is no text."""
    if path.suffix.lower() in JSON:
        return 0
    return _titles(_above(text_of(path).splitlines()[:_TOP])[0], renamed)


def _titles(lines: Sequence[str], renamed: Mapping[str, str]) -> int:
    """How many lines stand above the first that names files and people; 0 where none does."""
    heads = (next(csv.reader([line], delimiter=_delimiter(line)), []) for line in lines[:_TOP])
    return next((at for at, names in enumerate(heads) if _is_header([spelt(n.strip()) for n in names], renamed)), 0)


def _is_header(names: Sequence[str], renamed: Mapping[str, str]) -> bool:
    known = ({spelt(renamed.get(c) or "")} | set(NAMES[c]) for c in (*_FILES, *_PEOPLE))
    files, *people = ({name for name in names if name} & own for own in known)
    return bool(files) and any(people)


def _told_delimiter(lines: list[str], renamed: Mapping[str, str]) -> tuple[list[str], str]:
    """The same without a title above the header."""
    lines, delimiter = _above(lines)
    return lines if delimiter else lines[_titles(lines, renamed) :], delimiter


def _above(lines: list[str]) -> tuple[list[str], str]:
    """The lines from the header on, and the separator that a spreadsheet told above it ("sep=;"), or ``""``."""
    delimiter = ""
    while lines and (lines[0].startswith("#") or lines[0].lower().startswith("sep=") or not lines[0].strip()):
        if lines[0].lower().startswith("sep="):
            delimiter = lines[0][4:5]
        lines = lines[1:]
    return lines, delimiter


def _csv_rows(path: Path, required: Sequence[Sequence[str]], renamed: Mapping[str, str]) -> Iterator[TableRow]:
    csv.field_size_limit(_FIELD_LIMIT)
    every = io.StringIO(text_of(path), newline="").readlines()
    lines, delimiter = _told_delimiter(every, renamed)
    reader = csv.reader(lines, delimiter=delimiter or _delimiter(lines[0] if lines else ""))
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise UserError(f"{path.name} is empty: it needs a header with the columns file_name, speaker_id")
    columns = {column: names.index(name) for column, name in chosen(names, path.name, required, renamed).items()}
    for number, cells in enumerate(reader, start=2 + len(every) - len(lines)):
        if any(cell.strip() for cell in cells):
            wide_enough(f"{path.name}, row {number}", cells, max(columns.values()) + 1, len(names))
            yield TableRow(f"{path.name}, row {number}", {column: cells[i].strip() for column, i in columns.items()})


def _json_rows(path: Path, required: Sequence[Sequence[str]], renamed: Mapping[str, str]) -> Iterator[TableRow]:
    for where, values in _objects(path):
        if not isinstance(values, dict):
            raise UserError(f"{where}: must be an object with the keys file_name, speaker_id")
        columns = chosen(list(values), where, required, renamed)
        yield TableRow(where, {column: _cell(values[name]) for column, name in columns.items()})


def _objects(path: Path) -> Iterator[tuple[str, object]]:
    """The lines of JSON lines, or the items of one array. Raises UserError for what is not JSON."""
    text = text_of(path)
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except ValueError as error:
            line = getattr(error, "lineno", 1)
            raise UserError(f"{path.name}, line {line}: not valid JSON") from None
        yield from ((f"{path.name}, item {number}", item) for number, item in enumerate(items, start=1))
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            where = f"{path.name}, line {number}"
            try:
                yield where, json.loads(line)
            except json.JSONDecodeError:
                raise UserError(f"{where}: not valid JSON") from None


def _cell(value: object) -> str:
    """A number as it is written; a file of ``datasets`` by its path."""
    if isinstance(value, dict):
        value = value.get("path")
    return "" if value is None else str(value).strip()
