"""The private work folder of one run: mode 0700, one process at a time, one configuration for its lifetime."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synthgen.digests import KEY_BYTES, keyed
from synthgen.errors import UserError
from synthgen.files import disk_errors, private_folder, write_atomically
from synthgen.state import open_state

_RUN = "run.json"
_LOCK = ".lock"
_KEY = "key"


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
    def key(self) -> bytes:
        """The run's random key (mode 0600), under which every digest stands that leaves this folder."""
        return (self.folder / _KEY).read_bytes()

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
        self._claim("cohort", digest, "another cohort or split")

    def claim_model(self, digest: str) -> None:
        """Likewise for the model that fills the shards."""
        self._claim("model", digest, "another model")

    def unclaim_settings(self) -> None:
        """Lets other settings follow a refusal: where no cohort and no model was claimed, nothing depends on them."""
        run = _read(self.folder / _RUN)
        if not {"cohort", "model"} & set(run) and not self.demo.exists():
            run.pop("config", "")
            self._write(run)

    def _claim(self, key: str, value: str, what: str) -> None:
        run = _read(self.folder / _RUN)
        if run.setdefault(key, value) != value:
            raise UserError(f"the work folder {self.folder} was begun with {what}: use a new --work")
        self._write(run)

    def _write(self, run: dict[str, str]) -> None:
        write_atomically(self.folder / _RUN, json.dumps(run, sort_keys=True, indent=1).encode())


@contextmanager
def opened(folder: Path, *, modality: str, config_digest: str, seed: int | None = None) -> Iterator[Workfolder]:
    """Makes or reopens a work folder, and holds its lock while the block runs.

    Args:
        config_digest: of all settings, the seed among them; private, like whatever lies in the folder.
        seed: of the run; written down, so that the same command finds it again (:func:`recorded_seed`).

    Raises:
        UserError: if the folder is not a work folder, belongs to a run with other settings, or is in use.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _RUN).exists():
        others = [p.name for p in folder.iterdir() if p.name not in {_LOCK, _KEY} and not p.name.startswith(f".{_RUN}")]
        if others:
            raise UserError(f"{folder} exists and is not a work folder of synthgen: choose another --work")
    private_folder(folder)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is using the work folder {folder}: wait for it, or use another") from None
        work = Workfolder(folder.resolve())
        work._claim("modality", modality, "another modality")
        work._claim("config", config_digest, "other settings (configuration, --set, -n or --seed)")
        if seed is not None:
            work.note("seed", str(seed))
        if not (work.folder / _KEY).exists():
            write_atomically(work.folder / _KEY, _new_key(modality, config_digest))
        for part in (work.cohort, work.screen):
            private_folder(part)
        try:
            yield work
        except UserError:
            work.unclaim_settings()
            raise
    finally:
        os.close(descriptor)


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
