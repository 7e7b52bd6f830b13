"""Fixtures of the cohort tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cohort_files import PLAIN_HEADER, Listener, Load, write_csv, write_png

from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.records import Loaded


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def load(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Load:
    """Loads a folder at 48 px; keywords go into the configuration."""

    def call(
        data: Path, *, size: int = 48, cache: Path | None = None, **settings: Any
    ) -> Loaded[CxrImage, CxrCondition]:
        cache = cache or tmp_path_factory.mktemp("work") / "cache"
        return load_cohort(data, CohortConfig(**settings), size=size, cache=cache, progress=listener)

    return call


@pytest.fixture
def plain_folder(tmp_path: Path) -> Path:
    """Four images of three patients."""
    folder = tmp_path / "plain"
    rows = [
        ("b/three.png", "p3", "Nodule|Effusion", "", "", ""),
        ("one.png", "p1", "No Finding", "PA", "F", "50"),
        ("two.png", "p1", "Effusion", "AP", "female", "51.0"),
        ("four.png", "p4", "Fibrosis", "PA", "M", "0"),
    ]
    write_csv(folder / "metadata.csv", PLAIN_HEADER, rows)
    for seed, row in enumerate(rows):
        write_png(folder / row[0], seed)
    return folder
