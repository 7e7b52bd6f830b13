"""CheXpert: ``train.csv`` and ``valid.csv``, with paths below ``CheXpert-v1.0*/``. Irvin et al., AAAI 2019."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, in_order
from synthgen.generators.cxr.cohort import cells, labeler, pixels, tables
from synthgen.generators.cxr.cohort.listing import Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "train.csv or valid.csv with a column Path"
LICENCE: Final = "Stanford University Dataset Research Use Agreement (CheXpert)"
_TABLES: Final = ("train.csv", "valid.csv", "test.csv")
_REQUIRED: Final = ("Path", "Frontal/Lateral", *labeler.COLUMNS)
_OPTIONAL: Final = ("Sex", "Age", "AP/PA")
_MARKS: Final = frozenset({"Path", "Frontal/Lateral", "Enlarged Cardiomediastinum"})
_PATIENT: Final = re.compile(r"patient\d+")


def tables_in(data: Path) -> list[Path]:
    """The tables of this layout: by name, with at least two of the columns that only CheXpert has."""
    return [data / name for name in _TABLES if len(_MARKS & set(tables.header(data / name))) >= 2]


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for tables that are not as CheXpert's."""
    found = tables_in(data)
    if not found:
        raise UserError(f"the CheXpert layout needs {LOOKED_FOR} in {data}")
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    for table in found:
        for row in tables.read_rows(table, _REQUIRED, _OPTIONAL):
            parts = PurePosixPath(row["Path"]).parts
            # The table names its images from the folder above: CheXpert-v1.0-small/train/patient00001/...
            below = PurePosixPath(*parts[1:]) if parts and parts[0].startswith("CheXpert") else PurePosixPath(*parts)
            patient = next((part for part in below.parts if _PATIENT.fullmatch(part)), None)
            if patient is None or below.is_absolute() or ".." in below.parts:
                raise UserError(f"{row.where}: the Path must be such as train/patient00001/study1/view1_frontal.jpg")
            match row["Frontal/Lateral"]:
                case "Frontal":
                    view = cells.view(row["AP/PA"])
                case "Lateral":
                    skipped["lateral view"] += 1
                    continue
                case _:
                    raise UserError(f"{row.where}: the column Frontal/Lateral must hold Frontal or Lateral")
            if view is None:  # LL and RL occur among the images that are called frontal
                skipped["lateral view"] += 1
                continue
            findings = labeler.findings(row, config.uncertain, config.findings)
            if findings is None:
                skipped[labeler.UNCERTAIN] += 1
                continue
            condition = CxrCondition(findings, view, cells.sex(row["Sex"], row.where), cells.age(row["Age"], row.where))
            entries.append(Entry(patient, below.as_posix(), condition, data / below, row.where))
    return Listing("chexpert", LICENCE, in_order(entries), counted(skipped), pixels.measure, pixels.decode)
