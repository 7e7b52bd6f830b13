"""Pixels and headers as they come from hospitals and public sets: read right, left out with a count, or refused as what
they are, with a way out that works.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from cohort_files import PLAIN_HEADER, Listener, Load, chest, write_csv
from numpy.typing import NDArray
from PIL import Image
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)
from test_cohort_dicom import write_dicom

from synthgen.errors import UserError
from synthgen.generators.cxr.candidates import load_images
from synthgen.generators.cxr.cohort.polarity import contrasts, polarity
from synthgen.payloads.cxr import CxrImage
from synthgen.progress import Silent

SIDE = 64
CHEST = chest(1, SIDE, SIDE)
STORED = CHEST.astype(np.uint16) * 16
WIDE = CHEST.astype(np.uint16) * 257
RGB = {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
FULL = {"WindowCenter": 2048, "WindowWidth": 4096}

Change = Callable[[Any], None]
read_right = pytest.mark.field("images: pixels", "read")
counted = pytest.mark.field("images: pixels", "counted")
refused = pytest.mark.field("images: pixels", "refused")


def put(path: Path, stored: NDArray[Any] | None = None, change: Change | None = None, **tags: Any) -> Path:
    """A DICOM file with a change to its dataset that pydicom would warn of."""
    write_dicom(path, STORED if stored is None else stored, **tags)
    if change is not None:
        altered(path, change)
    return path


def altered(path: Path, change: Change) -> None:
    before = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        with config.disable_value_validation():
            dataset = pydicom.dcmread(path)
            change(dataset)
            dataset.save_as(path, enforce_file_format=False)
    finally:
        config.settings.writing_validation_mode = before


def one(load: Load, folder: Path, **settings: Any) -> CxrImage:
    (real,) = load(folder, size=SIDE, **settings).records
    return real.payload


def same(read: CxrImage, image: NDArray[Any] = CHEST, tolerance: float = 3) -> None:
    """The gray levels of the image, to within a few."""
    assert np.abs(read.astype(float) - image).max() <= tolerance


def alike(read: CxrImage, image: NDArray[Any] = CHEST) -> None:
    """The image, but for a stretch of its range."""
    assert np.corrcoef(read.ravel(), image.ravel())[0, 1] > 0.995
    assert np.ptp(read) >= 180


def drop(*keywords: str) -> Change:
    def change(dataset: Any) -> None:
        for keyword in keywords:
            delattr(dataset, keyword)

    return change


def value(keyword: str, vr: str, content: Any) -> Change:
    return lambda dataset: dataset.add_new(keyword, vr, content)


def both(*changes: Change) -> Change:
    def change(dataset: Any) -> None:
        for single in changes:
            single(dataset)

    return change


def framed(stored: NDArray[Any], level: int, width: int = 8) -> NDArray[Any]:
    out = stored.copy()
    out[:width], out[-width:], out[:, :width], out[:, -width:] = level, level, level, level
    return out


# --- windows


@pytest.mark.parametrize(
    ("center", "width", "more"),
    [
        pytest.param("2048,0", "4096,0", {}, id="decimal commas"),
        pytest.param("2048,0", "4096", {}, id="a decimal comma and none"),
        pytest.param(" 2048 ", "+4096.", {}, id="blanks, a sign, a bare point"),
        pytest.param("2.048e3", "4.096E3", {}, id="exponents"),
        pytest.param("2048,0\\300", "4096,0\\10", {}, id="two windows with commas, the first is meant"),
        pytest.param("2048\\300", "4096\\10", {}, id="two windows"),
        pytest.param("9000\\2048", "10\\4096", {}, id="the first window shows nothing"),
        pytest.param("abc\\2048", "10\\4096", {}, id="the first window is no number"),
        pytest.param("2048\\300", "4096", {}, id="more centres than widths"),
        pytest.param("2048\\2048", "0\\4096", {}, id="a width of 0 comes first"),
        pytest.param("2048\\2048", "1\\4096", {}, id="a width of 1 comes first"),
        pytest.param("2048\\2048", "-400\\4096", {}, id="a negative width comes first"),
        pytest.param("2048", "4096", {"RescaleSlope": 1, "RescaleIntercept": -1024}, id="in stored values, shifted"),
        pytest.param("2048", "4096", {"RescaleSlope": 0.25, "RescaleIntercept": 0}, id="in stored values, scaled"),
        pytest.param("2048", "4096", {"VOILUTFunction": "linear"}, id="function in lower case"),
        pytest.param("2048", "4096", {"VOILUTFunction": "LINEAR EXACT"}, id="function with a blank"),
        pytest.param("2048", "4096", {"VOILUTFunction": "UNKNOWN"}, id="a function that there is not"),
        pytest.param("1024", "2048", {"RescaleSlope": "0,5", "RescaleIntercept": "0"}, id="a slope with a comma"),
        pytest.param("2048", "4096", {"RescaleSlope": "0", "RescaleIntercept": "0"}, id="a slope of 0"),
        pytest.param("1048", "4096", {"RescaleIntercept": -1000}, id="an intercept without a slope"),
    ],
)  # fmt: skip
@read_right
def test_windows(tmp_path: Path, load: Load, center: str, width: str, more: dict[str, Any]) -> None:
    def change(dataset: Any) -> None:
        dataset.add_new("WindowCenter", "LO", center)
        dataset.add_new("WindowWidth", "LO", width)
        for keyword, said in more.items():
            dataset.add_new(keyword, "LO", str(said))

    put(tmp_path / "a.dcm", change=change)
    as_decimals(tmp_path / "a.dcm")
    same(one(load, tmp_path))


def as_decimals(path: Path) -> None:
    """Text of windows and rescaling under its right VR, which pydicom would not write for what is no number."""
    content = path.read_bytes()
    for element in (0x1050, 0x1051, 0x1052, 0x1053):
        content = content.replace(struct.pack("<HH", 0x28, element) + b"LO", struct.pack("<HH", 0x28, element) + b"DS")
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("center", "width"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("2048", "0", id="no width"),
        pytest.param("2048", "1", id="width 1"),
        pytest.param("nan", "nan", id="not a number"),
        pytest.param("32768", "65536", id="of 16 bits over 12, 1/16 of the grays"),
        pytest.param("-600", "1500", id="of another modality"),
        pytest.param("1E9", "1", id="far away"),
    ],
)
@read_right
def test_windows_that_do_not_fit_are_left_aside(tmp_path: Path, load: Load, center: str, width: str) -> None:
    change = both(value("WindowCenter", "LO", center), value("WindowWidth", "LO", width))
    put(tmp_path / "a.dcm", CHEST.astype(np.uint16) + 300, change)
    as_decimals(tmp_path / "a.dcm")
    alike(one(load, tmp_path))


# --- lookup tables


def table(entries: NDArray[Any], descriptor: list[int], vr: str = "OW", data: Any = None) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if descriptor[1] >= 0 else "SS", descriptor)
    if data is None:
        data = entries.astype("<u2").tobytes() if vr == "OW" else entries.astype(int).tolist()
    item.add_new("LUTData", vr, data)
    return [item]


RAMP = np.arange(4096)


@pytest.mark.parametrize("sequence", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize(
    "item",
    [
        pytest.param(
            table(RAMP // 16, [4096, 0, 8], data=(RAMP // 16).astype(np.uint8).tobytes()), id="8 bits, packed"
        ),
        pytest.param(table(RAMP // 16, [4096, 0, 8]), id="8 bits in words"),
        pytest.param(table(RAMP // 4, [4096, 0, 10]), id="10 bits"),
        pytest.param(table(RAMP, [4096, 0, 12]), id="12 bits"),
        pytest.param(table(RAMP, [4096, 0, 12], "US"), id="12 bits, US"),
        pytest.param(table(RAMP * 4, [4096, 0, 14]), id="14 bits"),
        pytest.param(table(RAMP * 16, [4096, 0, 16]), id="16 bits"),
        pytest.param(table(RAMP, [4096, 0, 16]), id="declared 16, filled 12"),
        pytest.param(table(RAMP // 16, [4096, 0, 16]), id="declared 16, filled 8"),
        pytest.param(table(RAMP * 16, [4096, 0, 12]), id="declared 12, filled 16"),
        pytest.param(table(np.minimum(np.arange(65536), 4095), [0, 0, 12]), id="0 is 65,536 entries"),
        pytest.param(table(RAMP[:4081], [0, 0, 12]), id="0, but shorter"),
        pytest.param(table(RAMP[:4081], [4096, 0, 12]), id="fewer entries than declared"),
        pytest.param(table(np.append(RAMP, [0] * 99), [4096, 0, 12]), id="more entries than declared"),
        pytest.param(table(RAMP, [4096, 0, 15]), id="declared 15, filled 12"),
    ],
)
@read_right
def test_tables(tmp_path: Path, load: Load, sequence: str, item: list[Dataset]) -> None:
    put(tmp_path / "a.dcm", change=lambda dataset: setattr(dataset, sequence, item))
    read = one(load, tmp_path)
    same(read) if sequence == "VOILUTSequence" else alike(read)


@pytest.mark.parametrize(
    ("first", "signed"),
    [
        pytest.param(-2048, True, id="signed"),
        pytest.param(65536 - 2048, True, id="signed, written unsigned"),
        pytest.param(-25536, False, id="unsigned, written signed"),
    ],
)
@read_right
def test_the_first_value_of_a_table(tmp_path: Path, load: Load, first: int, signed: bool) -> None:
    stored = STORED.astype(np.int16) - 2048 if signed else STORED + np.uint16(40_000)
    lut = table(RAMP, [4096, first, 12])
    put(tmp_path / "a.dcm", stored, lambda dataset: setattr(dataset, "VOILUTSequence", lut), bits=16)
    same(one(load, tmp_path))


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(table(RAMP * 0, [4096, 0, 12]), id="all zero"),
        pytest.param(table(RAMP, [4096, 60000, 12]), id="for other values"),
        pytest.param([Dataset()], id="empty item"),
    ],
)
@read_right
def test_a_table_that_shows_nothing_gives_way_to_the_window(tmp_path: Path, load: Load, item: list[Dataset]) -> None:
    put(tmp_path / "a.dcm", change=lambda dataset: setattr(dataset, "VOILUTSequence", item), **FULL)
    same(one(load, tmp_path))


@read_right
def test_the_second_table_where_the_first_shows_nothing(tmp_path: Path, load: Load) -> None:
    items = table(RAMP * 0, [4096, 0, 12]) + table(RAMP, [4096, 0, 12])
    put(tmp_path / "a.dcm", change=lambda dataset: setattr(dataset, "VOILUTSequence", items))
    same(one(load, tmp_path))


# --- bits


@pytest.mark.parametrize(
    ("stored", "tags"),
    [
        pytest.param(STORED << 4, {"HighBit": 15}, id="12 bits at the top of 16"),
        pytest.param(STORED, {"HighBit": 15}, id="a high bit of 15 that is not so"),
        pytest.param(STORED << 2, {"HighBit": 13}, id="12 bits in the middle of 16"),
        pytest.param(STORED, {"HighBit": 7}, id="a high bit below the bits stored"),
        pytest.param(STORED, {"HighBit": None}, id="no high bit"),
        pytest.param(STORED, {"BitsStored": 16, "HighBit": 15}, id="bits stored 16, used 12"),
        pytest.param(STORED, {"BitsStored": 10, "HighBit": 9}, id="bits stored 10, used 12"),
        pytest.param(STORED, {"BitsStored": 20}, id="more bits stored than allocated"),
        pytest.param(STORED, {"BitsStored": None}, id="no bits stored"),
        pytest.param(STORED, {"BitsAllocated": 12}, id="12 allocated, written in 16"),
        pytest.param(STORED, {"BitsAllocated": 8}, id="8 allocated, written in 16"),
        pytest.param(STORED, {"BitsAllocated": None}, id="none allocated"),
        pytest.param(STORED, {"PixelRepresentation": None}, id="no pixel representation"),
        pytest.param(STORED, {"SamplesPerPixel": None}, id="no samples per pixel"),
        pytest.param(STORED | 0xA000, {}, id="an overlay in the upper bits"),
        pytest.param(STORED.astype(np.uint32), {"BitsAllocated": 32}, id="32 allocated"),
        pytest.param(STORED.astype(np.int16), {"BitsStored": 16, "HighBit": 15}, id="signed"),
        pytest.param(STORED, {"NumberOfFrames": 1}, id="one frame"),
        pytest.param(STORED, {"NumberOfFrames": 0}, id="zero frames"),
    ],
)
@read_right
def test_bits(tmp_path: Path, load: Load, stored: NDArray[Any], tags: dict[str, Any]) -> None:
    put(tmp_path / "a.dcm", stored, **FULL, **tags)
    same(one(load, tmp_path))


@read_right
def test_signed_values_of_12_bits(tmp_path: Path, load: Load) -> None:
    stored = (STORED.astype(np.int16) - 2048).astype(np.int16)
    put(tmp_path / "a" / "a.dcm", stored, bits=12, WindowCenter=0, WindowWidth=4096)
    same(one(load, tmp_path / "a"))
    put(tmp_path / "b" / "a.dcm", stored & 0xFFF, bits=12, PixelRepresentation=1, WindowCenter=0, WindowWidth=4096)
    same(one(load, tmp_path / "b"))


@pytest.mark.parametrize(
    ("stored", "tags"),
    [
        pytest.param(WIDE.view(np.int16), {"PixelRepresentation": 1}, id="unsigned, called signed"),
        pytest.param(WIDE ^ np.uint16(0x8000), {"PixelRepresentation": 0}, id="signed, called unsigned"),
        pytest.param(WIDE.byteswap(), {}, id="bytes swapped"),
        pytest.param(np.stack([WIDE] * 3, -1), {"SamplesPerPixel": 1, **RGB}, id="colour, called one sample"),
        pytest.param(WIDE, {"SamplesPerPixel": 3}, id="gray, called three samples"),
    ],
)  # fmt: skip
@read_right
def test_bits_that_are_read_by_how_smooth_they_are(
    tmp_path: Path, load: Load, stored: NDArray[Any], tags: dict[str, Any]
) -> None:
    tags = {"Rows": SIDE, "Columns": SIDE} | tags
    put(tmp_path / "a.dcm", stored, bits=16, **tags)
    alike(one(load, tmp_path))


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize(
    ("stored", "tags"),
    [
        pytest.param(STORED, {"bits": 12}, id="12 bits"),
        pytest.param(STORED, {"bits": 16}, id="16 bits, used 12"),
        pytest.param(STORED.astype(np.int16) - np.int16(2048), {"bits": 16}, id="signed"),
        pytest.param(STORED << 4, {"bits": 16, "BitsStored": 12, "HighBit": 15}, id="12 bits at the top"),
        pytest.param(4095 - STORED, {"bits": 12, "PhotometricInterpretation": "MONOCHROME1"}, id="negative"),
        pytest.param(framed(STORED, 65535), {"bits": 16}, id="white frame"),
    ],
)
@read_right
def test_compressed(tmp_path: Path, load: Load, syntax: str, stored: NDArray[Any], tags: dict[str, Any]) -> None:
    tags = dict(tags)
    later = {keyword: tags.pop(keyword) for keyword in ("BitsStored", "HighBit") if keyword in tags}

    def change(dataset: Any) -> None:
        for keyword, said in later.items():
            setattr(dataset, keyword, said)

    put(tmp_path / "a.dcm", stored, change, syntax=syntax, **tags)
    alike(one(load, tmp_path)[10:-10, 10:-10], CHEST[10:-10, 10:-10])


@read_right
def test_12_bits_without_gaps(tmp_path: Path, load: Load) -> None:
    bits = ((STORED.reshape(-1, 1) >> np.arange(12)) & 1).astype(np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()

    def change(dataset: Any) -> None:
        dataset.BitsAllocated, dataset.PixelData = 12, packed

    put(tmp_path / "a.dcm", change=change, **FULL)
    same(one(load, tmp_path))


@read_right
def test_floating_point(tmp_path: Path, load: Load) -> None:
    for name, keyword, kind, vr in (("f", "FloatPixelData", "<f4", "OF"), ("d", "DoubleFloatPixelData", "<f8", "OD")):
        values = CHEST.astype(kind) / 255
        values[:3] = np.nan

        def change(dataset: Any, keyword: str = keyword, vr: str = vr, values: NDArray[Any] = values) -> None:
            del dataset.PixelData
            dataset.add_new(keyword, vr, values.tobytes())
            dataset.BitsAllocated = 8 * values.dtype.itemsize
            del dataset.PhotometricInterpretation

        put(tmp_path / name / "a.dcm", change=change)
        read = one(load, tmp_path / name)
        alike(read[4:], CHEST[4:])
        assert not read[:2].any()


# --- padding and frames


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize(
    ("kind", "padding", "said", "vr"),
    [
        pytest.param(np.int16, -2000, 65536 - 2000, "US", id="signed pixels, padding unsigned"),
        pytest.param(np.uint16, 63536, -2000, "SS", id="unsigned pixels, padding signed"),
        pytest.param(np.uint16, 63536, 63536, "US", id="the same sign"),
        pytest.param(np.uint16, 63536, "63536", "LO", id="written as text"),
    ],
)
@read_right
def test_padding(tmp_path: Path, load: Load, photometric: str, kind: Any, padding: int, said: Any, vr: str) -> None:
    stored = STORED.astype(kind)
    stored[:, :9] = padding
    image = CHEST if photometric == "MONOCHROME2" else 255 - CHEST
    tags = {"bits": 16, "PhotometricInterpretation": photometric}
    put(tmp_path / "a.dcm", stored, value("PixelPaddingValue", vr, said), **tags)
    read = one(load, tmp_path)
    assert not read[:, :8].any()
    alike(read[:, 10:], image[:, 10:])


@read_right
def test_padding_in_a_range(tmp_path: Path, load: Load) -> None:
    stored = STORED.copy()
    stored[:6], stored[6:12] = 65_000, 65_500
    change = both(value("PixelPaddingValue", "SS", -1), value("PixelPaddingRangeLimit", "US", 64_900))
    put(tmp_path / "a.dcm", stored, change, bits=16)
    read = one(load, tmp_path)
    assert not read[:11].any()
    alike(read[13:], CHEST[13:])


@read_right
def test_padding_that_would_leave_nothing_is_not_believed(tmp_path: Path, load: Load) -> None:
    change = both(value("PixelPaddingValue", "US", 0), value("PixelPaddingRangeLimit", "US", 4095))
    put(tmp_path / "a.dcm", None, change, **FULL)
    same(one(load, tmp_path))


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize(
    ("stored", "bits"),
    [
        pytest.param(framed(STORED, 65535), 16, id="white frame"),
        pytest.param(framed(STORED + np.uint16(30000), 0), 16, id="black frame far below"),
        pytest.param(framed(STORED + np.uint16(30000), 65535), 16, id="white frame far above"),
    ],
)
@read_right
def test_a_frame_does_not_set_the_range(
    tmp_path: Path, load: Load, photometric: str, stored: NDArray[Any], bits: int
) -> None:
    put(tmp_path / "a.dcm", stored, bits=bits, PhotometricInterpretation=photometric)
    read = one(load, tmp_path)
    inner = CHEST if photometric == "MONOCHROME2" else 255 - CHEST
    alike(read[10:-10, 10:-10], inner[10:-10, 10:-10])
    assert read[:6].max() <= 40 and read[:, -6:].max() <= 40


@read_right
def test_burned_in_markers_do_not_set_the_range(tmp_path: Path, load: Load) -> None:
    stored = STORED.copy()
    stored[4:9, 50:58] = 65535
    put(tmp_path / "a.dcm", stored, bits=16)
    read = one(load, tmp_path)
    alike(read[14:], CHEST[14:])
    assert read[5:8, 52:56].min() == 255


@read_right
def test_a_white_frame_and_a_marker_in_a_png_of_16_bits(tmp_path: Path, load: Load) -> None:
    stored = framed(STORED, 65535)
    plain(tmp_path, "a.png", Image.fromarray(stored))
    read = one(load, tmp_path)
    alike(read[10:-10, 10:-10], CHEST[10:-10, 10:-10])
    assert read[:6].max() <= 40


# --- which is black


@pytest.mark.parametrize(
    ("photometric", "shape", "negative"),
    [
        pytest.param("MONOCHROME1", "INVERSE", True, id="MONOCHROME1, shape INVERSE"),
        pytest.param("MONOCHROME1", "IDENTITY", True, id="MONOCHROME1, shape IDENTITY"),
        pytest.param("MONOCHROME2", "IDENTITY", False, id="MONOCHROME2, shape IDENTITY"),
        pytest.param("MONOCHROME2", "INVERSE", True, id="MONOCHROME2, shape INVERSE, a negative"),
        pytest.param("MONOCHROME2", "INVERSE", False, id="MONOCHROME2, shape INVERSE, none"),
        pytest.param("monochrome1 ", None, True, id="lower case"),
        pytest.param("MONOCHROME 1", None, True, id="with a blank"),
        pytest.param("MONOCHROME1\\MONOCHROME1", None, True, id="twice"),
        pytest.param("MONOCHROME", None, True, id="without a number, a negative"),
        pytest.param("MONOCHROME", None, False, id="without a number, none"),
        pytest.param("", None, True, id="empty, a negative"),
        pytest.param("", None, False, id="empty, none"),
        pytest.param(None, None, True, id="absent, a negative"),
        pytest.param(None, None, False, id="absent, none"),
    ],
)
@read_right
def test_negatives(
    tmp_path: Path, load: Load, listener: Listener, photometric: str | None, shape: str | None, negative: bool
) -> None:
    stored = 4095 - STORED if negative else STORED

    def change(dataset: Any) -> None:
        del dataset.PhotometricInterpretation
        if photometric is not None:
            dataset.add_new("PhotometricInterpretation", "LO", photometric)
        if shape:
            dataset.PresentationLUTShape = shape

    put(tmp_path / "a.dcm", stored, change, **FULL)
    same(one(load, tmp_path))
    told = any("PhotometricInterpretation is missing" in line for line in listener.lines)
    assert told == (photometric in {None, "", "MONOCHROME"} or (photometric == "MONOCHROME2" and shape == "INVERSE"))


@read_right
def test_what_the_header_says_is_believed(tmp_path: Path, load: Load) -> None:
    put(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1", **FULL)
    same(one(load, tmp_path), 255 - CHEST)


@read_right
def test_negatives_among_pictures_are_turned_over_and_counted(tmp_path: Path, load: Load, listener: Listener) -> None:
    for name, picture in (("a.png", CHEST), ("b.png", 255 - CHEST), ("c.jpg", 255 - CHEST)):
        Image.fromarray(picture).save(tmp_path / name, quality=98)
    Image.fromarray((255 - CHEST).astype(np.uint16) * 257).save(tmp_path / "d.png")
    rows = [(f"{name}", f"p{name[0]}", "Nodule", "", "", "") for name in ("a.png", "b.png", "c.jpg", "d.png")]
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER, rows)
    for real in load(tmp_path, size=SIDE).records:
        alike(real.payload)
    assert "3 × negative by the picture itself, turned over" in listener.lines


@pytest.mark.parametrize("size", [16, 48, 64, 200])
def test_a_negated_picture_has_the_negated_contrasts(size: int) -> None:
    for seed in range(8):
        image = chest(seed, size, size)
        np.testing.assert_allclose(contrasts(image), -contrasts(255 - image), atol=0.01)
        assert (polarity(image), polarity(255 - image)) == ("positive", "negative")


def test_what_is_no_chest_is_not_turned_over() -> None:
    rng = np.random.default_rng(0)
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    pictures = [np.ascontiguousarray(np.rot90(ramp, turn)) for turn in range(4)]
    pictures += [rng.integers(0, 256, (64, 64), dtype=np.uint8) for _ in range(40)]
    pictures += [np.full((64, 64), 7, np.uint8)]
    turned = [polarity(picture) for picture in pictures].count("negative")
    assert turned <= 1


def test_candidates_are_judged_as_they_would_be_released(tmp_path: Path) -> None:
    Image.fromarray(255 - CHEST).save(tmp_path / "a.png")
    ((name, image),) = load_images(tmp_path, size=SIDE, progress=Silent())
    assert name == "a.png"
    np.testing.assert_array_equal(image, 255 - CHEST)


def padchest(folder: Path, said: list[str], pictures: list[NDArray[Any]]) -> None:
    header = ("ImageID", "ImageDir", "PatientID", "Projection", "Labels", "PhotometricInterpretation_DICOM")
    rows = [(f"{at}.png", "0", f"p{at}", "PA", "['nodule']", interpretation) for at, interpretation in enumerate(said)]
    write_csv(folder / "PADCHEST_chest.csv", header, rows)
    (folder / "0").mkdir(parents=True)
    for at, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / "0" / f"{at}.png")


@read_right
def test_padchest_says_in_its_table_which_are_negatives(tmp_path: Path, load: Load) -> None:
    wide = CHEST.astype(np.uint16) * 16
    padchest(tmp_path, ["MONOCHROME2", "MONOCHROME1", "", "monochrome1"], [wide, 4080 - wide, 4080 - wide, 4080 - wide])
    for real in load(tmp_path, size=SIDE).records:
        alike(real.payload)


# --- encodings


def saved(folder: Path, implicit: bool, little: bool) -> bytes:
    """The bytes of a dataset alone."""
    put(folder / "whole.dcm", **FULL)
    dataset = pydicom.dcmread(folder / "whole.dcm")
    (folder / "whole.dcm").unlink()
    if not little:
        dataset["PixelData"].value = STORED.astype(">u2").tobytes()
    buffer = io.BytesIO()
    bare = Dataset()
    bare.update(dict(dataset))
    bare.save_as(buffer, implicit_vr=implicit, little_endian=little)
    return buffer.getvalue()


def with_meta(body: bytes, syntax: str | None) -> bytes:
    """Preamble and file meta before a dataset; a syntax of None leaves its element out."""
    meta = b""
    if syntax is not None:
        uid = syntax.encode() + b"\0" * (len(syntax) % 2)
        meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
    group = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return b"\0" * 128 + b"DICM" + group + meta + body


ENCODINGS = {"explicit": (False, True), "implicit": (True, True), "big endian": (False, False)}


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
@pytest.mark.parametrize("name", ["a.dcm", "IM0001"])
@read_right
def test_neither_preamble_nor_file_meta(tmp_path: Path, load: Load, encoding: str, name: str) -> None:
    if encoding == "big endian" and name == "IM0001":
        name = "a.ima"
    body = saved(tmp_path, *ENCODINGS[encoding])
    (tmp_path / name).write_bytes(body)
    same(one(load, tmp_path))


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
@pytest.mark.parametrize(
    "said", [None, ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
@read_right
def test_an_encoding_that_is_declared_wrongly(tmp_path: Path, load: Load, encoding: str, said: str | None) -> None:
    body = saved(tmp_path, *ENCODINGS[encoding])
    (tmp_path / "a.dcm").write_bytes(with_meta(body, said))
    same(one(load, tmp_path))


@pytest.mark.parametrize("said", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
@read_right
def test_deflated(tmp_path: Path, load: Load, said: str) -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(saved(tmp_path, False, True)) + packer.flush()
    (tmp_path / "a.dcm").write_bytes(with_meta(body, said))
    same(one(load, tmp_path))


def relabelled(syntax: str) -> Change:
    def change(dataset: Any) -> None:
        dataset.file_meta.TransferSyntaxUID = UID(syntax)

    return change


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("said", [RLELossless, JPEG2000Lossless, JPEGLosslessSV1, "1.2.840.10008.1.2.4.80"])
@read_right
def test_compressed_otherwise_than_declared(tmp_path: Path, load: Load, syntax: str, said: str) -> None:
    put(tmp_path / "a.dcm", None, relabelled(said), syntax=syntax, **FULL)
    same(one(load, tmp_path))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGBaseline8Bit])
@read_right
def test_declared_compressed_and_is_not(tmp_path: Path, load: Load, syntax: str) -> None:
    content = with_meta(saved(tmp_path, False, True), syntax)
    (tmp_path / "a.dcm").write_bytes(content)
    same(one(load, tmp_path))


def jpeg(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=98)
    return buffer.getvalue()


@pytest.mark.parametrize("bare", [False, True])
@read_right
def test_a_jpeg_within(tmp_path: Path, load: Load, bare: bool) -> None:
    def change(dataset: Any) -> None:
        content = jpeg(CHEST)
        dataset.PixelData = content + b"\0" * (len(content) % 2) if bare else encapsulate([content])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = not bare
        if not bare:
            dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit

    put(tmp_path / "a.dcm", CHEST, change, bits=8, WindowCenter=128, WindowWidth=256)
    same(one(load, tmp_path), tolerance=6)


# --- colour, aspect


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("planar", [0, 1, None])
@read_right
def test_colour(tmp_path: Path, load: Load, wide: bool, planar: int | None) -> None:
    gray = CHEST.astype(np.uint16) * 257 if wide else CHEST
    colour = np.stack([gray] * 3, 0 if planar else -1)
    tags = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": planar}
    put(tmp_path / "a.dcm", colour, bits=16 if wide else 8, Rows=SIDE, Columns=SIDE, **tags)
    same(one(load, tmp_path))


@read_right
def test_colour_as_ybr_and_without_an_interpretation(tmp_path: Path, load: Load) -> None:
    ybr = np.stack([CHEST, np.full_like(CHEST, 128), np.full_like(CHEST, 128)], -1)
    tags = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "Rows": SIDE, "Columns": SIDE, "bits": 8}
    put(tmp_path / "a" / "a.dcm", ybr, PhotometricInterpretation="YBR_FULL", **tags)
    same(one(load, tmp_path / "a"))
    put(tmp_path / "b" / "a.dcm", np.stack([CHEST] * 3, -1), PhotometricInterpretation=None, **tags)
    same(one(load, tmp_path / "b"))


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({"PixelSpacing": [0.4, 0.2]}, id="pixel spacing"),
        pytest.param({"ImagerPixelSpacing": [0.4, 0.2]}, id="imager pixel spacing"),
        pytest.param({"PixelAspectRatio": [2, 1]}, id="aspect ratio"),
    ],
)
@read_right
def test_pixels_that_are_not_square(tmp_path: Path, load: Load, tags: dict[str, Any]) -> None:
    tall = chest(1, 64, 128).astype(np.uint16) * 16  # each pixel twice as high as wide
    put(tmp_path / "a.dcm", tall, **FULL, **tags)
    read = one(load, tmp_path)
    expected = np.asarray(Image.fromarray(chest(1, 64, 128)).resize((64, 64), Image.Resampling.LANCZOS))
    same(read, expected)


@pytest.mark.parametrize("spacing", [["0,2", "0,2"], ["0", "0"], ["0.1", "9"], ["", "0.2"], ["x", "y"]])
@read_right
def test_spacings_beyond_belief_are_left_aside(tmp_path: Path, load: Load, spacing: list[str]) -> None:
    put(tmp_path / "a.dcm", None, value("PixelSpacing", "LO", "\\".join(spacing)), **FULL)
    same(one(load, tmp_path))


# --- what a header must say


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param(("SOPClassUID",), id="class"),
        pytest.param(("Modality",), id="modality"),
        pytest.param(("Modality", "SOPClassUID"), id="modality and class, beside a table"),
        pytest.param(("Modality", "SOPClassUID", "BodyPartExamined"), id="and the body part, beside a table"),
        pytest.param(("SOPClassUID", "SOPInstanceUID", "StudyDate"), id="class, instance, date"),
    ],
)
@read_right
def test_missing_attributes(tmp_path: Path, load: Load, missing: tuple[str, ...]) -> None:
    put(tmp_path / "a.dcm", None, drop(*missing), **FULL)
    write_csv(tmp_path / "metadata.csv", ("file_name", "patient_id", "labels"), [("a.dcm", "p1", "Nodule")])
    same(one(load, tmp_path))


SILENT = "header that says neither modality nor class"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(drop("Modality", "SOPClassUID"), SILENT, id="neither modality nor class"),
        pytest.param(value("BurnedInAnnotation", "CS", "YES"), "image with text burned in", id="burned in"),
        pytest.param(value("BurnedInAnnotation", "CS", "yes "), "image with text burned in", id="lower case"),
        pytest.param(value("SyntheticData", "CS", "YES"), "synthetic image", id="synthetic"),
        pytest.param(value("PatientID", "LO", "SYNTHETIC-000012"), "synthetic image", id="a patient of a release"),
        pytest.param(value("PhotometricInterpretation", "CS", "PALETTE COLOR"), "palette colour", id="palette"),
        pytest.param(value("NumberOfFrames", "IS", "8"), "more than one frame", id="frames"),
        pytest.param(drop("Rows"), "DICOM object without an image", id="no rows"),
    ],
)  # fmt: skip
@counted
def test_left_out_with_a_count(tmp_path: Path, load: Load, change: Change, reason: str) -> None:
    put(tmp_path / "a.dcm", None, change)
    put(tmp_path / "b.dcm", PatientID="another")
    loaded = load(tmp_path)
    assert len(loaded.records) == 1
    ((said, count),) = [(skip.reason, skip.count) for skip in loaded.skipped]
    assert count == 1 and said.startswith(reason)


@refused
def test_burned_in_text_may_be_kept(tmp_path: Path, load: Load) -> None:
    put(tmp_path / "a.dcm", None, value("BurnedInAnnotation", "CS", "YES"), **FULL)
    with pytest.raises(UserError, match=r"1 × image with text burned in.*modality\.cohort\.burned_in=keep"):
        load(tmp_path)
    same(one(load, tmp_path, burned_in="keep"))


# --- refused as what it is, and left out by the setting that the refusal names


def cut(path: Path, share: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def zeroed(path: Path, share: float = 0.5) -> None:
    """As a download leaves it that was given its length before it broke off."""
    content = path.read_bytes()
    kept = int(share * len(content))
    path.write_bytes(content[:kept] + bytes(len(content) - kept))


def palette_png(path: Path) -> None:
    frames = [Image.fromarray(chest(seed)) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def lossy_jpeg_of_12_bits(path: Path) -> None:
    content = jpeg(CHEST)
    at = content.index(b"\xff\xc0")
    path.write_bytes(content[: at + 4] + b"\x0c" + content[at + 5 :])


def text_bomb(path: Path) -> None:
    chunk = b"zTXt" + b"c\0\0" + zlib.compress(b"\0" * 200_000_000, 9)
    head = b"\x89PNG\r\n\x1a\n"
    Image.fromarray(CHEST).save(path)
    body = path.read_bytes()[8:]
    packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(head + body[:25] + packed + body[25:])


def write_chunks(path: Path, chunks: tuple[tuple[bytes, bytes], ...]) -> None:
    """A PNG of these chunks."""
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    )


def huge_png(path: Path) -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 60_001)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    write_chunks(path, chunks)


def picture(mode: str, **save: Any) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(CHEST).convert(mode).save(path, **save)


def written(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def plain(folder: Path, name: str, image: Image.Image, **save: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image.save(folder / name, **save)
    write_csv(folder / "metadata.csv", PLAIN_HEADER, [(name, "p1", "Nodule", "PA", "F", "50")])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(written(b""), "0 bytes", id="empty"),
        pytest.param(written(b"RIFF\0\0\0\0WEBPVP8 "), "but a WebP: save it as PNG", id="a WebP"),
        pytest.param(written(b"\0\0\0 ftypavif"), "but an AVIF: save it as PNG", id="an AVIF"),
        pytest.param(written(b"\n<!doctype html><p>404"), "a web page", id="a web page after a line end"),
        pytest.param(written(b'{"error": "AccessDenied"}'), "server's answer: fetch it again", id="an answer"),
        pytest.param(written(b"\x1f\x8b\x08" + b"\0" * 99), "a gzip archive: unpack it", id="a gzip archive"),
        pytest.param(lambda path: (Image.fromarray(CHEST).save(path), zeroed(path)), "cut short", id="half zeros"),
        pytest.param(written(b"GIF89a" + b"\0" * 99), "neither PNG nor JPEG but a GIF", id="a GIF"),
        pytest.param(written(b"II*\0" + b"\0" * 99), "a TIFF", id="a TIFF"),
        pytest.param(written(b"<!DOCTYPE html><p>404"), "a web page", id="a web page"),
        pytest.param(written(b"version https://git-lfs.github.com/spec/v1"), "git lfs pull", id="a pointer"),
        pytest.param(written(b"\0" * 128 + b"DICM" + b"\0" * 99), "a DICOM file", id="DICOM by another name"),
        pytest.param(picture("1"), "unsupported: 1 bit a pixel", id="one bit"),
        pytest.param(palette_png, "unsupported: an animation", id="an animation"),
        pytest.param(lossy_jpeg_of_12_bits, "unsupported: a JPEG of more than 8 bits", id="a JPEG of 12 bits"),
        pytest.param(huge_png, "60000 × 60000 pixels: a side may have 16,384 at most", id="huge"),
        pytest.param(text_bomb, "damaged", id="text that unpacks to 200 MB"),
        pytest.param(lambda path: Image.fromarray(CHEST[:20, :20]).save(path), "20 × 20", id="tiny"),
        pytest.param(lambda path: Image.fromarray(CHEST[:, :31]).resize((200, 64)).save(path), "longer", id="a strip"),
        pytest.param(lambda path: Image.new("L", (64, 64), 9).save(path), "shows nothing", id="one gray"),
        pytest.param(lambda path: (Image.fromarray(CHEST).save(path), cut(path)), "cut short", id="half a PNG"),
        pytest.param(lambda path: (path.write_bytes(jpeg(CHEST)), cut(path)), "cut short", id="half a JPEG"),
    ],
)  # fmt: skip
@refused
def test_pictures_that_are_refused(tmp_path: Path, load: Load, make: Callable[[Path], Any], words: str) -> None:
    for name in ("b.png", "c.png"):
        Image.fromarray(CHEST).save(tmp_path / name)
    make(tmp_path / "held.tmp.png")
    (tmp_path / "held.tmp.png").rename(tmp_path / "a.png")
    rows = [(f"{name}.png", f"p{name}", "Nodule", "PA", "F", "50") for name in "abc"]
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER, rows)
    follows(load, tmp_path, words, 2)


def follows(load: Load, folder: Path, words: str, left: int) -> None:
    """The refusal says what it is, and the cohort is read when its advice is followed."""
    with pytest.raises(UserError) as caught:
        load(folder)
    line = str(caught.value)
    assert "a." in line and words in line and "\n" not in line
    assert "modality.cohort.damaged=skip" in line
    assert ("copy it again" in line) == any(
        word in line for word in ("damaged or", "is a damaged", "0 bytes", "no DICOM")
    )
    loaded = load(folder, damaged="skip")
    assert len(loaded.records) == left
    assert sum(skip.count for skip in loaded.skipped) == 1


def set_pixels(content: bytes, **tags: Any) -> Change:
    def change(dataset: Any) -> None:
        dataset.PixelData = content
        for keyword, said in tags.items():
            setattr(dataset, keyword, said)

    return change


def encapsulated(syntax: str) -> Change:
    def change(dataset: Any) -> None:
        dataset.PixelData = encapsulate([b"a stream of its own" * 9])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = UID(syntax)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(drop("PixelData"), "unsupported: a header without pixels", id="no pixels"),
        pytest.param(set_pixels(b""), "unsupported: a header without pixels", id="empty pixels"),
        pytest.param(set_pixels(STORED.tobytes()[:5000]), "pixels cut short", id="pixels cut short"),
        pytest.param(set_pixels(b"\0" * 5000, BitsAllocated=12), "unsupported: 12 bits allocated", id="12 bits, short"),
        pytest.param(set_pixels(b"\1" * 512, BitsAllocated=1, BitsStored=1), "unsupported: 1 bit", id="one bit"),
        pytest.param(value("SamplesPerPixel", "US", 2), "unsupported: 2 samples per pixel", id="two samples"),
        pytest.param(encapsulated("1.2.840.10008.1.2.4.102"), "unsupported: compressed as MPEG", id="a video"),
        pytest.param(encapsulated("1.3.46.670589.33.1.4.1"), "unsupported: compressed in a way of", id="private"),
        pytest.param(set_pixels(b"\0\0" * SIDE * SIDE), "shows nothing", id="all black"),
        pytest.param(both(value("Rows", "US", 20000), value("Columns", "US", 20000)), "16,384 at most", id="huge"),
    ],
)  # fmt: skip
@refused
def test_dicom_files_that_are_refused(tmp_path: Path, load: Load, change: Change, words: str) -> None:
    put(tmp_path / "b.dcm", PatientID="2")
    put(tmp_path / "a.dcm", None, change)
    follows(load, tmp_path, words, 1)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@refused
def test_cut_dicom_files(tmp_path: Path, load: Load, syntax: str, share: float) -> None:
    put(tmp_path / "b.dcm", PatientID="2")
    cut(put(tmp_path / "a.dcm", syntax=syntax), share)
    follows(load, tmp_path, "damaged", 1)


@refused
def test_an_empty_dicom_file_and_one_that_is_none(tmp_path: Path, load: Load) -> None:
    put(tmp_path / "b.dcm", PatientID="2")
    (tmp_path / "a.dcm").write_bytes(b"")
    follows(load, tmp_path, "0 bytes", 1)
    (tmp_path / "a.dcm").write_bytes(b"a page of text" * 99)
    follows(load, tmp_path, "no DICOM file", 1)


def test_what_was_left_out_is_known_when_the_array_is_used_again(tmp_path: Path, load: Load) -> None:
    rows = [(f"{name}.png", f"p{name}", "Nodule", "PA", "F", "50") for name in "abcd"]
    for seed, name in enumerate("abcd"):
        Image.fromarray(chest(seed) if name != "d" else 255 - chest(seed)).save(tmp_path / f"{name}.png")
    cut(tmp_path / "b.png")
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER, rows)
    cache = tmp_path / "cache"
    first, again = (load(tmp_path, damaged="skip", cache=cache) for _ in range(2))
    assert [real.record for real in first.records] == ["a.png", "c.png", "d.png"]
    assert first.skipped == again.skipped
    for one_way, other in zip(first.records, again.records, strict=True):
        assert one_way.record == other.record
        np.testing.assert_array_equal(one_way.payload, other.payload)
    with pytest.raises(UserError, match="1 of 4 images cannot be read"):
        load(tmp_path, cache=cache)


# --- pictures


def cmyk(path: Path) -> None:
    Image.fromarray(CHEST).convert("RGB").convert("CMYK").save(path, "JPEG", quality=98)


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(CHEST).copy()).save(path, "PNG", exif=exif)


def deep(channels: str) -> Callable[[Path], None]:
    """A PNG of 16 bits with more than gray, of 12 bits' worth."""

    def save(path: Path) -> None:
        levels = {"gray and alpha": [STORED, 65535], "colour": [STORED] * 3, "colour and alpha": [STORED] * 3 + [65535]}
        planes = np.stack([np.broadcast_to(np.uint16(plane), CHEST.shape) for plane in levels[channels]], -1)
        kind = {2: 4, 3: 2, 4: 6}[planes.shape[2]]
        lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in planes)
        head = struct.pack(">IIBBBBB", SIDE, SIDE, 16, kind, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
        write_chunks(path, chunks)

    return save


def four_bits(path: Path) -> None:
    lines = b"".join(b"\0" + bytes((row[::2] >> 4 << 4) | (row[1::2] >> 4)) for row in CHEST)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 4, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    write_chunks(path, chunks)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(cmyk, id="CMYK JPEG"),
        pytest.param(rotated, id="a PNG with an orientation"),
        pytest.param(deep("gray and alpha"), id="16 bits with alpha"),
        pytest.param(deep("colour"), id="16 bits in colour"),
        pytest.param(deep("colour and alpha"), id="16 bits in colour with alpha"),
        pytest.param(four_bits, id="4 bits"),
        pytest.param(picture("L", format="JPEG", progressive=True, quality=98), id="progressive JPEG named PNG"),
        pytest.param(picture("RGB", format="JPEG", quality=98), id="colour JPEG"),
        pytest.param(picture("P"), id="palette"),
        pytest.param(lambda path: Image.fromarray(CHEST).save(path, transparency=0), id="a transparent gray"),
        pytest.param(lambda path: Image.fromarray(STORED).save(path), id="12 bits in 16"),
        pytest.param(lambda path: Image.fromarray(STORED // 4 + np.uint16(9000)).save(path), id="10 bits, raised"),
    ],
)
@read_right
def test_pictures(tmp_path: Path, load: Load, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "a.png")
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER, [("a.png", "p1", "Nodule", "PA", "F", "50")])
    alike(one(load, tmp_path))


