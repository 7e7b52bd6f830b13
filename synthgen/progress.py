"""Progress with rates: a narrow protocol that long loops report to, so that no library code prints.

On a terminal there are bars that fit its width; elsewhere, in a log, there is a line at every stage and every 30 s.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

EVERY: Final = 30.0
"""Seconds between two lines where there is no terminal."""
_BAR, _LEAST_BAR, _NAME = 24, 6, 20


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

    def stage(self, number: int, of: int, name: str) -> None:
        """A stage of the whole begins: the ``number``-th, from 1, of ``of``. Tasks of the one before it are over."""
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

    def stage(self, number: int, of: int, name: str) -> None:
        pass


@dataclass
class Count:
    """A task as it stands: what is done, since when, and how fast.

    Attributes:
        earlier: units that were done before this run, which say nothing of its rate.
    """

    name: str
    total: int | None
    unit: str
    earlier: int
    clock: Callable[[], float] = time.monotonic
    done: int = field(init=False)
    note: str = field(default="", init=False)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.done, self.began = self.earlier, self.clock()

    @property
    def over(self) -> bool:
        return self.total is not None and self.done >= self.total

    @property
    def speed(self) -> float:
        """Units a second of this run; 0 where none is done yet."""
        return (self.done - self.earlier) / max(self.clock() - self.began, 1e-9)

    @property
    def rate(self) -> str:
        """``"3.2 image/s"``, or ``"4.1 s/step"`` where that reads better."""
        if not self.speed:
            return ""
        return f"{self.speed:.1f} {self.unit}/s" if self.speed >= 1 else f"{1 / self.speed:.1f} s/{self.unit}"

    @property
    def left(self) -> str:
        """``"0:01:10 left"``; empty where it cannot be told."""
        if self.total is None or self.over or not self.speed:
            return ""
        return f"{duration((self.total - self.done) / self.speed)} left"

    def line(self) -> str:
        """``"planting copies: 120 of 299, 3.2 copy/s, 0:00:56 left"``."""
        count = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        return f"{self.name}: " + ", ".join(part for part in (count, self.rate, self.left, self.note) if part)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: ``"1:02:03"``."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def bar(count: Count, width: int) -> str:
    """A task on one line of less than ``width`` columns: name, bar, count, rate, time left, and the note if it fits."""
    told = f"{count.done}" if count.total is None else f"{count.done}/{count.total}"
    name, figures = f"{count.name[:_NAME]:<{_NAME}}", " ".join(filter(None, (told, count.rate, count.left)))
    room = min(_BAR, width - len(name) - len(figures) - 3)
    share = 0.0 if count.total is None else min(1.0, count.done / max(1, count.total))
    full = round(share * room)
    line = f"{name} {'━' * full}{'·' * (room - full)} {figures}" if room >= _LEAST_BAR else f"{name} {figures}"
    return (f"{line} {count.note}" if len(line) + len(count.note) + 2 < width else line)[: width - 1]


class _Told:
    """What both ways of showing progress keep: the stage, and the tasks under way."""

    def __init__(self) -> None:
        self.stage_line, self.since = "", time.monotonic()
        self.tasks: list[Count] = []

    def begin(self, number: int, of: int, name: str) -> str:
        self.stage_line, self.since = f"stage {number} of {of}, {name}", time.monotonic()
        self.tasks.clear()
        return self.stage_line

    def open(self, name: str, total: int | None, unit: str, done: int) -> Count:
        self.tasks = [task for task in self.tasks if not task.over]
        self.tasks.append(Count(name, total, unit, done))
        return self.tasks[-1]

    def lines(self) -> list[str]:
        """What is under way, a line for each task; without one, how long the stage has been."""
        before = f"{self.stage_line}: " if self.stage_line else ""
        whole = f"under way for {duration(time.monotonic() - self.since)}"
        return [before + task.line() for task in self.tasks if not task.over] or [before + whole]


class _Counted:
    def __init__(self, count: Count) -> None:
        self._count = count

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._count.done += steps
        self._count.note = note


class _Lines:
    """A line at every stage and every so often: for logs."""

    def __init__(self, console: Console) -> None:
        self.told = _Told()
        self._console = console

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        return _Counted(self.told.open(name, total, unit, done))

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def stage(self, number: int, of: int, name: str) -> None:
        self.say(self.told.begin(number, of, name))

    def repeat(self, every: float, ended: threading.Event) -> None:
        """Says every ``every`` seconds what is under way, whether or not anything advances."""
        while not ended.wait(every):
            for line in self.told.lines():
                self.say(line)


class _Bars:
    """Bars that move on a terminal; a task that is over leaves its last line."""

    def __init__(self, console: Console) -> None:
        self._told = _Told()
        self._console = console

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        self._leave()
        return _Counted(self._told.open(name, total, unit, done))

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False)

    def stage(self, number: int, of: int, name: str) -> None:
        self._leave()
        self.say(self._told.begin(number, of, name))

    def _leave(self) -> None:
        for task in self._told.tasks:
            if task.over:
                self.say(bar(task, self._console.width))

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text("\n".join(bar(task, self._console.width) for task in self._told.tasks), no_wrap=True)


@contextmanager
def bars(console: Console, every: float = EVERY) -> Iterator[Progress]:
    """Progress on ``console``: bars with rates on a terminal, elsewhere a line every ``every`` seconds."""
    if console.is_terminal:
        from rich.live import Live

        drawn = _Bars(console)
        with Live(drawn, console=console, refresh_per_second=4):
            yield drawn
        return
    lines, ended = _Lines(console), threading.Event()
    thread = threading.Thread(target=lines.repeat, args=(every, ended), daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        ended.set()
        thread.join()
