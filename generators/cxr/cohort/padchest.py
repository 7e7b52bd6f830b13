"""PadChest: one table with the labels as a Python list, and 16-bit PNG files in numbered folders or in one.

Bustos et al., PadChest, Medical Image Analysis 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import (
    ByName,
    Finder,
    LeftOutError,
    RowError,
    Rows,
    TableRow,
    counted,
    files_by_name,
    in_order,
    whole,
)
from synthgen.generators.cxr.cohort import cells, pixels, tables
from synthgen.generators.cxr.cohort import labels as findings
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
NORMAL: Final = "normal"
_NO_FINDINGS: Final = frozenset({NORMAL, "unchanged"})
"""Labels that name no finding; that nothing has changed makes no image normal."""
_PLACE: Final = "loc "
"""Labels that say where a finding lies begin so, in tables that give them among the findings."""
_LATERAL: Final = frozenset({"L", "LL", "RL", "LATERAL"})
_UNUSABLE: Final = frozenset({"exclude", "suboptimal study"})
# The files hold the stored values: what the table calls MONOCHROME1 is a negative.
_INVERTED: Final = {"MONOCHROME1": True, "MONOCHROME2": False}


def tables_in(data: Path) -> list[Path]:
    """The tables of this layout in the folder, by their name or by their header."""
    return [
        path
        for path in tables.tables_below(data)
        if path.name.upper().startswith("PADCHEST") or tables.has_columns(path, "ImageID", "Projection", "Labels")
    ]


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def labels(cell: str, where: str) -> tuple[str, ...]:
    """The labels in a cell such as ``['cardiomegaly', 'pleural effusion']``, stripped; empty strings are left out.

    Raises:
        RowError: the cell is no list of strings.
    """
    found = findings.listed_strings(cell)
    if found is None:
        raise RowError(
            f"{where}: the Labels must be a list such as ['cardiomegaly', 'nodule']",
            "row with labels that cannot be read",
        )
    return tuple(label for label in found if label)


def _age(row: TableRow) -> int | None:
    """Completed years are not to be had from a year of birth: this is the age reached in the year of the study."""
    study, birth = row["StudyDate_DICOM"][:4], row["PatientBirth"].split(".")[0]
    year, born = whole(study), whole(birth)
    if year is None or born is None:
        return None
    reached = year - born
    return reached if 0 <= reached <= cells.OLDEST else None


def _table(data: Path, progress: Progress) -> Path:
    found = tables_in(data)
    stems = {path.name.removesuffix(".gz") for path in found}
    if len(stems) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(
            f"the PadChest layout needs one table PADCHEST*.csv in {data}, found: {names}; move the others away"
        )
    if len(found) > 1:
        progress.say(f"{found[0].name} is read, and its packed copy is not")
    return found[0]


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for a table that is not as PadChest's."""
    table = _table(data, progress)
    rows = Rows(config.unknown, progress.say)
    folders = (data, data / "images", *sorted(path for path in data.iterdir() if path.name.isdigit()))
    images, finder = ByName(files_by_name(folders, SUFFIXES), SUFFIXES), Finder(data, SUFFIXES)
    entries: list[Entry] = []
    for row in tables.read_rows(table, _REQUIRED, _OPTIONAL, rows):
        with rows.reading():
            entries.append(_entry(row, data, images, finder, rows))
    return Listing("padchest", LICENCE, in_order(entries), counted(rows.left_out()), pixels.measure, pixels.decode)


def _entry(row: TableRow, data: Path, images: ByName, finder: Finder, rows: Rows) -> Entry:
    name, patient = row["ImageID"], row["PatientID"]
    if cells.blank(name) or cells.blank(patient):
        raise RowError(f"{row.where}: ImageID and PatientID must not be empty", "row without patient or image")
    view = cells.view(row["Projection"])
    if view is None:
        lateral = row["Projection"].upper() in _LATERAL
        raise LeftOutError("lateral view" if lateral else "projection that is not a frontal chest")
    found = () if cells.blank(row["Labels"]) else labels(row["Labels"], row.where)
    if not found:
        raise LeftOutError("no labels")
    if _UNUSABLE & set(found):
        raise LeftOutError("labelled exclude or suboptimal study")
    named = [label for label in found if label not in _NO_FINDINGS and not label.startswith(_PLACE)]
    if not named and NORMAL not in found:
        raise LeftOutError(findings.UNSURE)
    condition = CxrCondition(
        cells.findings(named or [NO_FINDING], row.where), view, cells.sex(row["PatientSex_DICOM"], row.where), _age(row)
    )
    own = data / row["ImageDir"].split(".")[0] / Path(name).name
    file = images.take(name, rows) or finder.named(own.name, rows) or own
    inverted = _INVERTED.get(row["PhotometricInterpretation_DICOM"].upper())
    return Entry(patient, name, condition, file, row.where, inverted=inverted)
