"""The command line as a user runs it: a process of its own, and what it leaves."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TINY = Path(__file__).with_name("tiny.yaml")
TINY_DIALOGUE = Path(__file__).with_name("tiny_dialogue.yaml")
TINY_SPEECH = Path(__file__).with_name("tiny_speech.yaml")
EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "synthgen", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


def killed(arguments: Sequence[str | Path], folder: Path, after: float) -> bool:
    """Starts a run in ``folder`` and kills it ``after`` seconds; False when it had ended by itself."""
    process = subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def result_of(folder: Path) -> Path:
    """Where the run's result stands: the release, or the quarantine."""
    return folder / "release" if (folder / "release").exists() else folder / "work" / "quarantine"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@dataclass(frozen=True)
class Flow:
    """A tiny run of one modality, and the session's fixture that holds it finished."""

    arguments: tuple[str | Path, ...]
    finished: str


CXR = Flow(("generate", "--modality", "cxr", "--config", TINY, "--format", "dicom"), "finished")
DIALOGUE = Flow(("generate", "--modality", "dialogue", "--config", TINY_DIALOGUE), "finished_dialogue")
SPEECH = Flow(("generate", "--modality", "speech", "--config", TINY_SPEECH), "finished_speech")
