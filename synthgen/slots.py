"""Slots: the unit of work. Slot i of the release has its condition, attempt a of slot i its seed; nothing else varies.

So a release does not depend on how many workers made it, in what order, or how often they were killed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from synthgen.records import C, Generator, Request, Synthetic, Verdict
from synthgen.seeds import attempt_seed, condition_seed

T = TypeVar("T")

Judge = Callable[[Sequence[T]], list[tuple[Verdict, ...]]]
Conditions = Callable[[int, int], C]
"""The condition of a slot, from its number and the run's seed; a retry keeps it."""


@dataclass(frozen=True)
class BySeed(Generic[C]):
    """Conditions that are drawn slot by slot, each from a seed of its own and nothing else."""

    draw: Callable[[int], C]

    def __call__(self, slot: int, run_seed: int) -> C:
        return self.draw(condition_seed(run_seed, slot))


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive slots that one worker fills, ``rows`` at a time.

    Slot ``first + j`` has row ``j % rows`` of every batch it is in, whoever else is in it: with a batch of fixed shape,
    rounding cannot depend on which of its neighbours are still open.
    """

    number: int
    first: int
    count: int
    rows: int
    probe: bool = False
    """True for slots beyond the release: their first attempts are judged for the test of the generator alone."""

    @property
    def slots(self) -> range:
        return range(self.first, self.first + self.count)


def shards(samples: int, rows: int, depth: int, probes: int = 0) -> list[Shard]:
    """Cuts ``samples`` slots into shards of ``rows × depth``, the last may be shorter; then ``probes`` slots more."""
    size = rows * depth
    cuts = [(low, min(size, samples - low), False) for low in range(0, samples, size)]
    cuts += [(samples + low, min(size, probes - low), True) for low in range(0, probes, size)]
    return [Shard(number, first, count, rows, probe) for number, (first, count, probe) in enumerate(cuts)]


@dataclass(frozen=True)
class Attempt(Generic[T, C]):
    """One generated sample and what the filters say of it."""

    slot: int
    number: int
    sample: Synthetic[T, C]
    verdicts: tuple[Verdict, ...]

    @property
    def kept(self) -> bool:
        """True when every filter keeps the sample. No verdict at all keeps nothing."""
        return bool(self.verdicts) and all(verdict.keeps for verdict in self.verdicts)

    @property
    def close(self) -> bool:
        """True when a calibrated filter rejects the sample: it lies too close to a patient. Rules do not count."""
        return any(not verdict.keeps for verdict in self.verdicts if not verdict.rule)


def fill(
    shard: Shard,
    generate: Generator[T, C],
    judge: Judge[T],
    condition: Callable[[int], C],
    *,
    run_seed: int,
    attempts: int,
    close: int,
) -> Iterator[Attempt[T, C]]:
    """Fills a shard: every slot tries, always with its own condition, until a sample is kept or its attempts end.

    After ``close`` samples that lie too close to a patient a slot is given up sooner: a generator that keeps copying
    gets no further chance to slip through. A probe has one attempt.

    Each row of the batch is a lane through which its slots pass one after the other; a rejected slot stays at the head
    of its lane, so that retries ride along with the first attempts of later slots. Rows without a slot are padding.
    """
    lanes = [deque(range(shard.first + row, shard.first + shard.count, shard.rows)) for row in range(shard.rows)]
    tried = dict.fromkeys(shard.slots, 0)
    too_close = dict.fromkeys(shard.slots, 0)
    if shard.probe:
        attempts = 1
    padding = Request(0, condition(shard.first))
    while any(lanes):
        heads = [lane[0] if lane else None for lane in lanes]
        requests = [
            padding if slot is None else Request(attempt_seed(run_seed, slot, tried[slot]), condition(slot))
            for slot in heads
        ]
        samples = generate(requests)
        open_rows = [row for row, slot in enumerate(heads) if slot is not None]
        judged = judge([samples[row].payload for row in open_rows])
        for row, verdicts in zip(open_rows, judged, strict=True):
            slot = lanes[row][0]
            attempt = Attempt(slot, tried[slot], samples[row], verdicts)
            tried[slot] += 1
            too_close[slot] += attempt.close
            if attempt.kept or tried[slot] == attempts or too_close[slot] == close:
                lanes[row].popleft()
            yield attempt
