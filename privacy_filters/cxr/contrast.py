"""Radiographs without their exposure: what the filters look at."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_FLOOR = 0.02  # of the range of grey: what varies less is flat


def resized(images: NDArray[np.uint8], size: int) -> Tensor:
    """uint8 [N, H, W] of any size to float32 [N, 1, size, size], 0 to 1, by a triangle filter without aliasing."""
    pixels = torch.from_numpy(np.array(images)).unsqueeze(1).float() / 255
    if pixels.shape[-2:] == (size, size):
        return pixels
    return F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def local_contrast(images: Tensor, window: int) -> Tensor:
    """float32 [N, 1, S, S], 0 to 1, standardised over a window × window square (odd); a flat image is zero.

    It shows ribs and clavicles behind dense tissue as brightly as in the lungs.
    """
    mean = box(images, window)
    spread = (box(images.square(), window) - mean.square()).clamp(min=0).sqrt()
    return (images - mean) / (spread + _FLOOR)


def box(images: Tensor, window: int) -> Tensor:
    """Mean over a window × window square (odd), edges replicated; by running sums, so that its size costs nothing."""
    half = window // 2
    sums = F.pad(images, (half + 1, half, half + 1, half), mode="replicate").cumsum(dim=2)
    rows = (sums[:, :, window:] - sums[:, :, :-window]).cumsum(dim=3)
    return (rows[..., window:] - rows[..., :-window]) / window**2
