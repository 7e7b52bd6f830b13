"""ChestX-ray14 as NIH hands it out: ``Data_Entry_2017*.csv`` and folders of PNG files.

Also Kaggle's sample of it (``sample_labels.csv``: zero-padded ids, ages as ``058Y``). Some ages in the original table
are typing errors (above 400); they are unknown here. Wang et al., ChestX-ray8, CVPR 2017.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, files_by_name, in_order
from synthgen.generators.cxr.cohort import cells, pixels, tables
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
    return sorted(
        path
        for path in data.glob("*.csv")
        if path.name.startswith("Data_Entry_2017") or {"Image Index", "Finding Labels"} <= set(tables.header(path))
    )


def recognises(data: Path) -> bool:
    """True where the folder holds such a table."""
    return bool(tables_in(data))


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the images. Raises UserError for a table that is not as NIH's."""
    found = tables_in(data)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(f"the NIH layout needs one table {LOOKED_FOR} in {data}, found: {names}")
    folders = (data / "images", *sorted(data.glob("images_*/images")), *sorted(data.glob("images_*")), data)
    images = files_by_name(folders, SUFFIXES)
    entries: list[Entry] = []
    typing_errors = 0
    for row in tables.read_rows(found[0], _REQUIRED, _OPTIONAL):
        name, patient = row["Image Index"], row["Patient ID"]
        if cells.blank(name) or cells.blank(patient):
            raise UserError(f"{row.where}: Image Index and Patient ID must not be empty")
        years = cells.years(row["Patient Age"])
        too_old = years is not None and years > cells.OLDEST
        typing_errors += too_old
        view = cells.view(row["View Position"])
        if view is None:
            raise UserError(f"{row.where}: the View Position must be PA or AP")
        condition = CxrCondition(
            findings=cells.findings(row["Finding Labels"].split("|"), row.where, FINDINGS),
            view=view,
            sex=cells.sex(row["Patient Gender"], row.where),
            age=None if too_old else cells.age(row["Patient Age"], row.where),
        )
        # 00000061 and 61 are one patient.
        file = images.pop(name, folders[0] / Path(name).name)
        entries.append(Entry(patient.lstrip("0") or "0", name, condition, file, row.where))
    if typing_errors:
        progress.say(f"{typing_errors} ages above {cells.OLDEST} in {found[0].name} are taken as unknown")
    skipped = Counter({"image without a row in the table": len(images)} if images else {})
    return Listing("nih", LICENCE, in_order(entries), counted(skipped), pixels.measure, pixels.decode)
