"""Modality and VOI transforms of a DICOM file: rescaling, lookup tables, windows, in the forms in which they come.

DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT and windows). Tables are looked up here rather than by pydicom, whose
functions count in the table's own width and refuse widths of 10 to 15 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.cxr.cohort import dicom_header, pixels

UNFIT: Final = "window or table of the header that does not fit the pixels, left aside"
STORED: Final = "window in stored values, though the header rescales"

Floats = NDArray[np.float32]

_CLIPPED: Final = 0.98
"""A window that drives more of the image than this to black or white was not made for it."""
_LEAST_SPREAD: Final = 24.0
"""Nor was one that leaves the image fewer gray levels than this, from its first to its last percent."""
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?|[+-]?[.,]\d+")


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table.

    Attributes:
        first: the value that the first entry stands for.
        entries: int32 [n].
        white: the entry that is white.
    """

    first: int
    entries: NDArray[np.int32]
    white: int

    def __call__(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """What the values, int32 [h, w], become; those beyond the table become its ends."""
        looked_up: NDArray[np.int32] = self.entries[np.clip(values - self.first, 0, self.entries.size - 1)]
        return looked_up


@dataclass(frozen=True, slots=True)
class Window:
    """A window, and the function by which it maps to gray levels."""

    center: float
    width: float
    function: str

    def __call__(self, values: Floats) -> Floats:
        """Gray from 0 to 255."""
        center, width = self.center, self.width
        match self.function:
            case "SIGMOID":  # C.11.2.1.3.1
                exponent = np.clip(-4 * (values - center) / width, -80, 80)
                return np.asarray(255 / (1 + np.exp(exponent)), np.float32)
            case "LINEAR_EXACT":  # C.11.2.1.3.2
                return pixels.stretch(values, center - width / 2, center + width / 2)
        return pixels.stretch(values, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)  # C.11.2.1.2.1


def numbers(dataset: Any, keyword: str) -> list[float | None]:
    """All values of an element; a decimal comma is a decimal point, None is what is no number.

    A comma cannot mean anything else: several values are separated by backslashes.
    """
    texts = dicom_header.text(dataset, keyword).split("\\")
    return [float(text.replace(",", ".")) if _NUMBER.fullmatch(text.strip()) else None for text in texts]


def rescaled(values: NDArray[Any], dataset: Any) -> NDArray[Any]:
    """Stored values as modality values, by the modality LUT or by slope and intercept."""
    table = next(_tables(dataset, "ModalityLUTSequence", values), None)
    if table is not None and values.dtype.kind == "i":
        return table(values)
    slope, intercept = numbers(dataset, "RescaleSlope")[0] or 1.0, numbers(dataset, "RescaleIntercept")[0] or 0.0
    return values if (slope, intercept) == (1.0, 0.0) else (values * slope + intercept).astype(np.float32)


def gray_of(
    values: NDArray[Any], stored: NDArray[Any], anatomy: NDArray[np.bool_] | None, bits: int, dataset: Any
) -> tuple[Floats, NDArray[np.bool_] | None, tuple[str, ...]]:
    """Gray from 0 to 255 before any inversion, where there is a frame around the field, and what had to be guessed.

    The first of the header's VOI tables and windows that shows something; else all of the anatomy's values.

    Args:
        values, stored: after and before rescaling, [h, w].
        anatomy: where it is no padding; None is everywhere.
        bits: of the stored values.
    """
    unfit: tuple[str, ...] = ()
    for gray, notes in _by_header(values, stored, anatomy, bits, dataset):
        if _shows(gray if anatomy is None else gray[anatomy]):
            return gray, None, (*unfit, *notes)
        unfit = (UNFIT,)
    numbers_there = values.astype(np.float32)
    field = pixels.field_of(
        numbers_there if anatomy is None else np.where(anatomy, numbers_there, np.median(numbers_there[anatomy]))
    )
    return pixels.stretch(numbers_there, field.low, field.high), field.frame, unfit


def _by_header(
    values: NDArray[Any], stored: NDArray[Any], anatomy: NDArray[np.bool_] | None, bits: int, dataset: Any
) -> Iterator[tuple[Floats, tuple[str, ...]]]:
    whole = np.rint(values).astype(np.int32)
    for table in _tables(dataset, "VOILUTSequence", whole):
        yield pixels.stretch(table(whole).astype(np.float32), 0, table.white), ()
    for window in _windows(dataset):
        gray = window(values.astype(np.float32))
        if values is not stored:
            other = window(stored.astype(np.float32))
            if _meant_for_stored(window, gray, other, anatomy, bits):
                yield other, (STORED,)
                continue
        yield gray, ()


def _meant_for_stored(
    window: Window, gray: Floats, other: Floats, anatomy: NDArray[np.bool_] | None, bits: int
) -> bool:
    """Whether a window was made for stored values: it cuts hardly any of them, and many of the rescaled ones."""
    if anatomy is not None:
        gray, other = gray[anatomy], other[anatomy]
    nominal = bits > 0 and abs(window.width / 2**bits - 1) < 0.01 and abs(window.center / 2 ** (bits - 1) - 1) < 0.01
    cut, cut_other = (float(((levels <= 0) | (levels >= 255)).mean()) for levels in (gray, other))
    return _shows(other) and (nominal or (cut_other <= 0.02 and (cut >= 0.25 or not _shows(gray))))


def _windows(dataset: Any) -> Iterator[Window]:
    function = dicom_header.text(dataset, "VOILUTFunction").upper().replace(" ", "_") or "LINEAR"
    for center, width in zip(numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth"), strict=False):
        if center is not None and width is not None and width > (0 if function in {"SIGMOID", "LINEAR_EXACT"} else 1):
            yield Window(center, width, function)


def _shows(gray: Floats) -> bool:
    """False where nearly all is black, or nearly all white, or all the same gray."""
    if (gray <= 0).mean() > _CLIPPED or (gray >= 255).mean() > _CLIPPED:
        return False
    first, last = np.percentile(gray[:: max(1, gray.size // 65_536)] if gray.ndim == 1 else gray[::4, ::4], (1, 99))
    return bool(last - first >= _LEAST_SPREAD)


def _tables(dataset: Any, keyword: str, values: NDArray[Any]) -> Iterator[Table]:
    """The usable tables of a sequence."""
    for item in dataset.get(keyword) or ():
        descriptor = [int(value or 0) for value in numbers(item, "LUTDescriptor")]
        if len(descriptor) == 3 and item.get("LUTData"):
            entries = _entries(item.LUTData, descriptor[0] & 0xFFFF or 65_536, descriptor[2], dataset)
            if entries.size > 1 and entries.min() < entries.max():
                yield Table(_first(descriptor[1], entries.size, values), entries, _white(entries, descriptor[2]))


def _entries(data: Any, count: int, bits: int, dataset: Any) -> NDArray[np.int32]:
    """As many entries as there are, up to the declared number: of 16 bits, or of 8 where the bytes are no more."""
    if isinstance(data, bytes | bytearray):
        little = getattr(dataset, "original_encoding", (None, True))[1] is not False
        narrow = len(data) in (count, count + 1) or (bits <= 8 and len(data) < 2 * count)
        words = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2")
        entries = np.frombuffer(data, np.uint8) if narrow else words
    else:
        entries = np.atleast_1d(np.asarray(data, np.int64)) & 0xFFFF
        if bits <= 8 and entries.size == -(-count // 2) and count > 1:  # two entries of 8 bits to a word
            entries = entries.astype("<u2").view(np.uint8)
    return entries[:count].astype(np.int32)


def _first(first: int, count: int, values: NDArray[Any]) -> int:
    """The first mapped value with the sign by which the table covers most of the values: its VR is often wrong."""
    low, high = int(values.min()), int(values.max())
    candidates = (first, first - 65_536 if first > 0 else first + 65_536)
    return max(candidates, key=lambda start: min(high, start + count - 1) - max(low, start))


def _white(entries: NDArray[np.int32], declared: int) -> int:
    """The largest entry that there can be: of the declared width where the table fills it, else of its own."""
    filled = int(entries.max()).bit_length()
    return int(2 ** (declared if filled == declared else filled) - 1)
