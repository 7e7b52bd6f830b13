"""The battery: what every release is attacked with, and what is said of copying, over the spaces that a modality gives.

A modality says how its records become rows, and which attributes they have. Who is attacked, in what order, by which
seeds and under what names stands here. A figure for which there is too little data is left out, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, Indices, measured, one_per_patient
from synthgen.eval import attacks, copying, risks, subgroups
from synthgen.eval.known import Row, tables
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate, Real
from synthgen.risks import NOT_MEASURED, Exposure, PatientExposure

LEAST = 8


class Owned(Protocol):
    """Records and whose they are, in whatever form a modality embeds them."""

    @property
    def patients(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def take(self, rows: Indices, /) -> Self: ...


X = TypeVar("X", bound=Owned)
S = TypeVar("S")


@dataclass(frozen=True)
class Sets(Generic[X]):
    """The release, T, E (or who stands in for E), and the attacker's reference population, C."""

    synthetic: X
    train: X
    audit: X
    reference: X

    @classmethod
    def of(
        cls,
        samples: Sequence[S],
        cohort: Cohort[Any, Any],
        synthetic: Callable[[Sequence[S], int], X],
        real: Callable[[Sequence[Real[Any, Any]], int], X],
        seed: int,
    ) -> Self:
        """Read by ``synthetic`` and ``real``, which take a seed: they may draw. Without E, C stands in for it."""
        train, audit, reference = (cohort.train, cohort.audit or cohort.calibration, cohort.calibration)
        return cls(synthetic(samples, seed), *(real(x, seed + i) for i, x in enumerate((train, audit, reference), 1)))

    def one_each(self, seed: int, most: int | None = None) -> Self:
        """T and E with one random record per patient, of at most ``most`` patients; the others whole."""
        train, audit = (
            x.take(one_per_patient(x.patients, seed + i, most)) for i, x in enumerate((self.train, self.audit))
        )
        return replace(self, train=train, audit=audit)

    def size_matched(self, seed: int) -> Self:
        """The same, of as many patients on either side."""
        return self.one_each(seed, min(len(set(self.train.patients)), len(set(self.audit.patients))))


def enough(samples: int, cohort: Cohort[Any, Any], progress: Progress) -> bool:
    """Whether there are 8 samples, training patients and patients to measure on; said where not."""
    held_out = cohort.audit or cohort.calibration
    if min(samples, *(len({r.patient for r in x}) for x in (cohort.train, held_out))) >= LEAST:
        return True
    progress.say(f"evaluation needs {LEAST} samples, training patients and audit patients: nothing is measured")
    return False


Embed = Callable[[X], Floats]
"""Records to rows, [n, D]."""


@dataclass(frozen=True)
class Space:
    """One record of each patient in one embedding, and the release and C.

    Attributes:
        name: as the figures have it, ``membership_nn_<name>_auc``.
        note: how the rows are made.
        groups: members are of T, non-members of E.
        synthetic, reference: [s, D], [c, D].
    """

    name: str
    note: str
    groups: attacks.Groups
    synthetic: Floats
    reference: Floats

    @classmethod
    def of(cls, sets: Sets[X], embed: Embed[X], name: str = "", note: str = "") -> Self:
        """Embeds ``sets``, in which T and E have one record per patient."""
        groups = _groups(sets, embed)
        reference = embed(sets.reference) if len(sets.reference) else np.zeros((0, groups.members.shape[1]))
        return cls(name, note, groups, embed(sets.synthetic), reference)


def _groups(sets: Sets[X], embed: Embed[X]) -> attacks.Groups:
    members, others = sets.train, sets.audit
    return attacks.Groups(embed(members), embed(others), tuple(members.patients), tuple(others.patients))


def membership(
    space: Space, *, dimensions: int, seed: int, progress: Progress, hole: bool = True
) -> tuple[Estimate, ...]:
    """Nearest neighbours, the hole that screening may leave, and density ratios (DOMIAS) on so many components."""
    groups, s, name, note = space.groups, space.synthetic, space.name, space.note
    near = measured(progress, attacks.nn_membership, groups, s, seed=seed, name=f"membership_nn_{name}", note=note)
    far = measured(progress, attacks.hole_attack, groups, s, seed=seed, name=f"hole_{name}", note=note) if hole else ()
    density = measured(
        progress, attacks.domias, groups, s, space.reference,
        dimensions=dimensions, seed=seed, name=f"membership_domias_{name}", note=note,
    )  # fmt: skip
    return (*near, *far, *density)


def identity(space: Space, *, seed: int) -> tuple[Estimate, ...]:
    """Who is in the release, by an embedding of identity that no filter uses."""
    return attacks.identity_attack(space.groups, space.synthetic, seed=seed, note=space.note)


def attribute_inference(
    sets: Sets[X], embed: Embed[X], values: Callable[[X], Sequence[str]], attribute: str, *, seed: int, note: str = ""
) -> attacks.Inferred:
    """What the release tells of one attribute to somebody who knows the rest: ``embed`` must not hold it."""
    told = (values(x) for x in (sets.train, sets.audit, sets.synthetic))
    name, rows = f"attribute_inference_{attribute}", embed(sets.synthetic)
    return attacks.attribute_inference(_groups(sets, embed), rows, *told, seed=seed, name=name, note=note)


@dataclass(frozen=True)
class Attacked:
    """What came of all attacks on a release.

    Attributes:
        copying: statistics of copying, which decide nothing.
        patients: who of T stands out; private.
    """

    attacks: tuple[Estimate, ...] = ()
    copying: tuple[Estimate, ...] = ()
    exposure: Exposure = NOT_MEASURED
    patients: tuple[PatientExposure, ...] = ()


