"""Workers of Ray: results in the order of the items, whoever is lost; and what is said when there is no cluster."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from synthgen import arguments
from synthgen.engines import Workers
from synthgen.engines.local import LocalEngine
from synthgen.engines.ray import LOSSES, RayEngine
from synthgen.errors import MissingExtraError, UserError
from synthgen.progress import Silent

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
CLUSTER = """
import os, sys, ray
ray.init("local", num_cpus=2, include_dashboard=False, logging_level="CRITICAL", _temp_dir=sys.argv[1])
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


@dataclass
class Told(Silent):
    """Keeps what is said."""

    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster that is there before the engine, as another process started it."""
    import tempfile

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        for name, value in {**ALONE, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}.items():
            patch.setenv(name, value)
        process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER, f"{folder}/r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("")


def squares(seconds: float = 0.0) -> Callable[[], Callable[[int], int]]:
    """Work that takes the longer the earlier the item is."""

    def work(item: int) -> int:
        time.sleep(seconds / (1 + item))
        return item * item

    return lambda: work


def dying(marks: Path, at: int, times: int) -> Callable[[], Callable[[int], int]]:
    """Work whose process is killed at one item, so many times."""

    def work(item: int) -> int:
        if item == at and len(list(marks.iterdir())) < times:
            (marks / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    return lambda: work


@needs_ray
def test_results_come_in_the_order_of_the_items(address: str) -> None:
    told = Told()
    results = list(RayEngine(told, address).map(squares(0.4), range(7)))
    assert results == list(LocalEngine().map(squares(), range(7)))
    assert told.lines == ["ray: 2 × 1 threads"]


@needs_ray
def test_a_worker_opens_once_and_two_work_side_by_side(address: str, tmp_path: Path) -> None:
    def open_worker() -> Callable[[int], int]:
        (tmp_path / f"{os.getpid()}-{time.monotonic_ns()}").touch()

        def work(item: int) -> int:
            deadline = time.monotonic() + 60
            while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            return os.getpid()

        return work

    processes = set(RayEngine(Silent(), address).map(open_worker, range(12)))
    opened = [int(mark.name.partition("-")[0]) for mark in tmp_path.iterdir()]
    assert len(processes) == len(opened) == 2
    assert processes == set(opened)


@needs_ray
def test_a_worker_that_is_killed_is_replaced_and_its_item_given_again(address: str, tmp_path: Path) -> None:
    told = Told()
    assert list(RayEngine(told, address).map(dying(tmp_path, 2, LOSSES - 1), range(6))) == list(range(6))
    assert sum("a worker was lost" in line for line in told.lines) == LOSSES - 1


@needs_ray
def test_an_item_that_kills_every_worker_ends_the_run_in_one_line(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^3 workers died over shard 2, for want of memory .* fewer --workers$"):
        list(RayEngine(Silent(), address).map(dying(tmp_path, 2, LOSSES), range(6)))


@needs_ray
def test_a_worker_that_dies_while_it_opens(address: str) -> None:
    def open_worker() -> Callable[[int], int]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    with pytest.raises(UserError, match="3 workers died while they loaded the model"):
        list(RayEngine(Silent(), address, 1).map(open_worker, range(2)))


@needs_ray
@pytest.mark.parametrize("when", ["open", "work"])
def test_a_refusal_is_the_same_line_as_here(address: str, when: str) -> None:
    def open_worker() -> Callable[[int], int]:
        def work(item: int) -> int:
            raise UserError("put it back")

        if when == "open":
            raise UserError("put it back")
        return work

    with pytest.raises(UserError, match=r"^put it back$"):
        list(RayEngine(Silent(), address).map(open_worker, range(2)))


@needs_ray
def test_few_items_are_given_ahead_and_nobody_works_on_after_a_stop(address: str, tmp_path: Path) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    def open_worker() -> Callable[[int], int]:
        def work(item: int) -> int:
            (tmp_path / str(os.getpid())).touch()
            time.sleep(1 if item == 0 else 0)
            return item

        return work

    results = RayEngine(Silent(), address).map(open_worker, items())
    assert next(results) == 0
    assert len(taken) <= 10
    results.close()
    deadline = time.monotonic() + 20
    while any(Path("/proc", mark.name).exists() for mark in tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@needs_ray
def test_a_worker_that_lacks_a_package_says_which(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here_alone = ModuleType("a_package_of_this_process")
    exec("def open_worker():\n    return lambda item: item", here_alone.__dict__)  # noqa: S102
    here_alone.open_worker.__module__ = here_alone.__name__
    monkeypatch.setitem(sys.modules, here_alone.__name__, here_alone)
    with pytest.raises(UserError, match=r"^the worker on .* lacks a_package_of_this_process: install there"):
        list(RayEngine(Silent(), address).map(here_alone.open_worker, range(2)))


@needs_ray
def test_more_threads_than_any_machine_has(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthgen.engines.ray._threads", lambda: 64)
    with pytest.raises(UserError, match=r"no machine of the Ray cluster has 64 cores for one worker: set OMP_NUM"):
        list(RayEngine(Silent(), address).map(squares(), range(2)))


@needs_ray
@pytest.mark.parametrize("listening", [False, True], ids=["nobody", "a server that says nothing"])
def test_an_address_that_does_not_answer(listening: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthgen.engines.ray._ANSWER", 0.5)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen()
        began = time.monotonic()
        with pytest.raises(UserError, match=r"^no Ray cluster answers at 127.0.0.1:\d+: start one by ray start --head"):
            list(RayEngine(Silent(), f"127.0.0.1:{server.getsockname()[1]}").map(squares(), range(2)))
        assert time.monotonic() - began < 5


@needs_ray
def test_its_own_cluster_listens_on_this_machine_alone_and_ends_with_the_run() -> None:
    """In a process of its own, as the command is: how Ray listens is set when it is loaded."""
    code = """
