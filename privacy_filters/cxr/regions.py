"""Regions: does part of a candidate show part of a training image, down to the detail of single pixels?

A picture is cut into 8 × 8 cells, so that one product per cell gives the correlation over every window of cells - a
lung, a quarter, all that is covered - with all training images at once. Fine detail is what tells people apart: in the
band of 1 to 2 pixels two patients have next to nothing in common, so that a lung pasted onto another image, or the mean
of two patients, stands out. Blur takes that band away; a blurred candidate is held against training images blurred
alike. Looked at are a candidate as it lies, mirrored and moved by a pixel, and in the poses that its keypoints propose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from synthgen.payloads.cxr import CxrImage

GRID = 8  # cells a side
MOST_PIXELS = 128
_BLURRED = 64
_DETAIL = (0.6, 1.4)  # standard deviations of a band's two Gaussians, in pixels
_LEFT_BY_BLUR = (1.2, 3.0)
_BLUR = 0.04 * _BLURRED
_LEAST_BLOCKS = 4  # of 16: where a candidate covers less of a training image, nothing is said
_COVERED = 0.8
_MOST = 0.9999  # correlation: Fisher's z stays finite


def side_of(image: CxrImage) -> int:
    """Pixels a side at which an image is looked at: its own, a multiple of 8, at most 128."""
    return min(MOST_PIXELS, max(len(image) // GRID, 4) * GRID)


def thumbnails(images: Sequence[CxrImage], side: int) -> Tensor:
    """Images at ``side`` pixels, 0 to 1, shape [N, 1, side, side]."""
    rows = [torch.from_numpy(np.array(image, dtype=np.float32))[None, None] / 255.0 for image in images]
    return torch.cat([F.interpolate(row, size=(side, side), mode="area") for row in rows])


@dataclass(frozen=True)
class Cells:
    """Local contrast of V pictures in 64 cells.

    Attributes:
        detail: band of the finest detail, shape [64, V, D].
        blurred: what blur leaves, shape [64, V, 64].
    """

    detail: Tensor
    blurred: Tensor

    @classmethod
    def of_training(cls, pictures: Tensor) -> Cells:
        """Of training images [V, 1, S, S]; the second band as a copy blurred by 4% of the side would show it."""
        fine, wide = (math.hypot(sigma, _BLUR) for sigma in _LEFT_BY_BLUR)
        return cls(_cut(_contrast(pictures, *_DETAIL, 0.01)), _cut(_contrast(_small(pictures), fine, wide, 0.002)))

    @classmethod
    def of_candidates(cls, pictures: Tensor) -> Cells:
        """Of candidates [V, 1, S, S], taken as they are."""
        return cls(_cut(_contrast(pictures, *_DETAIL, 0.01)), _cut(_contrast(_small(pictures), *_LEFT_BY_BLUR, 0.002)))


@dataclass(frozen=True)
class Views:
    """A candidate in V poses; ``covered`` [V, 64] tells which cells of the training image's frame it fills."""

    cells: Cells
    covered: Tensor


def in_place(picture: Tensor) -> Views:
    """A candidate [1, 1, S, S] where it lies, mirrored, and moved by up to a pixel."""
    side = picture.shape[-1]
    padded = F.pad(torch.cat([picture, picture.flip(-1)]), (1, 1, 1, 1), mode="replicate")
    moved = torch.cat([padded[..., y : y + side, x : x + side] for y in range(3) for x in range(3)])
    return Views(Cells.of_candidates(moved), torch.ones(len(moved), GRID * GRID, dtype=torch.bool))


def posed(picture: Tensor, maps: Tensor) -> Views:
    """A candidate [1, 1, S, S] through maps [R, 2, 3] from a training image's coordinates, in halves of a side."""
    side = picture.shape[-1]
    grid = F.affine_grid(maps, [len(maps), 1, side, side], align_corners=False)
    moving = picture.expand(len(maps), 1, side, side)
    seen = F.grid_sample(moving, grid, mode="bilinear", padding_mode="border", align_corners=False)
    inside = (grid.abs().amax(dim=3) <= 1.0).float()[:, None]
    return Views(Cells.of_candidates(seen), _cut(inside).mean(dim=2).T > _COVERED)


@cache
def windows() -> Tensor:
    """Windows of cells as rows of zeros and ones: lungs (5 × 3 cells) and quarters (4 × 4); shape [W, 64]."""
    rows = []
    for tall, wide, stride in ((5, 3, 1), (4, 4, 2)):
        for top, left in itertools.product(range(0, GRID + 1 - tall, stride), range(0, GRID + 1 - wide, stride)):
            rows.append(_window(tall, wide, top, left))
    return torch.stack(rows)


