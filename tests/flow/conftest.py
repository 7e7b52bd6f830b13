"""The command line as a user runs it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TINY = Path(__file__).with_name("tiny.yaml")
Run = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "synthgen", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def synthgen() -> Run:
    """Runs ``synthgen …`` to its end."""

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), cwd=cwd, env=environment(), capture_output=True, text=True, timeout=600, check=False
        )

    return run


@pytest.fixture(scope="session")
def finished(synthgen: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run that was never interrupted: ``release/`` or a quarantine, and ``work/``."""
    folder = tmp_path_factory.mktemp("finished")
    done = synthgen("generate", "--modality", "cxr", "--config", TINY, "--format", "dicom", cwd=folder)
    assert done.returncode in {0, 3}, done.stderr
    return folder


def result_of(folder: Path) -> Path:
    """Where the run's result stands: the release, or the quarantine."""
    return folder / "release" if (folder / "release").exists() else folder / "work" / "quarantine"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
