"""Where shards are computed. An engine maps work over items and knows nothing of what the work is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs one worker per process or device; each opens its model once and then works off items."""

    def map(self, open_worker: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """Yields one result per item, in the order of the items."""
        ...
