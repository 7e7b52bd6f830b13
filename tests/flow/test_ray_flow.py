"""Many workers make the release of one, byte for byte, also where a worker is killed in the middle."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from flow_command import CXR, DIALOGUE, SPEECH, Flow, command, contents, result_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

RAY = ("--engine", "ray", "--workers", "2")
SMALL = (
    "generate",
    "--modality",
    "vitals",
    "--seed",
    "1",
    "-n",
    "200",
    "--set",
    "slots.rows=2",
    "--set",
    "slots.depth=1",
)


def processes(title: str, above: int) -> list[int]:
    """Those with this title that ``above`` has started, or that what it has started has."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    found = []
    for process in parents:
        higher = process
        while higher in parents and higher != above:
            higher = parents[higher]
        if higher == above and titles[process].startswith(title):
            found.append(process)
    return found


def with_a_kill(arguments: tuple[str | Path, ...], folder: Path, environment: dict[str, str]) -> str:
    """Runs the command with two workers, one of which is killed when some shards are there; what it says."""
    shards = folder / "work" / "shards"
    before = len(list(shards.glob("*.parquet")))
    with (folder / "told").open("w") as told:
        process = subprocess.Popen(command(*arguments, *RAY), cwd=folder, env=environment, stderr=told)
        try:
            while process.poll() is None and len(list(shards.glob("*.parquet"))) < before + 1:
                time.sleep(0.01)
            if workers := processes("ray::Worker", process.pid):
                os.kill(workers[0], signal.SIGKILL)
            process.wait(600)
        finally:
            process.kill()
    return (folder / "told").read_text()


def same(ours: Path, theirs: Path) -> None:
    assert contents(result_of(ours)) == contents(result_of(theirs))
    shards, expected = contents(ours / "work" / "shards"), contents(theirs / "work" / "shards")
    assert {name: shards[name] for name in expected} == expected
    assert all(name.endswith(".tmp") for name in shards.keys() - expected.keys()), "of the worker that was killed"
    assert (ours / "work" / "ledger.jsonl").read_bytes() == (theirs / "work" / "ledger.jsonl").read_bytes()


def test_vital_signs_by_two_workers_one_of_them_killed(installed: dict[str, str], tmp_path: Path) -> None:
    alone, many = tmp_path / "alone", tmp_path / "many"
    for folder in (alone, many):
        folder.mkdir()
    done = subprocess.run(command(*SMALL), cwd=alone, env=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = with_a_kill(SMALL, many, installed)
    assert "ray: 2 × 1 threads" in told
    assert "ray: a worker was lost; another takes its place (1 so far)" in told
    same(many, alone)


@pytest.mark.slow
@pytest.mark.parametrize("flow", [CXR, DIALOGUE, SPEECH], ids=["cxr", "dialogue", "speech"])
def test_a_modality_by_two_workers_one_of_them_killed(
    request: pytest.FixtureRequest, tmp_path: Path, flow: Flow
) -> None:
    """From what is fitted on, every sample is made anew."""
    finished: Path = request.getfixturevalue(flow.finished)
    shutil.copytree(finished / "work", tmp_path / "work")
    for made in ("shards", "scratch", "audit", "quarantine"):
        shutil.rmtree(tmp_path / "work" / made, ignore_errors=True)
    (tmp_path / "work" / "ledger.jsonl").unlink()
    told = with_a_kill(flow.arguments, tmp_path, {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"})
    assert "another takes its place" in told
    same(tmp_path, finished)


def test_a_refusal_of_a_worker_leaves_what_resumes(installed: dict[str, str], tmp_path: Path) -> None:
    """An address where nobody answers is told after the fit, and the same command goes on without it."""
    nobody = ("--engine", "ray", "--ray-address", "127.0.0.1:9")
    refused = subprocess.run(
        command(*SMALL, *nobody), cwd=tmp_path, env=installed, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("synthgen: no Ray cluster answers at 127.0.0.1:9: start one by")
    assert "Traceback" not in refused.stderr
    done = subprocess.run(command(*SMALL), cwd=tmp_path, env=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
