"""Generates and screens, slot by slot: a rejected sample is drawn again, with the same condition and another seed.

A shard that lies on disk is finished work; the ledger follows the shards in their order, with one writer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from synthgen.config import RunConfig, Section
from synthgen.engines import Engine
from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.ledger import Ledger
from synthgen.modality import Modality
from synthgen.progress import Progress
from synthgen.records import C, JsonValue, Synthetic
from synthgen.report import ScreeningFacts
from synthgen.shards import Row, read_shard, shard_path, write_shard
from synthgen.slots import Conditions, Judge, Shard, fill, shards

T = TypeVar("T")
M = TypeVar("M", bound=Section)


@dataclass(frozen=True)
class Generated(Generic[T, C]):
    """What generating and screening left on disk.

    Attributes:
        first_attempts, first_rejected: what the test of the generator is held on: the calibrated filters alone.
        stopped: True when so many first attempts were rejected that the generator is refused whatever follows.
    """

    folder: Path
    scratch: Path
    done: tuple[Shard, ...]
    facts: ScreeningFacts
    first_attempts: int
    first_rejected: int
    stopped: bool

    def rows(self) -> Iterator[Row]:
        """All attempts, shard by shard: memory does not grow with the release."""
        for shard in self.done:
            yield from read_shard(shard_path(self.folder, shard))


@dataclass(frozen=True)
class Worker(Generic[T, C]):
    """Fills shards; opened once per process."""

    modality: Modality[T, C, M]  # type: ignore[valid-type]
    model: Path
    config: RunConfig[M]  # type: ignore[valid-type]
    judge: Judge[T]
    condition: Conditions[C]
    folder: Path
    scratch: Path

    def open(self) -> Callable[[Shard], Shard]:
        """Opens the model; the result fills one shard and returns it when its file is on disk."""
        rows, attempts, seed = self.config.slots.rows, self.config.slots.attempts, self.config.seed
        generator = self.modality.open_generator(self.model, self.config.modality, rows, self.scratch)

        def condition(slot: int) -> C:
            return self.condition(slot, seed)

        def work(shard: Shard) -> Shard:
            path = shard_path(self.folder, shard)
            if not path.exists():
                made = list(fill(shard, generator, self.judge, condition, run_seed=seed, attempts=attempts))
                write_shard(path, made, self.modality.encode)
            return shard

        return work


def generate(
    modality: Modality[T, C, M],
    config: RunConfig[M],
    *,
    model: Path,
    judge: Judge[T],
    limit: int | None,
    condition: Conditions[C],
    engine: Engine,
    work: Path,
    progress: Progress,
) -> Generated[T, C]:
    """Fills every slot of the release, or stops when the generator has shown that it memorises.

    Args:
        judge: the gate.
        limit: more rejected first attempts than this end the run; None sets no limit.

    Raises:
        UserError: if the ledger and the shards of the work folder disagree.
    """
    folder = private_folder(work / "shards")
    ledger = Ledger(work / "ledger.jsonl")
    plan = shards(config.samples, config.slots.rows, config.slots.depth)
    worker = Worker(modality, model, config, judge, condition, folder, private_folder(work / "scratch"))
    recorded = len(ledger.entries)
    task = progress.task("generate ⇄ screen", config.samples, "sample")
    tally = _Tally()
    done: list[Shard] = []
    for shard in engine.map(worker.open, plan):
        entries = [row.entry() for row in read_shard(shard_path(folder, shard))]
        known = ledger.entries[tally.attempts : min(recorded, tally.attempts + len(entries))]
        if known != entries[: len(known)]:
            raise UserError(f"the ledger and the shards of {work} disagree: use a new --work")
        ledger.append(entries[len(known) :])
        tally = tally.plus(entries)
        done.append(shard)
        task.advance(shard.count, f"{tally.rejected} rejected")
        if limit is not None and tally.first_rejected > limit:
            break
    facts = ScreeningFacts(
        slots=sum(shard.count for shard in done),
        attempts=tally.attempts,
        rejected=tally.rejected,
        rejected_by_rules=tally.by_rules,
        exhausted=sum(shard.count for shard in done) - tally.kept,
    )
    stopped = limit is not None and tally.first_rejected > limit
    return Generated(folder, worker.scratch, tuple(done), facts, tally.first, tally.first_rejected, stopped)


@dataclass(frozen=True)
class _Tally:
    attempts: int = 0
    kept: int = 0
    by_rules: int = 0
    first: int = 0
    first_rejected: int = 0

    @property
    def rejected(self) -> int:
        return self.attempts - self.kept

    def plus(self, entries: Sequence[dict[str, JsonValue]]) -> _Tally:
        first = [entry for entry in entries if entry["attempt"] == 0]
        return _Tally(
            self.attempts + len(entries),
            self.kept + sum(bool(entry["kept"]) for entry in entries),
            self.by_rules + sum(not entry["kept"] and not entry["close"] for entry in entries),
            self.first + len(first),
            self.first_rejected + sum(bool(entry["close"]) for entry in first),
        )


def kept_samples(modality: Modality[T, C, M], generated: Generated[T, C]) -> Iterator[tuple[int, Synthetic[T, C]]]:
    """The samples that every filter kept, with their slots, in order of the slots within each shard."""
    for shard in generated.done:
        rows = sorted(
            (row for row in read_shard(shard_path(generated.folder, shard)) if row.kept), key=lambda r: r.slot
        )
        for row in rows:
            yield row.slot, _sample(modality, row, generated.scratch)


def duplicates(generated: Generated[T, C]) -> int:
    """How many kept samples are byte for byte the double of an earlier one."""
    seen: set[bytes] = set()
    doubles = 0
    for row in generated.rows():
        if row.kept:
            digest = hashlib.blake2b(row.payload, digest_size=16).digest()
            doubles += digest in seen
            seen.add(digest)
    return doubles


def first_attempts(modality: Modality[T, C, M], generated: Generated[T, C], most: int) -> list[Synthetic[T, C]]:
    """Up to ``most`` first attempts, kept or not: the generator as it is, before screening flatters it."""
    found: list[Synthetic[T, C]] = []
    for row in generated.rows():
        if row.attempt == 0:
            found.append(_sample(modality, row, generated.scratch))
            if len(found) == most:
                break
    return found


def _sample(modality: Modality[T, C, M], row: Row, scratch: Path) -> Synthetic[T, C]:
    return Synthetic(row.seed, modality.condition_from(row.condition), modality.decode(row.payload, scratch))
