"""Singling out, linkability and inference over what a modality gives: a table of what is known, and its spaces.

Each attack is made on people of T and, the same, on people of E; see :mod:`synthgen.risks` for what comes of it. Unlike
the attacks that the verdict rests on, these are reported and decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from synthgen.estimates import Floats, NotMeasurableError, attempted
from synthgen.eval import attacks, singling_out
from synthgen.eval.known import Known, features, gower, halved, is_number
from synthgen.progress import Progress
from synthgen.records import Estimate
from synthgen.risks import Risk, rate, risk_of

_LEAST = 8


@dataclass(frozen=True)
class Tables:
    """What is known of the release, of T, of E and of C; T and E with one record per patient, in a space's order."""

    release: Known
    members: Known
    others: Known
    reference: Known

    def only(self, names: Sequence[str]) -> Tables:
        each = (self.release, self.members, self.others, self.reference)
        return Tables(*(one.only(names) for one in each))


@dataclass(frozen=True)
class Rows:
    """The same people in an embedding, [n, D] each."""

    name: str
    release: Floats
    members: Floats
    others: Floats
    reference: Floats
    note: str = ""


@dataclass(frozen=True)
class Outcomes:
    """An attack on each person: 1 where it succeeds, a share where chance breaks a tie, NaN where it was not made.

    Attributes:
        members, others: of T [n] and of E [m].
        naive: of T; the guess that needs no release.
    """

    kind: str
    attack: str
    members: Floats
    others: Floats
    naive: Floats
    note: str = ""

    @property
    def risk(self) -> Risk:
        """Patients are the unit; the interval is Wilson's."""
        rates = (self._rate("success", self.members), self._rate("control", self.others))
        return risk_of(self.kind, self.attack, *rates, self._rate("naive", self.naive), self.note)

    def _rate(self, name: str, each: Floats) -> Estimate:
        made = each[~np.isnan(each)]
        if not len(made):
            raise NotMeasurableError(f"{self.kind}: nobody is left to attack")
        return rate(f"{self.kind}_{name}", float(made.sum()), len(made), note=self.note)

    def of(self, members: NDArray[np.bool_], others: NDArray[np.bool_]) -> Outcomes:
        """On some people alone."""
        return replace(self, members=self.members[members], others=self.others[others], naive=self.naive[members])


def joined(first: Floats, second: Floats) -> Floats:
    """Chance that both halves of a person's record lead to the same sample, by distances [n, s] of either half.

    The nearest sample of each half is taken; of equally near ones, either.
    """
    near = [d <= d.min(axis=1, keepdims=True) + 1e-12 for d in (first, second)]
    both = (near[0] & near[1]).sum(axis=1)
    return np.asarray(both / (near[0].sum(axis=1) * near[1].sum(axis=1)), dtype=np.float64)


def linked(attack: str, halves: Sequence[tuple[Floats, Floats]], note: str = "") -> Outcomes:
    """Two halves of what is known of a person, joined through the release (Giomi et al. 2023).

    Args:
        halves: for T and for E, the distances [n, s] of either half to the samples. The naive guess joins at random.
    """
    on_t, on_e = (joined(*pair) for pair in halves)
    samples = halves[0][0].shape[1]
    return Outcomes("linkability", attack, on_t, on_e, np.full(len(on_t), 1 / samples), note)


def linked_by_attributes(tables: Tables, note: str = "") -> Outcomes:
    """Every second attribute in one half, the others in the other."""
    names = tables.release.names
    if len(names) < 2 or min(len(tables.members), len(tables.others), len(tables.release)) < _LEAST:
        raise NotMeasurableError(f"linkability needs two attributes, {_LEAST} samples and {_LEAST} people on each side")
    halves = (names[::2], names[1::2])
    distances = [
        tuple(gower(people.only(half), tables.release.only(half)) for half in halves)
        for people in (tables.members, tables.others)
    ]
    told = note or " | ".join(", ".join(half) for half in halves)
    return linked("halves of the attributes", [(a, b) for a, b in distances], told)


def linked_to_embedding(tables: Tables, space: Rows) -> Outcomes:
    """Attributes in one half, the record itself in the other: who holds films joins them to who holds a list."""
    if not tables.release.names or min(len(tables.members), len(tables.others), len(tables.release)) < _LEAST:
        raise NotMeasurableError(f"linkability needs an attribute, {_LEAST} samples and {_LEAST} people on each side")
    pairs = (
        (gower(tables.members, tables.release), cdist(space.members, space.release)),
        (gower(tables.others, tables.release), cdist(space.others, space.release)),
    )
    return linked(f"attributes and {space.name}", pairs, f"{', '.join(tables.release.names)} | {space.note}")


def inferred(found: attacks.Inferred, secret: str) -> Outcomes:
    """Attribute inference, told as success on T, on E and of a guess: the release's commonest value."""
    return Outcomes("inference", secret, found.members.each, found.others.each, found.naive, found.note)


def inferred_from_attributes(
    tables: Tables, secret: str, space: Rows | None, patients: tuple[Sequence[str], Sequence[str]], *, seed: int
) -> Outcomes:
    """One attribute guessed from the others, and from the record where a space is given; of a number, its half."""
    rest = tables.only([name for name in tables.release.names if name != secret])
    each = list(features(rest.release, rest.members, rest.others))
    if space is not None:
        parts = (space.release, space.members, space.others)
        each = [np.concatenate([rows, own], axis=1) for rows, own in zip(each, parts, strict=True)]
    if not each[0].shape[1]:
        raise NotMeasurableError("nothing else is known")
    column = tables.release[secret]
    at = float(np.nanmedian(column)) if is_number(column) else 0.0
    values = [list(halved(x[secret], at)) for x in (tables.members, tables.others, tables.release)]
    groups = attacks.Groups(each[1], each[2], tuple(patients[0]), tuple(patients[1]))
    note = "from " + ", ".join([*rest.release.names, *([space.note or space.name] if space is not None else [])])
    return inferred(attacks.attribute_inference(groups, each[0], *values, seed=seed, note=note), secret)


def on_each_person(
    tables: Tables,
    spaces: Sequence[Rows],
    patients: tuple[Sequence[str], Sequence[str]],
    told: Sequence[Outcomes],
    *,
    seed: int,
    progress: Progress,
) -> Iterator[Outcomes]:
    """Linkability and inference, as far as there is enough to go by.

    Args:
        told: inferences that are made elsewhere, and are not made again.
    """
    yield from told
    found = [attempted(progress, linked_by_attributes, tables)]
    found += [attempted(progress, linked_to_embedding, tables, space) for space in spaces]
    known = {one.attack for one in told}
    beside = min(spaces, key=lambda space: space.release.shape[1], default=None)  # the rest cost, and tell little more
    found += [
        attempted(progress, inferred_from_attributes, tables, secret, beside, patients, seed=seed)
        for secret in tables.release.names
        if secret not in known
    ]
    yield from (one for one in found if one is not None)


def singling(tables: Tables, spaces: Sequence[Rows], *, seed: int, progress: Progress) -> Iterator[Risk]:
    """Singling out by attributes, and by lying near a sample in each space."""
    if tables.release.names:
        yield from singling_out.by_attributes(tables.release, tables.members, tables.others, seed=seed)
    for space in spaces:
        rows = (space.release, space.members, space.others, space.reference)
        attack = f"near a sample, {space.name}"
        one = attempted(progress, singling_out.near_a_sample, *rows, seed=seed, attack=attack, note=space.note)
        if one is not None:
            yield one
