"""What is kept beyond one work folder: a private folder of the user with a random key, and the log of tries.

$SYNTHGEN_STATE, or $XDG_STATE_HOME/synthgen, or ~/.local/state/synthgen (XDG Base Directory Specification 0.8).
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from synthgen.digests import KEY_BYTES
from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically

VARIABLE = "SYNTHGEN_STATE"
_KEY, _LOCK = "key", ".lock"


@dataclass(frozen=True)
class State:
    """The folder (mode 0700) and the random key in it (mode 0600), under which digests of cohorts and runs stand."""

    folder: Path
    key: bytes


def state_folder() -> Path | None:
    """Where the state lies or would lie; None for a user without a home."""
    if own := os.environ.get(VARIABLE):
        return Path(own).absolute()
    home = os.environ.get("XDG_STATE_HOME", "")
    if Path(home).is_absolute():
        return Path(home) / "synthgen"
    with suppress(RuntimeError):
        return Path.home() / ".local" / "state" / "synthgen"
    return None


def open_state(*, create: bool = True) -> State | None:
    """The user's state, made where it is absent; None where it cannot be had (a home that is read-only, or none).

    Args:
        create: False only looks for one.
    """
    folder = state_folder()
    if folder is None:
        return None
    try:
        if create and not (folder / _KEY).exists():
            _make(folder)
        key = (folder / _KEY).read_bytes()
    except (OSError, UserError):
        return None
    return State(folder, key) if len(key) == KEY_BYTES else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for this process alone; waits for its turn.

    Raises:
        OSError: the folder cannot be written.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(folder: Path) -> None:
    private_folder(folder)
    with locked(folder):
        if not (folder / _KEY).exists():
            write_atomically(folder / _KEY, secrets.token_bytes(KEY_BYTES))
