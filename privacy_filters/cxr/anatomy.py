"""Is it the same anatomy: patches of one radiograph, found again in another, where one affine map puts them.

Between two visits of one person ribs, clavicles and vessels keep their shape while the picture moves, breathes and
changes its exposure. Every patch of the one is searched in a neighbourhood of the other by normalised
cross-correlation, an affine map is fitted robustly to where the patches were found (iteratively reweighted least
squares), and each patch is searched again within a pixel or two of where the map puts it. The agreement is the mean
correlation of the better half: a tube, a text or an effusion spoils patches, not the rest. Nothing is learned.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from synthgen.privacy_filters.cxr.contrast import local_contrast, resized

Floats = NDArray[np.float32]

SIDE = 64
_PATCH, _STEP = 24, 8
_REACH = 10  # pixels that a patch may have moved: a sixth of the image
_FINE = 2.5  # pixels about where the affine map puts it
_WINDOW = 5  # pixels of the local contrast that is removed: what is left is edges
_ROUNDS = 4


def pictures(images: NDArray[np.uint8]) -> Floats:
    """uint8 [N, H, W] to their local contrast, float32 [N, 64, 64]; a flat image is zero."""
    result: Floats = local_contrast(resized(images, SIDE), _WINDOW)[:, 0].numpy()
    return result


def agreement(picture: Floats, others: Floats) -> Floats:
    """How far the anatomy in ``picture`` [64, 64] is found again in each of ``others`` [N, 64, 64]: [N], at most 1."""
    with torch.inference_mode():
        correlations = _correlations(torch.from_numpy(picture), torch.from_numpy(others)[:, None])
        best, shift = _found(correlations, _near(torch.zeros(1, len(_PLACES), 2), _REACH))
        best, _ = _found(correlations, _near(_affine(best, shift), _FINE))
        half = best.topk(len(_PLACES) // 2, dim=1).values
        result: Floats = half.mean(dim=1).clamp(0, 1).numpy()
    return result


_GRID = torch.arange(0, SIDE - _PATCH + 1, _STEP)
_PLACES = torch.cartesian_prod(_GRID, _GRID).float()  # [K, 2]: row and column of every patch
_MAP = torch.cat([torch.ones(len(_PLACES), 1), _PLACES / (SIDE - _PATCH) - 0.5], dim=1)  # [K, 3]: of an affine map
_STIFFNESS = torch.diag(torch.tensor([0.0002, 0.06, 0.06]))  # against shear and zoom that few patches ask for
_ROWS = torch.arange(SIDE - _PATCH + 1).float()


def _correlations(picture: Tensor, others: Tensor) -> Tensor:
    """Of every patch of ``picture`` [64, 64] with every place in ``others`` [N, 1, 64, 64]: [N, K, H, H]."""
    patches = picture.unfold(0, _PATCH, _STEP).unfold(1, _PATCH, _STEP).reshape(-1, 1, _PATCH, _PATCH)
    patches = patches - patches.mean(dim=(2, 3), keepdim=True)
    patches = patches / (patches.square().sum(dim=(2, 3), keepdim=True).sqrt() + 0.01)
    ones, area = torch.ones(1, 1, _PATCH, _PATCH), _PATCH**2
    mean = F.conv2d(others, ones) / area
    energy = F.conv2d(others.square(), ones) - area * mean.square()
    return F.conv2d(others, patches) / energy.clamp(min=0.01).sqrt()


def _near(shift: Tensor, reach: float) -> Tensor:
    """Places within ``reach`` of where ``shift`` [N, K, 2] puts each patch: bool [N, K, H, H]."""
    row, column = (_PLACES + shift).unbind(dim=-1)
    rows = (_ROWS - row[..., None]).abs() <= reach
    columns = (_ROWS - column[..., None]).abs() <= reach
    return rows[..., :, None] & columns[..., None, :]


def _found(correlations: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """The best correlation of each patch within its allowed places, [N, K], and how far it moved, [N, K, 2]."""
    best, place = correlations.masked_fill(~allowed, -1).flatten(2).max(dim=2)
    where = torch.stack([place // len(_ROWS), place % len(_ROWS)], dim=-1)
    return best, where - _PLACES


def _affine(best: Tensor, shift: Tensor) -> Tensor:
    """The shift [N, K, 2] of every patch under the affine map that most good patches agree on."""
    trust = best.clamp(min=0) ** 4
    weight, fitted = trust, torch.zeros_like(shift)
    for _ in range(_ROUNDS):
        square = torch.einsum("nk,ki,kj->nij", weight, _MAP, _MAP)
        square = square + _STIFFNESS * weight.sum(dim=1)[:, None, None] + 1e-6 * torch.eye(3)
        right = torch.einsum("nk,ki,nkd->nid", weight, _MAP, shift)
        fitted = _MAP @ torch.linalg.solve(square, right)
        weight = trust / (1 + (shift - fitted).square().sum(dim=-1) / 9)
    return fitted
