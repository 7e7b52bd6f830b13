"""Rows of JSON lines, JSON arrays, CSV, Parquet and Arrow files, one at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.raw import RawRow
from synthgen.generators.dialogue.cohort.text import lines, whole
from synthgen.progress import Progress

_LONGEST_CELL: Final = 1 << 28
_BATCH: Final = 64


def json_rows(path: Path, progress: Progress) -> Iterator[RawRow]:
    """JSON lines; or one JSON array, or one object over several lines.

    Raises:
        UserError: a line is not JSON or no object; it is named by its number.
    """
    numbered = lines(path, progress)
    for number, line in numbered:
        if not line.strip():
            continue
        if line.lstrip().startswith("["):
            yield from _array(path, progress)
            return
        try:
            row = _parsed(line)
        except ValueError:
            if number == 1 and path.suffix.lower() == ".json":
                yield from _array(path, progress)
                return
            raise UserError(f"{path.name}, line {number} is not valid JSON: repair or remove it") from None
        yield f"{path.name}, line {number}", _object(row, f"{path.name}, line {number}")


def _array(path: Path, progress: Progress) -> Iterator[RawRow]:
    try:
        values = _parsed(whole(path, progress))
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise UserError(f"{path.name} is not valid JSON{f' (line {line})' if line else ''}") from None
    for number, row in enumerate(values if isinstance(values, list) else [values], start=1):
        where = f"{path.name}, item {number}"
        yield where, _object(row, where)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be a JSON object with turns, messages or conversations")
    return row


def csv_rows(path: Path, progress: Progress) -> Iterator[RawRow]:
    """CSV or TSV with a header; column names in any case. Comma, semicolon or tab, as the header shows.

    Raises:
        UserError: there is no header, a column stands twice, or a row is longer than the header.
    """
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from _csv_rows(path, progress)
    finally:
        csv.field_size_limit(before)


def _csv_rows(path: Path, progress: Progress) -> Iterator[RawRow]:
    numbered = lines(path, progress)
    head = next((line for _, line in numbered), "")
    delimiter = max("\t;,", key=head.count)
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
    if not any(names):
        raise UserError(f"{path.name} is empty: it needs a header with dialogue_id, speaker, text")
    if len({name for name in names if name}) < len([name for name in names if name]):
        raise UserError(f"{path.name}: a column of the header stands twice; keep one of each")
    reader = csv.reader((line for _, line in numbered), delimiter=delimiter)
    begins = 2
    try:
        for cells in reader:
            where = f"{path.name}, line {begins}"
            begins = reader.line_num + 2
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(names) :]):
                raise UserError(
                    f"{where}: {len(cells)} cells under {len(names)} columns; a text with a comma in it must stand in "
                    "double quotes"
                )
            yield where, dict(zip(names, [*cells, *[""] * (len(names) - len(cells))], strict=False))
    except csv.Error:
        raise UserError(f"{path.name} cannot be read as CSV after line {begins - 1}") from None


def parquet_rows(path: Path, progress: Progress) -> Iterator[RawRow]:
    """Rows of a Parquet file. Raises UserError where it is none."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from _numbered(path, file.iter_batches(batch_size=_BATCH))
    except (pa.ArrowException, OSError):
        raise UserError(f"{path.name} is not a readable Parquet file") from None


def arrow_rows(path: Path, progress: Progress) -> Iterator[RawRow]:
    """Rows of a ``data-….arrow`` file, as ``datasets.Dataset.save_to_disk`` writes it. Raises UserError."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
            yield from _numbered(path, stream)
    except (pa.ArrowException, OSError):
        raise UserError(f"{path.name} is not a readable Arrow file of a datasets folder") from None


def _numbered(path: Path, batches: Any) -> Iterator[RawRow]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield f"{path.name}, row {number}", row
