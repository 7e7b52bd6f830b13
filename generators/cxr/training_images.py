"""The training images as tensors: resampled, stacked, and encoded once for the denoiser."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from synthgen.generators.cxr.augmentation import DRAWS, augment
from synthgen.generators.cxr.autoencoder import Autoencoder, encode, to_tensor
from synthgen.generators.cxr.config import AugmentationConfig
from synthgen.payloads.cxr import CxrImage, CxrReal

_ENCODE_BATCH = 16


def pixels_of(train: Sequence[CxrReal], rows: NDArray[np.int64], size: int) -> Tensor:
    """The images of ``rows`` as [B, 1, size, size], -1 to 1; images of another side are resampled."""
    return to_tensor(np.stack([_resized(train[i].payload, size) for i in rows]))


def _resized(image: CxrImage, size: int) -> CxrImage:
    if image.shape == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def latents_of(
    vae: Autoencoder,
    train: Sequence[CxrReal],
    augmentation: AugmentationConfig,
    size: int,
    *,
    copies: int,
    seed: tuple[int, ...],
) -> Tensor:
    """Latents of every image and of its augmented copies, [copies * N, C, h, w].

    Copy k of image i stands at k * N + i; copy 0 is the image as it is.
    """
    out = []
    with torch.inference_mode():
        for copy in range(copies):
            for start in range(0, len(train), _ENCODE_BATCH):
                rows = np.arange(start, min(start + _ENCODE_BATCH, len(train)))
                pixels = pixels_of(train, rows, size)
                if copy:
                    draws = np.random.default_rng([*seed, copy, start]).uniform(-1, 1, (len(rows), DRAWS))
                    pixels = augment(pixels, augmentation, torch.from_numpy(draws))
                out.append(encode(vae, pixels.to(vae.device)).cpu())
    return torch.cat(out).clone()  # a clone made outside of inference mode can be trained on
