"""ChestX-ray14 as NIH hands it out: ``Data_Entry_2017*.csv`` and folders of PNG files.

Also Kaggle's sample of it (``sample_labels.csv``: zero-padded ids, ages as ``058Y``). Some ages in the original table
are typing errors (above 400); they are unknown here. Wang et al., ChestX-ray8, CVPR 2017.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import (
    ByName,
    Finder,
    RowError,
    Rows,
    TableRow,
    counted,
    files_by_name,
    in_order,
)
from synthgen.generators.cxr.cohort import cells, labels, pixels, tables
from synthgen.generators.cxr.cohort.listing import SUFFIXES, Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress

LOOKED_FOR: Final = "Data_Entry_2017*.csv"
LICENCE: Final = "NIH Clinical Center: free use; cite Wang et al. 2017 (ChestX-ray8)"
FINDINGS: Final = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
    "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
_REQUIRED: Final = ("Image Index", "Finding Labels", "Patient ID")
_OPTIONAL: Final = ("Patient Age", "Patient Gender", "View Position")


def tables_in(data: Path) -> list[Path]:
    """The tables of this layout in the folder, by their name or by their header."""
    return [
        path
        for path in tables.tables_below(data)
        if path.name.startswith("Data_Entry_2017") or tables.has_columns(path, "Image Index", "Finding Labels")
    ]


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def _newest(data: Path, progress: Progress) -> Path:
    """The table, of the release of 2020 where that of 2017 lies beside it. Raises UserError for none, or others."""
    found = tables_in(data)
    released = [path for path in found if path.name.startswith("Data_Entry_2017")]
    if len(found) != 1 and len(released) != len(found):
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(f"the NIH layout needs one table {LOOKED_FOR} in {data}, found: {names}; move the others away")
    if not found:
        raise UserError(f"the NIH layout needs one table {LOOKED_FOR} in {data}, found: none")
    newest = max(found, key=lambda path: ("2020" in path.name, path.name))
    if len(found) > 1:
        progress.say(f"of the tables {', '.join(path.name for path in found)}, {newest.name} is read")
    return newest


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the images. Raises UserError for a table that is not as NIH's."""
    table = _newest(data, progress)
    rows = Rows(config.unknown, progress.say)
    folders = (data / "images", *sorted(data.glob("images_*/images")), *sorted(data.glob("images_*")), data)
    images, finder = ByName(files_by_name(folders, SUFFIXES), SUFFIXES), Finder(data, SUFFIXES)
    entries: list[Entry] = []
    for row in tables.read_rows(table, _REQUIRED, _OPTIONAL, rows):
        name = Path(row["Image Index"]).name
        file = images.take(name, rows) or finder.named(name, rows) or folders[0] / name
        with rows.reading():
            entries.append(_entry(row, file, rows))
    skipped = rows.left_out() + Counter({"image without a row in the table": images.left()})
    return Listing("nih", LICENCE, in_order(entries), counted(skipped), pixels.measure, pixels.decode)


def _entry(row: TableRow, file: Path, rows: Rows) -> Entry:
    name, patient = row["Image Index"], row["Patient ID"]
    if cells.blank(name) or cells.blank(patient):
        raise RowError(f"{row.where}: Image Index and Patient ID must not be empty", "row without patient or image")
    view = cells.view(row["View Position"])
    if view is None:
        raise RowError(f"{row.where}: the View Position must be PA or AP", cells.other_view(row["View Position"]))
    condition = CxrCondition(
        findings=cells.findings(labels.split([row["Finding Labels"]])[0], row.where, FINDINGS),
        view=view,
        sex=cells.sex(row["Patient Gender"], row.where),
        age=cells.age(row["Patient Age"], row.where, rows.note),
    )
    # 00000061 and 61 are one patient.
    return Entry(patient.lstrip("0") or "0", name, condition, file, row.where)
