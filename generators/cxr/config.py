"""What can be chosen about the chest X-ray generator. Lengths are steps of optimisation, images are square."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from synthgen.config import Section


class AutoencoderConfig(Section):
    """The autoencoder between images and latents: its shape, its loss and its training."""

    pretrained: str = Field("", description="Hub name or folder of an AutoencoderKL to start from; empty: from scratch")
    channels: tuple[int, ...] = Field(
        (32, 64, 128),
        min_length=2,
        max_length=6,
        description="Width at a half, a quarter, an eighth … of the side; the latent has the last one's side",
    )
    layers: int = Field(1, ge=1, le=4, description="Residual blocks per resolution")
    latent_channels: int = Field(16, ge=1, le=64, description="Channels of a latent")
    steps: int = Field(900, ge=0, description="Training steps; 0 only with a pretrained autoencoder")
    batch: int = Field(8, ge=1, le=4096, description="Images per step, over all processes")
    learning_rate: float = Field(5e-4, gt=0, le=1e-1, description="Peak learning rate of AdamW")
    laplacian: float = Field(1.0, ge=0, le=100, description="Weight of the Laplacian-pyramid term")
    frequency: float = Field(0.05, ge=0, le=100, description="Weight of the focal frequency term")
    texture: float = Field(0.5, ge=0, le=100, description="Weight of the term of local power, from 0.1 cycles/px on")
    noise: float = Field(0.03, ge=0, le=1, description="Standard deviation of the noise that latents bear in training")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        widths = self.channels
        if any(width % 4 or 4 * width % above for width, above in zip(widths, (*widths[1:], 4), strict=True)):
            raise ValueError(f"channels {widths} must be multiples of 4, each at most 4 times the one before")
        if widths[0] < 12 or widths[-1] < self.latent_channels:
            raise ValueError(
                f"channels {widths} are too narrow for {self.latent_channels} latent channels: the first must be at "
                "least 12, the last at least as wide as the latent"
            )
        if self.steps == 0 and not self.pretrained:
            raise ValueError("steps must be > 0 unless pretrained names an autoencoder")
        return self


class DenoiserConfig(Section):
    """The class-conditional denoiser of the latents and its training."""

    channels: tuple[int, ...] = Field(
        (64, 128, 128), min_length=1, max_length=6, description="Width of each resolution"
    )
    attention_levels: int = Field(2, ge=0, le=6, description="How many of the coarsest resolutions have self-attention")
    layers: int = Field(2, ge=1, le=4, description="Residual blocks per resolution")
    groups: int = Field(16, ge=1, le=32, description="Groups of the group normalisation; divides every width")
    head_width: int = Field(32, ge=1, le=256, description="Channels of an attention head; divides every width")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout inside the residual blocks")
    steps: int = Field(2500, ge=1, description="Training steps")
    batch: int = Field(32, ge=1, le=8192, description="Latents per step, over all processes")
    learning_rate: float = Field(5e-4, gt=0, le=1e-1, description="Peak learning rate of AdamW")
    condition_dropout: float = Field(0.1, ge=0, lt=1, description="Share of latents trained without a condition")
    field_dropout: float = Field(0.1, ge=0, lt=1, description="Share of known views, sexes, ages trained as unknown")
    min_snr: float = Field(5.0, gt=0, description="Gamma of the min-SNR weighting (Hang et al. 2023)")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="Final decay of the moving average of the weights")
    train_timesteps: int = Field(1000, ge=10, le=10000, description="Timesteps of the noise schedule")
    beta_start: float = Field(0.00085, gt=0, lt=1, description="First beta of the scaled-linear schedule")
    beta_end: float = Field(0.012, gt=0, lt=1, description="Last beta, before rescaling to zero terminal SNR")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(width % self.groups for width in self.channels):
            raise ValueError(f"groups ({self.groups}) must divide every one of channels {self.channels}")
        if any(width % self.head_width for width in self.channels[len(self.channels) - self.attention_levels :]):
            raise ValueError(f"head_width ({self.head_width}) must divide the channels that have attention")
        if self.beta_start >= self.beta_end:
            raise ValueError(f"beta_start ({self.beta_start}) must be below beta_end ({self.beta_end})")
        return self


class SamplerConfig(Section):
    """How images are drawn from a trained model."""

    kind: Literal["dpmsolver++", "ddim"] = Field("dpmsolver++", description="Solver; both are deterministic")
    steps: int = Field(20, ge=1, le=1000, description="Solver steps")
    guidance: float = Field(1.5, ge=0, le=20, description="Classifier-free guidance; 1 is none")


class AugmentationConfig(Section):
    """Light changes to the training images. Never a flip: the heart is on the left."""

    rotation: float = Field(3.0, ge=0, le=15, description="Largest rotation, degrees")
    shift: float = Field(0.03, ge=0, le=0.2, description="Largest shift, share of the image's side")
    scale: float = Field(0.03, ge=0, le=0.2, description="Largest change of scale, share")
    contrast: float = Field(0.08, ge=0, le=0.5, description="Largest change of contrast, share")
    brightness: float = Field(0.04, ge=0, le=0.5, description="Largest change of brightness, share of the range")
    copies: int = Field(4, ge=1, le=64, description="Latents cached per image: the image and its augmented versions")


class TuningConfig(Section):
    """What of a base is changed when it is fitted to a cohort."""

    autoencoder: Literal["frozen", "decoder", "full"] = Field("decoder", description="What of the autoencoder is tuned")
    denoiser: Literal["low_rank", "full"] = Field(
        "full", description="All of the denoiser, or low-rank additions to its layers beside its condition layers"
    )
    rank: int = Field(16, ge=1, le=256, description="Rank of the additions (LoRA, Hu et al. 2022)")


class GeneratorConfig(Section):
    """The chest X-ray generator: latent diffusion on diffusers' own parts."""

    size: int = Field(128, ge=16, le=1024, description="Side of the generated images, pixels")
    base: str = Field(
        "none",
        min_length=1,
        description="Model to start from: none, packaged (the one that synthgen brings along, 128 px), a model folder "
        "as synthgen pretrain writes it, a name on the hub; the shapes of its networks then stand for those below",
    )
    tuning: TuningConfig = TuningConfig()
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    denoiser: DenoiserConfig = DenoiserConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    sampler: SamplerConfig = SamplerConfig()
    warmup: int = Field(100, ge=0, description="Steps over which each learning rate rises")
    clip: float = Field(1.0, gt=0, description="Largest norm of a gradient")
    weight_decay: float = Field(0.01, ge=0, le=1, description="Weight decay of AdamW")
    checkpoint_every: int = Field(200, ge=1, description="Steps between checkpoints")
    sample_every: int = Field(1000, ge=1, description="Steps between sample grids (private, in the model's folder)")
    mixed_precision: bool = Field(True, description="The denoiser in bfloat16 where the GPU or the CPU computes in it")

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if not self.autoencoder.pretrained:
            factor = 2 ** (len(self.autoencoder.channels) + len(self.denoiser.channels) - 1)
            if self.size % factor:
                raise ValueError(f"size ({self.size}) must be a multiple of {factor}: it is halved at every resolution")
        return self


