"""Generates and screens, slot by slot: a rejected sample is drawn again, with the same condition and another seed.

A shard that lies on disk is finished work; the ledger follows the shards in their order, with one writer.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from synthgen.config import Section
from synthgen.engines import Engine
from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.ledger import Ledger
from synthgen.modality import Cohorts
from synthgen.privacy_filters.gate import Facet, FirstAttempts, facets
from synthgen.progress import Silent
from synthgen.records import C, Condition, Synthetic, Verdict
from synthgen.report import ScreeningFacts
from synthgen.run import Run
from synthgen.seconds import Spent
from synthgen.shards import Row, read_shard, shard_path, write_shard
from synthgen.slots import Conditions, Judge, Shard, fill, shards

T = TypeVar("T")
M = TypeVar("M", bound=Section)


@dataclass(frozen=True)
class Generated(Generic[T, C]):
    """What generating and screening left on disk.

    Attributes:
        done: shards of the release; those of probes are told of in ``first`` alone.
        first: what the test of the generator is held on: the calibrated filters alone.
        stopped: True when so many first attempts were rejected that the generator is refused whatever follows.
        withheld: slots whose samples the last pass took out of the release.
    """

    folder: Path
    scratch: Path
    done: tuple[Shard, ...]
    facts: ScreeningFacts
    first: FirstAttempts
    stopped: bool
    withheld: frozenset[int] = frozenset()

    def rows(self) -> Iterator[Row]:
        """All attempts for the release, shard by shard: memory does not grow with it."""
        for shard in self.done:
            yield from read_shard(shard_path(self.folder, shard))


@dataclass(frozen=True)
class Worker(Generic[T, C, M]):
    """Fills shards; opened once per process, on whatever machine.

    Attributes:
        mark: a file in the work folder, by which a worker knows that it sees the same folder.
    """

    run: Run[T, C, M]
    model: Path
    judge: Judge[T]
    condition: Conditions[C]
    folder: Path
    scratch: Path
    mark: Path

    def open(self) -> Callable[[Shard], tuple[Shard, Spent]]:
        """Opens the model; the result fills one shard, and returns it and what it took when its file is on disk.

        Raises:
            UserError: the work folder or the model is not to be seen from here.
        """
        for there, path, option in (
            (self.mark, self.folder.parent, "--work"),
            (self.model, self.model, "--model"),
        ):
            if not there.exists():
                raise UserError(
                    f"a worker does not see {path}: put {option} on a disk that all machines share, under one path"
                )
        kind, config, settings = self.run.modality, self.run.config, self.run.settings
        seed, slots = config.seed, config.slots
        opened = kind.generator.open(self.model, settings, slots.rows, self.scratch)
        generator = kind.filters.cleaned(opened, settings)

        def condition(slot: int) -> C:
            return self.condition(slot, seed)

        def work(shard: Shard) -> tuple[Shard, Spent]:
            path = shard_path(self.folder, shard)
            if path.exists():
                return shard, Spent()
            began, screening = time.perf_counter(), 0.0

            def judge(payloads: Sequence[T]) -> list[tuple[Verdict, ...]]:
                nonlocal screening
                start = time.perf_counter()
                judged = self.judge(payloads)
                screening += time.perf_counter() - start
                return judged

            with _memory(slots.rows):
                tries, close = slots.attempts, slots.close
                made = list(fill(shard, generator, judge, condition, run_seed=seed, attempts=tries, close=close))
                write_shard(path, made, kind.cohorts.encode)
            return shard, Spent(time.perf_counter() - began, screening)

        return work


@contextmanager
def _memory(rows: int) -> Iterator[None]:
    """Turns a lack of memory, of a GPU's too, into a line that says what helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryError":  # torch's own name
            raise
        fewer = f", or take --set slots.rows={rows // 2} and a new --work" if rows > 1 else ""
        raise UserError(
            f"the memory does not hold a batch of {rows}: free some and run the same command again{fewer}"
        ) from None


