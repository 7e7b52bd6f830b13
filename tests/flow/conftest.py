"""One finished run for all whole-flow tests."""

import subprocess
from pathlib import Path

import pytest
from flow_command import TINY, Run, command, environment


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
