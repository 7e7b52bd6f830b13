"""Who an image is of, as exports of PACS, anonymisers and spreadsheets tell it: one person is one patient."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cohort_files import Listener, Load, chest, refused, write_csv, write_png
from PIL import Image
from test_cohort_dicom import view_code, write_dicom

from synthgen.config import load_config
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.modality import load as modality
from synthgen.patient_ids import is_placeholder
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.people import find_people
from synthgen.records import Link, Loaded, Skipped

PEOPLE = "images: people"
UTF8 = {"SpecificCharacterSet": "ISO_IR 192"}
TABLE = ("file_name", "patient_id", "labels")


class NoPictures:
    """The part of a modality that finds people by their records, when nothing is asked of these."""

    def links(self, records: object, config: object, progress: object) -> Sequence[Link]:
        return ()


def people(loaded: Loaded[CxrImage, CxrCondition], folder: Path, listener: Listener, pictures: bool = False) -> int:
    """How many patients are split, once all that is linked counts as one."""
    cxr = modality("cxr")
    config = load_config(cxr.section, "cxr", "cpu", ())
    cohorts: Any = cxr.cohorts if pictures else NoPictures()
    return find_people(cohorts, loaded, config, folder, listener).facts.patients


def plain(data: Path, patients: Sequence[str], sexes: Sequence[str] = ()) -> None:
    header = (*TABLE, "sex") if sexes else TABLE
    rows = [(f"{at}.png", patient, "Mass", *sexes[at : at + 1]) for at, patient in enumerate(patients)]
    write_csv(data / "metadata.csv", header, rows)
    for at in range(len(patients)):
        write_png(data / f"{at}.png", at)


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize(
    ("patients", "persons"),
    [
        pytest.param(("7", "007", "0007", "8", "9"), 3, id="leading zeros"),
        pytest.param(("7", "7.0", "8", "8.0", "9"), 3, id="floats"),
        pytest.param(("p7", "P7", "p8", "P9", "p9"), 3, id="capitals"),
        pytest.param(("p 7", "p  7", " p 7 ", "p8", "p9"), 3, id="spaces"),
        pytest.param(("Mu\u0308ller-1", "M\u00fcller-1", "p8", "p8", "p9"), 3, id="Unicode forms"),
        pytest.param(("\uff17", "7", "p8", "p9", "p9"), 3, id="wide digits"),
        pytest.param(("P007", "p7", "P-7", "p8", "p9"), 3, id="a number with letters and zeros"),
        pytest.param(("MRN: 4711", "MRN4711", "mrn_4711", "p8", "p9"), 3, id="signs between words and number"),
        pytest.param(("p\u200b7", "p7", "\ufeffp7", "p\u00ad7", "p8"), 2, id="signs that nobody sees"),
        pytest.param(("p\u20137-1", "p-7-1", "p\u20117\u20121", "p8", "p9"), 3, id="kinds of dashes"),
        pytest.param(('="007"', "'007", "7,0", "7", "p9"), 2, id="numbers that a spreadsheet keeps as text"),
        pytest.param(("\u0667", "7", "p8", "p9", "p9"), 3, id="Arabic digits"),
        pytest.param(("Roe^Ann", "Roe^Ann^^", "p8", "p9", "p9"), 3, id="carets behind a name"),
        pytest.param(("12-3", "123", "1-23", "p8", "p9"), 5, id="hyphens tell numbers apart"),
        pytest.param(("2020/001", "2020/1", "2020-01", "2020/2", "p9"), 3, id="zeros behind a year"),
        pytest.param(("A-007-B", "A7B", "a 07 b", "A70B", "p9"), 3, id="zeros between letters"),
        pytest.param(("A0B7", "AB7", "A00", "A", "A10"), 5, id="a zero that is all there is"),
        pytest.param(("\u0420007", "P007", "\u03a17", "P70", "p9"), 3, id="a Cyrillic and a Greek letter for P"),
        pytest.param(("\u0410\u0412-1", "AB-1", "\u0391\u0392 1", "\u0415\u041a1", "EK1"), 2, id="look-alikes"),
        pytest.param(("\u0411\u04161", "B1", "\u0414\u04271", "p8", "p9"), 5, id="other Cyrillic letters"),
        pytest.param(("1,234", "1234", "1.234", "1 234", "12,34"), 2, id="thousands set apart"),
        pytest.param(("7.000", "007", "1,000", "1000", "p9"), 3, id="a float is no thousand"),
        pytest.param(("1,234,567", "1234567", "1'234'567.0", "123,4567", "p9"), 3, id="millions set apart"),
        pytest.param(("12345^^^HOSP", "12345", "12345^^^HOSP^MR", "12346^^^HOSP", "p9"), 3, id="an issuer on some"),
        pytest.param(("12345^^^HOSP&1.2&ISO", "012345^^^hosp", "p7", "p8", "p9"), 4, id="an issuer in two spellings"),
        pytest.param(("1^^^NORTH", "1^^^SOUTH", "1", "p8", "p9"), 5, id="one number of two issuers"),
    ],
)
def test_spellings_of_one_identifier(
    tmp_path: Path, load: Load, listener: Listener, patients: tuple[str, ...], persons: int
) -> None:
    plain(tmp_path / "data", patients)
    assert people(load(tmp_path / "data"), tmp_path, listener) == persons


@pytest.mark.field(PEOPLE, "refused")
@pytest.mark.parametrize("rounded", ["1.20000E+11", "1.2E+11", "1,2E+11", "1.2e+11", "2E+11", "1.2E11"])
@pytest.mark.parametrize("count", [1, 8])
def test_numbers_that_a_spreadsheet_rounded(tmp_path: Path, load: Load, rounded: str, count: int) -> None:
    patients = [rounded] * count + [f"p{at}" for at in range(8 - count)]
    plain(tmp_path, patients)
    refused(load, tmp_path, "written like 1.2E+11", "export the table again with the ids as text")
    plain(tmp_path, [str(120_000_000_000 + at) for at in range(8)])
    assert len({real.patient for real in load(tmp_path).records}) == 8


@pytest.mark.field(PEOPLE, "read")
@pytest.mark.parametrize("patient", ["3E10", "1E5", "E11", "0012E+A", "12e34"])
def test_identifiers_that_only_look_rounded(tmp_path: Path, load: Load, patient: str) -> None:
    plain(tmp_path, [patient, "p1"])
    assert patient in {real.patient for real in load(tmp_path).records}


NOBODY = (
    "ANONYMOUS",
    "Anonymous",
    "anon",
    "UNKNOWN PATIENT",
    "anonymisiert",
    "xxxx",
    "***",
    "Removed",
    "no name",
    "N/A",
    "",
    "TRUE",
    "FALSE",
    "inf",
    "-inf",
    "WAHR",
    "ANONYMOUS^^^HOSP",
    "\u0410NONYMOUS",
)


@pytest.mark.field(PEOPLE, "refused")
@pytest.mark.parametrize("patient", [*NOBODY, "0", "00000000", "1"])
def test_one_identifier_for_all(tmp_path: Path, load: Load, patient: str) -> None:
    plain(tmp_path, [patient] * 8)
    refused(load, tmp_path, "patient")
    plain(tmp_path, [f"p{at}" for at in range(8)])
    assert len({real.patient for real in load(tmp_path).records}) == 8


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize("patient", NOBODY)
def test_a_row_of_nobody_is_left_out(tmp_path: Path, load: Load, patient: str) -> None:
    plain(tmp_path, ["p0", patient, "p2", patient])
    refused(load, tmp_path, "row 3", "split by patient", "(and 1 more rows", "modality.cohort.unknown=skip")
    loaded = load(tmp_path, unknown="skip")
    assert {real.patient for real in loaded.records} == {"p0", "p2"}
    assert Skipped("row without a patient", 2) in loaded.skipped


@pytest.mark.parametrize("patient", ["Anonymous 7", "ANON-0007", "patient1", "0", "000", "Xaver", "Test Subject 3"])
def test_a_pseudonym_is_no_placeholder(patient: str) -> None:
    assert not is_placeholder(patient)


@pytest.mark.field(PEOPLE, "refused")
@pytest.mark.parametrize("patient", ["ANONYMOUS", "anon", "", None, "0", "12345", "00000000", "XXXX"])
@pytest.mark.parametrize("labels", [True, False])
def test_dicom_files_of_one_identifier_are_told_apart_by_the_table(
    tmp_path: Path, load: Load, patient: str | None, labels: bool
) -> None:
    for at in range(8):
        write_dicom(tmp_path / f"st{at}/im{at}.dcm", PatientID=patient)
    refused(load, tmp_path, "all 8 DICOM images have the same PatientID", "patient_id in metadata.csv")
    rows = [(f"st{at}/im{at}.dcm", f"p{at}", "Mass")[: 3 if labels else 2] for at in range(8)]
    write_csv(tmp_path / "metadata.csv", TABLE[: 3 if labels else 2], rows)
    loaded = load(tmp_path)
    assert len({real.patient for real in loaded.records}) == 8
    assert {real.condition.labels for real in loaded.records} == {("Mass",) if labels else ("Unlabelled",)}


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize("patient", ["ANONYMOUS", "", None, "unknown"])
def test_one_dicom_file_of_nobody_is_left_out(tmp_path: Path, load: Load, patient: str | None) -> None:
    for at in range(3):
        write_dicom(tmp_path / f"{at}.dcm", PatientID=f"p{at}")
    write_dicom(tmp_path / "9.dcm", PatientID=patient)
    refused(load, tmp_path, "9.dcm", "split by patient", "patient_id in metadata.csv", "modality.cohort.unknown=skip")
    loaded = load(tmp_path, unknown="skip")
    assert len(loaded.records) == 3
    assert loaded.skipped == (Skipped("header without a patient", 1),)


@pytest.mark.field(PEOPLE, "refused")
def test_a_rounded_number_in_a_dicom_header(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm", PatientID="1.2E+11")
    write_dicom(tmp_path / "b.dcm", PatientID="p2")
    refused(load, tmp_path, "written like 1.2E+11")


def export(data: Path, *tags: dict[str, Any]) -> None:
    for at, tag in enumerate(tags):
        stored = chest(at).astype("uint16") * 16
        write_dicom(data / f"{at:02d}.dcm", stored, **tag)


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize(
    ("tags", "persons"),
    [
        pytest.param(
            [{"PatientID": str(n), "IssuerOfPatientID": issuer} for n in range(3) for issuer in (None, "north")], 3,
            id="an issuer on some files",
        ),
        pytest.param(
            [{"PatientID": "1", "IssuerOfPatientID": issuer} for issuer in ("north", "south", "east")], 3,
            id="three issuers have one number",
        ),
        pytest.param(
            [{"PatientID": "1", "IssuerOfPatientID": issuer} for issuer in ("north", "NORTH ", "south")], 2,
            id="an issuer in two spellings",
        ),
        pytest.param(
            [{"PatientID": f"{kind}{n}", "StudyInstanceUID": f"1.2.{n}"} for n in range(3) for kind in ("", "E-")], 3,
            id="two identifiers in one study",
        ),
        pytest.param(
            [{"PatientID": f"{n}", "StudyInstanceUID": f"1.2.{max(n, 1)}"} for n in range(4)], 3,
            id="one study of two identifiers among others",
        ),
        pytest.param([{"PatientID": name} for name in ("0071", "71", "71 ", "72", "73")], 3, id="zeros and spaces"),
        pytest.param([{"PatientID": name} for name in ("A71", "a71", "A72", "A73")], 3, id="capitals"),
    ],
)  # fmt: skip
def test_dicom_identifiers_of_one_person(
    tmp_path: Path, load: Load, listener: Listener, tags: list[dict[str, Any]], persons: int
) -> None:
    export(tmp_path / "data", *tags)
    loaded = load(tmp_path / "data")
    assert len(loaded.records) == len(tags)
    assert people(loaded, tmp_path, listener) == persons
    if len({real.patient for real in loaded.records}) > persons:
        assert any("linked patients count as one" in line for line in listener.lines)


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize(
    "tags",
    [
        pytest.param([{"PatientSex": "F"}, {"PatientSex": "M"}], id="two sexes"),
        pytest.param([{"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19720304"}], id="two dates of birth"),
        pytest.param([{"PatientSex": "F", "PatientBirthDate": "19500101"}, {"PatientSex": "M"}], id="both"),
    ],
)
def test_several_people_under_one_dicom_identifier_are_told(
    tmp_path: Path, load: Load, listener: Listener, tags: list[dict[str, Any]]
) -> None:
    export(tmp_path, *tags, {"PatientID": "another"})
    assert len({real.patient for real in load(tmp_path).records}) == 2
    assert any("1 patient ids stand with two sexes or two dates of birth" in line for line in listener.lines)


@pytest.mark.field(PEOPLE, "counted")
def test_several_people_under_one_identifier_of_a_table_are_told(
    tmp_path: Path, load: Load, listener: Listener
) -> None:
    plain(tmp_path, ["p0", "p0", "p1", "p1"], ["F", "M", "F", ""])
    load(tmp_path)
    assert any("1 patient ids stand with two sexes" in line for line in listener.lines)


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize("how", ["the same file", "saved anew", "as JPEG"])
def test_one_image_under_two_patients(tmp_path: Path, load: Load, listener: Listener, how: str) -> None:
    data = tmp_path / "data"
    plain(data, [f"p{at}" for at in range(8)])
    for at in range(8):
        someone = sample_patient(at)
        drawn = render(someone, sample_visit(at, someone), (), "PA", 64)
        Image.fromarray(drawn).save(data / f"{at}.png")
    picture = data / "5.png"
    if how == "the same file":
        shutil.copy(data / "1.png", picture)
    elif how == "saved anew":
        Image.open(data / "1.png").save(picture, compress_level=1)
    else:
        picture.unlink()
        Image.open(data / "1.png").save(data / "5.jpg", quality=90)
    loaded = load(data, size=64)
    assert len(loaded.records) == 8
    assert people(loaded, tmp_path, listener, pictures=True) == 7
    assert any("linked patients count as one: 7 people" in line for line in listener.lines)


# Trees of DICOM files


@pytest.mark.field("images: files", "read")
def test_linked_folders_of_dicom_files_are_entered(tmp_path: Path, load: Load) -> None:
    data = tmp_path / "data"
    for at in range(4):
        place = tmp_path / f"target/st{at}" if at % 2 else data / f"st{at}"
        write_dicom(place / f"im{at}.dcm", PatientID=str(at))
        if at % 2:
            (data / f"st{at}").symlink_to(place, target_is_directory=True)
    assert len(load(data).records) == 4


@pytest.mark.field("images: files", "read")
def test_a_tree_that_is_all_links(tmp_path: Path, load: Load) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for at in range(3):
        write_dicom(tmp_path / f"target/st{at}/im.dcm", PatientID=str(at))
        (data / f"st{at}").symlink_to(tmp_path / f"target/st{at}", target_is_directory=True)
    assert len(load(data).records) == 3


@pytest.mark.field("images: files", "read")
@pytest.mark.parametrize("target", ["..", ".", "../../data"])
def test_a_link_in_a_circle(tmp_path: Path, load: Load, target: str) -> None:
    write_dicom(tmp_path / "data/st/im.dcm")
    (tmp_path / "data/st/circle").symlink_to(target, target_is_directory=True)
    loaded = load(tmp_path / "data")
    assert len(loaded.records) == 1
    assert loaded.skipped == ()


@pytest.mark.field("images: files", "counted")
@pytest.mark.parametrize("kind", ["a link to nothing", "a link copied as text"])
def test_links_that_lead_nowhere_are_told(tmp_path: Path, load: Load, listener: Listener, kind: str) -> None:
    data = tmp_path / "data"
    write_dicom(data / "st0/im.dcm", PatientID="0")
    write_dicom(tmp_path / "target/st1/im.dcm", PatientID="1")
    if kind == "a link to nothing":
        (data / "st1").symlink_to(tmp_path / "nowhere")
    else:
        (data / "st1").write_text("../target/st1")
    assert len(load(data).records) == 1
    assert any(line.startswith("1 links in") and "the first st1" in line for line in listener.lines)
    (data / "st1").unlink()
    shutil.copytree(tmp_path / "target/st1", data / "st1")
    assert len(load(data).records) == 2


@pytest.mark.field("images: files", "read")
@pytest.mark.parametrize(
    ("there", "named"),
    [
        ("st/im.dcm", "st/im.DCM"), ("st/IM.DCM", "st/im.dcm"), ("st/im.dcm", "st/im"), ("st/im.dcm", "im.dcm"),
        ("st/im.dcm", r"st\im.dcm"), ("st/IM0001", "st/IM0001"), ("st/1.2.840.7", "st/1.2.840.7"),
    ],
)  # fmt: skip
def test_files_of_a_table_beside_dicom_files(tmp_path: Path, load: Load, there: str, named: str) -> None:
    write_dicom(tmp_path / there)
    write_csv(tmp_path / "metadata.csv", TABLE, [(named, "p1", "pleural_effusion;Edema")])
    loaded = load(tmp_path)
    assert loaded.layout == "dicom"
    assert [real.condition.findings for real in loaded.records] == [("Edema", "pleural effusion")]


@pytest.mark.field("images: tables", "read")
def test_a_table_beside_dicom_files_says_views_sexes_and_ages(tmp_path: Path, load: Load) -> None:
    for at in range(3):
        write_dicom(tmp_path / f"{at}.dcm", PatientID=str(at), ViewPosition=None, PatientSex=None, PatientAge=None)
    rows = [("0.dcm", "Mass", "p.a.", "w", "90+"), ("1.dcm", "Mass", "", "", ""), ("2.dcm", "Mass", "LL", "M", "5")]
    write_csv(tmp_path / "metadata.csv", ("file_name", "labels", "view", "sex", "age"), rows)
    loaded = load(tmp_path)
    assert [real.condition for real in loaded.records] == [
        CxrCondition(("Mass",), "PA", "F", 90), CxrCondition(("Mass",)),
    ]  # fmt: skip
    assert Skipped("lateral or oblique view", 1) in loaded.skipped


@pytest.mark.field("images: tables", "read")
def test_tables_in_the_splits_of_a_tree_of_dicom_files(tmp_path: Path, load: Load) -> None:
    for split in ("train", "test"):
        for at in range(3):
            write_dicom(tmp_path / f"{split}/{at}.dcm", PatientID="ANONYMOUS")
        rows = [(f"{at}.dcm", f"{split}{at}", "Mass") for at in range(3)]
        write_csv(tmp_path / split / "metadata.csv", TABLE, rows)
    assert len({real.patient for real in load(tmp_path).records}) == 6


@pytest.mark.field("images: tables", "counted")
def test_dicom_files_that_a_table_names_and_the_folder_lacks(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm")
    write_csv(tmp_path / "metadata.csv", TABLE, [("a.dcm", "p1", "Mass"), ("b.dcm", "p2", "Mass")])
    refused(load, tmp_path, "1 DICOM files are absent", "set modality.cohort.absent=skip")
    assert load(tmp_path, absent="skip").skipped == (Skipped("absent image", 1),)


@pytest.mark.field("images: tables", "counted")
@pytest.mark.parametrize("patient", ["anonymous", "#REF!", "#NAME?"])
def test_a_row_of_nobody_beside_dicom_files(tmp_path: Path, load: Load, patient: str) -> None:
    for name in "ab":
        write_dicom(tmp_path / f"{name}.dcm", PatientID=name)
    write_csv(tmp_path / "metadata.csv", TABLE, [("a.dcm", "p1", "Mass"), ("b.dcm", patient, "Mass")])
    refused(load, tmp_path, "row 3", "split by patient", "modality.cohort.unknown=skip")
    assert len(load(tmp_path, unknown="skip").records) == 1


@pytest.mark.field("images: tables", "read")
def test_a_table_of_another_name_beside_dicom_files_is_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    write_dicom(tmp_path / "a.dcm")
    write_csv(tmp_path / "labels.csv", ("file_name", "labels"), [("a.dcm", "Mass")])
    load(tmp_path)
    assert any("labels.csv looks like the table of the images: name it metadata.csv" in line for line in listener.lines)
    (tmp_path / "labels.csv").rename(tmp_path / "metadata.csv")
    assert load(tmp_path).records[0].condition.findings == ("Mass",)


@pytest.mark.field("images: files", "counted")
def test_pictures_beside_dicom_files_are_counted(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm")
    write_png(tmp_path / "preview.png")
    assert load(tmp_path).skipped == (Skipped("PNG or JPEG file beside DICOM files", 1),)


@pytest.mark.field("images: files", "refused")
def test_packed_dicom_files(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm")
    whole = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm.gz").write_bytes(gzip.compress(whole))
    (tmp_path / "a.dcm").unlink()
    refused(load, tmp_path, "1 files that end in .gz", "unpack them (gunzip)")
    (tmp_path / "a.dcm").write_bytes(gzip.decompress((tmp_path / "a.dcm.gz").read_bytes()))
    assert len(load(tmp_path).records) == 1


@pytest.mark.field("images: labels", "read")
def test_a_blank_label_of_a_dicom_file_is_unlabelled(tmp_path: Path, load: Load) -> None:
    for at in range(2):
        write_dicom(tmp_path / f"{at}.dcm", PatientID=str(at))
    write_csv(tmp_path / "metadata.csv", ("file_name", "labels"), [("0.dcm", "No Finding"), ("1.dcm", "")])
    assert sorted(real.condition.labels for real in load(tmp_path).records) == [("No Finding",), ("Unlabelled",)]


@pytest.mark.field("images: views", "read")
@pytest.mark.parametrize(
    ("tags", "view"),
    [
        *(({"ViewPosition": word}, "PA") for word in ("POSTERO_ANTERIOR", "PA_ERECT", "P.A.", "POSTERIOR-ANTERIOR")),
        *(({"ViewPosition": word}, "AP") for word in ("AP_PORTABLE", "A.P.", "ANTERO_POSTERIOR", "AP_SUPINE")),
        *(({"ViewPosition": word}, "") for word in ("FRONTAL", "ERECT", "SUPINE", "PORTABLE")),
        ({"ViewPosition": "FRONTAL", "ViewCodeSequence": view_code("R-10206", "")}, "AP"),
        ({"ViewPosition": "ERECT", "SeriesDescription": "Thorax p.a. stehend"}, "PA"),
        ({"ViewPosition": "QQ", "SeriesDescription": "Chest AP"}, "AP"),
        ({"ViewPosition": None, "ViewCodeSequence": view_code("X", "Posteroanterior projection")}, "PA"),
        ({"ViewPosition": None, "SeriesDescription": "W033 Torax PA"}, "PA"),
        ({"ViewPosition": None, "SeriesDescription": "PA", "ProtocolName": "Chest PA and lateral"}, "PA"),
        ({"ViewPosition": None, "AcquisitionDeviceProcessingDescription": "CHEST AP"}, "AP"),
    ],
)
def test_views_of_dicom_files(tmp_path: Path, load: Load, tags: dict[str, Any], view: str) -> None:
    write_dicom(tmp_path / "a.dcm", **tags)
    assert load(tmp_path).records[0].condition.view == view


@pytest.mark.field("images: views", "counted")
@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ViewPosition": "QQ"}, "view that is not known"),
        ({"ViewPosition": "ERECT", "SeriesDescription": "Thorax seitlich"}, "lateral or oblique view"),
        ({"ViewPosition": "AP LLD"}, "lateral or oblique view"),
        ({"ViewPosition": None, "SeriesDescription": "Torax perfil"}, "lateral or oblique view"),
        ({"ViewPosition": None, "SeriesDescription": "Thorax de profil"}, "lateral or oblique view"),
        ({"ViewPosition": None, "SeriesDescription": "chest oblique"}, "lateral or oblique view"),
        ({"ViewPosition": None, "AcquisitionDeviceProcessingDescription": "CHEST LAT"}, "lateral or oblique view"),
        ({"ViewPosition": None, "SeriesDescription": "CHEST PA AND LAT"}, "view that is not known"),
        ({"ViewPosition": None, **UTF8, "SeriesDescription": "胸部侧位"}, "lateral or oblique view"),
        ({"ViewPosition": None, **UTF8, "SeriesDescription": "ОГК боковая"}, "lateral or oblique view"),
    ],
)
def test_other_views_of_dicom_files(tmp_path: Path, load: Load, tags: dict[str, Any], reason: str) -> None:
    write_dicom(tmp_path / "a.dcm")
    write_dicom(tmp_path / "b.dcm", **tags)
    assert load(tmp_path).skipped == (Skipped(reason, 1),)


@pytest.mark.field("images: ages and sexes", "read")
@pytest.mark.parametrize(
    ("tags", "age", "sex"),
    [
        ({"PatientAge": "089Y"}, 89, "F"), ({"PatientAge": "018M"}, 1, "F"), ({"PatientAge": None}, None, "F"),
        ({"PatientAge": None, "PatientBirthDate": "19900103", "StudyDate": "20200102"}, 29, "F"),
        ({"PatientAge": None, "PatientBirthDate": "18000101"}, None, "F"), ({"PatientAge": "412Y"}, None, "F"),
        ({"PatientSex": "M"}, 58, "M"), ({"PatientSex": "O"}, 58, ""), ({"PatientSex": ""}, 58, ""),
        ({"PatientSex": "W"}, 58, "F"),
    ],
)  # fmt: skip
def test_ages_and_sexes_of_dicom_files(
    tmp_path: Path, load: Load, tags: dict[str, Any], age: int | None, sex: str
) -> None:
    write_dicom(tmp_path / "a.dcm", **tags)
    condition = load(tmp_path).records[0].condition
    assert (condition.age, condition.sex) == (age, sex)


@pytest.mark.field(PEOPLE, "counted")
@pytest.mark.parametrize(
    "written",
    [
        "Unknown^Unknown",
        "Anonymous Male",
        "PATIENT^ANONYMOUS",
        "No Patient ID",
        "NOT KNOWN",
        "missing",
        "N.N.",
        "-1",
        "-1.0",
    ],
)
def test_more_words_for_nobody(tmp_path: Path, load: Load, written: str) -> None:
    write_dicom(tmp_path / "a.dcm", PatientID=written)
    write_dicom(tmp_path / "b.dcm")
    refused(load, tmp_path, "a.dcm has a PatientID that names nobody", "unknown=skip")
    assert load(tmp_path, unknown="skip").skipped == (Skipped("header without a patient", 1),)


@pytest.mark.field(PEOPLE, "read")
def test_an_issuer_behind_the_number(tmp_path: Path, load: Load, listener: Listener) -> None:
    for at, written in enumerate(("4711^^^CLINIC^MR", "4711", "4711^^^CLINIC&1.2.3&ISO^MR", "4712")):
        write_dicom(tmp_path / "data" / f"{at}.dcm", PatientID=written)
    assert people(load(tmp_path / "data"), tmp_path, listener) == 2


@pytest.mark.field("images: ages and sexes", "read")
def test_a_date_of_birth_that_stands_for_none(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "a.dcm", PatientAge=None, PatientBirthDate="19000101", StudyDate="20180301")
    assert load(tmp_path).records[0].condition.age is None


@pytest.mark.field("images: files", "read")
@pytest.mark.parametrize(
    "name", ["a.CR", "a.img", "IM1.v2", "A.DCM;1", "a.dc3", "a.dcm.anon", "a.bin", "1.2.840.5.abc"]
)
def test_dicom_files_under_other_endings(tmp_path: Path, load: Load, name: str) -> None:
    write_dicom(tmp_path / "b.dcm", PatientID="Q")
    write_dicom(tmp_path / "x")
    (tmp_path / "x").rename(tmp_path / name)
    assert len(load(tmp_path).records) == 2


@pytest.mark.field("images: files", "read")
def test_file_meta_without_preamble_or_ending(tmp_path: Path, load: Load) -> None:
    write_dicom(tmp_path / "b.dcm", PatientID="Q")
    write_dicom(tmp_path / "a")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[132:])
    assert len(load(tmp_path).records) == 2


@pytest.mark.field("images: files", "read")
@pytest.mark.parametrize("name", ["DICOMDIR.dcm", "dicomdir;1", "DICOMDIR (2)"])
def test_directories_of_media_are_no_images(tmp_path: Path, load: Load, name: str) -> None:
    write_dicom(tmp_path / "a.dcm")
    write_dicom(tmp_path / name, Rows=None, Columns=None, Modality=None)
    assert len(load(tmp_path).records) == 1


@pytest.mark.field("images: views", "read")
@pytest.mark.parametrize(
    "tags",
    [
        {"Modality": "DR"},
        {"Modality": "XR"},
        {"BodyPartExamined": "UNKNOWN", "StudyDescription": "CHEST 2V"},
        {"BodyPartExamined": "OTHER"},
        {"BodyPartExamined": "BRUSTKORB"},
        {"BodyPartExamined": "TORACE"},
        {"BodyPartExamined": "THX"},
        {"BodyPartExamined": "KLATKA PIERSIOWA"},
        {"BodyPartExamined": None, **UTF8, "StudyDescription": "胸部正位"},
        {"BodyPartExamined": None, "Modality": "OT", **UTF8, "StudyDescription": "ОГК прямая"},
    ],
)
def test_radiographs_of_chests_in_other_words(tmp_path: Path, load: Load, tags: dict[str, Any]) -> None:
    write_dicom(tmp_path / "a.dcm", **tags)
    assert len(load(tmp_path).records) == 1


# Headers that say too little, or two things


@pytest.mark.field("images: views", "counted")
@pytest.mark.parametrize("position", [None, "", "UNKNOWN"])
def test_headers_without_a_view_are_counted(
    tmp_path: Path, load: Load, listener: Listener, position: str | None
) -> None:
    write_dicom(tmp_path / "a.dcm", ViewPosition=position, PatientID="1")
    write_dicom(tmp_path / "b.dcm", ViewPosition=position, PatientID="2", SeriesDescription="Thorax frontal")
    write_dicom(tmp_path / "c.dcm", ViewPosition=position, PatientID="3", PatientOrientation=["L", "F"])
    write_dicom(tmp_path / "d.dcm", ViewPosition="AP", PatientID="4")
    assert len(load(tmp_path).records) == 4
    assert "1 images whose header does not say the view are taken as frontal" in listener.lines


@pytest.mark.field("images: ages and sexes", "counted")
@pytest.mark.parametrize(
    ("age", "born", "read"), [("000Y", "19500101", 70), ("0", "19991231", 20), ("000D", "19600601", 59)]
)
def test_an_age_of_nought_beside_a_date_of_birth(
    tmp_path: Path, load: Load, listener: Listener, age: str, born: str, read: int
) -> None:
    write_dicom(tmp_path / "a.dcm", PatientAge=age, PatientBirthDate=born)
    assert load(tmp_path).records[0].condition.age == read
    assert any(line.startswith("1 headers have a PatientAge of 0 beside") for line in listener.lines)


@pytest.mark.field("images: ages and sexes", "read")
@pytest.mark.parametrize(
    ("age", "born", "read"), [("000Y", "20190901", 0), ("003M", "20190901", 0), ("058Y", "19610601", 58)]
)
def test_ages_that_agree_with_the_date_of_birth(
    tmp_path: Path, load: Load, listener: Listener, age: str, born: str, read: int
) -> None:
    write_dicom(tmp_path / "a.dcm", PatientAge=age, PatientBirthDate=born)
    assert load(tmp_path).records[0].condition.age == read
    assert not any("PatientAge" in line for line in listener.lines)
