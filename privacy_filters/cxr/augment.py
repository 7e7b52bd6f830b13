"""Augmentation for the identity networks: what may differ between two radiographs of one patient, and nothing else.

Positioning (rotation, shift, scale, shear, a smooth elastic field for breathing and posture), exposure (gamma,
contrast, brightness), detector (blur, noise) and occlusion (tubes, markers, text: rectangles). Never a mirror image:
which side the heart lies on belongs to the patient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """One random view of each image.

    Args:
        images: float32 [N, 1, S, S], 0 to 1.
        strength: scales every range; 0 returns the images, 1 is the default, 2 is severe.
        generator: the only source of randomness; N, S and its state determine the result.

    Returns:
        float32 [N, 1, S, S], 0 to 1.
    """
    if strength == 0:
        return images
    moved = _move(images, strength, generator)
    return _occlude(_detect(_expose(moved, strength, generator), strength, generator), strength, generator)


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """float32 [n, 1, 1, 1] in [low, high)."""
    return torch.empty(n, 1, 1, 1).uniform_(low, high, generator=generator)


def _move(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Affine and elastic displacement in one resampling (two would blur twice)."""
    n = len(images)
    angle, shear = (_uniform(n, -a * strength, a * strength, generator).view(n) for a in (0.14, 0.06))
    zoom_x, zoom_y = (torch.exp(_uniform(n, -0.13 * strength, 0.13 * strength, generator)).view(n) for _ in "xy")
    shift_x, shift_y = (_uniform(n, -0.13 * strength, 0.13 * strength, generator).view(n) for _ in "xy")
    row_x = torch.stack([zoom_x * angle.cos(), zoom_x * (shear - angle.sin()), shift_x], dim=1)
    row_y = torch.stack([zoom_y * angle.sin(), zoom_y * angle.cos(), shift_y], dim=1)
    grid = F.affine_grid(torch.stack([row_x, row_y], dim=1), list(images.shape), align_corners=False)
    coarse = torch.randn(n, 2, 5, 5, generator=generator) * (0.025 * strength)
    field = F.interpolate(coarse, size=images.shape[-2:], mode="bicubic", align_corners=True)
    return F.grid_sample(images, grid + field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def _expose(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Gamma, contrast about the mean, brightness."""
    n = len(images)
    gamma = torch.exp(_uniform(n, -0.5 * strength, 0.5 * strength, generator))
    contrast = torch.exp(_uniform(n, -0.3 * strength, 0.3 * strength, generator))
    brightness = _uniform(n, -0.12 * strength, 0.12 * strength, generator)
    exposed = images.clamp(min=1e-4) ** gamma
    mean = exposed.mean(dim=(2, 3), keepdim=True)
    return ((exposed - mean) * contrast + mean + brightness).clamp(0, 1)


def _detect(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Blur or sharpen by mixing with a smoothed copy, then noise."""
    n = len(images)
    smooth = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    amount = _uniform(n, -0.5 * strength, 1.0 * min(strength, 1.0), generator)
    sigma = _uniform(n, 0, 0.03 * strength, generator)
    noise = torch.randn(images.shape, generator=generator)
    return (images + amount * (smooth - images) + sigma * noise).clamp(0, 1)


def _occlude(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Two rectangles of a uniform grey in half of the images."""
    n, _, height, width = images.shape
    rows, columns = torch.arange(height).view(1, 1, -1, 1) / height, torch.arange(width).view(1, 1, 1, -1) / width
    for _ in range(2):
        top, left = _uniform(n, -0.1, 1, generator), _uniform(n, -0.1, 1, generator)
        tall, wide = (_uniform(n, 0.05, 0.3 * strength + 0.05, generator) for _ in "hw")
        used = _uniform(n, 0, 1, generator) < 0.5
        inside = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide) & used
        images = torch.where(inside, _uniform(n, 0, 1, generator), images)
    return images
