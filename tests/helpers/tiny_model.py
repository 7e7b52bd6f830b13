"""What the generator's tests share: a tiny configuration, pictures that stand for chests, a cohort of them."""

from __future__ import annotations

import numpy as np

from synthgen.generators.cxr.config import (
    AugmentationConfig,
    AutoencoderConfig,
    DenoiserConfig,
    GeneratorConfig,
    SamplerConfig,
)
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, Sex, View
from synthgen.records import Real

SIZE = 32
_FINDINGS: tuple[tuple[str, ...], ...] = ((), ("Effusion",), ("Edema", "Effusion"))
_VIEWS: tuple[View, ...] = ("PA", "AP", "")
_SEXES: tuple[Sex, ...] = ("F", "M", "")

TINY = GeneratorConfig(
    size=SIZE,
    autoencoder=AutoencoderConfig(channels=(16, 16), latent_channels=3, steps=6, batch=2),
    denoiser=DenoiserConfig(
        channels=(16, 32), attention_levels=1, layers=1, groups=8, head_width=16, steps=6, batch=4, ema_decay=0.5
    ),
    augmentation=AugmentationConfig(copies=2),
    sampler=SamplerConfig(steps=4, guidance=2.0),
    warmup=2,
    checkpoint_every=2,
    sample_every=100,
)


def blob(seed: int, size: int = SIZE) -> CxrImage:
    """A smooth picture [size, size] with two dark ovals, all its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    image = 0.7 + 0.1 * rng.standard_normal() * y
    for centre in (0.3, 0.7):
        dx, dy = rng.normal(0, 0.03, 2)
        image = image - 0.5 * np.exp(-(((x - centre - dx) / 0.15) ** 2) - ((y - 0.5 - dy) / 0.3) ** 2)
    return (image.clip(0, 1) * 255).astype(np.uint8)


def cohort(n: int) -> list[CxrReal]:
    return [
        Real(
            f"patient-{i:03d}",
            f"secret-{i:03d}.png",
            CxrCondition(_FINDINGS[i % 3], _VIEWS[i % 3], _SEXES[i // 2 % 3], 20 + i if i % 4 else None),
            blob(i),
        )
        for i in range(n)
    ]
