"""What the cohort tests write: invented rows and computed images."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from synthgen.errors import UserError
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.progress import Silent
from synthgen.records import Loaded

PLAIN_HEADER = ("file_name", "patient_id", "labels", "view", "sex", "age")


class Listener(Silent):
    """Keeps what a loader says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def chest(seed: int, height: int = 64, width: int = 64) -> NDArray[np.uint8]:
    """A bright ground with two dark ovals, other in every seed; the corners differ, so that flips are seen."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    image = 170 + 60 * y + 20 * x
    for center in (0.3, 0.7):
        image = image - 130 * np.exp(-(((x - center) / 0.13) ** 4) - ((y - 0.45 - 0.05 * rng.random()) / 0.3) ** 4)
    return (image + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def write_png(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(chest(seed)).save(path)


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


Load = Callable[..., Loaded[CxrImage, CxrCondition]]


def refused(load: Load, data: Path, *words: str, **settings: object) -> str:
    """The one line of the refusal, which has these words in it."""
    with pytest.raises(UserError) as caught:
        load(data, **settings)
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line, line
    return line
