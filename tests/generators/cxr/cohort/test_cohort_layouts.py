"""Every layout, from files that the tests write themselves."""

from __future__ import annotations

import gzip
import os
import stat
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from cohort_files import PLAIN_HEADER, Listener, Load, chest, write_csv, write_png

from synthgen.errors import UserError
from synthgen.payloads.cxr import CxrCondition
from synthgen.records import Skipped

NIH_HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,W[a,b],S[x,y]"
LABELER = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip


def labelled(**values: str) -> list[str]:
    return [values.get(name.replace(" ", "_"), "") for name in LABELER]


def write_nih(data: Path, rows: list[str], header: str = NIH_HEADER, name: str = "Data_Entry_2017_v2020.csv") -> None:
    data.mkdir(parents=True, exist_ok=True)
    (data / name).write_text("\n".join([header, *rows]) + "\n")


def test_nih_with_a_header_that_ends_in_a_comma_and_images_in_numbered_folders(
    tmp_path: Path, load: Load, listener: Listener
) -> None:
    rows = [
        "00000009_001.png,Mass|Effusion,1,9,412,M,AP,2,2,1,1",
        "00000009_000.png,No Finding,0,9,058Y,F,PA,2,2,1,1",
        "00000031_000.png,Pleural_Thickening,0,00000031,006M,M,PA,2,2,1,1",
    ]
    write_nih(tmp_path, rows, NIH_HEADER + ",", "Data_Entry_2017.csv")
    write_png(tmp_path / "images_001/images/00000009_000.png", 1)
    write_png(tmp_path / "images_002/images/00000009_001.png", 2)
    write_png(tmp_path / "images_012/images/00000031_000.png", 3)
    write_png(tmp_path / "images_012/images/00000077_000.png", 4)

    loaded = load(tmp_path)

    assert loaded.layout == "nih"
    assert "Wang" in loaded.licence
    assert [(real.patient, real.record, real.condition) for real in loaded.records] == [
        ("9", "00000009_000.png", CxrCondition((), "PA", "F", 58)),
        ("9", "00000009_001.png", CxrCondition(("Effusion", "Mass"), "AP", "M", None)),
        ("31", "00000031_000.png", CxrCondition(("Pleural_Thickening",), "PA", "M", 0)),
    ]
    assert loaded.skipped == (Skipped("image without a row in the table", 1),)
    assert any("1 ages outside 0 to 120" in line for line in listener.lines)


@pytest.mark.parametrize("folder", ["images", "."])
def test_nih_sample_labels_are_recognised_by_their_header(tmp_path: Path, load: Load, folder: str) -> None:
    write_nih(tmp_path, ["a.png,Hernia,000,00000031,031Y,F,PA,2,2,1,1"], name="sample_labels.csv")
    write_png(tmp_path / folder / "a.png")
    assert load(tmp_path).records[0].condition == CxrCondition(("Hernia",), "PA", "F", 31)


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    header = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELER)
    top = "CheXpert-v1.0-small/"
    train = [
        (top + "train/patient00007/study1/view1_frontal.jpg", "Male", 61, "Frontal", "AP",
         *labelled(Edema="1.0", Pneumonia="-1.0", Fracture="0.0")),
        (top + "train/patient00007/study1/view2_lateral.jpg", "Male", 61, "Lateral", "", *labelled(Edema="1.0")),
        (top + "train/patient00008/study2/view1_frontal.jpg", "Unknown", 40, "Frontal", "PA",
         *labelled(No_Finding="1.0", Support_Devices="1.0")),
    ]  # fmt: skip
    valid = [(top + "valid/patient00900/study1/view1_frontal.jpg", "Female", 30, "Frontal", "LL", *labelled())]
    write_csv(tmp_path / "train.csv", header, train)
    write_csv(tmp_path / "valid.csv", header, valid)
    for seed, row in enumerate(train):
        write_png(tmp_path / row[0].removeprefix(top), seed)
    return tmp_path


@pytest.mark.parametrize(
    ("uncertain", "expected"), [("negative", ("Edema",)), ("positive", ("Edema", "Pneumonia")), ("drop", None)]
)
def test_chexpert(chexpert: Path, load: Load, uncertain: str, expected: tuple[str, ...] | None) -> None:
    loaded = load(chexpert, uncertain=uncertain)
    assert loaded.layout == "chexpert"
    conditions = {real.patient: real.condition for real in loaded.records}
    assert conditions["patient00008"] == CxrCondition(("Support Devices",), "PA", "", 40)
    if expected is None:
        assert "patient00007" not in conditions
        assert Skipped("uncertain finding", 1) in loaded.skipped
    else:
        assert conditions["patient00007"] == CxrCondition(expected, "AP", "M", 61)
    assert Skipped("lateral view", 2) in loaded.skipped
    assert loaded.records[-1].record == "train/patient00008/study2/view1_frontal.jpg"


