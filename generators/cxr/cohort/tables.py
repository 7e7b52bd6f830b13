"""Tables as data holders write them: gzip, encodings, separators, headers in any spelling, comments and blank lines.

A table is text whose columns are separated by commas, semicolons, tabs or bars, in UTF-8 or UTF-16, or else in
Windows-1252, which is said. Column names are compared by letters and digits alone: ``Patient ID`` is ``patient_id``.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import BinaryIO, Final, cast

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import RowError, Rows, TableRow, wide_enough
from synthgen.wordlists import Phrases, word_lists

_SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Text of another encoding that is read as Windows-1252: signs within or at the beginning of words, capitals within
# them, three letters or signs in a row that are not ASCII.
_FOREIGN: Final = re.compile(
    r"[^\W\d_][\x80-\xa9\xab-\xb6\xb8\xb9\xbb-\xbfƒˆ˜‘‚-…‰‹›€™][^\W\d_]"
    r"|(?<!\w)[¤¦¨¬¯¶¸ƒˆ˜†‡…‰™][^\W\d_]|[a-z][ŠŽŸ]|[^\x00-\x7f\s–-”]{3,}"
)
_TOLD: Final = re.compile(rf'\ufeff?"?sep=([{"".join(_SEPARATORS)}])"?,*\s*$', re.IGNORECASE)
"""The line by which Excel is told the separator."""
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class _Form:
    """How a table is written.

    Attributes:
        before: lines before the header: blank ones, comments, Excel's ``sep=;``.
        wrapped: each line stands in double quotes as a whole, those within doubled.
    """

    encoding: str
    separator: str
    before: int
    wrapped: bool = False


@cache
def aliases() -> Mapping[str, tuple[str, ...]]:
    """Other names of columns by the name that they are read as, as in ``columns.yaml``."""
    named = word_lists(__package__, "columns", dict[str, Phrases])
    return {column: tuple(column_key(name) for name in names) for column, names in named.items()}


def column_key(name: str) -> str:
    """What a column's name is compared by: its letters and digits, without case and accents.

    >>> column_key("Patient ID") == column_key("patient_id") == column_key("PatientID")
    True
    """
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())


def tables_below(data: Path, *suffixes: str) -> list[Path]:
    """CSV files that lie directly in the folder, gzipped or not, whatever the case of their ending; sorted."""
    wanted = suffixes or (".csv", ".csv.gz", ".tsv")
    return sorted(path for path in data.iterdir() if path.name.lower().endswith(wanted) and path.is_file())


def header(path: Path) -> tuple[str, ...]:
    """The column names, stripped; empty where the file is no readable table."""
    try:
        with _reader(path, _form(path)) as rows:
            return _names(next(rows, []))
    except (OSError, EOFError, UnicodeError, csv.Error, UserError):
        return ()


def has_columns(path: Path, *columns: str) -> bool:
    """True where the table has all these columns, however they are spelt."""
    return {column_key(column) for column in columns} <= {column_key(name) for name in header(path)}


def read_rows(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    rows: Rows | None = None,
    also: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[TableRow]:
    """The rows of a table, one at a time, with the required columns and those of the optional ones that it has.

    Args:
        rows: takes rows of the wrong width, and what must be told; where it is None such a row is an error.
        also: other names under which a column may be found, by :func:`column_key`; told when one is used.

    Raises:
        UserError: a required column is missing, a column that is read stands twice, there is no row, the file is no
            text, or (where ``rows`` is None) a row is too short or too long.
    """
    try:
        form = _form(path)
        with _reader(path, form) as lines:
            names = _names(next(lines, []))
            if not any(names):
                raise UserError(f"{path.name} is empty: it needs a header with the columns {', '.join(required)}")
            wanted = _wanted(names, path.name, required, optional, also or {}, rows)
            if form.encoding == "cp1252" and rows is not None:
                rows.say(f"{path.name} is not UTF-8 and is read as Windows-1252; where letters are wrong, save it anew")
            yield from _rows(path, lines, names, wanted, _SEPARATORS[form.separator], rows)
    except UnicodeError as error:
        raise UserError(f"{path.name} is not text in UTF-8: save it as CSV in UTF-8") from error
    except (csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path.name} cannot be read as CSV: it is cut short, or a double quote in it is not closed"
        ) from error


def _rows(
    path: Path,
    lines: Iterator[list[str]],
    names: Sequence[str],
    wanted: Mapping[str, int],
    separator: str,
    rows: Rows | None,
) -> Iterator[TableRow]:
    # The header of Data_Entry_2017.csv ends in a comma that its rows lack.
    shortest = max(i for i, name in enumerate(names) if name) + 1
    found = 0
    for number, cells in enumerate(lines, start=2):
        filled = [cell for cell in cells if cell.strip()]
        if not filled or (len(filled) == 1 and filled[0].lstrip().startswith("#")):
            continue
        found += 1
        where = f"{path.name}, row {number}"
        try:
            wide_enough(where, cells, shortest, len(names), separator)
        except RowError as error:
            if rows is None:
                raise
            rows.add(error)
            continue
        yield TableRow(where, {name: _cell(cells[i]) for name, i in wanted.items()})
    if not found:
        raise UserError(f"{path.name} has a header but no rows")


def _cell(written: str) -> str:
    """The stripped cell, without the formula by which a spreadsheet keeps a number as text: ``="007"``."""
    cell = written.strip()
    return cell[2:-1].strip() if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell


def _wanted(
    names: Sequence[str],
    table: str,
    required: Sequence[str],
    optional: Sequence[str],
    also: Mapping[str, Sequence[str]],
    rows: Rows | None,
) -> dict[str, int]:
    """Where each column stands. Raises UserError for one that is missing, or may be two."""
    keys = [column_key(name) if name else "" for name in names]
    places: dict[str, int] = {}
    for column in (*required, *optional):
        found = [at for at, key in enumerate(keys) if key == column_key(column)]
        if not found and (found := [at for at, key in enumerate(keys) if key in also.get(column, ())]) and rows:
            rows.say(f'{table}: the column "{names[found[0]]}" is read as {column}')
        if len(found) > 1:
            both = ", ".join(dict.fromkeys(names[at] for at in found))
            raise UserError(f"{table}: column named more than once: {both} (read as {column}); keep one of them")
        if found:
            places[column] = found[0]
    if missing := [column for column in required if column not in places]:
        has = ", ".join(name for name in names if name)[:200]
        one = "the one column" if len(names) == 1 else "the columns"
        raise UserError(f"{table}: missing column: {', '.join(missing)}; it has {one} {has}")
    return places


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in cells)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"  # whatever its name says: browsers unpack and keep the ".gz"
        file.seek(0)
        if not zipped:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield cast(BinaryIO, unpacked)


@contextmanager
def _reader(path: Path, form: _Form) -> Iterator[Iterator[list[str]]]:
    with _opened(path) as file, io.TextIOWrapper(file, form.encoding, newline="") as text:
        for _ in range(form.before):
            next(text)
        lines = map(_unwrapped, text) if form.wrapped else text
        yield csv.reader(lines, delimiter=form.separator, skipinitialspace=form.separator != "\t", strict=True)


def _form(path: Path) -> _Form:
    status = path.stat()
    return _form_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _form_of(path: Path, size: int, time: int) -> _Form:
    encoding = _encoding(path)
    with _opened(path) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        for before, line in enumerate(text):
            if told := _TOLD.match(line):
                return _Form(encoding, told[1], before + 1)
            said = line.strip().lstrip("\ufeff")
            if said and not said.startswith("#"):
                inner = _unwrapped(line)
                return _Form(encoding, _separator(inner), before, wrapped=inner != line)
    return _Form(encoding, ",", 0)


def _unwrapped(line: str) -> str:
    """The line without double quotes about the whole of it, as where a table was taken for one column of text."""
    bare = line.strip(" \t\r\n\ufeff").rstrip(";,\t")
    inner = bare[1:-1].replace('""', "")
    if len(bare) > 2 and bare[0] == bare[-1] == '"' and '"' not in inner and any(map(inner.__contains__, _SEPARATORS)):
        return bare[1:-1].replace('""', '"') + "\n"
    return line


def _separator(line: str) -> str:
    """The commonest separator outside quotes; the header holds names, in which others are rare."""
    unquoted = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=unquoted.count)


def _encoding(path: Path) -> str:
    """UTF-8 where all of the file is; UTF-16 where a mark or zeros tell; Windows-1252 otherwise.

    Raises:
        UserError: the file is a workbook, or no text.
    """
    with _opened(path) as file:
        start = file.read(_BLOCK)
        if start.startswith(_WORKBOOKS):
            raise UserError(
                f"{path.name} is a workbook of a spreadsheet, whatever its name says: "
                "save it as CSV (UTF-8) under the same name"
            )
        if marked := next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None):
            return marked
        if b"\0" in start[:4096]:
            odd, even = start[1:4096:2].count(0), start[:4096:2].count(0)
            if max(odd, even) * 2 < len(start[:4096]) * 0.8:
                raise UserError(f"{path.name} is not text: save it as CSV in UTF-8")
            return "utf-16-le" if odd > even else "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while start:
                decoder.decode(start)
                start = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _western(path)
    return "utf-8"


def _western(path: Path) -> str:
    """Windows-1252, where the text reads like one. Raises UserError for what is more likely of another encoding."""
    with _opened(path) as file:
        try:
            text = file.read().decode("cp1252")
        except UnicodeDecodeError:
            text = ""
    if not text or _FOREIGN.search(text):
        raise UserError(f"{path.name} is not UTF-8, and its encoding is not known: save it as CSV in UTF-8")
    return "cp1252"