# --- several at once


def lut(item: list[Dataset], sequence: str = "VOILUTSequence") -> Change:
    return lambda dataset: setattr(dataset, sequence, item)


def around(stored: NDArray[Any], width: int, low: int, high: int) -> NDArray[Any]:
    """A frame of noise."""
    out, mask = stored.copy(), np.ones(stored.shape, bool)
    mask[width:-width, width:-width] = False
    out[mask] = np.random.default_rng(0).integers(low, high, int(mask.sum()))
    return out


MIDDLE = slice(18, -18)
WHOLE = {"WindowCenter": 32768, "WindowWidth": 65536}


@pytest.mark.parametrize(
    ("stored", "change", "tags"),
    [
        pytest.param(around(STORED, 9, 64000, 65536), None, {"bits": 16}, id="a frame of noise"),
        pytest.param(around(STORED, 9, 64000, 65536), None, {"bits": 16} | WHOLE, id="a frame and a window of it all"),
        pytest.param(around(STORED, 16, 60000, 65536), None, {"bits": 16}, id="three quarters are a noisy frame"),
        pytest.param(framed(STORED, 65535, 16), None, {"bits": 16}, id="three quarters are a frame"),
        pytest.param(framed(STORED, 65535), None, {"bits": 16} | WHOLE, id="a white frame, a window of it all"),
        pytest.param(4095 - STORED, None, {"RescaleSlope": -1, "RescaleIntercept": 4095}, id="slope -1"),
        pytest.param(4095 - STORED, None, {"RescaleSlope": -1, "RescaleIntercept": 4095} | FULL, id="and a window"),
        pytest.param(STORED.astype(np.int32) - 70_000, None, {"bits": 32}, id="32 bits, signed"),
        pytest.param(STORED.astype(np.uint32) * 200_000, None, {"bits": 32}, id="32 bits, all of them used"),
        pytest.param(
            np.stack([STORED] * 2), None, {"Rows": SIDE, "Columns": SIDE} | FULL, id="bytes of a second frame"
        ),
        pytest.param(STORED, value("Rows", "LO", "64"), FULL, id="rows as text"),
        pytest.param(
            STORED, lut(table(RAMP, [4096, -1024, 12])), {"RescaleSlope": 1, "RescaleIntercept": -1024}, id="table"
        ),
        pytest.param(STORED, lut(table(RAMP * 16, [4096, 0, 16]), "ModalityLUTSequence"), WHOLE, id="modality, window"),
        pytest.param(
            STORED, lut(table(RAMP * 16, [4096, 0, 16]), "ModalityLUTSequence"), FULL, id="modality, window before it"
        ),
        pytest.param(
            4095 - STORED,
            lut(table(RAMP, [4096, 0, 16])),
            {"PhotometricInterpretation": "MONOCHROME1"},
            id="negative, table",
        ),
        pytest.param(
            STORED,
            drop("BitsStored", "HighBit", "BitsAllocated", "PixelRepresentation", "SamplesPerPixel"),
            {"syntax": JPEG2000Lossless} | FULL,
            id="nothing said of a compressed image",
        ),
        pytest.param(
            np.stack([CHEST] * 3),
            None,
            {"bits": 8, "Rows": SIDE, "Columns": SIDE, "SamplesPerPixel": 3} | RGB,
            id="planes, called pixels",
        ),
    ],
)
@read_right
def test_several_at_once(
    tmp_path: Path, load: Load, stored: NDArray[Any], change: Change | None, tags: dict[str, Any]
) -> None:
    put(tmp_path / "a.dcm", stored, change, **tags)
    read = one(load, tmp_path)[MIDDLE, MIDDLE]
    assert np.corrcoef(read.ravel(), CHEST[MIDDLE, MIDDLE].ravel())[0, 1] > 0.995
    assert np.ptp(read) >= 100