@pytest.mark.parametrize("zipped", [False, True])
def test_mimic(tmp_path: Path, load: Load, zipped: bool) -> None:
    images = [
        ("cc", "10000032", "50000001", "PA", ""),
        ("aa", "10000032", "50000001", "LATERAL", ""),
        ("bb", "10000032", "50000002", "", "antero-posterior"),
        ("dd", "11111111", "50000003", "", ""),
        ("ee", "11111111", "50000004", "AP", ""),
    ]
    header = ("dicom_id", "subject_id", "study_id", "ViewPosition", "ViewCodeSequence_CodeMeaning")
    write_csv(tmp_path / "mimic-cxr-2.0.0-metadata.csv", header, images)
    studies = [
        ("10000032", "50000001", *labelled(No_Finding="1.0")),
        ("10000032", "50000002", *labelled(Lung_Opacity="1.0", Edema="-1.0")),
    ]
    write_csv(tmp_path / "mimic-cxr-2.0.0-chexpert.csv", ("subject_id", "study_id", *LABELER), studies)
    if zipped:
        for table in tmp_path.glob("*.csv"):
            table.with_suffix(".csv.gz").write_bytes(gzip.compress(table.read_bytes()))
            table.unlink()
    write_png(tmp_path / "files/p10/p10000032/s50000001/cc.jpg", 1)
    write_png(tmp_path / "files/p10/p10000032/s50000002/bb.jpg", 2)

    loaded = load(tmp_path, uncertain="positive")

    assert loaded.layout == "mimic"
    assert [(real.patient, real.record, real.condition) for real in loaded.records] == [
        ("10000032", "p10/p10000032/s50000001/cc", CxrCondition((), "PA")),
        ("10000032", "p10/p10000032/s50000002/bb", CxrCondition(("Edema", "Lung Opacity"), "AP")),
    ]
    assert {(skip.reason, skip.count) for skip in loaded.skipped} == {
        ("lateral or oblique view", 1), ("no view is given", 1), ("study without labels", 1),
    }  # fmt: skip


PADCHEST_HEADER = ("", "ImageID", "ImageDir", "StudyDate_DICOM", "PatientID", "PatientBirth", "PatientSex_DICOM",
                   "Projection", "Labels")  # fmt: skip


