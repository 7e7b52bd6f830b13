"""A DICOM file's pixels as a workstation would show them, as uint8 [size, size].

Stored values → modality values (rescale, or modality LUT) → VOI LUT or window → MONOCHROME1 inverted → 8 bits.
DICOM PS3.3 C.7.6.3.1, C.11.1, C.11.2; padding: C.7.5.1.1.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.cxr.cohort import dicom_header, pixels
from synthgen.modalities.cxr.types import CxrImage

try:
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi, pixel_array
except ImportError as error:
    raise MissingExtraError("reading DICOM files", "cxr") from error

_CLIPPED: Final = 0.98
"""A window that drives more of the image than this to black or white was not made for it."""


def measure(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises UserError where they cannot be a radiograph's."""
    dataset = read(path, header_only=True)
    return pixels.check_size(path.name, dicom_header.number(dataset, "Columns"), dicom_header.number(dataset, "Rows"))


def read(path: Path, *, header_only: bool) -> Any:
    """A pydicom Dataset, with the elements of the header that are needed, or with all.

    Raises:
        UserError: the file is empty, cut short, or no DICOM.
    """
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is an empty file (0 bytes)")
    try:
        with pydicom.config.disable_value_validation():  # its warnings would quote patients' data
            dataset = pydicom.dcmread(
                path,
                force=True,  # old files lack the preamble
                stop_before_pixels=header_only,
                specific_tags=list(dicom_header.TAGS) if header_only else None,
            )
    except Exception as error:  # of many kinds, for damaged files
        raise UserError(f"{path.name} is a damaged DICOM file: copy it again from its source") from error
    if "SOPClassUID" not in dataset:
        raise UserError(f"{path.name} is no DICOM file, or a damaged one: copy it again from its source")
    return dataset


def decode(path: Path, size: int) -> CxrImage:
    """The radiograph, bone bright, central square; padding is black.

    Raises:
        UserError: the pixels cannot be decoded, or all are the same.
    """
    measure(path)
    dataset = read(path, header_only=False)
    try:
        with pydicom.config.disable_value_validation():
            stored = pixel_array(dataset)
            if stored.ndim == 3:
                return pixels.square(Image.fromarray(stored.astype(np.uint8)).convert("L"), size, path.name)
            shown = _shown(stored, dataset)
    except UserError:
        raise
    except Exception as error:  # third-party decoders raise anything
        raise UserError(f"the pixels of {path.name} cannot be decoded: copy it again from its source") from error
    return pixels.square(Image.fromarray(shown), size, path.name)


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
