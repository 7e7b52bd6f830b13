"""The near-copy filter's representation: what is left of a radiograph once contrast and exposure are taken away.

Search: an image becomes a 32 × 32 picture under local contrast normalisation, its central 28 × 28 pixels a unit
vector. A candidate is looked at under flips, scales, small turns and shifts; with unit vectors that is one matrix
product over all training images. Registration: against each of the nearest records the best of these poses is refined
at 64 × 64 to a fraction of a pixel by Gauss-Newton steps on an affine map with free contrast (the least-squares form of
the enhanced correlation coefficient, Evangelidis and Psarakis 2008); the correlation of the registered pictures counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from synthgen.payloads.cxr import CxrImage
from synthgen.pretrained.threads import one_thread

_FINE = 64
_COARSE = 32
_CROP = 28
_SHIFTS = (0, 2, 4)  # first row or column of the crop: ±2 pixels of 32 about the centre, ±6% of the image
_SCALES_AND_TURNS = ((1.0, 0.0), (0.9, 0.0), (0.95, 0.0), (1.05, 0.0), (1.1, 0.0), (1.0, -3.0), (1.0, 3.0))
_BACKGROUND = 1.5  # sigma in pixels of 32: slower changes are exposure, scatter and position
_SMOOTH = 0.6
_CONTRAST_FLOOR = 0.01
_STEPS = 5
_LEAST_ZOOM, _MOST_ZOOM = 0.8, 1.25  # of the determinant's root; beyond, a registration is no copy but a detail

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """How a candidate is looked at: mirrored, scaled (above one: zoomed in), turned (degrees), moved (pixels of 32)."""

    mirrored: bool
    scale: float
    turn: float
    right: int
    down: int

    def matrix(self) -> torch.Tensor:
        """The affine map of ``affine_grid``, shape [2, 3], in units of half the image."""
        a = math.radians(self.turn)
        cos, sin = math.cos(a) / self.scale, math.sin(a) / self.scale
        flip = -1.0 if self.mirrored else 1.0
        x, y = 2.0 * self.right / _COARSE, 2.0 * self.down / _COARSE
        return torch.tensor(
            [[flip * cos, -flip * sin, flip * (cos * x - sin * y)], [sin, cos, sin * x + cos * y]], dtype=torch.float32
        )


_CENTRE = (_COARSE - _CROP) // 2
POSES = tuple(
    Pose(mirrored, scale, turn, x - _CENTRE, y - _CENTRE)
    for mirrored in (False, True)
    for scale, turn in _SCALES_AND_TURNS
    for y in _SHIFTS
    for x in _SHIFTS
)


@one_thread()
def pictures(images: Sequence[CxrImage]) -> Floats:
    """Images under local contrast normalisation, shape [N, 64, 64]: what is registered."""
    small = torch.cat([_shrunk(image) for image in images])
    return np.array(_normalised(small, 2 * _BACKGROUND, 2 * _SMOOTH)[:, 0].numpy())


@one_thread()
def search_vectors(images: Sequence[CxrImage]) -> Floats:
    """Unit vectors of training images, shape [N, 784]: what is searched."""
    small = torch.cat([_coarse(_shrunk(image)) for image in images])
    low = _CENTRE
    vectors = _unit(small[:, 0, low : low + _CROP, low : low + _CROP].flatten(1))
    # A constant training image has no copy that could be told from any other: it becomes the zero vector.
    return np.array(vectors.nan_to_num(0.0).numpy())


@one_thread()
def search_views(images: Sequence[CxrImage]) -> Floats:
    """Unit vectors of candidates in every pose of ``POSES``, shape [N, V, 784]. NaN for a constant image."""
    small = torch.cat([_shrunk(image) for image in images])
    both = (small, small.flip(-1))
    posed = torch.cat([_posed(p, scale, turn) for p in both for scale, turn in _SCALES_AND_TURNS])
    bands = _coarse(posed)
    shifted = [bands[:, 0, y : y + _CROP, x : x + _CROP].flatten(1) for y in _SHIFTS for x in _SHIFTS]
    views = _unit(torch.stack(shifted, dim=1).flatten(0, 1)).reshape(-1, len(images), len(shifted), _CROP * _CROP)
    return np.array(views.transpose(0, 1).flatten(1, 2).numpy())


@one_thread()
def registered_correlation(candidates: Floats, references: Floats, poses: Sequence[Pose]) -> Floats:
    """|Correlation| of pairs of pictures after registration from a starting pose, shape [R]: a negative is a copy.

    Args:
        candidates: pictures that are moved, shape [R, 64, 64].
        references: pictures of training images, shape [R, 64, 64].
        poses: R starting poses of the candidates.
    """
    moving = torch.from_numpy(np.ascontiguousarray(candidates))[:, None]
    margin = _FINE // 16
    inside = torch.zeros(_FINE, _FINE, dtype=torch.bool)
    inside[margin:-margin, margin:-margin] = True
    inside = inside.flatten()
    target = torch.from_numpy(np.ascontiguousarray(references)).flatten(1)[:, inside]
    goal = _unit(target)
    theta = torch.stack([pose.matrix() for pose in poses])
    best = torch.full((len(theta),), -1.0)
    at = torch.linspace(-1 + 1 / _FINE, 1 - 1 / _FINE, _FINE)
    y, x = (part.flatten()[inside] for part in torch.meshgrid(at, at, indexing="ij"))
    for step in range(_STEPS + 1):
        warped = _warp(moving, theta)
        values = warped.flatten(1)[:, inside]
        zoom = torch.linalg.det(theta[:, :, :2]).abs().sqrt()
        allowed = (zoom > _LEAST_ZOOM) & (zoom < _MOST_ZOOM)
        best = torch.where(allowed, torch.fmax(best, (_unit(values) * goal).sum(dim=1).abs()), best)
        if step < _STEPS:
            theta = _gauss_newton(theta, warped, values, target, inside, x, y)
    return np.array(best.numpy())


def _gauss_newton(
    theta: torch.Tensor,
    warped: torch.Tensor,
    values: torch.Tensor,
    target: torch.Tensor,
    inside: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
) -> torch.Tensor:
    """One step: target ≈ a + c·(w + ∇w·δ(x, y)), linear in a, c and c·δ; returns ``theta`` [R, 2, 3] ∘ δ."""
    half_pixels = 4.0 / _FINE  # a central difference spans two pixels of 2 / 64 each
    gx = F.pad((warped[..., 2:] - warped[..., :-2]) / half_pixels, (1, 1)).flatten(1)[:, inside]
    gy = F.pad((warped[..., 2:, :] - warped[..., :-2, :]) / half_pixels, (0, 0, 1, 1)).flatten(1)[:, inside]
    columns = torch.stack([torch.ones_like(values), values, gx * x, gx * y, gx, gy * x, gy * y, gy], dim=2)
    normal = columns.transpose(1, 2) @ columns
    ridge = 1e-4 * torch.diag_embed(normal.diagonal(dim1=1, dim2=2)) + 1e-6 * torch.eye(8)
    solved = torch.linalg.solve(normal + ridge, (columns.transpose(1, 2) @ target[..., None]))[..., 0]
    contrast = solved[:, 1:2]
    delta = torch.where(contrast.abs() > 1e-3, solved[:, 2:] / contrast, torch.zeros_like(solved[:, 2:]))
    delta = delta.clamp(-0.1, 0.1).reshape(-1, 2, 3)
    linear = theta[:, :, :2] @ (torch.eye(2) + delta[:, :, :2])
    offset = theta[:, :, 2:] + theta[:, :, :2] @ delta[:, :, 2:]
    return torch.cat([linear, offset], dim=2)


def _warp(moving: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    grid = F.affine_grid(theta, [len(theta), 1, _FINE, _FINE], align_corners=False)
    return F.grid_sample(moving, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _shrunk(image: CxrImage) -> torch.Tensor:
    """The image at 64 × 64, shape [1, 1, 64, 64], in [0, 1]."""
    pixels = torch.from_numpy(np.array(image, dtype=np.float32))[None, None] / 255.0
    return F.interpolate(pixels, size=(_FINE, _FINE), mode="area")


def _posed(small: torch.Tensor, scale: float, turn: float) -> torch.Tensor:
    if scale == 1.0 and turn == 0.0:
        return small
    theta = Pose(False, scale, turn, 0, 0).matrix().expand(len(small), 2, 3)
    grid = F.affine_grid(theta, list(small.shape), align_corners=False)
    return F.grid_sample(small, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _coarse(small: torch.Tensor) -> torch.Tensor:
    """[B, 1, 64, 64] to local contrast at [B, 1, 32, 32]."""
    return _normalised(F.avg_pool2d(small, 2), _BACKGROUND, _SMOOTH)


def _normalised(images: torch.Tensor, background: float, smooth: float) -> torch.Tensor:
    """Band-passed by a difference of Gaussians and divided by its local standard deviation."""
    band = _gaussian(images, smooth) - _gaussian(images, background)
    return band / (_gaussian(band * band, background).clamp_min(0).sqrt() + _CONTRAST_FLOOR)


def _gaussian(images: torch.Tensor, sigma: float) -> torch.Tensor:
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    across = F.conv2d(padded, kernel[None, None, None, :])
    return F.conv2d(across, kernel[None, None, :, None])


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Rows centred and scaled to norm one; a constant row becomes NaN, which the gate rejects."""
    centred = vectors - vectors.mean(dim=1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)
    return torch.where(norms > 1e-4, centred / norms, torch.full_like(centred, float("nan")))
