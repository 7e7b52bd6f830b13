"""Generators for the pipeline that were never trained: one that leaks copies of patients, and one that is honest."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from benchmarks.red_team.kinds import Kind, Material, number, share_of
from synthgen.records import C, Generator, Real, Request, Synthetic
from synthgen.seeds import attempt_seed

T = TypeVar("T")

_RETRIES = 20


@dataclass(frozen=True)
class Strangers(Generic[T, C]):
    """Records of people who are in no part of the cohort: what an honest generator makes looks like these.

    First attempts get a different record each, as far as there are enough: an honest generator does not repeat itself.

    Attributes:
        places: where in the order each known seed stands.
    """

    records: tuple[Real[T, C], ...]
    places: Mapping[int, int]

    @classmethod
    def dealt(cls, records: Sequence[Real[T, C]], seed: int, run_seed: int, slots: int) -> Strangers[T, C]:
        """In an order of their own for each ``seed``, to the attempts of a run of ``slots`` slots, probes included."""
        order = np.random.default_rng(number("strangers", seed)).permutation(len(records))
        return cls.in_order([records[i] for i in order], run_seed, slots)

    @classmethod
    def in_order(cls, records: Sequence[Real[T, C]], run_seed: int, slots: int) -> Strangers[T, C]:
        """The first record to the first slot, and so on; retries take those that are left."""
        places = {
            attempt_seed(run_seed, slot, attempt): slot + attempt * slots
            for attempt in range(_RETRIES)
            for slot in range(slots)
        }
        return cls(tuple(records), places)

    def of(self, seed: int) -> T:
        """The record that stands in for a sample of this seed."""
        place = self.places.get(seed, number("place", seed))
        return self.records[place % len(self.records)].payload


@dataclass(frozen=True)
class Honest(Generic[T, C]):
    """A generator that knows nobody of the cohort.

    Attributes:
        choose: whose record stands in for a sample.
        place: puts what a payload keeps on disk into the folder of the samples.
    """

    choose: Callable[[Request[C]], T]
    place: Callable[[T, Path], T]
    scratch: Path

    def __call__(self, requests: Sequence[Request[C]]) -> list[Synthetic[T, C]]:
        return [Synthetic(r.seed, r.condition, self.place(self.choose(r), self.scratch)) for r in requests]


@dataclass(frozen=True)
class Leaky(Generic[T, C]):
    """A generator that copies a patient in a share of its samples, and is honest otherwise.

    Attributes:
        share: of the units that are copies.
        sticks: False: every attempt is a copy with that chance. True: a slot is, whatever is tried in it, and it always
            copies the same patient.
        pooled: one copy of each victim, the same whenever it comes, so that its scores can be remembered. Otherwise
            every copy is made anew.
        seed: of which samples are copies, and of whom.
        part: number of the sample within its synthetic person, for a kind that is dealt over several samples.
        person: what the samples of one synthetic person share.
    """

    kind: Kind[T]
    share: float
    sticks: bool
    pooled: bool
    seed: int
    victims: tuple[Real[T, C], ...]
    strangers: Strangers[T, C]
    part: Callable[[C], int]
    person: Callable[[C], Hashable]
    place: Callable[[T, Path], T]
    scratch: Path

    def copies(self, request: Request[C]) -> bool:
        """Whether the sample of this request is a copy. It depends on the request alone."""
        return share_of("leak", self.seed, self._unit(request)) < self.share

    def _unit(self, request: Request[C]) -> Hashable:
        if self.kind.sessions > 1:
            return self.person(request.condition)
        return str(sorted(request.condition.as_dict().items())) if self.sticks else request.seed

    def __call__(self, requests: Sequence[Request[C]]) -> list[Synthetic[T, C]]:
        honest: Honest[T, C] = Honest(lambda request: self.strangers.of(request.seed), self.place, self.scratch)
        return [self._copied(r) if self.copies(r) else honest([r])[0] for r in requests]

    def _copied(self, request: Request[C]) -> Synthetic[T, C]:
        return Synthetic(request.seed, request.condition, self._copy(request))

    def _copy(self, request: Request[C]) -> T:
        unit, part = self._unit(request), self.part(request.condition)
        first = self.victims[number("victim", self.seed, unit) % len(self.victims)]
        lot = number(self.kind.name, first.record, part) if self.pooled else number(self.seed, unit, request.seed)
        others = [record for record in self.victims if record.patient != first.patient] or [first]
        hosts = sorted(self.strangers.records, key=lambda record: (record.patient, record.record))
        return self.kind.change(
            Material(
                victim=first.payload,
                record=first.record,
                second=others[lot % len(others)].payload,
                stranger=hosts[lot % len(hosts)].payload if self.pooled else self.strangers.of(request.seed),
                session=part,
                sessions=self.kind.sessions,
                scratch=self.scratch,
                rng=np.random.default_rng(lot),
            )
        )


def opened(generator: Leaky[T, C] | Honest[T, C]) -> Callable[[Path], Generator[T, C]]:
    """Opens the generator in the folder that the pipeline gives it."""

    def open_in(scratch: Path) -> Generator[T, C]:
        return replace(generator, scratch=scratch)

    return open_in
