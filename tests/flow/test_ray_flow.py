"""Many workers make the release of one, byte for byte, also where a worker is killed in the middle."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flow_command import CXR, DIALOGUE, SPEECH, Flow, command, contents, result_of

import synthgen
from synthgen.engines import Engine
from synthgen.engines.local import LocalEngine
from synthgen.errors import UserError
from synthgen.pipeline import Plan, release_from
from synthgen.progress import Silent
from synthgen.release import Sealed
from synthgen.run import Run
from synthgen.workfolder import opened

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

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
    """Runs the command with two workers, one of which is killed while it fills a shard; what it says."""
    with (folder / "told").open("w") as told:
        process = subprocess.Popen(command(*arguments, *RAY), cwd=folder, env=environment, stderr=told)
        try:
            working: list[int] = []
            while process.poll() is None and not working:
                working = processes("ray::Worker.work", process.pid)
                time.sleep(0.01)
            if working:
                os.kill(working[0], signal.SIGKILL)
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


@needs_ray
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
@needs_ray
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


@needs_ray
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


@dataclass(frozen=True)
class Elsewhere:
    """An engine whose worker runs where the disk of the work folder is not: what was laid there to be seen is gone."""

    work: Path

    def map(self, open_worker: Callable[[], Any], items: Iterable[Any]) -> Iterator[Any]:
        for mark in (self.work / "scratch").glob(".mark-*"):
            mark.unlink()
        work = open_worker()
        return map(work, items)


def test_a_worker_that_does_not_see_the_work_folder(
    vitals_module: ModuleType, vitals_data: Path, tmp_path: Path
) -> None:
    kind = vitals_module.VITALS
    config = kind.config("demo", seed=1)
    work, plan = tmp_path / "work", Plan(vitals_data, None, tmp_path / "release", "demo", ("csv",), (), False)

    def run(engine: Engine) -> Sealed:
        with opened(work, modality=kind.name, config_digest=config.digest()) as folder:
            return release_from(Run(kind, config, folder, Silent()), plan, engine)

    with pytest.raises(UserError, match=rf"^a worker does not see {work}: put --work on a disk that all machines"):
        run(Elsewhere(work))
    assert not run(LocalEngine()).quarantined
    assert not list((work / "scratch").iterdir())


class OutOfMemoryError(RuntimeError):
    """As torch calls it, which this modality does not need."""


@pytest.mark.parametrize("error", [MemoryError, OutOfMemoryError])
def test_a_batch_that_memory_does_not_hold(
    vitals_module: ModuleType, vitals_data: Path, tmp_path: Path, error: type[Exception]
) -> None:
    """The advice is followed: half of the rows."""

    class Small(type(vitals_module.VITALS.generator)):  # type: ignore[misc]
        def open(self, model: Path, config: Any, rows: int, scratch: Path) -> Any:
            opened = super().open(model, config, rows, scratch)

            def generate(requests: Sequence[Any]) -> list[Any]:
                if len(requests) > 2:
                    raise error("CUDA out of memory")
                return opened(requests)

            return generate

    kind = replace(vitals_module.VITALS, generator=Small())
    asked = {"data": vitals_data, "samples": 40, "seed": 1, "out": tmp_path / "release"}
    with pytest.raises(UserError, match=r"does not hold a batch of 4: .*, or take --set slots.rows=2 and a new --work"):
        synthgen.generate(kind, **asked, work=tmp_path / "w1", settings=("slots.rows=4",))
    made = synthgen.generate(kind, **asked, work=tmp_path / "w2", settings=("slots.rows=2",))
    assert (tmp_path / "w2" / "seconds.jsonl").read_text().count("\n") == 2
    assert made.folder.exists()
