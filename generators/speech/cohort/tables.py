"""Tables as data holders write them: CSV, TSV or JSON lines, with one of several names for a column."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, wide_enough

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "file_name": ("file_name", "filename", "file", "path", "audio", "audio_path", "wav"),
    "speaker_id": ("speaker_id", "speaker", "client_id", "patient_id", "patient", "spk_id", "speakerid"),
    "emotion": ("emotion", "emotion_label", "label"),
    "transcript": ("transcript", "transcription", "text", "sentence", "normalized_text"),
    "role": ("role",),
    "session": ("session", "session_id"),
    "licence": ("licence", "license"),
}
"""For each column the names under which it is recognised, in any case, the first preferred."""

_FIELD_LIMIT = 10 * 2**20


def read_rows(path: Path, required: Sequence[str]) -> Iterator[TableRow]:
    """The rows of a table with the columns of :data:`NAMES` that it has, one at a time.

    Raises:
        UserError: a required column is missing, a column stands twice, a row is too short or too long, there is no
            row, or the file is not text.
    """
    rows = 0
    try:
        for row in _json_rows(path, required) if path.suffix == ".jsonl" else _csv_rows(path, required):
            rows += 1
            yield row
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not UTF-8 text: save it in UTF-8") from None
    except csv.Error:
        raise UserError(f"{path.name} cannot be read as a table after row {rows + 1}") from None
    if not rows:
        raise UserError(f"{path.name} has no rows")


def chosen(names: Sequence[str], table: str, required: Sequence[str]) -> dict[str, str]:
    """Our name of a column to the table's.

    Raises:
        UserError: a required column is missing, or one that is used stands twice.
    """
    found: dict[str, str] = {}
    counts = Counter(names)
    for column, names_of_it in NAMES.items():
        for name in names_of_it:
            own = next((n for n in names if n.lower() == name), None)
            if own is not None:
                if counts[own] > 1:
                    raise UserError(f"{table}: column named more than once: {own}; keep one of each")
                found[column] = own
                break
    missing = [column for column in required if column not in found]
    if missing:
        hint = "; it must be separated by commas or tabs, not semicolons" if len(names) == 1 and ";" in names[0] else ""
        known = "; ".join(f"{column} (or {', '.join(NAMES[column][1:4])})" for column in missing)
        raise UserError(f"{table}: missing column: {known}{hint}")
    return found


def _csv_rows(path: Path, required: Sequence[str]) -> Iterator[TableRow]:
    csv.field_size_limit(_FIELD_LIMIT)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        names = [name.strip() for name in next(reader, [])]
        if not any(names):
            raise UserError(f"{path.name} is empty: it needs a header with the columns {', '.join(required)}")
        columns = {column: names.index(name) for column, name in chosen(names, path.name, required).items()}
        for number, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            wide_enough(f"{path.name}, row {number}", cells, max(columns.values()) + 1, len(names))
            yield TableRow(f"{path.name}, row {number}", {column: cells[i].strip() for column, i in columns.items()})


def _json_rows(path: Path, required: Sequence[str]) -> Iterator[TableRow]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path.name}, line {number}"
            try:
                values = json.loads(line)
            except json.JSONDecodeError:
                raise UserError(f"{where}: not valid JSON") from None
            if not isinstance(values, dict):
                raise UserError(f"{where}: must be an object with the keys {', '.join(required)}")
            columns = chosen(list(values), where, required)
            cells = {c: "" if values[name] is None else str(values[name]).strip() for c, name in columns.items()}
            yield TableRow(where, cells)
