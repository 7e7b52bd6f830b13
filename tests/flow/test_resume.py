"""Killed at random moments and run again, a run ends byte for byte as if it had never been killed."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from synthgen.ledger import read_ledger
from tests.flow.conftest import TINY, command, contents, environment, result_of

ARGUMENTS = ("generate", "--modality", "cxr", "--config", TINY, "--format", "dicom")


def killed(folder: Path, after: float) -> bool:
    """Starts the run and kills it ``after`` seconds; False when it had ended by itself."""
    process = subprocess.Popen(
        command(*ARGUMENTS), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def test_same_result_after_kills(finished: Path, tmp_path: Path, kills: int) -> None:
    rng = random.Random(kills)
    started = time.monotonic()
    assert not killed(tmp_path / "warm" if (tmp_path / "warm").mkdir() else tmp_path / "warm", 600)
    whole = time.monotonic() - started
    folder = tmp_path / "killed"
    folder.mkdir()
    struck = 0
    while struck < kills:
        if killed(folder, rng.uniform(0.1, 1.0) * whole):
            struck += 1
            read_ledger(folder / "work" / "ledger.jsonl")  # raises if the chain was broken
        else:
            break
    assert not killed(folder, 600)
    assert contents(result_of(folder)) == contents(result_of(finished))
    for part in ("shards", "ledger.jsonl", "screen/calibration.json"):
        ours, theirs = folder / "work" / part, finished / "work" / part
        if ours.is_dir():
            assert contents(ours) == contents(theirs)
        else:
            assert ours.read_bytes() == theirs.read_bytes()
    assert struck >= 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
