"""Writes accepted chest X-rays in the layouts that their users read: imagefolder, and DICOM besides.

Both writers stream: they hold one sample at a time. Neither writes a sample's seed, because the seed and the model
together would give the sample's noise to whoever holds the model; a sample is known by its place in the release.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from synthgen.errors import MissingExtraError
from synthgen.payloads.cxr import OLDEST, CxrAnonymised, CxrCondition, CxrImage, CxrSynthetic
from synthgen.records import JsonValue
from synthgen.report import Column, DatasetFacts

if TYPE_CHECKING:
    from pydicom import Dataset

METADATA_FILE = "data/train/metadata.jsonl"
"""JSON lines rather than CSV: the findings of an image are a list, and unknown is ``null``."""

RELEASED_ID: Final = re.compile(r"SYNTHETIC-\d{6,}")
"""The PatientID of a file that :func:`write_dicom` wrote."""
# Before there were radiographs of chests, so that nobody takes them for an examination's.
_NEEDED: Final = (
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientOrientation",
)
_NO_DATE: Final = "19000101"
_NO_TIME: Final = "000000"


@dataclass(frozen=True)
class Wording:
    """How a release names its images and speaks of them.

    Attributes:
        kind: ``"synthetic"``: beginning of every name in capitals, and in sentences as it is.
        asked: what findings, view, sex and age an image has, behind "each with the findings, view, sex and age".
        stated: where they come from, behind "The projection".
    """

    kind: str
    asked: str
    stated: str

    def name(self, index: int) -> str:
        """The public name of image ``index``: ``"SYNTHETIC-000123"``."""
        return f"{self.kind.upper()}-{index:06d}"

    @property
    def columns(self) -> tuple[Column, ...]:
        stated = self.stated
        return (
            Column("file_name", "sc:Text", "The image file, beside this table."),
            Column("id", "sc:Text", "The image's name; the PatientID of its DICOM file, where there is one."),
            Column("labels", "sc:Text", f"The findings {stated}, or 'No Finding'.", repeated=True),
            Column("view", "sc:Text", f"The projection {stated}: PA or AP; null when none was stated."),
            Column("sex", "sc:Text", f"The sex {stated}: F or M; null when none was stated."),
            Column("age", "sc:Integer", f"The age {stated}, in years, 90 for 90 and above; null when none was stated."),
        )


SYNTHETIC: Final = Wording("synthetic", "that it was generated for", "asked for")
ANONYMISED: Final = Wording("anonymised", "that its source states, as far as many have them", "stated")


def write_imagefolder(
    folder: Path, samples: Iterable[tuple[int, CxrSynthetic | CxrAnonymised]], wording: Wording = SYNTHETIC
) -> DatasetFacts:
    """Writes ``data/train/000000.png`` … and ``data/train/metadata.jsonl``, which ``datasets.load_dataset`` reads.

    Args:
        folder: the release's folder, without ``data/train`` as yet.
        samples: (index in the release, sample), streamed; images uint8 of shape [size, size].

    Raises:
        ValueError: an image is not a uint8 square.
        OSError: the folder cannot be written.
    """
    media = folder / "data" / "train"
    media.mkdir(parents=True)
    counts: Counter[str] = Counter()
    total = 0
    with (folder / METADATA_FILE).open("x", encoding="utf-8", newline="\n") as table:
        for index, sample in samples:
            name = f"{index:06d}.png"
            (media / name).write_bytes(_png(sample.payload))
            table.write(json.dumps(_row(name, wording.name(index), sample.condition), ensure_ascii=False) + "\n")
            counts.update(sample.condition.labels)
            total += 1
    return DatasetFacts(
        modality="cxr",
        title=f"{wording.kind.capitalize()} chest X-rays",
        description=(
            f"{total:,} {wording.kind} frontal chest radiographs (8-bit grayscale PNG), each with the findings, view, "
            f"sex and age {wording.asked}."
        ),
        samples=total,
        columns=wording.columns,
        metadata_file=METADATA_FILE,
        media_glob="data/train/*.png",
        media_type="image/png",
        media_column="file_name",
        counts=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        task_categories=("image-classification",),
        modality_tags=("chest-x-ray", "radiology"),
    )


def write_dicom(folder: Path, samples: Iterable[tuple[int, CxrSynthetic]], *, release_seed: int) -> None:
    """Writes ``dicom/000000.dcm`` …: one Secondary Capture image per sample, marked as synthetic, uncompressed.

    UIDs are derived from ``release_seed`` and the index alone, so that a rerun writes the same bytes. There is no
    institution, for there was no examination (DICOM PS3.3 A.8.1; Synthetic Data (0008,001C) of C.12.1); the date and
    time of the study are the same invented ones in every file, because a DICOMDIR needs some (PS3.3 F.5.2).

    Args:
        folder: the release's folder, without ``dicom`` as yet.
        samples: (index in the release, sample), streamed; images uint8 of shape [size, size].

    Raises:
        MissingExtraError: pydicom is not installed.
        ValueError: an image is not a uint8 square.
        OSError: the folder cannot be written.
    """
    _write_files(folder, ((index, _dicom(index, sample, release_seed)) for index, sample in samples))


def write_changed_dicom(folder: Path, records: Iterable[tuple[int, CxrAnonymised]]) -> None:
    """Writes ``dicom/000000.dcm`` … of the records that have a cleaned header: Secondary Capture with its attributes.

    What :func:`synthgen.generators.cxr.headers.cleaned` left stands as it is, and the pixels, findings, sex and age are
    the changed record's. Images of one patient share a PatientID, of one study its UID: whoever has these files needs
    no attack to put them together.

    Args:
        folder, records: as of :func:`write_dicom`.

    Raises:
        MissingExtraError, ValueError, OSError: as there.
    """
    _write_files(folder, ((index, _changed(record)) for index, record in records if record.header))


def _changed(record: CxrAnonymised) -> Dataset:
    from pydicom import Dataset

    header = Dataset.from_json(record.header.decode())
    data = _file(str(header.SOPInstanceUID))
    data.update(header)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.Modality = data.get("Modality") or "DX"
    data.ConversionType, data.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    data.DerivationDescription = f"Radiograph of a patient, changed by {record.operator}; not for diagnosis"
    _shown(data, record.payload, record.condition)
    return data


def _write_files(folder: Path, files: Iterable[tuple[int, Dataset]]) -> None:
    try:
        from pydicom import dcmwrite
    except ImportError as error:
        raise MissingExtraError("the DICOM writer", "cxr") from error
    target = folder / "dicom"
    target.mkdir()
    for index, data in files:
        with (target / f"{index:06d}.dcm").open("xb") as file:
            dcmwrite(file, data, enforce_file_format=True)


def _png(pixels: CxrImage) -> bytes:
    _check(pixels)
    # By way of memory: Pillow, writing a file itself, hides a full disk behind "encoder error -2".
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _check(pixels: CxrImage) -> None:
    if pixels.ndim != 2 or pixels.shape[0] != pixels.shape[1] or pixels.dtype.name != "uint8":
        raise ValueError(f"images must be uint8 squares, got {pixels.dtype.name} of shape {pixels.shape}")


def _released(age: int | None) -> int | None:
    return None if age is None else min(age, OLDEST)


def _row(file: str, name: str, condition: CxrCondition) -> dict[str, JsonValue]:
    return {
        "file_name": file,
        "id": name,
        "labels": list(condition.labels),
        "view": condition.view or None,
        "sex": condition.sex or None,
        "age": _released(condition.age),
    }


def _file(instance_uid: str) -> Any:
    """An empty Secondary Capture file."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["synthgen"])
    meta.ImplementationVersionName = "SYNTHGEN"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    return data


