"""Regions: does part of a candidate show part of a training image, in some band of detail?

A picture is cut into 4 × 4 cells, so that one product per cell gives the correlation over every window of cells - a
half, a lung, a quarter, the whole - with all training images at once. Looked at are a candidate as it lies, mirrored
and moved by a pixel, and laid over the training images that its keypoints name: there by Gauss-Newton steps on an
affine map with free contrast (the least-squares form of the enhanced correlation coefficient, Evangelidis and Psarakis
2008), each pixel weighted by how well its neighbourhood agrees already, so that a pasted half is aligned by itself.
Blur leaves the coarse band, a mean of two patients the fine one, a copied lung its window.
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

from synthgen.modalities.cxr.types import CxrImage

SIDE = 64
BANDS = ((0.6, 1.4), (1.2, 3.0), (3.0, 8.0))  # standard deviations of the two Gaussians, pixels of 64
_ALIGNED = BANDS[1]
_STEPS = 4
_CONTRAST_FLOOR = 0.01
_LEAST_ZOOM, _MOST_ZOOM = 0.8, 1.25  # of the refinement; beyond, it has run away
_LEAST_CELLS = 4  # of 16: where a candidate covers less of a training image, nothing is said


def thumbnails(images: Sequence[CxrImage], side: int = SIDE) -> Tensor:
    """Images at ``side`` pixels, 0 to 1, shape [N, 1, side, side]."""
    rows = [torch.from_numpy(np.array(image, dtype=np.float32))[None, None] / 255.0 for image in images]
    return torch.cat([F.interpolate(row, size=(side, side), mode="area") for row in rows])


@dataclass(frozen=True)
class Views:
    """Candidates as training images would show them, in V poses.

    Attributes:
        cells: for every band the local contrast in 4 × 4 cells, shape [16, V, pixels of a cell].
        covered: shape [V, 16], whether the candidate covers the cell.
    """

    cells: tuple[Tensor, ...]
    covered: Tensor


def cells(images: Tensor) -> tuple[Tensor, ...]:
    """Local contrast of images [V, 1, 64, 64] in every band and cell, [16, V, D] with D = 256, 64, 16."""
    found = []
    for level, (fine, wide) in enumerate(BANDS):
        band = _normalised(images, fine, wide)
        small = F.avg_pool2d(band, 2**level)[:, 0]
        found.append(_cut(small))
    return tuple(found)


def _cut(images: Tensor) -> Tensor:
    """[V, S, S] to [16, V, (S / 4)²]."""
    count, side, _ = images.shape
    part = images.reshape(count, 4, side // 4, 4, side // 4).permute(1, 3, 0, 2, 4)
    return part.reshape(16, count, -1).contiguous()


def in_place(thumbnail: Tensor) -> Views:
    """A candidate [1, 1, 64, 64] where it lies, mirrored and moved by up to a pixel."""
    both = torch.cat([thumbnail, thumbnail.flip(-1)])
    padded = F.pad(both, (1, 1, 1, 1), mode="replicate")
    moved = torch.cat([padded[..., y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)])
    return Views(cells(moved), torch.ones(len(moved), 16, dtype=torch.bool))


def aligned(candidate: Tensor, references: Tensor, starts: Tensor, signs: Tensor) -> Views:
    """A candidate [1, 1, 128, 128] laid over each of R training images [R, 1, 64, 64].

    Args:
        starts: maps [R, 2, 3] from the training image's coordinates to the candidate's, in halves of a side.
        signs: -1 where the candidate is taken for a negative, shape [R].
    """
    moving = candidate.expand(len(starts), 1, 2 * SIDE, 2 * SIDE)
    seen, mask = _seen(moving, starts)
    sign = signs[:, None, None, None]
    delta = _aligned(_normalised(seen, *_ALIGNED) * sign, _normalised(references, *_ALIGNED), mask)
    linear = starts[:, :, :2] @ delta[:, :, :2]
    offset = starts[:, :, 2:] + starts[:, :, :2] @ delta[:, :, 2:]
    after, covered = _seen(moving, torch.cat([linear, offset], dim=2))
    share = _cut(torch.cat([mask, covered])[:, 0]).mean(dim=2).T
    return Views(cells(torch.cat([seen, after])), share > 0.8)


def _windows() -> Tensor:
    """Windows of the 4 × 4 cells as rows of zeros and ones: halves, lungs (2 × 3), quarters; shape [W, 16]."""
    rows = []
    for tall, wide in ((4, 2), (2, 4), (3, 2), (3, 3), (2, 2)):
        for top, left in itertools.product(range(5 - tall), range(5 - wide)):
            window = torch.zeros(4, 4)
            window[top : top + tall, left : left + wide] = 1
            rows.append(window.flatten())
    return torch.stack(rows)


_WINDOWS = _windows()


def correlations(views: Views, training: tuple[Tensor, ...], energies: tuple[Tensor, ...]) -> Tensor:
    """|correlation| of every view with every training image in every band and window, [V, B, 1 + W, N].

    The first window is all that is covered; a window that is not covered as a whole has NaN.
    """
    covered = views.covered.float()
    windows = torch.cat([covered[:, None], _WINDOWS[None].expand(len(covered), -1, -1)], dim=1)
    whole = (windows * covered[:, None]).sum(dim=2) >= windows.sum(dim=2).clamp_min(_LEAST_CELLS)
    found = []
    for band, target, energy in zip(views.cells, training, energies, strict=True):
        dots = torch.bmm(band, target.transpose(1, 2)).permute(1, 0, 2)
        own = torch.einsum("vwc,cv->vw", windows, band.square().sum(dim=2))
        theirs = windows @ energy
        value = (windows @ dots).abs() / ((own[:, :, None] * theirs).sqrt() + 1e-3)
        found.append(value.masked_fill(~whole[:, :, None], float("nan")))
    return torch.stack(found, dim=1)


def _seen(moving: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Candidates in the training images' frame, and where they cover it: [R, 1, 64, 64] each."""
    grid = F.affine_grid(theta, [len(theta), 1, 2 * SIDE, 2 * SIDE], align_corners=False)
    warped = F.grid_sample(moving, grid, mode="bilinear", padding_mode="border", align_corners=False)
    inside = (grid.abs().amax(dim=3, keepdim=True) <= 1.0).permute(0, 3, 1, 2).float()
    return F.avg_pool2d(warped, 2), (F.avg_pool2d(inside, 2) > 0.99).float()