@pytest.mark.parametrize(
    ("interpretation", "halved"),
    [("YBR_FULL_422", False), ("YBR_FULL_422", True), ("YBR_RCT", False), ("YBR_ICT", False)],
)
@read_right
def test_colours_of_a_compression_without_one(tmp_path: Path, load: Load, interpretation: str, halved: bool) -> None:
    flat = np.full_like(CHEST, 128)
    colour = np.stack([CHEST, flat, flat], -1)
    if halved:  # two lumas, then what they share
        colour = np.stack([CHEST[:, ::2], CHEST[:, 1::2], flat[:, ::2], flat[:, ::2]], -1)
    tags = {"PhotometricInterpretation": interpretation, "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    put(tmp_path / "a.dcm", colour, bits=8, Rows=SIDE, Columns=SIDE, **tags)
    same(one(load, tmp_path))


@read_right
def test_the_mark_without_a_file_meta(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM" + saved(tmp_path, False, True))
    same(one(load, tmp_path))


def holding(stream: bytes) -> Change:
    """The stream of a JPEG in place of the pixels."""

    def change(dataset: Any) -> None:
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit

    return change


@pytest.mark.parametrize(
    ("colour", "tags"),
    [
        pytest.param(False, {}, id="8 bits, called 12 in 16"),
        pytest.param(True, {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, id="colour, called one sample"),
        pytest.param(
            False, {**RGB, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}, id="gray, called colour"
        ),
    ],
)
@read_right
def test_a_jpeg_says_of_itself_what_it_is(tmp_path: Path, load: Load, colour: bool, tags: dict[str, Any]) -> None:
    stream = jpeg(np.stack([CHEST] * 3, axis=-1) if colour else CHEST)
    put(tmp_path / "a.dcm", change=holding(stream), **tags)
    alike(one(load, tmp_path))


@refused
def test_a_jpeg_within_that_is_cut(tmp_path: Path, load: Load) -> None:
    stream = jpeg(chest(1, 256, 256))
    put(tmp_path / "a.dcm", change=holding(stream[: len(stream) // 2]), Rows=256, Columns=256)
    put(tmp_path / "b.dcm")
    follows(load, tmp_path, "its compressed pixels cut short", 1)


@counted
def test_rows_and_columns_the_wrong_way_round(tmp_path: Path, load: Load, listener: Listener) -> None:
    image = chest(1, 64, 80)
    put(tmp_path / "a.dcm", image.astype(np.uint16) * 16, value("Rows", "US", 80), Columns=64)
    put(tmp_path / "right" / "b.dcm", image.astype(np.uint16) * 16)
    altered(tmp_path / "a.dcm", value("Columns", "US", 64))
    wrong, right = (real.payload for real in load(tmp_path, size=SIDE).records)
    assert np.array_equal(wrong, right)
    assert "1 × Rows and Columns the wrong way round in the header" in listener.lines


@read_right
def test_a_negative_in_colours(tmp_path: Path, load: Load) -> None:
    tags = {**RGB, "SamplesPerPixel": 3, "PhotometricInterpretation": "MONOCHROME1", "Rows": SIDE, "Columns": SIDE}
    put(tmp_path / "a.dcm", 255 - np.stack([CHEST] * 3, axis=-1), bits=8, **tags)
    same(one(load, tmp_path))


@read_right
def test_colours_of_12_bits_in_16(tmp_path: Path, load: Load) -> None:
    tags = {**RGB, "SamplesPerPixel": 3, "Rows": SIDE, "Columns": SIDE}
    put(tmp_path / "a.dcm", np.stack([STORED] * 3, axis=-1), bits=16, **tags)
    same(one(load, tmp_path))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEG2000Lossless])
@pytest.mark.parametrize("bit", [12, 15])
@read_right
def test_an_overlay_of_one_place_in_the_upper_bits(tmp_path: Path, load: Load, syntax: str, bit: int) -> None:
    stored = STORED.copy()
    stored[20:40, 20:40] |= 1 << bit
    put(
        tmp_path / "a.dcm",
        stored,
        both(value("BitsStored", "US", 12), value("HighBit", "US", 11)),
        syntax=syntax,
        bits=16,
    )
    alike(one(load, tmp_path))


@counted
def test_a_picture_of_hardly_one_gray_is_told(tmp_path: Path, load: Load, listener: Listener) -> None:
    plain(tmp_path, "a.png", Image.fromarray(CHEST >> 4))
    assert one(load, tmp_path).max() < 16
    assert any(line.startswith("1 × image of hardly more than one gray level") for line in listener.lines)


# --- last rows that were never written


def unwritten(share: float, fill: int, start: int = 0) -> bytes:
    """Pixels of which only the first were copied, and the file's length is filled up."""
    whole = chest(1, 128, 128).astype(np.uint16).__mul__(16).tobytes()
    kept = int(len(whole) * share) // 256 * 256 + 2 * start
    return whole[:kept] + bytes([fill]) * (len(whole) - kept)


LARGE: dict[str, Any] = {"Rows": 128, "Columns": 128}


@pytest.mark.parametrize(
    ("content", "tags"),
    [
        pytest.param(unwritten(0.5, 0), {}, id="the lower half zeros"),
        pytest.param(unwritten(0.5, 0, 50), {}, id="zeros from within a row"),
        pytest.param(unwritten(0.96, 0, 50), {}, id="the last rows zeros, from within a row"),
        pytest.param(unwritten(0.1, 0, 7), {}, id="hardly anything copied"),
        pytest.param(unwritten(0.7, 255), {}, id="all bits set"),
        pytest.param(unwritten(0.7, 255, 99), {"PhotometricInterpretation": "MONOCHROME1"}, id="of a negative"),
    ],
)
@refused
def test_a_copy_that_was_broken_off_and_filled_up(
    tmp_path: Path, load: Load, content: bytes, tags: dict[str, Any]
) -> None:
    put(tmp_path / "b.dcm", PatientID="2")
    put(tmp_path / "a.dcm", np.frombuffer(content, np.uint16).reshape(128, 128), **tags)
    follows(load, tmp_path, "of its pixels not written", 1)


@pytest.mark.parametrize("planes", [False, True])
@refused
def test_a_copy_in_colours_that_was_broken_off(tmp_path: Path, load: Load, planes: bool) -> None:
    put(tmp_path / "b.dcm", PatientID="2")
    colour = np.stack([chest(1, 128, 128)] * 3, axis=0 if planes else -1)
    colour.reshape(-1)[30_000:] = 0
    tags = {**RGB, "PlanarConfiguration": int(planes), "SamplesPerPixel": 3}
    put(tmp_path / "a.dcm", colour, bits=8, **tags, **LARGE)
    follows(load, tmp_path, "of its pixels not written", 1)


def covered(bottom: int, others: int = 0, slope: float = 0, fill: int = 0) -> NDArray[np.uint16]:
    """A chest behind a shutter, whose lower edge may not be level."""
    y, x = np.mgrid[:128, :128]
    seen = (y < 128 - bottom - slope * x) & (y >= others) & (x >= others) & (x < 128 - others)
    return np.where(seen, chest(1, 128, 128).astype(np.uint16) * 16 + 1, np.uint16(fill))


@pytest.mark.parametrize(
    ("stored", "tenths"),
    [
        pytest.param(covered(30, 8), 20, id="margins on all sides"),
        pytest.param(covered(26, slope=0.2), 20, id="an edge that is not level"),
        pytest.param(covered(40, fill=2000), 30, id="a gray that no copy is filled with"),
    ],
)
@counted
def test_a_lower_part_that_may_be_covered_is_told(
    tmp_path: Path, load: Load, listener: Listener, stored: NDArray[Any], tenths: int
) -> None:
    put(tmp_path / "a.dcm", stored)
    assert len(load(tmp_path).records) == 1
    assert any(line.startswith(f"1 × image whose lower {tenths}% is black") for line in listener.lines)


@pytest.mark.parametrize(
    ("stored", "tags"),
    [
        pytest.param(covered(8, 8), {}, id="a shutter on all sides"),
        pytest.param(covered(9), {}, id="a narrow shutter below"),
        pytest.param(covered(40), {"PixelPaddingValue": 0}, id="padding that the header names"),
    ],
)
@read_right
def test_shutters_are_no_damage(
    tmp_path: Path, load: Load, listener: Listener, stored: NDArray[Any], tags: dict[str, Any]
) -> None:
    put(tmp_path / "a.dcm", stored, **tags)
    assert len(load(tmp_path).records) == 1
    assert not any("whose lower" in line for line in listener.lines)


def closed_early(share: float, colour: bool = False, **how: Any) -> bytes:
    out = io.BytesIO()
    picture = Image.fromarray(chest(1, 256, 256))
    (picture.convert("RGB") if colour else picture).save(out, "JPEG", quality=90, **how)
    content = out.getvalue()
    head = content.find(b"\xff\xda") + 20
    return content[: head + int((len(content) - head) * share)].rstrip(b"\xff") + b"\xff\xd9"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("colour", [False, True])
@refused
def test_a_jpeg_that_is_cut_and_closed(tmp_path: Path, load: Load, share: float, colour: bool) -> None:
    Image.fromarray(CHEST).save(tmp_path / "b.png")
    (tmp_path / "a.jpg").write_bytes(closed_early(share, colour))
    write_csv(tmp_path / "metadata.csv", PLAIN_HEADER[:3], [("a.jpg", "p1", "Nodule"), ("b.png", "p2", "Nodule")])
    follows(load, tmp_path, "damaged or cut short", 1)


@pytest.mark.parametrize("share", [0.3, 0.8])
@refused
def test_a_jpeg_within_that_is_cut_and_closed(tmp_path: Path, load: Load, share: float) -> None:
    put(tmp_path / "b.dcm", PatientID="2")
    put(tmp_path / "a.dcm", change=holding(closed_early(share)), Rows=256, Columns=256)
    follows(load, tmp_path, "of its pixels not written", 1)


# --- orientation

# How pixels are stored whose rows and columns run so, from a picture whose rows run to the left, columns to the feet.
STORED_AS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "RF": lambda image: image[:, ::-1],
    "LH": lambda image: image[::-1],
    "RH": lambda image: image[::-1, ::-1],
    "FL": lambda image: image.T,
    "HL": lambda image: image[::-1].T,
    "FR": lambda image: image[:, ::-1].T,
    "HR": lambda image: image[::-1, ::-1].T,
}


@pytest.mark.parametrize("runs", STORED_AS)
@counted
def test_pictures_are_turned_as_the_header_says(tmp_path: Path, load: Load, listener: Listener, runs: str) -> None:
    put(tmp_path / "a.dcm", np.ascontiguousarray(STORED_AS[runs](STORED)), PatientOrientation=list(runs), **FULL)
    same(one(load, tmp_path))
    assert any(line.startswith("1 × image turned or mirrored upright") for line in listener.lines)


@pytest.mark.parametrize("orientation", [["L", "F"], ["LH", "FL"], ["L"], [""], None, ["X", "Y"]])
@read_right
def test_pictures_that_are_upright_or_of_which_nothing_is_said(
    tmp_path: Path, load: Load, listener: Listener, orientation: list[str] | None
) -> None:
    put(tmp_path / "a.dcm", PatientOrientation=orientation, **FULL)
    same(one(load, tmp_path))
    assert not any("mirrored" in line for line in listener.lines)