class PrivateSgdConfig(Section):
    """DP-SGD on few parameters of a base; its noise follows from epsilon (Abadi et al. 2016, the patient as unit)."""

    trained: Literal["scales", "normalisation", "low_rank"] = Field(
        "scales",
        description="What of the denoiser is trained: the scales of its normalisations, these and their shifts, or "
        "low-rank additions to its attention",
    )
    rank: int = Field(1, ge=1, le=64, description="Rank of the additions (LoRA, Hu et al. 2022)")
    batch: int = Field(64, ge=1, description="Patients a step, in the mean; each is drawn by a coin of its own")
    steps: int = Field(50, ge=1, description="Training steps")
    records: int = Field(1, ge=1, description="Most images of one patient in a step, drawn at random")
    draws: int = Field(2, ge=1, description="How often each of them is used in a step, at other timesteps and noise")
    clip: float = Field(1e-4, gt=0, description="Largest norm of a patient's mean gradient")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Learning rate of Adam")
    ema_decay: float = Field(0.98, ge=0, lt=1, description="Final decay of the moving average of the weights")
    rows: int = Field(32, ge=1, description="Most rows that are computed together: memory, no part of the guarantee")


class PretrainingConfig(Section):
    """What the public base is trained on."""

    phantoms: int = Field(16_000, ge=64, le=10_000_000, description="Simulated radiographs, each of another person")
    lesions: float = Field(
        4.0, ge=0, le=100, description="How much more a place that a finding has changed weighs in the denoiser's loss"
    )


class DeformerConfig(Section):
    """The network that bends radiographs of patients, and its training against those who would recognise them."""

    nodes: int = Field(8, ge=3, le=32, description="Nodes of the velocity's grid, a side")
    steps: int = Field(700, ge=1, description="Training steps")
    warmup: int = Field(150, ge=0, description="Steps in which the attackers alone learn, on drawn fields")
    batch: int = Field(12, ge=2, le=4096, description="Patients per step")
    learning_rate: float = Field(1e-3, gt=0, le=1e-1, description="Peak learning rate of AdamW, of attackers too")
    verification: float = Field(1.0, ge=0, le=100, description="Weight of the network that verifies patients")
    retrieval: float = Field(1.0, ge=0, le=100, description="Weight of the search by its embedding")
    correlation: float = Field(1.0, ge=0, le=100, description="Weight of registered correlation")
    findings: float = Field(1.0, ge=0, le=100, description="Weight of what a classifier of findings loses")
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints")


class ConditionConfig(Section):
    """The conditions of a release."""

    least_patients: int = Field(5, ge=1, description="a label set is used when so many training patients have it")
    labels: dict[str, float] = Field(
        default_factory=dict,
        description="weight of each label set, e.g. {'No Finding': 1, 'Edema|Effusion': 1}; empty takes the cohort's",
    )


class DemoCohortConfig(Section):
    """The simulated cohort."""

    patients: int = Field(400, ge=1, le=1_000_000, description="Simulated patients.")
    size: int = Field(128, ge=32, le=1024, description="Pixels on a side.")
    share_second_visit: float = Field(0.4, ge=0, le=1, description="Share of patients with more than one image.")
    share_third_visit: float = Field(0.15, ge=0, le=1, description="Of those, share with a third.")
    share_no_finding: float = Field(0.35, ge=0, le=1, description="Share of patients without any finding at first.")
    mean_findings: float = Field(1.5, ge=1, le=4, description="Mean number of findings of the others.")
    share_ap: float = Field(0.35, ge=0, le=1, description="Share of AP views.")
    persistence: float = Field(0.9, ge=0, le=1, description="Chance that a chronic finding is still there.")
