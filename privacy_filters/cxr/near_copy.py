"""The near-copy filter's representation: what is left of a radiograph once contrast, scale and position are taken away.

An image becomes a band-passed 32 × 32 picture, of which the central 28 × 28 pixels make a unit vector. A candidate is
looked at under flips, scales, small turns and shifts, and the largest correlation with any training image counts: that is
registration by exhaustive search, and with unit vectors it is one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from synthgen.modalities.cxr.types import CxrImage

_GRID = 32
_CROP = 28
_SHIFTS = range(_GRID - _CROP + 1)  # in grid pixels, ±2 about the centre: ±6% of the image
_BACKGROUND_SIGMA = 4.0  # grid pixels; slower changes are exposure, scatter and position
_SMOOTH_SIGMA = 0.6
_POSES = ((1.0, 0.0), (0.9, 0.0), (0.95, 0.0), (1.05, 0.0), (1.1, 0.0), (1.0, -3.0), (1.0, 3.0))

VIEWS = 2 * len(_POSES) * len(_SHIFTS) ** 2
DIMENSIONS = _CROP * _CROP


def near_copy_vectors(images: Sequence[CxrImage]) -> NDArray[np.float32]:
    """Unit vectors of training images, shape [N, 784]."""
    bands = torch.cat([_band_pass(_pooled(image), _GRID) for image in images])
    low = (_GRID - _CROP) // 2
    vectors = _unit(bands[:, 0, low : low + _CROP, low : low + _CROP].flatten(1)).numpy()
    return np.nan_to_num(vectors)  # a constant training image has no copy that could be told from any other


def near_copy_views(image: CxrImage) -> NDArray[np.float32]:
    """Unit vectors of one candidate under every pose and shift, shape [V, 784]."""
    picture = _pooled(image)
    both = torch.cat([picture, picture.flip(-1)])
    posed = torch.cat([_pose(both, scale, degrees) for scale, degrees in _POSES])
    bands = _band_pass(posed, _GRID)
    shifted = [bands[:, 0, y : y + _CROP, x : x + _CROP].flatten(1) for y in _SHIFTS for x in _SHIFTS]
    return _unit(torch.cat(shifted)).numpy()


def _pooled(image: CxrImage) -> torch.Tensor:
    """The image at 64 × 64, shape [1, 1, 64, 64], in [0, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).float()[None, None] / 255.0
    return F.interpolate(pixels, size=(2 * _GRID, 2 * _GRID), mode="area")


def _pose(pictures: torch.Tensor, scale: float, degrees: float) -> torch.Tensor:
    """Pictures [B, 1, H, H] scaled (above one: zoomed in) and turned about the centre; the border is repeated."""
    if scale == 1.0 and degrees == 0.0:
        return pictures
    turn = math.radians(degrees)
    matrix = torch.tensor([[math.cos(turn), -math.sin(turn), 0.0], [math.sin(turn), math.cos(turn), 0.0]]) / scale
    grid = F.affine_grid(matrix.expand(len(pictures), 2, 3), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _band_pass(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """Difference of Gaussians at ``size`` pixels: shape [B, 1, size, size]."""
    small = F.interpolate(pictures, size=(size, size), mode="area")
    return _gaussian(small, _SMOOTH_SIGMA) - _gaussian(small, _BACKGROUND_SIGMA)


def _gaussian(pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(pictures, (radius, radius, radius, radius), mode="replicate")
    across = F.conv2d(padded, kernel[None, None, None, :])
    return F.conv2d(across, kernel[None, None, :, None])


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Rows centred and scaled to norm one; a constant image becomes NaN, which the gate rejects."""
    centred = vectors - vectors.mean(dim=1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    return torch.where(norms > 1e-6, centred / norms, torch.full_like(centred, float("nan")))
