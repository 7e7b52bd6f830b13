"""Public sets of radiographs as they lie on disk after the download, in phantom copies of a few images."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cohort_files import Listener, Load, refused, write_csv, write_png
from test_cohort_dicom import write_dicom

from synthgen.generators.cxr.cohort.labeler import COLUMNS
from synthgen.payloads.cxr import CxrCondition

SETS = "images: public sets"


def found(load: Load, data: Path, **settings: object) -> list[tuple[str, CxrCondition]]:
    return [(real.patient, real.condition) for real in load(data, **settings).records]


def marks(**values: object) -> list[object]:
    return [values.get(column.replace(" ", "_"), "") for column in COLUMNS]


# CheXpert

CHEXPERT = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *COLUMNS)
FULL = "CheXpert-v1.0"
BATCHES = tuple(
    f"{FULL} batch {n} ({what})" for n, what in enumerate(("validate & csv", "train 1", "train 2", "train 3"), 1)
)


def chexpert_rows(top: str, split: str = "train", patients: Sequence[int] = (1, 2, 3)) -> list[list[object]]:
    return [
        [f"{top}/{split}/patient{n:05d}/study1/view1_frontal.jpg", "Male", 61, "Frontal", "AP", *marks(Edema="1.0")]
        for n in patients
    ]


def draw(data: Path, rows: Sequence[Sequence[object]]) -> None:
    for seed, row in enumerate(rows):
        write_png(data / str(row[0]).partition("/")[2], seed)


EDEMA = CxrCondition(("Edema",), "AP", "M", 61)


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("top", [f"{FULL}-small", FULL])
def test_chexpert(tmp_path: Path, load: Load, top: str) -> None:
    rows = chexpert_rows(top)
    write_csv(tmp_path / "train.csv", CHEXPERT, rows)
    draw(tmp_path, rows)
    assert found(load, tmp_path) == [(f"patient{n:05d}", EDEMA) for n in (1, 2, 3)]


@pytest.mark.field(SETS, "refused")
@pytest.mark.parametrize("below", [f"{FULL}-small", f"archive/{FULL}-small"])
def test_chexpert_from_the_folder_above(tmp_path: Path, load: Load, below: str) -> None:
    rows = chexpert_rows(f"{FULL}-small")
    write_csv(tmp_path / below / "train.csv", CHEXPERT, rows)
    draw(tmp_path / below, rows)
    line = refused(load, tmp_path, "did you mean --data", "(chexpert)")
    assert len(found(load, Path(line.partition("--data ")[2].partition(" (")[0]))) == 3


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("tables", [".", BATCHES[0]], ids=["tables above", "tables in batch 1"])
def test_chexpert_in_full_size(tmp_path: Path, load: Load, tables: str) -> None:
    train, valid = chexpert_rows(FULL), chexpert_rows(FULL, "valid", (64_541,))
    write_csv(tmp_path / tables / "train.csv", CHEXPERT, train)
    write_csv(tmp_path / tables / "valid.csv", CHEXPERT, valid)
    for seed, (row, batch) in enumerate(zip(train, BATCHES[1:], strict=True)):
        write_png(tmp_path / batch / str(row[0]).removeprefix(f"{FULL}/train/"), seed)
    write_png(tmp_path / BATCHES[0] / str(valid[0][0]).removeprefix(f"{FULL}/"), 9)
    assert found(load, tmp_path) == [(f"patient{n:05d}", EDEMA) for n in (1, 2, 3, 64_541)]


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(f"{FULL}/", f"/data/{FULL}/", id="absolute paths"),
        pytest.param(f"{FULL}/", f"D:\\\\data\\\\{FULL}\\\\", id="paths of Windows"),
        pytest.param(f"{FULL}/", "chexpertchestxrays-u20210408/", id="another top folder"),
        pytest.param(f"{FULL}/", "", id="no top folder"),
        pytest.param(",", ";", id="semicolons"),
        pytest.param("Frontal/Lateral", "frontal_lateral", id="header in another spelling"),
        pytest.param("Path", "PATH", id="capitals in the header"),
        pytest.param("Frontal,AP", "frontal,ap", id="lower case"),
        pytest.param("view1_frontal.jpg", "view1_frontal.png", id="converted to PNG in the table alone"),
    ],
)
def test_tables_of_chexpert_that_were_changed(tmp_path: Path, load: Load, old: str, new: str) -> None:
    rows = chexpert_rows(FULL)
    write_csv(tmp_path / "train.csv", CHEXPERT, rows)
    draw(tmp_path, rows)
    text = (tmp_path / "train.csv").read_text()
    assert old in text
    (tmp_path / "train.csv").write_text(text.replace(old, new))
    assert found(load, tmp_path) == [(f"patient{n:05d}", EDEMA) for n in (1, 2, 3)]


@pytest.mark.field(SETS, "refused")
@pytest.mark.parametrize("below", ["train", "train/patient00001"])
def test_chexpert_from_a_folder_below(tmp_path: Path, load: Load, below: str) -> None:
    rows = chexpert_rows(FULL)
    write_csv(tmp_path / "train.csv", CHEXPERT, rows)
    draw(tmp_path, rows)
    line = refused(load, tmp_path / below, "did you mean the folder above", "(chexpert)")
    assert len(found(load, Path(line.partition("--data ")[2].partition(" (")[0]))) == 3


@pytest.mark.field(SETS, "refused")
def test_a_table_of_chexpert_under_another_name(tmp_path: Path, load: Load) -> None:
    rows = chexpert_rows(FULL)
    write_csv(tmp_path / "train_cheXbert.csv", CHEXPERT, rows)
    draw(tmp_path, rows)
    refused(load, tmp_path, "train_cheXbert.csv looks like a table of CheXpert: name it train.csv")
    (tmp_path / "train_cheXbert.csv").rename(tmp_path / "train.csv")
    assert len(found(load, tmp_path)) == 3


@pytest.mark.field(SETS, "read")
def test_the_test_set_of_chexpert_has_no_column_of_views(tmp_path: Path, load: Load) -> None:
    top = "test/patient64741/study1/"
    rows = [(f"{top}view1_frontal.jpg", *marks(Edema=1)), (f"{top}view2_lateral.jpg", *marks(Edema=1))]
    write_csv(tmp_path / "test.csv", ("Path", *COLUMNS), rows)
    write_png(tmp_path / f"{top}view1_frontal.jpg")
    loaded = load(tmp_path)
    assert [real.condition for real in loaded.records] == [CxrCondition(("Edema",))]
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("lateral view", 1)]


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize(
    "cells",
    [
        pytest.param({"Edema": "-1.0"}, id="uncertain"),
        pytest.param({}, id="blank"),
        pytest.param({"Edema": "0.0"}, id="negative"),
        pytest.param({"No_Finding": "0.0"}, id="not normal"),
        pytest.param({"No_Finding": "-1.0"}, id="perhaps normal"),
        pytest.param({"Edema": "-1.0", "Pneumonia": "0.0", "No_Finding": "0.0"}, id="mixed"),
    ],
)
def test_a_row_of_the_labeler_without_a_certain_finding_is_not_normal(
    tmp_path: Path, load: Load, cells: dict[str, str]
) -> None:
    rows = chexpert_rows(FULL)
    rows[1][5:] = marks(**cells)
    write_csv(tmp_path / "train.csv", CHEXPERT, rows)
    draw(tmp_path, rows)
    loaded = load(tmp_path)
    assert [real.condition for real in loaded.records] == [EDEMA, EDEMA]
    assert [(skip.count, "No Finding" in skip.reason) for skip in loaded.skipped] == [(1, True)]


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize(
    ("column", "value"),
    [("Path", "train/x.jpg"), ("Frontal/Lateral", "?!"), ("Sex", "K"), ("Age", "x"), ("Edema", "2")],
)
def test_one_row_does_not_stop_chexpert(tmp_path: Path, load: Load, column: str, value: str) -> None:
    rows = chexpert_rows(FULL)
    draw(tmp_path, rows)
    rows[1][CHEXPERT.index(column)] = value
    write_csv(tmp_path / "train.csv", CHEXPERT, rows)
    refused(load, tmp_path, "train.csv, row 3", "modality.cohort.unknown=skip")
    assert len(load(tmp_path, unknown="skip").records) == 2


# MIMIC-CXR

IMAGES = ("dicom_id", "subject_id", "study_id", "ViewPosition", "ViewCodeSequence_CodeMeaning")
STUDIES = ("subject_id", "study_id", *COLUMNS)


def mimic_tables(
    data: Path, version: str, views: Sequence[str] = ("PA", "AP"), zipped: bool = False, **extra: object
) -> None:
    images = [(f"im{at}", f"1000003{at}", f"5000000{at}", view, "") for at, view in enumerate(views)]
    studies = [(f"1000003{at}", f"5000000{at}", *marks(**(extra or {"Edema": 1.0}))) for at in range(len(views))]
    for kind, header, rows in (("metadata", IMAGES, images), ("chexpert", STUDIES, studies)):
        path = data / f"mimic-cxr-{version}-{kind}.csv"
        write_csv(path, header, rows)
        if zipped:
            path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()


def mimic_image(at: int, ending: str = ".jpg", top: str = "files/") -> str:
    return f"{top}p10/p1000003{at}/s5000000{at}/im{at}{ending}"


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("ending", [".jpg", ".png", ".jpeg"])
@pytest.mark.parametrize("top", ["files/", ""])
def test_mimic_in_other_formats(tmp_path: Path, load: Load, ending: str, top: str) -> None:
    mimic_tables(tmp_path, "2.0.0", zipped=True)
    for at in range(2):
        write_png(tmp_path / mimic_image(at, ending, top), at)
    assert found(load, tmp_path) == [
        ("10000030", CxrCondition(("Edema",), "PA")),
        ("10000031", CxrCondition(("Edema",), "AP")),
    ]


@pytest.mark.field(SETS, "read")
def test_mimic_as_dicom_files_with_the_tables_of_mimic_cxr_jpg(tmp_path: Path, load: Load) -> None:
    mimic_tables(tmp_path, "2.1.0")
    for at in range(2):
        write_dicom(tmp_path / mimic_image(at, ".dcm"))
    loaded = load(tmp_path)
    assert loaded.layout == "mimic"
    assert [real.patient for real in loaded.records] == ["10000030", "10000031"]


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize(("older", "newer"), [("2.0.0", "2.1.0"), ("2.9.0", "2.10.0")])
@pytest.mark.parametrize("zipped", [False, True])
def test_of_two_releases_of_mimic_the_newer_is_read_and_told(
    tmp_path: Path, load: Load, listener: Listener, older: str, newer: str, zipped: bool
) -> None:
    mimic_tables(tmp_path, older, Edema=1.0)
    mimic_tables(tmp_path, newer, zipped=zipped, Fracture=1.0)
    for at in range(2):
        write_png(tmp_path / mimic_image(at), at)
    assert [condition.findings for _, condition in found(load, tmp_path)] == [("Fracture",)] * 2
    assert any(f"mimic-cxr-{newer}-metadata.csv" in line and "2 others are not" in line for line in listener.lines)


@pytest.mark.field(SETS, "read")
def test_tables_of_mimic_packed_and_unpacked(tmp_path: Path, load: Load, listener: Listener) -> None:
    mimic_tables(tmp_path, "2.0.0", zipped=True)
    mimic_tables(tmp_path, "2.0.0")
    for at in range(2):
        write_png(tmp_path / mimic_image(at), at)
    assert len(found(load, tmp_path)) == 2
    assert any("2 others are not" in line for line in listener.lines)


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("place", ["images/p10/p1000003{0}/s5000000{0}/im{0}.jpg", "im{0}.jpg", "resized/im{0}.png"])
def test_images_of_mimic_in_other_folders_are_read_and_told(
    tmp_path: Path, load: Load, listener: Listener, place: str
) -> None:
    mimic_tables(tmp_path, "2.0.0")
    for at in range(2):
        write_png(tmp_path / place.format(at), at)
    assert [patient for patient, _ in found(load, tmp_path)] == ["10000030", "10000031"]
    assert any(line.startswith("2 files of the table lie in other folders") for line in listener.lines)


@pytest.mark.field(SETS, "refused")
def test_a_table_of_mimic_that_is_cut_short(tmp_path: Path, load: Load) -> None:
    mimic_tables(tmp_path, "2.0.0", zipped=True)
    for at in range(2):
        write_png(tmp_path / mimic_image(at), at)
    whole = (tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz").read_bytes()
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz").write_bytes(whole[:-30])
    refused(load, tmp_path, "mimic-cxr-2.0.0-metadata.csv.gz", "cut short")
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz").write_bytes(whole)
    assert len(found(load, tmp_path)) == 2


@pytest.mark.field(SETS, "refused")
def test_tables_of_mimic_that_belong_to_different_releases(tmp_path: Path, load: Load) -> None:
    mimic_tables(tmp_path, "2.0.0")
    mimic_tables(tmp_path, "2.1.0")
    for at in range(2):
        write_png(tmp_path / mimic_image(at), at)
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv").unlink()
    (tmp_path / "mimic-cxr-2.1.0-chexpert.csv").rename(tmp_path / "kept.csv")
    refused(load, tmp_path, "different releases", "fetch metadata and chexpert of one release")
    (tmp_path / "kept.csv").rename(tmp_path / "mimic-cxr-2.1.0-chexpert.csv")
    assert len(found(load, tmp_path)) == 2


@pytest.mark.field(SETS, "refused")
def test_mimic_from_the_top_of_its_download(tmp_path: Path, load: Load) -> None:
    data = tmp_path / "physionet.org/files/mimic-cxr-jpg/2.1.0"
    mimic_tables(data, "2.0.0")
    for at in range(2):
        write_png(data / mimic_image(at), at)
    line = refused(load, tmp_path, "did you mean --data", "(mimic)")
    assert len(found(load, Path(line.partition("--data ")[2].partition(" (")[0]))) == 2


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize(
    ("view", "reason"),
    [("LL", "lateral or oblique view"), ("AP AXIAL", "lateral or oblique view"), ("AP LLD", "lateral or oblique view"),
     ("SWIMMERS", "lateral or oblique view"), ("", "no view is given"), ("QQ", "view that is not known")],
)  # fmt: skip
def test_other_views_of_mimic(tmp_path: Path, load: Load, view: str, reason: str) -> None:
    mimic_tables(tmp_path, "2.0.0", ("PA", view))
    write_png(tmp_path / mimic_image(0))
    loaded = load(tmp_path)
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [(reason, 1)]


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize(("images", "studies"), [(".0", ""), ("", ".0"), (".0", ".0")])
def test_numbers_of_mimic_that_became_floats(tmp_path: Path, load: Load, images: str, studies: str) -> None:
    one = [("im0", f"10000030{images}", f"50000000{images}", "PA", "")]
    write_csv(tmp_path / "mimic-cxr-2.0.0-metadata.csv", IMAGES, one)
    labelled = [(f"10000030{studies}", f"50000000{studies}", *marks(Edema=1))]
    write_csv(tmp_path / "mimic-cxr-2.0.0-chexpert.csv", STUDIES, labelled)
    write_png(tmp_path / mimic_image(0))
    assert found(load, tmp_path) == [("10000030", CxrCondition(("Edema",), "PA"))]


# ChestX-ray14

NIH = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender", "View Position")


def nih_rows(label: str = "Effusion") -> list[list[object]]:
    return [[f"0000000{n}_000.png", label, 0, n, 58, "M", "PA"] for n in (1, 2, 3)]


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("name", ["Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv", "sample_labels.csv"])
@pytest.mark.parametrize("folder", ["images", "images_001/images", "images_012", "."])
def test_nih(tmp_path: Path, load: Load, name: str, folder: str) -> None:
    write_csv(tmp_path / name, NIH, nih_rows())
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / folder / str(row[0]), seed)
    assert found(load, tmp_path) == [(n, CxrCondition(("Effusion",), "PA", "M", 58)) for n in "123"]


@pytest.mark.field(SETS, "read")
def test_of_two_tables_of_nih_the_one_of_2020_is_read_and_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, nih_rows("Mass"))
    write_csv(tmp_path / "Data_Entry_2017_v2020.csv", NIH, nih_rows("Hernia"))
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / "images" / str(row[0]), seed)
    assert {condition.findings for _, condition in found(load, tmp_path)} == {("Hernia",)}
    assert any("Data_Entry_2017_v2020.csv is read" in line for line in listener.lines)


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize(
    ("label", "findings"),
    [("effusion", ("Effusion",)), ("Pleural Thickening", ("Pleural_Thickening",)), ("Mass|Edema", ("Edema", "Mass")),
     ("Mass;Edema", ("Edema", "Mass")), ("no finding", ()), ("NO FINDING", ())],
)  # fmt: skip
def test_labels_of_nih_in_other_spellings(tmp_path: Path, load: Load, label: str, findings: tuple[str, ...]) -> None:
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, nih_rows(label))
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / "images" / str(row[0]), seed)
    assert {condition.findings for _, condition in found(load, tmp_path)} == {findings}


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("folder", ["images-224", "images_001/images_001", "data/all/png"])
def test_images_of_nih_in_other_folders_are_read_and_told(
    tmp_path: Path, load: Load, listener: Listener, folder: str
) -> None:
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, nih_rows())
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / folder / str(row[0]), seed)
    assert len(found(load, tmp_path)) == 3
    assert any(line.startswith("3 files of the table lie in other folders") for line in listener.lines)


@pytest.mark.field(SETS, "refused")
def test_images_of_nih_in_two_sizes_elsewhere_are_no_guess(tmp_path: Path, load: Load) -> None:
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, nih_rows())
    for seed, row in enumerate(nih_rows()):
        for folder in ("png-224", "png-512"):
            write_png(tmp_path / folder / str(row[0]), seed)
    refused(load, tmp_path, "3 of 3 images are absent", "did you mean png-")
    (tmp_path / "png-512").rename(tmp_path / "images")
    assert len(found(load, tmp_path)) == 3


@pytest.mark.field(SETS, "refused")
def test_another_table_of_nih_beside_its_own(tmp_path: Path, load: Load) -> None:
    for name in ("Data_Entry_2017.csv", "my_split.csv"):
        write_csv(tmp_path / name, NIH, nih_rows())
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / "images" / str(row[0]), seed)
    refused(load, tmp_path, "my_split.csv", "move the others away")
    (tmp_path / "my_split.csv").unlink()
    assert len(found(load, tmp_path)) == 3


@pytest.mark.field(SETS, "read")
def test_nih_resized_to_jpeg(tmp_path: Path, load: Load) -> None:
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, nih_rows())
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / "images" / str(row[0]).replace(".png", ".jpg"), seed)
    assert len(found(load, tmp_path)) == 3


@pytest.mark.field(SETS, "refused")
def test_archives_of_nih_that_nobody_unpacked(tmp_path: Path, load: Load) -> None:
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, nih_rows())
    (tmp_path / "images_001.tar.gz").write_bytes(b"\x1f\x8b")
    refused(load, tmp_path, "3 of 3 images are absent", "unpack the 1 archives there, such as images_001.tar.gz")
    for seed, row in enumerate(nih_rows()):
        write_png(tmp_path / "images" / str(row[0]), seed)
    assert len(found(load, tmp_path)) == 3


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize(("at", "value"), [(0, ""), (3, ""), (1, "Dropsy"), (4, "old"), (5, "K"), (6, "LL")])
def test_one_row_does_not_stop_nih(tmp_path: Path, load: Load, at: int, value: str) -> None:
    rows = nih_rows()
    for seed, row in enumerate(rows):
        write_png(tmp_path / "images" / str(row[0]), seed)
    rows[1][at] = value
    write_csv(tmp_path / "Data_Entry_2017.csv", NIH, rows)
    refused(load, tmp_path, "row 3", "modality.cohort.unknown=skip")
    loaded = load(tmp_path, unknown="skip")
    assert len(loaded.records) == 2
    assert sum(skip.count for skip in loaded.skipped if "without a row" not in skip.reason) == 1


# PadChest

PADCHEST = (
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "PatientID", "PatientBirth", "PatientSex_DICOM", "Projection",
    "Labels",
)  # fmt: skip


def padchest_rows() -> list[list[object]]:
    return [[n, f"im{n}.png", 0, 20140915, 70 + n, "1950.0", "F", "PA", "['nodule']"] for n in range(3)]


def padchest(data: Path, rows: Sequence[Sequence[object]], folder: str = "0") -> Path:
    path = data / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    write_csv(path, PADCHEST, rows)
    for n in range(3):
        write_png(data / folder / f"im{n}.png", n)
    return path


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("folder", ["0", "54", "images", ".", "0/0", "images-224"])
@pytest.mark.parametrize("zipped", [False, True])
def test_padchest(tmp_path: Path, load: Load, folder: str, zipped: bool) -> None:
    path = padchest(tmp_path, padchest_rows(), folder)
    if zipped:
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert found(load, tmp_path) == [(str(70 + n), CxrCondition(("nodule",), "PA", "F", 64)) for n in range(3)]


@pytest.mark.field(SETS, "read")
def test_places_among_the_labels_of_padchest_are_no_findings(tmp_path: Path, load: Load) -> None:
    rows = padchest_rows()
    rows[1][8] = "['pleural effusion', 'loc basal bilateral']"
    padchest(tmp_path, rows)
    assert found(load, tmp_path)[1][1].findings == ("pleural effusion",)


@pytest.mark.field(SETS, "read")
def test_padchest_packed_and_unpacked(tmp_path: Path, load: Load, listener: Listener) -> None:
    path = padchest(tmp_path, padchest_rows())
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len(found(load, tmp_path)) == 3
    assert any("its packed copy is not" in line for line in listener.lines)


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [(4, "", "row without patient or image"), (1, "", "row without patient or image"),
     (8, "nodule", "row with labels that cannot be read"), (6, "K", "row with a sex that cannot be read")],
)  # fmt: skip
def test_one_row_does_not_stop_padchest(tmp_path: Path, load: Load, at: int, value: str, reason: str) -> None:
    rows = padchest_rows()
    rows[1][at] = value
    padchest(tmp_path, rows)
    refused(load, tmp_path, "row 3", "modality.cohort.unknown=skip")
    loaded = load(tmp_path, unknown="skip")
    assert len(loaded.records) == 2
    assert (reason, 1) in {(skip.reason, skip.count) for skip in loaded.skipped}


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize(
    ("labels", "reason"),
    [("['unchanged']", "No Finding is not marked"), ("", "no labels"), ("nan", "no labels"), ("[]", "no labels"),
     ("['exclude']", "exclude")],
)  # fmt: skip
def test_labels_of_padchest_that_name_no_finding(tmp_path: Path, load: Load, labels: str, reason: str) -> None:
    rows = padchest_rows()
    rows[1][8] = labels
    padchest(tmp_path, rows)
    loaded = load(tmp_path)
    assert len(loaded.records) == 2
    assert [(skip.count, reason in skip.reason) for skip in loaded.skipped] == [(1, True)]


@pytest.mark.field(SETS, "refused")
def test_zips_of_padchest_that_nobody_unpacked(tmp_path: Path, load: Load) -> None:
    padchest(tmp_path, padchest_rows(), "elsewhere")
    for n in range(3):
        (tmp_path / f"elsewhere/im{n}.png").rename(tmp_path / f"im{n}.png.part")
    (tmp_path / "0.zip").write_bytes(b"PK\x03\x04")
    refused(load, tmp_path, "3 of 3 images are absent", "unpack the 1 archives there, such as 0.zip")
    padchest(tmp_path, padchest_rows())
    assert len(found(load, tmp_path)) == 3


# BRAX

BRAX = (
    "DicomPath", "PngPath", "PatientID", "PatientSex", "PatientAge", "StudyDate", *COLUMNS, "AccessionNumber",
    "ViewPosition",
)  # fmt: skip


def brax(data: Path, name: str = "master_spreadsheet_update.csv", **extra: object) -> None:
    people = (("F", "61", "PA"), ("M", "85 or more", "AP"), ("M", "40", "L"), ("F", "4", ""))
    cells = marks(**(extra or {"Edema": 1.0}))
    rows = [
        ["", f"images/id_{n}/Study_1/Series_1/image-{n}.png", f"id_{n}", sex, age, "2010", *cells, f"a{n}", view]
        for n, (sex, age, view) in enumerate(people)
    ]
    write_csv(data / name, BRAX, rows)
    for seed, row in enumerate(rows):
        write_png(data / str(row[1]), seed)


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("name", ["master_spreadsheet.csv", "master_spreadsheet_update.csv"])
def test_brax(tmp_path: Path, load: Load, name: str) -> None:
    brax(tmp_path, name)
    loaded = load(tmp_path)
    assert loaded.layout == "brax"
    assert [(real.patient, real.condition) for real in loaded.records] == [
        ("id_0", CxrCondition(("Edema",), "PA", "F", 61)),
        ("id_1", CxrCondition(("Edema",), "AP", "M", 85)),
    ]
    assert {skip.reason for skip in loaded.skipped} == {"lateral or oblique view", "no view is given"}


@pytest.mark.field(SETS, "read")
def test_of_two_tables_of_brax_the_mended_one_is_read(tmp_path: Path, load: Load, listener: Listener) -> None:
    brax(tmp_path, "master_spreadsheet.csv", Fracture=1)
    brax(tmp_path, "master_spreadsheet_update.csv")
    assert {condition.findings for _, condition in found(load, tmp_path)} == {("Edema",)}
    assert any("master_spreadsheet_update.csv is read" in line for line in listener.lines)


# Open-i


def openi(data: Path, problems: Sequence[str], folder: str = "images/images_normalized") -> None:
    header = ("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")
    reports = [(n, p, p, "Xray", "", "", "The heart is normal, see above.", "") for n, p in enumerate(problems, 1)]
    images = [
        (n, f"{n}_IM-000{n}-{view}.dcm.png", view)
        for n in range(1, len(problems) + 1)
        for view in ("Frontal", "Lateral")
    ]
    write_csv(data / "indiana_reports.csv", header, reports)
    write_csv(data / "indiana_projections.csv", ("uid", "filename", "projection"), images)
    for seed, (_, name, _) in enumerate(images):
        write_png(data / folder / name, seed)


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("folder", ["images/images_normalized", "images", "."])
def test_openi(tmp_path: Path, load: Load, folder: str) -> None:
    openi(tmp_path, ("normal", "Cardiomegaly;Catheters, Indwelling", "Effusion"), folder)
    loaded = load(tmp_path)
    assert loaded.layout == "openi"
    assert [(real.patient, real.condition.findings) for real in loaded.records] == [
        ("1", ()), ("2", ("Cardiomegaly", "Catheters, Indwelling")), ("3", ("Effusion",)),
    ]  # fmt: skip
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("lateral or oblique view", 3)]


@pytest.mark.field(SETS, "read")
def test_problems_of_openi_keep_their_commas_where_each_report_has_one(tmp_path: Path, load: Load) -> None:
    openi(tmp_path, ("normal", "Catheters, Indwelling"))
    assert [real.condition.findings for real in load(tmp_path).records] == [(), ("Catheters, Indwelling",)]


@pytest.mark.field(SETS, "read")
@pytest.mark.parametrize("name", ["indiana_reports.csv", "indiana_projections.csv"])
def test_numbers_of_openi_that_became_floats_in_one_table(tmp_path: Path, load: Load, name: str) -> None:
    openi(tmp_path, ("normal", "Effusion"))
    header, *lines = (tmp_path / name).read_text().splitlines()
    (tmp_path / name).write_text("\n".join([header, *(line.replace(",", ".0,", 1) for line in lines)]))
    assert [(real.patient, real.condition.findings) for real in load(tmp_path).records] == [
        ("1", ()),
        ("2", ("Effusion",)),
    ]


@pytest.mark.field(SETS, "counted")
@pytest.mark.parametrize("problems", ["", "No Indexing", "nan"])
def test_reports_of_openi_without_problems_say_nothing(tmp_path: Path, load: Load, problems: str) -> None:
    openi(tmp_path, ("normal", problems))
    loaded = load(tmp_path)
    assert [real.patient for real in loaded.records] == ["1"]
    assert ("report without problems that are indexed", 1) in {(skip.reason, skip.count) for skip in loaded.skipped}


# RSNA's pneumonia challenge


def rsna(data: Path, classes: bool = True, people: bool = True) -> None:
    images = ("aaa", "bbb", "ccc", "ddd")
    rows = [("aaa", 1, 2, 3, 4, 1), ("aaa", 5, 6, 7, 8, 1), *((name, "", "", "", "", 0) for name in images[1:])]
    write_csv(data / "stage_2_train_labels.csv", ("patientId", "x", "y", "width", "height", "Target"), rows)
    said = ("Lung Opacity", "Normal", "No Lung Opacity / Not Normal", "Normal")
    if classes:
        write_csv(
            data / "stage_2_detailed_class_info.csv", ("patientId", "class"), list(zip(images, said, strict=True))
        )
    if people:
        told = [{"subset_img_id": name, "img_id": f"0000000{n // 2}_00{n}.png"} for n, name in enumerate(images)]
        (data / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(told))
    for name in images:
        write_dicom(data / f"stage_2_train_images/{name}.dcm", PatientID=name, PatientAge="51", Modality="CR")
    write_dicom(data / "stage_2_test_images/eee.dcm", PatientID="eee")


@pytest.mark.field(SETS, "read")
def test_rsna_with_people_by_the_mapping_to_chestxray14(tmp_path: Path, load: Load) -> None:
    rsna(tmp_path)
    loaded = load(tmp_path)
    assert sorted(real.condition.labels for real in loaded.records) == [
        ("Lung Opacity",), ("No Finding",), ("No Finding",), ("Other Abnormality",),
    ]  # fmt: skip
    assert len({real.patient for real in loaded.records}) == 2
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("image without a row in the table", 1)]


@pytest.mark.field(SETS, "read")
def test_rsna_without_the_mapping_is_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    rsna(tmp_path, people=False)
    assert len({real.patient for real in load(tmp_path).records}) == 4
    assert any("pneumonia-challenge-dataset-mappings_2018.json" in line for line in listener.lines)
    rsna(tmp_path)
    assert len({real.patient for real in load(tmp_path).records}) == 2


@pytest.mark.field(SETS, "counted")
def test_rsna_without_classes_has_no_normal_images(tmp_path: Path, load: Load, listener: Listener) -> None:
    rsna(tmp_path, classes=False)
    assert [real.condition.labels for real in load(tmp_path).records] == [("Lung Opacity",)]
    assert any("stage_2_detailed_class_info.csv" in line for line in listener.lines)


# Sets that say not who their patients are


@pytest.mark.field(SETS, "refused")
@pytest.mark.parametrize("place", ["annotations/image_labels_train.csv", "image_labels_train.csv", "train.csv"])
def test_vindr_as_pictures(tmp_path: Path, load: Load, place: str) -> None:
    write_csv(
        tmp_path / place, ("image_id", "rad_id", "Cardiomegaly", "No finding"), [("a", "R1", 0, 1), ("b", "R1", 1, 0)]
    )
    for name in "ab":
        write_png(tmp_path / f"train/{name}.png", ord(name))
    refused(load, tmp_path, "VinDr-CXR says not who its patients are", "write metadata.csv into this folder")
    rows = [("train/a.png", "a", "No finding"), ("train/b.png", "b", "Cardiomegaly")]
    write_csv(tmp_path / "metadata.csv", ("file_name", "patient_id", "labels"), rows)
    assert found(load, tmp_path) == [("a", CxrCondition()), ("b", CxrCondition(("Cardiomegaly",)))]


@pytest.mark.field(SETS, "refused")
def test_vindr_as_dicom_files_without_patients(tmp_path: Path, load: Load) -> None:
    for name in "ab":
        write_dicom(tmp_path / f"train/{name}.dicom", PatientID=None)
    refused(load, tmp_path, "has no PatientID", "give a patient_id in metadata.csv")
    rows = [("train/a.dicom", "a", "No finding"), ("train/b.dicom", "b", "Cardiomegaly")]
    write_csv(tmp_path / "metadata.csv", ("file_name", "patient_id", "labels"), rows)
    assert sorted(condition.labels for _, condition in found(load, tmp_path)) == [("Cardiomegaly",), ("No Finding",)]


@pytest.mark.field(SETS, "read")
def test_a_table_of_covid_images_with_views_and_scans(tmp_path: Path, load: Load) -> None:
    header = ("patientid", "offset", "sex", "age", "finding", "view", "modality", "date", "folder", "filename")
    rows = [
        ("2", 0, "M", "65", "Pneumonia/Viral/COVID-19", "PA", "X-ray", "2020", "images", "a.jpg"),
        ("3", 0, "F", "", "No Finding", "AP Supine", "X-ray", "2020", "images", "b.png"),
        ("4", 0, "", "52", "Tuberculosis", "L", "X-ray", "2020", "images", "c.png"),
        ("5", 0, "", "52", "Tuberculosis", "Axial", "CT", "2020", "images", "d.png"),
        ("6", 0, "", "52", "Tuberculosis", "Coronal", "CT", "2020", "images", "e.png"),
    ]
    write_csv(tmp_path / "metadata.csv", header, rows)
    for seed, row in enumerate(rows):
        write_png(tmp_path / "images" / str(row[-1]), seed)
    assert found(load, tmp_path) == [
        ("2", CxrCondition(("Pneumonia/Viral/COVID-19",), "PA", "M", 65)),
        ("3", CxrCondition((), "AP", "F")),
    ]


@pytest.mark.field(SETS, "read")
def test_a_table_with_a_report_in_a_column_that_is_not_read(tmp_path: Path, load: Load) -> None:
    report = 'Heart size normal.\nThe "left" base; clear, no effusion.'
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        rows = [("file_name", "report", "patient_id", "labels"), ("a.png", report, "p1", "Mass")]
        csv.writer(file).writerows(rows)
    write_png(tmp_path / "a.png")
    assert found(load, tmp_path) == [("p1", CxrCondition(("Mass",)))]


@pytest.mark.field(SETS, "refused")
def test_a_release_of_ones_own_is_no_cohort(load: Load, tmp_path: Path) -> None:
    write_png(tmp_path / "data" / "train" / "0000.png", 1)
    (tmp_path / "croissant.json").write_text(json.dumps({"name": "release", "keywords": ["synthetic", "medical"]}))
    refused(load, tmp_path, "release of synthetic data", "folder of real images")
