"""Drawing radiographs from a trained model: one noise per request, a fixed shape of the batch, guidance in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from synthgen.generators.cxr.autoencoder import Autoencoder, decode, encode, latent_shape, to_images, to_tensor
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.config import SamplerConfig
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrSynthetic
from synthgen.records import Request, Synthetic


class Solver(Protocol):
    """What is used of a diffusers scheduler, after ``set_timesteps``."""

    timesteps: Tensor

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor) -> SchedulerOutput: ...


def solver_of(scheduler: DPMSolverMultistepScheduler, config: SamplerConfig, device: torch.device) -> Solver:
    """The saved scheduler with the solver and the steps of ``config``, ready for one pass."""
    solver: DPMSolverMultistepScheduler | DDIMScheduler
    if config.kind == "ddim":  # Song et al. 2021, eq. 12 with eta = 0
        solver = DDIMScheduler.from_config(scheduler.config, clip_sample=False)
    else:
        solver = DPMSolverMultistepScheduler.from_config(scheduler.config)
    solver.set_timesteps(config.steps, device=device)
    return cast(Solver, solver)


def noise_of(seed: int | tuple[int, ...], shape: Sequence[int]) -> Tensor:
    """Standard normal noise of one sample.

    PCG64 takes the whole seed; torch's generator on the CPU uses its lower 32 bits alone, so that among 10,000 seeds of
    64 bits two would draw the same image with a chance of 1%.
    """
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(tuple(shape), np.float32))


def denoise(
    unet: UNet2DConditionModel,
    solver: Solver,
    latents: Tensor,
    conditions: Tensor,
    null: Tensor,
    guidance: float,
    first_step: int = 0,
) -> Tensor:
    """Solves from the noisy ``latents`` [B, C, H, W] at the solver's step ``first_step`` down to clean ones.

    Classifier-free guidance (Ho and Salimans 2022, eq. 6 in the form null + guidance * (conditional - null)) costs one
    pass over 2B rows per step; with a guidance of 1 there is one pass over B rows.

    Args:
        conditions, null: [B, D].
    """
    guided = guidance != 1.0
    labels = torch.cat([conditions, null]) if guided else conditions
    for t in solver.timesteps[first_step:]:
        rows = torch.cat([latents, latents]) if guided else latents
        predicted = unet(rows, t, encoder_hidden_states=None, class_labels=labels).sample
        if guided:
            conditional, unconditional = predicted.chunk(2)
            predicted = unconditional + guidance * (conditional - unconditional)
        latents = solver.step(predicted, t, latents).prev_sample
    return latents


@dataclass(frozen=True)
class CxrGenerator:
    """A fitted generator of chest radiographs.

    Attributes:
        rows: shape of every batch. Request j is computed in row j mod ``rows``, and missing rows are padding, so that
            the rounding of a sample does not depend on how many others are asked for; None computes exactly what is
            asked, in one batch.
        size: side of the images, pixels.
    """

    vae: Autoencoder
    unet: UNet2DConditionModel
    scheduler: DPMSolverMultistepScheduler
    encoding: Encoding
    sampler: SamplerConfig
    rows: int | None
    size: int

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The findings that can be asked for, sorted; "No Finding" is a condition without any of them."""
        return self.encoding.findings

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of one latent: channels, height, width."""
        return latent_shape(self.vae, self.size)

    def __call__(self, requests: Sequence[Request[CxrCondition]]) -> list[CxrSynthetic]:
        """One radiograph per request.

        Raises:
            UserError: a finding that is not in ``vocabulary``.
        """
        conditions = [request.condition for request in requests]
        self.encoding.encode(conditions)  # refuses before anything is computed
        rows = self.rows or max(1, len(requests))
        images: list[CxrImage] = []
        for start in range(0, len(requests), rows):
            chunk = requests[start : start + rows]
            noise = torch.zeros(rows, *self.latent_shape)
            for j, request in enumerate(chunk):
                noise[j] = noise_of(request.seed, self.latent_shape)
            images += self._draw(noise, [request.condition for request in chunk], 0)[: len(chunk)]
        return [Synthetic(r.seed, r.condition, image) for r, image in zip(requests, images, strict=True)]

    def autoencoder_round_trip(self, images: Sequence[CxrImage]) -> list[CxrImage]:
        """``images`` [size, size] encoded and decoded: copies in the generator's own domain."""
        out: list[CxrImage] = []
        for start in range(0, len(images), self._chunk):
            with torch.inference_mode():
                pixels = self._pixels(images[start : start + self._chunk])
                out += to_images(decode(self.vae, encode(self.vae, pixels)))
        return out

    def noised_round_trip(
        self, images: Sequence[CxrImage], conditions: Sequence[CxrCondition | None], *, strength: float, seed: int
    ) -> list[CxrImage]:
        """``images`` noised and denoised under ``conditions`` (SDEdit, Meng et al. 2022).

        Args:
            conditions: None asks for nothing.
            strength: share of the noise schedule that is run, in (0, 1]: near 0 returns the autoencoder's copy, 1
                starts from noise alone.
            seed: image i takes the noise of (seed, i).
        """
        if not 0 < strength <= 1:
            raise ValueError(f"strength must be in (0, 1], got {strength}")
        steps = self.sampler.steps
        first = steps - max(1, round(steps * strength))
        out: list[CxrImage] = []
        for start in range(0, len(images), self._chunk):
            chunk = images[start : start + self._chunk]
            noise = torch.stack([noise_of((seed, start + j), self.latent_shape) for j in range(len(chunk))])
            with torch.inference_mode():
                latents = encode(self.vae, self._pixels(chunk))
                solver = solver_of(self.scheduler, self.sampler, self._device)
                alpha2 = self.scheduler.alphas_cumprod[solver.timesteps[first].cpu()].to(self._device)
                noisy = alpha2.sqrt() * latents + (1 - alpha2).sqrt() * noise.to(self._device)
            out += self._draw(noisy, conditions[start : start + self._chunk], first)
        return out

    @property
    def _device(self) -> torch.device:
        return torch.device(self.unet.device)

    @property
    def _chunk(self) -> int:
        return self.rows or 32

    def _pixels(self, images: Sequence[CxrImage]) -> Tensor:
        return to_tensor(np.stack(images)).to(self._device)

    def _draw(self, noisy: Tensor, conditions: Sequence[CxrCondition | None], first_step: int) -> list[CxrImage]:
        """Denoises and decodes one batch; rows beyond ``conditions`` are padding, drawn without a condition."""
        vectors = self.encoding.null(len(noisy))
        null = torch.from_numpy(vectors.copy()).to(self._device)
        for row, condition in enumerate(conditions):
            if condition is not None:
                vectors[row] = self.encoding.encode([condition])[0]
        with torch.inference_mode():
            solver = solver_of(self.scheduler, self.sampler, self._device)
            labels = torch.from_numpy(vectors).to(self._device)
            latents = denoise(
                self.unet, solver, noisy.to(self._device), labels, null, self.sampler.guidance, first_step
            )
            return to_images(decode(self.vae, latents))
