"""The decoded cohort: one array file in a private folder, written once, memory-mapped from then on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort.listing import Listing
from synthgen.generators.cxr.cohort.pixels import ImageError
from synthgen.progress import Progress

VERSION: Final = 4
"""Raised whenever decoding changes, so that arrays decoded otherwise are not reused."""
_NAMED: Final = 3


def private_folder(folder: Path) -> Path:
    """The folder, made where it is absent, readable by its owner alone. Raises UserError where it cannot be."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    return folder


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {place}: {error.strerror}") from error


@dataclass(frozen=True)
class Decoded:
    """The images of a listing.

    Attributes:
        images: uint8 [n, size, size], a row for every entry, memory-mapped and read-only.
        unread: the rows of entries that cannot be read, and why; black.
        notes: what had to be guessed, and of how many images.
    """

    images: NDArray[np.uint8]
    unread: Mapping[int, str]
    notes: Mapping[str, int]


def pixels(
    listing: Listing,
    sizes: dict[Path, tuple[int, int]],
    *,
    size: int,
    cache: Path,
    progress: Progress,
    skip_unread: bool = False,
) -> Decoded:
    """All images of the listing as one array.

    Args:
        sizes: bytes and modification time (ns) of every file; with the records they decide whether an earlier array
            serves again.
        cache: a private folder.
        skip_unread: whether images that cannot be read are left out instead of refused.

    Raises:
        UserError: files that cannot be decoded (all are tried, so that they are found in one go), or no space.
    """
    digest = _digest(listing, sizes, size, skip_unread)
    target = cache / f"pixels-{size}px-{digest[:32]}.npy"
    shape = (len(listing.entries), size, size)
    with contextlib.suppress(OSError, ValueError, KeyError):  # absent, or damaged
        return _stored(target, shape)
    unread = _measured(listing, size, progress, skip_unread)
    temporary = target.with_suffix(".part")
    try:
        _write(temporary, target.with_suffix(".json"), listing, shape, progress, unread, skip_unread)
        with _writing(cache):
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    for stale in cache.glob(f"pixels-{size}px-*"):
        if stale.stem != target.stem:
            stale.unlink(missing_ok=True)  # real patients' images: none is kept that is not needed
    return _stored(target, shape)


def _stored(target: Path, shape: tuple[int, int, int]) -> Decoded:
    images = np.load(target, mmap_mode="r")
    if images.shape != shape or images.dtype != np.uint8:
        raise ValueError(f"{target} is of another shape")
    told = json.loads(target.with_suffix(".json").read_text("utf-8"))
    return Decoded(np.asarray(images), {int(row): why for row, why in told["unread"].items()}, told["notes"])


def _digest(listing: Listing, sizes: dict[Path, tuple[int, int]], size: int, skip_unread: bool) -> str:
    digest = hashlib.blake2b(f"{VERSION}\0{listing.layout}\0{size}\0{skip_unread}".encode())
    for entry in listing.entries:
        digest.update(f"\n{entry.record}\0{entry.file}\0{sizes[entry.file]}\0{entry.inverted}".encode())
    return digest.hexdigest()


def _measured(listing: Listing, size: int, progress: Progress, skip_unread: bool) -> dict[int, str]:
    """Reads every header first, so that a bad file is told within seconds, not after an hour of decoding."""
    unread: dict[int, ImageError] = {}
    small = 0
    for row, entry in enumerate(listing.entries):
        try:
            small += min(listing.measure(entry.file)) < size
        except ImageError as error:
            unread[row] = error
    refuse_unread(list(unread.values()), len(listing.entries), skip_unread)
    if small:
        progress.say(f"{small} of {len(listing.entries)} images have fewer than {size} pixels a side and are enlarged")
    return {row: error.reason for row, error in unread.items()}


def _write(
    target: Path,
    told: Path,
    listing: Listing,
    shape: tuple[int, int, int],
    progress: Progress,
    unread: dict[int, str],
    skip_unread: bool,
) -> None:
    # Plain writes, not a writable memory map: a full disk is then an error that can be told, not a SIGBUS.
    problems: list[ImageError] = []
    notes: Counter[str] = Counter()
    task = progress.task("read images", total=shape[0], unit="image")
    black = bytes(shape[1] * shape[2])
    with _writing(target.parent), open(target, "wb", opener=_owner_only) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for row, entry in enumerate(listing.entries):
            try:
                shown = None if row in unread else listing.decode(entry.file, shape[1], entry.inverted)
            except ImageError as error:
                problems.append(error)
                unread[row], shown = error.reason, None
            file.write(black if shown is None else shown.image.tobytes())
            notes.update(() if shown is None else shown.notes)
            task.advance()
        refuse_unread(problems, shape[0], skip_unread)
        file.flush()
        os.fsync(file.fileno())
    with _writing(told.parent), open(told, "w", encoding="utf-8", opener=_owner_only) as file:
        json.dump({"unread": unread, "notes": notes}, file)


def refuse_unread(problems: Sequence[ImageError], of: int, skip: bool) -> None:
    """Raises UserError for images that cannot be read, with their number, the first ones and the way round."""
    if problems and not skip:
        more = len(problems) - _NAMED
        told = "; ".join(str(problem) for problem in problems[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise UserError(
            f"{len(problems)} of {of} images cannot be read: {told}; or set modality.cohort.damaged=skip, which leaves "
            f"{'it' if len(problems) == 1 else 'them'} out"
        )


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
