"""A head start for the autoencoder: before training it is a linear transform code of the training images.

A convolutional autoencoder spends most of a short training on finding out that neighbouring pixels are alike. Transform
coding (Goyal 2001) knows that in closed form: the encoder starts as the principal components of image patches, the
decoder as the least-squares reconstruction from them, and every residual branch starts at zero (Goyal et al. 2017,
section 5.1) and learns what the linear code cannot do. Two details let diffusers' AutoencoderKL hold a linear map:

* ``silu(u) - silu(-u) = u``: a signal that is stored as a pair (u, -u) passes SiLU unchanged;
* a group normalisation whose groups hold the pairs and a large constant pair (K, -K) divides by all but a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

_LOG_VARIANCE = -7.0  # of the posterior at the start: a standard deviation of 0.03 beside latents of about 1
_RIDGE = 1e-4
_PATCH_CHANNELS = 16


def start_as_transform_code(vae: AutoencoderKL, pixels: Tensor) -> None:
    """Sets the weights of a fresh one-channel autoencoder so that it is a linear code of ``pixels`` [N, 1, S, S].

    The latents of ``pixels`` have zero mean and, over all channels, unit variance. A channel's deviation is the square
    root of its component's: whitening them all would give the denoiser faint detail to learn with the weight of the
    anatomy (Skorokhodov et al. 2025, Improving the diffusability of autoencoders). AutoencoderConfig checks that the
    widths leave room.
    """
    with torch.no_grad():
        for name, module in vae.named_modules():
            if name.endswith("conv2"):
                _zero(module)
        _start_encoder(vae, pixels)
        _start_decoder(vae, pixels)


@dataclass(frozen=True)
class _Layout:
    """Where signals stand in the last features before a group normalisation: ``mix`` [C, n] and ``bias`` [C] put them
    there, ``unmix`` [n, C] takes them out behind the normalisation and SiLU.
    """

    mix: Tensor
    bias: Tensor
    unmix: Tensor


def _layout(channels: int, groups: int, signals: int, constant: float) -> _Layout:
    """Signals of unit mean square as pairs, dealt over the groups, with a constant pair in each group."""
    width = channels // groups
    mix, bias, unmix = torch.zeros(channels, signals), torch.zeros(channels), torch.zeros(signals, channels)
    for group in range(groups):
        first, mine = group * width, range(group, signals, groups)
        bias[first + width - 2], bias[first + width - 1] = constant, -constant
        deviation = math.sqrt((2 * len(mine) + 2 * constant**2) / width)
        for place, signal in enumerate(mine):
            up, down = first + 2 * place, first + 2 * place + 1
            mix[up, signal], mix[down, signal] = 1, -1
            unmix[signal, up], unmix[signal, down] = deviation, -deviation
    return _Layout(mix, bias, unmix)


def _start_encoder(vae: AutoencoderKL, pixels: Tensor) -> None:
    encoder, latents = vae.encoder, int(vae.config.latent_channels)
    factor = 2 ** (len(encoder.down_blocks) - 1)
    basis, mean, deviation = _components(pixels, factor, latents)
    gain = deviation.rsqrt() / deviation.mean().sqrt()
    projection = (basis * gain).T.reshape(latents, factor, factor)
    bias = -(basis * gain).T @ mean

    _centre(encoder.conv_in, torch.ones(1, 1), torch.zeros(1))
    offsets = [(0, 0)]  # which pixel of its cell each channel holds
    for level, block in enumerate(encoder.down_blocks[:-1]):
        conv = block.downsamplers[0].conv
        _carry(block, len(offsets))
        if level == factor.bit_length() - 2:  # the last one projects
            conv.weight[:latents] = 0
            for channel, (y, x) in enumerate(offsets):
                for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
                    conv.weight[:latents, channel, a, b] = projection[:, 2**level * a + y, 2**level * b + x]
            conv.bias[:latents] = bias
        else:  # the others turn each cell of 2 x 2 pixels into channels
            grown = [(2**level * a + y, 2**level * b + x) for a in (0, 1) for b in (0, 1) for y, x in offsets]
            conv.weight[: len(grown)] = 0
            for channel in range(len(grown)):
                tap, source = divmod(channel, len(offsets))
                conv.weight[channel, source, tap // 2, tap % 2] = 1
            conv.bias[: len(grown)] = 0
            offsets = grown
    last = encoder.down_blocks[-1].resnets[0].conv_shortcut
    layout = _layout(int(vae.config.block_out_channels[-1]), encoder.conv_norm_out.num_groups, latents, constant=16.0)
    _into(last if last is not None else encoder.down_blocks[-2].downsamplers[0].conv, layout, chain=last is None)
    _centre(encoder.conv_out, layout.unmix, torch.zeros(latents))
    encoder.conv_out.weight[latents:] = 0
    encoder.conv_out.bias[latents:] = _LOG_VARIANCE
    _centre(vae.quant_conv, torch.eye(2 * latents), torch.zeros(2 * latents))


def _start_decoder(vae: AutoencoderKL, pixels: Tensor) -> None:
    decoder, latents = vae.decoder, int(vae.config.latent_channels)
    _centre(vae.post_quant_conv, torch.eye(latents), torch.zeros(latents))
    _centre(decoder.conv_in, torch.eye(latents), torch.zeros(latents))
    features = torch.cat([vae.encode(image[None]).latent_dist.mean for image in pixels])
    patch = 2 ** (len(decoder.up_blocks) - 1)
    for block in decoder.up_blocks[:-1]:
        patch //= 2
        conv = block.upsamplers[0].conv
        _carry(block, features.shape[1])
        room = min(
            patch**2, _PATCH_CHANNELS, conv.out_channels, *(r.out_channels for r in decoder.up_blocks[-2].resnets)
        )
        target = _coefficients(pixels, patch, room) if patch > 1 else pixels
        up = F.interpolate(features, scale_factor=2.0, mode="nearest")
        weight, bias = _least_squares(up, target)
        conv.weight[: target.shape[1]] = 0
        conv.weight[: target.shape[1], : up.shape[1]] = weight
        conv.bias[: target.shape[1]] = bias
        features = F.conv2d(up, weight, bias, padding=1)
    last = decoder.up_blocks[-1].resnets[0].conv_shortcut
    layout = _layout(int(vae.config.block_out_channels[0]), decoder.conv_norm_out.num_groups, 1, constant=4.0)
    _into(last if last is not None else decoder.up_blocks[-2].upsamplers[0].conv, layout, chain=last is None)
    _centre(decoder.conv_out, layout.unmix, torch.zeros(1))


def _components(pixels: Tensor, patch: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first ``count`` principal components of the patches [patch², count], the mean patch, the deviations."""
    rows = F.unfold(pixels, patch, stride=patch).transpose(1, 2).reshape(-1, patch * patch)
    values, vectors = torch.linalg.eigh(torch.cov(rows.T))
    return vectors[:, -count:].flip(1), rows.mean(0), values[-count:].flip(0).clamp_min(1e-8).sqrt()


