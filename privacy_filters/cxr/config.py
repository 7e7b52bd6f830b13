"""Configuration of the chest X-ray privacy filters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section


class IdentityConfig(Section):
    """The patient-retrieval embedding and the patient-verification head.

    The defaults are for real radiographs on two CPU cores; ``configs/cxr`` has the smaller demo setting.
    """

    size: int = Field(96, ge=32, le=512, description="pixels a side of the network's input; a multiple of 16")
    width: int = Field(32, ge=8, le=256, description="channels of the first stage; the three later ones double it")
    depth: int = Field(1, ge=1, le=8, description="residual blocks per stage")
    dimensions: int = Field(128, ge=8, le=2048, description="length of the embedding")
    steps: int = Field(300, ge=1, description="optimiser steps")
    pairs: int = Field(40, ge=0, description="patients per batch who show two different visits, where there are any")
    singles: int = Field(24, ge=0, description="patients per batch who show two augmented views of one image")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="peak rate of AdamW, cosine schedule with warm-up")
    weight_decay: float = Field(0.05, ge=0, le=1, description="decoupled weight decay of the weight matrices")
    temperature: float = Field(0.1, gt=0, le=10, description="temperature of the supervised contrastive loss")
    attributes_weight: float = Field(0.2, ge=0, description="weight of the auxiliary sex and age losses")
    verification_weight: float = Field(0.5, ge=0, description="weight of the verification head's loss")
    augmentation: float = Field(1.0, ge=0, le=2, description="strength of the augmentation; 0 switches it off")
    mirror: bool = Field(True, description="mirror every second batch: mirrored patients are further patients")
    averaging: float = Field(0.995, ge=0, lt=1, description="decay of the running average of the weights")
    views: int = Field(5, ge=1, le=9, description="shifted and scaled views averaged into one embedding")
    base: bool = Field(True, description="start from networks that saw phantoms only, where size and shape are theirs")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="of training; auto: bfloat16, in half the time, on processors that compute in it",
    )
    checkpoint_every: int = Field(50, ge=1, description="steps between checkpoints")
