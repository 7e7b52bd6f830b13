"""Progress with rates: a narrow protocol that long loops report to, so that no library code prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.text import Text


class Task(Protocol):
    """One bar."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Reports ``steps`` more units done; ``note`` stands behind the bar (a loss, a share)."""
        ...


class Progress(Protocol):
    """Where long work reports to."""

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        """Opens a bar of ``total`` units (None: unknown), named in the singular; ``done`` of them were done earlier."""
        ...

    def say(self, line: str) -> None:
        """One line of news. Never private text."""
        ...


class _SilentTask:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


class Silent:
    """Reports nowhere: for tests and library use."""

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        return _SilentTask()

    def say(self, line: str) -> None:
        pass


class _Rate(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        if speed is None:
            return Text(f"– {unit}/s", style="progress.data.speed")
        return Text(f"{speed:.1f} {unit}/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit}", style="progress.data.speed")


class _RichTask:
    def __init__(self, progress: RichProgress, name: str, total: int | None, unit: str, done: int) -> None:
        self._progress = progress
        self._id = progress.add_task(name, total=total, completed=done, unit=unit, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._progress.update(self._id, advance=steps, note=note)


class _RichBars:
    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        return _RichTask(self._progress, name, total, unit, done)

    def say(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False)


@contextmanager
def bars(console: Console) -> Iterator[Progress]:
    """Progress bars with rates on ``console``."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=console) as progress:
        yield _RichBars(progress)
