"""The grid of samples that training leaves behind at every epoch, for whoever watches it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.files import write_atomically
from synthgen.payloads.cxr import CxrImage


def write_grid(path: Path, images: Sequence[CxrImage], columns: int) -> None:
    """Writes equally sized ``images`` as one PNG, row by row."""
    size, rows = images[0].shape[0], -(-len(images) // columns)
    sheet = np.zeros((rows * size, columns * size), np.uint8)
    for i, image in enumerate(images):
        y, x = divmod(i, columns)
        sheet[y * size : (y + 1) * size, x * size : (x + 1) * size] = image
    buffer = BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG")
    write_atomically(path, buffer.getvalue())
