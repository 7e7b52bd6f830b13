"""Phantoms to pretrain on: rendered once, with the places of their lesions, and kept on disk; nobody is among them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.files import disk_errors, private_folder
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.demo_cohort import draw_findings
from synthgen.generators.cxr.phantom import render_with_masks, sample_patient, sample_visit
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, View
from synthgen.progress import Progress
from synthgen.records import Real

CELL = 8
"""Pixels on a side of a cell in which the share of lesion is kept."""
Drawn = tuple[CxrImage, NDArray[np.uint8], CxrCondition]
"""A radiograph, the shares of lesion in its cells, and its condition."""
Draw = Callable[[int], Drawn]
_CHUNK = 64
_STREAM = 0xBA5E


@dataclass(frozen=True)
class PhantomPool(Sequence[CxrReal]):
    """Simulated radiographs, each of another simulated person.

    Attributes:
        images: uint8 [N, S, S], a file that is mapped.
        lesions: uint8 [N, S / 8, S / 8], share of each cell that a finding has changed, 255 for all of it.
        conditions: N.
    """

    images: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    conditions: tuple[CxrCondition, ...]

    def __len__(self) -> int:
        return len(self.conditions)

    @overload
    def __getitem__(self, place: int) -> CxrReal: ...
    @overload
    def __getitem__(self, place: slice) -> list[CxrReal]: ...
    def __getitem__(self, place: int | slice) -> CxrReal | list[CxrReal]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        name = f"phantom{range(len(self))[place]:07d}"
        return Real(name, name, self.conditions[place], np.asarray(self.images[place]))

    def emphasis(self, rows: NDArray[np.int64], weight: float) -> NDArray[np.float32]:
        """Weights [B, 1, S / 8, S / 8] of mean 1 in each image, lesions ``1 + weight`` times as heavy as the rest."""
        share = self.lesions[rows].astype(np.float32)[:, None] / 255.0
        weights = 1.0 + weight * share
        return np.asarray(weights / weights.mean(axis=(1, 2, 3), keepdims=True), dtype=np.float32)


def rendered(
    folder: Path, count: int, size: int, config: DemoCohortConfig, seed: int, progress: Progress
) -> PhantomPool:
    """The pool in ``folder``; goes on where an earlier call with the same arguments was cut short.

    Raises:
        UserError: the folder holds another pool, or cannot be written; a size that is no multiple of 8.
    """
    about = json.dumps({"count": count, "size": size, "seed": seed, "cohort": config.model_dump(mode="json")})
    return filled(folder, count, size, about, lambda row: _phantom(row, size, config, seed), progress)


def filled(folder: Path, count: int, size: int, about: str, draw: Draw, progress: Progress) -> PhantomPool:
    """A pool of what ``draw`` makes of the numbers from 0; ``about`` says in JSON what that depends on.

    Raises:
        UserError: the folder holds another pool, or cannot be written; a size that is no multiple of 8.
    """
    if size % CELL:
        raise UserError(f"size ({size}) must be a multiple of {CELL}")
    private_folder(folder)
    mark, table = folder / "pool.json", folder / "conditions.jsonl"
    if mark.exists() and mark.read_text(encoding="utf-8") != about:
        raise UserError(f"{folder} holds phantoms of other settings: choose another work folder")
    with disk_errors(folder):
        mark.write_text(about, encoding="utf-8")
        images = _mapped(folder / "images.npy", (count, size, size))
        lesions = _mapped(folder / "lesions.npy", (count, size // CELL, size // CELL))
        _render_rest(images, lesions, table, draw, progress)
    conditions = tuple(CxrCondition.from_dict(json.loads(line)) for line in _lines(table))
    return PhantomPool(images, lesions, conditions)


def _render_rest(
    images: NDArray[np.uint8], lesions: NDArray[np.uint8], table: Path, draw: Draw, progress: Progress
) -> None:
    """Images first, then the lines that say that they are there."""
    count = len(images)
    done = _lines(table)
    done = done if len(done) == count else done[: len(done) // _CHUNK * _CHUNK]
    table.write_text("".join(f"{line}\n" for line in done), encoding="utf-8")
    task = progress.task("simulate", count, "phantom", len(done))
    for start in range(len(done), count, _CHUNK):
        rows = range(start, min(start + _CHUNK, count))
        lines = []
        for row in rows:
            images[row], lesions[row], condition = draw(row)
            lines.append(json.dumps(condition.as_dict()))
        images.flush()  # type: ignore[attr-defined]  # a memmap
        lesions.flush()  # type: ignore[attr-defined]
        with table.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
        task.advance(len(rows))


def _phantom(row: int, size: int, config: DemoCohortConfig, seed: int) -> Drawn:
    rng = np.random.default_rng([seed, row, _STREAM])
    patient = sample_patient(int(rng.integers(2**62)))
    findings = tuple(sorted(draw_findings(rng, patient, config, None)))
    view: View = "AP" if rng.random() < config.share_ap else "PA"
    image, masks = render_with_masks(patient, sample_visit(int(rng.integers(2**62)), patient), findings, view, size)
    return image, in_cells(masks.lesions), CxrCondition(findings, view, patient.sex, patient.age)


def in_cells(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Share of a mask [size, size] in each cell, [size / 8, size / 8], 255 for all of it."""
    n = len(mask) // CELL
    return np.asarray(np.round(255 * mask.reshape(n, CELL, n, CELL).mean(axis=(1, 3))), dtype=np.uint8)


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _lines(path: Path) -> list[str]:
    """Whole lines: a torn one's phantom is rendered again."""
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
