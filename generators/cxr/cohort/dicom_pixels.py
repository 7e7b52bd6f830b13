"""A DICOM file's pixels as a workstation would show them, as uint8 [size, size].

Stored values → modality values (rescale, or modality LUT) → VOI LUT or window → MONOCHROME1 inverted → 8 bits.
DICOM PS3.3 C.7.6.3.1, C.11.1, C.11.2; padding: C.7.5.1.1.2; pixels that are not square: C.7.6.3.1.7.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from synthgen.generators.cxr.cohort import dicom_header, dicom_voi, pixels
from synthgen.generators.cxr.cohort.dicom_files import opened, refuse_forms
from synthgen.generators.cxr.cohort.dicom_samples import Samples, read_samples
from synthgen.generators.cxr.cohort.pixels import Shown

UNTOLD: Final = "PhotometricInterpretation is missing: the picture itself told which is black"
_UPRIGHT: Final = "image turned or mirrored upright, as its PatientOrientation tells"
# How a picture whose rows and columns run so becomes one whose rows run to the left and columns to the feet.
_TURNS: Final = {
    "RF": Image.Transpose.FLIP_LEFT_RIGHT,
    "LH": Image.Transpose.FLIP_TOP_BOTTOM,
    "RH": Image.Transpose.ROTATE_180,
    "FL": Image.Transpose.TRANSPOSE,
    "HR": Image.Transpose.TRANSVERSE,
    "FR": Image.Transpose.ROTATE_270,
    "HL": Image.Transpose.ROTATE_90,
}
_WIDEST_ASPECT: Final = 4.0


def measure(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises UserError where they cannot be a radiograph's."""
    with opened(path, header_only=True) as dataset:
        return _size(dataset, path.name)


def decode(path: Path, size: int, inverted: bool | None = None) -> Shown:
    """The radiograph, bone bright, central square; padding is black.

    Args:
        inverted: whether to take it for a negative, where a table tells; None asks PhotometricInterpretation, and the
            picture where that is missing.

    Raises:
        UserError: the pixels cannot be decoded, or all are the same.
    """
    with opened(path, header_only=False) as dataset:
        _size(dataset, path.name)
        refuse_forms(dataset, path.name)
        told = _inverted(dataset) if inverted is None else inverted
        notes = () if told is not None else (UNTOLD,)
        aspect = _aspect(dataset)
        samples = read_samples(dataset, path.name)
        if samples.values.ndim == 3:
            levels = pixels.stretch(samples.values.astype(np.float32), 0, 2**samples.bits - 1)
            gray = Image.fromarray(levels.astype(np.uint8)).convert("L")
            return _upright(pixels.polarized(gray, None, size, path.name, inverted=bool(told), aspect=aspect), dataset)
        return _upright(_shown(samples, dataset, size, path.name, told, aspect, notes), dataset)


def _upright(shown: Shown, dataset: Any) -> Shown:
    """The picture with the patient's left on the right and the feet below, where the header says that it is not so.

    PA and AP alike are shown so, as if the patient faced the reader.
    """
    turn = _TURNS.get(dicom_header.orientation(dataset))
    if turn is None:
        return shown
    return Shown(np.asarray(Image.fromarray(shown.image).transpose(turn)), (*shown.notes, _UPRIGHT))


def _shown(
    samples: Samples, dataset: Any, size: int, name: str, inverted: bool | None, aspect: float, notes: tuple[str, ...]
) -> Shown:
    values = dicom_voi.rescaled(samples.values, dataset)
    anatomy = None if samples.padding is None else ~samples.padding
    gray, frame, guessed = dicom_voi.gray_of(values, samples.values, anatomy, samples.bits, dataset)
    black = frame if samples.padding is None else samples.padding if frame is None else samples.padding | frame
    notes = (*notes, *samples.notes, *guessed)
    return pixels.polarized(Image.fromarray(gray), black, size, name, inverted=inverted, aspect=aspect, notes=notes)


def _size(dataset: Any, name: str) -> tuple[int, int]:
    width, height = (dicom_header.number(dataset, keyword) for keyword in ("Columns", "Rows"))
    return pixels.check_size(name, width, height, _aspect(dataset))


def _aspect(dataset: Any) -> float:
    """Height of a pixel over its width, 1 where it is not told or beyond belief."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        told = dicom_voi.numbers(dataset, keyword)
        if len(told) == 2 and told[0] and told[1]:
            ratio = told[0] / told[1]
            return ratio if 1 / _WIDEST_ASPECT <= ratio <= _WIDEST_ASPECT else 1.0
    return 1.0


def _inverted(dataset: Any) -> bool | None:
    """Whether the smallest value is white; None where the header does not tell. In colours it is black.

    MONOCHROME1 goes with a Presentation LUT Shape INVERSE, which says the same thing once more; beside MONOCHROME2 it
    says the contrary (PS3.3 C.11.6).
    """
    said = "".join(dicom_header.text(dataset, "PhotometricInterpretation").upper().split("\\")[0].split())
    if said.startswith(("RGB", "YBR")):
        return False
    inverse = dicom_header.text(dataset, "PresentationLUTShape").upper() == "INVERSE"
    return {"MONOCHROME1": True, "MONOCHROME2": None if inverse else False}.get(said)
