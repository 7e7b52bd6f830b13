"""Writes DICOM files as a PACS might export them, with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from cohort_files import chest
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

NAME = "Doe^Jane"
PATIENT = "MRN-4711"


def write_dicom(
    path: Path, stored: NDArray[Any] | None = None, *, syntax: str = ExplicitVRLittleEndian, bits: int = 12, **tags: Any
) -> None:
    """A CR of a chest, PA, with 12 bits of 16 and no window, unless tags say otherwise; None leaves a tag out."""
    if stored is None:
        stored = chest(1).astype(np.uint16) * 16
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    defaults: dict[str, Any] = {
        "SOPClassUID": ComputedRadiographyImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "CR",
        "PatientID": PATIENT,
        "PatientName": NAME,
        "PatientSex": "F",
        "PatientAge": "058Y",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "StudyDate": "20200102",
        "PhotometricInterpretation": "MONOCHROME2",
        "SamplesPerPixel": 1,
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": 8 * stored.dtype.itemsize,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
    }
    for keyword, value in (defaults | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.PixelData = stored.tobytes()
    if syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
