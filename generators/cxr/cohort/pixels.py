"""PNG and JPEG files as square 8-bit radiographs.

Only these two formats are opened, and an image's size is read and refused before any of its pixels is decoded, so that
a small file cannot unpack into all of the memory.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, PngImagePlugin

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort.polarity import polarity
from synthgen.generators.cxr.cohort.tails import tail_of
from synthgen.payloads.cxr import CxrImage

SMALLEST: Final = 32
"""Pixels on the shorter side, at least."""
LARGEST: Final = 16_384
"""Pixels on the longer side, at most."""
LONGEST_ASPECT: Final = 2.0
"""Longer over shorter side, at most: what lies beyond is a strip, not a chest."""

DAMAGED: Final = "damaged image"
UNSUPPORTED: Final = "unsupported image"
WRONG_SIZE: Final = "image of a size that no radiograph has"
BLANK: Final = "image that shows nothing"

NEGATIVE: Final = "negative by the picture itself, turned over"
DIM: Final = "image of hardly more than one gray level, left as it is"
DOUBTFUL: Final = "perhaps a negative by the picture, left as it is"

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_AS_PNG: Final = "save it as PNG, with all its gray levels"
_FETCH: Final = "fetch it again"
_UNPACK: Final = "unpack it"
# What stands at the beginning of files that bear a picture's name, where in the first bytes, and what to do.
_OTHERS: Final = (
    (0, b"gif8", "a GIF", _AS_PNG),
    (0, b"bm", "a BMP", _AS_PNG),
    (0, b"ii*\0", "a TIFF", _AS_PNG),
    (0, b"mm\0*", "a TIFF", _AS_PNG),
    (0, b"\0\0\0\x0cjp", "a JPEG 2000 file", _AS_PNG),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file", _AS_PNG),
    (8, b"webp", "a WebP", _AS_PNG),
    (4, b"ftypavif", "an AVIF", _AS_PNG),
    (4, b"ftyp", "a HEIC or a video", _AS_PNG),
    (0, b"%pdf", "a PDF", _AS_PNG),
    (128, b"dicm", "a DICOM file", "convert it, or give the DICOM files a folder of their own"),
    (0, b"<", "a web page, or a server's answer", _FETCH),
    (0, b"{", "a server's answer", _FETCH),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "fetch it by git lfs pull"),
    (0, b"pk\3\4", "a ZIP archive", _UNPACK),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
)
# What Pillow raises for files that are cut short or damaged.
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)
# A gap in the histogram that is wider than this share of all values parts the anatomy from a frame or from markers.
_GAP: Final = 0.35
_SAMPLE: Final = 65_536
_LEAST_SPREAD: Final = 16
_SPECK: Final = 0.02
_UNDECODED: Final = 128
"""The gray of a JPEG's block without data."""


