"""Kinds of copies of a second adversary, who knew the lists of the first: what a re-export or a leaky model may make.

None stands in :mod:`.images`, :mod:`.held_out` or among the gate's planted copies. In each, somebody who knows the
record would know it again, or most of it. Images are square, uint8, bone bright.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.red_team.images import Copy, as_bytes, cropped, elastic, resized, smooth_field, turned
from benchmarks.red_team.kinds import Kind
from synthgen.payloads.cxr import CxrImage

Floats = NDArray[np.floating]


def _grid(size: int) -> tuple[Floats, Floats]:
    """y and x from -0.5 to 0.5."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    return y, x


def _at(image: CxrImage, y: Floats, x: Floats) -> Floats:
    """The image at places from -0.5 to 0.5, black outside."""
    size = image.shape[0]
    places = [(y + 0.5) * size - 0.5, (x + 0.5) * size - 0.5]
    return np.asarray(ndimage.map_coordinates(image.astype(np.float32), places, order=1))


def _blur(image: CxrImage, share: float) -> Floats:
    """By a Gaussian of a share of the side."""
    return np.asarray(ndimage.gaussian_filter(image.astype(np.float32), share * image.shape[0]))


def _jpeg(pixels: Floats, quality: int) -> CxrImage:
    buffer = io.BytesIO()
    Image.fromarray(as_bytes(pixels)).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("L"))


def _thirds(copy: Copy) -> CxrImage:
    """The middle of one victim between the sides of another."""
    third = copy.victim.shape[1] // 3
    image = copy.second.copy()
    image[:, third:-third] = copy.victim[:, third:-third]
    return image


def _photo_of_screen(copy: Copy) -> CxrImage:
    """The screen's grid beats with the camera's: fine bars, a slow shading, a little tilt, JPEG."""
    y, x = _grid(copy.victim.shape[0])
    depth = 1 + 0.12 * (x + 0.5)
    seen = _at(copy.victim, 1.05 * y * depth, 1.05 * x * depth)
    angle, period = 0.2, 0.035
    along = (np.cos(angle) * x + np.sin(angle) * y) / period + 2 * y**2
    bars = 1 + 0.25 * np.sin(2 * np.pi * along) * np.sin(2 * np.pi * y / 0.05)
    return _jpeg(seen * bars * (1 - 0.5 * (x**2 + y**2)) + copy.rng.normal(0, 5, seen.shape), 60)


def _fisheye(copy: Copy) -> CxrImage:
    """A telephone's wide lens, off the centre, with a lamp's reflection and dark corners."""
    y, x = _grid(copy.victim.shape[0])
    y, x = y + 0.05, x - 0.04
    bend = 1 + 0.9 * (x**2 + y**2)
    seen = _at(copy.victim, bend * y - 0.05, bend * x + 0.04)
    lamp = 160 * np.exp(-(((x + 0.15) / 0.12) ** 2 + ((y + 0.2) / 0.09) ** 2))
    return as_bytes(0.85 * seen * (1 - 0.8 * (x**2 + y**2)) + lamp)


def _lungs_inverted(copy: Copy) -> CxrImage:
    """A negative within both lungs alone."""
    y, x = _grid(copy.victim.shape[0])
    inside = np.minimum(((x - 0.2) / 0.17) ** 2, ((x + 0.2) / 0.17) ** 2) + ((y + 0.04) / 0.33) ** 2 < 1
    return np.where(inside, 255 - copy.victim, copy.victim)


def _inset(share: float) -> Callable[[Copy], CxrImage]:
    """The whole victim at a share of the side, anywhere on a stranger's image."""

    def inset(copy: Copy) -> CxrImage:
        image, side = copy.stranger.copy(), round(share * copy.victim.shape[0])
        top, left = copy.rng.integers(0, len(image) - side + 1, 2)
        image[top : top + side, left : left + side] = resized(copy.victim, side, side)
        return image

    return inset


