"""A learnt field keeps its bound, folds nothing, depends on the secret, and its training survives a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from synthgen.errors import UserError
from synthgen.generators.cxr import deforming
from synthgen.generators.cxr.config import DeformerConfig
from synthgen.generators.cxr.deformer import Deformer, bent, deformed, integrated, secrets_of
from synthgen.generators.cxr.deforming import (
    DEFORMER,
    Ensemble,
    attackers_loss,
    deformers_loss,
    fit_deformer,
    open_deformer,
    registered_correlation,
)
from synthgen.payloads.cxr import CxrCondition, CxrReal
from synthgen.progress import Progress, Silent
from synthgen.records import Real

CONFIG = DeformerConfig(nodes=4, steps=4, warmup=1, batch=4, checkpoint_every=1)
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)


def people(count: int = 6) -> list[CxrReal]:
    """Two films of each, smooth."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        base = np.kron(rng.integers(40, 216, (8, 8)), np.ones((8, 8)))
        for visit in range(2):
            image = (base + rng.normal(0, 4, base.shape)).clip(0, 255).astype(np.uint8)
            findings = ("Effusion",) if number % 2 else ()
            made.append(Real(f"p{number}", f"p{number}-{visit}", CxrCondition(findings), image))
    return made


@given(seed=st.integers(0, 2**31), bound=st.floats(0.005, 0.2), size=st.sampled_from([32, 64, 100]))
@settings(max_examples=10, deadline=None)
def test_no_arrow_is_longer_than_the_bound_and_nothing_folds(seed: int, bound: float, size: int) -> None:
    nodes = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(seed)) * 3
    field = integrated(bound * nodes / (1 + nodes.square().sum(1, keepdim=True)).sqrt(), size)[0].numpy() * size
    assert np.sqrt((field**2).sum(axis=0)).max() <= bound * size + 1e-3
    down, right = np.indices((size, size)) + field[::-1]
    area = np.gradient(down, axis=0) * np.gradient(right, axis=1) - np.gradient(down, axis=1) * np.gradient(
        right, axis=0
    )
    assert area.min() > 0


def test_bound_zero_is_the_image_to_the_last_row() -> None:
    assert (deformed(Deformer(4, 0.0), IMAGE, 1) == IMAGE).all()
    images = torch.rand(2, 1, 50, 50)
    assert (bent(images, torch.zeros(2, 2, 50, 50)) - images).abs().max() < 1e-5


def test_an_arrow_to_the_right_takes_what_stands_there() -> None:
    field = torch.zeros(1, 2, 64, 64)
    field[:, 0] = 3 / 64
    found = bent(torch.from_numpy(IMAGE.copy()).float()[None, None], field)[0, 0]
    assert np.allclose(found[:, :-3], IMAGE[:, 3:], atol=1e-2)


def test_the_secret_decides() -> None:
    deformer = Deformer(4, 0.05)
    assert (deformed(deformer, IMAGE, 1) == deformed(deformer, IMAGE, 1)).all()
    assert (deformed(deformer, IMAGE, 1) != deformed(deformer, IMAGE, 2)).mean() > 0.5
    assert not torch.equal(secrets_of([1], 4), secrets_of([2], 4))


def test_correlation_finds_a_shifted_image_and_no_other() -> None:
    image = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 72, 72), 5, 1, 2)
    one, two = image[..., :64, :64], image[..., 4:68, 3:67]
    other = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 64, 64), 5, 1, 2)
    assert registered_correlation(one, one).item() == pytest.approx(1, abs=1e-4)
    assert registered_correlation(one, two).item() > 0.7 > 0.5 > registered_correlation(one, other).item()


def test_each_learns_against_the_other() -> None:
    """With the other held still, a loss falls: the attackers find more, the deformer is found less."""
    torch.manual_seed(0)
    batch = deforming._Batches.of(people(), CONFIG, seed=0)(0)
    deformer, ensemble = Deformer(4, 0.2), Ensemble(1)

    def after(net: torch.nn.Module, loss: object) -> tuple[float, float]:
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        told = []
        for _ in range(15):
            value = loss()  # type: ignore[operator]
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            told.append(value.item())
        return told[0], told[-1]

    first, last = after(ensemble, lambda: attackers_loss(ensemble, batch, batch.changed(deformer)))
    assert last < first - 0.2
    first, last = after(deformer, lambda: deformers_loss(ensemble, batch, batch.changed(deformer), CONFIG))
    assert last < first - 0.05


class KilledError(Exception):
    """The power went."""


class Dying(Silent):
    """Dies after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def task(self, name: str, total: int, unit: str, done: int = 0) -> object:  # type: ignore[override]
        outer = self

        class Task:
            def advance(self, count: int = 1, note: str = "") -> None:
                outer.left -= count
                if outer.left < 0:
                    raise KilledError

        return Task()


def fitted(folder: Path, progress: Progress | None = None, seed: int = 3) -> bytes:
    fit_deformer(people(), CONFIG, 0.04, folder, seed=seed, progress=progress or Silent())
    return (folder / DEFORMER).read_bytes()


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = fitted(tmp_path / "whole")
    for steps in (2, 1):
        with pytest.raises(KilledError):
            fitted(tmp_path / "killed", Dying(steps))
    assert (tmp_path / "killed" / deforming.CHECKPOINT).exists()
    assert fitted(tmp_path / "killed") == whole
    assert fitted(tmp_path / "killed", Dying(0)) == whole  # nothing is learnt twice
    assert not (tmp_path / "killed" / deforming.CHECKPOINT).exists()
    assert fitted(tmp_path / "other", seed=4) != whole


def test_what_was_learnt_is_opened_and_another_training_refused(tmp_path: Path) -> None:
    fitted(tmp_path)
    start, learnt = Deformer(4, 0.04).state_dict(), load_file(tmp_path / DEFORMER)
    assert set(start) == set(learnt)
    assert (deformed(open_deformer(CONFIG, 0.04, tmp_path), IMAGE, 1) != IMAGE).any()
    with pytest.raises(UserError, match="other images or settings"):
        fitted(tmp_path, seed=5)
    (tmp_path / DEFORMER).write_bytes(b"no weights")
    with pytest.raises(UserError, match="missing or damaged"):
        open_deformer(CONFIG, 0.04, tmp_path)
    with pytest.raises(UserError, match="at least 2 training patients"):
        fit_deformer(people(1), CONFIG, 0.04, tmp_path / "one", seed=1, progress=Silent())
    assert not (tmp_path / "one").exists()