class ImageError(UserError):
    """An image that cannot be read.

    Attributes:
        reason: the fixed phrase under which such images are counted where they are left out.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Shown:
    """A radiograph as it is shown, bone bright, uint8 [size, size].

    Attributes:
        notes: fixed phrases that say what had to be guessed; counted over the cohort.
    """

    image: CxrImage
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """Where the anatomy's values lie.

    Attributes:
        low, high: become black and white.
        within: where pixels are neither frame nor markers, bool [h, w]; None is everywhere.
        frame: where pixels are a frame around the exposed field, bool [h, w]; None where there is none.
    """

    low: float
    high: float
    within: NDArray[np.bool_] | None = None
    frame: NDArray[np.bool_] | None = None


def damaged(name: str, what: str = "is damaged or cut short") -> ImageError:
    """The error of a file that another copy of it may mend."""
    return ImageError(f"{name} {what}: copy it again from its source", DAMAGED)


def unsupported(name: str, what: str, advice: str) -> ImageError:
    """The error of a whole file of a kind that is not read."""
    return ImageError(f"{name}: unsupported: {what}; {advice}", UNSUPPORTED)


def check_size(name: str, width: int, height: int, aspect: float = 1.0) -> tuple[int, int]:
    """Width and height, where they can be a radiograph's.

    Args:
        aspect: height of a pixel over its width.

    Raises:
        ImageError: too small, too large, or too long a strip.
    """
    told = f"{name} is {width} × {height} pixels:"
    if min(width, height) < SMALLEST:
        raise ImageError(f"{told} a side must have {SMALLEST} at least", WRONG_SIZE)
    if max(width, height) > LARGEST:
        raise ImageError(f"{told} a side may have {LARGEST:,} at most", WRONG_SIZE)
    tall = height * aspect
    if max(width, tall) > LONGEST_ASPECT * min(width, tall):
        raise ImageError(f"{told} longer than twice its width is no frontal chest", WRONG_SIZE)
    return width, height


def _open(path: Path) -> Image.Image:
    try:
        with path.open("rb") as file:
            magic = file.read(132)
    except OSError as error:
        raise UserError(f"{path.name} cannot be opened: {error.strerror}") from error
    if not magic:
        raise damaged(path.name, "is an empty file (0 bytes)")
    try:
        # Not Image.open: it knows fifty formats, and speaks of "bombs" before the size can be named.
        if magic.startswith(_PNG):
            return PngImagePlugin.PngImageFile(path)
        if magic.startswith(_JPEG):
            return JpegImagePlugin.JpegImageFile(path)
    except SyntaxError as error:
        if "cannot handle" in str(error):  # Pillow, of the bits of a JPEG's samples
            raise unsupported(path.name, "a JPEG of more than 8 bits", "save it as a PNG of 16 bits") from error
        raise damaged(path.name) from error
    except _BROKEN as error:
        raise damaged(path.name) from error
    raise _other_format(path, magic)


def _check_sums(path: Path, name: str) -> None:
    """Refuses a PNG one of whose parts is not what was written: Pillow decodes zeros behind a cut without a word."""
    with _open(path) as picture:
        if isinstance(picture, PngImagePlugin.PngImageFile):
            try:
                picture.verify()
            except _BROKEN as error:
                raise damaged(name) from error


def _other_format(path: Path, magic: bytes) -> ImageError:
    start = (magic.lstrip(b"\xef\xbb\xbf \t\r\n") if magic[:1].isspace() or magic[:1] == b"\xef" else magic).lower()
    known = ((f" but {what}", advice) for at, mark, what, advice in _OTHERS if start.startswith(mark, at))
    what, advice = next(known, ("", "copy it again from its source, or save it as PNG"))
    return ImageError(f"{path.name} is neither PNG nor JPEG{what}: {advice}", UNSUPPORTED)


def measure(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises UserError where they cannot be a radiograph's."""
    with _open(path) as picture:
        return check_size(path.name, *picture.size)


def decode(path: Path, size: int, inverted: bool | None = None) -> Shown:
    """A picture as uint8 [size, size]: the central square, in gray, downsampled with antialiasing.

    Colour becomes luma; transparent pixels become black, as the air around a chest is; gray of 16 bits is stretched
    from the anatomy's darkest to its brightest pixel (:func:`field_of`), because its nominal range says nothing (12
    bits in 16 are common).

    Args:
        inverted: whether the picture is a negative, where a table tells; None asks the picture itself
            (:mod:`~synthgen.generators.cxr.cohort.polarity`).

    Raises:
        UserError: the file is not a whole PNG or JPEG, its size is refused, or all its pixels are the same.
    """
    with _open(path) as picture:
        check_size(path.name, *picture.size)
        _refuse_form(picture, path.name)
        _check_sums(path, path.name)
        try:
            if isinstance(picture, JpegImagePlugin.JpegImageFile):
                picture.draft(None, (2 * size, 2 * size))  # decodes at 1/2, 1/4, 1/8 while that is twice the goal
            picture.load()
            notes = _tail(picture, path.name)
            gray, frame = _levels(picture, path)
            return polarized(gray, frame, size, path.name, inverted=inverted, notes=notes)
        except _BROKEN as error:
            raise damaged(path.name) from error