def _sheet_of_nine(copy: Copy) -> CxrImage:
    """Nine tiles of two victims and of a stranger in turn."""
    size = copy.victim.shape[0]
    third = size // 3
    page = np.zeros_like(copy.victim)
    small = [resized(image, third, third) for image in (copy.victim, copy.stranger, copy.second)]
    for i in range(9):
        top, left = third * (i // 3), third * (i % 3)
        page[top : top + third, left : left + third] = small[(i + i // 3) % 3]
    return page


def _jigsaw(parts: int) -> Callable[[Copy], CxrImage]:
    """Squares, so many a side, in another order."""

    def cut(copy: Copy) -> CxrImage:
        side = copy.victim.shape[0] // parts
        used = copy.victim[: side * parts, : side * parts]
        pieces = used.reshape(parts, side, parts, side).swapaxes(1, 2).reshape(-1, side, side)
        dealt = pieces[copy.rng.permutation(len(pieces))].reshape(parts, parts, side, side)
        image = copy.victim.copy()
        image[: side * parts, : side * parts] = dealt.swapaxes(1, 2).reshape(side * parts, -1)
        return image

    return cut


def _texture_of_victim(share: float) -> Callable[[Copy], CxrImage]:
    """What is finer than a share of the side of the victim, the rest of a stranger."""
    return lambda copy: as_bytes(copy.victim - _blur(copy.victim, share) + _blur(copy.stranger, share))


def _texture_of_another(share: float) -> Callable[[Copy], CxrImage]:
    """What is coarser than a share of the side of the victim, the rest of a stranger."""
    return lambda copy: as_bytes(_blur(copy.victim, share) + copy.stranger - _blur(copy.stranger, share))


def _clahe(copy: Copy) -> CxrImage:
    return np.asarray(cv2.createCLAHE(clipLimit=16.0, tileGridSize=(8, 8)).apply(copy.victim))


def _denoised(copy: Copy) -> CxrImage:
    """Smoothed by non-local means until its surfaces are flat, as a phone does at night."""
    return np.asarray(cv2.fastNlMeansDenoising(copy.victim, None, 30.0, 5, 15))


def _fax(copy: Copy) -> CxrImage:
    """Black and white, dithered."""
    return np.asarray(Image.fromarray(copy.victim).convert("1").convert("L"))


def _narrow_window(copy: Copy) -> CxrImage:
    """The middle 30% of the grey levels blown up, the rest black or white."""
    low, high = np.percentile(copy.victim, [35, 65])
    return as_bytes(255.0 * (copy.victim - low) / max(1.0, high - low))


def _re_export(copy: Copy) -> CxrImage:
    """Cropped unevenly, turned by 7°, another aspect, darker, noisy, JPEG 30."""
    image = turned(cropped(copy.victim, 0.12, 0.04, 0.06, 0.1), 7.0)
    return _jpeg(255.0 * (image / 255.0) ** 1.3 + copy.rng.normal(0, 8, image.shape), 30)


def _from_anothers_patches(side: int) -> Callable[[Copy], CxrImage]:
    """Built of a stranger's patches, each the nearest to the victim's up to level and contrast: a coarse codebook."""

    def built(copy: Copy) -> CxrImage:
        known = np.lib.stride_tricks.sliding_window_view(copy.stranger.astype(np.float32), (side, side))[::2, ::2]
        book = known.reshape(-1, side * side)
        size = copy.victim.shape[0] // side * side
        squares = copy.victim[:size, :size].astype(np.float32).reshape(size // side, side, size // side, side)
        wanted = squares.swapaxes(1, 2).reshape(-1, side * side)
        level, other = wanted.mean(axis=1, keepdims=True), book.mean(axis=1, keepdims=True)
        spread, others = wanted.std(axis=1, keepdims=True) + 1, book.std(axis=1, keepdims=True) + 1
        chosen = (((wanted - level) / spread) @ ((book - other) / others).T).argmax(axis=1)
        made = (book[chosen] - other[chosen]) / others[chosen] * spread + level
        image = copy.victim.copy()
        count = size // side
        image[:size, :size] = as_bytes(made.reshape(count, count, side, side).swapaxes(1, 2).reshape(size, size))
        return image

    return built


def _interlaced(copy: Copy) -> CxrImage:
    """Rows of pixels of the victim and of a stranger in turn."""
    image = copy.victim.copy()
    image[1::2] = copy.stranger[1::2]
    return image


def _frosted(copy: Copy) -> CxrImage:
    """Every pixel from up to 2.5% of the side away: behind frosted glass."""
    y, x = _grid(copy.victim.shape[0])
    away = copy.rng.uniform(-0.025, 0.025, (2, *y.shape))
    return as_bytes(_at(copy.victim, np.clip(y + away[0], -0.49, 0.49), np.clip(x + away[1], -0.49, 0.49)))


def _mean_of_two_bent(copy: Copy) -> CxrImage:
    """The mean of two victims, each bent: an interpolation between two memories."""
    bent = [elastic(image, 0.03, copy.rng).astype(np.float32) for image in (copy.victim, copy.second)]
    return as_bytes((bent[0] + bent[1]) / 2)


def _partly_negative(copy: Copy) -> CxrImage:
    """Contrast that goes smoothly from 1 to -1 and back over the image, as a diverging model paints it."""
    gain = np.clip(2 * smooth_field(copy.victim.shape[0], 0.12, copy.rng), -1, 1)
    level = _blur(copy.victim, 0.06)
    return as_bytes(level + gain * (copy.victim - level))


def _squeezed(copy: Copy) -> CxrImage:
    """At 60% of its width on black, as a wide picture is fitted into a square."""
    size = copy.victim.shape[0]
    width = round(0.6 * size)
    page = np.zeros_like(copy.victim)
    left = (size - width) // 2
    page[:, left : left + width] = resized(copy.victim, width, size)
    return page


def _mediastinum(copy: Copy) -> CxrImage:
    """Heart and spine on a stranger's image, with a soft edge: a fifth of it."""
    y, x = _grid(copy.victim.shape[0])
    inside = ((x / 0.16) ** 2 + ((y - 0.02) / 0.42) ** 2 < 1).astype(np.float32)
    share = ndimage.gaussian_filter(inside, 0.02 * len(y))
    return as_bytes(share * copy.victim + (1 - share) * copy.stranger)


def _swirled(copy: Copy) -> CxrImage:
    """Turned by 35° in the middle and not at all at the edge."""
    y, x = _grid(copy.victim.shape[0])
    angle = np.deg2rad(35) * np.clip(1 - np.hypot(x, y) / 0.5, 0, 1)
    return as_bytes(_at(copy.victim, np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x))


def _blurred_and_cropped(copy: Copy) -> CxrImage:
    """Blurred by 3% of the side and cropped by 12%: two disguises that each are caught."""
    return cropped(as_bytes(_blur(copy.victim, 0.03)), 0.12, 0.12, 0.12, 0.12)


def _thumbnail_turned(copy: Copy) -> CxrImage:
    """Through 32 pixels, turned by 10°, cropped by a tenth."""
    size = copy.victim.shape[0]
    return cropped(turned(resized(resized(copy.victim, 32, 32), size, size), 10.0), 0.1, 0.1, 0.1, 0.1)


def _watermarked(copy: Copy) -> CxrImage:
    """An agency's text all over, at 40%."""
    marked = np.full_like(copy.victim, 0)
    size = len(marked)
    for row in range(0, size + 20, 14):
        cv2.putText(marked, "PREVIEW PREVIEW", (-(row % 40), row), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
    return as_bytes(0.6 * copy.victim + 0.4 * np.maximum(copy.victim, marked))


IMAGES: tuple[Kind[CxrImage], ...] = tuple(
    Kind(name, change, held_out=True)
    for name, change in (
        ("thirds of two", _thirds),
        ("photo of a screen", _photo_of_screen),
        ("fisheye with glare", _fisheye),
        ("lungs inverted", _lungs_inverted),
        ("inset of 45%", _inset(0.45)),
        ("inset of 40%", _inset(0.4)),
        ("sheet of nine", _sheet_of_nine),
        ("jigsaw of 16", _jigsaw(4)),
        ("fine of victim, coarse of stranger", _texture_of_victim(0.03)),
        ("coarse of victim, fine of stranger", _texture_of_another(0.03)),
        ("CLAHE", _clahe),
        ("denoised flat", _denoised),
        ("fax", _fax),
        ("narrow window", _narrow_window),
        ("re-export", _re_export),
        ("stranger's patches of 4", _from_anothers_patches(4)),
        ("stranger's patches of 8", _from_anothers_patches(8)),
        ("interlaced", _interlaced),
        ("frosted glass", _frosted),
        ("mean of two, bent", _mean_of_two_bent),
        ("partly negative", _partly_negative),
        ("squeezed to 60%", _squeezed),
        ("mediastinum pasted", _mediastinum),
        ("swirled", _swirled),
        ("blur 3%, crop 12%", _blurred_and_cropped),
        ("through 32 px, turned", _thumbnail_turned),
        ("watermarked", _watermarked),
    )
)
