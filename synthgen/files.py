"""Writing so that a crash leaves the old file or the new one, and private folders that only their owner reads."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthgen.errors import UserError

_DEMO_LICENCE = """CC0-1.0

Simulated by synthgen: nobody is in it, and no record of a person went into it. Its makers have waived all their rights
in it (Creative Commons Zero 1.0 Universal, https://creativecommons.org/publicdomain/zero/1.0/). The first line is what
a release that is made from it states as the licence of its source. The program is under the Apache License 2.0.
"""


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk or a missing permission in the block into one line that says what to do."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else _rust_error_number(error)
        if number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise UserError(f"the disk of {folder} is full: free some space and run the same command again") from None
        if number in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise UserError(f"no permission to write in {folder}: change it, or choose another folder") from None
        if number in {errno.ENOTDIR, errno.EISDIR}:
            raise UserError(f"cannot write to {folder}: it, or a part of its path, is a file; choose another") from None
        raise


def _rust_error_number(error: Exception) -> int | None:
    """safetensors, written in Rust, reports the system's errors as text: ``… (os error 28)``."""
    found = re.search(r"\(os error (\d+)\)$", str(error))
    return int(found.group(1)) if found else None


def private_folder(folder: Path) -> Path:
    """Makes ``folder`` (mode 0700) if need be, and takes others' access to it away.

    Raises:
        UserError: if it cannot be made or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: choose a folder")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    return folder


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a private file in one step: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it takes the place of ``path`` when the block ends well."""
    temporary = path.with_name(path.name + ".tmp")
    with disk_errors(path.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
        _sync(path.parent)


@contextmanager
def demo_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill with a demo cohort; it becomes ``folder``, with its licence, when the block ends well.

    Raises:
        UserError: ``folder`` exists and is not empty, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not an empty folder: choose another place for the demo cohort")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}") from error
    try:
        yield unfinished
        (unfinished / "LICENSE.txt").write_text(_DEMO_LICENCE, encoding="utf-8")
        unfinished.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sync(path: Path) -> None:
    """Waits until a file, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
