"""Of a header full of a patient nothing is left that the profile lists, in sequences too; UIDs and dates hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from synthgen.generators.cxr.headers import EDITION, cleaned, new_uid, shifted

NAME, DATE, UID = "KELWELL", "19610311", "1.2.3.4477"
_SAID: dict[str, Any] = {
    **dict.fromkeys(("PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "CS"), NAME),
    "UR": "http://kelwell.invalid", "UI": UID, "DA": DATE, "DT": f"{DATE}101010", "TM": "101010", "AS": "063Y",
}  # fmt: skip


def full(study: str = "1.2.3.1", date: str = "20200110") -> Dataset:
    """An element of every keyword of the dictionary that may hold words, dates or UIDs."""
    made = Dataset()
    for tag, (vr, _, _, retired, _) in DicomDictionary.items():
        if vr in _SAID and not retired and tag >> 16 not in (0, 2):
            made.add_new(tag, vr, _SAID[vr])
    inner = Dataset()
    inner.PatientName, inner.PatientID, inner.ReferencedSOPInstanceUID, inner.TextValue = NAME, NAME, UID, NAME
    made.ViewCodeSequence = [inner]
    made.SOPClassUID, made.StudyInstanceUID, made.StudyDate = "1.2.840.10008.5.1.4.1.1.1", study, date
    made.add_new(0x00190010, "LO", NAME)
    made.add_new(0x00191001, "LO", NAME)
    return made


def opened(dataset: Dataset, patient: str = "p", secret: bytes = b"s") -> Dataset:
    return Dataset.from_json(json.loads(cleaned(dataset, patient, "ANONYMISED-P000001", secret)))


def test_nothing_of_the_patient_is_left_that_the_table_lists() -> None:
    from importlib import import_module

    table = import_module(f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{EDITION}").ALL_TAGS
    listed = {tag for tag in table if len(tag) == 2}
    before = full()
    assert sum((e.tag.group, e.tag.element) in listed for e in before) > 400
    made = opened(before)
    left = [element for element in made.iterall() if element.VR != "CS" and NAME in str(element.value)]
    assert not left
    for element in made.iterall():
        if (element.tag.group, element.tag.element) in listed:
            assert NAME not in str(element.value) and str(element.value) != UID and DATE not in str(element.value)
    assert UID not in cleaned(before, "p", "x", b"s").decode() and DATE not in cleaned(before, "p", "x", b"s").decode()
    assert not [element for element in made if element.tag.is_private]
    assert made.PatientID == "ANONYMISED-P000001" and made.PatientIdentityRemoved == "YES"
    assert [code.CodeValue for code in made.DeidentificationMethodCodeSequence] == ["113100", "113107"]


def test_images_of_one_study_stay_in_it_and_the_secret_decides() -> None:
    one, two, other = opened(full("1.2.3.1")), opened(full("1.2.3.1")), opened(full("1.2.3.2"))
    assert one.StudyInstanceUID == two.StudyInstanceUID != other.StudyInstanceUID
    assert opened(full("1.2.3.1"), secret=b"t").StudyInstanceUID != one.StudyInstanceUID
    assert one.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1"
    assert new_uid("1.2", b"s").startswith("2.25.") and len(new_uid("1.2", b"s")) <= 64


def test_a_file_without_uids_gets_some_of_its_own() -> None:
    bare, other = Dataset(), Dataset()
    bare.Modality, bare.PixelData, other.PixelData = "DX", b"\1\0", b"\2\0"
    one, two, again = opened(bare), opened(other), opened(bare)
    uids = [one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID]
    assert len(set(uids)) == 3 and one.SOPInstanceUID == again.SOPInstanceUID != two.SOPInstanceUID


def test_days_between_visits_are_kept_within_a_patient_alone() -> None:
    first, second = opened(full(date="20200110")).StudyDate, opened(full(date="20200131")).StudyDate
    from datetime import datetime

    day = [datetime.strptime(date, "%Y%m%d") for date in (first, second)]
    assert (day[1] - day[0]).days == 21 and day[0].year < 2020
    assert len({shifted("20200110", f"p{i}", b"s") for i in range(20)}) > 15
    assert shifted("20200110", "p", b"s") != shifted("20200110", "p", b"t")
    assert shifted("unknown", "p", b"s") == ""


def test_the_original_stays_as_it_is() -> None:
    before = full()
    copy = before.to_json()
    cleaned(before, "p", "x", b"s")
    assert before.to_json() == copy


@pytest.mark.parametrize("gone", ["PixelData", "WindowCenter", "PixelSpacing", "BurnedInAnnotation", "ImageType"])
def test_what_speaks_of_the_pixels_as_they_were_is_gone(gone: str) -> None:
    before = full()
    before.PixelData, before.WindowCenter, before.PixelSpacing = b"\0\0", 1.0, [0.1, 0.1]
    before.BurnedInAnnotation, before.ImageType = "YES", ["ORIGINAL", "PRIMARY"]
    assert gone in before and gone not in opened(before)
