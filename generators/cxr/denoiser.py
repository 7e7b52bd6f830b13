"""The class-conditional denoiser: diffusers' UNet2DConditionModel, conditioned through its class embedding alone."""

from __future__ import annotations

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor, nn

from synthgen.errors import MissingExtraError
from synthgen.generators.cxr.config import DenoiserConfig

_ADAPTED = ("conv1", "conv2", "conv_shortcut", "time_emb_proj", "to_q", "to_k", "to_v", "to_out.0")


def build_denoiser(
    config: DenoiserConfig, *, latent_size: int, latent_channels: int, width: int
) -> UNet2DConditionModel:
    """A new denoiser of latents [B, latent_channels, latent_size, latent_size], conditioned on vectors [B, width].

    The condition is projected and added to the time embedding, which scales and shifts every residual block
    (Dhariwal and Nichol 2021, adaptive group normalisation). There is no cross-attention: ``encoder_hidden_states`` is
    None.
    """
    levels = len(config.channels)
    plain = levels - min(config.attention_levels, levels)
    down = ("DownBlock2D",) * plain + ("AttnDownBlock2D",) * (levels - plain)
    up = ("AttnUpBlock2D",) * (levels - plain) + ("UpBlock2D",) * plain
    return UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        down_block_types=down,
        mid_block_type="UNetMidBlock2D",
        up_block_types=up,
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        norm_num_groups=config.groups,
        attention_head_dim=config.head_width,
        dropout=config.dropout,
        resnet_time_scale_shift="scale_shift",
        class_embed_type="projection",
        projection_class_embeddings_input_dim=width,
    )


def with_additions(unet: UNet2DConditionModel, rank: int) -> UNet2DConditionModel:
    """The same denoiser, of which low-rank additions to its layers are trained, and the layers of the condition.

    Raises:
        MissingExtraError: peft is not installed.
    """
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingExtraError("low-rank tuning", "cxr") from error
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(_ADAPTED)))
    unet.class_embedding.requires_grad_(True)
    return unet


def without_additions(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The same denoiser, the additions added to its weights; one that has none, as it is."""
    if getattr(unet, "peft_config", None):
        unet.fuse_lora()
        unet.unload_lora()
    return unet


def build_scheduler(config: DenoiserConfig) -> DPMSolverMultistepScheduler:
    """The noise schedule and the default solver, as they are saved with the model.

    Scaled-linear betas rescaled to zero terminal SNR, v-prediction and trailing timesteps (Lin et al. 2024, Common
    diffusion noise schedules and sample steps are flawed): exposure differs from film to film, and a schedule that
    never reaches pure noise draws every image at medium brightness. Solver: DPM-Solver++ 2M (Lu et al. 2022).
    """
    return DPMSolverMultistepScheduler(
        num_train_timesteps=config.train_timesteps,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        algorithm_type="dpmsolver++",
        solver_order=2,
    )


class DenoiserLoss(nn.Module):
    """Weighted v-prediction loss; ``forward`` is what is trained, so that wrappers see one module."""

    alphas_cumprod: Tensor

    def __init__(
        self, unet: UNet2DConditionModel, alphas_cumprod: Tensor, min_snr: float, *, half: bool = False
    ) -> None:
        """``half``: the denoiser computes in bfloat16."""
        super().__init__()
        self.unet = unet
        self._half = half
        self._min_snr = min_snr
        self.register_buffer("alphas_cumprod", alphas_cumprod.clone(), persistent=False)

    def forward(self, latents: Tensor, noise: Tensor, timesteps: Tensor, conditions: Tensor, weights: Tensor) -> Tensor:
        """Scalar loss: the mean of :meth:`rows`."""
        return self.rows(latents, noise, timesteps, conditions, weights).mean()

    def rows(self, latents: Tensor, noise: Tensor, timesteps: Tensor, conditions: Tensor, weights: Tensor) -> Tensor:
        """Loss of each row, [B].

        v = alpha * noise - sigma * latents (Salimans and Ho 2022, appendix D), weighted by
        (min(SNR, gamma) + 1) / (SNR + 1): min-SNR weighting for v (Hang et al. 2023, section 3.4) with SNR + 1 clamped
        in the place of SNR, because the plain form gives no weight at zero SNR, where every image begins.

        Args:
            latents, noise: [B, C, H, W]. timesteps: int64 [B]. conditions: [B, D]. weights: [B, 1, H, W] of the places
                of a latent, or [B, 1, 1, 1]; of mean 1.
        """
        alpha2 = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        alpha, sigma = alpha2.sqrt(), (1 - alpha2).sqrt()
        with torch.autocast(latents.device.type, torch.bfloat16, enabled=self._half):
            predicted = self.unet(
                alpha * latents + sigma * noise, timesteps, encoder_hidden_states=None, class_labels=conditions
            ).sample
        error = (weights * (predicted.float() - (alpha * noise - sigma * latents)).square()).mean(dim=(1, 2, 3))
        snr = self.alphas_cumprod[timesteps] / (1 - self.alphas_cumprod[timesteps])
        weight = (snr.clamp(max=self._min_snr) + 1) / (snr + 1)
        loss: Tensor = weight * error
        return loss
