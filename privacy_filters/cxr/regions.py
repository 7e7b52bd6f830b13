"""Regions: does part of a candidate show part of a training image, down to the detail of single pixels?

A picture is cut into 8 × 8 cells, and what is in a cell is whitened by what phantoms' cells have in common
(:mod:`.whitening`), so that strangers are next to orthogonal in every cell. One product per cell then gives the cosine
over any window of cells - a lung, a quarter, all that is covered - with all training images at once. Fine detail is
what tells people apart: a lung pasted onto another image, or the mean of two patients, shows there. Blur takes that
band away; a blurred candidate is held against training images blurred alike. Looked at are a candidate as it lies,
mirrored and moved by a pixel, its tiles, and the poses that its keypoints propose.
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
from synthgen.privacy_filters.cxr.whitening import Whitening, fitted, packaged

GRID = 8  # cells a side
SIDES = (32, 64, 128)  # pixels a side at which images are looked at
_BLURRED, _COARSE = 64, 16
_DETAIL = (0.6, 1.4)  # standard deviations of a band's two Gaussians, in pixels
_LEFT_BY_BLUR = (1.2, 3.0)
_LEFT_BY_ALL = (0.6, 2.5)  # of 16 pixels a side
_BLUR = 0.04 * _BLURRED
_CONTRAST, _BLURRED_CONTRAST = 0.01, 0.002  # floors of a local standard deviation
_RIDGE, _BLURRED_RIDGE = 0.05, 0.03
_LEAST_CELLS = 16  # where a candidate covers less of a training image, nothing is said of the whole
_COVERED = 0.8


def side_of(image: CxrImage) -> int:
    """Pixels a side at which an image is looked at: the largest of ``SIDES`` that it has, or the smallest."""
    return max((side for side in SIDES if side <= len(image)), default=SIDES[0])


def thumbnails(images: Sequence[CxrImage], side: int) -> Tensor:
    """Images at ``side`` pixels, 0 to 1, shape [N, 1, side, side]."""
    rows = [torch.from_numpy(np.array(image, dtype=np.float32))[None, None] / 255.0 for image in images]
    return torch.cat([F.interpolate(row, size=(side, side), mode="area") for row in rows])


@dataclass(frozen=True)
class Cells:
    """V pictures in 64 whitened cells.

    Attributes:
        detail: band of the finest detail, shape [64, V, (side / 8)²].
        coarse: what is left at 16 pixels a side, after noise or heavy compression, shape [64, V, 4].
        blurred: what blur leaves, shape [64, V, 64].
    """

    detail: Tensor
    coarse: Tensor
    blurred: Tensor

    @classmethod
    def of_training(cls, pictures: Tensor) -> Cells:
        """Of training images [V, 1, S, S]; the second band as a copy blurred by 4% of the side would show it."""
        return cls._whitened(pictures, _as_if_blurred(pictures))

    @classmethod
    def of_candidates(cls, pictures: Tensor) -> Cells:
        """Of candidates [V, 1, S, S], taken as they are."""
        left = _cut(_contrast(_small(pictures), *_LEFT_BY_BLUR, _BLURRED_CONTRAST))
        return cls._whitened(pictures, left)

    @classmethod
    def _whitened(cls, pictures: Tensor, blurred: Tensor) -> Cells:
        detail = packaged(f"detail_{pictures.shape[-1]}")(_detail(pictures))
        return cls(detail, packaged("coarse")(_coarse(pictures)), packaged("blurred")(blurred))

    def joined(self, other: Cells) -> Cells:
        """These pictures and the other's."""
        return Cells(*(torch.cat(pair, dim=1) for pair in zip(self.bands, other.bands, strict=True)))

    def taken(self, rows: Tensor) -> Cells:
        """The pictures of these rows."""
        return Cells(*(band[:, rows] for band in self.bands))

    @property
    def bands(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.detail, self.coarse, self.blurred


def whitening_of(portions: Sequence[Sequence[CxrImage]]) -> dict[str, Whitening]:
    """The whitening of every band, from radiographs of nobody, in portions that bound memory."""
    seen = {side: [thumbnails(portion, side) for portion in portions] for side in SIDES}
    details = {f"detail_{side}": fitted(map(_detail, pictures), _RIDGE) for side, pictures in seen.items()}
    return details | {
        "coarse": fitted(map(_coarse, seen[_BLURRED]), _RIDGE),
        "blurred": fitted(map(_as_if_blurred, seen[_BLURRED]), _BLURRED_RIDGE),
    }


def _detail(pictures: Tensor) -> Tensor:
    return _cut(_contrast(pictures, *_DETAIL, _CONTRAST))


def _coarse(pictures: Tensor) -> Tensor:
    small = F.interpolate(pictures, size=(_COARSE, _COARSE), mode="area")
    return _cut(_contrast(small, *_LEFT_BY_ALL, _CONTRAST))


def _as_if_blurred(pictures: Tensor) -> Tensor:
    fine, wide = (math.hypot(sigma, _BLUR) for sigma in _LEFT_BY_BLUR)
    return _cut(_contrast(_small(pictures), fine, wide, _BLURRED_CONTRAST))


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


@cache
def tiles() -> Tensor:
    """Maps [R, 2, 3] that show a candidate's tiles of half its side: of a sheet of two or four, or in the middle."""
    centres = itertools.product((-0.5, 0.0, 0.5), repeat=2)
    return torch.tensor([[[0.5, 0.0, right], [0.0, 0.5, down]] for right, down in centres])


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
            window = torch.zeros(GRID, GRID)
            window[top : top + tall, left : left + wide] = 1
            rows.append(window.flatten())
    return torch.stack(rows)


@dataclass(frozen=True)
class Products:
    """What views and training images have in common, cell by cell.

    Attributes:
        dots: shape [V, 64, N].
        own, theirs: squared norms, [V, 64] and [64, N].
    """

    dots: Tensor
    own: Tensor
    theirs: Tensor

    @classmethod
    def of(cls, band: Tensor, training: Tensor, theirs: Tensor) -> Products:
        """Of views [64, V, D] and training images [64, N, D]."""
        return cls(torch.bmm(band, training.transpose(1, 2)).permute(1, 0, 2), energy(band).T, theirs)


def energy(band: Tensor) -> Tensor:
    """Squared norm of every cell, [64, V] of [64, V, D]."""
    return torch.einsum("cvd,cvd->cv", band, band)


def alike_as_a_whole(common: Products, covered: Tensor) -> Tensor:
    """|Cosine| of views and training images over the cells that are ``covered`` [V, 64], shape [V, N].

    Times the root of the share that is covered: a cosine over few cells is less sure. A negative is as good as a copy.
    """
    shown = covered.float()
    dots = torch.einsum("vc,vcn->vn", shown, common.dots)
    norms = (shown * common.own).sum(dim=1, keepdim=True) * (shown @ common.theirs)
    share = shown.mean(dim=1, keepdim=True).sqrt() * (shown.sum(dim=1, keepdim=True) >= _LEAST_CELLS)
    return dots.abs() * share / norms.clamp_min(1e-12).sqrt()


def alike_in_windows(common: Products, covered: Tensor) -> Tensor:
    """The same over every window, [V, W, N]; zero where it is not covered as a whole."""
    shapes = windows()
    full = covered.float() @ shapes.T >= shapes.sum(dim=1)
    norms = (common.own @ shapes.T)[:, :, None] * (shapes @ common.theirs)
    return (shapes @ common.dots).abs() * full[:, :, None] / norms.clamp_min(1e-12).sqrt()


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
