"""MIMIC-CXR-JPG: tables of images and of studies' labels, and ``files/p10/p10000032/s50414267/….jpg``.

Johnson et al., MIMIC-CXR-JPG, arXiv:1901.07042. The tables may be gzipped, as PhysioNet hands them out; of two releases
of them the newer is read. The images may be PNG, or the DICOM files of MIMIC-CXR. The tables hold neither age nor sex:
both are unknown. The split of MIMIC-CXR-JPG is not used; the split here is made later.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import (
    Finder,
    LeftOutError,
    RowError,
    Rows,
    TableRow,
    counted,
    in_order,
    is_there,
)
from synthgen.generators.cxr.cohort import cells, dicom_pixels, labeler, pixels, tables
from synthgen.generators.cxr.cohort.listing import Entry, Listing
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import CxrCondition, View
from synthgen.progress import Progress

LOOKED_FOR: Final = "mimic-cxr-*-metadata.csv[.gz] and mimic-cxr-*-chexpert.csv[.gz]"
LICENCE: Final = "PhysioNet Credentialed Health Data License 1.5.0 (MIMIC-CXR-JPG)"
_IMAGES: Final = ("dicom_id", "subject_id", "study_id", "ViewPosition")
_IMAGES_OPTIONAL: Final = ("ViewCodeSequence_CodeMeaning",)
_STUDIES: Final = ("subject_id", "study_id", *labeler.COLUMNS)
_ENDINGS: Final = (".jpg", ".png", ".jpeg", ".dcm")
_VERSION: Final = re.compile(r"mimic-cxr-(\d+(?:\.\d+)*)-")


def tables_in(data: Path, kind: str) -> list[Path]:
    """The tables of one kind (``"metadata"``, ``"chexpert"``), gzipped or not."""
    return sorted([*data.glob(f"mimic-cxr-*-{kind}.csv"), *data.glob(f"mimic-cxr-*-{kind}.csv.gz")])


def recognises(data: Path) -> bool:
    """True where the folder holds a table of images or of labels with MIMIC-CXR's name."""
    return bool(tables_in(data, "metadata") or tables_in(data, "chexpert"))


def _version(table: Path) -> tuple[int, ...]:
    found = _VERSION.match(table.name)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _newest(data: Path, progress: Progress) -> tuple[Path, Path]:
    """The tables of images and of labels, of the newest release that has both. Raises UserError where one is absent."""
    found = {kind: tables_in(data, kind) for kind in ("metadata", "chexpert")}
    for kind, several in found.items():
        if not several:
            raise UserError(f"the MIMIC-CXR layout needs a table mimic-cxr-*-{kind}.csv[.gz] in {data}, found: none")
    both = {_version(table) for table in found["metadata"]} & {_version(table) for table in found["chexpert"]}
    if not both:
        names = ", ".join(table.name for several in found.values() for table in several)
        raise UserError(
            f"the tables of MIMIC-CXR in {data} are of different releases ({names}): "
            "fetch metadata and chexpert of one release"
        )
    images, labels = (_of(max(both), several) for several in found.values())
    if others := sum(map(len, found.values())) - 2:
        progress.say(f"of the tables of MIMIC-CXR, {images.name} and {labels.name} are read; {others} others are not")
    return images, labels


def _of(version: tuple[int, ...], several: list[Path]) -> Path:
    """Of one release, the table that is unpacked, where it is there beside the packed one."""
    return min((table for table in several if _version(table) == version), key=lambda table: len(table.name))


def _view(position: str, meaning: str) -> View:
    said = position if not cells.blank(position) else meaning
    view = cells.view(said)
    if view is None:
        raise LeftOutError(cells.other_view(said))
    if cells.blank(said):
        raise LeftOutError("no view is given")  # laterals are among them
    return view


def _labels(table: Path, config: CohortConfig, rows: Rows) -> dict[str, tuple[str, ...] | str]:
    """The findings of each study, or the reason why its images are left out."""
    studies: dict[str, tuple[str, ...] | str] = {}
    for row in tables.read_rows(table, _STUDIES, (), rows):
        study = row["study_id"].removesuffix(".0")
        if study in studies:
            raise UserError(f"{row.where}: the study has a row already; keep one")
        with rows.reading():
            try:
                studies[study] = labeler.findings(row, config.uncertain, config.findings)
            except LeftOutError as left_out:
                studies[study] = left_out.reason
    return studies


def read(data: Path, config: CohortConfig, cache: Path, progress: Progress) -> Listing:
    """Lists the frontal images. Raises UserError for tables that are not as MIMIC-CXR-JPG's."""
    images, labels = _newest(data, progress)
    rows = Rows(config.unknown, progress.say)
    studies = _labels(labels, config, rows)
    files = data / "files" if (data / "files").is_dir() else data
    finder = Finder(data, _ENDINGS)
    entries: list[Entry] = []
    for row in tables.read_rows(images, _IMAGES, _IMAGES_OPTIONAL, rows):
        with rows.reading():
            entries.append(_entry(row, studies, files, finder, rows))
    kinds = {entry.file.suffix == ".dcm" for entry in entries if is_there(entry.file)}
    if len(kinds) > 1:
        raise UserError(f"{files} holds both JPEG or PNG and DICOM files: give one kind a folder of its own")
    reader = dicom_pixels if kinds == {True} else pixels
    skipped = counted(rows.left_out())
    return Listing("mimic", LICENCE, in_order(entries), skipped, reader.measure, reader.decode)


def _entry(row: TableRow, studies: dict[str, tuple[str, ...] | str], files: Path, finder: Finder, rows: Rows) -> Entry:
    # Numbers become floats where a column had a gap when it was last saved.
    subject, study = (row[column].removesuffix(".0") for column in ("subject_id", "study_id"))
    image = row["dicom_id"]
    if not (subject.isdigit() and study.isdigit()) or cells.blank(image) or "/" in image:
        raise RowError(
            f"{row.where}: subject_id and study_id must be numbers, and dicom_id must not be empty",
            "row without patient, study or image",
        )
    view = _view(row["ViewPosition"], row["ViewCodeSequence_CodeMeaning"])
    findings = studies.get(study, "study without labels")
    if isinstance(findings, str):
        raise LeftOutError(findings)
    record = f"p{subject[:2]}/p{subject}/s{study}/{image}"
    file = _file(files, record) or finder.named(image, rows) or files / f"{record}.jpg"
    return Entry(subject, record, CxrCondition(findings, view), file, row.where, study)


def _file(files: Path, record: str) -> Path | None:
    """The image, whatever it was converted to."""
    tries = (files / f"{record}{ending}" for ending in _ENDINGS)
    return next((file for file in tries if is_there(file)), None)
