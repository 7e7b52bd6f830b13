"""Who bears it: every figure that is a mean over patients, for each group of them, the worst first.

Groups are what :func:`synthgen.eval.known.subgroups` reads off a modality's table: sex, age band, finding, view, …
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import (
    Floats,
    NotMeasurableError,
    auc,
    bounded_interval,
    macro_auc_draws,
    patient_weights,
)
from synthgen.eval.known import Known, subgroups
from synthgen.eval.risks import Outcomes
from synthgen.eval.utility import measurable_labels
from synthgen.records import Estimate
from synthgen.risks import SubgroupFigure, Subgroups

FLOOR: Final = 11
"""Patients on each side below which a group is not shown: cells of ten or fewer are suppressed (CMS, 2020)."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """An attack that gives every person a score, larger for likelier members: of T [n] and of E [m]."""

    metric: str
    members: Floats
    others: Floats


@dataclass(frozen=True)
class Read:
    """What classifiers that were trained on the release read in records of E.

    Attributes:
        truth: [n, L].
        scores: [K, n, L], of K trainings.
        known: of the n records, with their patients.
    """

    metric: str
    truth: NDArray[np.bool_]
    names: Sequence[str]
    scores: NDArray[np.generic]
    known: Known


@dataclass(frozen=True)
class Group:
    """Who is in it, on either side."""

    facet: str
    name: str
    members: Mask
    others: Mask


def groups_of(members: Known, others: Known) -> tuple[list[Group], int]:
    """The groups with at least ``FLOOR`` people of T and of E that are not everybody; and how many have fewer."""
    found, hidden = [], 0
    for (facet, of_t), (_, of_e) in zip(subgroups(members), subgroups(others), strict=True):
        for name in sorted({*of_t.tolist(), *of_e.tolist()} - {""}):
            group = Group(facet, name, of_t == name, of_e == name)
            sides = (int(group.members.sum()), int(group.others.sum()))
            if min(sides) < FLOOR:
                hidden += 1
            elif sides != (len(of_t), len(of_e)):
                found.append(group)
    return found, hidden


def of_privacy(
    members: Known, others: Known, outcomes: Sequence[Outcomes], scored: Sequence[Scored], *, seed: int
) -> Subgroups:
    """Each attack's risk or AUC by group. Of a secret attribute there are no groups by the same attribute."""
    groups, hidden = groups_of(members, others)
    found: list[SubgroupFigure] = []
    for one in outcomes:
        whole = one.risk
        for group in groups:
            if one.kind == "inference" and one.attack in (group.facet, f"{group.facet}: {group.name}"):
                continue
            own = one.of(group.members, group.others)
            if min(int((~np.isnan(side)).sum()) for side in (own.members, own.others)) < FLOOR:
                continue
            figure = own.risk.risk
            if math.isnan(figure.value):  # the control of this group always succeeds
                continue
            named = Estimate(f"{one.kind}_risk, {one.attack}", figure.value, figure.ci95, figure.n, "0")
            found.append(SubgroupFigure(group.facet, group.name, False, named, whole.risk.value))
    for attack in scored:
        everybody = auc(attack.metric, attack.members, attack.others, seed=seed).value
        for group in groups:
            t, e = attack.members[group.members], attack.others[group.others]
            figure = auc(attack.metric, t, e, seed=seed, better="0.5")
            found.append(SubgroupFigure(group.facet, group.name, False, figure, everybody))
    return _worst_first(found, hidden)


def of_use(read: Read, *, seed: int) -> Subgroups:
    """The macro AUC of a classifier trained on the release, by group of the patients it is tested on."""
    everybody = _macro(read, np.ones(len(read.truth), dtype=np.bool_), seed)
    found, hidden = [], 0
    patients = np.asarray(read.known.patients)
    for facet, of in subgroups(read.known):
        for name in sorted(set(of.tolist()) - {""}):
            on = of == name
            if len(set(patients[on])) < FLOOR:
                hidden += 1
            elif not on.all():
                try:
                    figure = _macro(read, on, seed)
                except NotMeasurableError:
                    hidden += 1
                else:
                    found.append(SubgroupFigure(facet, name, True, figure, everybody.value))
    return _worst_first(found, hidden)


def _macro(read: Read, on: Mask, seed: int) -> Estimate:
    truth, patients = read.truth[on], [read.known.patients[i] for i in np.flatnonzero(on)]
    columns, _ = measurable_labels(truth, read.names)
    if not len(columns):
        raise NotMeasurableError("no label has enough of both classes")
    weights = np.concatenate([np.ones((1, len(truth))), patient_weights(patients, seed)])
    trained = [
        macro_auc_draws(np.asarray(one, dtype=np.float64)[on][:, columns], truth[:, columns], weights)
        for one in read.scores
    ]
    draws, n = np.mean(trained, axis=0), len(set(patients))
    note = "labels: " + ", ".join(read.names[i] for i in columns)
    return Estimate(read.metric, float(draws[0]), bounded_interval(float(draws[0]), draws[1:], n), n, "higher", note)


def together(parts: Iterable[Subgroups]) -> Subgroups:
    """Privacy and utility in one account."""
    kept = list(parts)
    return _worst_first([one for part in kept for one in part.figures], max((p.hidden for p in kept), default=0))


def _worst_first(figures: Sequence[SubgroupFigure], hidden: int) -> Subgroups:
    return Subgroups(tuple(sorted(figures, key=lambda one: -one.worse_by)), FLOOR, hidden)
