"""The layouts of a folder of radiographs, and what may be meant by one that is none of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from synthgen.generators.cohort import recognise as folders
from synthgen.generators.cohort.listing import walk
from synthgen.generators.cohort.recognise import Layout
from synthgen.generators.cohort.releases import told_synthetic
from synthgen.generators.cxr.cohort import brax, chexpert, dicom, mimic, nih, openi, padchest, plain, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.progress import Progress

Read = Callable[[Path, CohortConfig, Path, Progress], Listing]

_WORKBOOKS: Final = frozenset({".xlsx", ".xls", ".xlsm", ".ods", ".numbers"})
_OTHER_TABLES: Final = frozenset({".parquet", ".json", ".jsonl", ".feather", ".sav", ".dta", ".rds"})
_RAW: Final = frozenset({".img", ".raw", ".nii", ".mha", ".mhd", ".nrrd", ".npy", ".npz", ".tif", ".tiff", ".bmp"})
_MOST_LOOKED_AT: Final = 2000
_WRITE: Final = (
    f"write {plain.TABLE} into this folder, with a row for each image and the columns {', '.join(plain.REQUIRED)}"
)


def _dicom(data: Path) -> bool:
    """A tree of DICOM files is its own layout, unless tables of MIMIC-CXR say what the files are."""
    return not mimic.recognises(data) and dicom.recognises(data)


def _plain(data: Path) -> bool:
    """A table, unless it belongs to DICOM files: it names them, or names no files, which their loader tells."""
    found = plain.tables_in(data)
    theirs = not plain.recognises(data) or not any(map(plain.names_files, found))
    return bool(found) and not (theirs and dicom.recognises(data))


LAYOUTS: Final[tuple[Layout[Read], ...]] = (
    Layout("nih", nih.LOOKED_FOR, nih.recognises, nih.read),
    Layout("chexpert", chexpert.LOOKED_FOR, chexpert.recognises, chexpert.read),
    Layout("mimic", mimic.LOOKED_FOR, mimic.recognises, mimic.read),
    Layout("padchest", padchest.LOOKED_FOR, padchest.recognises, padchest.read),
    Layout("brax", brax.LOOKED_FOR, brax.recognises, brax.read),
    Layout("openi", openi.LOOKED_FOR, openi.recognises, openi.read),
    Layout("plain", plain.LOOKED_FOR, _plain, plain.read),
    Layout("dicom", dicom.LOOKED_FOR, _dicom, dicom.read, deep=True),
)


def recognise(data: Path, config: CohortConfig) -> Layout[Read]:
    """See :func:`synthgen.generators.cohort.recognise.recognise`. A folder that two layouts fit is refused."""
    return folders.recognise(data, LAYOUTS, config.layout, holds="the images and their table", hint=_hint)


def _hint(data: Path) -> str | None:
    """What to do with a folder that fits no layout, by what lies in it."""
    if told_synthetic(data, ()):
        return "it is a release of synthetic data, of which no image is a patient's: give the folder of real images"
    found = list(islice(walk(data), _MOST_LOOKED_AT))
    direct = [path for path in found if path.parent == data]
    if said := _known_set(data, direct) or _other_table(data, direct):
        return said
    if any(path.suffix.lower() in SUFFIXES for path in found):
        return f"it holds images and no table that is known; {_WRITE}"
    if packed := [path for path in found if path.suffix.lower() == ".gz"]:
        return f"it holds {len(packed)} files that end in .gz, such as {packed[0].name}: unpack them (gunzip)"
    if raw := next((path for path in found if path.suffix.lower() in _RAW), None):
        return f"{raw.suffix} files are not read: convert them to PNG, and {_WRITE}"
    return None


def _known_set(data: Path, direct: list[Path]) -> str | None:
    """Public sets that say not who their patients are."""
    places = [path for path in (*direct, *data.glob("annotations/*.csv")) if path.suffix.lower() == ".csv"]
    if any(tables.has_columns(path, "image_id", "rad_id") for path in places):
        return (
            f"VinDr-CXR says not who its patients are, and records are split by patient; {_WRITE}; the image's own "
            "name is a patient_id only if you know that every image is of another person"
        )
    if found := next((path for path in places if tables.has_columns(path, "Path", "Enlarged Cardiomediastinum")), None):
        return f"{found.name} looks like a table of CheXpert: name it train.csv"
    return None


def _other_table(data: Path, direct: list[Path]) -> str | None:
    """A table of another name or kind than the one that is read."""
    if book := next((path for path in direct if path.suffix.lower() in _WORKBOOKS), None):
        return f"{book.name} is a workbook of a spreadsheet: save it as {plain.TABLE} (CSV, UTF-8) beside it"
    if said := plain.other_table(data):
        return said
    if any(path.suffix.lower() == ".csv" for path in direct):
        return None
    other = next((path for path in direct if path.suffix.lower() in _OTHER_TABLES), None)
    return f"{other.name} is not read as a table: {_WRITE}" if other else None
