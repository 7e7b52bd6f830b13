"""Many workers on this machine or on a cluster: the actors of Ray. The extra ``ray``.

Each worker opens its model and its filters once and works off one item at a time; results come back in the order of the
items, however many workers there are. A worker that is lost is replaced and its item is given again.
"""

from __future__ import annotations

import heapq
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from synthgen import __version__
from synthgen.errors import UserError, require_extra
from synthgen.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

LOSSES: Final = 3
"""Workers that may die over one item, or while they open, before the run ends."""
_TOKEN = secrets.token_hex(32)  # one a process: Ray reads it once
_AHEAD = 4  # items a worker may be ahead of the one whose result is awaited: bounds what an early stop throws away
_ANSWER = 10.0  # seconds for a cluster to answer
_SETTINGS = 4  # the kind of an HTTP/2 frame
_SILENCE = 60.0  # seconds without any result after which it is said that workers are awaited


@dataclass(frozen=True)
class RayEngine:
    """Workers of Ray.

    Attributes:
        progress: is told how many workers there are, and when one is lost.
        address: ``host:port`` of a cluster of which this machine is a part, or ``auto`` for the one that runs here;
            empty: one of its own, on 127.0.0.1 alone, which ends with the run.
        workers: how many at most; 0: as many as there are GPUs, or else as the threads of one fit into the cores.
    """

    progress: Progress
    address: str = ""
    workers: int = 0

    def map(self, open_worker: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """See :class:`synthgen.engines.Engine`. What ``open_worker`` holds goes to every machine once.

        Raises:
            UserError: the cluster does not answer or has no place, or workers die over the same item again and again.
            MissingExtraError: Ray is not installed.
        """
        threads = _threads()
        with _cluster(self.address, self.workers * threads) as ray:
            crew = _Crew(ray, threads, open_worker)
            count = crew.places(self.workers)
            self.progress.say(f"ray: {count} × {threads} threads" + _on(ray))
            try:
                yield from _in_order(crew, items, count, self.progress.say)
            finally:
                crew.leave()


def _in_order(crew: _Crew, items: Iterable[Any], count: int, say: Callable[[str], None]) -> Iterator[Any]:
    """Results in the order of the items: an idle worker takes the first item that waits."""
    source, given, awaited = iter(items), 0, 0
    waiting: list[tuple[int, Any]] = []
    results: dict[int, Any] = {}
    idle: list[Any] = []
    starting = dict(crew.start() for _ in range(count))
    running: dict[Any, tuple[Any, int, Any]] = {}
    losses: Counter[int] = Counter()
    told, over = False, False
    while True:
        while idle:
            if not waiting and not over and given < awaited + count * _AHEAD:
                for item in source:
                    heapq.heappush(waiting, (given, item))
                    given += 1
                    break
                else:
                    over = True
            if not waiting:
                break
            number, item = heapq.heappop(waiting)
            actor = idle.pop()
            running[actor.work.remote(item)] = (actor, number, item)
        if awaited in results:
            yield results.pop(awaited)
            awaited += 1
            continue
        if over and not running and not waiting:
            return
        ready, _ = crew.ray.wait([*running, *starting], timeout=_SILENCE)
        if not ready and not running and not told:
            say("ray: no worker has a place yet; the run goes on as soon as the cluster has one")
            told = True
        for reference in ready:
            actor, number, item = running.pop(reference, None) or (starting.pop(reference), -1, None)
            try:
                result = crew.answer(reference)
            except crew.lost:
                losses[number] += 1
                if losses[number] == LOSSES:
                    raise UserError(_died(number)) from None
                say(f"ray: a worker was lost; another takes its place ({losses.total()} so far)")
                crew.end(actor)
                starting.update([crew.start()])
                if number >= 0:
                    heapq.heappush(waiting, (number, item))
                continue
            idle.append(actor)
            if number >= 0:
                results[number] = result


def _died(number: int) -> str:
    where = f"over shard {number}" if number >= 0 else "while they loaded the model"
    return (
        f"{LOSSES} workers died {where}, for want of memory as a rule: run the same command again with fewer --workers"
    )


class _Crew:
    """The workers, and what they are sent."""

    def __init__(self, ray: Any, threads: int, open_worker: Callable[[], Callable[[Any], Any]]) -> None:
        self.ray, self._threads = ray, threads
        gpus = ray.cluster_resources().get("GPU", 0) if "torch" in sys.modules else 0
        self._needs: dict[str, float] = {"num_cpus": threads, "num_gpus": 1 if gpus >= 1 else 0}
        self._work = ray.put(open_worker)
        self._actor = ray.remote(_worker_class())
        self._all: list[Any] = []
        failures = ray.exceptions
        self.lost = (failures.RayActorError, failures.WorkerCrashedError, failures.OutOfMemoryError)

    def places(self, most: int) -> int:
        """How many workers the cluster has a place for, at most ``most`` where that is not 0.

        Raises:
            UserError: none.
        """
        found = 0
        for node in self.ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                fit = [has.get(name, 0) // self._needs[f"num_{name.lower()}s"] for name in self._kinds()]
                found += int(min(fit))
        if not found:
            raise UserError(
                f"no machine of the Ray cluster has {self._threads} cores for one worker: set OMP_NUM_THREADS to fewer"
            )
        return min(found, most or found)

    def _kinds(self) -> tuple[str, ...]:
        return ("CPU", "GPU") if self._needs["num_gpus"] else ("CPU",)

    def start(self) -> tuple[Any, Any]:
        """A new worker: what tells that it is open, and the worker."""
        actor = self._actor.options(**self._needs).remote()
        self._all.append(actor)
        return actor.open.remote([self._work], self._threads, __version__), actor

    def answer(self, reference: Any) -> Any:
        """What a worker made of an item.

        Raises:
            UserError: what the worker refused by.
        """
        refused, result = self.ray.get(reference)
        if refused:
            raise UserError(refused)
        return result

    def end(self, actor: Any) -> None:
        """Ends a worker; what is lost already too."""
        self.ray.kill(actor, no_restart=True)
        self._all.remove(actor)

    def leave(self) -> None:
        """Ends all workers."""
        for actor in list(self._all):
            self.end(actor)


def _worker_class() -> type:
    """The worker. It is sent as source of its own, so that a machine without the package can say what it lacks."""

    class Worker:
        def open(self, sent: list[Any], threads: int, version: str) -> tuple[str, None]:
            """Loads the model and the filters; the result says why it cannot."""
            import os
            import re
            import socket
            import sys

            import ray

            os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is loaded, which reads it once
            there = f"the worker on {socket.gethostname()}"
            try:
                from synthgen import __version__
                from synthgen.errors import SynthgenError

                if __version__ != version:
                    return f"{there} has synthgen {__version__}, and this command is {version}: install the same", None
                open_worker = ray.get(sent[0])
            except (ImportError, ray.exceptions.RaySystemError) as error:  # Ray's own hides the former in its text
                if not (lacks := re.search(r"No module named '([^']+)'", str(error))):
                    raise
                return f"{there} lacks {lacks[1]}: install there what is installed here, with the same extras", None
            if torch := sys.modules.get("torch"):
                torch.set_num_threads(threads)
            self._refusal = SynthgenError
            try:
                self._work = open_worker()
            except SynthgenError as error:
                return str(error), None
            return "", None

        def work(self, item: Any) -> tuple[str, Any]:
            try:
                return "", self._work(item)
            except self._refusal as error:
                return str(error), None

    return Worker


@contextmanager
def _cluster(address: str, cores: int) -> Iterator[Any]:
    """Ray, connected: to the cluster at ``address``, or to one of its own that ends with the block."""
    require_extra("--engine ray", "ray", "ray")
    if address and address != "auto":
        _answers(address)
    # Of its own on one interface alone: what Ray calls its mode for systems without clusters. With a token, since other
    # users of this machine reach 127.0.0.1 too. Read when Ray is loaded and when it starts.
    # Workers are as urgent as this process, unlike Ray's.
    alone = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": _TOKEN,
        "RAY_worker_niceness": "0",
    }
    with ExitStack() as stack:
        stack.enter_context(_environment({"RAY_USAGE_STATS_ENABLED": "0", **({} if address else alone)}))
        asked: dict[str, Any] = {"address": address}
        if not address:
            # Private, unlike the folders that Ray makes, and with a short path, since it holds sockets.
            folder = Path(tempfile.mkdtemp(prefix="synthgen-ray-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            cores = max(cores, _cores())
            asked = {"address": "local", "num_cpus": cores, "include_dashboard": False, "_temp_dir": f"{folder}/ray"}
        import ray

        stack.callback(ray.shutdown)
        try:
            ray.init(logging_level="CRITICAL", log_to_driver=False, **asked)
        except Exception as error:  # Ray's own are of many kinds, bare Exception among them
            raise UserError(_not_connected(address, error)) from None
        if not address and any(not node["NodeManagerAddress"].startswith("127.") for node in ray.nodes()):
            raise UserError(
                "Ray was loaded before this call and would listen on the network: load it later, or give ray_address"
            )
        yield ray


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _answers(address: str) -> None:
    """Asks whoever listens there for the first frame of HTTP/2, which Ray speaks (RFC 9113, 3.4): its own connecting
    does not end for minutes where nobody answers.

    Raises:
        UserError: nobody does, or something else.
    """
    host, _, port = address.rpartition(":")
    with suppress(OSError, OverflowError), socket.create_connection((host, int(port)), timeout=_ANSWER) as server:
        server.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0)))
        if server.recv(4)[3:] == bytes([_SETTINGS]):
            return
    raise UserError(
        f"no Ray cluster answers at {address}: start one by ray start --head, or leave --ray-address out for one that "
        "this command starts for itself"
    )


def _not_connected(address: str, error: Exception) -> str:
    said = " ".join(str(error).split()).partition(". ")[0][:200] or type(error).__name__
    if not address:
        return f"Ray did not start ({said}): run the same command again when the machine is less busy"
    return f"cannot join the Ray cluster at {address} ({said}): see that this machine is a part of it (ray status)"


def _threads() -> int:
    """Threads that work in this process takes, which a worker takes too: rounding may depend on their number."""
    if torch := sys.modules.get("torch"):
        return int(torch.get_num_threads())
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else _cores()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _on(ray: Any) -> str:
    machines = sum(node["Alive"] for node in ray.nodes())
    return f", on {machines} machines" if machines > 1 else ""
