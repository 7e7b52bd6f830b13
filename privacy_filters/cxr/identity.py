"""Who is it: a patient-retrieval embedding and a siamese patient-verification head for chest radiographs.

Packhäuser et al. 2022 ("Deep learning-based patient re-identification is able to exploit the biometric nature of
medical chest X-ray data") showed that a radiograph identifies its patient; Packhäuser et al. 2023 reject generated
images with such networks. Here both are one small residual network: its unit vectors serve the nearest-neighbour
search, and a symmetric head on a pair of vectors says "same patient" or not.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from synthgen.errors import UserError
from synthgen.privacy_filters.cxr.config import IdentityConfig

FORMAT = "synthgen-cxr-identity-2"
WEIGHTS = "identity.safetensors"
CARD = "identity.json"
COHORT = "cohort"  # name of the cohort's vectors among the weights
_CHUNK = 32  # images per forward pass: bounds memory
_NEIGHBOURS = 50

# (zoom, shift right, shift down) in units of half the image, averaged into one embedding
_VIEWS = (
    (1.0, 0.0, 0.0),
    (0.94, 0.0, 0.0),
    (1.06, 0.0, 0.0),
    (1.0, 0.05, 0.0),
    (1.0, -0.05, 0.0),
    (1.0, 0.0, 0.05),
    (1.0, 0.0, -0.05),
    (0.9, 0.0, 0.0),
    (1.1, 0.0, 0.0),
)


def resized(images: NDArray[np.uint8], size: int) -> Tensor:
    """uint8 [N, H, W] of any size to float32 [N, 1, size, size], 0 to 1, by a triangle filter without aliasing."""
    pixels = torch.from_numpy(np.array(images)).unsqueeze(1).float() / 255
    if pixels.shape[-2:] == (size, size):
        return pixels
    return F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def normalised(images: Tensor) -> Tensor:
    """Exposure removed: float32 [N, 1, S, S], 0 to 1, to [N, 2, S, S].

    The first channel is standardised over the image, the second over a window of a fifth of its side, which shows
    ribs and clavicles behind dense tissue as brightly as in the lungs.
    """
    wide = images - images.mean(dim=(2, 3), keepdim=True)
    wide = wide / (wide.square().mean(dim=(2, 3), keepdim=True).sqrt() + 0.02)
    window = images.shape[-1] // 10 * 2 + 1
    mean = box(images, window)
    spread = (box(images.square(), window) - mean.square()).clamp(min=0).sqrt()
    return torch.cat([wide, (images - mean) / (spread + 0.02)], dim=1)


def box(images: Tensor, window: int) -> Tensor:
    """Mean over a window × window square (odd), edges replicated; by running sums, so that its size costs nothing."""
    half = window // 2
    sums = F.pad(images, (half + 1, half, half + 1, half), mode="replicate").cumsum(dim=2)
    rows = (sums[:, :, window:] - sums[:, :, :-window]).cumsum(dim=3)
    return (rows[..., window:] - rows[..., :-window]) / window**2


class Block(nn.Module):
    """Two 3 × 3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, padding=1, bias=False),
            nn.BatchNorm2d(outside),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inside != outside:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity(),
                nn.Conv2d(inside, outside, 1, bias=False),
                nn.BatchNorm2d(outside),
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class Encoder(nn.Module):
    """A small residual network whose last map is read twice: pooled (what), and as a 3 × 3 grid (where).

    Ribs and clavicles are local, so that pooling alone would forget them.
    """

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        widths = [config.width * 2**i for i in range(4)]
        stages: list[nn.Module] = [
            nn.Conv2d(2, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inside, outside in itertools.pairwise(widths):
            stages.append(Block(inside, outside, stride=2))
            stages.extend(Block(outside, outside, stride=1) for _ in range(config.depth - 1))
        self.stages = nn.Sequential(*stages)
        self.local = nn.Conv2d(widths[-1], widths[0], 1)
        self.drop = nn.Dropout(0.0)
        self.project = nn.Linear(widths[-1] + 9 * widths[0], config.dimensions)

    def forward(self, images: Tensor) -> Tensor:
        """float32 [N, 1, S, S], 0 to 1, to unit vectors [N, D]."""
        maps = self.stages(normalised(images).contiguous(memory_format=torch.channels_last))
        local = self.local(maps).float()
        with torch.autocast("cpu", enabled=False):  # bfloat16 is too coarse for cosines
            what = maps.float().clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)  # Radenović et al. 2018
            where = F.adaptive_avg_pool2d(local, 3).flatten(1)
            return F.normalize(self.project(self.drop(torch.cat([what, where], dim=1))), dim=1)


class Verifier(nn.Module):
    """Siamese head: (|e1 − e2|, e1 · e2) to a logit, symmetric by construction; starts as a scaled cosine."""

    def __init__(self, dimensions: int, hidden: int = 64) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.offset = nn.Parameter(torch.tensor(-5.0))
        self.hidden = nn.Linear(2 * dimensions, hidden)
        self.out = nn.Linear(hidden, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.gain = dimensions**0.5  # components of unit vectors are of the order of 1 / sqrt(D)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """float32 [..., D] twice, to logits [...]; larger means the same patient."""
        product = first * second
        pair = torch.cat([(first - second).abs() * self.gain, product * self.gain**2], dim=-1)
        correction: Tensor = self.out(F.relu(self.hidden(pair))).squeeze(-1)
        return self.scale * product.sum(dim=-1) + self.offset + correction


class Networks(nn.Module):
    """Encoder and verification head, and the attribute head that only training uses."""

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.verifier = Verifier(config.dimensions)
        self.attributes = nn.Linear(config.dimensions, 2)


class Identity:
    """The fitted networks. Immutable; no random state.

    ``cohort`` [M, D] are unit vectors of training patients, one each, M >= 1. By them ``verify`` tells who resembles
    everybody: cross-domain similarity local scaling (Conneau et al. 2018, section 2.3) of both vectors of a pair.

    Networks that were trained on mirrored patients as further patients know every image twice: as it is and mirrored.
    Both vectors side by side are the embedding, so that a cosine is the mean of two opinions.
    """

    def __init__(self, networks: Networks, config: IdentityConfig, cohort: Tensor) -> None:
        self._networks = networks.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._config = config
        self._cohort = cohort

    @property
    def dimensions(self) -> int:
        """D, the length of an embedding: twice that of the networks where they know mirrored patients."""
        return self._config.dimensions * len(self._sides)

    @property
    def _sides(self) -> tuple[bool, ...]:
        """Whether each part of an embedding is of the mirrored image."""
        return (False, True) if self._config.mirror else (False,)

    def embed(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [N, H, W] of any size to unit vectors, float32 [N, D]; an image's vector depends on it alone."""
        if images.ndim != 3 or images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 [N, H, W], got {images.dtype} {list(images.shape)}")
        rows = [np.zeros((0, self.dimensions), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), _CHUNK):
                pixels = resized(images[start : start + _CHUNK], self._config.size)
                parts = [self._encoded(pixels.flip(-1) if mirrored else pixels) for mirrored in self._sides]
                rows.append((torch.cat(parts, dim=1) / len(parts) ** 0.5).numpy())
        return np.concatenate(rows)

    def _encoded(self, pixels: Tensor) -> Tensor:
        """Unit vectors of float32 [N, 1, S, S], averaged over views."""
        views = [self._networks.encoder(_seen(pixels, *view)) for view in _VIEWS[: self._config.views]]
        return F.normalize(torch.stack(views).sum(dim=0), dim=1)

    def verify(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings float32 [N, D] twice, to logits float32 [N]: larger means the same patient. Symmetric."""
        if first.shape != second.shape or first.ndim != 2 or first.shape[1] != self.dimensions:
            raise ValueError(f"embeddings must be [N, {self.dimensions}] twice, got {first.shape} and {second.shape}")
        a, b = (torch.from_numpy(np.array(e, np.float32)) for e in (first, second))
        with torch.inference_mode():
            common = (self._commonness(a) + self._commonness(b)) / 2
            parts = len(self._sides)
            sides = zip((a * parts**0.5).chunk(parts, dim=1), (b * parts**0.5).chunk(parts, dim=1), strict=True)
            logits: Tensor = torch.stack([self._networks.verifier(one, other) for one, other in sides]).mean(dim=0)
            logits = logits - self._networks.verifier.scale * common
        result: NDArray[np.float32] = logits.numpy()
        return result

    def _commonness(self, embeddings: Tensor) -> Tensor:
        """Mean similarity [N] to the nearest of the cohort, less the very nearest, who may be the patient."""
        near = (embeddings @ self._cohort.T).topk(min(_NEIGHBOURS + 1, len(self._cohort)), dim=1).values
        return near[:, 1:].mean(dim=1) if near.shape[1] > 1 else near[:, 0]


def _seen(images: Tensor, zoom: float, right: float, down: float) -> Tensor:
    """The images as another positioning shows them; float32 [N, 1, S, S]."""
    if (zoom, right, down) == (1.0, 0.0, 0.0):
        return images
    matrix = torch.tensor([[1 / zoom, 0.0, -right], [0.0, 1 / zoom, -down]]).expand(len(images), 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def open_identity(folder: Path) -> Identity:
    """Opens what :func:`fit_identity` saved.

    Raises:
        UserError: the folder is no finished identity model, or its files are damaged or not safetensors.
    """
    again = "name a folder that fit_identity has finished, or delete it and fit again"
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} holds no identity model ({CARD} is missing or unreadable): {again}") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise UserError(f"{folder / CARD} is not of the format {FORMAT}: {again}")
    try:
        config = IdentityConfig.model_validate(card.get("config"))
        networks = Networks(config)
        tensors = load_file(folder / WEIGHTS)
        cohort = tensors.pop(COHORT)
        networks.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValidationError) as error:
        raise UserError(f"{folder / WEIGHTS} is missing, damaged or not safetensors of this model: {again}") from error
    return Identity(networks, config, cohort)
