"""The generator that is made to memorise does copy: without that, a gate that refuses it shows nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.generators.cxr.config import (
    AugmentationConfig,
    AutoencoderConfig,
    DenoiserConfig,
    GeneratorConfig,
    SamplerConfig,
)
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.phantom import render, sample_patient, sample_visit
from synthgen.generators.cxr.training import fit_generator
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.progress import Silent
from synthgen.records import Real, Request

SIZE = 64


def memorising_config() -> GeneratorConfig:
    """Settings under which the generator copies its training images: what a release gate must refuse.

    Made for some twenty images at 64 px and about a minute on one core: nothing that holds memorisation back
    (augmentation, dropped conditions), a thousand looks at every image, small networks.
    """
    return GeneratorConfig(
        size=64,
        autoencoder=AutoencoderConfig(channels=(16, 32, 64), latent_channels=16, steps=120),
        denoiser=DenoiserConfig(
            channels=(64, 128),
            layers=1,
            steps=600,
            batch=16,
            learning_rate=1e-3,
            condition_dropout=0.0,
            field_dropout=0.0,
            ema_decay=0.98,
        ),
        augmentation=AugmentationConfig(rotation=0, shift=0, scale=0, contrast=0, brightness=0, copies=1),
        sampler=SamplerConfig(guidance=1.0),
        warmup=20,
    )


def chest(seed: int) -> CxrImage:
    patient = sample_patient(seed)
    return render(patient, sample_visit(seed, patient), (), "PA", SIZE)


def nearest(images: list[CxrImage], others: list[CxrImage]) -> NDArray[np.float64]:
    """Correlation of each image with the most similar one of ``others``."""

    def standard(some: list[CxrImage]) -> NDArray[np.float64]:
        rows = np.stack(some).reshape(len(some), -1).astype(float)
        rows -= rows.mean(1, keepdims=True)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return np.asarray((standard(images) @ standard(others).T).max(1))


@pytest.mark.slow
def test_twenty_patients_are_copied(tmp_path: Path) -> None:
    train = [Real(f"p{i}", f"r{i}", CxrCondition((), "PA", ("F", "M")[i % 2], 20 + 3 * i), chest(i)) for i in range(20)]
    config = memorising_config()
    fit_generator(train, config, tmp_path / "model", seed=0, progress=Silent())
    generator = open_generator(tmp_path / "model", config.sampler, 20)
    drawn = [s.payload for s in generator([Request(i, record.condition) for i, record in enumerate(train)])]
    originals = [record.payload for record in train]
    strangers = [chest(i) for i in range(100, 120)]
    assert np.median(nearest(drawn, originals)) > 0.97
    assert np.median(nearest(drawn, originals)) > np.quantile(nearest(strangers, originals), 0.95)
