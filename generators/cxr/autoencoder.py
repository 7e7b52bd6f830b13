"""The autoencoder of grayscale radiographs: diffusers' AutoencoderDC with a loss that keeps ribs and vessels sharp.

Between resolutions pixels become channels and channels pixels (Chen et al. 2024, Deep compression autoencoder): no
pixel is averaged away or drawn twice, and nothing is computed at the full side, which would cost most. Another's
AutoencoderKL can stand in its place.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC, AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from synthgen.errors import UserError
from synthgen.generators.cxr.config import AutoencoderConfig
from synthgen.payloads.cxr import CxrImage

Autoencoder: TypeAlias = AutoencoderDC | AutoencoderKL

_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
_WINDOW = 16
_RINGS = (0.10, 0.17, 0.24, 0.31, 0.38, 0.45, 0.75)  # cycles per pixel; the last ring takes the corners
_FAINT = 1e-3  # the power of noise of 0.7 grey levels: what rounding leaves in black margins is no texture


def build_autoencoder(config: AutoencoderConfig, size: int) -> Autoencoder:
    """A new autoencoder for images [B, 1, size, size] in -1 to 1, or the pretrained one that ``config`` names.

    Raises:
        UserError: the pretrained autoencoder cannot be loaded, or does not fit ``size``.
    """
    if config.pretrained:
        return _pretrained(config.pretrained, size)
    widths = (config.channels[0], *config.channels)
    layers = (0, *(config.layers,) * len(config.channels))
    nowhere = ((),) * len(widths)  # attention
    return AutoencoderDC(
        in_channels=1,
        latent_channels=config.latent_channels,
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        encoder_layers_per_block=layers,
        decoder_layers_per_block=layers,
        encoder_qkv_multiscales=nowhere,
        decoder_qkv_multiscales=nowhere,
        encoder_out_shortcut=False,
        decoder_in_shortcut=False,
    )


def read_autoencoder(folder: Path) -> Autoencoder:
    """The autoencoder in a folder, in safetensors, of whichever of the two kinds.

    Raises:
        OSError, ValueError, KeyError: there is none.
    """
    of_ours = json.loads((folder / "config.json").read_bytes()).get("_class_name") == AutoencoderDC.__name__
    kind = AutoencoderDC if of_ours else AutoencoderKL
    found: Autoencoder = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    return found


def _pretrained(name: str, size: int) -> Autoencoder:
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


def downsampling(vae: Autoencoder) -> int:
    """How many pixels of an image stand behind one pixel of its latent, along a side."""
    if isinstance(vae, AutoencoderDC):
        return int(vae.spatial_compression_ratio)
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def latent_shape(vae: Autoencoder, size: int) -> tuple[int, int, int]:
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


def for_model(vae: Autoencoder, pixels: Tensor) -> Tensor:
    """Gray pixels [B, 1, S, S] as the model takes them: a 3-channel one is fed the gray image three times."""
    return pixels.expand(-1, int(vae.config.in_channels), -1, -1)


def encode(vae: Autoencoder, pixels: Tensor) -> Tensor:
    """Normalised latents [B, C, S/f, S/f] of pixels [B, 1, S, S] in -1 to 1: shifted, scaled; a posterior's mean."""
    latents: Tensor = (_encoded(vae, pixels) - _shift(vae)) * vae.config.scaling_factor
    return latents


def decode(vae: Autoencoder, latents: Tensor) -> Tensor:
    """Pixels [B, 1 or 3, S, S] of normalised latents."""
    pixels: Tensor = vae.decode(latents / vae.config.scaling_factor + _shift(vae)).sample
    return pixels


def _encoded(vae: Autoencoder, pixels: Tensor) -> Tensor:
    found = vae.encode(for_model(vae, pixels))
    latents: Tensor = found.latent if isinstance(vae, AutoencoderDC) else found.latent_dist.mean
    return latents


def _shift(vae: Autoencoder) -> float:
    """An AutoencoderDC has none: its code starts with zero mean."""
    return getattr(vae.config, "shift_factor", None) or 0.0


class AutoencoderLoss(nn.Module):
    """Reconstruction loss of an autoencoder; ``forward`` is what is trained, so that wrappers see one module."""

    def __init__(self, vae: Autoencoder, config: AutoencoderConfig) -> None:
        super().__init__()
        self.vae = vae
        self._config = config

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Scalar loss of pixels [B, 1, S, S] in -1 to 1, with standard normal ``noise`` of the latents' shape.

        The latents bear a little of it, so that what a denoiser leaves in them does not show. Always in single
        precision: the rounding of bfloat16 is as large as the error of a good copy.
        """
        with torch.autocast(pixels.device.type, enabled=False):
            latents = encode(self.vae, pixels)
            gray = decode(self.vae, latents + self._config.noise * noise).mean(1, keepdim=True)
        target = pixels.float()
        loss = F.l1_loss(gray, target)
        loss = loss + self._config.laplacian * laplacian_loss(gray, target)
        loss = loss + self._config.frequency * focal_frequency_loss(gray, target)
        total: Tensor = loss + self._config.texture * texture_loss(gray, target)
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


def texture_loss(a: Tensor, b: Tensor) -> Tensor:
    """Mean distance of the logarithms of the local power of two batches [B, 1, S, S], S >= 16, ring by ring.

    What a code of few numbers cannot hold is left out where the error alone is counted, and a film without its grain
    looks out of focus. Here fine detail is to be there with the strength that it has in its place, wherever its
    crests come to lie: the spectral regularisation of Durall et al. 2020 (Watch your up-convolution), over windows of
    16 pixels instead of the whole image, which all have different grain.
    """
    return (torch.log(_local_power(a) + _FAINT) - torch.log(_local_power(b) + _FAINT)).abs().mean()


def _local_power(x: Tensor) -> Tensor:
    """Power in each ring of frequencies of each window, [B * windows, rings]."""
    hann = torch.hann_window(_WINDOW, periodic=False, device=x.device)
    windows = F.unfold(x, _WINDOW, stride=_WINDOW // 2).transpose(1, 2).reshape(-1, _WINDOW, _WINDOW)
    windows = (windows - windows.mean(dim=(1, 2), keepdim=True)) * hann * hann[:, None]
    power = torch.fft.rfft2(windows).abs().square()
    rows, columns = torch.fft.fftfreq(_WINDOW, device=x.device), torch.fft.rfftfreq(_WINDOW, device=x.device)
    radius = torch.hypot(rows[:, None], columns[None])
    inside = [(radius >= low) & (radius < high) for low, high in pairwise(_RINGS)]
    return torch.stack([power[:, ring].mean(1) for ring in inside], dim=1)


def normalise_latents(vae: Autoencoder, latents: Tensor) -> None:
    """Sets the scaling factor, and the shift of an AutoencoderKL, by which the training latents have unit variance.

    One factor for all channels (Rombach et al. 2022, appendix G): what is fainter in one channel than in another stays
    so.

    Args:
        latents: [N, C, h, w] as ``encode`` gives them under the factors so far.
    """
    scale, mean, std = vae.config.scaling_factor, float(latents.mean()), max(float(latents.std()), 1e-4)
    if isinstance(vae, AutoencoderKL):
        vae.register_to_config(shift_factor=_shift(vae) + mean / scale)
    vae.register_to_config(scaling_factor=scale / std)
