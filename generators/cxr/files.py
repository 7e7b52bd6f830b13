"""Atomic writes of the model folder: a reader sees a file or folder whole or not at all, whenever the writer dies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.errors import UserError
from synthgen.modalities.cxr.types import CxrImage


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a full disk or a missing permission into one clear line.

    Raises:
        UserError: the operating system refused a write in the block.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write to {folder}: {reason}; free space or choose another folder") from error


def write_file(path: Path, content: bytes) -> None:
    """Writes ``content`` to ``path``: temporary file, fsync, rename."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it takes the place of ``path`` when the block ends well."""
    temporary = path.with_name(path.name + ".tmp")
    with writing(path.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)


def write_grid(path: Path, images: Sequence[CxrImage], columns: int) -> None:
    """Writes equally sized ``images`` as one PNG, row by row."""
    size, rows = images[0].shape[0], -(-len(images) // columns)
    sheet = np.zeros((rows * size, columns * size), np.uint8)
    for i, image in enumerate(images):
        y, x = divmod(i, columns)
        sheet[y * size : (y + 1) * size, x * size : (x + 1) * size] = image
    buffer = BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG")
    write_file(path, buffer.getvalue())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
