"""CSV tables as data holders write them: byte order marks, gzip, a header with a comma too many, blank lines."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, wide_enough


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def header(path: Path) -> tuple[str, ...]:
    """The column names, stripped; empty where the file is no readable table."""
    try:
        with _open(path) as file:
            return tuple(name.strip() for name in next(csv.reader(file), []))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error):
        return ()


def _wanted(names: Sequence[str], table: str, required: Sequence[str], optional: Sequence[str]) -> dict[str, int]:
    repeated = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if repeated:
        raise UserError(f"{table}: column named more than once: {', '.join(repeated)}; keep one of each")
    missing = [name for name in required if name not in names]
    if missing:
        hint = "; it must be separated by commas, not semicolons" if len(names) == 1 and ";" in names[0] else ""
        raise UserError(f"{table}: missing column: {', '.join(missing)}{hint}")
    return {name: names.index(name) for name in (*required, *optional) if name in names}


def read_rows(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[TableRow]:
    """The rows of a table, one at a time, with the required columns and those of the optional ones that it has.

    Raises:
        UserError: a required column is missing, a column stands twice, a row is too short or too long, there is no
            row, or the file is not text.
    """
    number = 1
    try:
        with _open(path) as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            if not any(names):
                raise UserError(f"{path.name} is empty: it needs a header with the columns {', '.join(required)}")
            wanted = _wanted(names, path.name, required, optional)
            # The header of Data_Entry_2017.csv ends in a comma that its rows lack.
            shortest = max(i for i, name in enumerate(names) if name) + 1
            rows = 0
            for number, cells in enumerate(reader, start=2):
                if not any(cell.strip() for cell in cells):
                    continue
                wide_enough(f"{path.name}, row {number}", cells, shortest, len(names))
                rows += 1
                yield TableRow(f"{path.name}, row {number}", {name: cells[i].strip() for name, i in wanted.items()})
            if not rows:
                raise UserError(f"{path.name} has a header but no rows")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 text: save it as CSV in UTF-8") from error
    except (csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise UserError(f"{path.name} cannot be read as CSV after row {number}") from error
