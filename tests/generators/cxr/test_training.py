from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_model import SIZE, TINY, blob, cohort

from synthgen.errors import UserError
from synthgen.generators.cxr.augmentation import DRAWS, augment
from synthgen.generators.cxr.autoencoder import to_tensor
from synthgen.generators.cxr.config import AugmentationConfig
from synthgen.generators.cxr.model_folder import model_digest
from synthgen.generators.cxr.optimise import batch_indices
from synthgen.generators.cxr.training import fit_generator
from synthgen.payloads.cxr import CxrReal
from synthgen.progress import Progress, Silent, Task


class StopError(Exception):
    """A kill, as the files see it."""


class StopAfter:
    """Progress that stops the process's work after so many steps, and counts what was done."""

    def __init__(self, steps: int) -> None:
        self.left, self.resumed_at, self.notes = steps, [], []  # type: ignore[var-annotated]

    def task(self, name: str, total: int, unit: str, done: int = 0) -> Task:
        self.resumed_at.append((name, done))
        return self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.notes.append(note)
        self.left -= 1
        if self.left < 0:
            raise StopError

    def say(self, line: str) -> None:
        pass


@given(n=st.integers(1, 40), batch=st.integers(1, 60), seed=st.integers(0, 5))
def test_every_epoch_sees_every_image_once(n: int, batch: int, seed: int) -> None:
    seen = np.concatenate([batch_indices(n, batch, step, seed=seed) for step in range(-(-3 * n // batch))])
    for epoch in range(3):
        assert sorted(seen[epoch * n : (epoch + 1) * n]) == list(range(n))


@pytest.mark.parametrize("stops", [(0,), (3, 2), (7, 1)])
def test_a_killed_training_ends_with_the_same_weights(
    records: list[CxrReal], trained: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    torch.set_num_threads(1)
    for steps in stops:
        with pytest.raises(StopError):
            fit_generator(records, TINY, tmp_path / "model", seed=3, progress=StopAfter(steps))
    fit_generator(records, TINY, tmp_path / "model", seed=3, progress=Silent())
    assert model_digest(tmp_path / "model") == model_digest(trained)


def test_a_rerun_goes_on_where_the_last_checkpoint_is(records: list[CxrReal], tmp_path: Path) -> None:
    progress = StopAfter(9)
    with pytest.raises(StopError):
        fit_generator(records, TINY, tmp_path / "model", seed=3, progress=progress)
    assert progress.resumed_at == [("train autoencoder", 0), ("train denoiser", 0)]
    assert "loss" in progress.notes[0] and "images/s" in progress.notes[0]
    again = StopAfter(0)
    with pytest.raises(StopError):
        fit_generator(records, TINY, tmp_path / "model", seed=3, progress=again)
    assert again.resumed_at == [("train denoiser", 2)]


_CHILD = """
import sys, torch
from pathlib import Path
from tiny_model import TINY, cohort
from synthgen.generators.cxr.training import fit_generator
from synthgen.progress import Silent
torch.set_num_threads(1)
fit_generator(cohort(12), TINY, Path(sys.argv[1]), seed=3, progress=Silent())
"""


def test_sigkill_in_the_middle_changes_nothing(records: list[CxrReal], trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    path = os.pathsep.join([str(Path(__file__).parents[2] / "helpers"), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder)], env=os.environ | {"PYTHONPATH": path})
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "autoencoder.safetensors").exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    torch.set_num_threads(1)
    fit_generator(records, TINY, folder, seed=3, progress=Silent())
    assert model_digest(folder) == model_digest(trained)


def test_a_finished_model_is_left_alone_and_another_training_is_refused(records: list[CxrReal], model: Path) -> None:
    before = model_digest(model)
    progress = StopAfter(0)
    fit_generator(records, TINY, model, seed=3, progress=progress)
    assert progress.resumed_at == []
    assert model_digest(model) == before
    for train, config, seed in (
        (records[:-1], TINY, 3),
        (records, TINY.model_copy(update={"clip": 2.0}), 3),
        (records, TINY, 4),
    ):
        with pytest.raises(UserError, match="other settings or images"):
            fit_generator(train, config, model, seed=seed, progress=Silent())


def test_bad_input_is_one_clear_line(records: list[CxrReal], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="empty"):
        fit_generator([], TINY, tmp_path / "model", seed=0, progress=Silent())
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").touch()
    with pytest.raises(UserError, match="not made by this training"):
        fit_generator(records, TINY, tmp_path / "taken", seed=0, progress=Silent())
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        fit_generator(records, TINY, tmp_path / "file" / "model", seed=0, progress=Silent())


def test_grids_are_drawn_and_the_checkpoints_end_with_the_training(trained: Path) -> None:
    assert Image.open(trained / "samples" / "autoencoder.png").size == (8 * SIZE, 2 * SIZE)
    assert Image.open(trained / "samples" / "step-000006.png").size == (4 * SIZE, 3 * SIZE)
    assert sorted(p.name for p in (trained / "checkpoints").iterdir()) == ["run.json"]


def test_images_of_another_side_are_resampled(trained: Path, tmp_path: Path) -> None:
    large: Progress = Silent()
    records = [type(r)(r.patient, r.record, r.condition, blob(i, 48)) for i, r in enumerate(cohort(12))]
    fit_generator(records, TINY, tmp_path / "model", seed=3, progress=large)
    assert model_digest(tmp_path / "model") != model_digest(trained)


def test_the_global_random_state_is_left_alone(records: list[CxrReal], tmp_path: Path) -> None:
    torch.manual_seed(123)
    want = torch.rand(1)
    torch.manual_seed(123)
    fit_generator(records, TINY, tmp_path / "model", seed=3, progress=Silent())
    assert torch.equal(torch.rand(1), want)


def test_augmentation_moves_images_and_never_flips_them() -> None:
    pixels = to_tensor(np.stack([blob(0)] * 16))
    none = augment(
        pixels, AugmentationConfig(rotation=0, shift=0, scale=0, contrast=0, brightness=0), torch.ones(16, DRAWS)
    )
    assert torch.allclose(none, pixels, atol=1e-4)
    left = pixels.clone()
    left[..., SIZE // 2 :] = 1.0  # only the left half is dark
    draws = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (16, DRAWS)))
    moved = augment(left, AugmentationConfig(), draws)
    assert not torch.allclose(moved, left, atol=1e-2)
    assert (moved[..., : SIZE // 2].mean((1, 2, 3)) < moved[..., SIZE // 2 :].mean((1, 2, 3))).all()
