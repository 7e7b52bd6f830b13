"""One person is one person: patients whose records are the same, or nearly so, count as one before anybody is split.

A person under two numbers who stands on both sides of the split blinds the gate: the calibration patient is then no
stranger but a copy of a training patient, and the threshold falls to where copies lie. So the links that loader and
modality find are merged here, before the split, or the command stops where they cannot mean one person.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from synthgen.config import PeopleConfig, RunConfig, Section
from synthgen.errors import SeeWorkFolderError, UserError
from synthgen.files import write_atomically
from synthgen.modality import Cohorts
from synthgen.patient_ids import (
    SAME_NUMBER,
    WITHOUT_ISSUER,
    bare_keys,
    check_not_rounded,
    linked_groups,
    number_key,
    one_spelling,
    patient_key,
)
from synthgen.progress import Progress
from synthgen.records import C, Link, Loaded, Real
from synthgen.report import LinkedFacts

T = TypeVar("T")
M = TypeVar("M", bound=Section)

LIST: Final = "linked.csv"
"""The private list of linked records in the cohort's part of the work folder."""
_COLUMNS: Final = ("first", "second", "kind", "first_patient", "second_patient")

_MOST: Final = 5
_MOST_SHARE: Final = 0.02
"""One person may have as many numbers as the larger of the two allows; more must all resemble each other."""
_NEAR_COMPLETE: Final = 0.8
"""Share of the pairs of patients that must be linked in so large a group."""


@dataclass(frozen=True)
class People(Generic[T, C]):
    """A cohort in which every person is one patient.

    Attributes:
        loaded: the records, each under the name of its person.
        person_of: the person's name by :func:`patient_key` of every identifier in the cohort.
    """

    loaded: Loaded[T, C]
    person_of: Mapping[str, str]
    facts: LinkedFacts


def find_people(
    cohorts: Cohorts[T, C, M], loaded: Loaded[T, C], config: RunConfig[M], folder: Path, progress: Progress
) -> People[T, C]:
    """Counts linked patients as one, by identifiers, by what the loader knows and by what the records hold.

    Args:
        folder: private; the list of links is written there for the data steward, whatever comes of them.

    Raises:
        UserError: links grow into a chain that is no person, the cohort is one person, ``people.link`` is ``stop`` and
            there is a link, or identifiers were rounded. The message has counts and the list's path, no name.
    """
    written = [record.patient for record in loaded.records]
    check_not_rounded(written)
    names = one_spelling(written)
    records = tuple(replace(r, patient=name) for r, name in zip(loaded.records, names, strict=True))
    links = (
        *linked_groups([number_key(name) for name in names], names, SAME_NUMBER),
        *linked_groups(bare_keys(names), names, WITHOUT_ISSUER),
        *loaded.links,
        *cohorts.links(records, config.modality, progress),
    )
    spelt = replace(loaded, records=records, links=tuple(links))
    people = merged(spelt, config.people, folder)
    spellings = len(set(written)) - len(set(names))
    facts = replace(people.facts, patients_before=len(set(written)), spellings=spellings)
    _tell(facts, folder / LIST, progress)
    return People(people.loaded, people.person_of, facts)


def merged(loaded: Loaded[T, C], config: PeopleConfig, folder: Path) -> People[T, C]:
    """The cohort with the patients of ``loaded.links`` under one name, the first by name of each person.

    Raises:
        UserError: see :func:`find_people`.
    """
    records = loaded.records
    links = _distinct(loaded.links, records)
    apart = frozenset[frozenset[str]]() if config.apart is None else read_apart(config.apart)
    kept = [k for k in links if frozenset((records[k.first].record, records[k.second].record)) not in apart]
    listed = folder / LIST
    listed.unlink(missing_ok=True)
    if links:
        write_atomically(listed, _table(links, records))
    patients = sorted({record.patient for record in records})
    pairs = {_patients(link, records) for link in kept}
    groups = _groups(patients, pairs)
    _check(patients, groups, pairs, kept, config, listed)
    person = {patient: group[0] for group in groups for patient in group}
    facts = LinkedFacts(
        patients_before=len(patients),
        patients=len(groups),
        links=tuple(sorted(Counter(link.kind for link in kept).items())),
        set_apart=len(links) - len(kept),
    )
    one = replace(loaded, records=_renamed(records, person), links=tuple(kept))
    return People(one, {patient_key(patient): name for patient, name in person.items()}, facts)


