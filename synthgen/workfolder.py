"""The private work folder of one run: mode 0700, one process at a time, one configuration for its lifetime."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synthgen.config import RunConfig
from synthgen.digests import KEY_BYTES, keyed
from synthgen.errors import SeeWorkFolderError, UserError
from synthgen.files import disk_errors, private_folder, write_atomically
from synthgen.settings import CONFIG, as_yaml, changes
from synthgen.state import open_state

_RUN = "run.json"
_LOCK = ".lock"
_KEY = "key"
_BEFORE = ".cohort-before"
_MADE: Final = ("model", "screen", "shards", "scratch", "audit", "quarantine", "operator", "changed")
"""Parts of a work folder that hold work; a cohort's cache is none."""


@dataclass(frozen=True)
class Workfolder:
    """Where everything private of a run lies: the cohort's cache, model, filters, shards, ledger, quarantine."""

    folder: Path

    @property
    def cohort(self) -> Path:
        return self.folder / "cohort"

    @property
    def demo(self) -> Path:
        return self.folder / "demo-cohort"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def screen(self) -> Path:
        return self.folder / "screen"

    @property
    def audit(self) -> Path:
        return self.folder / "audit"

    @property
    def operator(self) -> Path:
        return self.folder / "operator"

    @property
    def changed(self) -> Path:
        return self.folder / "changed"

    @property
    def key(self) -> bytes:
        """The run's random key (mode 0600), under which every digest stands that leaves this folder.

        Raises:
            UserError: it is not the one that the work was begun with, which was lost or damaged.
        """
        if not (self.folder / _KEY).exists():
            write_atomically(self.folder / _KEY, _new_key(self.noted("modality"), self.noted("config")))
        key = (self.folder / _KEY).read_bytes()
        self._claim("keyed", keyed(key, "claim"), "another key, which is lost or damaged")
        return key

    def begin(self) -> None:
        """Work begins: from now on a refusal leaves everything where it is, and the same command resumes."""
        shutil.rmtree(self.folder / _BEFORE, ignore_errors=True)

    @contextmanager
    def made_elsewhere(self, out: Path) -> Iterator[None]:
        """Work that is written to ``out`` has begun as soon as something lies there, however the block ends."""
        before = _has_files(out)
        try:
            yield
        finally:
            if _has_files(out):
                self.begin()
                self.note("begun", "yes" if not before else self.noted("begun"))

    @property
    def empty(self) -> bool:
        """True while nothing was fitted, generated or judged. A cohort's cache is no work."""
        return not self.noted("begun") and not any(_has_files(self.folder / part) for part in _MADE)

    def note(self, key: str, value: str) -> None:
        """Writes a fact of the run down, in place of an earlier one of that name."""
        self._write({**_read(self.folder / _RUN), key: value})

    def noted(self, key: str) -> str:
        """A fact that was noted; empty where none was."""
        return _read(self.folder / _RUN).get(key, "")

    def claim_cohort(self, digest: str) -> None:
        """Records the digest of the split cohort, or refuses another one than was recorded.

        Raises:
            UserError: if the work folder was begun with another cohort or split.
        """
        self._claim("cohort", digest, "another cohort or split (or --exclude list)")

    def claim_model(self, digest: str) -> None:
        """Likewise for the model that fills the shards."""
        self._claim("model", digest, "another model")

    def claim_settings(self, digest: str, config: RunConfig[Any] | None) -> None:
        """Likewise for the settings, which are kept in readable form too, but for the seed.

        Raises:
            UserError: if the work folder was begun with other settings; the line says which, and never a seed.
        """
        kept = self.folder / CONFIG
        told = "configuration, --set, -n or --seed"
        if config is not None and kept.exists():
            told = "; ".join(changes(kept.read_text("utf-8"), config)) or "another --seed"
        self._claim("config", digest, f"other settings ({told})")
        if config is not None and not kept.exists():
            write_atomically(kept, as_yaml(config).encode())

    def unclaim(self) -> None:
        """Lets other settings follow a refusal that came before any work."""
        run = _read(self.folder / _RUN)
        self._write({key: run[key] for key in ("modality", "seed") if key in run})
        (self.folder / CONFIG).unlink(missing_ok=True)

    def _claim(self, key: str, value: str, what: str) -> None:
        run = _read(self.folder / _RUN)
        if run.get(key, value) != value:
            raise UserError(f"the work folder {self.folder} was begun with {what}: use a new --work")
        if key not in run:
            self._write({**run, key: value})

    def _write(self, run: dict[str, str]) -> None:
        write_atomically(self.folder / _RUN, json.dumps(run, sort_keys=True, indent=1).encode())