def _tail(picture: Image.Image, name: str) -> tuple[str, ...]:
    """What is to be told of the last rows. Raises ImageError where a JPEG was closed before they were there."""
    jpeg = isinstance(picture, JpegImagePlugin.JpegImageFile)
    tail = tail_of(np.asarray(picture if picture.mode.startswith("I") else _gray(picture)), 16 if jpeg else 1)
    if tail is None:
        return ()
    if jpeg and tail.value == _UNDECODED and tail.abrupt and tail.alone:
        raise damaged(name, f"is damaged or cut short, the lower {round(100 * tail.share)}% of its pixels gray")
    return tail.notes


def _refuse_form(picture: Image.Image, name: str) -> None:
    if getattr(picture, "is_animated", False) and isinstance(picture, PngImagePlugin.PngImageFile):
        raise unsupported(name, "an animation", "save the one picture that is the radiograph")
    if picture.mode == "1":
        raise unsupported(name, "1 bit a pixel, which is no radiograph", "export it with its gray levels")


def _levels(picture: Image.Image, path: Path) -> tuple[Image.Image, NDArray[np.bool_] | None]:
    """A loaded picture in gray, mode L or F from 0 to 255, and the frame around its field."""
    deep = _deep(picture, path)
    if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        turned = ImageOps.exif_transpose(picture if deep is None else _oriented(deep, picture))
        picture, deep = turned, deep if deep is None else np.asarray(turned, np.float32)
    if deep is None:
        return _gray(picture), None
    field = field_of(deep)
    return Image.fromarray(stretch(deep, field.low, field.high)), field.frame


def _oriented(values: NDArray[np.float32], like: Image.Image) -> Image.Image:
    image = Image.fromarray(values)
    image.getexif()[ExifTags.Base.Orientation] = like.getexif()[ExifTags.Base.Orientation]
    return image


def _deep(picture: Image.Image, path: Path) -> NDArray[np.float32] | None:
    """The luma of a PNG of 16 bits, [h, w]; None for any other. Pillow keeps all bits of gray only, and 8 of colour."""
    if picture.mode.startswith("I"):
        return np.asarray(picture, np.float32)
    with path.open("rb") as file:
        head = file.read(26)
    if not head.startswith(_PNG) or head[24] != 16:  # PNG specification, 11.2.1: the bit depth of IHDR
        return None
    import cv2

    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 3:
        raise damaged(path.name)
    shares = values[..., 3:].astype(np.float32) / 65_535 if values.shape[2] == 4 else np.float32(1)
    luma: NDArray[np.float32] = (values[..., :3] * shares) @ np.array([0.114, 0.587, 0.299], np.float32)
    return luma


def _gray(picture: Image.Image) -> Image.Image:
    if picture.mode in {"LA", "RGBA", "PA"} or (picture.mode == "P" and "transparency" in picture.info):
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture.convert("RGBA"))
    return picture if picture.mode == "L" else picture.convert("L")


def polarized(
    gray: Image.Image,
    black: NDArray[np.bool_] | None,
    size: int,
    name: str,
    *,
    inverted: bool | None,
    aspect: float = 1.0,
    notes: tuple[str, ...] = (),
) -> Shown:
    """The central square, bone bright.

    Args:
        gray: mode L, or F from 0 to 255.
        black: where the picture is black whichever way it is shown: padding, a frame; bool [h, w].
        inverted: whether the picture is a negative; None asks the picture.
        aspect: height of a pixel over its width.

    Raises:
        ImageError: all pixels are the same.
    """
    image = square(_blackened(gray, black, bool(inverted)), size, name, aspect)
    if np.ptp(np.percentile(image, (1, 99))) < _LEAST_SPREAD:
        notes = (*notes, DIM)
    seen = "positive" if inverted is not None else polarity(image)
    if seen == "negative":
        return Shown(square(_blackened(gray, black, True), size, name, aspect), (*notes, NEGATIVE))
    return Shown(image, (*notes, DOUBTFUL) if seen == "doubtful" else notes)