def test_padchest(tmp_path: Path, load: Load) -> None:
    rows = [
        (0, "a.png", 0, 20140915, "77", "1950.0", "F", "PA", "['normal']"),
        (1, "b.png", 36, 20140915, "77", "1950.0", "F", "AP_horizontal", "[' nodule', 'cardiomegaly', 'nodule', '']"),
        (2, "c.png", 0, 20140915, "77", "1950.0", "F", "L", "['normal']"),
        (3, "d.png", 0, 20140915, "78", "1850.0", "M", "COSTAL", "['normal']"),
        (4, "e.png", 0, 20140915, "78", "1850.0", "M", "PA", "['exclude']"),
        (5, "f.png", 0, 20140915, "78", "1850.0", "M", "PA", ""),
        (6, "g.png", 0, 20140915, "78", "1850.0", "M", "AP", "['unchanged', 'pneumonia']"),
    ]
    write_csv(tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", PADCHEST_HEADER, rows)
    for name in ("0/a.png", "36/b.png", "g.png"):
        write_png(tmp_path / name)
    loaded = load(tmp_path)
    assert loaded.layout == "padchest"
    assert [(real.record, real.condition) for real in loaded.records] == [
        ("a.png", CxrCondition((), "PA", "F", 64)),
        ("b.png", CxrCondition(("cardiomegaly", "nodule"), "AP", "F", 64)),
        ("g.png", CxrCondition(("pneumonia",), "AP", "M", None)),
    ]
    assert {skip.reason: skip.count for skip in loaded.skipped} == {
        "lateral view": 1,
        "projection that is not a frontal chest": 1,
        "labelled exclude or suboptimal study": 1,
        "no labels": 1,
    }


@pytest.mark.parametrize("cell", ["__import__('os').getcwd()", "[1, 2]", "['a'", "{'a': 1}"])
def test_padchest_labels_are_data_never_code(tmp_path: Path, load: Load, cell: str) -> None:
    write_csv(tmp_path / "PADCHEST.csv", PADCHEST_HEADER, [(0, "a.png", 0, 2014, "77", "1950", "F", "PA", cell)])
    with pytest.raises(UserError, match=r"row 2: the Labels must be a list"):
        load(tmp_path)


def test_plain(plain_folder: Path, load: Load) -> None:
    (plain_folder / "LICENSE").write_text("\nCC0 1.0\nmore\n")
    loaded = load(plain_folder)
    assert (loaded.layout, loaded.licence, loaded.skipped) == ("plain", "CC0 1.0", ())
    assert [(real.patient, real.record, real.condition) for real in loaded.records] == [
        ("p3", "b/three.png", CxrCondition(("Effusion", "Nodule"))),
        ("p4", "four.png", CxrCondition(("Fibrosis",), "PA", "M", 0)),
        ("p1", "one.png", CxrCondition((), "PA", "F", 50)),
        ("p1", "two.png", CxrCondition(("Effusion",), "AP", "F", 51)),
    ]
    payload = loaded.records[0].payload
    assert payload.shape == (48, 48)
    assert payload.dtype == np.uint8
    assert not payload.flags.writeable


def test_plain_as_imagefolder_with_splits_and_laterals(tmp_path: Path, load: Load) -> None:
    for split, seed in (("train", 1), ("test", 2)):
        rows = [("x.png", "p1", "Nodule", "PA"), ("l.png", "p1", "Nodule", "lateral")]
        write_csv(tmp_path / split / "metadata.csv", ("file_name", "patient_id", "labels", "view"), rows)
        write_png(tmp_path / split / "x.png", seed)
    write_png(tmp_path / "train/stray.png")
    loaded = load(tmp_path)
    assert [real.record for real in loaded.records] == ["test/x.png", "train/x.png"]
    assert set(loaded.skipped) == {
        Skipped("lateral or oblique view", 2), Skipped("image without a row in the table", 1),
    }  # fmt: skip


def test_chosen_findings_leave_out_images_with_other_findings_only(plain_folder: Path, load: Load) -> None:
    loaded = load(plain_folder, findings=("Effusion",))
    assert {real.record: real.condition.findings for real in loaded.records} == {
        "b/three.png": ("Effusion",), "one.png": (), "two.png": ("Effusion",),
    }  # fmt: skip
    assert [skip.count for skip in loaded.skipped] == [1]


def test_absent_images_may_be_skipped_with_a_count(plain_folder: Path, load: Load) -> None:
    (plain_folder / "one.png").unlink()
    loaded = load(plain_folder, absent="skip")
    assert len(loaded.records) == 3
    assert loaded.skipped == (Skipped("absent image", 1),)


def test_the_order_of_the_table_does_not_matter(plain_folder: Path, load: Load) -> None:
    before = load(plain_folder)
    header, *rows = (plain_folder / "metadata.csv").read_text().splitlines()
    (plain_folder / "metadata.csv").write_text("\n".join([header, *reversed(rows)]))
    after = load(plain_folder)
    assert [real.record for real in after.records] == [real.record for real in before.records]
    for one, other in zip(before.records, after.records, strict=True):
        np.testing.assert_array_equal(one.payload, other.payload)


def test_the_array_is_private_and_reused_until_an_image_changes(plain_folder: Path, tmp_path: Path, load: Load) -> None:
    cache = tmp_path / "work" / "cache"
    before = load(plain_folder, cache=cache)
    (stored,) = cache.glob("*.npy")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    first = stored.stat()
    load(plain_folder, cache=cache)
    assert stored.stat() == first

    write_png(plain_folder / "one.png", 99)
    os.utime(plain_folder / "one.png", ns=(1, 1))
    after = load(plain_folder, cache=cache)
    (renewed,) = cache.glob("*.npy")
    assert {path.stem for path in cache.iterdir()} == {renewed.stem} != {stored.stem}
    assert (before.records[2].payload != after.records[2].payload).any()


def test_a_broken_array_in_the_cache_is_made_anew(plain_folder: Path, tmp_path: Path, load: Load) -> None:
    cache = tmp_path / "cache"
    load(plain_folder, cache=cache)
    (stored,) = cache.glob("*.npy")
    stored.write_bytes(stored.read_bytes()[:500])
    assert len(load(plain_folder, cache=cache).records) == 4


def test_memory_does_not_hold_the_cohort(tmp_path: Path, load: Load) -> None:
    count, size = 60, 256
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER[:3], [(f"{i}.png", f"p{i}", "Nodule") for i in range(count)])
    for i in range(count):
        write_png(tmp_path / f"{i}.png", i)
    tracemalloc.start()
    try:
        loaded = load(tmp_path, size=size)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(loaded.records) == count
    assert peak < count * size * size / 2


def test_records_hold_the_image_of_their_row(plain_folder: Path, load: Load) -> None:
    # The seeds are the rows of the table, not the records' order.
    by_record = {real.record: real.payload for real in load(plain_folder, size=64).records}
    for seed, name in enumerate(("b/three.png", "one.png", "two.png", "four.png")):
        np.testing.assert_array_equal(by_record[name], chest(seed))
