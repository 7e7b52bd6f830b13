"""PNG and JPEG in all the forms in which radiographs come."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from cohort_files import chest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from synthgen.generators.cxr.cohort import pixels
from synthgen.generators.cxr.cohort.pixels import measure
from synthgen.payloads.cxr import CxrImage


def decode(path: Path, size: int) -> CxrImage:
    return pixels.decode(path, size).image


def interlaced_png(image: NDArray[np.uint8]) -> bytes:
    """PNG with Adam7 interlacing (PNG specification, 8.2), which Pillow reads but does not write."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = (
        row.tobytes() for top, left, down, right in passes for row in image[top::down, left::right] if row.size
    )  # fmt: skip
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def save(path: Path, form: str, image: NDArray[np.uint8]) -> None:
    gray = Image.fromarray(image)
    alpha = Image.new("L", gray.size, 255)
    match form:
        case "gray":
            gray.save(path)
        case "interlaced":
            path.write_bytes(interlaced_png(image))
        case "rgb":
            gray.convert("RGB").save(path)
        case "rgba":
            Image.merge("RGBA", (gray, gray, gray, alpha)).save(path)
        case "gray with alpha":
            Image.merge("LA", (gray, alpha)).save(path)
        case "palette":  # the palette runs backwards, so that its indices are not the gray levels
            indexed = Image.fromarray(255 - image)
            indexed.putpalette([level for i in range(256) for level in (255 - i,) * 3])
            indexed.save(path)
        case "palette with transparency":
            indexed = Image.fromarray(image)
            indexed.putpalette([level for i in range(256) for level in (i,) * 3])
            indexed.save(path, transparency=bytes([255] * 256))
        case "16 bit":
            Image.fromarray(image.astype(np.uint16) * 257).save(path)
        case "12 bit in 16":
            Image.fromarray(image.astype(np.uint16) * 16).save(path)
        case "jpeg":
            gray.save(path, "JPEG", quality=98)


@pytest.mark.parametrize(
    ("form", "tolerance"),
    [
        ("gray", 0), ("interlaced", 0), ("rgb", 0), ("rgba", 0), ("gray with alpha", 0), ("palette", 0),
        ("palette with transparency", 0), ("16 bit", 4), ("12 bit in 16", 4), ("jpeg", 3),
    ],
)  # fmt: skip
def test_every_form_reads_as_the_same_radiograph(tmp_path: Path, form: str, tolerance: int) -> None:
    image = chest(3, 96, 96)
    image[:2], image[-2:] = 0, 255  # 16-bit files are stretched from their darkest to their brightest
    save(tmp_path / "image.png", form, image)
    assert measure(tmp_path / "image.png") == (96, 96)
    read = decode(tmp_path / "image.png", 96)
    assert np.abs(read.astype(int) - image).max() <= tolerance


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    image = chest(3)
    alpha = np.full_like(image, 255)
    alpha[:10] = 0
    Image.fromarray(np.stack([image, alpha], -1)).save(tmp_path / "image.png")
    read = decode(tmp_path / "image.png", 64)
    assert not read[:10].any()
    np.testing.assert_array_equal(read[10:], image[10:])


def test_the_central_square_is_kept_in_its_proportions(tmp_path: Path) -> None:
    wide = np.zeros((100, 180), np.uint8)
    wide[:, :38] = wide[:, 142:] = 200  # beyond the square, but for the filter's reach
    wide[40:60, 80:100] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.T.copy()).save(tmp_path / "tall.png")
    read = decode(tmp_path / "wide.png", 50)
    assert read[20:30, 20:30].min() > 200
    assert read[:, :15].max() <= 2
    np.testing.assert_array_equal(read.T, decode(tmp_path / "tall.png", 50))


def test_downsampling_does_not_alias(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grid = np.where(np.indices((512, 512)).sum(0) % 2, 255, 0).astype(np.uint8)
    grid[rng.integers(0, 512, 5), rng.integers(0, 512, 5)] = 128
    Image.fromarray(grid).save(tmp_path / "grid.png")
    read = decode(tmp_path / "grid.png", 64)
    assert np.abs(read.astype(int) - 127).max() <= 5


def test_an_oriented_jpeg_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180°
    Image.fromarray(chest(5)[::-1, ::-1].copy()).save(tmp_path / "turned.jpg", quality=98, exif=exif)
    assert np.abs(decode(tmp_path / "turned.jpg", 64).astype(int) - chest(5)).mean() < 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(32, 90), st.floats(0.5, 2.0), st.integers(8, 70), st.sampled_from(["gray", "16 bit", "interlaced"]))
def test_any_shape_gives_a_square_of_the_asked_size(
    tmp_path: Path, short: int, aspect: float, size: int, form: str
) -> None:
    height, width = (short, int(short * aspect)) if aspect >= 1 else (int(short / aspect), short)
    image = chest(1, height, width)
    save(tmp_path / "image.png", form, image)
    read = decode(tmp_path / "image.png", size)
    assert read.shape == (size, size)
    assert read.dtype == np.uint8
    side, top, left = min(height, width), (height - min(height, width)) // 2, (width - min(height, width)) // 2
    if form != "16 bit":  # a resampled mean is the mean
        assert abs(float(read.mean()) - float(image[top : top + side, left : left + side].mean())) < 6
