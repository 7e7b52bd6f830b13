"""A plain folder: ``metadata.csv`` and PNG or JPEG files beside or below it, as an imagefolder of the hub is laid out.

Columns: file_name (relative to the table), patient_id, labels (separated by ``|``; ``No Finding`` for a normal image);
view (PA, AP), sex (F, M) and age (years) may be there, and may be empty. Splits of an imagefolder
(``train/metadata.csv``, ``test/metadata.csv``) are read as one cohort: the split here is by patient, and is made later.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, counted, files_below, in_order, inside, licence_of
from synthgen.generators.cxr.cohort import cells, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

TABLE: Final = "metadata.csv"
LOOKED_FOR: Final = "metadata.csv that names PNG or JPEG files"
REQUIRED: Final = ("file_name", "patient_id", "labels")
OPTIONAL: Final = ("view", "sex", "age")
_SPLITS: Final = ("train", "validation", "valid", "val", "test")
_OTHER_VIEWS: Final = frozenset({"L", "LL", "RL", "LAT", "LATERAL", "OBLIQUE"})


def tables_in(data: Path) -> list[Path]:
    """``metadata.csv`` in the folder, or else one in each of its splits."""
    candidates = [data / TABLE] if (data / TABLE).is_file() else []
    for root in () if candidates else (data, data / "data"):
        candidates += [root / split / TABLE for split in _SPLITS if (root / split / TABLE).is_file()]
    return candidates


def recognises(data: Path) -> bool:
    """True where the folder holds such a table. One that names DICOM files belongs to a tree of DICOM files."""
    return bool(tables_in(data)) and not any(names_dicom(table) for table in tables_in(data))


def names_dicom(table: Path) -> bool:
    """True where the table's first row names something else than a picture, as far as can be seen."""
    if "file_name" not in tables.header(table):
        return False
    try:
        first = next(iter(tables.read_rows(table, ("file_name",))))["file_name"]
    except UserError:
        return False  # reading it properly will tell the user
    return PurePosixPath(first).suffix.lower() in {"", ".dcm", ".dicom", ".dic"} and bool(first)


def file_of(row: TableRow, folder: Path) -> Path:
    """The file below the folder that the row names. Raises UserError for none, or one that leads outside."""
    name = row["file_name"]
    return inside(folder, "" if cells.blank(name) else name, row.where)


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the images. Raises UserError for a table that is not as described above."""
    found = tables_in(data)
    if not found:
        raise UserError(f"the plain layout needs {TABLE} in {data}, with the columns {', '.join(REQUIRED)}")
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    named: set[Path] = set()
    for table in found:
        for row in tables.read_rows(table, REQUIRED, OPTIONAL):
            file = file_of(row, table.parent)
            if row["view"].upper() in _OTHER_VIEWS:
                skipped["lateral or oblique view"] += 1
                named.add(file)
                continue
            view = cells.view(row["view"])
            if view is None:
                raise UserError(f"{row.where}: the view must be PA, AP, LATERAL, or empty where it is unknown")
            if cells.blank(row["patient_id"]):
                raise UserError(f"{row.where}: the patient_id is empty; records are split by patient")
            condition = CxrCondition(
                findings=cells.findings(row["labels"].split("|"), row.where),
                view=view,
                sex=cells.sex(row["sex"], row.where),
                age=cells.age(row["age"], row.where),
            )
            record = file.relative_to(data).as_posix()
            entries.append(Entry(row["patient_id"], record, condition, file, row.where))
            named.add(file)
    pictures = {path for table in found for path in files_below(table.parent, SUFFIXES)}
    if pictures - named:
        skipped["image without a row in the table"] = len(pictures - named)
    return Listing("plain", licence_of(data), in_order(entries), counted(skipped), pixels.measure, pixels.decode)