def _shown(data: Any, pixels: CxrImage, condition: CxrCondition) -> None:
    """The pixels, and what is known of them, into a file."""
    _check(pixels)
    data.PatientSex, data.PatientBirthDate = condition.sex, ""
    if (age := _released(condition.age)) is not None:
        data.PatientAge = f"{age:03d}Y"
    data.BodyPartExamined, data.ViewPosition = "CHEST", condition.view
    for name in (
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientOrientation",
    ):
        if name not in data:
            setattr(data, name, "")
    for name in ("SeriesNumber", "InstanceNumber"):
        if not data.get(name):
            setattr(data, name, 1)
    data.LossyImageCompression = "00"
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    raw = pixels.tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OB"


def _dicom(index: int, sample: CxrSynthetic, release_seed: int) -> Any:
    from pydicom.uid import generate_uid

    def uid(*role: str) -> Any:
        return generate_uid(entropy_srcs=["synthgen release", str(release_seed), str(index), *role])

    condition = sample.condition
    data = _file(uid("instance"))
    data.SyntheticData = "YES"
    data.PatientName, data.PatientID = f"Synthetic^{index:06d}", SYNTHETIC.name(index)
    data.StudyInstanceUID, data.SeriesInstanceUID = uid("study"), uid("series")
    data.StudyDate, data.StudyTime, data.StudyID = _NO_DATE, _NO_TIME, str(index)
    data.Modality = "DX"
    data.Manufacturer, data.ManufacturerModelName = "synthgen", "synthgen"
    data.ConversionType, data.ImageType = "SYN", ["DERIVED", "SECONDARY"]
    data.DerivationDescription = "Synthetic image made by a generative model; not a record of any person"
    data.ImageComments = f"SYNTHETIC, not for diagnosis. Generated for: {', '.join(condition.labels)}"
    data.BurnedInAnnotation = "NO"
    _shown(data, sample.payload, condition)
    return data
