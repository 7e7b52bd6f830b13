"""Trees of DICOM files, written with pydicom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from cohort_files import Listener, Load, chest, write_csv
from dicom_exports import NAME, PATIENT, write_dicom
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort.dicom import pseudonym
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.records import Loaded, Skipped


def shown(load: Load, folder: Path) -> NDArray[np.uint8]:
    (real,) = load(folder, size=64).records
    return real.payload


def close(read: NDArray[np.uint8], expected: NDArray[Any], tolerance: float = 1.0) -> None:
    assert np.abs(read.astype(float) - expected).max() <= tolerance


FULL = {"WindowCenter": 2048, "WindowWidth": 4096}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_compressed_or_not(tmp_path: Path, load: Load, syntax: str) -> None:
    write_dicom(tmp_path / "a.dcm", syntax=syntax, **FULL)
    assert pydicom.dcmread(tmp_path / "a.dcm").file_meta.TransferSyntaxUID == syntax
    close(shown(load, tmp_path), chest(1))


def test_monochrome1_is_inverted(tmp_path: Path, load: Load) -> None:
    inverted = 4095 - chest(1).astype(np.uint16) * 16
    write_dicom(tmp_path / "a.dcm", inverted, PhotometricInterpretation="MONOCHROME1", **FULL)
    close(shown(load, tmp_path), chest(1))


def test_8_16_and_signed_bits(tmp_path: Path, load: Load) -> None:
    image = chest(1)
    write_dicom(tmp_path / "a/a.dcm", image, bits=8, WindowCenter=128, WindowWidth=256)
    close(shown(load, tmp_path / "a"), image)
    write_dicom(tmp_path / "b/b.dcm", image.astype(np.uint16) * 257, bits=16, WindowCenter=32768, WindowWidth=65536)
    close(shown(load, tmp_path / "b"), image)
    signed = image.astype(np.int16) * 16 - 2048
    write_dicom(tmp_path / "c/c.dcm", signed, bits=16, WindowCenter=0, WindowWidth=4096)
    close(shown(load, tmp_path / "c"), image)


def test_the_window_is_in_rescaled_values(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm", RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1096, WindowWidth=2048)
    stored = chest(1).astype(float) * 16
    expected = ((stored * 2 - 1000 - 1095.5) / 2047 + 0.5) * 255  # PS3.3 C.11.2.1.2.1
    close(shown(load, tmp_path), expected.clip(0, 255), 2)


@pytest.mark.parametrize(
    ("function", "curve"),
    [
        ("LINEAR_EXACT", lambda x: ((x - 2048) / 2000 + 0.5).clip(0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 2048) / 2000))),
    ],
)
def test_other_functions_of_the_window(tmp_path: Path, load: Load, function: str, curve: Any) -> None:
    write_dicom(tmp_path / "a.dcm", WindowCenter=[2048, 9], WindowWidth=[2000, 9], VOILUTFunction=function)
    close(shown(load, tmp_path), 255 * curve(chest(1).astype(float) * 16), 2)


def test_a_voi_lut_goes_before_a_window(tmp_path: Path, load: Load) -> None:
    lut = Dataset()
    lut.LUTDescriptor = [4096, 0, 16]
    lut.LUTData = (65535 * (np.arange(4096) / 4095) ** 2).astype("<u2").tobytes()
    write_dicom(tmp_path / "a.dcm", VOILUTSequence=[lut], WindowCenter=1, WindowWidth=2)
    close(shown(load, tmp_path), 255 * (chest(1).astype(float) * 16 / 4095) ** 2, 2)


@pytest.mark.parametrize(
    "window", [{}, {"WindowCenter": 60000, "WindowWidth": 10}, {"WindowCenter": 5, "WindowWidth": 0}]
)
def test_without_a_sensible_window_the_values_range_from_black_to_white(
    tmp_path: Path, load: Load, window: dict[str, int]
) -> None:
    write_dicom(tmp_path / "a.dcm", chest(1).astype(np.uint16) + 1000, **window)
    read = shown(load, tmp_path)
    assert read.min() == 0
    assert read.max() == 255
    assert np.corrcoef(read.ravel(), chest(1).ravel())[0, 1] > 0.999


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_count(tmp_path: Path, load: Load, photometric: str) -> None:
    stored = chest(1).astype(np.uint16) + 1000
    stored[:8] = 4000
    stored[8:12] = 4010
    tags = {"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 4010, "PhotometricInterpretation": photometric}
    write_dicom(tmp_path / "a.dcm", stored, **tags)
    read = shown(load, tmp_path).astype(float)
    assert not read[:12].any()
    image = chest(1)[12:].astype(float)
    sign = -1 if photometric == "MONOCHROME1" else 1
    assert np.corrcoef(read[12:].ravel(), image.ravel())[0, 1] * sign > 0.99
    assert np.ptp(read[12:]) == 255


def test_colour_captures_become_gray(tmp_path: Path, load: Load) -> None:
    colour = np.stack([chest(1)] * 3, -1)
    tags = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    write_dicom(tmp_path / "a.dcm", colour, bits=8, Rows=64, Columns=64, **tags)
    close(shown(load, tmp_path), chest(1))


LATERAL = "lateral or oblique view"
OTHER = "other body part"


def view_code(value: str, meaning: str) -> list[Dataset]:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return [code]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ViewPosition": "LL"}, LATERAL),
        ({"ViewPosition": "RL"}, LATERAL),
        ({"ViewPosition": "LATERAL"}, LATERAL),
        ({"ViewPosition": "LLO"}, LATERAL),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("399173006", "left lateral")}, LATERAL),
        ({"ViewPosition": "", "ViewCodeSequence": view_code("X", "right anterior oblique")}, LATERAL),
        ({"ViewPosition": None, "PatientOrientation": ["A", "F"]}, LATERAL),
        ({"ViewPosition": None, "SeriesDescription": "Chest lat."}, LATERAL),
        ({"BodyPartExamined": "KNEE"}, OTHER),
        ({"BodyPartExamined": "HIP", "StudyDescription": "Chest and hip"}, OTHER),
        ({"BodyPartExamined": "TSPINE"}, OTHER),
        ({"BodyPartExamined": "THORACIC SPINE"}, OTHER),
        ({"BodyPartExamined": "CHESTABDOMEN"}, OTHER),
        ({"BodyPartExamined": None, "StudyDescription": "Left knee, two views"}, OTHER),
        ({"BodyPartExamined": "", "SeriesDescription": "ABDOMEN SUPINE"}, OTHER),
        ({"Modality": "CT"}, "modality that is no radiograph"),
        ({"Modality": "MG"}, "modality that is no radiograph"),
        ({"Modality": "OT", "BodyPartExamined": None}, "secondary capture that does not say it shows a chest"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw image for processing, not for presentation"),
        ({"NumberOfFrames": 3}, "more than one frame"),
        ({"Rows": 0}, "DICOM object without an image"),
    ],
)
def test_what_is_no_frontal_chest_is_left_out_with_a_reason(
    tmp_path: Path, load: Load, tags: dict[str, Any], reason: str
) -> None:
    write_dicom(tmp_path / "a.dcm")
    write_dicom(tmp_path / "b.dcm", **tags)
    loaded = load(tmp_path)
    assert len(loaded.records) == 1
    assert loaded.skipped == (Skipped(reason, 1),)


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "AP"}, "AP"),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("399348003", "")}, "AP"),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("X", "postero-anterior")}, "PA"),
        ({"ViewPosition": None, "SeriesDescription": "view: PA"}, "PA"),
        ({"ViewPosition": None, "StudyDescription": "CHEST PA AND LAT"}, ""),
        ({"ViewPosition": "UNKNOWN", "PatientOrientation": ["L", "F"]}, ""),
        ({"Modality": "DX", "BodyPartExamined": None}, "PA"),
        ({"Modality": "OT", "BodyPartExamined": None, "StudyDescription": "Röntgen Thorax p.a."}, "PA"),
    ],
)
def test_frontal_chests_are_kept(tmp_path: Path, load: Load, tags: dict[str, Any], view: str) -> None:
    write_dicom(tmp_path / "a.dcm", **tags)
    assert load(tmp_path).records[0].condition.view == view


def test_a_header_that_names_no_body_part_is_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    write_dicom(tmp_path / "a.dcm", BodyPartExamined=None)
    load(tmp_path)
    assert any("1 DICOM files do not say" in line for line in listener.lines)
    with pytest.raises(UserError, match="1 × header that does not say which part"):
        load(tmp_path, unnamed_part="skip")


def test_ages_and_sexes(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "1.dcm", PatientID="1", PatientAge="006M", PatientSex="M")
    write_dicom(tmp_path / "2.dcm", PatientID="2", PatientAge=None, PatientBirthDate="19900103", PatientSex="O")
    write_dicom(tmp_path / "3.dcm", PatientID="3", PatientAge="412Y")
    conditions = {real.condition for real in load(tmp_path).records}
    unlabelled = ("Unlabelled",)
    assert conditions == {
        CxrCondition(unlabelled, "PA", "M", 0),
        CxrCondition(unlabelled, "PA", "", 29),
        CxrCondition(unlabelled, "PA", "F", None),
    }


def test_files_without_suffix_at_any_depth_and_copies(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "S1/1.2.840.99", PatientID="1")
    write_dicom(tmp_path / "S2/IM0001", PatientID="2")
    (tmp_path / "copy.dcm").write_bytes((tmp_path / "S2/IM0001").read_bytes())
    (tmp_path / "DICOMDIR").write_bytes(b"index")
    (tmp_path / "README").write_text("notes")
    (tmp_path / "._hidden.dcm").write_bytes(b"")
    loaded = load(tmp_path)
    assert len(loaded.records) == 2
    assert loaded.skipped == (Skipped("copy of another file", 1),)


def test_patients_are_pseudonymised_with_a_salt_of_this_cache(tmp_path: Path, load: Load) -> None:
    data = tmp_path / f"{NAME}/{PATIENT}"
    write_dicom(data / "later.dcm", StudyDate="20210101", PatientAge="059Y")
    write_dicom(data / "first.dcm", StudyDate="20200101")
    write_dicom(data / "elsewhere.dcm", IssuerOfPatientID="other hospital")
    one, again, other = (load(tmp_path, cache=tmp_path / "work" / name) for name in ("x", "x", "y"))
    assert [real.patient for real in one.records] == [real.patient for real in again.records]
    assert {real.patient for real in one.records}.isdisjoint(real.patient for real in other.records)
    assert len({real.patient for real in one.records}) == 2
    for real in one.records:
        assert re.fullmatch("[0-9a-f]{24}", real.patient)
        assert re.fullmatch(r"image-\d{8}", real.record)
    # A patient's visits are in the order of time, and the order does not hang on the salt.
    assert [real.condition.age for real in one.records if real.condition.age] == [58, 59, 58]
    assert [real.condition for real in one.records] == [real.condition for real in other.records]
    assert (tmp_path / "work/x/patient-salt").stat().st_mode & 0o777 == 0o600
    assert PATIENT not in "".join(
        path.read_text("latin-1") for path in (tmp_path / "work").rglob("*") if path.is_file()
    )


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.text(max_size=5), st.text(max_size=8)), st.tuples(st.text(max_size=5), st.text(max_size=8)))
def test_pseudonyms_tell_patients_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    salt = bytes(range(32))
    assert (pseudonym(salt, *one) == pseudonym(salt, *other)) == (one == other)


def linked(loaded: Loaded[CxrImage, CxrCondition]) -> set[tuple[str, int, int]]:
    return {(link.kind, link.first, link.second) for link in loaded.links}


def test_one_study_under_two_patient_ids_is_a_link(tmp_path: Path, load: Load) -> None:
    for name, patient, study in (("a", "1", "1.2.3"), ("b", "EMERGENCY", "1.2.3"), ("c", "3", "1.2.4")):
        write_dicom(tmp_path / f"{name}.dcm", PatientID=patient, StudyInstanceUID=study)
    loaded = load(tmp_path)
    assert len({real.patient for real in loaded.records}) == 3
    assert {kind for kind, _, _ in linked(loaded)} == {"one study"}
    assert len(loaded.links) == 1


def test_an_issuer_on_some_files_is_a_link_unless_two_issuers_have_the_number(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm", PatientID="1", IssuerOfPatientID="north")
    write_dicom(tmp_path / "b.dcm", PatientID="1")
    assert linked(load(tmp_path)) == {("same number without its issuer", 0, 1)}
    write_dicom(tmp_path / "c.dcm", PatientID="1", IssuerOfPatientID="south")
    assert load(tmp_path).links == ()


def test_a_number_with_leading_zeros_is_a_link_and_one_with_a_space_is_the_same(tmp_path: Path, load: Load) -> None:
    for name, patient in (("a", "0071"), ("b", "71"), ("c", "a9"), ("d", "A9")):
        write_dicom(tmp_path / f"{name}.dcm", PatientID=patient)
    loaded = load(tmp_path)
    assert len({real.patient for real in loaded.records}) == 3
    assert linked(loaded) == {("same number", 0, 1)}


def test_all_images_under_one_patient_id_are_refused_with_the_way_out(tmp_path: Path, load: Load) -> None:
    for at in range(6):
        write_dicom(tmp_path / f"{at}.dcm", PatientID="ANONYMOUS")
    with pytest.raises(UserError, match=r"all 6 DICOM images have the same PatientID.* in metadata\.csv") as error:
        load(tmp_path)
    assert "ANONYMOUS" not in str(error.value)
    rows = [(f"{at}.dcm", f"p{at}", "Mass") for at in range(6)]
    write_csv(tmp_path / "metadata.csv", ("file_name", "patient_id", "labels"), rows)
    assert len({real.patient for real in load(tmp_path).records}) == 6


def test_findings_come_from_a_table_in_the_folder(tmp_path: Path, load: Load) -> None:
    for name in ("a", "b", "c"):
        write_dicom(tmp_path / f"{name}.dcm", PatientID="ANONYMOUS")
    rows = [("a.dcm", "p1", "Nodule|Effusion"), ("b.dcm", "p2", "No Finding")]
    write_csv(tmp_path / "metadata.csv", ("file_name", "patient_id", "labels"), rows)
    loaded = load(tmp_path)
    assert loaded.layout == "dicom"
    assert [real.condition.findings for real in loaded.records] == [("Effusion", "Nodule"), ()]
    assert len({real.patient for real in loaded.records}) == 2
    assert loaded.skipped == (Skipped("image without a row in the table", 1),)


def test_without_a_table_the_findings_are_unlabelled_not_absent(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm")
    assert load(tmp_path).records[0].condition.labels == ("Unlabelled",)


def refused(load: Load, data: Path, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        load(data)
    line = str(caught.value)
    assert "\n" not in line
    assert PATIENT not in line
    assert "Doe" not in line
    for word in words:
        assert word in line


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_a_dicom_file_that_is_cut_short(tmp_path: Path, load: Load, syntax: str) -> None:
    write_dicom(tmp_path / "a.dcm", syntax=syntax)
    write_dicom(tmp_path / "b.dcm")
    cut(tmp_path / "a.dcm", 0.5)
    refused(load, tmp_path, "a.dcm", "copy it again")


def test_files_that_are_no_dicom(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.dcm").write_bytes(b"")
    refused(load, tmp_path, "a.dcm", "0 bytes")
    (tmp_path / "a.dcm").write_bytes(b"no such thing" * 50)
    refused(load, tmp_path, "a.dcm", "damaged")
    write_dicom(tmp_path / "a.dcm")
    cut(tmp_path / "a.dcm", 0.03)
    refused(load, tmp_path, "a.dcm", "damaged")


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Rows": 20_000, "Columns": 20_000}, ["20000 × 20000", "16,384 at most"]),
        ({"Rows": 1, "Columns": 1}, ["1 × 1", "32 at least"]),
        ({"PatientID": ""}, ["no PatientID", "metadata.csv"]),
    ],
)
def test_headers_that_are_not_right(tmp_path: Path, load: Load, tags: dict[str, Any], words: list[str]) -> None:
    write_dicom(tmp_path / "a.dcm", **tags)
    refused(load, tmp_path, "a.dcm", *words)


def test_a_table_that_does_not_fit_the_files(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm")
    header = ("file_name", "labels")
    write_csv(tmp_path / "metadata.csv", header, [("a.dcm", "Mass"), ("b.dcm", "Mass")])
    refused(load, tmp_path, "1 DICOM files are absent", "b.dcm", "row 3")
    write_csv(tmp_path / "metadata.csv", header, [("a.dcm", "Mass"), ("./a.dcm", "Mass")])
    refused(load, tmp_path, "a.dcm", "twice")
    write_csv(tmp_path / "metadata.csv", ("whose", "labels"), [("a.dcm", "Mass")])
    refused(load, tmp_path, "missing column", "file_name")


def test_nothing_but_knees_and_laterals(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm", BodyPartExamined="KNEE")
    write_dicom(tmp_path / "b.dcm", ViewPosition="LL")
    refused(load, tmp_path, "no image is left", f"1 × {OTHER}", f"1 × {LATERAL}")


def test_text_in_pixels_is_told_whatever_the_header_says(tmp_path: Path, load: Load, listener: Listener) -> None:
    image = np.kron(chest(1), np.ones((2, 2))).astype(np.uint8)
    write_dicom(tmp_path / "bare/a.dcm", image, bits=8, WindowCenter=128, WindowWidth=256, BurnedInAnnotation="NO")
    load(tmp_path / "bare", size=128)
    assert not any("rows of letters" in line for line in listener.lines)
    cv2.putText(image, "DOE JANE 4711", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 0, 1, cv2.LINE_AA)
    write_dicom(tmp_path / "text/a.dcm", image, bits=8, WindowCenter=128, WindowWidth=256, BurnedInAnnotation="NO")
    load(tmp_path / "text", size=128)
    (line,) = (line for line in listener.lines if "rows of letters" in line)
    assert line.startswith("1 images") and "JANE" not in line
