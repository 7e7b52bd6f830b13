"""Where a release is built before it is one: a private folder beside it, locked, that is renamed in one step.

The release appears under its name complete or not at all, whatever ends the run.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synthgen.errors import UserError
from synthgen.signing import SUFFIX

SUMS = "SHA256SUMS"
SIGNATURE = SUMS + SUFFIX
REPORT = "privacy_report.json"

_UNLISTED = {SUMS, SIGNATURE}
"""What ``SHA256SUMS`` does not list: itself, and what is signed of it afterwards."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


@dataclass(frozen=True)
class Staging:
    """A release in the making.

    Attributes:
        out: where it will stand.
        folder: where it is written meanwhile; on the same file system, within a folder of mode 0700.
    """

    out: Path
    folder: Path


def check_output(out: Path, *, config_digest: str | None = None) -> None:
    """Refuses an output folder that could not be sealed, before anything was computed.

    Args:
        out: a path that does not exist, an empty folder, or an earlier release of the same run.
        config_digest: with it, an earlier release is told from one of another run at once; without it, ``seal`` does.

    Raises:
        UserError: ``out`` is something else, or its parent cannot be written.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100 - resolve() would follow a link that stands at `out`
    if not out.name:
        raise UserError(f"--out {out} cannot be a release folder: name a new folder")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError(f"--out {out} exists and is no folder: choose another name")
    if out.is_dir() and any(_listed(out)):
        earlier = _earlier_config(out)
        if earlier is None:
            raise UserError(f"--out {out} exists and was not made by synthgen: choose another folder")
        if config_digest is not None and earlier != config_digest:
            raise UserError(f"--out {out} holds the release of another run: choose another folder")
    above = next(folder for folder in out.parents if folder.exists())
    try:
        Path(tempfile.mkdtemp(prefix=".synthgen-", dir=above)).rmdir()
    except OSError as error:
        raise _write_error(out, error) from error


def check_new(out: Path) -> None:
    """Refuses an output folder that is there already, before anything was computed.

    Raises:
        UserError: ``out`` exists and is not empty, or its parent cannot be written.
    """
    if out.is_dir() and not out.is_symlink() and any(_listed(out)):
        raise UserError(f"--out {out} exists: choose another name")
    check_output(out)


@contextmanager
def staged(out: Path) -> Iterator[Staging]:
    """An empty folder to write the release into; gone when the block ends, unless it was sealed.

    The folder is ``.<name of out>.partial`` and is itself the lock: one left behind by a killed run is taken over, one
    in use is not.

    Raises:
        UserError: another process writes the same release; or, from within the block too, there is no room or no
            permission to write.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100
    private = out.parent / f".{out.name}.partial"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(private, out)
    except OSError as error:
        raise _write_error(out, error) from error
    try:
        for leftover in private.iterdir():
            remove(leftover)
        folder = private / "release"
        folder.mkdir()
        yield Staging(out, folder)
    except OSError as error:
        if error.errno in _NO_ROOM | _NOT_ALLOWED:
            raise _write_error(out, error) from error
        raise
    finally:
        shutil.rmtree(private, ignore_errors=True)
        os.close(lock)


def publish(folder: Path, target: Path) -> None:
    """Moves a finished folder to ``target`` in one step; an empty folder there gives way.

    Raises:
        OSError: ``target`` is something else (ENOTEMPTY, ENOTDIR), or lies on another file system (EXDEV).
    """
    flush(folder)
    folder.rename(target)
    _flush_one(target.parent)


def flush(folder: Path) -> None:
    """Forces the tree onto the disk.

    One ``sync`` for the data, which waits on Linux and costs one flush of the disk's cache where an ``fsync`` per file
    costs thousands; then the folders and the digests, by which anything lost would be noticed.
    """
    os.sync()
    for parent, _, _ in os.walk(folder):
        _flush_one(Path(parent))
    if (folder / SUMS).exists():
        _flush_one(folder / SUMS)


def remove(path: Path) -> None:
    """Removes a file, a link or a tree."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def files_of(folder: Path) -> list[Path]:
    """Every path in the tree that is no folder, sorted by its relative POSIX name."""
    found = [Path(parent, name) for parent, _, files in os.walk(folder) for name in files]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def sums_of(folder: Path) -> str:
    """The text of ``SHA256SUMS`` for the tree, as ``sha256sum -c`` reads it, without itself and its signature."""
    return sums_text(digests_of(folder))


def digests_of(folder: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of every file that ``SHA256SUMS`` lists, by its relative POSIX name; ``known`` ones as they are."""
    found = dict(known or {})
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        if name not in _UNLISTED and name not in found:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def sums_text(digests: Mapping[str, str]) -> str:
    """The lines of ``SHA256SUMS``, sorted by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def _lock(private: Path, out: Path) -> int:
    while True:
        private.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(private, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), private.stat()):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise UserError(f"another synthgen is writing {out}: wait for it, or choose another folder") from error
        except FileNotFoundError:
            pass  # its last owner has just removed it
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _earlier_config(out: Path) -> str | None:
    """The configuration's digest of a release of ours; None for any other folder."""
    try:
        if not (out / SUMS).is_file():
            return None
        digest = json.loads((out / REPORT).read_bytes())["provenance"]["config_digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if isinstance(digest, str) else None


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError as error:
        raise _write_error(folder, error) from error


def _write_error(out: Path, error: OSError) -> UserError:
    if error.errno in _NO_ROOM:
        cure = "free some space, or choose another --out"
    elif error.errno in _NOT_ALLOWED:
        cure = "allow writing to its parent folder, or choose another --out"
    else:
        cure = "choose another --out"
    return UserError(f"cannot write {out}: {error.strerror or 'input/output error'}; {cure}. Nothing was left behind")


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
