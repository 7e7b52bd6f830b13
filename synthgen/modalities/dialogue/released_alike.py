"""How many patients of the cohort share what a changed record still tells: age band, sex, occupation, household."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from synthgen.estimates import proportion
from synthgen.payloads.dialogue import Dialogue, DialogueAnonymised, DialogueCondition, DialogueReal
from synthgen.privacy_filters.dialogue.rare_facts import quasi_identifiers
from synthgen.records import Cohort, Estimate

_BAND = 10  # years


def released_alike(
    pairs: Sequence[tuple[DialogueReal, DialogueAnonymised]], cohort: Cohort[Dialogue, DialogueCondition], k: int
) -> list[Estimate]:
    """Of the patients of E whose changed records tell any of it: whom fewer than ``k`` of the cohort share it with.

    A patient of the cohort shares it who tells the same of himself, or nothing, of each matter: what somebody did not
    say, he may be. Where matters were moved (ages), a patient need not share what is released of him.
    """
    cohort_told = _told((r.patient, r.payload) for r in (*cohort.train, *cohort.calibration, *cohort.audit))
    released = _told((real.patient, made.payload) for real, made in pairs)
    counts = np.array(
        [sum(_may_be(other, told) for other in cohort_told.values()) for told in released.values() if told]
    )
    if not len(counts):
        return []
    note = (
        f"of the patients whose changed records tell an age, sex, occupation or household: fewer than {k} of "
        f"{len(cohort_told)} patients may be meant (median {int(np.median(counts))}, fewest {counts.min()})"
    )
    return [proportion(f"quasi_k_under_{k}", int((counts < k).sum()), len(counts), better="lower", note=note)]


Told = dict[str, frozenset[str]]


def _told(records: Iterable[tuple[str, Dialogue]]) -> dict[str, Told]:
    """Per patient: matter to what was said of it, in all records."""
    found: dict[str, defaultdict[str, set[str]]] = {}
    for patient, dialogue in records:
        own = found.setdefault(patient, defaultdict(set))
        for fact in quasi_identifiers(dialogue):
            matter, _, value = fact.partition(":")
            own[matter].add(str(int(value) // _BAND) if matter == "age" else value)
    return {
        patient: {matter: frozenset(values) for matter, values in own.items()} for patient, own in sorted(found.items())
    }


def _may_be(other: Told, told: Told) -> bool:
    return all(not (said := other.get(matter, frozenset())) or said & values for matter, values in told.items())
