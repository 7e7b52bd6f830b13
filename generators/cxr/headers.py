"""The header of a patient's DICOM file, cleaned by the confidentiality profile.

The Basic Application Level Confidentiality Profile of DICOM PS3.15, table E.1-1, as ``dicom-anonymizer`` holds it, in
sequences too; with the option to retain longitudinal temporal information with modified dates: study, series,
acquisition and content move by one number of days in all files of a patient. UIDs are digests under a secret: images of
one study stay in one study, and without the secret no old UID is found again. What the table does not list and may hold
words or names, private elements, and what speaks of the pixels as they were are taken out.
"""

from __future__ import annotations

import copy
import datetime
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from synthgen.digests import keyed, keyed_seed
from synthgen.errors import MissingExtraError

EDITION: Final = "2026c"
_SHIFTED: Final = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_NEEDED: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_LEAST, _RANGE = 365, 3285  # days back in time: by a year at least, by ten at most
_WORDS: Final = frozenset({"LT", "ST", "UT", "PN", "UC", "UR", "LO", "SH", "OB", "OW", "UN"})
_REGISTERED: Final = "1.2.840.10008."  # UIDs of the standard itself: classes, transfer syntaxes
_OF_PIXELS: Final = re.compile(
    r".*(PixelData|PixelValue|PixelPadding|LUT|Window|Rescale|Spacing|Overlay|Lossy|AspectRatio|Shutter|Icon|Source"
    r"|Derivation|Collimator|Palette).*|ImageType|BurnedInAnnotation|RecognizableVisualFeatures|SmallestImage.*"
    r"|LargestImage.*|NumberOfFrames|Presentation.*"
)
_PROFILE: Final = (("113100", "Basic Application Confidentiality Profile"), ("113107", "Retain Longitudinal Temporal "
                   "Information Modified Dates Option"))  # fmt: skip


def cleaned(dataset: Any, patient: str, name: str, secret: bytes) -> bytes:
    """The header as JSON (PS3.18 F), without an image and without a patient; ``dataset`` stays as it is.

    Args:
        dataset: a pydicom Dataset.
        patient: whose it is: days move alike in all of his files.
        name: of the patient in the release.
        secret: of the UIDs and days.

    Raises:
        MissingExtraError: ``dicom-anonymizer`` is not installed.
    """
    from pydicom.dataset import Dataset

    made = Dataset()
    for element in dataset:
        if not _OF_PIXELS.fullmatch(element.keyword) and not element.tag.is_private:
            made.add(copy.deepcopy(element))
    dates = {keyword: str(made[keyword].value) for keyword in _SHIFTED if made.get(keyword)}
    for part in _parts(made):
        _clean(part, secret)
    for keyword, date in dates.items():
        made.add_new(keyword, "DA", shifted(date, patient, secret))
    for keyword in _NEEDED:
        if not made.get(keyword):
            image = str(dataset.get("SOPInstanceUID") or keyed(secret, dataset.get("PixelData", b"")))
            setattr(made, keyword, new_uid(f"{keyword} of {image}", secret))
    made.PatientID = made.PatientName = name
    made.PatientIdentityRemoved, made.LongitudinalTemporalInformationModified = "YES", "MODIFIED"
    made.DeidentificationMethod = f"PS3.15 table E.1-1, {EDITION}"
    made.DeidentificationMethodCodeSequence = [_code(*one) for one in _PROFILE]
    return json.dumps(made.to_json_dict(), sort_keys=True).encode()


def shifted(date: str, patient: str, secret: bytes) -> str:
    """``YYYYMMDD``, moved by the patient's days; empty where it is no date."""
    days = _LEAST + keyed_seed(secret, "days", patient) % _RANGE
    try:
        moved = datetime.date(int(date[:4]), int(date[4:6]), int(date[6:8])) - datetime.timedelta(days)
    except (ValueError, OverflowError):
        return ""
    return moved.strftime("%Y%m%d")


def _clean(dataset: Any, secret: bytes) -> None:
    """One level of a header, in place: what the profile would replace by a dummy date or word is taken out."""
    try:
        from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
    except ImportError as error:
        raise MissingExtraError("cleaning DICOM headers", "cxr") from error

    dates_and_words = [element.tag for element in dataset if element.VR in _WORDS | {"DA", "DT", "TM", "AS"}]
    uids = {element.tag: element.value for element in dataset if element.VR == "UI"}
    anonymize_dataset(dataset, base_rules_gen=partial(initialize_actions, f"dicomfields_{EDITION}"))
    for tag in dates_and_words:
        dataset.pop(tag, None)
    for tag, uid in uids.items():
        if tag in dataset:  # the library draws at random, and keeps some
            dataset[tag].value = _each(uid, lambda one: one if one.startswith(_REGISTERED) else new_uid(one, secret))


def _each(value: Any, change: Callable[[str], str]) -> Any:
    return change(str(value)) if isinstance(value, str) else [change(str(one)) for one in value]


def new_uid(uid: str, secret: bytes) -> str:
    """A UID of 128 bits of a keyed digest (PS3.5 B.2)."""
    return f"2.25.{int(keyed(secret, 'uid', uid), 16)}"


def _parts(dataset: Any) -> Iterator[Any]:
    """The dataset, and those in its sequences, the innermost first."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _parts(item)
    yield dataset


def _code(value: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, "DCM", meaning
    return made
