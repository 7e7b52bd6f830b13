"""Feature spaces for chest X-rays that need no download: pixels, gradient histograms, an embedding of identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from synthgen.eval.attacks import unit
from synthgen.payloads.cxr import CxrImage

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]
Embed = Callable[[Images], Floats]

_CELL = 8
_ORIENTATIONS = 8
_LEAST_PATIENTS = 8


def stack(images: Sequence[CxrImage], size: int) -> Images:
    """Images of any square size as one array [n, size, size], antialiased where they shrink."""
    resized = [
        image
        if image.shape == (size, size)
        else np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
        for image in images
    ]
    return np.stack(resized).astype(np.uint8) if resized else np.zeros((0, size, size), dtype=np.uint8)


def standardised(images: Images) -> Floats:
    """Each image [n, h, w] with mean 0 and standard deviation 1: exposure is no feature."""
    x = images.astype(np.float64)
    x -= x.mean(axis=(1, 2), keepdims=True)
    x /= np.maximum(x.std(axis=(1, 2), keepdims=True), 1.0)
    return x


def pixels(images: Images, size: int) -> Floats:
    """Standardised pixels at ``size`` px, [n, size²], scaled so that the distance is the RMS difference per pixel."""
    small = standardised(stack(list(images), size))
    return small.reshape(len(small), size * size) / size


def random_views(batch: torch.Tensor, generator: torch.Generator, strength: float = 1.0) -> torch.Tensor:
    """Small affine and exposure changes of standardised images [n, 1, h, w]; never a flip (the heart has a side).

    At strength 1: rotation ±7°, shift ±6%, scale 0.92 to 1.08, contrast and brightness ±10%.
    """
    n = len(batch)
    u = strength * (2 * torch.rand(6, n, generator=generator) - 1)
    angle, scale = 0.12 * u[0], 1 + 0.08 * u[1]
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * torch.cos(angle), -scale * torch.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = scale * torch.sin(angle), scale * torch.cos(angle)
    theta[:, 0, 2], theta[:, 1, 2] = 0.12 * u[2], 0.12 * u[3]
    grid = F.affine_grid(theta.to(batch.device), list(batch.shape), align_corners=False)
    moved = F.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    gain, shift = (1 + 0.1 * u[4]).to(batch.device), (0.1 * u[5]).to(batch.device)
    return moved * gain.view(n, 1, 1, 1) + shift.view(n, 1, 1, 1)


def gradient_histograms(images: Floats) -> Floats:
    """Histograms of oriented gradients (Dalal and Triggs 2005): [n, (h/8)·(w/8)·8], each cell's norm at most 1.

    Args:
        images: [n, h, w], h and w multiples of 8.
    """
    n, h, w = images.shape
    dy, dx = np.gradient(images, axis=(1, 2))
    strength, angle = np.hypot(dx, dy), np.arctan2(dy, dx) % np.pi
    position = angle / np.pi * _ORIENTATIONS
    lower = np.floor(position).astype(int)
    share = position - lower
    cells = np.zeros((n, h // _CELL, w // _CELL, _ORIENTATIONS))
    for o in range(_ORIENTATIONS):
        weight = np.where(lower % _ORIENTATIONS == o, 1 - share, 0) + np.where(
            (lower + 1) % _ORIENTATIONS == o, share, 0
        )
        cells[..., o] = (strength * weight).reshape(n, h // _CELL, _CELL, w // _CELL, _CELL).sum(axis=(2, 4))
    cells /= np.linalg.norm(cells, axis=-1, keepdims=True) + 0.1 * cells.mean() * _CELL + 1e-12
    return cells.reshape(n, -1)


@dataclass(frozen=True)
class IdentityEmbedder:
    """Images [n, h, w] to unit vectors [n, k] in which a patient's images lie together."""

    mean: Floats
    projection: Floats

    def __call__(self, images: Images) -> Floats:
        return unit((gradient_histograms(standardised(images)) - self.mean) @ self.projection)


def fit_identity(images: Images, patients: Sequence[str], *, views: int, seed: int) -> IdentityEmbedder:
    """Linear discriminants over gradient histograms; patients are the classes, augmented ``views`` of each image count.

    Fit it on patients who are neither in T nor in E (see ``synthgen.eval.attacks``). With fewer than 8 patients there
    is nothing to discriminate, and the principal components, whitened, stand in.
    """
    generator = torch.Generator().manual_seed(seed)
    base = torch.from_numpy(standardised(images)).float().unsqueeze(1)
    seen = [base, *(random_views(base, generator) for _ in range(views - 1))]
    x = np.concatenate([gradient_histograms(v.squeeze(1).numpy().astype(np.float64)) for v in seen])
    pca = PCA(n_components=min(96, len(x) - 1, x.shape[1]), svd_solver="full").fit(x)
    _, classes = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    count = int(classes.max()) + 1
    if count < _LEAST_PATIENTS:
        whiten = pca.components_.T / np.sqrt(np.maximum(pca.explained_variance_, 1e-9))
        return IdentityEmbedder(pca.mean_, whiten)
    rank = min(48, count - 1, pca.n_components_)
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.05, n_components=rank)
    lda.fit(pca.transform(x), np.tile(classes, views))
    return IdentityEmbedder(pca.mean_, pca.components_.T @ lda.scalings_[:, :rank])
