"""A DICOM file's pixels as a workstation would show them, as uint8 [size, size].

Stored values → modality values (rescale, or modality LUT) → VOI LUT or window → MONOCHROME1 inverted → 8 bits.
DICOM PS3.3 C.7.6.3.1, C.11.1, C.11.2; padding: C.7.5.1.1.2.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi, pixel_array

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort import dicom_header, pixels
from synthgen.payloads.cxr import CxrImage

_CLIPPED: Final = 0.98
"""A window that drives more of the image than this to black or white was not made for it."""


@contextlib.contextmanager
def opened(path: Path, *, header_only: bool) -> Iterator[Any]:
    """A pydicom Dataset, with the elements of the header that are needed, or with all.

    Elements are parsed when they are first looked at, and pixels when they are asked for: whatever fails within the
    context means that the file is damaged. pydicom's warnings are not shown, because they quote patients' data.

    Raises:
        UserError: the file is empty, cut short, damaged, or no DICOM.
    """
    try:
        with warnings.catch_warnings(record=True), pydicom.config.disable_value_validation():
            if path.stat().st_size == 0:
                raise UserError(f"{path.name} is an empty file (0 bytes)")
            dataset = pydicom.dcmread(
                path,
                force=True,  # old files lack the preamble
                stop_before_pixels=header_only,
                specific_tags=list(dicom_header.TAGS) if header_only else None,
            )
            if "SOPClassUID" not in dataset:
                raise UserError(f"{path.name} is no DICOM file, or a damaged one: copy it again from its source")
            yield dataset
    except UserError:
        raise
    except Exception as error:  # pydicom and the decoders raise anything for damaged files
        raise UserError(f"{path.name} is a damaged DICOM file: copy it again from its source") from error


def measure(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises UserError where they cannot be a radiograph's."""
    with opened(path, header_only=True) as dataset:
        width, height = (dicom_header.number(dataset, keyword) for keyword in ("Columns", "Rows"))
        return pixels.check_size(path.name, width, height)


def decode(path: Path, size: int) -> CxrImage:
    """The radiograph, bone bright, central square; padding is black.

    Raises:
        UserError: the pixels cannot be decoded, or all are the same.
    """
    measure(path)
    with opened(path, header_only=False) as dataset:
        stored = pixel_array(dataset)
        if stored.ndim == 3:
            levels = pixels.stretch(stored.astype(np.float32), 0, 2 ** int(dataset.BitsStored) - 1)
            shown = Image.fromarray(levels.astype(np.uint8)).convert("L")
        else:
            shown = Image.fromarray(_shown(stored, dataset))
    return pixels.square(shown, size, path.name)


def _shown(stored: NDArray[Any], dataset: Any) -> NDArray[np.float32]:
    padding = _padding(stored, dataset)
    values = apply_modality_lut(stored, dataset)
    anatomy = values if padding is None or padding.all() else values[~padding]
    if dataset.get("VOILUTSequence"):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        looked_up = apply_voi(np.rint(values).astype(np.int32), dataset)
        gray = pixels.stretch(looked_up.astype(np.float32), 0, 2**bits - 1)
    else:
        gray = _windowed(values.astype(np.float32), dataset)
    if _blown(gray if padding is None or padding.all() else gray[~padding]):
        gray = pixels.stretch(values.astype(np.float32), *pixels.robust_range(anatomy.astype(np.float32)))
    if dicom_header.text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1":
        gray = 255 - gray
    if padding is not None:
        gray[padding] = 0
    return gray


def _padding(stored: NDArray[Any], dataset: Any) -> NDArray[np.bool_] | None:
    """Where pixels are padding, by stored value; None where the header names no padding."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(first), int(first if limit is None else limit)))
    return (stored >= low) & (stored <= high)


def _windowed(values: NDArray[np.float32], dataset: Any) -> NDArray[np.float32]:
    """The first window of the header, on the scale from 0 to 255. All black where there is none, or a senseless one."""
    centers, widths = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if centers is None or widths is None or not str(centers).strip("[]") or not str(widths).strip("[]"):
        return np.zeros_like(values)
    center, width = (float(v[0] if hasattr(v, "__getitem__") else v) for v in (centers, widths))
    function = dicom_header.text(dataset, "VOILUTFunction").upper() or "LINEAR"
    if width <= (1 if function == "LINEAR" else 0):
        return np.zeros_like(values)
    match function:
        case "SIGMOID":  # C.11.2.1.3.1
            exponent = np.clip(-4 * (values - center) / width, -80, 80)
            sigmoid: NDArray[np.float32] = (255 / (1 + np.exp(exponent))).astype(np.float32)
            return sigmoid
        case "LINEAR_EXACT":  # C.11.2.1.3.2
            return pixels.stretch(values, center - width / 2, center + width / 2)
    return pixels.stretch(values, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)  # C.11.2.1.2.1


def _blown(gray: NDArray[np.float32]) -> bool:
    """True where nearly all is black, or nearly all white."""
    return bool((gray <= 0).mean() > _CLIPPED or (gray >= 255).mean() > _CLIPPED)
