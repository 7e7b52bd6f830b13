"""BRAX: ``master_spreadsheet*.csv`` with the columns of the CheXpert labeler, and PNG files below ``images``.

Reis et al., BRAX, Scientific Data 2022. Ages above 85 are written as ``85 or more``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import Finder, LeftOutError, RowError, Rows, TableRow, counted, in_order, inside
from synthgen.generators.cxr.cohort import cells, labeler, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "master_spreadsheet*.csv with a column PngPath"
LICENCE: Final = "PhysioNet Credentialed Health Data License 1.5.0 (BRAX)"
_REQUIRED: Final = ("PngPath", "PatientID", *labeler.COLUMNS)
_OPTIONAL: Final = ("PatientSex", "PatientAge", "ViewPosition", "AccessionNumber")


def tables_in(data: Path) -> list[Path]:
    """The tables of this layout, the one that was mended since ("update") last."""
    named = (path for path in tables.tables_below(data) if path.name.lower().startswith("master_spreadsheet"))
    fitting = [path for path in named if tables.has_columns(path, *_REQUIRED[:2])]
    return sorted(fitting, key=lambda path: len(path.name))


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for a table that is not as BRAX's."""
    found = tables_in(data)
    if not found:
        raise UserError(f"the BRAX layout needs {LOOKED_FOR} in {data}")
    if len(found) > 1:
        progress.say(f"of the tables {', '.join(path.name for path in found)}, {found[-1].name} is read")
    rows = Rows(config.unknown, progress.say)
    finder = Finder(data, SUFFIXES)
    entries: list[Entry] = []
    for row in tables.read_rows(found[-1], _REQUIRED, _OPTIONAL, rows):
        with rows.reading():
            entries.append(_entry(row, data, finder, config, rows))
    return Listing("brax", LICENCE, in_order(entries), counted(rows.left_out()), pixels.measure, pixels.decode)


def _entry(row: TableRow, data: Path, finder: Finder, config: CohortConfig, rows: Rows) -> Entry:
    if cells.blank(row["PatientID"]):
        raise RowError(f"{row.where}: the PatientID must not be empty", "row without a patient")
    view = cells.view(row["ViewPosition"])
    if view is None:
        raise LeftOutError(cells.other_view(row["ViewPosition"]))
    if cells.blank(row["ViewPosition"]):
        raise LeftOutError("no view is given")  # laterals are among them
    condition = CxrCondition(
        labeler.findings(row, config.uncertain, config.findings),
        view,
        cells.sex(row["PatientSex"], row.where),
        cells.age(row["PatientAge"], row.where, rows.note),
    )
    file = finder.find(inside(data, row["PngPath"], row.where), rows)
    record = file.relative_to(data).as_posix()
    return Entry(row["PatientID"], record, condition, file, row.where, row["AccessionNumber"])
