"""The autoencoder of grayscale radiographs: diffusers' AutoencoderKL with a loss that keeps ribs and vessels sharp."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from synthgen.errors import UserError
from synthgen.generators.cxr.config import AutoencoderConfig
from synthgen.payloads.cxr import CxrImage

_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)


def build_autoencoder(config: AutoencoderConfig, size: int) -> AutoencoderKL:
    """A new autoencoder for images [B, 1, size, size] in -1 to 1, or the pretrained one that ``config`` names.

    Raises:
        UserError: the pretrained autoencoder cannot be loaded, or does not fit ``size``.
    """
    if config.pretrained:
        return _pretrained(config.pretrained, size)
    levels = len(config.channels)
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        latent_channels=config.latent_channels,
        norm_num_groups=config.groups,
        sample_size=size,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        shift_factor=0.0,
    )


def _pretrained(name: str, size: int) -> AutoencoderKL:
    try:
        vae = AutoencoderKL.from_pretrained(name, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise UserError(
            f"autoencoder.pretrained: no AutoencoderKL in safetensors could be loaded from {name!r}; "
            "give a folder, or a hub name while there is a network"
        ) from error
    if vae.config.in_channels not in (1, 3) or vae.config.out_channels != vae.config.in_channels:
        raise UserError(
            f"autoencoder.pretrained: {name!r} must take 1 or 3 channels, it takes {vae.config.in_channels}"
        )
    if size % downsampling(vae):
        raise UserError(f"size ({size}) must be a multiple of {downsampling(vae)} for the autoencoder {name!r}")
    vae.register_to_config(_name_or_path="")  # a private path must not travel with the model
    return vae


def downsampling(vae: AutoencoderKL) -> int:
    """How many pixels of an image stand behind one pixel of its latent, along a side."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def latent_shape(vae: AutoencoderKL, size: int) -> tuple[int, int, int]:
    """Channels, height and width of the latent of an image of side ``size``."""
    side = size // downsampling(vae)
    return (int(vae.config.latent_channels), side, side)


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Images [B, S, S], 0 to 255, as [B, 1, S, S], -1 to 1."""
    return torch.from_numpy(images).unsqueeze(1).float().div_(127.5).sub_(1.0)


def to_images(pixels: Tensor) -> list[CxrImage]:
    """Decoded [B, 1 or 3, S, S], -1 to 1, as B images [S, S], 0 to 255; three channels are averaged."""
    gray = pixels.float().mean(1).add(1.0).mul(127.5).round().clamp(0, 255)
    return list(gray.to(torch.uint8).cpu().numpy())


def for_model(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Gray pixels [B, 1, S, S] as the model takes them: a 3-channel one is fed the gray image three times."""
    return pixels.expand(-1, int(vae.config.in_channels), -1, -1)


def encode(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Normalised latents [B, C, S/f, S/f] of pixels [B, 1, S, S] in -1 to 1: the posterior's mean, shifted, scaled."""
    mean = vae.encode(for_model(vae, pixels)).latent_dist.mean
    latents: Tensor = (mean - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor
    return latents


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pixels [B, 1 or 3, S, S] of normalised latents."""
    pixels: Tensor = vae.decode(latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)).sample
    return pixels


class AutoencoderLoss(nn.Module):
    """Reconstruction loss of an autoencoder; ``forward`` is what is trained, so that wrappers see one module."""

    def __init__(self, vae: AutoencoderKL, config: AutoencoderConfig) -> None:
        super().__init__()
        self.vae = vae
        self._config = config

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Scalar loss of pixels [B, 1, S, S] in -1 to 1, with standard normal ``noise`` of the latents' shape."""
        posterior = self.vae.encode(for_model(self.vae, pixels)).latent_dist
        decoded = self.vae.decode(posterior.mean + posterior.std * noise).sample
        gray, target = decoded.float().mean(1, keepdim=True), pixels.float()
        loss = F.l1_loss(gray, target)
        loss = loss + self._config.laplacian * laplacian_loss(gray, target)
        loss = loss + self._config.frequency * focal_frequency_loss(gray, target)
        total: Tensor = loss + self._config.kl * posterior.kl().mean()
        return total


def laplacian_loss(a: Tensor, b: Tensor, levels: int = 3) -> Tensor:
    """Mean L1 distance between the band-pass levels of two batches [B, 1, S, S].

    Lap1 of Bojanowski et al. 2018 (Optimizing the latent space of generative networks, eq. 3), with every level
    weighted alike: the finest one carries the edges of ribs and vessels that plain L1 gives away.
    """
    difference = a - b  # the pyramid is linear
    total = difference.new_zeros(())
    for _ in range(levels):
        low = _blur(difference)
        total = total + (difference - low).abs().mean()
        difference = low[..., ::2, ::2]
    return total


def _blur(x: Tensor) -> Tensor:
    kernel = torch.tensor(_BINOMIAL, dtype=x.dtype, device=x.device) / sum(_BINOMIAL)
    x = F.pad(x, (2, 2, 2, 2), mode="reflect")
    x = F.conv2d(x, kernel.view(1, 1, 1, -1))
    return F.conv2d(x, kernel.view(1, 1, -1, 1))


def focal_frequency_loss(a: Tensor, b: Tensor) -> Tensor:
    """Distance of the spectra of two batches [B, 1, S, S], the worst frequencies weighted most.

    Jiang et al. 2021 (Focal frequency loss for image reconstruction and synthesis, eq. 8 and 9), alpha = 1, on the
    orthonormal real transform.
    """
    with torch.autocast(a.device.type, enabled=False):
        distance = torch.fft.rfft2((a - b).float(), norm="ortho").abs().square()
        weight = distance.detach().sqrt()
        weight = weight / weight.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
        loss: Tensor = (weight * distance).mean()
        return loss


def normalise_latents(vae: AutoencoderKL, latents: Tensor) -> None:
    """Sets the scaling and shift factors by which the training latents have zero mean and unit variance.

    One pair of factors for all channels (Rombach et al. 2022, appendix G): what is fainter in one channel than in
    another stays so.

    Args:
        latents: [N, C, h, w] as ``encode`` gives them under the factors so far.
    """
    scale, shift = vae.config.scaling_factor, vae.config.shift_factor or 0.0
    mean, std = float(latents.mean()), max(float(latents.std()), 1e-4)
    vae.register_to_config(shift_factor=shift + mean / scale, scaling_factor=scale / std)
