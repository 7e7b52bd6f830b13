"""Rows of JSON lines, JSON arrays, CSV, Parquet and Arrow files, one at a time."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.columns import listed, plain
from synthgen.generators.dialogue.cohort.raw import RawRow, Reading
from synthgen.generators.dialogue.cohort.text import DamagedError, lines, whole

_LONGEST_CELL: Final = 1 << 28
_BATCH: Final = 64
_TOP: Final = 20
"""Lines in which a header is looked for."""
_EXCEL: Final = re.compile(r"^\s*\"?sep=(.)\"?\s*$", re.IGNORECASE)


def json_rows(path: Path, reading: Reading) -> Iterator[RawRow]:
    """JSON lines; or one JSON array, or objects one after another, each over several lines.

    Raises:
        UserError: a line is not JSON or no object; it is named by its number.
    """
    for number, line in lines(path, reading.progress):
        if not line.strip():
            continue
        if line.lstrip().startswith("["):
            yield from _values(path, reading)
            return
        try:
            row = _parsed(line)
        except ValueError:
            if (number == 1 and path.name.lower().removesuffix(".gz").endswith(".json")) or line.strip() == "{":
                yield from _values(path, reading)
                return
            if reading.config.damaged == "skip":
                reading.tally.skipped["line that is not valid JSON"] += 1
                continue
            raise DamagedError(f"{path.name}, line {number} is not valid JSON: repair or remove it") from None
        yield f"{path.name}, line {number}", _object(row, f"{path.name}, line {number}")


def _values(path: Path, reading: Reading) -> Iterator[RawRow]:
    """The items of one array, one object, or the objects that follow one another."""
    text = whole(path, reading.progress)
    try:
        values = _parsed(text)
    except ValueError as error:
        values = _one_after_another(text)
        if not values:
            line = getattr(error, "lineno", None)
            raise DamagedError(f"{path.name} is not valid JSON{f' (line {line})' if line else ''}") from None
    for number, row in enumerate(values if isinstance(values, list) else [values], start=1):
        where = f"{path.name}, item {number}"
        yield where, _object(row, where)


def _one_after_another(text: str) -> list[Any]:
    """JSON values without a list about them; empty where they are not all whole."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        found.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip(" \t\r\n,"))
    return found if all(isinstance(value, dict) for value in found) else []


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(row: Any, where: str) -> dict[str, Any]:
    if isinstance(row, list) and row and all(isinstance(item, dict) for item in row):
        return {"turns": row}
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be a JSON object with turns, messages or conversations")
    return row


# --- Tables of text --------------------------------------------------------------------------------------------------


def csv_rows(path: Path, reading: Reading) -> Iterator[RawRow]:
    """CSV or TSV with a header; column names in any case. Comma, semicolon, tab or bar, as the header shows.

    Raises:
        UserError: there is no header, a column stands twice, a row is longer than the header, or a quotation mark that
            is not closed swallows rows.
    """
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from _csv_rows(path, reading)
    finally:
        csv.field_size_limit(before)


def _csv_rows(path: Path, reading: Reading) -> Iterator[RawRow]:
    numbered = list(lines(path, reading.progress))
    names, delimiter, first = _header([line for _, line in numbered[:_TOP]], reading)
    _check_header(path, names)
    body = numbered[first:]
    if delimiter == "\t" and _unquoted(body, len(names)):
        cells: Iterator[tuple[int, list[str]]] = (
            (number, [_bare(cell) for cell in line.rstrip("\r\n").split("\t")]) for number, line in body
        )
    else:
        cells = _quoted(path, body, delimiter, names, reading)
    for number, row in cells:
        if [cell.strip().lower() for cell in row] == names:
            reading.notice("rows repeat the header and are left out")
        elif any(cell.strip() for cell in row):
            where = f"{path.name}, line {number}"
            _check_width(where, row, names)
            yield where, dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=False))


def header(path: Path, reading: Reading) -> list[str]:
    """The names of the columns alone. Raises UserError where the file cannot be read."""
    found = (line for _, line in lines(path, reading.progress))
    return _header(list(islice(found, _TOP)), reading.quietly())[0]


def _header(top: Sequence[str], reading: Reading) -> tuple[list[str], str, int]:
    """The names of the columns, what separates them, and how many lines they and what is above them take."""
    first = next((at for at, line in enumerate(top) if line.strip()), 0)
    named = _EXCEL.match(top[first]) if top else None
    first += named is not None
    titles = 0 if named else _titles(top[first:], reading)
    reading.notice("lines above the header of a table are left out", titles)
    names, delimiter = _cells(top[first + titles] if first < len(top) else "", named[1] if named else "")
    return names, delimiter, first + titles + 1


