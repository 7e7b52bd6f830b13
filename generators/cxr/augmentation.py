"""Light, seeded changes to training images, so that a small cohort shows more than its own few exposures and poses."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from synthgen.generators.cxr.config import AugmentationConfig

DRAWS = 6
"""How many uniform draws of -1 to 1 one image takes."""


def augment(pixels: Tensor, config: AugmentationConfig, draws: Tensor) -> Tensor:
    """Rotates, scales, shifts and re-exposes each of pixels [B, 1, S, S] (-1 to 1) by its own draws; never flips.

    Args:
        draws: [B, DRAWS], -1 to 1: rotation, scale, shift across and down, contrast, brightness.
    """
    draw = draws.to(pixels.device, torch.float32)
    angle, scale = draw[:, 0] * math.radians(config.rotation), 1 + draw[:, 1] * config.scale
    cos, sin = angle.cos() * scale, angle.sin() * scale
    shift = 2 * config.shift * draw[:, 2:4]  # a side is 2 long in the grid's coordinates
    theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, mode="bicubic", padding_mode="border", align_corners=False)
    contrast = (1 + config.contrast * draw[:, 4]).view(-1, 1, 1, 1)
    brightness = (2 * config.brightness * draw[:, 5]).view(-1, 1, 1, 1)
    return (moved * contrast + brightness).clamp(-1, 1)
