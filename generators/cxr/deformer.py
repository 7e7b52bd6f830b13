"""A field that bends a radiograph, made from the image and a secret by a small network.

In the manner of PriCheXy-Net (Packhäuser et al. 2023), with what it lacks: the field alone is smoothed, so that bound 0
is the image itself; the velocity is integrated (scaling and squaring, Arsigny et al. 2006), so that nothing folds; and
a secret takes part, so that whoever runs the same network on the same image gets another field.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthgen.payloads.cxr import CxrImage
from synthgen.pretrained.threads import one_thread

SIDE = 64  # pixels at which a network looks at an image
SECRETS = 4  # channels of noise
_SQUARINGS = 6
_WINDOW = 13  # pixels of SIDE, over which contrast is local
_FLAT = 0.02  # of the range of grey: what varies less is flat


class Deformer(nn.Module):
    """Images [B, 1, S, S] in 0 to 1 and secrets [B, 4, n, n] to a field [B, 2, S, S]: right, down, shares of a side.

    The velocity on n × n nodes begins as two of the secret's channels, a drawn field; what is learnt is added.

    Args:
        nodes: n, a side.
        bound: no arrow is longer, as a share of the side.
    """

    def __init__(self, nodes: int, bound: float, width: int = 16) -> None:
        super().__init__()
        self.nodes, self.bound = nodes, bound
        self.seen = nn.Sequential(
            _halved(1, width), _halved(width, 2 * width), _halved(2 * width, 4 * width), nn.AdaptiveAvgPool2d(nodes)
        )
        self.drawn = nn.Sequential(
            nn.Conv2d(4 * width + SECRETS, 4 * width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(4 * width, 2, 3, padding=1),
        )

    def forward(self, images: Tensor, secrets: Tensor) -> Tensor:
        seen = self.seen(local_contrast(images))
        nodes = secrets[:, :2] + self.drawn(torch.cat([seen, secrets], dim=1))
        shorter: Tensor = nodes / (1 + nodes.square().sum(1, keepdim=True)).sqrt()
        return integrated(self.bound * shorter, images.shape[-1])


def _halved(channels: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.GroupNorm(8, out), nn.SiLU())


def local_contrast(images: Tensor) -> Tensor:
    """[B, 1, S, S] in 0 to 1 to [B, 1, 64, 64]: each pixel less its surroundings, in units of their spread."""
    small = F.interpolate(images, size=SIDE, mode="bilinear", antialias=True, align_corners=False)

    def around(x: Tensor) -> Tensor:
        mean: Tensor = F.avg_pool2d(F.pad(x, [_WINDOW // 2] * 4, mode="replicate"), _WINDOW, stride=1)
        return mean

    centred = small - around(small)
    contrast: Tensor = centred / (around(centred.square()) + _FLAT**2).sqrt()
    return contrast.clamp(-3, 3)


def integrated(velocity: Tensor, size: int) -> Tensor:
    """A velocity on nodes [B, 2, n, n] to the field [B, 2, size, size] of following it for a unit of time.

    Values between nodes are means of them, so that no arrow is longer than the longest of the nodes. The field is
    smooth: four places between two nodes are enough to integrate on.
    """
    nodes = velocity.shape[-1]
    wide = F.interpolate(velocity, size=min(size, 4 * nodes), mode="bilinear", align_corners=False)
    field = _smooth(wide, wide.shape[-1] / nodes / 2) / 2**_SQUARINGS
    for _ in range(_SQUARINGS):
        field = field + bent(field, field)
    found: Tensor = F.interpolate(field, size=size, mode="bilinear", align_corners=False)
    return found


def _smooth(field: Tensor, deviation: float) -> Tensor:
    """A Gaussian over the field alone, borders replicated."""
    reach = max(1, round(3 * deviation))
    at = torch.arange(-reach, reach + 1, dtype=field.dtype)
    kernel = torch.exp(-(at**2) / (2 * deviation**2))
    kernel = (kernel / kernel.sum()).expand(field.shape[1], 1, -1)
    padded = F.pad(field, [reach] * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.unsqueeze(2), groups=field.shape[1])
    return F.conv2d(rows, kernel.unsqueeze(3), groups=field.shape[1])


def bent(images: Tensor, field: Tensor) -> Tensor:
    """Each pixel of [B, C, S, S] taken from where its arrow points; beyond the border stands the border."""
    size = images.shape[-1]
    centres = (torch.arange(size, dtype=images.dtype) + 0.5) * 2 / size - 1
    right, down = centres + 2 * field[:, 0], centres[:, None] + 2 * field[:, 1]
    return F.grid_sample(
        images, torch.stack([right, down], dim=-1), mode="bilinear", padding_mode="border", align_corners=False
    )


def secrets_of(seeds: list[int], nodes: int) -> Tensor:
    """What the network is told besides the image, shape [B, 4, n, n]: a function of the seed."""
    drawn = [np.random.default_rng(seed).standard_normal((SECRETS, nodes, nodes), np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(drawn))


@torch.no_grad()
def deformed(deformer: Deformer, image: CxrImage, seed: int) -> CxrImage:
    """The image bent, shape and type as given; a function of itself and the seed, whoever stands beside it."""
    with one_thread():
        pixels = torch.tensor(image, dtype=torch.float32)[None, None] / 255
        found = bent(pixels, deformer(pixels, secrets_of([seed], deformer.nodes)))[0, 0]
    return np.asarray((found * 255).round().clamp(0, 255).numpy(), dtype=np.uint8)
