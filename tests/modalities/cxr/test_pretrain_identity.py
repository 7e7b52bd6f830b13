"""The public base of the identity networks: made of phantoms, opened by whoever has its shape."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from synthgen.modalities.cxr.pretrain_identity import phantom_visits
from synthgen.payloads.cxr import CxrReal
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.identity import CARD, WEIGHTS, Networks
from synthgen.privacy_filters.cxr.identity_base import FOLDER, base_digest, start_from_base
from synthgen.privacy_filters.cxr.identity_training import fit_identity
from synthgen.progress import Silent

TINY = IdentityConfig(size=32, width=8, dimensions=16)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    settings = ("size=32", "width=8", "dimensions=16", "steps=2", "pairs=4")
    subprocess.run(
        [sys.executable, "-m", "synthgen.modalities.cxr.pretrain_identity", "--patients", "5", "--visits", "2"]
        + ["--work", str(folder / "work"), "--out", str(folder / "base")]
        + [word for setting in settings for word in ("--set", setting)],
        check=True,
    )
    return folder / "base"


def test_networks_of_the_same_shape_start_from_the_base(base: Path) -> None:
    networks = Networks(TINY)
    assert start_from_base(networks, TINY, base)
    kept = load_file(base / WEIGHTS)
    assert kept["project.weight"].dtype == torch.float16
    assert torch.equal(networks.encoder.state_dict()["project.weight"], kept["project.weight"].float())


@pytest.mark.parametrize("other", [{"base": False}, {"width": 16}, {"size": 48}, {"depth": 2}, {"dimensions": 8}])
def test_networks_of_another_shape_are_left_alone(base: Path, other: dict[str, int]) -> None:
    config = TINY.model_copy(update=other)
    networks = Networks(config)
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    assert not start_from_base(networks, config, base)
    assert base_digest(config, base) == ""
    assert all(torch.equal(before[name], value) for name, value in networks.state_dict().items())


def test_phantoms_are_drawn_from_seed_and_number_alone() -> None:
    one, same, other = phantom_visits(3, 2, 0), phantom_visits(3, 2, 0), phantom_visits(4, 2, 0)
    assert {r.patient for r in one} == {"p000003"} and [r.record for r in one] == ["v0", "v1"]
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a.payload, b.payload)
    assert (one[0].payload != one[1].payload).any() and (one[0].payload != other[0].payload).any()


def test_the_base_that_ships_is_where_the_default_networks_start(tmp_path: Path) -> None:
    assert (FOLDER / WEIGHTS).stat().st_size < 2_600_000
    assert json.loads((FOLDER / CARD).read_text())["made_by"]["patients"] >= 1000
    people: list[CxrReal] = [r for number in range(3) for r in phantom_visits(number, 2, 1)]
    config = IdentityConfig(steps=1, pairs=3, singles=0, learning_rate=1e-9, views=1)
    fit_identity(people, config, tmp_path / "m", seed=0, progress=Silent())
    fitted, kept = load_file(tmp_path / "m" / WEIGHTS), load_file(FOLDER / WEIGHTS)
    assert torch.allclose(fitted["encoder.project.weight"], kept["project.weight"].float(), atol=1e-6)
