"""Kinds of copies of radiographs that the gate's makers were told of. Images are square, uint8, bone bright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.red_team.kinds import Kind, Material
from synthgen.payloads.cxr import CxrImage

Copy = Material[CxrImage]


def as_bytes(pixels: NDArray[np.floating]) -> CxrImage:
    """Rounded and clipped to 0 to 255."""
    image: CxrImage = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return image


def resized(image: CxrImage, width: int, height: int, box: tuple[float, float, float, float] | None = None) -> CxrImage:
    """A box (left, top, right, bottom; None: all) of the image at another size."""
    picture = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box)
    return np.asarray(picture)


def cropped(image: CxrImage, left: float, top: float, right: float, bottom: float) -> CxrImage:
    """Shares of the side cut off each edge, the rest blown up to the old size."""
    size = image.shape[0]
    return resized(image, size, size, (left * size, top * size, (1 - right) * size, (1 - bottom) * size))


def turned(image: CxrImage, degrees: float) -> CxrImage:
    """Turned about the centre, with black corners."""
    return as_bytes(ndimage.rotate(image.astype(np.float32), degrees, reshape=False, order=1))


def smooth_field(size: int, coarse: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth noise of standard deviation one, shape [size, size]; ``coarse`` is its scale as a share of the side."""
    field = ndimage.gaussian_filter(rng.normal(size=(size, size)), coarse * size, mode="wrap")
    return np.asarray(field / field.std())


def elastic(image: CxrImage, strength: float, rng: np.random.Generator) -> CxrImage:
    """Displaced by a smooth random field whose spread is ``strength`` of the side."""
    size = image.shape[0]
    y, x = np.mgrid[:size, :size]
    moved = [axis + strength * size * smooth_field(size, 0.12, rng) for axis in (y, x)]
    return as_bytes(ndimage.map_coordinates(image.astype(np.float32), moved, order=1, mode="nearest"))


def lung(size: int) -> NDArray[np.bool_]:
    """Where one lung field lies: an ellipse in the left half of the picture."""
    y, x = np.mgrid[:size, :size] / size
    inside: NDArray[np.bool_] = ((x - 0.29) / 0.19) ** 2 + ((y - 0.45) / 0.34) ** 2 <= 1
    return inside


def _half_pasted(copy: Copy) -> CxrImage:
    half = copy.victim.shape[1] // 2
    return np.concatenate([copy.victim[:, :half], copy.stranger[:, half:]], axis=1)


def _lung_pasted(copy: Copy) -> CxrImage:
    return np.where(lung(copy.victim.shape[0]), copy.victim, copy.stranger)


def _half_alone(copy: Copy) -> CxrImage:
    half = copy.victim.shape[1] // 2
    return np.concatenate([copy.victim[:, :half], np.zeros_like(copy.victim[:, half:])], axis=1)


def _mean_of_two(copy: Copy) -> CxrImage:
    return as_bytes((copy.victim.astype(np.float32) + copy.second) / 2)


def _blurred(copy: Copy) -> CxrImage:
    return as_bytes(ndimage.gaussian_filter(copy.victim.astype(np.float32), 0.04 * copy.victim.shape[0]))


def _shifted(copy: Copy) -> CxrImage:
    pixels = 0.1 * copy.victim.shape[0]
    return as_bytes(ndimage.shift(copy.victim.astype(np.float32), (pixels, pixels), order=1, mode="nearest"))


def _margin_trimmed(copy: Copy) -> CxrImage:
    """A re-export: margins of 18% in all trimmed unevenly on each axis, grey levels rescaled."""
    across, down = copy.rng.uniform(0.04, 0.14, 2)
    trimmed = cropped(copy.victim, across, down, 0.18 - across, 0.18 - down).astype(np.float32)
    low, high = np.percentile(trimmed, [0.5, 99.5])
    return as_bytes(255 * (trimmed - low) / max(1.0, high - low))


def _padded(copy: Copy) -> CxrImage:
    """Shrunk to 70% on black."""
    size = copy.victim.shape[0]
    inner = round(0.7 * size)
    edge = (size - inner) // 2
    page = np.zeros_like(copy.victim)
    page[edge : edge + inner, edge : edge + inner] = resized(copy.victim, inner, inner)
    return page


def _sheet_of_two(copy: Copy) -> CxrImage:
    """Two victims side by side at half size, on black."""
    size = copy.victim.shape[0]
    half, top = size // 2, size // 4
    page = np.zeros_like(copy.victim)
    page[top : top + half, :half] = resized(copy.victim, half, half)
    page[top : top + half, size - half :] = resized(copy.second, half, half)
    return page


KINDS: tuple[Kind[CxrImage], ...] = (
    Kind("verbatim", lambda c: c.victim.copy()),
    Kind("negative", lambda c: 255 - c.victim),
    Kind("crop 10%", lambda c: cropped(c.victim, 0.1, 0.1, 0.1, 0.1)),
    Kind("crop 20%", lambda c: cropped(c.victim, 0.2, 0.2, 0.2, 0.2)),
    Kind("left half pasted", _half_pasted),
    Kind("turned over", lambda c: np.ascontiguousarray(c.victim[::-1])),
    Kind("turned by 90°", lambda c: np.ascontiguousarray(np.rot90(c.victim))),
    Kind("turned by 20°", lambda c: turned(c.victim, 20.0)),
    Kind("shift 10%", _shifted),
    Kind("one lung pasted", _lung_pasted),
    Kind("half an image", _half_alone),
    Kind("mean of two", _mean_of_two),
    Kind("blur 4%", _blurred),
    Kind("elastic 4%", lambda c: elastic(c.victim, 0.04, c.rng)),
    Kind("margin trimmed", _margin_trimmed),
    Kind("padded", _padded),
    Kind("contact sheet of two", _sheet_of_two),
)
