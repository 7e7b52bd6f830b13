"""CheXpert: ``train.csv`` and ``valid.csv``, with paths below ``CheXpert-v1.0*/``. Irvin et al., AAAI 2019.

The full-size download has its images in three folders of batches, ``CheXpert-v1.0 batch 2 (train 1)`` to ``batch 4
(train 3)``, and the tables and ``valid`` in ``batch 1 (validate & csv)``: all of them are looked through.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import Finder, LeftOutError, RowError, Rows, TableRow, counted, in_order
from synthgen.generators.cxr.cohort import cells, labeler, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "train.csv or valid.csv with a column Path"
LICENCE: Final = "Stanford University Dataset Research Use Agreement (CheXpert)"
_TABLES: Final = ("train.csv", "valid.csv", "test.csv")
_REQUIRED: Final = ("Path", *labeler.COLUMNS)
_OPTIONAL: Final = ("Frontal/Lateral", "Sex", "Age", "AP/PA")
_MARKS: Final = ("Path", "Frontal/Lateral", "Enlarged Cardiomediastinum")
_PATIENT: Final = re.compile(r"patient\d+")
_SPLITS: Final = frozenset({"train", "valid", "test"})


def folders_in(data: Path) -> list[Path]:
    """The folder itself and the batches of the full-size download in it."""
    return [data, *sorted(path for path in data.iterdir() if "batch" in path.name.lower() and path.is_dir())]


def tables_in(data: Path) -> list[Path]:
    """The tables of this layout: by name, with at least two of the columns that only CheXpert has."""
    named = [folder / name for folder in folders_in(data) for name in _TABLES if (folder / name).is_file()]
    return [table for table in named if sum(tables.has_columns(table, mark) for mark in _MARKS) >= 2]


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for tables that are not as CheXpert's."""
    found = tables_in(data)
    if not found:
        raise UserError(f"the CheXpert layout needs {LOOKED_FOR} in {data}")
    rows = Rows(config.unknown, progress.say)
    images = _Images(data, rows)
    entries: list[Entry] = []
    for table in found:
        for row in tables.read_rows(table, _REQUIRED, _OPTIONAL, rows):
            with rows.reading():
                entries.append(_entry(row, images, config, rows))
    return Listing("chexpert", LICENCE, in_order(entries), counted(rows.left_out()), pixels.measure, pixels.decode)


def _entry(row: TableRow, images: _Images, config: CohortConfig, rows: Rows) -> Entry:
    # The table names its images from the folder above, or from elsewhere: CheXpert-v1.0-small/train/patient00001/...
    parts = PurePosixPath(row["Path"].replace("\\", "/")).parts
    at = next((at for at, part in enumerate(parts) if _PATIENT.fullmatch(part)), None)
    if at is None or ".." in parts[at:]:
        raise RowError(
            f"{row.where}: the Path must be such as train/patient00001/study1/view1_frontal.jpg",
            "row with a path that names no patient",
        )
    patient, start = parts[at], at - 1 if parts[max(at - 1, 0)] in _SPLITS else at
    below = PurePosixPath(*parts[start:])
    if _lateral(row, below) or (view := cells.view(row["AP/PA"])) is None:  # LL and RL occur among the frontal ones
        raise LeftOutError("lateral view")
    condition = CxrCondition(
        labeler.findings(row, config.uncertain, config.findings),
        view,
        cells.sex(row["Sex"], row.where),
        cells.age(row["Age"], row.where, rows.note),
    )
    return Entry(patient, below.as_posix(), condition, images.find(below, patient), row.where)


def _lateral(row: TableRow, below: PurePosixPath) -> bool:
    """By the column, or in the table of the test set by the file's name."""
    match row["Frontal/Lateral"].lower() or below.stem.rpartition("_")[2].lower():
        case "frontal":
            return False
        case "lateral":
            return True
    raise RowError(
        f"{row.where}: the column Frontal/Lateral must hold Frontal or Lateral", "row without a view that can be read"
    )


class _Images:
    """Where the images lie: below the folder, or in a batch of it, whose folders of patients lie directly in it."""

    def __init__(self, data: Path, rows: Rows) -> None:
        self._rows = rows
        self._data = data
        self._finder = Finder(data, SUFFIXES)
        self._batches = folders_in(data)[1:]
        self._homes: dict[str, Path | None] = {}

    def find(self, below: PurePosixPath, patient: str) -> Path:
        if below.parts[0] in _SPLITS and (home := self._home(below.parts[0], patient)) is not None:
            return home / PurePosixPath(*below.parts[1:])
        return self._finder.find(self._data / below, self._rows)

    def _home(self, split: str, patient: str) -> Path | None:
        """The folder that holds the patient's folder, among the batches."""
        if not self._batches or (self._data / split / patient).is_dir():
            return None
        key = f"{split}/{patient}"
        if key not in self._homes:
            places = (place for batch in self._batches for place in (batch / split, batch))
            within = (place for place in places if place.name in _SPLITS or split == "train")
            self._homes[key] = next((place for place in within if (place / patient).is_dir()), None)
        return self._homes[key]