def _cells(head: str, delimiter: str = "") -> tuple[list[str], str]:
    delimiter = delimiter or max("\t;,|", key=head.count)
    return [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])], delimiter


def _titles(top: Sequence[str], reading: Reading) -> int:
    """How many lines stand above the first that names a speaker and a text; 0 where none does."""
    found = (at for at, line in enumerate(top) if _names_turns(_cells(line)[0], reading))
    return next(found, 0)


def _names_turns(names: Sequence[str], reading: Reading) -> bool:
    row = dict.fromkeys(names)
    speaker, text = reading.columns.key(row, "speaker"), reading.columns.key(row, "text")
    return bool(speaker and text and speaker != text)


def _check_header(path: Path, names: Sequence[str]) -> None:
    if not any(names):
        raise DamagedError(f"{path.name} is empty: it needs a header with dialogue_id, speaker, text")
    counts = Counter(plain(name) for name in names if plain(name))
    if counts and max(counts.values()) > 1:
        raise UserError(f"{path.name}: a column of the header stands twice; keep one of each")


def _check_width(where: str, row: Sequence[str], names: Sequence[str]) -> None:
    if any(cell.strip() for cell in row[len(names) :]):
        raise UserError(
            f"{where}: {len(row)} cells under {len(names)} columns; a text with a comma in it must stand in "
            "double quotes"
        )


def _unquoted(body: Sequence[tuple[int, str]], columns: int) -> bool:
    """True for a table in which every line is a row, so that a quotation mark is a character like any other."""
    return all(line.rstrip("\r\n").count("\t") == columns - 1 for _, line in body if line.strip())


def _bare(cell: str) -> str:
    """A cell that was quoted all the same, without its quotes."""
    inner = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else cell


def _quoted(
    path: Path, body: Sequence[tuple[int, str]], delimiter: str, names: Sequence[str], reading: Reading
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((line for _, line in body), delimiter=delimiter, strict=True)
    offset = body[0][0] if body else 0
    begins = offset
    try:
        for row in reader:
            swallowed = next((cell for cell in row if _is_rows(cell, delimiter, names, reading)), None)
            if swallowed is not None:
                raise DamagedError(
                    f"{path.name}, line {begins}: a quotation mark is not closed, and the rows below it would become "
                    "part of its cell; double the mark, and put the cell in double quotes"
                )
            yield begins, row
            begins = reader.line_num + offset
    except csv.Error:
        raise DamagedError(
            f"{path.name} cannot be read as CSV after line {begins}: a quotation mark within a cell must be doubled, "
            f"and the cell stand in double quotes (columns: {listed(names)})"
        ) from None


def _is_rows(cell: str, delimiter: str, names: Sequence[str], reading: Reading) -> bool:
    """True for a cell in which a further line is a row of the table: as many cells, a speaker where one stands."""
    rest = [line.split(delimiter) for line in cell.split("\n")[1:]]
    rest = [cells for cells in rest if len(cells) >= len(names) > 1]
    speaker = reading.columns.key(dict.fromkeys(names), "speaker")
    if not speaker:
        return delimiter == "\t" and bool(rest)
    at = list(names).index(speaker)
    return any(delimiter == "\t" or reading.knows(cells[at].strip()) for cells in rest)


# --- Columnar files --------------------------------------------------------------------------------------------------


def parquet_rows(path: Path, reading: Reading) -> Iterator[RawRow]:
    """Rows of a Parquet file. Raises UserError where it is none."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from _numbered(path, file.iter_batches(batch_size=_BATCH))
    except (pa.ArrowException, OSError):
        raise DamagedError(f"{path.name} is not a readable Parquet file") from None


def arrow_rows(path: Path, reading: Reading) -> Iterator[RawRow]:
    """Rows of a ``data-….arrow`` file, as ``datasets.Dataset.save_to_disk`` writes it. Raises UserError."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
            yield from _numbered(path, stream)
    except (pa.ArrowException, OSError):
        raise DamagedError(f"{path.name} is not a readable Arrow file of a datasets folder") from None


def _numbered(path: Path, batches: Any) -> Iterator[RawRow]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield f"{path.name}, row {number}", row