def patient_exposure(space: Space) -> tuple[PatientExposure, ...]:
    """Each patient of T with the nearest sample and the nearest other patient, in one space."""
    members = space.groups.members
    near = attacks.nearest_distance(members, space.synthetic)
    others = attacks.nearest_other(members)
    return tuple(map(PatientExposure, space.groups.member_patients, near.tolist(), others.tolist()))


def exposure(
    each: Sets[X],
    rows: Callable[[X], Sequence[Row]],
    spaces: Sequence[Space],
    told: Sequence[tuple[str, attacks.Inferred]],
    *,
    dimensions: int,
    seed: int,
    progress: Progress,
    identity: Space | None = None,
    further: Sequence[risks.Outcomes] = (),
) -> Exposure:
    """The three risks, and the attacks by subgroup.

    Args:
        each: T and E with one record per patient, in the order of the spaces' rows.
        rows: what is known of records: conditions, labels, attributes read off them.
        spaces: of these sets; that of fewest dimensions is also known to whoever infers an attribute.
        told: attributes that are inferred already, by name.
        dimensions: of the density ratios.
        identity: the space of the identity attack, for its subgroups.
        further: attacks on each person that only this modality can make.
    """
    found = tables(*(rows(x) for x in (each.synthetic, each.train, each.audit, each.reference)))
    known, patients = risks.Tables(*found), (each.train.patients, each.audit.patients)
    as_rows = [
        risks.Rows(x.name, x.synthetic, x.groups.members, x.groups.nonmembers, x.reference, x.note) for x in spaces
    ]
    inferred = [risks.inferred(one, secret) for secret, one in told]
    persons = (
        *further,
        *risks.on_each_person(known, as_rows, patients, inferred, seed=seed, progress=progress),
    )
    singled = risks.singling(known, as_rows, seed=seed, progress=progress)
    scored = list(_scored(spaces, identity, dimensions))
    by_group = subgroups.of_privacy(known.members, known.others, persons, scored, seed=seed)
    return Exposure((*singled, *(one.risk for one in persons)), by_group)


@dataclass(frozen=True)
class _Told:
    """Rows of a table, and whose they are."""

    rows: tuple[Row, ...]
    patients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Indices, /) -> Self:
        return type(self)(tuple(self.rows[i] for i in rows), tuple(self.patients[i] for i in rows))


def exposure_of_rows(
    samples: Sequence[Row], cohort: Cohort[Any, Any], row: Callable[[Real[Any, Any]], Row], *, seed: int,
    progress: Progress,
) -> Exposure:  # fmt: skip
    """:func:`exposure` of records that are told by a row each, for a modality without a space; nothing without E."""
    if not cohort.audit or not samples:
        return Exposure()
    parts = (
        _Told(tuple(map(row, part)), tuple(record.patient for record in part))
        for part in (cohort.train, cohort.audit, cohort.calibration)
    )
    each = Sets(_Told(tuple(samples), ()), *parts).one_each(seed)
    return exposure(each, lambda x: x.rows, (), (), dimensions=1, seed=seed, progress=progress)


def _scored(spaces: Sequence[Space], identity: Space | None, dimensions: int) -> Iterator[subgroups.Scored]:
    """The scores of the attacks above, for their subgroups."""
    for space in spaces:
        groups, s = space.groups, space.synthetic
        yield subgroups.Scored(f"membership_nn_{space.name}_auc", *closeness(groups.members, groups.nonmembers, s))
        if min(len(s), len(space.reference)) >= 4:
            t, e, _ = attacks.density_ratios(groups, s, space.reference, dimensions=dimensions)
            yield subgroups.Scored(f"membership_domias_{space.name}_auc", t, e)
    if identity is not None:
        yield subgroups.Scored("identity_auc", *attacks.likeness(identity.groups, identity.synthetic))


def described(
    sets: Sets[X], embed: Embed[X], *, seed: int, progress: Progress, note: str, cells: bool = True
) -> tuple[Estimate, ...]:
    """Statistics of copying in one space. They compare T with E, who set no threshold; ``sets`` are whole.

    Args:
        cells: also C_T, for which a release must hold some dozens of independent records.
    """
    matched = sets.size_matched(seed)
    s, t, e, every = (embed(x) for x in (sets.synthetic, matched.train, matched.audit, sets.train))
    owners = sets.train.patients
    return (
        *measured(progress, attacks.privacy_gain, *closeness(t, e, s), seed=seed, note=note),
        *measured(progress, copying.authenticity, every, owners, s, note=note),
        *measured(progress, copying.nearest_neighbour_distance_ratio, every, owners, s, seed=seed, note=note),
        *measured(progress, copying.dcr_share, t, e, s, seed=seed, note=note),
        *(measured(progress, copying.data_copying, t, e, s, seed=seed, note=note) if cells else ()),
        *measured(progress, copying.epsilon_identifiability, t, e, s, seed=seed, note=note),
        *measured(progress, copying.outlier_similarity, every, e, s, note=note),
    )


def closeness(
    members: NDArray[np.generic], others: NDArray[np.generic], synthetic: NDArray[np.generic]
) -> tuple[Floats, Floats]:
    """Of members and of others how near each is to the release, as a score: −min d(x, S)."""
    return -attacks.nearest_distance(members, synthetic), -attacks.nearest_distance(others, synthetic)
