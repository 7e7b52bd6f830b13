"""Where shards are computed. An engine maps work over items and knows nothing of what the work is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from synthgen.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINES: Final = ("local", "ray")


class Engine(Protocol):
    """Runs one worker per process or device; each opens its model once and then works off items."""

    def map(self, open_worker: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """Yields one result per item, in the order of the items."""
        ...


@dataclass(frozen=True)
class Workers:
    """Which engine is asked for.

    Attributes:
        engine: one of :data:`ENGINES`.
        address, count: see :class:`synthgen.engines.ray.RayEngine`.
    """

    engine: str = "local"
    address: str = ""
    count: int = 0

    def open(self, progress: Progress) -> Engine:
        """The engine, which starts nothing before it has work."""
        if self.engine == "local":
            from synthgen.engines.local import LocalEngine

            return LocalEngine()
        from synthgen.engines.ray import RayEngine

        return RayEngine(progress, self.address, self.count)
