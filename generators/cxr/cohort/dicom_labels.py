"""What tables say of DICOM files: ``metadata.csv``, or those of RSNA's pneumonia challenge."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import Finder, LeftOutError, Rows, TableRow
from synthgen.generators.cxr.cohort import cells, plain, tables
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.payloads.cxr import Sex, View

RSNA_TABLE: Final = "stage_2_train_labels.csv"
_RSNA_CLASSES: Final = "stage_2_detailed_class_info.csv"
_RSNA_PEOPLE: Final = "pneumonia-challenge-dataset-mappings_2018.json"
_RSNA_FINDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "lung opacity": ("Lung Opacity",),
    "normal": (),
    "no lung opacity not normal": ("Other Abnormality",),
}
_NIH: Final = re.compile(r"(\d{8})_\d{3}\.png")
_SUFFIXES: Final = (".dcm", ".dicom", ".dic", ".ima")


@dataclass(frozen=True, slots=True)
class Label:
    """What a table says of one file.

    Attributes:
        findings: None where it says nothing of them.
        patient: empty where the header's own identifier counts.
        view, sex, age: unknown where the header's own count.
    """

    findings: tuple[str, ...] | None
    patient: str
    where: str
    view: View = ""
    sex: Sex = ""
    age: int | None = None


def given(data: Path, files: Collection[Path], config: CohortConfig, rows: Rows) -> dict[Path, Label] | None:
    """What the tables in the folder say of each file that they name; None where there is no table.

    Raises:
        UserError: a table is not right, or names files that are not there.
    """
    told: dict[Path, Label] = {}
    if found := plain.tables_in(data):
        for table in found:
            told |= _metadata(table, set(files), config, rows)
        return told
    return _rsna(data, files, rows) if (data / RSNA_TABLE).is_file() else None


def _metadata(table: Path, files: Collection[Path], config: CohortConfig, rows: Rows) -> dict[Path, Label]:
    plain.tell_others(table, rows)
    marked = plain.marked_columns(table)
    read = _rows(table, marked, rows)
    _leave_absent(read, files, config, rows)
    plain.check_sexes(list(read.values()), table.name)
    labelled = {path: row for path, row in read.items() if marked or not cells.blank(row["labels"])}
    findings = plain.labels_of(rows, tuple(labelled.values()), marked, config)
    found = dict(zip(labelled, findings, strict=True))
    told: dict[Path, Label] = {}
    for path, row in read.items():
        with rows.reading():
            # A row whose labels are left out is no row; one that has none says nothing of findings.
            if found.get(path, ()) is not None:
                told[path] = _label(row, found.get(path), rows)
    return told


def _rows(table: Path, marked: tuple[str, ...], rows: Rows) -> dict[Path, TableRow]:
    """The rows by the files that they name, present or not; laterals are left out."""
    finder = Finder(table.parent, _SUFFIXES)
    optional = ("patient_id", *(() if marked else ("labels",)), *plain.OPTIONAL)
    read: dict[Path, TableRow] = {}
    for row in tables.read_rows(table, ("file_name", *marked), optional, rows, tables.aliases()):
        with rows.reading():
            path = finder.find(plain.file_of(row, table.parent), rows)
            if path in read:
                raise UserError(f"{path.name} is named twice, in {read[path].where} and in {row.where}: keep one row")
            read[path] = plain.with_view(row)
    return read


def _label(row: TableRow, findings: tuple[str, ...] | None, rows: Rows) -> Label:
    patient = "" if cells.blank(row["patient_id"]) else plain.patient_of(row)
    sex = plain.sex_of(row)
    return Label(findings, patient, row.where, cells.view(row["view"]) or "", sex, plain.age_of(row, rows))


def _leave_absent(named: dict[Path, TableRow], files: Collection[Path], config: CohortConfig, rows: Rows) -> None:
    """Takes away the rows of files that are not there, and counts them, where the settings say so."""
    absent = sorted(named.keys() - set(files))
    if absent and config.absent == "error":
        raise UserError(
            f"{len(absent)} DICOM files are absent, the first {absent[0].name} ({named[absent[0]].where}): "
            "add them, delete their rows, or set modality.cohort.absent=skip"
        )
    for path in absent:
        with rows.reading():
            del named[path]
            raise LeftOutError("absent image")


def _rsna(data: Path, files: Collection[Path], rows: Rows) -> dict[Path, Label]:
    """By RSNA's tables: a row for every box, and the class of every image, of which only "Normal" is normal.

    Its patientId names an image: people are known by the mapping to ChestX-ray14, which RSNA hands out beside.
    """
    classes: dict[str, tuple[str, ...]] = {}
    if (data / _RSNA_CLASSES).is_file():
        for row in tables.read_rows(data / _RSNA_CLASSES, ("patientId", "class"), (), rows):
            classes[row["patientId"]] = _RSNA_FINDINGS.get(cells.plain_words(row["class"]), ("Other Abnormality",))
    else:
        rows.say(f"without {_RSNA_CLASSES} nobody knows which images without opacity are normal: they are left out")
    people = _people(data / _RSNA_PEOPLE, rows)
    told: dict[str, Label] = {}
    for row in tables.read_rows(data / RSNA_TABLE, ("patientId", "Target"), (), rows):
        image = row["patientId"]
        opaque = row["Target"].removesuffix(".0") == "1"
        findings = ("Lung Opacity",) if opaque else classes.get(image)
        if findings is not None:
            told.setdefault(image, Label(findings, people.get(image, ""), row.where))
    return {path: told[path.stem] for path in files if path.stem in told}


def _people(mapping: Path, rows: Rows) -> dict[str, str]:
    """The patient of ChestX-ray14 by RSNA's patientId. Raises UserError for a file that is not as RSNA's."""
    if not mapping.is_file():
        rows.say(
            f"RSNA's patientId names an image and not a person: put {_RSNA_PEOPLE}, which RSNA hands out, beside the "
            "tables, so that the images of one person stay on one side of the split"
        )
        return {}
    try:
        told = json.loads(mapping.read_text("utf-8"))
        return {str(one["subset_img_id"]): _nih_patient(one) for one in told}
    except (ValueError, KeyError, TypeError, StopIteration):
        raise UserError(f"{mapping.name} is not as RSNA hands it out: fetch it again") from None


def _nih_patient(one: Mapping[str, object]) -> str:
    return next(found[1] for value in one.values() if (found := _NIH.fullmatch(str(value))))
