"""One finished run of each modality for all whole-flow tests."""

import importlib
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import Result
from flow_command import CXR, DIALOGUE, EXAMPLES, SPEECH, Flow, Run, command, environment
from private_vitals import privately
from typer.testing import CliRunner
from vitals_command import Vitals

from synthgen.cli import app
from synthgen.modality import Modality


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
    return _finished(synthgen, tmp_path_factory, CXR)


@pytest.fixture(scope="session")
def finished_dialogue(synthgen: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for dialogues."""
    return _finished(synthgen, tmp_path_factory, DIALOGUE)


@pytest.fixture(scope="session")
def finished_speech(synthgen: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for speech."""
    return _finished(synthgen, tmp_path_factory, SPEECH)


@pytest.fixture(scope="session")
def vitals_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip writes of the example package's entry points."""
    site = tmp_path_factory.mktemp("site")
    about = site / "synthgen_vitals-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: synthgen-vitals\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[synthgen.modalities]\nvitals = synthgen_vitals:VITALS\n")
    return site


@pytest.fixture(scope="session")
def installed(vitals_site: Path) -> dict[str, str]:
    """An environment in which the example package is installed."""
    before = os.environ.get("PYTHONPATH", "")
    return {**environment(), "PYTHONPATH": os.pathsep.join([str(EXAMPLES / "vitals"), str(vitals_site), before])}


@pytest.fixture
def vitals(vitals_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vitals:
    """Runs a command on vital signs, in this process, with a log of tries of its own."""
    for folder in (vitals_site, EXAMPLES / "vitals"):
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("SYNTHGEN_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def run(verb: str, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [verb, *map(str, arguments), "--modality", "vitals", "--seed", "1"])

    return run


@pytest.fixture
def vitals_module(vitals: Vitals) -> ModuleType:
    return importlib.import_module("synthgen_vitals")


@pytest.fixture
def private(vitals_module: ModuleType) -> Modality[Any, Any, Any]:
    """Vital signs of which a private model is fitted."""
    return privately(vitals_module)


@pytest.fixture
def vitals_data(vitals: Vitals, tmp_path: Path) -> Path:
    """A cohort of vital signs."""
    folder = tmp_path / "data"
    assert vitals("demo-cohort", "--out", folder).exit_code == 0
    return folder


def _finished(synthgen: Run, factory: pytest.TempPathFactory, flow: Flow) -> Path:
    folder = factory.mktemp(flow.finished)
    done = synthgen(*flow.arguments, cwd=folder)
    assert done.returncode in {0, 3}, done.stderr
    return folder
