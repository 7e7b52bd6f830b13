"""Phantoms are rendered once, in any number of goes; a base is trained on them and on nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_model import TINY

from synthgen.errors import UserError
from synthgen.generators.cxr.base import CARD, open_base
from synthgen.generators.cxr.config import DemoCohortConfig, PretrainingConfig
from synthgen.generators.cxr.phantom import FINDINGS
from synthgen.generators.cxr.phantom_pool import rendered
from synthgen.generators.cxr.pretraining import pretrain
from synthgen.progress import Silent, Task

COHORT = DemoCohortConfig(size=32)


class StopError(Exception):
    """A kill, as the files see it."""


class Stops(Silent):
    """Stops after the first chunk."""

    def task(self, name: str, total: int, unit: str, done: int = 0) -> Task:
        return self

    def advance(self, steps: int = 1, note: str = "") -> None:
        raise StopError


def test_a_pool_that_was_cut_short_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = rendered(tmp_path / "whole", 130, 32, COHORT, 3, Silent())
    with pytest.raises(StopError):
        rendered(tmp_path / "cut", 130, 32, COHORT, 3, Stops())
    table = tmp_path / "cut" / "conditions.jsonl"
    table.write_text(table.read_text()[:-5])  # torn in the middle of a line
    cut = rendered(tmp_path / "cut", 130, 32, COHORT, 3, Silent())
    assert np.array_equal(whole.images, cut.images)
    assert np.array_equal(whole.lesions, cut.lesions)
    assert whole.conditions == cut.conditions
    assert len({record.patient for record in whole}) == len(whole) == 130
    assert whole[-1].record == whole[129].record
    assert {finding for condition in whole.conditions for finding in condition.findings} <= set(FINDINGS)


def test_a_pool_of_other_settings_is_refused(tmp_path: Path) -> None:
    rendered(tmp_path, 4, 32, COHORT, 0, Silent())
    with pytest.raises(UserError, match="phantoms of other settings: choose another work folder"):
        rendered(tmp_path, 5, 32, COHORT, 0, Silent())


def test_lesions_weigh_more_and_every_image_as_much(tmp_path: Path) -> None:
    pool = rendered(tmp_path, 40, 32, COHORT, 0, Silent())
    rows = np.arange(40)
    weights = pool.emphasis(rows, 4.0)
    assert weights.shape == (40, 1, 4, 4)
    assert np.allclose(weights.mean(axis=(1, 2, 3)), 1.0, atol=1e-5)
    ill = [i for i, condition in enumerate(pool.conditions) if condition.findings]
    heaviest = weights[ill].reshape(len(ill), -1).argmax(axis=1)
    assert (pool.lesions[ill].reshape(len(ill), -1)[range(len(ill)), heaviest] > 0).mean() > 0.8
    well = [i for i, condition in enumerate(pool.conditions) if not condition.findings]
    assert np.allclose(weights[well], 1.0)


@pytest.mark.parametrize("channels", [(16, 16, 16), (16, 16)])  # latents of the side that lesions are kept at, or not
def test_a_base_is_trained_written_and_found_again(channels: tuple[int, ...], tmp_path: Path) -> None:
    tiny = TINY.model_copy(update={"augmentation": TINY.augmentation.model_copy(update={"copies": 1})})
    narrow = tiny.autoencoder.model_copy(update={"channels": channels})
    denoiser = tiny.denoiser.model_copy(update={"channels": (16,), "attention_levels": 0})
    config = tiny.model_copy(update={"autoencoder": narrow, "denoiser": denoiser})

    def go() -> None:
        pretrain(
            tmp_path / "base",
            phantoms=COHORT,
            pretraining=PretrainingConfig(phantoms=64),
            generator=config,
            scratch=tmp_path / "scratch",
            seed=0,
            progress=Silent(),
        )

    go()
    card = json.loads((tmp_path / "base" / CARD).read_text())
    assert "64 simulated radiographs" in card["saw"]
    assert str(tmp_path) not in json.dumps(card)
    base = open_base(str(tmp_path / "base"), 32)
    assert base is not None
    assert base.digest == card["digest"]
    before = (tmp_path / "base" / CARD).read_bytes()
    go()
    assert (tmp_path / "base" / CARD).read_bytes() == before
    (tmp_path / "base" / CARD).unlink()
    with pytest.raises(UserError, match="is not empty and is no base"):
        go()
