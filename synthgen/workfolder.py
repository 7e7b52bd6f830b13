"""The private work folder of one run: mode 0700, one process at a time, one configuration for its lifetime."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically

_RUN = "run.json"
_LOCK = ".lock"


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
        path = self.folder / _RUN
        run = _read(path)
        if not {"cohort", "model"} & set(run) and not self.demo.exists():
            run.pop("config", "")
            write_atomically(path, json.dumps(run, sort_keys=True, indent=1).encode())

    def _claim(self, key: str, value: str, what: str) -> None:
        path = self.folder / _RUN
        run = _read(path)
        if run.setdefault(key, value) != value:
            raise UserError(f"the work folder {self.folder} was begun with {what}: use a new --work")
        write_atomically(path, json.dumps(run, sort_keys=True, indent=1).encode())


@contextmanager
def opened(folder: Path, *, modality: str, config_digest: str) -> Iterator[Workfolder]:
    """Makes or reopens a work folder, and holds its lock while the block runs.

    Raises:
        UserError: if the folder is not a work folder, belongs to a run with other settings, or is in use.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _RUN).exists():
        others = [p.name for p in folder.iterdir() if p.name != _LOCK and not p.name.startswith(f".{_RUN}")]
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
        for part in (work.cohort, work.screen):
            private_folder(part)
        try:
            yield work
        except UserError:
            work.unclaim_settings()
            raise
    finally:
        os.close(descriptor)


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
