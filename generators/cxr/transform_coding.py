"""A head start for the autoencoder: before training it is a linear transform code of the training images.

A convolutional autoencoder spends most of a short training on finding out that neighbouring pixels are alike. Transform
coding (Goyal 2001) knows that in closed form: the latents start as the principal components of image patches, the
decoder as their least-squares reconstruction, and every residual block starts at zero (Goyal et al. 2017, section 5.1)
and learns what the linear code cannot do. Between the two, pixels become channels and channels pixels, so that a linear
map is a weight; the one normalisation, at the decoder's end, divides by all but a constant where a large constant
stands among its channels, and what goes through the ReLU behind it goes as a pair (u, -u).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_dc import DCDownBlock2d, DCUpBlock2d, ResBlock
from torch import Tensor, nn

_RIDGE = 1e-5
_PATCH_CHANNELS = 16
_CONSTANT = 32.0  # beside pixels of -1 to 1


def start_as_transform_code(vae: AutoencoderDC, pixels: Tensor) -> None:
    """Sets the weights of a fresh one-channel autoencoder so that it is a linear code of ``pixels`` [N, 1, S, S].

    The latents of ``pixels`` have zero mean and, over all channels, unit variance. A channel's deviation is the square
    root of its component's: whitening them all would give the denoiser faint detail to learn with the weight of the
    anatomy (Skorokhodov et al. 2025, Improving the diffusability of autoencoders). Where widths leave room for all
    pixels of a cell, the code is that of the components; where they do not, the nearest linear one.
    """
    with torch.no_grad():
        for module in vae.modules():
            if isinstance(module, ResBlock):
                _zero(module.norm)
        _start_encoder(vae, pixels)
        _start_decoder(vae, pixels)


def _start_encoder(vae: AutoencoderDC, pixels: Tensor) -> None:
    """The signals are the pixels of a cell, four times as many after each halving; the last map projects them."""
    encoder, latents = vae.encoder, int(vae.config.latent_channels)
    signals = 1
    for down in (encoder.conv_in, *_stages(encoder.down_blocks, DCDownBlock2d)):
        signals = 4 * _carry(down.conv, signals)
    features = encoder.conv_in(pixels)
    for block in encoder.down_blocks:
        features = block(features)
    _write(encoder.conv_out, *_least_squares(features, _code(pixels, int(vae.spatial_compression_ratio), latents)))


def _start_decoder(vae: AutoencoderDC, pixels: Tensor) -> None:
    """Each doubling predicts the components of patches of half the side; the last one the pixels, ready for the end."""
    decoder, patch = vae.decoder, int(vae.spatial_compression_ratio)
    _carry(decoder.conv_in, int(vae.config.latent_channels))
    features = decoder.conv_in(vae.encoder(pixels))
    for block in reversed(decoder.up_blocks):
        for module in block:
            if isinstance(module, DCUpBlock2d):
                patch //= 2
                room = min(patch**2, _PATCH_CHANNELS, module.conv.out_channels // 4)
                target = _paired(pixels) if patch == 2 else _coefficients(pixels, patch, room)
                _predict(module, features, target)
            features = module(features)
    nn.init.ones_(decoder.norm_out.weight)
    nn.init.zeros_(decoder.norm_out.bias)
    conv = decoder.conv_out.conv
    _zero(conv)
    size = float(features.square().mean(1).sqrt().mean())
    for place in range(4):
        conv.weight[place, place, 1, 1] = size
        conv.weight[place, 4 + place, 1, 1] = -size


def _paired(pixels: Tensor) -> Tensor:
    """The four pixels of each cell [N, 9, S / 2, S / 2]: as they are, negated, and the constant."""
    cells = F.pixel_unshuffle(pixels, 2)
    return torch.cat([cells, -cells, torch.full_like(cells[:, :1], _CONSTANT)], dim=1)


def _predict(up: DCUpBlock2d, features: Tensor, target: Tensor) -> None:
    """Makes the first channels behind a doubling the least-squares prediction of ``target`` from ``features``."""
    around = F.pixel_shuffle(features.repeat_interleave(up.repeats, dim=1), 2)[:, : target.shape[1]]
    _write(up.conv, *_least_squares(features, F.pixel_unshuffle(target - around, 2)))


def _stages(blocks: nn.ModuleList, kind: type[nn.Module]) -> Iterator[nn.Module]:
    return (module for block in blocks for module in block.children() if isinstance(module, kind))


def _code(pixels: Tensor, patch: int, count: int) -> Tensor:
    """The first ``count`` components of every patch, of unit variance together, [N, count, S / patch, S / patch]."""
    deviation = _components(pixels, patch, count)[2]
    gain = deviation.rsqrt() / deviation.mean().sqrt()
    return _coefficients(pixels, patch, count) * gain.view(-1, 1, 1)


def _components(pixels: Tensor, patch: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first ``count`` principal components of the patches [patch², count], the mean patch, the deviations."""
    rows = F.unfold(pixels, patch, stride=patch).transpose(1, 2).reshape(-1, patch * patch)
    values, vectors = torch.linalg.eigh(torch.cov(rows.T))
    return vectors[:, -count:].flip(1), rows.mean(0), values[-count:].flip(0).clamp_min(1e-8).sqrt()


def _coefficients(pixels: Tensor, patch: int, count: int) -> Tensor:
    """Coefficients of the first components of every patch, [N, count, S / patch, S / patch]."""
    basis, mean, _ = _components(pixels, patch, count)
    kernel = basis.T.reshape(count, 1, patch, patch)
    return F.conv2d(pixels, kernel, -basis.T @ mean, stride=patch)


def _least_squares(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The 3 x 3 convolution (weight, bias) that best turns ``source`` [N, C, H, W] into ``target`` [N, D, H, W]."""
    inputs, outputs = source.shape[1], target.shape[1]
    gram = torch.zeros(9 * inputs + 1, 9 * inputs + 1, dtype=torch.float64)
    moment = torch.zeros(9 * inputs + 1, outputs, dtype=torch.float64)
    for image, wanted in zip(source, target, strict=True):
        rows = F.pad(F.unfold(image[None], 3, padding=1)[0].T, (0, 1), value=1.0)
        gram += (rows.T @ rows).double().cpu()
        moment += (rows.T @ wanted.flatten(1).T).double().cpu()
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    solution = torch.linalg.solve(gram + ridge, moment).to(source)
    return solution[:-1].T.reshape(outputs, inputs, 3, 3), solution[-1]


def _carry(conv: nn.Conv2d, count: int) -> int:
    """Lets the first ``count`` channels pass a convolution as they are, or as many as it has; returns how many."""
    count = min(count, conv.out_channels)
    weight = conv.weight.new_zeros(count, conv.in_channels, 3, 3)
    weight[range(count), range(count), 1, 1] = 1
    _write(conv, weight, weight.new_zeros(count))
    return count


def _write(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Sets the first outputs of a convolution."""
    conv.weight[: len(weight)] = weight
    if conv.bias is None:
        raise ValueError("the convolution must have a bias")
    conv.bias[: len(bias)] = bias


def _zero(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.zero_()
