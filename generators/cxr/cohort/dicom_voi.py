"""Modality and VOI transforms of a DICOM file: rescaling, lookup tables, windows, in the forms in which they come.

DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT and windows). Tables are looked up here rather than by pydicom, whose
functions count in the table's own width and refuse widths of 10 to 15 bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.cxr.cohort import dicom_header, pixels

UNFIT: Final = "window or table of the header that does not fit the pixels, left aside"
STORED: Final = "window in stored values, though the header rescales"

Floats = NDArray[np.float32]
Shown = Callable[[NDArray[Any]], Floats]

_CLIPPED: Final = 0.98
"""A window that drives more of the image than this to black or white was not made for it."""
_LEAST_SPREAD: Final = 24.0
"""Nor was one that leaves the image fewer gray levels than this, from its first to its last percent."""
_JUDGED: Final = 65_536
"""Pixels by which a window is judged."""
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

    def gray(self, values: NDArray[Any]) -> Floats:
        """What the values become, as gray from 0 to 255."""
        return pixels.stretch(self(np.rint(values).astype(np.int32)).astype(np.float32), 0, self.white)


@dataclass(frozen=True, slots=True)
class Window:
    """A window, and the function by which it maps to gray levels."""

    center: float
    width: float
    function: str

    def __call__(self, values: NDArray[Any]) -> Floats:
        """Gray from 0 to 255."""
        values = values.astype(np.float32, copy=False)
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
    field = pixels.field_of(_without(values, anatomy))
    anatomy = field.within if anatomy is None else anatomy if field.within is None else anatomy & field.within
    some = np.flatnonzero(anatomy) if anatomy is not None else np.arange(values.size)
    some = some[:: max(1, some.size // _JUDGED)]
    notes: tuple[str, ...] = ()
    for shown, source, told in _by_header(values, stored, some, bits, dataset):
        if _shows(shown(source.ravel()[some])):
            return shown(source), field.frame, (*notes, *told)
        notes = (UNFIT,)
    return pixels.stretch(values.astype(np.float32), field.low, field.high), field.frame, notes


def _without(values: NDArray[Any], anatomy: NDArray[np.bool_] | None) -> Floats:
    """The values, with the median of the anatomy in place of padding."""
    numbers = values.astype(np.float32)
    return numbers if anatomy is None else np.where(anatomy, numbers, np.median(numbers[anatomy]))


def _by_header(
    values: NDArray[Any], stored: NDArray[Any], some: NDArray[np.int64], bits: int, dataset: Any
) -> Iterator[tuple[Shown, NDArray[Any], tuple[str, ...]]]:
    """How the header would have it shown, by which values, and what had to be guessed."""
    for table in _tables(dataset, "VOILUTSequence", values):
        yield table.gray, values, ()
    ends = np.array([[0, 2**bits - 1]], np.int64)
    for window in _windows(dataset):
        nominal = bits > 0 and _is_all(window, ends) and not _is_all(window, rescaled(ends, dataset))
        if values is not stored and _meant_for_stored(window, values.ravel()[some], stored.ravel()[some], nominal):
            yield window, stored, (STORED,)
        else:
            yield window, values, ()


def _meant_for_stored(window: Window, values: NDArray[Any], stored: NDArray[Any], nominal: bool) -> bool:
    """Whether a window was made for stored values: it is all of them, or cuts few of them and many of the rescaled."""
    gray, other = window(values), window(stored)
    cut, cut_other = (float(((levels <= 0) | (levels >= 255)).mean()) for levels in (gray, other))
    return _shows(other) and (nominal or (cut_other <= 0.02 and (cut >= 0.25 or not _shows(gray))))


def _is_all(window: Window, ends: NDArray[Any]) -> bool:
    """Whether a window spans from one end to the other."""
    edges = window.center - window.width / 2, window.center + window.width / 2
    return bool(np.abs(np.sort(ends.ravel()) - edges).max() < 0.02 * window.width)


def _windows(dataset: Any) -> Iterator[Window]:
    function = dicom_header.text(dataset, "VOILUTFunction").upper().replace(" ", "_") or "LINEAR"
    for center, width in zip(numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth"), strict=False):
        if center is not None and width is not None and width > (0 if function in {"SIGMOID", "LINEAR_EXACT"} else 1):
            yield Window(center, width, function)


def _shows(gray: Floats) -> bool:
    """False where nearly all is black, or nearly all white, or all the same gray."""
    if (gray <= 0).mean() > _CLIPPED or (gray >= 255).mean() > _CLIPPED:
        return False
    first, last = np.percentile(gray, (1, 99))
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