def read_apart(path: Path) -> frozenset[frozenset[str]]:
    """Pairs of records that the data steward found to be of different people: a CSV with the columns first,second.

    Raises:
        UserError: naming the file, never a record.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UserError(f"cannot read the file of people.apart, {path}") from None
    if not rows or not {"first", "second"} <= set(rows[0]):
        raise UserError(f"the file of people.apart, {path}, needs the columns first,second: rows of {LIST}")
    return frozenset(frozenset(((row["first"] or "").strip(), (row["second"] or "").strip())) for row in rows)


def _distinct(links: Sequence[Link], records: Sequence[Real[T, C]]) -> list[Link]:
    """Each linked pair of records once, of different patients; the first kind that is told of a pair stands."""
    found: dict[tuple[int, int], Link] = {}
    for link in links:
        first, second = sorted((link.first, link.second))
        if records[first].patient != records[second].patient:
            found.setdefault((first, second), Link(first, second, link.kind))
    return [found[pair] for pair in sorted(found)]


def _patients(link: Link, records: Sequence[Real[T, C]]) -> tuple[str, str]:
    first, second = sorted((records[link.first].patient, records[link.second].patient))
    return first, second


def _groups(patients: Sequence[str], pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Who is one person: the connected components, each in the order of the names."""
    place = {patient: at for at, patient in enumerate(patients)}
    rows, columns = ([place[pair[side]] for pair in sorted(pairs)] for side in (0, 1))
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(patients), len(patients)))
    _, component = connected_components(graph, directed=False)
    groups: dict[int, list[str]] = defaultdict(list)
    for patient, number in zip(patients, component, strict=True):
        groups[int(number)].append(patient)
    return list(groups.values())


def _check(
    patients: Sequence[str],
    groups: Sequence[Sequence[str]],
    pairs: set[tuple[str, str]],
    links: Sequence[Link],
    config: PeopleConfig,
    listed: Path,
) -> None:
    """Refuses what cannot be one person, with what to do about it."""
    if not links:
        return
    remedy = (
        f"look at the private list {listed}, give the records of one person one patient id, and name pairs of "
        "different people in a file for people.apart"
    )
    if config.link == "stop":
        alike = len(patients) - len(groups)
        raise SeeWorkFolderError(
            f"{alike} patients are linked to another ({_kinds(links)}), and people.link is stop: {remedy}"
        )
    for group in groups:
        if len(group) > max(_MOST, _MOST_SHARE * len(patients)) and not _holds_together(group, pairs):
            raise SeeWorkFolderError(
                f"{len(group)} of {len(patients)} patients are linked into one chain ({_kinds(links)}): that is a "
                f"template or a broken export rather than one person; {remedy}"
            )
    if len(groups) == 1:
        raise SeeWorkFolderError(
            f"the cohort is one person after linking: its {len(patients)} patients are all linked to one another "
            f"({_kinds(links)}), so nobody can be held out; {remedy}"
        )


def _holds_together(group: Sequence[str], pairs: set[tuple[str, str]]) -> bool:
    members = set(group)
    linked = sum(first in members for first, _ in pairs)  # a pair lies within one group
    return linked >= _NEAR_COMPLETE * len(group) * (len(group) - 1) / 2


def _renamed(records: Sequence[Real[T, C]], person: Mapping[str, str]) -> tuple[Real[T, C], ...]:
    """Records under their persons' names; a record's name that the person has already gets a dash."""
    taken: set[tuple[str, str]] = {(r.patient, r.record) for r in records if person[r.patient] == r.patient}
    return tuple(_moved(record, person[record.patient], taken) for record in records)


def _moved(record: Real[T, C], name: str, taken: set[tuple[str, str]]) -> Real[T, C]:
    if record.patient == name:
        return record
    own = record.record
    while (name, own) in taken:
        own += "'"
    taken.add((name, own))
    return replace(record, patient=name, record=own)


def _table(links: Sequence[Link], records: Sequence[Real[T, C]]) -> bytes:
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_rows(links, records))
    return buffer.getvalue().encode()


def _rows(links: Sequence[Link], records: Sequence[Real[T, C]]) -> Iterator[tuple[str, ...]]:
    for link in links:
        first, second = records[link.first], records[link.second]
        yield first.record, second.record, link.kind, first.patient, second.patient


def _kinds(links: Sequence[Link]) -> str:
    counts = Counter(link.kind for link in links).most_common()
    return ", ".join(f"{count} × {kind}" for kind, count in counts)


def _tell(facts: LinkedFacts, listed: Path, progress: Progress) -> None:
    if facts.spellings:
        progress.say(
            f"{facts.spellings} patient ids differ from another in spaces, case or Unicode form: the same people"
        )
    if facts.links:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in facts.links)
        progress.say(f"linked patients count as one: {facts.patients} people ({kinds}); the private list is {listed}")
    if facts.set_apart:
        progress.say(f"{facts.set_apart} linked pairs of records are set apart by people.apart")
