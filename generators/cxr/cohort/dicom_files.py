"""Opens DICOM files as they are: without preamble or file meta, in another encoding than they say, with gaps.

DICOM PS3.5 (encodings), PS3.10 (files). What is missing and can only be one thing is put in; what cannot be read is
refused as what it is, and called damaged only where another copy may help.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.filereader import read_dataset
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort import dicom_header
from synthgen.generators.cxr.cohort.pixels import damaged, unsupported

PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MARKS: Final = ("SOPClassUID", "Modality", "Rows", "PatientID", "StudyInstanceUID")
_ITEM: Final = b"\xfe\xff\x00\xe0"
_EXPORT: Final = "export it again, uncompressed or as JPEG 2000"
# Start of frame of the compressed streams, PS3.5 8.2 and ISO 10918-1 table B.1, and what it may be declared as.
_JPEG_FRAMES: Final = {
    0xC0: (JPEGBaseline8Bit, (JPEGBaseline8Bit, JPEGExtended12Bit)),
    0xC1: (JPEGExtended12Bit, (JPEGExtended12Bit,)),
    0xC3: (JPEGLossless, (JPEGLossless, JPEGLosslessSV1)),
    0xF7: (JPEGLSNearLossless, (JPEGLSLossless, JPEGLSNearLossless)),
}


@contextlib.contextmanager
def opened(path: Path, *, header_only: bool) -> Iterator[Any]:
    """A pydicom Dataset, with the elements of the header that are needed, or with all.

    Elements are parsed when they are first looked at, and pixels when they are asked for: whatever fails within the
    context means that the file is damaged. pydicom's warnings are not shown, because they quote patients' data.

    Raises:
        ImageError: the file is empty, cut short, damaged, or no DICOM.
        UserError: it cannot be opened.
    """
    try:
        with warnings.catch_warnings(record=True), pydicom.config.disable_value_validation():
            if path.stat().st_size == 0:
                raise damaged(path.name, "is an empty file (0 bytes)")
            dataset = _read(path, header_only)
            if not _is_image_header(dataset):
                raise damaged(path.name, "is no DICOM file, or a damaged one")
            yield dataset
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(f"{path.name} cannot be opened: {error.strerror}") from error
    except Exception as error:  # pydicom and the decoders raise anything for damaged files
        raise damaged(path.name, "is a damaged DICOM file") from error


def begins_as_dicom(head: bytes) -> bool:
    """Whether the first 132 bytes are a DICOM file's: with the mark, or with group 0002 or 0008 without a preamble."""
    if head[128:132] == b"DICM":
        return True
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    small = len(head) >= 8 and struct.unpack("<I", head[4:8])[0] < 128
    return head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0" and (explicit or small)


def _is_image_header(dataset: Any) -> bool:
    return any(keyword in dataset for keyword in _MARKS)


def _read(path: Path, header_only: bool) -> Any:
    failure: Exception | None = None
    try:
        dataset = pydicom.dcmread(
            path,
            force=True,  # old files lack the preamble
            stop_before_pixels=header_only,
            specific_tags=list(dicom_header.TAGS) if header_only else None,
        )
        if _is_image_header(dataset):
            return _with_syntax(dataset)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # another encoding than the file says may be the cause
        failure = error
    again = _in_another_encoding(path.read_bytes(), header_only)
    if again is None and failure is not None:
        raise failure
    return dataset if again is None else again


def _in_another_encoding(content: bytes, header_only: bool) -> Any | None:
    """The dataset, read in whichever encoding gives the header of an image; None where none does."""
    start = _after_meta(content)
    for implicit, little, deflated in (
        (False, True, False),
        (True, True, False),
        (False, False, False),
        (False, True, True),
    ):
        with contextlib.suppress(Exception):
            body = zlib.decompress(content[start:], -zlib.MAX_WBITS) if deflated else content[start:]
            stop = (lambda tag, vr, length: tag >= 0x7FE00008) if header_only else None
            dataset: Any = read_dataset(io.BytesIO(body), implicit, little, stop_when=stop)
            if dicom_header.number(dataset, "Rows") and dicom_header.number(dataset, "Columns"):
                dataset.file_meta = pydicom.dataset.FileMetaDataset()
                dataset.file_meta.TransferSyntaxUID = _syntax(implicit, little)
                return dataset
    return None


def _after_meta(content: bytes) -> int:
    """Where the dataset begins: after preamble and group 0002, whose length is its first element."""
    start = 132 if content[128:132] == b"DICM" else 0
    if content[start : start + 8] == b"\x02\0\0\0UL\x04\0":
        return start + 12 + int.from_bytes(content[start + 8 : start + 12], "little")
    return start


def _syntax(implicit: bool, little: bool) -> UID:
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _with_syntax(dataset: Any) -> Any:
    """With a transfer syntax in its file meta: the one that it turned out to be read by, where it says none."""
    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    declared = dataset.file_meta.get("TransferSyntaxUID")
    implicit, little = dataset.original_encoding
    if not declared:
        dataset.file_meta.TransferSyntaxUID = _syntax(bool(implicit), little is not False)
    return dataset


