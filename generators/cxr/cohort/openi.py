"""Open-i's chest radiographs of Indiana University: ``indiana_reports.csv`` and ``indiana_projections.csv``.

Demner-Fushman et al., JAMIA 2016. Every report is of another patient; its number is the column uid. Problems are MeSH
terms, or ``normal``; ``No Indexing`` says nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import (
    ByName,
    LeftOutError,
    RowError,
    Rows,
    TableRow,
    counted,
    files_below,
    in_order,
)
from synthgen.generators.cxr.cohort import cells, labels, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "indiana_reports.csv and indiana_projections.csv"
LICENCE: Final = "Open-i, Indiana University chest X-rays: CC BY-NC-ND 4.0"
_REPORTS: Final = "indiana_reports.csv"
_IMAGES: Final = "indiana_projections.csv"
_NOTHING: Final = frozenset({"no indexing"})


def recognises(data: Path) -> bool:
    """True where the folder holds both tables."""
    return (data / _REPORTS).is_file() and (data / _IMAGES).is_file()


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for tables that are not as Open-i's."""
    if not recognises(data):
        raise UserError(f"the Open-i layout needs {LOOKED_FOR} in {data}")
    rows = Rows(config.unknown, progress.say)
    reports = list(tables.read_rows(data / _REPORTS, ("uid", "Problems"), (), rows))
    told = [row for row in reports if not _silent(row["Problems"])]
    findings = {_number(row["uid"]): found for row, found in zip(told, _findings(rows, told, config), strict=True)}
    images = ByName({path.name: path for path in files_below(data, SUFFIXES)}, SUFFIXES)
    entries: list[Entry] = []
    for row in tables.read_rows(data / _IMAGES, ("uid", "filename", "projection"), (), rows):
        with rows.reading():
            entries.append(_entry(row, data, images, findings, rows))
    return Listing("openi", LICENCE, in_order(entries), counted(rows.left_out()), pixels.measure, pixels.decode)


def _number(uid: str) -> str:
    """Numbers become floats where a column had a gap when it was last saved."""
    return uid.removesuffix(".0")


def _silent(problems: str) -> bool:
    return cells.blank(problems) or cells.plain_words(problems) in _NOTHING


def _findings(rows: Rows, told: list[TableRow], config: CohortConfig) -> list[tuple[str, ...] | None]:
    """MeSH terms hold commas of their own ("Catheters, Indwelling"): semicolons alone separate."""
    listed = [TableRow(row.where, {"Problems": "|".join(row["Problems"].split(";"))}) for row in told]
    return labels.of_cells(rows, listed, "Problems", config.uncertain, commas=False)


def _entry(row: TableRow, data: Path, images: ByName, findings: dict[str, tuple[str, ...] | None], rows: Rows) -> Entry:
    patient, name = _number(row["uid"]), row["filename"]
    if cells.blank(patient) or cells.blank(name):
        raise RowError(f"{row.where}: uid and filename must not be empty", "row without patient or image")
    view = cells.view(row["projection"])
    if view is None or cells.blank(row["projection"]):
        raise LeftOutError(cells.other_view(row["projection"]))
    found = findings.get(patient)
    if found is None:
        raise LeftOutError("report without problems that are indexed")
    file = images.take(name, rows) or data / "images" / Path(name).name
    return Entry(patient, name, CxrCondition(found, view), file, row.where)
