"""The decoded cohort: one array file in a private folder, written once, memory-mapped from then on."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort.listing import Listing
from synthgen.progress import Progress

VERSION: Final = 1
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


def pixels(
    listing: Listing, sizes: dict[Path, tuple[int, int]], *, size: int, cache: Path, progress: Progress
) -> NDArray[np.uint8]:
    """All images of the listing as one memory-mapped array, uint8 [n, size, size], read-only.

    Args:
        sizes: bytes and modification time (ns) of every file; with the records they decide whether an earlier array
            serves again.
        cache: a private folder.

    Raises:
        UserError: files that cannot be decoded (all are tried, so that they are found in one go), or no space.
    """
    digest = _digest(listing, sizes, size)
    target = cache / f"pixels-{size}px-{digest[:32]}.npy"
    shape = (len(listing.entries), size, size)
    with contextlib.suppress(OSError, ValueError):  # absent, or damaged
        stored = np.load(target, mmap_mode="r")
        if stored.shape == shape and stored.dtype == np.uint8:
            return np.asarray(stored)
    measure_all(listing, size, progress)
    temporary = target.with_suffix(".part")
    try:
        _write(temporary, listing, shape, progress)
        with _writing(cache):
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    for stale in cache.glob(f"pixels-{size}px-*.npy"):
        if stale != target:
            stale.unlink(missing_ok=True)  # real patients' images: none is kept that is not needed
    return np.asarray(np.load(target, mmap_mode="r"))


def _digest(listing: Listing, sizes: dict[Path, tuple[int, int]], size: int) -> str:
    digest = hashlib.blake2b(f"{VERSION}\0{listing.layout}\0{size}".encode())
    for entry in listing.entries:
        digest.update(f"\n{entry.record}\0{entry.file}\0{sizes[entry.file]}".encode())
    return digest.hexdigest()


def measure_all(listing: Listing, size: int, progress: Progress) -> None:
    """Reads every header first, so that a bad file is told within seconds, not after an hour of decoding."""
    problems: list[str] = []
    small = 0
    for entry in listing.entries:
        try:
            small += min(listing.measure(entry.file)) < size
        except UserError as error:
            problems.append(str(error))
    _refuse(problems)
    if small:
        progress.say(f"{small} of {len(listing.entries)} images have fewer than {size} pixels a side and are enlarged")


def _write(target: Path, listing: Listing, shape: tuple[int, int, int], progress: Progress) -> None:
    # Plain writes, not a writable memory map: a full disk is then an error that can be told, not a SIGBUS.
    problems: list[str] = []
    task = progress.task("read images", total=shape[0], unit="image")
    with _writing(target.parent), open(target, "wb", opener=_owner_only) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for entry in listing.entries:
            try:
                file.write(listing.decode(entry.file, shape[1]).tobytes())
            except UserError as error:
                problems.append(str(error))
            task.advance()
        _refuse(problems)
        file.flush()
        os.fsync(file.fileno())


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _refuse(problems: list[str]) -> None:
    if problems:
        more = len(problems) - _NAMED
        raise UserError("; ".join(problems[:_NAMED]) + (f"; and {more} more images" if more > 0 else ""))
