from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderDC, AutoencoderKL
from pydantic import ValidationError
from tiny_model import TINY, blob

from synthgen.errors import UserError
from synthgen.generators.cxr.autoencoder import (
    Autoencoder,
    AutoencoderLoss,
    build_autoencoder,
    decode,
    encode,
    focal_frequency_loss,
    laplacian_loss,
    normalise_latents,
    read_autoencoder,
    texture_loss,
    to_images,
    to_tensor,
)
from synthgen.generators.cxr.config import AutoencoderConfig
from synthgen.generators.cxr.transform_coding import start_as_transform_code

IMAGES = np.stack([blob(i) for i in range(8)])


def fresh(channels: tuple[int, ...] = (16, 32), latent_channels: int = 4) -> AutoencoderDC:
    torch.manual_seed(0)
    vae = build_autoencoder(AutoencoderConfig(channels=channels, latent_channels=latent_channels), 32)
    assert isinstance(vae, AutoencoderDC)
    return vae


@torch.no_grad()
def error(vae: Autoencoder) -> float:
    pixels = to_tensor(IMAGES)
    return float((decode(vae, encode(vae, pixels)) - pixels).abs().mean())


def test_pixels_survive_the_way_to_tensors_and_back() -> None:
    assert np.array_equal(np.stack(to_images(to_tensor(IMAGES))), IMAGES)


@pytest.mark.parametrize("channels", [(16, 16), (16, 32, 64), (32, 64, 128), (12, 16, 16)])
def test_an_untrained_autoencoder_already_is_a_transform_code(channels: tuple[int, ...]) -> None:
    vae = fresh(channels)
    before = error(vae)
    start_as_transform_code(vae, to_tensor(IMAGES))
    with torch.no_grad():
        latents = encode(vae, to_tensor(IMAGES))
    assert error(vae) < 0.25 * before
    assert error(vae) < 0.06  # of a range of 2
    spread = latents.std((0, 2, 3))
    assert float(latents.mean((0, 2, 3)).abs().max()) < 0.1
    assert abs(float(latents.square().mean()) - 1) < 0.2
    assert (spread[:-1] > spread[1:]).all()  # the main component first


def test_normalising_scales_the_latents_and_keeps_the_copies() -> None:
    vae = AutoencoderKL(1, 1, block_out_channels=(8,), norm_num_groups=4, scaling_factor=0.3, shift_factor=0.2)
    with torch.no_grad():
        before = encode(vae, to_tensor(IMAGES))
        copies = decode(vae, before)
        normalise_latents(vae, before)
        after = encode(vae, to_tensor(IMAGES))
        assert abs(float(after.mean())) < 1e-4
        assert abs(float(after.std()) - 1) < 1e-4
        assert torch.allclose(decode(vae, after), copies, atol=1e-4)


def test_it_is_read_from_its_folder_as_it_was_written(tmp_path: Path) -> None:
    vae = fresh()
    start_as_transform_code(vae, to_tensor(IMAGES))
    with torch.no_grad():
        normalise_latents(vae, 3 * encode(vae, to_tensor(IMAGES)))
        vae.save_pretrained(tmp_path)
        pixels = to_tensor(IMAGES)
        assert torch.equal(encode(read_autoencoder(tmp_path).eval(), pixels), encode(vae.eval(), pixels))


def test_losses_are_zero_for_copies_and_see_blur() -> None:
    pixels = to_tensor(IMAGES)
    blurred = torch.nn.functional.avg_pool2d(pixels, 3, 1, 1)
    for loss in (laplacian_loss, focal_frequency_loss, texture_loss):
        assert float(loss(pixels, pixels)) == 0
        assert float(loss(blurred, pixels)) > 0
    # Of two errors of the same size, the fine one costs more than the flat one.
    ripple = 0.1 * torch.ones_like(pixels)
    ripple[..., ::2] *= -1
    assert float(laplacian_loss(pixels + ripple, pixels)) > 2 * float(laplacian_loss(pixels + 0.1, pixels))


@pytest.mark.parametrize("seed", range(3))
def test_grain_counts_by_its_strength_and_not_by_its_place(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    grain, other = (0.1 * torch.randn(4, 1, 64, 64, generator=rng) for _ in range(2))
    unlike, weak, none = (float(texture_loss(made, grain)) for made in (other, 0.5 * other, torch.zeros_like(grain)))
    assert 2 * unlike < weak < none


def test_a_pretrained_autoencoder_of_three_channels_is_fed_the_gray_image_thrice(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vae = AutoencoderKL(3, 3, block_out_channels=(8,), norm_num_groups=4, latent_channels=2)
    vae.save_pretrained(tmp_path / "vae")
    config = AutoencoderConfig(pretrained=str(tmp_path / "vae"), steps=0)
    loaded = build_autoencoder(config, 32)
    with torch.no_grad():
        latents = encode(loaded, to_tensor(IMAGES))
        want = vae.encode(to_tensor(IMAGES).repeat(1, 3, 1, 1)).latent_dist.mean * vae.config.scaling_factor
        assert torch.allclose(latents, want, atol=1e-5)
        assert to_images(decode(loaded, latents))[0].shape == (32, 32)
    assert AutoencoderLoss(loaded, config)(to_tensor(IMAGES), torch.zeros_like(latents)).isfinite()
    loaded.save_pretrained(tmp_path / "copy")
    assert str(tmp_path) not in (tmp_path / "copy" / "config.json").read_text()


def test_a_pretrained_autoencoder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"autoencoder\.pretrained: no AutoencoderKL in safetensors"):
        build_autoencoder(AutoencoderConfig(pretrained=str(tmp_path / "nothing")), 32)


def test_a_pretrained_autoencoder_in_pickle_is_refused(tmp_path: Path) -> None:
    vae = AutoencoderKL(3, 3, block_out_channels=(8,), norm_num_groups=4, latent_channels=2)
    vae.save_pretrained(tmp_path / "vae", safe_serialization=False)
    with pytest.raises(UserError, match="safetensors"):
        build_autoencoder(AutoencoderConfig(pretrained=str(tmp_path / "vae")), 32)


def test_settings_without_room_for_the_code_are_refused() -> None:
    with pytest.raises(ValidationError, match="too narrow"):
        AutoencoderConfig(channels=(16, 16), latent_channels=17)
    for channels in ((16, 30), (16, 80)):
        with pytest.raises(ValidationError, match="multiples of 4, each at most 4 times"):
            AutoencoderConfig(channels=channels, latent_channels=2)
    with pytest.raises(ValidationError, match="steps must be > 0"):
        AutoencoderConfig(steps=0)
    assert TINY.autoencoder.pretrained == ""
