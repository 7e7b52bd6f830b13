"""What a DICOM header says of an image: whose, which view, and whether it is a frontal chest radiograph at all.

Reasons are fixed phrases: nothing that stands in a header is ever quoted, because descriptions may name patients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from synthgen.generators.cxr.cohort import cells
from synthgen.generators.cxr.write import RELEASED_ID
from synthgen.patient_ids import issued
from synthgen.payloads.cxr import Sex, View
from synthgen.wordlists import PhraseSet, WordLists, alternatives, word_lists

SYNTHETIC: Final = "synthetic image, of a release and of no patient"
SILENT: Final = "header that does not say which part of the body it shows"
BURNED_IN: Final = "image with text burned in (BurnedInAnnotation YES)"

RADIOGRAPHS: Final = frozenset({"CR", "DX", "DR", "XR"})
"""Modality (0008,0060) of radiographs; the last two are no terms of the standard, and occur."""
PERHAPS: Final = frozenset({"SC", "OT", "RG"})
"""Modalities under which a radiograph may hide: taken where the header says that it shows a chest."""

TAGS: Final = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "StudyDate", "StudyTime", "Modality",
    "PresentationIntentType", "StudyDescription", "SeriesDescription", "ViewCodeSequence", "PatientID",
    "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "BodyPartExamined", "ProtocolName",
    "ViewPosition", "AcquisitionDeviceProcessingDescription", "AnatomicRegionSequence", "InstanceNumber",
    "PatientOrientation", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "BurnedInAnnotation", "SyntheticData",
)  # fmt: skip
"""All that is read of a header."""

_INFANT: Final = 1
"""Completed years up to which an age of 0 is no contradiction."""
# What a file is by its class (PS3.4 B.5), where it does not name its modality.
_CLASSES: Final = {
    "": "",
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
# View codes of CID 4010: SNOMED RT and CT.
_PA_CODES: Final = frozenset({"R-10214", "272479007"})
_AP_CODES: Final = frozenset({"R-10206", "399348003"})
_LATERAL_CODES: Final = frozenset({"R-10236", "399173006", "R-10232", "399198007", "R-10228", "399067008"})


class BodyParts(WordLists):
    """``body_parts.yaml``."""

    unsaid: PhraseSet
    chest: PhraseSet
    chest_words: PhraseSet
    other: PhraseSet
    other_words: PhraseSet


@cache
def _words() -> BodyParts:
    return word_lists(__package__, "body_parts", BodyParts)


@cache
def _chest_said() -> re.Pattern[str]:
    """In upper case. Beginnings may stand within a word: "RXTHORAX"."""
    return re.compile(rf"{_any(_words().chest)}|\b(?:{_any(_words().chest_words)})\b")


@cache
def _other_part_said() -> re.Pattern[str]:
    known = _words()
    return re.compile(rf"\b(?:{_any(known.other)}|(?:{_any(known.other_words)})\b|[LCT].?SPINE)")


def _any(phrases: frozenset[str]) -> str:
    return alternatives(tuple(sorted(phrase.upper() for phrase in phrases)))


@dataclass(frozen=True, slots=True)
class Header:
    """A frontal chest radiograph's header.

    Attributes:
        silent: True where the header does not say which part of the body it shows.
        viewless: True where nothing in it says that the view is frontal.
        two_ages: True where PatientAge is 0 and the date of birth tells another.
        born: PatientBirthDate as it stands there.
    """

    patient_id: str
    issuer: str
    instance_uid: str
    study_uid: str
    when: tuple[str, str, int]
    view: View
    sex: Sex
    age: int | None
    silent: bool
    born: str = ""
    viewless: bool = False
    two_ages: bool = False


def examine(dataset: Any, *, named: bool = False, burned_in: bool = False) -> Header | str:
    """The header of a frontal chest radiograph, or the reason why it is none.

    Args:
        dataset: a pydicom Dataset.
        named: whether a table names the file as one of the cohort: then it need not say that it is a radiograph.
        burned_in: whether images with burned-in text are taken.
    """
    modality = _modality(dataset)
    if modality not in RADIOGRAPHS | PERHAPS and not (named and not modality):
        return "modality that is no radiograph" if modality else "header that says neither modality nor class"
    if _synthetic(dataset):
        return SYNTHETIC
    if text(dataset, "BurnedInAnnotation").upper()[:1] == "Y" and not burned_in:
        return BURNED_IN
    if not (number(dataset, "Rows") and number(dataset, "Columns")):
        return "DICOM object without an image"
    if number(dataset, "NumberOfFrames") > 1:
        return "more than one frame"
    if text(dataset, "PhotometricInterpretation").upper() == "PALETTE COLOR":
        return "palette colour, no radiograph"
    if text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING":
        return "raw image for processing, not for presentation"
    part = _chest(dataset)
    if part is False:
        return "other body part"
    if part is None and modality in PERHAPS and not named:
        return "secondary capture that does not say it shows a chest"
    view = _view(dataset)
    if view is None or view == "unread":
        return cells.NO_VIEW if view else "lateral or oblique view"
    patient_id, issuer = _patient(dataset)
    return Header(
        patient_id=patient_id,
        issuer=issuer,
        instance_uid=text(dataset, "SOPInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        when=(text(dataset, "StudyDate"), text(dataset, "StudyTime"), number(dataset, "InstanceNumber")),
        view=view,
        sex=_sex(dataset),
        age=_age(dataset),
        silent=part is None,
        born=text(dataset, "PatientBirthDate"),
        viewless=not view and not _frontal_said(dataset),
        two_ages=_two_ages(dataset),
    )


def _patient(dataset: Any) -> tuple[str, str]:
    """The patient's number and who issued it."""
    number, issuer = issued(text(dataset, "PatientID"))
    return number, text(dataset, "IssuerOfPatientID") or issuer