def _blackened(gray: Image.Image, black: NDArray[np.bool_] | None, inverted: bool) -> Image.Image:
    if not inverted and black is None:
        return gray
    values = np.asarray(gray)
    values = 255 - values if inverted else values.copy()
    if black is not None:
        values[black] = 0
    return Image.fromarray(values)


def field_of(values: NDArray[np.float32]) -> Field:
    """The range of the anatomy: from its 0.1% to its 99.9% quantile.

    A frame, a shutter or burned-in markers at values far from all others do not set it: they lie beyond a gap in the
    histogram, and hold most of the border (then they are a frame) or are few.

    Args:
        values: [h, w], finite; those that are not to count may be the median of the others.
    """
    sample = _sample(values.ravel())
    low, high = _without_outliers(sample, _sample(_border(values)))
    kept = robust_range(sample[(sample >= low) & (sample <= high)])
    if (low, high) == (sample[0], sample[-1]):
        return Field(*kept)
    outside = (values < low) | (values > high)
    return Field(*kept, ~outside, outside if _border(outside).mean() > 0.5 else None)


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sort(values[:: max(1, values.size // _SAMPLE)])


def _without_outliers(sample: NDArray[np.float32], border: NDArray[np.float32]) -> tuple[float, float]:
    """The ends of a sorted sample without what lies beyond wide gaps, two at most."""
    for _ in range(2):
        gaps = np.diff(sample)
        if not gaps.size or gaps.max() <= _GAP * (sample[-1] - sample[0]):
            break
        at = int(gaps.argmax()) + 1
        anatomy = _anatomy(sample[:at], sample[at:], border)
        if anatomy[0] == anatomy[-1]:  # two tones, or a picture that is all there is
            break
        sample = anatomy
    return float(sample[0]), float(sample[-1])


def _anatomy(
    below: NDArray[np.float32], above: NDArray[np.float32], border: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Of the two sides of a gap the one that does not hold most of the border, unless that is a mere speck."""
    share = float((border >= above[0]).mean())
    inner, outer = (below, above) if share > 0.5 else (above, below)
    return inner if inner.size > _SPECK * (inner.size + outer.size) else outer


def _border(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def robust_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """The 0.1% and 99.9% quantiles; where they coincide, the smallest and the largest value."""
    low, high = np.percentile(values, (0.1, 99.9))
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def stretch(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Values from ``low`` to ``high`` on the scale from 0 to 255, clipped."""
    scaled: NDArray[np.float32] = np.clip((values - low) * np.float32(255 / max(high - low, 1e-12)), 0, 255)
    return scaled.astype(np.float32, copy=False)


def square(picture: Image.Image, size: int, name: str, aspect: float = 1.0) -> CxrImage:
    """The central square of a picture of mode L, or F on the scale from 0 to 255, as uint8 [size, size].

    Cropped, not padded: bars at the sides would be learned as anatomy. A frontal chest is nearly square, so a crop
    costs the abdomen or the arms. Lanczos over the source's pixels antialiases.

    Args:
        aspect: height of a pixel over its width; the square is square in the patient.

    Raises:
        ImageError: all pixels are the same.
    """
    width, height = picture.size
    side = min(width, height * aspect)
    left, top = (width - side) / 2, (height - side / aspect) / 2
    box = (left, top, left + side, top + side / aspect)
    small = picture.resize((size, size), Image.Resampling.LANCZOS, box=box)
    image: CxrImage = np.asarray(small, np.float32).round().clip(0, 255).astype(np.uint8)
    if image.min() == image.max():
        raise ImageError(f"{name} shows nothing: all its pixels are the same", BLANK)
    return image
