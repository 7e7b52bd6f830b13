"""One tiny trained model for all tests of the generator: seconds of training."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tiny_model import TINY, cohort

from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.generators.cxr.training import fit_generator
from synthgen.payloads.cxr import CxrReal
from synthgen.progress import Silent


@pytest.fixture(scope="session")
def records() -> list[CxrReal]:
    return cohort(12)


@pytest.fixture(scope="session")
def trained(records: list[CxrReal], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model; not to be written to."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    fit_generator(records, TINY, folder, seed=3, progress=Silent())
    return folder


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may spoil."""
    return Path(shutil.copytree(trained, tmp_path / "model"))


@pytest.fixture(scope="session")
def generator(trained: Path) -> CxrGenerator:
    return open_generator(trained, TINY.sampler, 4)
