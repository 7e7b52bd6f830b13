from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler

from synthgen.generators.cxr.config import DenoiserConfig
from synthgen.generators.cxr.denoiser import DenoiserLoss, build_denoiser, build_scheduler

CONFIG = DenoiserConfig(channels=(16, 32), attention_levels=1, layers=1, groups=8, head_width=16)
EVENLY = torch.ones(1, 1, 1, 1)


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_the_condition_reaches_the_output(levels: int) -> None:
    torch.manual_seed(0)
    config = CONFIG.model_copy(update={"attention_levels": levels})
    unet = build_denoiser(config, latent_size=8, latent_channels=3, width=5).eval()
    latents, t = torch.randn(2, 3, 8, 8), torch.tensor([5, 5])
    with torch.no_grad():
        one, two = (unet(latents, t, None, class_labels=c * torch.ones(2, 5)).sample for c in (0, 1))
    assert one.shape == latents.shape
    assert not torch.allclose(one, two)
    assert any("to_q" in name for name, _ in unet.named_parameters()) == (levels > 0)


def test_the_schedule_ends_in_pure_noise() -> None:
    assert build_scheduler(CONFIG).alphas_cumprod[-1] < 1e-6
    assert build_scheduler(CONFIG).alphas_cumprod[0] > 0.99


def test_targets_and_noising_are_those_of_diffusers() -> None:
    scheduler = build_scheduler(CONFIG)
    reference = DDPMScheduler.from_config(scheduler.config)
    latents, noise, t = torch.randn(4, 3, 8, 8), torch.randn(4, 3, 8, 8), torch.tensor([0, 300, 700, 998])
    seen: list[torch.Tensor] = []

    class Oracle(torch.nn.Module):
        def forward(self, sample: torch.Tensor, *_: object, **__: object) -> object:
            seen.append(sample)
            velocity = reference.get_velocity(latents, noise, t)
            return type("Output", (), {"sample": velocity})()

    loss = DenoiserLoss(Oracle(), scheduler.alphas_cumprod, 5.0)  # type: ignore[arg-type]
    assert float(loss(latents, noise, t, torch.zeros(4, 5), EVENLY)) < 1e-8
    assert torch.allclose(seen[0], reference.add_noise(latents, noise, t), atol=1e-5)


def test_pure_noise_has_weight_and_little_noise_has_less() -> None:
    scheduler = build_scheduler(CONFIG)

    class Zero(torch.nn.Module):
        def forward(self, sample: torch.Tensor, *_: object, **__: object) -> object:
            return type("Output", (), {"sample": torch.zeros_like(sample)})()

    loss = DenoiserLoss(Zero(), scheduler.alphas_cumprod, 5.0)  # type: ignore[arg-type]
    torch.manual_seed(0)
    latents, noise, conditions = torch.randn(64, 3, 8, 8), torch.randn(64, 3, 8, 8), torch.zeros(64, 5)
    last, first = (float(loss(latents, noise, torch.full((64,), t), conditions, EVENLY)) for t in (999, 0))
    assert 0.8 < last < 1.2
    assert first < 0.05


def test_where_the_weight_is_an_error_counts() -> None:
    class Wrong(torch.nn.Module):
        """Wrong by one in the first column of a latent, where nothing is to be predicted."""

        def forward(self, sample: torch.Tensor, *_: object, **__: object) -> object:
            found = torch.zeros_like(sample)
            found[..., 0] = 1
            return type("Output", (), {"sample": found})()

    loss = DenoiserLoss(Wrong(), build_scheduler(CONFIG).alphas_cumprod, 5.0)  # type: ignore[arg-type]
    nothing, t, conditions = torch.zeros(2, 3, 4, 4), torch.tensor([500, 500]), torch.zeros(2, 5)
    there, elsewhere = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    there[..., 0], elsewhere[..., 0] = 4, 0
    even = float(loss(nothing, nothing, t, conditions, EVENLY))
    assert float(loss(nothing, nothing, t, conditions, there)) == pytest.approx(4 * even)
    assert float(loss(nothing, nothing, t, conditions, elsewhere)) == 0
