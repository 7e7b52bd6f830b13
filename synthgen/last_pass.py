"""The last look before a release: at audit patients, who were the yardstick until now, and at persons as a whole.

While the attacks run, the audit patients must be outsiders, so that the screening does not know them. Once they have
served, they are protected like everybody else in the cohort. And what was dealt out over many samples of one synthetic
person is judged as one record.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import TypeVar

import numpy as np

from synthgen.config import Section
from synthgen.estimates import one_record_each
from synthgen.modality import Cohorts
from synthgen.privacy_filters.gate import Gate
from synthgen.privacy_filters.power import BlockRate
from synthgen.records import C, Real, Synthetic
from synthgen.run import Run
from synthgen.sampling import Generated, kept_samples

T = TypeVar("T")
M = TypeVar("M", bound=Section)

OUTSIDER_LEVEL = 0.002  # probability at which an honest generator is refused by either count
PSEUDO_PERSONS = 99
_BATCH = 16

Slotted = tuple[int, Synthetic[T, C]]


def last_pass(
    run: Run[T, C, M], gate: Gate[T], audit: Sequence[Real[T, C]], generated: Generated[T, C]
) -> Generated[T, C]:
    """Withholds samples that lie too close to an audit patient, and persons whose samples together do to anybody.

    Withheld slots stay empty; how many there are stands in the facts, with what strangers would show.
    """
    if generated.stopped:
        return generated
    kind, seed = run.modality.cohorts, run.seed("last pass")
    everybody = gate.protecting(audit) if audit else gate
    task = run.progress.task("last pass", generated.facts.slots, "sample")
    known: set[int] = set()
    for batch in _batches(kept_samples(kind, generated)):
        close = everybody.rejects([sample.payload for _, sample in batch])
        known |= {slot for (slot, _), near in zip(batch, close, strict=True) if near}
        task.advance(len(batch), f"{len(known)} withheld")
    left = replace(generated, withheld=frozenset(known))
    persons, dealt = 0, set[int]()
    withheld_persons = 0
    threshold = cache(lambda sessions: person_threshold(gate, kind.joined, audit, sessions, seed))
    for group in _persons(kind, kept_samples(kind, left)):
        persons += 1
        whole = kind.joined([sample.payload for _, sample in group])
        if not gate.calibration.common(everybody.scores([whole]))[0] > threshold(len(group)):
            withheld_persons += 1
            dealt |= {slot for slot, _ in group}
    facts = replace(
        generated.facts,
        withheld_for_audit=len(known),
        withheld_persons=withheld_persons,
        withheld_in_persons=len(dealt),
        persons=persons,
        outsider_limit=outsider_limit(gate, generated.facts.slots - generated.facts.exhausted),
        person_limit=_limit(BlockRate(1, PSEUDO_PERSONS), persons),
    )
    return replace(generated, facts=facts, withheld=frozenset(known | dealt))


def person_threshold(
    gate: Gate[T], joined: Callable[[Sequence[T]], T], strangers: Sequence[Real[T, C]], sessions: int, seed: int
) -> float:
    """The common score at or below which a person of so many samples is too close to a patient.

    A person says more than a record does, and may resemble somebody by chance the more. So the threshold is that of
    records, or where it lies lower the closest of ``PSEUDO_PERSONS``: as many records of different audit patients,
    joined, who are nobody that the gate knows.
    """
    each = one_record_each(strangers, seed)
    if len(each) < 2 * sessions:
        return gate.calibration.threshold
    rng = np.random.default_rng(seed)
    people = [[each[i].payload for i in rng.permutation(len(each))[:sessions]] for _ in range(PSEUDO_PERSONS)]
    scores = [gate.scores([joined(person)]) for person in people]
    return min(gate.calibration.threshold, float(gate.calibration.common(np.concatenate(scores)).min()))


def outsider_limit(gate: Gate[T], samples: int) -> int:
    """More of so many kept samples close to an audit patient than this, and the generator knows those patients."""
    return _limit(gate.block_rate, samples)


def _limit(block: BlockRate, count: int) -> int:
    return block.limit(count, OUTSIDER_LEVEL) if count else 0


def _batches(samples: Iterable[Slotted[T, C]]) -> Iterator[list[Slotted[T, C]]]:
    batch: list[Slotted[T, C]] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _persons(cohorts: Cohorts[T, C, M], samples: Iterable[Slotted[T, C]]) -> Iterator[list[Slotted[T, C]]]:
    """The samples of each synthetic person who has several."""

    def person(slotted: Slotted[T, C]) -> Hashable | None:
        return cohorts.person(slotted[1].condition)

    for key, group in groupby(samples, person):
        members = list(group) if key is not None else []
        if len(members) > 1:
            yield members
