"""The largest preset, on a processor: too slow to be used there, and not to be found broken on somebody's GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthgen.config import load_config
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.phantom_pool import rendered
from synthgen.generators.cxr.training import fit_generator
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.progress import Silent, Task
from synthgen.records import Request

STEPS = 50


class Losses:
    """Progress that keeps the mean losses that a training tells."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def task(self, name: str, total: int, unit: str, done: int = 0) -> Task:
        self._told = self.of.setdefault(name, [])
        return self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._told.append(float(note.split("loss ")[1].split(",")[0]))

    def say(self, line: str) -> None:
        pass


@pytest.mark.slow
def test_the_preset_full_trains_at_256_px_without_a_gpu(tmp_path: Path) -> None:
    fewer = [f"modality.generator.{part}.{what}" for part in ("autoencoder", "denoiser") for what in ("steps", "batch")]
    settings = [f"{key}={STEPS if key.endswith('steps') else 2}" for key in fewer]
    config = load_config(CxrConfig, "cxr", "full", (*settings, "modality.generator.warmup=5"), seed=0)
    generator = config.modality.generator
    assert generator.size == 256
    pool = rendered(tmp_path / "phantoms", 64, 256, DemoCohortConfig(size=256), 0, Silent())
    losses = Losses()
    fit_generator(pool, generator, tmp_path / "model", seed=0, progress=losses)
    for name in ("train autoencoder", "train denoiser"):
        assert len(losses.of[name]) == STEPS
        assert losses.of[name][-1] < losses.of[name][0]
    image = open_generator(tmp_path / "model", generator.sampler, 1)([Request(1, pool[0].condition)])[0].payload
    assert image.shape == (256, 256)
    assert np.ptp(image) > 0
