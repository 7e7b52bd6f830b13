"""The engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class LocalEngine:
    """One worker, here and now."""

    def map(self, open_worker: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """See :class:`synthgen.engines.Engine`. The worker is opened when the first item comes."""
        work: Callable[[Item], Result] | None = None
        for item in items:
            work = work or open_worker()
            yield work(item)
