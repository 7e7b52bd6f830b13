"""Where the time goes: seconds of every stage, and the share of screening, said and kept in the work folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from synthgen.config import Section
from synthgen.errors import UserError
from synthgen.files import disk_errors
from synthgen.progress import Progress, Task
from synthgen.records import C
from synthgen.run import Run

SECONDS: Final = "seconds.jsonl"
"""One figure a line, of every call that the work folder has seen. Private, and no part of what is resumed."""

T = TypeVar("T")
M = TypeVar("M", bound=Section)


@dataclass(frozen=True)
class Spent:
    """Wall-clock seconds of filling shards, all workers together.

    Attributes:
        filling: all of it: generating, screening, writing.
        screening: of these, in the filters and rules.
    """

    filling: float = 0.0
    screening: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.filling + other.filling, self.screening + other.screening)

    def note(self, work: Path, say: Callable[[str], None]) -> None:
        """Says the share of screening and keeps it; nothing where no shard was filled."""
        if not self.filling:
            return
        share = self.screening / self.filling
        say(f"screening took {share:.0%} of filling the shards ({self.screening:.1f} of {self.filling:.1f} s)")
        _keep(work, {"filling": round(self.filling, 3), "screening": round(self.screening, 3)})


@contextmanager
def timed(run: Run[T, C, M]) -> Iterator[Run[T, C, M]]:
    """The run, whose stages are timed; when the block ends they are said and kept, but not after a user's mistake."""
    watch, mistaken = _Watch(run.progress), False
    try:
        yield replace(run, progress=watch)
    except UserError:  # what must be put right is the last line, and the work folder is as it was
        mistaken = True
        raise
    finally:
        if not mistaken and (stages := watch.ended()):
            run.progress.say("seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items()))
            _keep(run.work.folder, {"stages": {name: round(seconds, 3) for name, seconds in stages.items()}})


class _Watch:
    """Progress that notes when each stage began."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began: list[tuple[str, float]] = []

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        return self._progress.task(name, total, unit, done)

    def say(self, line: str) -> None:
        self._progress.say(line)

    def stage(self, number: int, of: int, name: str) -> None:
        self._began.append((name, time.perf_counter()))
        self._progress.stage(number, of, name)

    def ended(self) -> dict[str, float]:
        """Seconds of each stage, the last one until now."""
        ends = [*(start for _, start in self._began), time.perf_counter()][1:]
        return {name: end - start for (name, start), end in zip(self._began, ends, strict=True)}


def _keep(work: Path, figures: Mapping[str, object]) -> None:
    line = json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **figures})
    with disk_errors(work):
        descriptor = os.open(work / SECONDS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(line + "\n")
