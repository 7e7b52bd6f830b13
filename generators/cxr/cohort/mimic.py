"""MIMIC-CXR-JPG: tables of images and of studies' labels, and ``files/p10/p10000032/s50414267/….jpg``.

Johnson et al., MIMIC-CXR-JPG, arXiv:1901.07042. The tables may be gzipped, as PhysioNet hands them out. The tables of
MIMIC-CXR-JPG hold neither age nor sex: both are unknown. Its split is not used; the split here is made later.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import counted, in_order
from synthgen.generators.cxr.cohort import cells, labeler, pixels, tables
from synthgen.generators.cxr.cohort.listing import Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition, View
from synthgen.progress import Progress

LOOKED_FOR: Final = "mimic-cxr-*-metadata.csv[.gz] and mimic-cxr-*-chexpert.csv[.gz]"
LICENCE: Final = "PhysioNet Credentialed Health Data License 1.5.0 (MIMIC-CXR-JPG)"
_IMAGES: Final = ("dicom_id", "subject_id", "study_id", "ViewPosition")
_IMAGES_OPTIONAL: Final = ("ViewCodeSequence_CodeMeaning",)
_STUDIES: Final = ("subject_id", "study_id", *labeler.COLUMNS)


def tables_in(data: Path, kind: str) -> list[Path]:
    """The tables of one kind (``"metadata"``, ``"chexpert"``), gzipped or not."""
    return sorted([*data.glob(f"mimic-cxr-*-{kind}.csv"), *data.glob(f"mimic-cxr-*-{kind}.csv.gz")])


def recognises(data: Path) -> bool:
    """True where the folder holds a table of images or of labels with MIMIC-CXR's name."""
    return bool(tables_in(data, "metadata") or tables_in(data, "chexpert"))


def _one(data: Path, kind: str) -> Path:
    found = tables_in(data, kind)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(f"the MIMIC-CXR layout needs one mimic-cxr-*-{kind}.csv[.gz] in {data}, found: {names}")
    return found[0]


def _view(position: str, meaning: str) -> View | None:
    return cells.view(position) if not cells.blank(position) else cells.view(meaning)


def _labels(table: Path, config: CohortConfig) -> dict[str, tuple[str, ...] | None]:
    """The findings of each study; None where an uncertain one drops it."""
    studies: dict[str, tuple[str, ...] | None] = {}
    for row in tables.read_rows(table, _STUDIES):
        if row["study_id"] in studies:
            raise UserError(f"{row.where}: the study has a row already; keep one")
        studies[row["study_id"]] = labeler.findings(row, config.uncertain, config.findings)
    return studies


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for tables that are not as MIMIC-CXR-JPG's."""
    images, labels = _one(data, "metadata"), _one(data, "chexpert")
    studies = _labels(labels, config)
    files = data / "files" if (data / "files").is_dir() else data
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    for row in tables.read_rows(images, _IMAGES, _IMAGES_OPTIONAL):
        subject, study, image = row["subject_id"], row["study_id"], row["dicom_id"]
        if not (subject.isdigit() and study.isdigit()) or cells.blank(image) or "/" in image:
            raise UserError(f"{row.where}: subject_id and study_id must be numbers, and dicom_id must not be empty")
        view = _view(row["ViewPosition"], row["ViewCodeSequence_CodeMeaning"])
        if view is None:
            skipped["lateral or oblique view"] += 1
        elif not view:
            skipped["no view is given"] += 1  # laterals are among them
        elif study not in studies:
            skipped["study without labels"] += 1
        elif (findings := studies[study]) is None:
            skipped[labeler.UNCERTAIN] += 1
        else:
            record = f"p{subject[:2]}/p{subject}/s{study}/{image}"
            entries.append(
                Entry(subject, record, CxrCondition(findings, view), files / f"{record}.jpg", row.where, study)
            )
    return Listing("mimic", LICENCE, in_order(entries), counted(skipped), pixels.measure, pixels.decode)
