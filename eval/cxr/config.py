"""Settings of the evaluation of chest X-rays."""

from __future__ import annotations

from pydantic import Field, model_validator

from synthgen.config import Section


class FloorConfig(Section):
    """What a release must reach to be fit for use; below, the verdict is INCONCLUSIVE. 0 asks for nothing."""

    coverage: float = Field(0.0, ge=0, le=1, description="Least neutral coverage, as a share of what real images have.")
    labels: float = Field(
        0.5, ge=0, le=1, description="Least macro AUC of requested labels, as a share of the way from 0.5 to real's."
    )
    detail: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Least power at 0.1 to 0.4 cycles per pixel against real images', or theirs against it.",
    )


class EvaluationConfig(Section):
    """How a release of chest X-rays is evaluated. The defaults take a minute or two on one core for 800 images."""

    image_size: int = Field(64, ge=32, le=256, description="Pixels a side to which all images are resized.")
    pixel_size: int = Field(32, ge=8, le=128, description="Pixels a side of the pixel space for distances.")
    max_samples: int = Field(2000, ge=16, description="At most so many records of each set are used, drawn at random.")
    classifier_steps: int = Field(300, ge=1, description="Optimiser steps of each of the three classifiers.")
    classifier_repeats: int = Field(2, ge=1, le=20, description="Trainings of each; their spread is in the intervals.")
    batch_size: int = Field(32, ge=2, description="Images in one step.")
    learning_rate: float = Field(2e-3, gt=0, le=0.1, description="Peak rate of AdamW, on a cosine after a warm-up.")
    width: int = Field(16, ge=8, le=64, multiple_of=8, description="Channels of the classifier's first stage.")
    identity_views: int = Field(
        6, ge=2, le=32, description="Augmented views of each image that fit the identity attack."
    )
    density_dimensions: int = Field(8, ge=1, le=64, description="Principal components of the density attack (DOMIAS).")
    ms_ssim_pairs: int = Field(300, ge=1, description="At most so many image pairs within conditions.")
    encoder: str = Field(
        "", description="An image encoder for one more feature space: hub name, folder or packaged; empty: none."
    )
    neutral: bool = Field(True, description="Fidelity in EfficientNet-Lite0's features too.")
    floor: FloorConfig = FloorConfig()

    @model_validator(mode="after")
    def _measurable(self) -> EvaluationConfig:
        if self.floor.coverage and not self.neutral:
            raise ValueError("floor.coverage is of the neutral features: leave evaluation.neutral at true")
        return self
