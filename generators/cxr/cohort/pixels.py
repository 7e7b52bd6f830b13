"""PNG and JPEG files as square 8-bit radiographs.

Only these two formats are opened, and an image's size is read and refused before any of its pixels is decoded, so that
a small file cannot unpack into all of the memory.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, PngImagePlugin

from synthgen.errors import UserError
from synthgen.payloads.cxr import CxrImage

SMALLEST: Final = 32
"""Pixels on the shorter side, at least."""
LARGEST: Final = 16_384
"""Pixels on the longer side, at most."""
LONGEST_ASPECT: Final = 2.0
"""Longer over shorter side, at most: what lies beyond is a strip, not a chest."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
# What Pillow raises for files that are cut short or damaged.
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)


def check_size(name: str, width: int, height: int) -> tuple[int, int]:
    """Width and height, where they can be a radiograph's.

    Raises:
        UserError: too small, too large, or too long a strip.
    """
    if min(width, height) < SMALLEST:
        raise UserError(f"{name} is {width} × {height} pixels: a side must have {SMALLEST} at least")
    if max(width, height) > LARGEST:
        raise UserError(f"{name} is {width} × {height} pixels: a side may have {LARGEST:,} at most")
    if max(width, height) > LONGEST_ASPECT * min(width, height):
        raise UserError(f"{name} is {width} × {height} pixels: longer than twice its width is no frontal chest")
    return width, height


def _open(path: Path) -> Image.Image:
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise UserError(f"{path.name} cannot be opened: {error.strerror}") from error
    if not magic:
        raise UserError(f"{path.name} is an empty file (0 bytes)")
    try:
        # Not Image.open: it knows fifty formats, and speaks of "bombs" before the size can be named.
        if magic == _PNG:
            return PngImagePlugin.PngImageFile(path)
        if magic.startswith(_JPEG):
            return JpegImagePlugin.JpegImageFile(path)
    except _BROKEN as error:
        raise UserError(f"{path.name} is damaged or cut short: copy it again from its source") from error
    raise UserError(f"{path.name} is neither PNG nor JPEG")


def measure(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises UserError where they cannot be a radiograph's."""
    with _open(path) as picture:
        return check_size(path.name, *picture.size)


def decode(path: Path, size: int) -> CxrImage:
    """A picture as uint8 [size, size]: the central square, in gray, downsampled with antialiasing.

    Colour becomes luma; transparent pixels become black, as the air around a chest is; 16-bit gray is stretched from
    its own darkest to its own brightest pixel, less 0.1% at either end, because its nominal range says nothing (12
    bits in 16 are common).

    Raises:
        UserError: the file is not a whole PNG or JPEG, its size is refused, or all its pixels are the same.
    """
    with _open(path) as picture:
        check_size(path.name, *picture.size)
        try:
            if isinstance(picture, JpegImagePlugin.JpegImageFile):
                picture.draft(None, (2 * size, 2 * size))  # decodes at 1/2, 1/4, 1/8 while that is twice the goal
            picture.load()
            if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
                ImageOps.exif_transpose(picture, in_place=True)
            if picture.mode.startswith("I"):
                values = np.asarray(picture, np.float32)
                return square(Image.fromarray(stretch(values, *robust_range(values))), size, path.name)
            return square(_gray(picture), size, path.name)
        except _BROKEN as error:
            raise UserError(f"{path.name} is damaged or cut short: copy it again from its source") from error


def _gray(picture: Image.Image) -> Image.Image:
    if picture.mode in {"LA", "RGBA", "PA"} or (picture.mode == "P" and "transparency" in picture.info):
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture.convert("RGBA"))
    return picture if picture.mode == "L" else picture.convert("L")


def robust_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """The 0.1% and 99.9% quantiles; where they coincide, the smallest and the largest value."""
    low, high = np.percentile(values, (0.1, 99.9))
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def stretch(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Values from ``low`` to ``high`` on the scale from 0 to 255, clipped."""
    scaled: NDArray[np.float32] = np.clip((values - low) * np.float32(255 / max(high - low, 1e-12)), 0, 255)
    return scaled.astype(np.float32, copy=False)


def square(picture: Image.Image, size: int, name: str) -> CxrImage:
    """The central square of a picture of mode L, or F on the scale from 0 to 255, as uint8 [size, size].

    Cropped, not padded: bars at the sides would be learned as anatomy. A frontal chest is nearly square, so a crop
    costs the abdomen or the arms. Lanczos over the source's pixels antialiases.

    Raises:
        UserError: all pixels are the same.
    """
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    small = picture.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    image: CxrImage = np.asarray(small, np.float32).round().clip(0, 255).astype(np.uint8)
    if image.min() == image.max():
        raise UserError(f"{name} shows nothing: all its pixels are the same")
    return image