def _normalised(images: Tensor, fine: float, wide: float) -> Tensor:
    band = _gaussian(images, fine) - _gaussian(images, wide)
    return band / (_gaussian(band * band, wide).clamp_min(0).sqrt() + _CONTRAST_FLOOR)


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


def _gaussian(images: Tensor, sigma: float) -> Tensor:
    matrix = _gaussian_matrix(sigma, images.shape[-1])
    return matrix @ images @ matrix.T


def _aligned(moved: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The affine refinement [R, 2, 3] of the training image's coordinates."""
    count = len(moved)
    delta = torch.eye(2, 3).repeat(count, 1, 1)
    best, least = delta.clone(), torch.full((count,), -1.0)
    for step in range(_STEPS + 1):
        grid = F.affine_grid(delta, [count, 1, SIDE, SIDE], align_corners=False)
        warped = F.grid_sample(moved, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        covered = F.grid_sample(mask, grid, mode="nearest", padding_mode="zeros", align_corners=False)
        weight = _agreement(warped, target, covered)
        zoom = torch.linalg.det(delta[:, :, :2]).abs().sqrt()
        value = torch.where((zoom > _LEAST_ZOOM) & (zoom < _MOST_ZOOM), weight.square().mean(dim=(1, 2, 3)), -1.0)
        better = value > least
        best, least = torch.where(better[:, None, None], delta, best), torch.maximum(value, least)
        if step < _STEPS:
            delta = _gauss_newton(delta, warped, target, weight)
    return best


def _agreement(warped: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """How well the neighbourhood of every pixel agrees, 0 to 1: [R, 1, S, S]."""
    ab, aa, bb = (_gaussian(mask * x, 5.0) for x in (warped * target, warped**2, target**2))
    return (ab / ((aa * bb).sqrt() + 0.05)).clamp(0, 1) * mask


@cache
def _coordinates() -> tuple[Tensor, Tensor]:
    at = torch.linspace(-1 + 1 / SIDE, 1 - 1 / SIDE, SIDE)
    y, x = torch.meshgrid(at, at, indexing="ij")
    return x.flatten(), y.flatten()


def _gauss_newton(delta: Tensor, warped: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """One step: target ≈ a + c·(w + ∇w·ε(x, y)), linear in a, c and c·ε; returns ``delta`` [R, 2, 3] ∘ ε."""
    x, y = _coordinates()
    half_pixels = 4.0 / SIDE  # a central difference spans two pixels of 2 / SIDE each
    gx = F.pad((warped[..., 2:] - warped[..., :-2]) / half_pixels, (1, 1)).flatten(1)
    gy = F.pad((warped[..., 2:, :] - warped[..., :-2, :]) / half_pixels, (0, 0, 1, 1)).flatten(1)
    values = warped.flatten(1)
    columns = torch.stack([torch.ones_like(values), values, gx * x, gx * y, gx, gy * x, gy * y, gy], dim=2)
    weighted = (columns * weight.flatten(1)[:, :, None]).transpose(1, 2)
    normal = weighted @ columns
    ridge = 1e-4 * torch.diag_embed(normal.diagonal(dim1=1, dim2=2)) + 1e-6 * torch.eye(8)
    solved = torch.linalg.solve(normal + ridge, weighted @ target.flatten(1)[:, :, None])[..., 0]
    contrast = solved[:, 1:2]
    step = torch.where(contrast.abs() > 1e-3, solved[:, 2:] / contrast, torch.zeros_like(solved[:, 2:]))
    step = step.clamp(-0.1, 0.1).reshape(-1, 2, 3)
    linear = delta[:, :, :2] @ (torch.eye(2) + step[:, :, :2])
    offset = delta[:, :, 2:] + delta[:, :, :2] @ step[:, :, 2:]
    return torch.cat([linear, offset], dim=2)
