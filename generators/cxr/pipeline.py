"""Draws synthetic chest radiographs from the model folder that this file lies in; needs torch and diffusers alone.

A copy of it lies in every model folder. What it draws is unscreened: see the README beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AutoencoderDC, AutoencoderKL, DiffusionPipeline, DPMSolverMultistepScheduler, ImagePipelineOutput
from diffusers import UNet2DConditionModel as UNet
from PIL import Image


class RadiographPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Class-conditional latent diffusion with classifier-free guidance (Ho and Salimans 2022, eq. 6).

    Args:
        fields: the places of the condition vector, e.g. ``"finding:Effusion"``, ``"view:PA"``, ``"unconditional"``.
        steps, guidance: what is drawn with unless a call says otherwise.
    """

    def __init__(
        self,
        vae: AutoencoderDC | AutoencoderKL,
        unet: UNet,
        scheduler: DPMSolverMultistepScheduler,
        fields: Sequence[str] = (),
        steps: int = 20,
        guidance: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_modules(vae=vae, unet=unet, scheduler=scheduler)
        self.register_to_config(fields=list(fields), steps=steps, guidance=guidance)

    @torch.inference_mode()
    def __call__(
        self,
        wanted: Sequence[str] = (),
        count: int = 1,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        generator: torch.Generator | None = None,
    ) -> ImagePipelineOutput:
        """``count`` grayscale images of one condition.

        Args:
            wanted: fields that are 1; an unknown view, sex or age is simply not among them.

        Raises:
            ValueError: a field that the model does not have.
        """
        vae, unet, device = self.vae, self.unet, self.device
        condition, null = self._vector(wanted), self._vector(["unconditional"])
        labels = torch.stack([condition] * count + [null] * count).to(device)
        side = unet.config.sample_size
        latents = torch.randn(count, unet.config.in_channels, side, side, generator=generator).to(device)
        scale = self.config.guidance if guidance is None else guidance
        self.scheduler.set_timesteps(steps or self.config.steps, device=device)
        for t in self.progress_bar(self.scheduler.timesteps):
            v, v0 = unet(torch.cat([latents] * 2), t, None, class_labels=labels).sample.chunk(2)
            latents = self.scheduler.step(v0 + scale * (v - v0), t, latents).prev_sample
        shift = vae.config.get("shift_factor") or 0.0
        pixels = vae.decode(latents / vae.config.scaling_factor + shift).sample.mean(1)
        gray = ((pixels + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()
        return ImagePipelineOutput(images=[Image.fromarray(image) for image in gray])

    def _vector(self, wanted: Sequence[str]) -> torch.Tensor:
        unknown = sorted(set(wanted) - set(self.config.fields))
        if unknown:
            raise ValueError(f"no field {unknown[0]!r}: give some of {', '.join(self.config.fields)}")
        return torch.tensor([float(field in wanted) for field in self.config.fields])
