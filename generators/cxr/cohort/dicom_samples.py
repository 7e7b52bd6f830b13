"""Stored pixel values of a DICOM file as numbers, whatever its header says of their bits.

DICOM PS3.3 C.7.6.3.1 (bits allocated, bits stored, high bit), C.7.5.1.1.2 (padding); PS3.5 D (packed pixels).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from synthgen.generators.cxr.cohort import dicom_header
from synthgen.generators.cxr.cohort.dicom_files import is_lossy_jpeg, refuse_cut_jpeg, settle_syntax, stream_form
from synthgen.generators.cxr.cohort.dicom_voi import numbers
from synthgen.generators.cxr.cohort.pixels import damaged, unsupported
from synthgen.generators.cxr.cohort.tails import tail_of

BITS: Final = "bits of the pixels that the header does not say right"
SWAPPED: Final = "Rows and Columns the wrong way round in the header"
_MOSTLY: Final = 0.9
# Two readings of the same bits are told apart by how smooth they are, on so many rows.
_ROWS: Final = 256
_MUCH_SMOOTHER: Final = 0.5
_SOME: Final = 0.01
_BYTES: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Samples:
    """What the pixels hold, before rescaling.

    Attributes:
        values: int32 or float32 [h, w]; or integers [h, w, 3] in colour.
        padding: where there is nothing, bool [h, w]; None where the file names none.
        bits: of the stored values; 0 for floating point.
        notes: fixed phrases that say what was not as the header says.
    """

    values: NDArray[Any]
    padding: NDArray[np.bool_] | None
    bits: int
    notes: tuple[str, ...] = ()


def read_samples(dataset: Any, name: str) -> Samples:
    """The samples of a dataset that has rows, columns and pixels.

    Raises:
        ImageError: the pixels are cut short, or of a form that is not read.
    """
    if "PixelData" not in dataset:
        return _floating(dataset)
    pixels = dicom_header.number(dataset, "Rows") * dicom_header.number(dataset, "Columns")
    bits, own = stream_form(dataset.PixelData)
    samples = own or _samples(dataset, pixels)
    allocated = dicom_header.number(dataset, "BitsAllocated") or _allocated(dataset, pixels * samples, bits)
    if own:  # a JPEG, which says of itself what it is
        allocated = 8 if bits <= 8 else 16
        dataset.BitsStored = min(dicom_header.number(dataset, "BitsStored") or bits, bits)
        refuse_cut_jpeg(dataset.PixelData, name)
    if allocated == 1:
        raise unsupported(name, "1 bit a pixel, which is no radiograph", "export it with its gray levels")
    settle_syntax(dataset, pixels * samples * allocated // 8, name)
    _complete(dataset, samples, allocated)
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed and dataset["PixelData"].is_undefined_length
    if samples == 3:
        values = _colour(dataset, compressed)
        if not compressed:
            _refuse_unwritten(_lines(dataset), name, 0, 255)
        return Samples(values, None, min(int(dataset.BitsStored), max(8, int(values.max()).bit_length())))
    if compressed:
        found = _compressed(dataset, allocated)
        middle = 1 << (found.bits - 1) if is_lossy_jpeg(dataset) else None
        return replace(found, notes=(*found.notes, *_refuse_unwritten(found.values, name, middle, band=16)))
    cells, notes = _cells(dataset, pixels, allocated, name)
    turned = cells.reshape(cells.shape[::-1])
    if cells.shape[0] != cells.shape[1] and _likelier(turned.T, cells.T):
        cells, notes = turned, (SWAPPED,)
    some = _some(cells.view(np.int16) if cells.itemsize == 2 and dataset.PixelRepresentation == 1 else cells)
    if cells.itemsize == 2 and _likelier(some.byteswap(), some, relative=True):
        cells, notes = cells.byteswap(), (BITS,)
    read = _interpreted(cells, dataset, notes)
    if read.padding is not None and read.padding[-1].all():
        return read
    return replace(read, notes=(*read.notes, *_refuse_unwritten(cells, name, 0, int(np.iinfo(cells.dtype).max))))


def _refuse_unwritten(rows: NDArray[Any] | None, name: str, *fills: int | None, band: int = 1) -> tuple[str, ...]:
    """What is to be told of the last rows. Raises ImageError where they are of a filling value and were not written."""
    tail = None if rows is None else tail_of(rows, band)
    if tail is None:
        return ()
    if tail.missing and tail.value in fills:
        raise damaged(name, f"is a damaged DICOM file, the lower {round(100 * tail.share)}% of its pixels not written")
    return tail.notes


def _lines(dataset: Any) -> NDArray[np.uint8]:
    """The bytes of colours, a row for each row of the picture or of a plane."""
    rows = int(dataset.Rows) * (3 if dataset.PlanarConfiguration == 1 else 1)
    content = np.frombuffer(dataset.PixelData, np.uint8)
    return content[: content.size // rows * rows].reshape(rows, -1)


def _samples(dataset: Any, pixels: int) -> int:
    """Samples per pixel; where the number does not fit the interpretation, what the pixels' length says."""
    samples = dicom_header.number(dataset, "SamplesPerPixel") or 1
    colour = dicom_header.text(dataset, "PhotometricInterpretation").upper().startswith(("RGB", "YBR"))
    size = max(dicom_header.number(dataset, "BitsAllocated") // 8, 1)
    if colour != (samples == 3):
        for other in (1, 3):
            if len(dataset.PixelData) in (other * size * pixels, other * size * pixels + 1):
                return other
    return samples


def _allocated(dataset: Any, count: int, bits: int) -> int:
    """Bits allocated, where the header does not say: by the bits of a compressed stream, or by the pixels' length."""
    if bits:
        dataset.BitsStored = dicom_header.number(dataset, "BitsStored") or bits
        return 8 if bits <= 8 else 16
    return 8 * next((size for size in reversed(_BYTES) if len(dataset.PixelData) >= size * count), 1)


def _complete(dataset: Any, samples: int, allocated: int) -> None:
    """Puts in what pydicom asks for and only one value can be meant."""
    dataset.SamplesPerPixel, dataset.BitsAllocated = samples, allocated
    dataset.Rows, dataset.Columns = (dicom_header.number(dataset, keyword) for keyword in ("Rows", "Columns"))
    stored = dicom_header.number(dataset, "BitsStored")
    dataset.BitsStored = stored if 1 < stored <= allocated else allocated
    high = dicom_header.number(dataset, "HighBit")
    dataset.HighBit = high if dataset.BitsStored - 1 <= high < allocated else dataset.BitsStored - 1
    dataset.PixelRepresentation = int(dicom_header.number(dataset, "PixelRepresentation") == 1)
    dataset.NumberOfFrames = 1
    if samples == 3:
        dataset.PlanarConfiguration = int(dicom_header.number(dataset, "PlanarConfiguration") == 1)
    said = "".join(dicom_header.text(dataset, "PhotometricInterpretation").upper().split("\\")[0].split())
    if samples == 1:
        dataset.PhotometricInterpretation = "MONOCHROME1" if said == "MONOCHROME1" else "MONOCHROME2"
    else:
        dataset.PhotometricInterpretation = _colours(said, dataset)


def _colours(said: str, dataset: Any) -> str:
    """The interpretation of colour: without a compression there is no transform of one, and all samples are there."""
    if not said.startswith("YBR"):
        return "RGB"
    halved = len(dataset.PixelData) < 3 * int(dataset.Rows) * int(dataset.Columns)
    return (
        said if dataset.file_meta.TransferSyntaxUID.is_compressed or (said == "YBR_FULL_422" and halved) else "YBR_FULL"
    )


def _colour(dataset: Any, compressed: bool) -> NDArray[Any]:
    """[h, w, 3]; by pixel or by plane, whichever is smoother where the bytes are those of the colours."""
    values: NDArray[Any] = pixel_array(dataset, allow_excess_frames=False)
    if compressed or dataset.PhotometricInterpretation != "RGB":
        return values
    height, width, _ = values.shape
    if dataset.PlanarConfiguration == 0:
        other = values.reshape(3, height, width).transpose(1, 2, 0)
    else:
        other = values.transpose(2, 0, 1).reshape(height, width, 3)
    one_way, another = (_roughness(v[..., 0]) + _roughness(v[..., 0].T) for v in (values, other))
    return other if another < _MUCH_SMOOTHER * one_way else values


def _floating(dataset: Any) -> Samples:
    dataset.Rows, dataset.Columns = (dicom_header.number(dataset, keyword) for keyword in ("Rows", "Columns"))
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel, dataset.NumberOfFrames = "MONOCHROME2", 1, 1
    dataset.BitsAllocated = 32 if "FloatPixelData" in dataset else 64
    values = pixel_array(dataset).astype(np.float32)
    nothing = ~np.isfinite(values)
    keyword = "FloatPixelPaddingValue" if "FloatPixelData" in dataset else "DoubleFloatPixelPaddingValue"
    if dataset.get(keyword) is not None:
        nothing |= values == np.float32(dataset.get(keyword))
    values = np.where(np.isfinite(values), values, values[np.isfinite(values)].min(initial=0)).astype(np.float32)
    return Samples(values, nothing if nothing.any() else None, 0)


def _compressed(dataset: Any, allocated: int) -> Samples:
    if dataset.file_meta.TransferSyntaxUID == RLELossless:  # the cells as they are, unused bits and all
        return _interpreted(_as_cells(dataset, allocated // 8), dataset, ())
    # Of a JPEG's missing blocks Pillow makes gray, and others noise: what is missing is seen in the former.
    plugin = "pillow" if dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit else ""
    values = pixel_array(dataset, decoding_plugin=plugin)
    bits, wide = int(dataset.BitsStored), 8 * values.dtype.itemsize
    if values.dtype.kind == "u":
        return _interpreted(values.astype(np.uint32 if wide > 16 else values.dtype), dataset, ())
    return Samples(values.astype(np.int32), _padding(values, dataset), bits)


def _cells(dataset: Any, pixels: int, allocated: int, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Native pixels as unsigned cells of 1, 2 or 4 bytes, no bit of them changed; [h, w]."""
    length, told = len(dataset.PixelData), allocated % 8 == 0 and allocated // 8 in _BYTES
    size = allocated // 8 if told else 0
    if not told or length < size * pixels or dataset.BitsStored == 8 * size < length // pixels * 8:
        fitting = [other for other in _BYTES if other * pixels <= length <= other * pixels + 1]
        size = fitting[0] if fitting else size
    if size and length >= size * pixels:
        notes = () if size == allocated / 8 else (BITS,)
        return _as_cells(dataset, size), notes
    if not told and allocated < 16 and length >= -(-pixels * allocated // 8):
        return _unpacked(dataset, pixels, allocated), ()
    if not told:
        raise unsupported(name, f"{allocated} bits allocated per pixel", "export it again with 16")
    raise damaged(name, "is a damaged DICOM file, its pixels cut short")


def _as_cells(dataset: Any, size: int) -> NDArray[Any]:
    stored, high, sign = dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = dataset.BitsStored = 8 * size
    dataset.HighBit, dataset.PixelRepresentation = 8 * size - 1, 0
    try:
        return np.asarray(pixel_array(dataset, raw=True, allow_excess_frames=False))
    finally:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = min(stored, 8 * size), high, sign


def _unpacked(dataset: Any, pixels: int, allocated: int) -> NDArray[np.uint16]:
    """Pixels without gaps between them, the least significant bit first (PS3.5 D)."""
    content = np.frombuffer(dataset.PixelData, np.uint8)
    if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        content = content[: content.size // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    bits = np.unpackbits(content, bitorder="little", count=pixels * allocated).reshape(pixels, allocated)
    cells = bits.astype(np.uint16) @ (1 << np.arange(allocated, dtype=np.uint16))
    dataset.BitsAllocated = 16
    return cells.astype(np.uint16).reshape(int(dataset.Rows), int(dataset.Columns))


def _interpreted(cells: NDArray[Any], dataset: Any, notes: tuple[str, ...]) -> Samples:
    """Cells as values: shifted down where they stand high, masked, with their sign."""
    bits, high, wide = int(dataset.BitsStored), int(dataset.HighBit), 8 * cells.dtype.itemsize
    signed = dataset.PixelRepresentation == 1
    padding = _padding(cells.view(f"i{cells.dtype.itemsize}") if signed else cells, dataset)
    above = int(cells.max()) >> bits
    if high > bits - 1 and above:
        cells = cells >> (high + 1 - bits)
    elif above and not signed and _wraps(cells, bits):
        bits, notes = int(cells.max()).bit_length(), (BITS,)
    some = _some(cells)
    declared, other = _numbers(some, bits, signed), _numbers(some, bits, not signed)
    if _both_signs(declared, bits) and _likelier(other, declared):
        signed, notes = not signed, (BITS,)
    return Samples(_numbers(cells, min(bits, wide), signed), padding, bits, notes)


def _numbers(cells: NDArray[Any], bits: int, signed: bool) -> NDArray[Any]:
    """Cells as int32 of so many bits; of 32 bits as float32, because more than 31 do not fit."""
    kind: Any = np.int64 if bits > 16 else np.int32
    values = cells.astype(kind)
    if bits < 8 * cells.dtype.itemsize:
        values &= kind((1 << bits) - 1)
    if signed:
        values[values >= 1 << (bits - 1)] -= kind(1 << bits)
    return values.astype(np.int32 if bits < 32 else np.float32, copy=False)


def _wraps(cells: NDArray[Any], bits: int) -> bool:
    """Whether the upper bits belong to the values: without them the picture is rougher, and with them nothing jumps.

    An overlay jumps: where the upper bits change, by as much as they count.
    """
    steps = np.abs(np.diff(_some(cells).astype(np.int64), axis=1))[np.diff(_some(cells) >> bits, axis=1) != 0]
    if steps.size and np.median(steps) > 0.9 * (1 << bits):
        return False
    return _roughness(cells, relative=True) < _roughness(cells & ((1 << bits) - 1), relative=True)


def _likelier(other: NDArray[Any], values: NDArray[Any], *, relative: bool = False) -> bool:
    """Whether the other reading of the same bits is far smoother."""
    return _roughness(other, relative=relative) < _MUCH_SMOOTHER * _roughness(values, relative=relative)


def _some(cells: NDArray[Any]) -> NDArray[Any]:
    return cells[:: max(1, cells.shape[0] // _ROWS)]


def _both_signs(values: NDArray[Any], bits: int) -> bool:
    """Whether anatomy, and not a frame or padding alone, lies on both sides of where the sign turns."""
    some = values.ravel()
    upper = (some < 0) | (some >= 1 << (bits - 1))
    fewer = some[upper] if 2 * upper.sum() < some.size else some[~upper]
    return bool(fewer.size > _SOME * some.size and np.ptp(np.percentile(fewer, (25, 75))) > _SOME * np.ptp(some))


def _roughness(values: NDArray[Any], *, relative: bool = False) -> float:
    """Mean difference of neighbours, or its share of the spread: where bits are read wrongly, values wrap around."""
    numbers = _some(values).astype(np.float64)
    mean = float(np.abs(np.diff(numbers, axis=1)).mean())
    return mean / max(float(numbers.std()), 1e-9) if relative else mean


def _padding(cells: NDArray[Any], dataset: Any) -> NDArray[np.bool_] | None:
    """Where pixels are padding, by stored value; None where the header names none, or where hardly anything is left.

    A value of the other sign than the pixels' is the same bits.
    """
    first, limit = (numbers(dataset, keyword)[0] for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if first is None:
        return None
    low, high = sorted(_same_bits(int(end), cells.dtype) for end in (first, first if limit is None else limit))
    padding: NDArray[np.bool_] = (cells >= low) & (cells <= high)
    return padding if 0 < padding.mean() <= _MOSTLY else None


def _same_bits(value: int, kind: np.dtype[Any]) -> int:
    unsigned = np.array(value & ((1 << 8 * kind.itemsize) - 1)).astype(f"u{kind.itemsize}")
    return int(unsigned.view(kind))
