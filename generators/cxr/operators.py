"""Real radiographs, changed: bent by a smooth secret field, or blurred to noisy blocks. Pure functions of a seed.

``warp`` is what deformation by chance can do, and no more: a field that is learnt stands in ``deformer.py``. A velocity
on a coarse grid is integrated by scaling and squaring (Arsigny et al. 2006), so that nothing folds, and no pixel moves
farther than the bound. The field alone is smooth; at bound 0 the image is exactly itself.

``dp_pix`` is DP-Pix (Fan 2018): means over blocks, with Laplace noise for one pixel that may be anything. It protects a
pixel with ε, and no patient; it stands here because others compare with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.payloads.cxr import CxrImage

NODES = 6
BOUND = 0.04  # of the image's side: some 14 mm of a chest film's 350
BLOCK = 8  # pixels
EPSILON = 0.1

_SQUARINGS = 6


def warp(image: CxrImage, seed: int, bound: float = BOUND) -> CxrImage:
    """The image bent, shape and type as given.

    Args:
        bound: the farthest that a pixel moves, as a share of the image's side, in [0, 0.25].
    """
    if not 0 <= bound <= 0.25:
        raise ValueError(f"bound must be in [0, 0.25], got {bound}")
    if bound == 0:
        return image.copy()
    places = np.indices(image.shape, dtype=np.float64)
    moved = places + displacement(len(image), seed, bound * len(image))
    bent = ndimage.map_coordinates(image.astype(np.float32), moved, order=1, mode="nearest")
    return np.asarray(np.rint(bent).clip(0, 255), dtype=np.uint8)


def displacement(size: int, seed: int, most: float) -> NDArray[np.float64]:
    """A smooth invertible field, shape [2, size, size], in pixels; its longest arrow is at most ``most``."""
    rng = np.random.default_rng(seed)
    nodes = rng.normal(size=(2, NODES, NODES))
    velocity = np.stack([ndimage.zoom(part, size / NODES, order=3, mode="nearest", grid_mode=True) for part in nodes])
    velocity *= most / np.sqrt((velocity**2).sum(axis=0)).max()
    places = np.indices((size, size), dtype=np.float64)
    field = velocity / 2**_SQUARINGS
    for _ in range(_SQUARINGS):
        field = field + np.stack(
            [ndimage.map_coordinates(part, places + field, order=1, mode="nearest") for part in field]
        )
    return np.asarray(field, dtype=np.float64)


def dp_pix(image: CxrImage, seed: int, epsilon: float = EPSILON) -> CxrImage:
    """Block means with Laplace noise of scale 255 / (block² ε), shape and type as given."""
    if epsilon <= 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    size = len(image)
    blocks = -(-size // BLOCK)
    padded = np.pad(image.astype(np.float64), (0, blocks * BLOCK - size), mode="edge")
    means = padded.reshape(blocks, BLOCK, blocks, BLOCK).mean(axis=(1, 3))
    noisy = means + np.random.default_rng(seed).laplace(scale=255 / (BLOCK**2 * epsilon), size=means.shape)
    grown = np.kron(noisy, np.ones((BLOCK, BLOCK)))[:size, :size]
    return np.asarray(np.rint(grown).clip(0, 255), dtype=np.uint8)