def _modality(dataset: Any) -> str:
    """The modality, or that of the file's class where it names none; empty where nothing tells."""
    return text(dataset, "Modality").upper() or _CLASSES.get(text(dataset, "SOPClassUID"), "of another class")


def _synthetic(dataset: Any) -> bool:
    """True for files of a release: they say so, or have the id of one."""
    said = text(dataset, "SyntheticData").upper()[:1] == "Y"
    return said or bool(RELEASED_ID.fullmatch(text(dataset, "PatientID").upper()))


def text(dataset: Any, keyword: str) -> str:
    """An element's value as stripped text, backslashes between several; empty where it is absent."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    several = value if isinstance(value, list) or hasattr(value, "append") else (value,)
    return "\\".join(_plain(item) for item in several)


def _plain(item: object) -> str:
    said = item.decode("latin-1") if isinstance(item, bytes) else str(item)
    return said.strip(" \t\r\n\0")


def number(dataset: Any, keyword: str) -> int:
    """An element's value as a whole number; 0 where it is absent or is none."""
    try:
        return int(float(text(dataset, keyword) or 0))
    except (ValueError, OverflowError):
        return 0


def _chest(dataset: Any) -> bool | None:
    """Whether a chest is shown; None where nothing says so. The tag of the body part outweighs descriptions."""
    described = ("StudyDescription", "SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
    named = text(dataset, "BodyPartExamined").upper()
    if named and named.lower() not in _words().unsaid:
        return bool(_chest_said().search(_without_spine(named))) and "ABDOM" not in named
    meanings = [text(item, "CodeMeaning") for item in dataset.get("AnatomicRegionSequence") or ()]
    said = " / ".join([*meanings, *(text(dataset, keyword) for keyword in described)]).upper()
    if _chest_said().search(_without_spine(said)):
        return True
    return False if _other_part_said().search(said) else None


def _without_spine(said: str) -> str:
    return re.sub(r"THORA\w*[\s_-]*(SPINE|VERTEBRA)", "SPINE", said)


def _view(dataset: Any) -> View | Literal["unread"] | None:
    """The frontal view, ``""`` where nothing tells the direction, None for any other view.

    ``unread`` where words stand in ViewPosition that are not known, and nothing else in the header tells.
    """
    position = cells.view_said(text(dataset, "ViewPosition"))
    if position in {"PA", "AP", "lateral"}:
        return cells.view(text(dataset, "ViewPosition"))
    for item in dataset.get("ViewCodeSequence") or ():
        code = text(item, "CodeValue")
        if code in _PA_CODES | _AP_CODES | _LATERAL_CODES:
            return None if code in _LATERAL_CODES else "PA" if code in _PA_CODES else "AP"
        return cells.view(text(item, "CodeMeaning"))
    if text(dataset, "PatientOrientation").upper()[:1] in {"A", "P"}:  # rows run from front to back
        return None
    # Of the series, not of the study: "CHEST PA AND LAT" is the name of both its images.
    described = ("SeriesDescription", "AcquisitionDeviceProcessingDescription", "ProtocolName")
    told = [re.sub(r"\bL\b", " ", text(dataset, keyword)) for keyword in described]  # L is left
    for said in told:
        if cells.view_said(said) in {"PA", "AP", "lateral"}:
            return cells.view(said)
    either = position != "frontal" and any(map(cells.names_side, told))
    return "unread" if either or position == "unread" else ""


def _sex(dataset: Any) -> Sex:
    return cells.known_sex(text(dataset, "PatientSex")) or ""


def orientation(dataset: Any) -> str:
    """Which way rows and columns run, one letter each, ``LF`` in a frontal chest as it is shown; empty if unsaid.

    PS3.3 C.7.6.1.1.1: A, P, R, L, H, F (anterior, posterior, right, left, head, foot), the main direction first.
    """
    row, _, column = text(dataset, "PatientOrientation").upper().partition("\\")
    return f"{row.strip()[:1]}{column.strip()[:1]}"


def _frontal_said(dataset: Any) -> bool:
    """Whether words, or rows that run from one side to the other, say that a view is frontal."""
    said = ("ViewPosition", "SeriesDescription", "AcquisitionDeviceProcessingDescription", "ProtocolName")
    across = text(dataset, "PatientOrientation").upper()[:1] in {"L", "R"}
    return across or any(cells.view_said(text(dataset, keyword)) == "frontal" for keyword in said)


def _age(dataset: Any) -> int | None:
    """By PatientAge; where that is absent, or is 0 and the dates tell another, by the dates."""
    age = cells.years(text(dataset, "PatientAge"))
    if age is None or _two_ages(dataset):
        age = _age_by_dates(dataset)
    return age if age is not None and 0 <= age <= cells.OLDEST else None


def _age_by_dates(dataset: Any) -> int | None:
    return cells.age_between(text(dataset, "PatientBirthDate"), text(dataset, "StudyDate"))


def _two_ages(dataset: Any) -> bool:
    """Whether PatientAge is 0, as programs fill it, and the dates tell of somebody older than a year or two."""
    reached = _age_by_dates(dataset)
    return reached is not None and reached > _INFANT and cells.years(text(dataset, "PatientAge")) == 0