def _window(tall: int, wide: int, top: int, left: int) -> Tensor:
    window = torch.zeros(GRID, GRID)
    window[top : top + tall, left : left + wide] = 1
    return window.flatten()


@cache
def blocks() -> Tensor:
    """The picture in 4 × 4 blocks of four cells, as rows of zeros and ones; shape [16, 64]."""
    return torch.stack([_window(2, 2, top, left) for top in range(0, GRID, 2) for left in range(0, GRID, 2)])


@dataclass(frozen=True)
class Products:
    """What views and training images have in common, cell by cell.

    Attributes:
        dots: shape [V, 64, N].
        own, theirs: squared norms, [64, V] and [64, N].
    """

    dots: Tensor
    own: Tensor
    theirs: Tensor

    @classmethod
    def of(cls, band: Tensor, training: Tensor, theirs: Tensor) -> Products:
        """Of views [64, V, D] and training images [64, N, D]."""
        return cls(torch.bmm(band, training.transpose(1, 2)).permute(1, 0, 2), energy(band), theirs)


def energy(band: Tensor) -> Tensor:
    """Squared norm of every cell, [64, V] of [64, V, D]."""
    return torch.einsum("cvd,cvd->cv", band, band)


def alike_as_a_whole(common: Products, covered: Tensor, left_out: float = 0.0) -> Tensor:
    """How alike views and training images are over all that is covered, [V, 1, N].

    Fisher's z of each block's correlation, averaged: a frame or an edge that two images share fills a few blocks only.

    Args:
        left_out: share of the blocks, the most alike, that do not count: what is laid over the whole image shows in the
            others too, what two strangers share does not.
    """
    shapes = blocks()
    full = covered.float() @ shapes.T >= 4
    z = torch.atanh(_correlations(common, shapes, full))
    return torch.maximum(_without_the_best(z, full, left_out), _without_the_best(-z, full, left_out))[:, None]


def _without_the_best(z: Tensor, full: Tensor, left_out: float) -> Tensor:
    """Mean of z [V, B, N] over the blocks that are ``full`` [V, B], the largest ones left out: [V, N]."""
    count = full.sum(dim=1)
    kept = count - (count * left_out).long()
    ordered = z.masked_fill(~full[:, :, None], torch.inf).sort(dim=1).values
    last = torch.arange(z.shape[1])[None, :] < kept[:, None]
    mean = ordered.masked_fill(~last[:, :, None], 0).sum(dim=1) / kept.clamp_min(1)[:, None]
    return mean * (count >= _LEAST_BLOCKS)[:, None]


def alike_in_windows(common: Products, covered: Tensor) -> Tensor:
    """The same over every window, [V, W, N], by its correlation as one; zero where it is not covered as a whole."""
    shapes = windows()
    full = covered.float() @ shapes.T >= shapes.sum(dim=1)
    return torch.atanh(_correlations(common, shapes, full).abs())


def _correlations(common: Products, shapes: Tensor, valid: Tensor) -> Tensor:
    """Over shapes [W, 64] of cells; zero where not ``valid`` [V, W]; shape [V, W, N], within ±0.9999."""
    norms = (shapes @ common.own).T[:, :, None].sqrt() * (shapes @ common.theirs).sqrt()
    value = (shapes @ common.dots) / (norms + 1e-3)
    return (value * valid[:, :, None]).clamp(-_MOST, _MOST)


def _cut(pictures: Tensor) -> Tensor:
    """[V, 1, S, S] to [64, V, (S / 8)²]."""
    count, _, side, _ = pictures.shape
    parts = pictures.reshape(count, GRID, side // GRID, GRID, side // GRID).permute(1, 3, 0, 2, 4)
    return parts.reshape(GRID * GRID, count, -1).contiguous()


def _small(pictures: Tensor) -> Tensor:
    if pictures.shape[-1] == _BLURRED:
        return pictures
    return F.interpolate(pictures, size=(_BLURRED, _BLURRED), mode="bilinear", antialias=True, align_corners=False)


def _contrast(pictures: Tensor, fine: float, wide: float, floor: float) -> Tensor:
    """Band-passed by a difference of Gaussians and divided by its local standard deviation."""
    band = _gaussian(pictures, fine) - _gaussian(pictures, wide)
    return band / (_gaussian(band * band, wide).clamp_min(0).sqrt() + floor)


def _gaussian(pictures: Tensor, sigma: float) -> Tensor:
    matrix = _gaussian_matrix(sigma, pictures.shape[-1])
    return matrix @ pictures @ matrix.T


@cache
def _gaussian_matrix(sigma: float, side: int) -> Tensor:
    """Blurs a row of ``side`` pixels, edges replicated: [S, S]."""
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = torch.zeros(side, side)
    for row in range(side):
        matrix[row].index_add_(0, (row + offsets).clamp(0, side - 1), kernel / kernel.sum())
    return matrix
