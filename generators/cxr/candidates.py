"""Somebody else's synthetic radiographs, to be judged by the same gate: a folder of images."""

from __future__ import annotations

from pathlib import Path

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import files_below
from synthgen.generators.cxr.cohort.listing import SUFFIXES
from synthgen.generators.cxr.cohort.pixels import decode
from synthgen.payloads.cxr import CxrImage
from synthgen.progress import Progress


def load_images(folder: Path, *, size: int, progress: Progress) -> list[tuple[str, CxrImage]]:
    """Every PNG and JPEG below ``folder``, in the order of their names, as (relative name, image [size, size]).

    Raises:
        UserError: if the folder does not exist or holds no image, or an image cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    paths = files_below(folder, SUFFIXES)
    if not paths:
        raise UserError(f"{folder} holds no PNG or JPEG image")
    task = progress.task("candidates", len(paths), "image")
    images = []
    for path in paths:
        images.append((path.relative_to(folder).as_posix(), decode(path, size, False).image))  # as it would be released
        task.advance()
    return images