def generate(
    run: Run[T, C, M],
    *,
    model: Path,
    judge: Judge[T],
    limit: int | None,
    probes: int,
    condition: Conditions[C],
    engine: Engine,
) -> Generated[T, C]:
    """Fills every slot of the release, or stops when the generator has shown that it memorises.

    Args:
        judge: the gate.
        limit: more rejected first attempts than this end the run; None sets no limit.
        probes: first attempts beyond the release, for the test of the generator alone.

    Raises:
        UserError: if a shard of the work folder is not what its ledger says.
    """
    config, work = run.config, run.work.folder
    folder = private_folder(work / "shards")
    ledger = Ledger(work / "ledger.jsonl")
    plan = shards(config.samples, config.slots.rows, config.slots.depth, probes)
    scratch = private_folder(work / "scratch")
    known = ledger.known()
    task = run.progress.task("generate ⇄ screen", config.samples + probes, "sample")
    tally = Tally()
    done: list[Shard] = []
    spent = Spent()
    with _marked(scratch) as mark:
        worker = Worker(replace(run, progress=Silent()), model.resolve(), judge, condition, folder, scratch, mark)
        for shard, took in engine.map(worker.open, plan):
            spent += took
            rows = list(read_shard(shard_path(folder, shard)))
            entries = [row.entry() for row in rows]
            told = list(islice(known, len(entries)))
            if told != entries[: len(told)]:
                path = shard_path(folder, shard)
                raise UserError(f"{path} is not what the ledger says: delete it and run the same command again")
            ledger.append(entries[len(told) :])
            for row in rows:
                tally.add(row, run.modality.cohorts.condition_from(row.condition), shard.probe)
            if not shard.probe:
                done.append(shard)
            task.advance(shard.count, f"{tally.close} too close")
            if limit is not None and tally.close > limit:
                break
    spent.note(work, run.progress.say)
    slots = sum(shard.count for shard in done)
    facts = ScreeningFacts(
        slots=slots,
        attempts=tally.attempts,
        rejected=tally.attempts - tally.kept,
        rejected_by_rules=tally.by_rules,
        exhausted=slots - tally.kept,
        close_rejections=config.slots.close,
    )
    stopped = limit is not None and tally.close > limit
    return Generated(folder, scratch, tuple(done), facts, tally.first(), stopped)


@contextmanager
def _marked(scratch: Path) -> Iterator[Path]:
    """A file that was not there before: a folder of the same path on another machine does not hold it."""
    for left in scratch.glob(".mark-*"):  # by a run that was killed
        left.unlink()
    mark = scratch / f".mark-{secrets.token_hex(8)}"
    mark.touch(0o600)
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


@dataclass
class Tally:
    """Counts over attempts: of the release, and of first attempts, probes among them."""

    attempts: int = 0
    kept: int = 0
    by_rules: int = 0
    judged: int = 0
    close: int = 0
    mix: Counter[Facet] = field(default_factory=Counter)
    facet_close: Counter[Facet] = field(default_factory=Counter)
    facet_judged: Counter[Facet] = field(default_factory=Counter)

    def add(self, row: Row, condition: Condition, probe: bool) -> None:
        """One attempt."""
        if not probe:
            self.attempts += 1
            self.kept += row.kept
            self.by_rules += not row.kept and not row.close
        if row.attempt == 0:
            self.judged += 1
            self.close += row.close
            self.mix["stratum", condition.stratum] += 1
            for facet in facets(condition):
                self.facet_judged[facet] += 1
                self.facet_close[facet] += row.close

    def first(self) -> FirstAttempts:
        """What the test of the generator is held on. A value that all share is no condition of its own."""
        told = {f: (n, self.facet_close[f]) for f, n in self.facet_judged.items() if n < self.judged}
        return FirstAttempts(self.judged, self.close, dict(self.mix), told)


def kept_samples(cohorts: Cohorts[T, C, M], generated: Generated[T, C]) -> Iterator[tuple[int, Synthetic[T, C]]]:
    """The samples that every filter kept and the last pass left, with their slots, in the order of the slots."""
    for shard in generated.done:
        kept = (row for row in read_shard(shard_path(generated.folder, shard)) if row.kept)
        for row in sorted(kept, key=lambda r: r.slot):
            if row.slot not in generated.withheld:
                yield row.slot, _sample(cohorts, row, generated.scratch)


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


def first_attempts(cohorts: Cohorts[T, C, M], generated: Generated[T, C], most: int) -> list[Synthetic[T, C]]:
    """Up to ``most`` first attempts, kept or not: the generator as it is, before screening flatters it."""
    found: list[Synthetic[T, C]] = []
    for row in generated.rows():
        if row.attempt == 0:
            found.append(_sample(cohorts, row, generated.scratch))
            if len(found) == most:
                break
    return found


def _sample(cohorts: Cohorts[T, C, M], row: Row, scratch: Path) -> Synthetic[T, C]:
    return Synthetic(row.seed, cohorts.condition_from(row.condition), cohorts.decode(row.payload, scratch))