def _coefficients(pixels: Tensor, patch: int, count: int) -> Tensor:
    """Coefficients of the first ``count`` components of every patch, [N, count, S / patch, S / patch]."""
    basis, mean, _ = _components(pixels, patch, count)
    kernel = basis.T.reshape(count, 1, patch, patch)
    return F.conv2d(pixels, kernel, -basis.T @ mean, stride=patch)


def _least_squares(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The 3 x 3 convolution (weight, bias) that best turns ``source`` [N, C, H, W] into ``target`` [N, D, H, W]."""
    inputs, outputs = source.shape[1], target.shape[1]
    gram = source.new_zeros(9 * inputs + 1, 9 * inputs + 1)
    moment = source.new_zeros(9 * inputs + 1, outputs)
    for image, wanted in zip(source, target, strict=True):
        rows = F.pad(F.unfold(image[None], 3, padding=1)[0].T, (0, 1), value=1.0)
        gram += rows.T @ rows
        moment += rows.T @ wanted.flatten(1).T
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    solution = torch.linalg.solve(gram + ridge, moment)
    return solution[:-1].T.reshape(outputs, inputs, 3, 3), solution[-1]


def _centre(conv: nn.Conv2d, matrix: Tensor, bias: Tensor) -> None:
    """Makes the first outputs of ``conv`` the product of ``matrix`` [D, C] and its first inputs, at the centre tap."""
    rows, columns = matrix.shape
    middle = conv.kernel_size[0] // 2
    conv.weight[:rows] = 0
    conv.weight[:rows, :columns, middle, middle] = matrix
    _bias(conv)[:rows] = bias


def _carry(block: nn.Module, count: int) -> None:
    """Lets the first ``count`` channels pass the shortcuts of a block's residual blocks."""
    for resnet in block.resnets:  # type: ignore[union-attr]
        if resnet.conv_shortcut is not None:
            _centre(resnet.conv_shortcut, torch.eye(count), torch.zeros(count))


def _into(conv: nn.Conv2d, layout: _Layout, *, chain: bool) -> None:
    """Makes ``conv`` write its signals in ``layout``: a shortcut by itself, another (``chain``) behind what it does."""
    signals = layout.mix.shape[1]
    if chain:
        weight = torch.einsum("os,sikl->oikl", layout.mix, conv.weight[:signals])
        bias = layout.mix @ _bias(conv)[:signals] + layout.bias
        conv.weight.copy_(weight)
        _bias(conv).copy_(bias)
    else:
        _zero(conv)
        _centre(conv, layout.mix, layout.bias)


def _bias(conv: nn.Conv2d) -> Tensor:
    if conv.bias is None:
        raise ValueError("the convolution must have a bias")
    return conv.bias


def _zero(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.zero_()
