"""Writing so that a crash leaves the old file or the new one, and private folders that only their owner reads."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthgen.errors import UserError


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
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
