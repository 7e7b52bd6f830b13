"""Planted copies of training radiographs: what somebody, or a generator, could have done to a copy to hide it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from synthgen.modalities.cxr.types import CxrImage, CxrReal
from synthgen.records import Planted

RoundTrip = Callable[[Sequence[CxrReal]], list[CxrImage]]
"""Copies in the generator's own domain: what its autoencoder, or its denoiser, makes of real records."""


def planted_copies(
    records: Sequence[CxrReal], round_trips: Sequence[tuple[str, str, RoundTrip]], seed: int
) -> Iterator[Planted[CxrImage]]:
    """One copy of each of ``records`` per perturbation, the exact copies first.

    Args:
        records: training records, one per patient.
        round_trips: name, domain and function of each round trip through the generator.
        seed: of the noise.
    """
    images = [record.payload for record in records]
    rng = np.random.default_rng(seed)
    noise = lambda image: _noisy(image, rng)  # noqa: E731 - stands in the table below like its peers
    table: tuple[tuple[str, Callable[[CxrImage], CxrImage]], ...] = (
        ("jpeg_q50", _jpeg),
        ("rotation_+3", lambda image: _affine(image, degrees=3.0)),
        ("rotation_-3", lambda image: _affine(image, degrees=-3.0)),
        ("crop_5%", _cropped),
        ("shift_5%", lambda image: _affine(image, shift=0.05)),
        ("gamma_0.8", lambda image: _gamma(image, 0.8)),
        ("gamma_1.25", lambda image: _gamma(image, 1.25)),
        ("noise_0.02", noise),
        ("horizontal_flip", lambda image: np.ascontiguousarray(image[:, ::-1])),
        ("half_size", _half_size),
        ("text_marker", _marked),
    )
    yield Planted("exact", "exact", tuple(image.copy() for image in images))
    for name, perturb in table:
        yield Planted(name, "perturbed", tuple(perturb(image) for image in images))
    for name, domain, round_trip in round_trips:
        yield Planted(name, domain, tuple(round_trip(records)))


def _jpeg(image: CxrImage) -> CxrImage:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=50)
    return np.asarray(Image.open(buffer).convert("L"))


def _affine(image: CxrImage, *, degrees: float = 0.0, shift: float = 0.0) -> CxrImage:
    """Turned about the centre, or moved right and down by ``shift`` of the side; the border is repeated."""
    if degrees:
        turned = ndimage.rotate(image.astype(np.float32), degrees, reshape=False, order=1, mode="nearest")
        return _bytes(turned)
    pixels = shift * image.shape[0]
    return _bytes(ndimage.shift(image.astype(np.float32), (pixels, pixels), order=1, mode="nearest"))


def _cropped(image: CxrImage) -> CxrImage:
    """5% cut off every side, and blown up to the old size."""
    size = image.shape[0]
    cut = 0.05 * size
    box = (cut, cut, size - cut, size - cut)
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, box=box))


def _gamma(image: CxrImage, gamma: float) -> CxrImage:
    return _bytes(255.0 * (image / 255.0) ** gamma)


def _noisy(image: CxrImage, rng: np.random.Generator) -> CxrImage:
    return _bytes(image + 255.0 * rng.normal(0.0, 0.02, image.shape))


def _half_size(image: CxrImage) -> CxrImage:
    size = image.shape[0]
    small = Image.fromarray(image).resize((size // 2, size // 2), Image.Resampling.BOX)
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


def _marked(image: CxrImage) -> CxrImage:
    """A side marker burned into a corner, as tall as a tenth of the image."""
    size = image.shape[0]
    picture = Image.fromarray(image)
    font = ImageFont.load_default(size=max(6, size // 10))
    ImageDraw.Draw(picture).text((0.78 * size, 0.04 * size), "R 7", fill=255, font=font)
    return np.asarray(picture)


def _bytes(pixels: NDArray[np.floating]) -> CxrImage:
    image: CxrImage = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return image