def settle_syntax(dataset: Any, expected: int, name: str) -> None:
    """Makes the transfer syntax say what the pixels are, whatever was declared.

    Args:
        expected: bytes of the pixels if they are not compressed.

    Raises:
        ImageError: they are compressed in a way that cannot be decoded here.
    """
    data = dataset.PixelData
    declared = UID(str(dataset.file_meta.TransferSyntaxUID))
    compressed = declared.is_transfer_syntax and declared.is_compressed and not declared.is_deflated
    stream = _stream(data)
    if stream and (compressed or len(data) not in (expected, expected + 1)):
        known = _syntax_of(stream, declared)
        if not data.startswith(_ITEM):
            dataset.PixelData = encapsulate([data])
        if known is not None:
            dataset.file_meta.TransferSyntaxUID = known
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    elif compressed and data and not data.startswith(_ITEM):
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _refuse_undecodable(dataset.file_meta.TransferSyntaxUID, name)


def _stream(data: bytes) -> bytes:
    """The beginning of the compressed stream in encapsulated pixels, or in a bare stream; empty for anything else."""
    if data[:3] == b"\xff\xd8\xff" or data[:4] == b"\xff\x4f\xff\x51":
        return data
    if not data.startswith(_ITEM):
        return b""
    return next((fragment for at, fragment in enumerate(generate_fragments(data)) if at and fragment), b"")


def _syntax_of(stream: bytes, declared: UID) -> UID | None:
    """What a compressed stream is by its first bytes; None where they do not tell, or what is declared fits."""
    if stream[:4] == b"\xff\x4f\xff\x51" or stream[4:8] == b"jP  ":
        return None if declared in JPEG2000TransferSyntaxes or "High-Throughput" in declared.name else JPEG2000Lossless
    if stream[:2] == b"\xff\xd8":
        return _jpeg(stream, declared)
    segments = struct.unpack("<16I", stream[:64]) if len(stream) >= 64 else (0,)
    if 1 <= segments[0] <= 15 and segments[1] == 64:  # PS3.5 G.5
        return RLELossless
    return None


def _jpeg(stream: bytes, declared: UID) -> UID | None:
    kind = _jpeg_frame(stream)[0]
    usual, fitting = _JPEG_FRAMES.get(kind, (None, ()))
    return None if declared in fitting else usual


def _jpeg_frame(stream: bytes) -> tuple[int, int, int]:
    """The kind of a JPEG's frame, its bits per sample, and its samples per pixel; zeros where there is none."""
    at = 2
    while at + 9 < len(stream) and stream[at] == 0xFF:
        if stream[at + 1] in _JPEG_FRAMES:
            return stream[at + 1], stream[at + 4], stream[at + 9]
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return 0, 0, 0


def stream_form(data: bytes) -> tuple[int, int]:
    """Bits per sample and samples per pixel of compressed pixels, by their stream; zeros where it does not tell."""
    stream = _stream(bytes(data))
    if stream[:2] == b"\xff\xd8":
        return _jpeg_frame(stream)[1:]
    if stream[:4] == b"\xff\x4f\xff\x51" or stream[4:8] == b"jP  ":
        return int(get_j2k_parameters(stream).get("precision", 0)), 0
    segments = struct.unpack("<16I", stream[:64]) if len(stream) >= 64 else (0,)
    return (8 * segments[0] if segments[0] in (1, 2, 4) and segments[1] == 64 else 0), 0


def refuse_cut_jpeg(data: bytes, name: str) -> None:
    """Raises ImageError for a JPEG without its end: decoders fill up what is missing, and say so in a warning only."""
    if _stream(data)[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise damaged(name, "is a damaged DICOM file, its compressed pixels cut short")


def is_lossy_jpeg(dataset: Any) -> bool:
    """Whether the pixels are a JPEG of 8 x 8 blocks, of which decoders make middle gray where it ends too early."""
    return dataset.file_meta.TransferSyntaxUID in {JPEGBaseline8Bit, JPEGExtended12Bit}


def _refuse_undecodable(syntax: UID, name: str) -> None:
    known = f"compressed as {syntax.name}" if syntax.name != str(syntax) else "compressed in a way of its maker"
    try:
        decodable = get_decoder(syntax).is_available
    except NotImplementedError:
        decodable = False
    if not decodable:
        raise unsupported(name, known, _EXPORT)


def refuse_forms(dataset: Any, name: str) -> None:
    """Raises ImageError for what has a header and no one radiograph in it."""
    if not (dicom_header.number(dataset, "Rows") and dicom_header.number(dataset, "Columns")):
        raise unsupported(name, "Rows or Columns is missing", "export it again from its source")
    if not any(keyword in dataset and dataset[keyword].value for keyword in PIXELS):
        raise unsupported(name, "a header without pixels", "export it again with its image")
    if dicom_header.number(dataset, "NumberOfFrames") > 1:
        raise unsupported(name, "more than one frame", "export the one that is the radiograph")
    samples = dicom_header.number(dataset, "SamplesPerPixel") or 1
    if samples not in (1, 3):
        raise unsupported(name, f"{samples} samples per pixel", "export it in gray")
