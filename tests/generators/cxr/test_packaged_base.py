"""The base that ships: nobody's, whole, small, and worth starting from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.generators.cxr import base as bases
from synthgen.generators.cxr.base import CARD, PACKAGED, open_base
from synthgen.generators.cxr.config import DemoCohortConfig, SamplerConfig
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.phantom_pool import PhantomPool, rendered
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Silent
from synthgen.records import Request

FOLDER = Path(bases.__file__).parent / "packaged_base"
SIZE = 128


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> PhantomPool:
    return rendered(tmp_path_factory.mktemp("phantoms"), 64, SIZE, DemoCohortConfig(size=SIZE), 99, Silent())


def drawn(conditions: Sequence[CxrCondition]) -> NDArray[np.uint8]:
    generator = open_generator(FOLDER, SamplerConfig(steps=12), 8)
    samples = generator([Request(i, condition) for i, condition in enumerate(conditions)])
    return np.stack([sample.payload for sample in samples])


@pytest.fixture(scope="module")
def healthy() -> NDArray[np.uint8]:
    return drawn([CxrCondition((), "PA", "F" if i % 2 else "M", 30 + 3 * i) for i in range(16)])


def contrast(images: NDArray[np.uint8]) -> NDArray[np.floating]:
    """How much darker the darkest tenth of an image's middle is than its median: lungs against what surrounds them."""
    middle = images[:, SIZE // 6 : -SIZE // 4, SIZE // 8 : -SIZE // 8].reshape(len(images), -1).astype(np.float64)
    return np.median(middle, axis=1) - np.quantile(middle, 0.1, axis=1)


def test_it_is_nobodys_whole_and_small() -> None:
    base = open_base(PACKAGED, SIZE)
    assert base is not None
    assert "no real one" in base.saw
    card = json.loads((FOLDER / CARD).read_text())
    assert card["digest"] == base.digest
    assert card["command"].startswith("synthgen pretrain")
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 40e6


def test_no_finding_is_no_white_out(healthy: NDArray[np.uint8], pool: PhantomPool) -> None:
    usual = contrast(pool.images[[not condition.findings for condition in pool.conditions]])
    assert (contrast(healthy) > 0.5 * np.quantile(usual, 0.1)).all()


def test_what_it_draws_differs(healthy: NDArray[np.uint8]) -> None:
    flat = healthy.reshape(len(healthy), -1).astype(np.float64)
    alike = np.corrcoef(flat)[np.triu_indices(len(flat), 1)]
    assert alike.max() < 0.99