@contextmanager
def opened(
    folder: Path,
    *,
    modality: str,
    config_digest: str,
    seed: int | None = None,
    config: RunConfig[Any] | None = None,
) -> Iterator[Workfolder]:
    """Makes or reopens a work folder, and holds its lock while the block runs.

    A refusal (:class:`UserError`) that comes before anything was fitted leaves no trace: a folder that was made is
    gone, and one that was there is as it was.

    Args:
        config_digest: of all settings, the seed among them; private, like whatever lies in the folder.
        seed: of the run; written down, so that the same command finds it again (:func:`recorded_seed`).
        config: the settings themselves, to be kept, and to say what differs from those of an earlier run.

    Raises:
        UserError: if the folder is not a work folder, belongs to a run with other settings, or is in use.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _RUN).exists():
        others = [p.name for p in folder.iterdir() if p.name not in {_LOCK, _KEY} and not p.name.startswith(f".{_RUN}")]
        if others:
            raise UserError(f"{folder} exists and is not a work folder of synthgen: choose another --work")
    before = _Before.of(folder)
    private_folder(folder)
    with _locked(folder, "wait for it, or use another"):
        work = Workfolder(folder.resolve())
        before.keep()
        try:
            work._claim("modality", modality, "another modality")
            work.claim_settings(config_digest, config)
            if seed is not None:
                work.note("seed", str(seed))
            for part in (work.cohort, work.screen):
                private_folder(part)
            yield work
        except SeeWorkFolderError:
            if work.empty:
                work.unclaim()
            raise
        except UserError:
            if before.kept or (before.run is None and work.empty):
                before.restore()
            raise
        finally:
            shutil.rmtree(folder / _BEFORE, ignore_errors=True)


@contextmanager
def reopened(folder: Path) -> Iterator[Workfolder]:
    """Holds the lock of a work folder that is there, whatever run it is of; nothing is made or claimed.

    Raises:
        UserError: it is no work folder, or is in use.
    """
    with disk_errors(folder):
        if not (folder / _RUN).is_file():
            raise UserError(f"{folder} is no work folder of synthgen: give the --work of a run")
        private_folder(folder)
        with _locked(folder, "wait until it has ended"):
            yield Workfolder(folder.resolve())


@contextmanager
def _locked(folder: Path, advice: str) -> Iterator[None]:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is using the work folder {folder}: {advice}") from None
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Before:
    """A work folder as it was before a call, to which a refused call goes back.

    The cohort's cache is kept by links to its files, which writers replace and never change.

    Attributes:
        mode: of the folder; None where there was none.
        above: the nearest folder that was there.
        run: the record of the run; None where there was none.
    """

    folder: Path
    mode: int | None
    above: Path
    names: frozenset[str]
    run: bytes | None

    @staticmethod
    def of(folder: Path) -> _Before:
        with disk_errors(folder):
            folder = folder.absolute()
            run = (folder / _RUN).read_bytes() if (folder / _RUN).is_file() else None
            names = frozenset(p.name for p in folder.iterdir()) if folder.is_dir() else frozenset[str]()
            above = next(one for one in (folder, *folder.parents) if one.exists())
            return _Before(folder, folder.stat().st_mode & 0o777 if folder.is_dir() else None, above, names, run)

    @property
    def kept(self) -> bool:
        """True until work begins, see :meth:`Workfolder.begin`."""
        return (self.folder / _BEFORE).is_dir()

    def keep(self) -> None:
        shutil.rmtree(self.folder / _BEFORE, ignore_errors=True)
        (self.folder / _BEFORE).mkdir(mode=0o700)
        if self.run is not None and (self.folder / "cohort").is_dir():
            with suppress(OSError):  # a file system without links: a cache is made again
                shutil.copytree(self.folder / "cohort", self.folder / _BEFORE / "cohort", copy_function=os.link)

    def restore(self) -> None:
        kept = self.folder / _BEFORE / "cohort"
        if kept.is_dir():
            shutil.rmtree(self.folder / "cohort", ignore_errors=True)
            kept.rename(self.folder / "cohort")
        for path in self.folder.iterdir():
            if path.name not in self.names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if self.run is not None:
            write_atomically(self.folder / _RUN, self.run)
        elif self.mode is None:
            for folder in (self.folder, *self.folder.parents):
                if folder == self.above:
                    return
                folder.rmdir()
        if self.mode is not None:
            self.folder.chmod(self.mode)


def recorded_modality(folder: Path) -> str:
    """The kind of data of the run that a work folder holds; empty where it holds none.

    Raises:
        UserError: as :func:`recorded_seed`.
    """
    with disk_errors(folder):
        return _read(folder / _RUN).get("modality", "")


def recorded_seed(folder: Path) -> int | None:
    """The seed of the run that a work folder holds; None where it holds none.

    Raises:
        UserError: if the folder cannot be read, or its record is damaged.
    """
    with disk_errors(folder):
        seed = _read(folder / _RUN).get("seed", "")
    return int(seed) if seed.isdecimal() else None


def key_of(folder: Path, *, modality: str, config_digest: str) -> bytes | None:
    """The key that :func:`opened` would give; None where it would be drawn."""
    with disk_errors(folder):
        if (folder / _KEY).exists():
            return (folder / _KEY).read_bytes()
    return _derived_key(modality, config_digest, create=False)


def _new_key(modality: str, config_digest: str) -> bytes:
    """A random key; the user's own key behind it makes it the same one for the same run in another work folder."""
    return _derived_key(modality, config_digest, create=True) or secrets.token_bytes(KEY_BYTES)


def _derived_key(modality: str, config_digest: str, *, create: bool) -> bytes | None:
    state = open_state(create=create)
    if state is None:
        return None
    halves = (keyed(state.key, f"work folder {half}", modality, config_digest) for half in (1, 2))
    return bytes.fromhex("".join(halves))


def _has_files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        run = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        run = None
    if not isinstance(run, dict):
        raise UserError(f"{path} is damaged: use a new --work")
    return run
