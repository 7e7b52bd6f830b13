"""Every wrong input ends in one clear line that names what to put right, and no patient."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cohort_files import PLAIN_HEADER, Load, chest, write_csv, write_png
from PIL import Image

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort import store
from synthgen.generators.cxr.cohort.labeler import COLUMNS

PERSON = "patient-4711"


def refused(load: Load, data: Path, *words: str, **settings: object) -> str:
    with pytest.raises(UserError) as caught:
        load(data, **settings)
    line = str(caught.value)
    assert "\n" not in line
    assert PERSON not in line
    for word in words:
        assert word in line
    return line


def header_of_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, with next to no data: a decompression bomb."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"\0" * 4096)) + chunk(b"IEND", b"")


def test_folder_absent_empty_or_a_file(tmp_path: Path, load: Load) -> None:
    refused(load, tmp_path / "nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    refused(load, tmp_path / "empty", "is empty")
    (tmp_path / "a.csv").write_text("x")
    refused(load, tmp_path / "a.csv", "is a file", "folder")


def test_no_layout_fits_and_two_layouts_fit(plain_folder: Path, tmp_path: Path, load: Load) -> None:
    write_png(tmp_path / "pictures/a.png")
    refused(load, tmp_path / "pictures", "no known layout", "write metadata.csv", "file_name, patient_id, labels")
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/notes.txt").write_text("x")
    refused(load, tmp_path / "papers", "no known layout", "Data_Entry_2017*.csv", "metadata.csv", "*.dcm")
    (plain_folder / "Data_Entry_2017.csv").write_text("Image Index,Finding Labels,Patient ID\na.png,Mass,1\n")
    refused(load, plain_folder, "more than one layout", "nih", "plain", "cohort.layout")
    assert load(plain_folder, layout="plain").layout == "plain"


@pytest.mark.parametrize("layout", ["nih", "chexpert", "mimic", "padchest", "dicom"])
def test_a_layout_that_is_named_but_not_there(plain_folder: Path, load: Load, layout: str) -> None:
    refused(load, plain_folder, "layout needs", layout=layout)


Edit = Callable[[str], str]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text.replace("patient_id", "whose"), ["metadata.csv", "missing column", "patient_id"]),
        (lambda text: text.replace("view", "labels"), ["metadata.csv", "more than once", "labels"]),
        (lambda text: text.replace(",", ":"), ["missing column", "it has the one column"]),
        (lambda text: text.splitlines()[0] + "\n", ["metadata.csv", "no rows"]),
        (lambda text: "", ["metadata.csv is empty"]),
        (lambda text: text + text.splitlines()[1], ["three.png", "twice", "row 2", "row 6"]),
        (lambda text: text.replace("Fibrosis", ""), ["row 5", 'use "No Finding"']),
        (lambda text: text.replace("Fibrosis", "NaN"), ["row 5", 'use "No Finding"']),
        (lambda text: text.replace("Fibrosis", "|"), ["row 5", "empty"]),
        (lambda text: text.replace("Fibrosis", "negative"), ["row 5", 'use "No Finding"']),
        (lambda text: text.replace("Fibrosis", "No Finding|Mass"), ["row 5", "stands beside"]),
        (lambda text: text.replace("M,0", "M,old"), ["row 5", "age", "0 to 120"]),
        (lambda text: text.replace("M,0", "M,40-49"), ["row 5", "age", "0 to 120"]),
        (lambda text: text.replace("M,0", "M,1950-03-02"), ["row 5", "age", "birth_date", "study_date"]),
        (lambda text: text.replace("M,0", "Q,0"), ["row 5", "sex"]),
        (lambda text: text.replace("PA,M", "sideways,M"), ["row 5", "view"]),
        (lambda text: text.replace("p4", ""), ["row 5", "patient_id"]),
        (lambda text: text.replace("four.png", ""), ["row 5", "file_name"]),
        (lambda text: text.replace("four.png", "../four.png"), ["row 5", "below"]),
        (lambda text: text.replace("four.png", "/etc/four.png"), ["row 5", "below"]),
        (lambda text: text.replace("M,0", "M,0,Mass"), ["row 5", "7 cells", "double quotes"]),
        (lambda text: text.replace("four.png,p4,Fibrosis,PA,M,0", "four.png,p4"), ["row 5", "2 cells"]),
        (lambda text: text.replace("four.png", "five.png"), ["1 of 4", "absent", "five.png", "row 5", "absent=skip"]),
    ],
)  # fmt: skip
def test_a_table_that_is_not_right(plain_folder: Path, load: Load, edit: Edit, words: list[str]) -> None:
    table = plain_folder / "metadata.csv"
    table.write_text(edit(table.read_text().replace("p1", PERSON)))
    refused(load, plain_folder, *words)


@pytest.mark.parametrize("content", [bytes(range(256)) * 4, b"\x81\x8d,\x8f,\x90\n"])
def test_a_table_that_is_no_text(plain_folder: Path, load: Load, content: bytes) -> None:
    (plain_folder / "metadata.csv").write_bytes(content)
    refused(load, plain_folder, "metadata.csv", "UTF-8", layout="plain")


def test_a_byte_order_mark_is_no_error(plain_folder: Path, load: Load) -> None:
    table = plain_folder / "metadata.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert len(load(plain_folder).records) == 4


def damaged_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(chest(0)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty file", "0 bytes"]),
        (b"GIF89a nothing that is read here", ["neither PNG nor JPEG"]),
        (b"\x89PNG\r\n\x1a\n", ["damaged or cut short"]),
        (b"\xff\xd8\xff\xe0", ["damaged or cut short"]),
        (header_of_png(1, 1), ["1 × 1", "32 at least"]),
        (header_of_png(20_000, 20_000), ["20000 × 20000", "16,384 at most"]),
        (header_of_png(60, 16_385), ["16,384 at most"]),
        (header_of_png(300, 100), ["300 × 100", "no frontal chest"]),
        (header_of_png(4_000, 4_000), ["damaged or cut short"]),
        (damaged_png(), ["damaged or cut short"]),
    ],
)
def test_an_image_that_is_not_right(plain_folder: Path, load: Load, content: bytes, words: list[str]) -> None:
    (plain_folder / "two.png").write_bytes(content)
    refused(load, plain_folder, "two.png", *words)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_that_is_cut_short(plain_folder: Path, load: Load, suffix: str) -> None:
    Image.fromarray(chest(1, 300, 300)).save(plain_folder / f"whole.{suffix}")
    whole = (plain_folder / f"whole.{suffix}").read_bytes()
    (plain_folder / f"whole.{suffix}").unlink()
    (plain_folder / "two.png").write_bytes(whole[: len(whole) // 2])
    refused(load, plain_folder, "two.png", "cut short")


def test_an_image_that_shows_nothing(plain_folder: Path, load: Load) -> None:
    Image.new("L", (64, 64), 7).save(plain_folder / "two.png")
    refused(load, plain_folder, "two.png", "all its pixels are the same")


def test_all_bad_images_are_told_in_one_go_and_nothing_is_left_behind(
    plain_folder: Path, tmp_path: Path, load: Load
) -> None:
    for name in ("one.png", "two.png", "four.png", "b/three.png"):
        content = (plain_folder / name).read_bytes()
        (plain_folder / name).write_bytes(content[: len(content) // 2])
    refused(
        load, plain_folder, "three.png", "four.png", "one.png", "4 of 4 images", "and 1 more", cache=tmp_path / "cache"
    )
    assert not list((tmp_path / "cache").iterdir())


def test_nih_with_an_unknown_finding_lists_the_known_ones(tmp_path: Path, load: Load) -> None:
    table = tmp_path / "Data_Entry_2017_v2020.csv"
    header = "Image Index,Finding Labels,Patient ID,Patient Age\n"
    table.write_text(header + f"a.png,Mass|Dropsy,{PERSON},4\n")
    refused(load, tmp_path, "row 2", '"Dropsy"', "Pneumothorax", 'use "No Finding"')
    table.write_text(header + f"a.png,Mass,{PERSON},four\n")
    refused(load, tmp_path, "row 2", "age")
    table.write_text(header + f"a.png,Mass,{PERSON},4\na.png,Mass,{PERSON},4\n")
    refused(load, tmp_path, "a.png", "twice")
    table.write_text("Image Index,Finding Labels,Finding Labels\n")
    refused(load, tmp_path, "more than once", "Finding Labels")
    table.write_text("Image Index,Patient Age\n")
    refused(load, tmp_path, "missing column", "Finding Labels", "Patient ID")


def test_chexpert_with_another_value_than_the_labelers(tmp_path: Path, load: Load) -> None:
    row = ("CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg", "Frontal", "2.0", *[""] * (len(COLUMNS) - 1))
    write_csv(tmp_path / "train.csv", ("Path", "Frontal/Lateral", *COLUMNS), [row])
    refused(load, tmp_path, "train.csv, row 2", COLUMNS[0], "1, 0, -1")


def test_a_finding_that_the_cohort_lacks(plain_folder: Path, load: Load) -> None:
    refused(load, plain_folder, "Dropsy", "Effusion, Fibrosis, Nodule", findings=("Effusion", "Dropsy"))


def test_nothing_left_says_why(tmp_path: Path, load: Load) -> None:
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER, [("a.png", "p1", "Mass", "lateral", "F", "3")])
    refused(load, tmp_path, "no image is left", "1 × lateral or oblique view")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_folder_without_write_permission(plain_folder: Path, tmp_path: Path, load: Load) -> None:
    (tmp_path / "sealed").mkdir(mode=0o500)
    refused(load, plain_folder, "cannot write to", cache=tmp_path / "sealed" / "cache")


def test_a_cache_folder_that_is_a_file(plain_folder: Path, tmp_path: Path, load: Load) -> None:
    (tmp_path / "cache").write_text("")
    refused(load, plain_folder, "cannot write to", cache=tmp_path / "cache")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(plain_folder: Path, tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_owner_only", lambda path, flags: os.open("/dev/full", os.O_WRONLY))
    refused(load, plain_folder, "cannot write to", "No space left", cache=tmp_path / "cache")
