"""PadChest: one table with the labels as a Python list, and 16-bit PNG files in numbered folders or in one.

Bustos et al., PadChest, Medical Image Analysis 2020.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, counted, files_by_name, in_order
from synthgen.generators.cxr.cohort import cells, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import NO_FINDING, CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "PADCHEST*.csv[.gz], or a CSV with the columns ImageID, Projection, Labels"
LICENCE: Final = "PadChest Dataset Research Use Agreement (BIMCV)"
_REQUIRED: Final = ("ImageID", "PatientID", "Projection", "Labels")
_OPTIONAL: Final = (
    "ImageDir",
    "StudyDate_DICOM",
    "PatientBirth",
    "PatientSex_DICOM",
    "PhotometricInterpretation_DICOM",
)
_NORMAL: Final = frozenset({"normal", "unchanged"})
_UNUSABLE: Final = frozenset({"exclude", "suboptimal study"})
# The files hold the stored values: what the table calls MONOCHROME1 is a negative.
_INVERTED: Final = {"MONOCHROME1": True, "MONOCHROME2": False}
_LATERAL: Final = frozenset({"L"})


def tables_in(data: Path) -> list[Path]:
    """The tables of this layout in the folder, by their name or by their header."""
    candidates = sorted([*data.glob("*.csv"), *data.glob("*.csv.gz")])
    return [
        path
        for path in candidates
        if path.name.upper().startswith("PADCHEST") or {"ImageID", "Projection", "Labels"} <= set(tables.header(path))
    ]


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def labels(cell: str, where: str) -> tuple[str, ...]:
    """The labels in a cell such as ``['cardiomegaly', 'pleural effusion']``, stripped; empty strings are left out.

    Raises:
        UserError: the cell is no list of strings.
    """
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise UserError(f"{where}: the Labels must be a list such as ['cardiomegaly', 'nodule']")
    return tuple(label.strip() for label in value if label.strip())


def _age(row: TableRow) -> int | None:
    """Completed years are not to be had from a year of birth: this is the age reached in the year of the study."""
    study, birth = row["StudyDate_DICOM"][:4], row["PatientBirth"].split(".")[0]
    if not (study.isdigit() and birth.isdigit()):
        return None
    reached = int(study) - int(birth)
    return reached if 0 <= reached <= cells.OLDEST else None


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for a table that is not as PadChest's."""
    found = tables_in(data)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(f"the PadChest layout needs one table PADCHEST*.csv in {data}, found: {names}")
    folders = (data, data / "images", *sorted(path for path in data.iterdir() if path.name.isdigit()))
    images = files_by_name(folders, SUFFIXES)
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    for row in tables.read_rows(found[0], _REQUIRED, _OPTIONAL):
        name, patient = row["ImageID"], row["PatientID"]
        if cells.blank(name) or cells.blank(patient):
            raise UserError(f"{row.where}: ImageID and PatientID must not be empty")
        file = images.get(name, data / row["ImageDir"].split(".")[0] / Path(name).name)
        view = cells.view(row["Projection"])
        if view is None:
            lateral = row["Projection"].upper() in _LATERAL
            skipped["lateral view" if lateral else "projection that is not a frontal chest"] += 1
            continue
        found_labels = () if cells.blank(row["Labels"]) else labels(row["Labels"], row.where)
        if not found_labels:
            skipped["no labels"] += 1
        elif _UNUSABLE & set(found_labels):
            skipped["labelled exclude or suboptimal study"] += 1
        else:
            named = [label for label in found_labels if label not in _NORMAL] or [NO_FINDING]
            condition = CxrCondition(
                cells.findings(named, row.where), view, cells.sex(row["PatientSex_DICOM"], row.where), _age(row)
            )
            inverted = _INVERTED.get(row["PhotometricInterpretation_DICOM"].upper())
            entries.append(Entry(patient, name, condition, file, row.where, inverted=inverted))
    return Listing("padchest", LICENCE, in_order(entries), counted(skipped), pixels.measure, pixels.decode)