from pathlib import Path
from synthgen.engines.ray import RayEngine
from synthgen.progress import Silent
import os
results = RayEngine(Silent(), workers=2).map(lambda: lambda item: item, range(3))
assert next(results) == 0
ours, parents = set(), {}
for entry in Path("/proc").glob("[0-9]*/stat"):
    try:
        parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    except OSError:
        pass
def mine(process):
    while process in parents and process != os.getpid():
        process = parents[process]
    return process == os.getpid()
for process in filter(mine, parents):
    for file in Path(f"/proc/{process}/fd").glob("*"):
        try:
            ours.add(os.readlink(file))
        except OSError:
            pass
for name in ("tcp", "tcp6"):
    for line in Path("/proc/net", name).read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in ours:
            print("listens", fields[1].partition(":")[0])
print(*results)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *listening, results = done.stdout.splitlines()
    assert results == "1 2"
    assert len(listening) > 3
    assert set(listening) <= {"listens 0100007F", "listens 0000000000000000FFFF00000100007F"}


def test_words_that_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arguments.engine("Local") == Workers()
    with pytest.raises(UserError, match="no engine 'slurm': give one of local, ray"):
        arguments.engine("slurm")
    with pytest.raises(UserError, match="--workers is for many workers: give --engine ray too"):
        arguments.engine("local", workers=2)
    with pytest.raises(UserError, match="--ray-address is for many workers"):
        arguments.engine("local", "auto")


@needs_ray
def test_addresses_that_are_wrong() -> None:
    assert arguments.engine("ray", "10.0.0.1:6379", 3) == Workers("ray", "10.0.0.1:6379", 3)
    for wrong in ("10.0.0.1", ":6379", "ray://10.0.0.1:10001", "host:port"):
        with pytest.raises(UserError, match="give host:port of a cluster that this machine is a part of, or auto"):
            arguments.engine("ray", wrong)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_the_extra_is_named_where_it_is_missing() -> None:
    with pytest.raises(MissingExtraError, match=r"--engine ray needs packages that are not installed: .*\[ray\]"):
        arguments.engine("ray")
