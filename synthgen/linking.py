"""Attackers who learn on C, and know the operator, try to link the changed records of E to people.

Four attacks: a changed record against the originals, the very one among them (``same_record``); against another record
of its patient (``other_record``); against changed records (``within_release``); and against originals that the attacker
ran through the operator himself, with a secret of his own (``oracle``). Each is made twice (levels as in VoicePrivacy,
Tomashenko et al. 2022): by an attacker who learnt from untouched records, called ignorant where the gallery is
untouched and lazy-informed where it is changed; and by one who learnt from changed records, semi-informed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np

from synthgen.linkage import Linked, linked
from synthgen.progress import Progress
from synthgen.records import Attacker, C, Matcher, Operator, Real
from synthgen.report import LinkFacts

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)

LEAST = 20  # people, of C to learn from and of E to judge

LEAST_PATIENTS = 5
"""A label that fewer patients of T have names one of them, and is not released with a changed record."""

SAME, OTHER, WITHIN, ORACLE = "same_record", "other_record", "within_release", "oracle"
ATTACKS = (SAME, OTHER, WITHIN, ORACLE)


@dataclass(frozen=True)
class Person(Generic[T]):
    """One or two records of a patient, as they are, as they are released, and as the attacker would change them."""

    name: str
    originals: tuple[T, ...]
    changed: tuple[T, ...]
    by_attacker: tuple[T, ...]


def had_by_many(owned: Iterable[tuple[H, str]]) -> frozenset[H]:
    """Of pairs of a label and a patient who has it: the labels that at least ``LEAST_PATIENTS`` patients have."""
    owners: dict[H, set[str]] = {}
    for label, patient in owned:
        owners.setdefault(label, set()).add(patient)
    return frozenset(label for label, patients in owners.items() if len(patients) >= LEAST_PATIENTS)


def people_of(
    records: Sequence[Real[T, C]], operator: Operator[T, C], attackers_own: Operator[T, C], seed: int
) -> list[Person[T]]:
    """Each patient with two random records, or the only one. An operator sees all records of a patient at once."""
    rng = np.random.default_rng(seed)
    found = []
    ordered = sorted(records, key=lambda r: (r.patient, r.record))
    for name, group in groupby(ordered, key=lambda r: r.patient):
        own = list(group)
        chosen = rng.permutation(len(own))[:2].tolist()
        changed, by_attacker = operator(0, own), attackers_own(0, own)
        found.append(
            Person(
                name,
                tuple(own[i].payload for i in chosen),
                tuple(changed[i].payload for i in chosen),
                tuple(by_attacker[i].payload for i in chosen),
            )
        )
    return found


@dataclass(frozen=True)
class Trial(Generic[T]):
    """Probes, and a gallery that begins with the record of each probe's person; the rest is of others."""

    people: tuple[str, ...]
    probes: tuple[T, ...]
    gallery: tuple[T, ...]

    @classmethod
    def of(
        cls,
        people: Sequence[Person[T]],
        probe: Callable[[Person[T]], T],
        own: Callable[[Person[T]], T | None],
        other: Callable[[Person[T]], T],
    ) -> Trial[T]:
        """Of those who have a record to be found by; those who have none stand among the others."""
        mated = [(one, found) for one in people if (found := own(one)) is not None]
        alone = [one for one in people if own(one) is None]
        return cls(
            tuple(one.name for one, _ in mated),
            tuple(probe(one) for one, _ in mated),
            (*(found for _, found in mated), *map(other, alone)),
        )

    @property
    def pairs(self) -> tuple[tuple[T, ...], tuple[T, ...]]:
        """What an attacker learns from."""
        return self.probes, self.gallery[: len(self.probes)]


def _second(records: tuple[T, ...]) -> T | None:
    return records[1] if len(records) > 1 else None


