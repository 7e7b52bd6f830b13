"""What can be chosen about the fine-tuning of a chat model on the training patients' transcripts."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from synthgen.config import Section


class LoraSection(Section):
    """Low-rank adapters (Hu et al. 2022) beside every linear layer of the base model."""

    rank: int = Field(16, ge=1, le=1024, description="Rank of each adapter")
    alpha: float = Field(32.0, gt=0, le=4096, description="Scale of the adapters: their product times alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before each adapter")


class CanaryConfig(Section):
    """Secrets planted in the transcripts before training, to measure afterwards what the model gives away."""

    count: int = Field(0, ge=0, le=10_000, description="Canaries to plant; 0 plants none")
    repetitions: tuple[int, ...] = Field(
        (1, 4, 16),
        min_length=1,
        description="How often a canary is said, in turn: the first canary as often as the first",
    )
    space: Literal["digits", "words"] = Field(
        "digits", description="What a secret is drawn from: digits, or words of a fixed list"
    )
    length: int = Field(9, ge=2, le=32, description="Digits or words of a secret")
    references: int = Field(
        1023,
        ge=15,
        le=1_000_000,
        description="Secrets of the same space, never planted, to rank the planted by",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if min(self.repetitions) < 0:
            raise ValueError(f"repetitions must be >= 0, got {self.repetitions}")
        secrets = (10 if self.space == "digits" else 64) ** self.length
        if secrets < 100 * (self.count + self.references):
            raise ValueError(
                f"length ({self.length}) leaves {secrets} secrets, too few to draw "
                f"{self.count + self.references} from: "
                "make it longer"
            )
        return self


class FitConfig(Section):
    """The training of the adapters. Only the assistant's words are trained on; both sides take the assistant's part."""

    adapt: bool = Field(True, description="Train adapters of the base model; false uses the base as it is")
    epochs: float = Field(3.0, gt=0, le=1000, description="Passes over as many sequences as the transcripts give")
    batch: int = Field(16, ge=1, le=4096, description="Sequences per step, over all processes")
    micro_batch: int = Field(4, ge=1, le=4096, description="Sequences at once on a device; gradients are accumulated")
    max_tokens: int = Field(2048, ge=32, le=131_072, description="Longest sequence; sessions are cut between turns")
    learning_rate: float = Field(2e-4, gt=0, le=1e-1, description="Peak learning rate of AdamW")
    warmup: int = Field(10, ge=0, description="Steps over which the learning rate rises")
    clip: float = Field(1.0, gt=0, description="Largest norm of a gradient")
    weight_decay: float = Field(0.0, ge=0, le=1, description="Weight decay of AdamW")
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints")
    mixed_precision: bool = Field(True, description="bfloat16 where there is a GPU that has it")
    gradient_checkpointing: bool = Field(False, description="Less memory for a third more time")
    excerpts: int = Field(2, ge=1, le=16, description="Excerpts of transcripts to keep, where few_shot asks for them")
    excerpt_turns: int = Field(8, ge=2, le=64, description="Utterances of each excerpt")
    lora: LoraSection = LoraSection()
    canaries: CanaryConfig = CanaryConfig()


class PrivateSgdConfig(Section):
    """DP-SGD on few weights of a public chat model; its noise follows from epsilon, the patient being the unit.

    The longest sequence is that of the other training, ``fit.max_tokens``.
    """

    rank: int = Field(16, ge=1, le=64, description="Rank of the additions, of which one of two matrices is trained")
    layers: int = Field(1, ge=1, le=1024, description="Additions are made to so many of the last layers")
    targets: tuple[str, ...] = Field(
        ("down_proj",),
        description="Ends of the names of linear layers to add to; empty takes those that peft takes for the base",
    )
    batch: int = Field(32, ge=1, description="Patients a step, in the mean; each is drawn by a coin of its own")
    steps: int = Field(30, ge=1, description="Training steps")
    records: int = Field(1, ge=1, description="Most sessions of one patient in a step, drawn at random")
    draws: int = Field(2, ge=1, description="Windows of each of them in a step, from as many parts of it")
    clip: float = Field(1e-3, gt=0, description="Largest norm of a patient's mean gradient")
    learning_rate: float = Field(3e-2, gt=0, le=1, description="Learning rate of Adam")
    ema_decay: float = Field(0.9, ge=0, lt=1, description="Final decay of the moving average of the weights")
    half: bool = Field(False, description="The base's weights in bfloat16, with less memory; additions stay in float32")
    rows: int = Field(8, ge=1, description="Most windows that are computed together: memory, no part of the guarantee")