def trial(attack: str, people: Sequence[Person[T]]) -> Trial[T]:
    """An attack on changed records."""

    def changed(one: Person[T]) -> T:
        return one.changed[0]

    if attack == SAME:
        return Trial.of(people, changed, lambda one: one.originals[0], changed)
    if attack == OTHER:
        return Trial.of(people, changed, lambda one: _second(one.originals), lambda one: one.originals[0])
    if attack == WITHIN:
        return Trial.of(people, changed, lambda one: _second(one.changed), changed)
    if attack == ORACLE:
        return Trial.of(people, changed, lambda one: one.by_attacker[0], changed)
    raise ValueError(f"no attack {attack!r}")


def untouched(people: Sequence[Person[T]]) -> Trial[T]:
    """The same on records as they are: two of a patient where enough have two, else one against itself."""

    def first(one: Person[T]) -> T:
        return one.originals[0]

    twice = Trial.of(people, first, lambda one: _second(one.originals), first)
    return twice if len(twice.people) >= LEAST else Trial.of(people, first, first, first)


def not_makable(calibration: Sequence[Real[T, C]], audit: Sequence[Real[T, C]]) -> dict[str, str]:
    """The attacks for which C or E has too few patients, with the reason; known as soon as a cohort is split."""
    owned = [Counter(record.patient for record in part) for part in (calibration, audit)]
    found = {}
    for attack in ATTACKS:
        least = 2 if attack in (OTHER, WITHIN) else 1
        learning, judging = (sum(count >= least for count in own.values()) for own in owned)
        if few := _too_few(attack, learning, judging):
            found[attack] = few
    return found


@dataclass(frozen=True)
class Attacked:
    """What the attacks found, and which could not be made, with the reason."""

    facts: tuple[LinkFacts, ...]
    missing: tuple[tuple[str, str], ...]


def attack_all(
    attackers: Sequence[Attacker[T]],
    learnt_from: Sequence[Person[T]],
    judged: Sequence[Person[T]],
    seed: int,
    progress: Progress,
) -> Attacked:
    """Every attack by every attacker at both levels.

    Args:
        learnt_from: of C.
        judged: of E, none of whom is in C.
    """
    facts: list[LinkFacts] = []
    missing = {}
    powers: list[tuple[Attacker[T], Matcher[T], Linked]] = []
    if min(len(learnt_from), len(judged)) >= LEAST:
        for attacker in attackers:
            ignorant = attacker.trained(*untouched(learnt_from).pairs, seed)
            powers.append((attacker, ignorant, _measured("untouched", ignorant, untouched(judged), seed)))
    for attack in ATTACKS:
        learning, test = trial(attack, learnt_from), trial(attack, judged)
        if few := _too_few(attack, len(learning.people), len(test.people)):
            missing[attack] = few
            continue
        levels = sum(1 + attacker.learns for attacker, _, _ in powers)
        task = progress.task(f"attack: {attack.replace('_', ' ')}", levels, "attacker")
        for attacker, ignorant, power in powers:
            for level, matcher in _levels(attack, attacker, ignorant, learning, seed):
                name = f"{attack}_{level.replace('-', '_')}"
                found = _measured(name, matcher, test, seed, f"{attacker.name}, {len(learning.people)} learnt from")
                figures = (found.auc, found.eer, found.tpr, found.rank1, found.d_sys)
                facts.append(LinkFacts(attack, level, attacker.name, *figures, found.gallery, power.auc))
                task.advance()
    return Attacked(tuple(facts), tuple(missing.items()))


def _levels(
    attack: str, attacker: Attacker[T], ignorant: Matcher[T], learning: Trial[T], seed: int
) -> Iterator[tuple[str, Matcher[T]]]:
    yield ("ignorant" if attack in (SAME, OTHER) else "lazy-informed"), ignorant
    if attacker.learns:
        yield "semi-informed", attacker.trained(*learning.pairs, seed)


def _measured(name: str, matcher: Matcher[T], test: Trial[T], seed: int, note: str = "") -> Linked:
    return linked(name, matcher(test.probes, test.gallery), test.people, seed, note)


def _too_few(attack: str, learning: int, judging: int) -> str:
    what = "patients with two records" if attack in (OTHER, WITHIN) else "patients"
    if min(learning, judging) >= LEAST:
        return ""
    return f"{learning} calibration and {judging} audit {what}, {LEAST} of each are needed"
