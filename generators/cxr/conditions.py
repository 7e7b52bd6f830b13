"""Which conditions a release asks for: drawn from the cohort's marginals, never copied from a patient.

A released row (findings, view, sex, age) could by itself single somebody out. So only label sets that at least
``least_patients`` training patients share are asked for, sex and view are drawn apart from them and from each other,
and the age is uniform within a decade that as many patients share; 90 stands for 90 and above.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from synthgen.errors import UserError
from synthgen.generators.cxr.config import ConditionConfig
from synthgen.payloads.cxr import NO_FINDING, OLDEST, CxrCondition, CxrReal, Sex, View

K = TypeVar("K", bound=Hashable)

_BAND = 10  # years


@dataclass(frozen=True)
class ConditionSampler:
    """Draws a condition from a seed: independent marginals of label sets, views, sexes and age bands."""

    labels: tuple[tuple[tuple[str, ...], float], ...]
    views: tuple[tuple[View, float], ...]
    sexes: tuple[tuple[Sex, float], ...]
    bands: tuple[tuple[int | None, float], ...]

    def __call__(self, seed: int) -> CxrCondition:
        rng = np.random.default_rng(seed)
        findings = _draw(self.labels, rng)
        band = _draw(self.bands, rng)
        age = None if band is None else min(OLDEST, band * _BAND + int(rng.integers(_BAND)))
        return CxrCondition(findings, _draw(self.views, rng), _draw(self.sexes, rng), age)


def condition_sampler(train: Sequence[CxrReal], config: ConditionConfig) -> ConditionSampler:
    """Counts the training patients behind each value.

    Raises:
        UserError: if a label set is asked for that too few training patients have, or none is shared by enough.
    """
    sets = _patients(train, lambda c: c.findings)
    common = {key: n for key, n in sets.items() if n >= config.least_patients}
    if config.labels:
        wanted = {_label_set(text): weight for text, weight in config.labels.items()}
        if any(weight < 0 for weight in wanted.values()) or not sum(wanted.values()) > 0:
            raise UserError("conditions.labels: weights must be >= 0 and not all 0")
        for findings in wanted:
            if findings not in common:
                name = "|".join(findings) or NO_FINDING
                raise UserError(
                    f"the cohort lacks the condition {name!r}: {sets.get(findings, 0)} training patients have exactly "
                    f"these labels, {config.least_patients} are needed; it has {_listed(common)}"
                )
        labels = tuple(sorted(wanted.items()))
    elif common:
        labels = tuple(sorted((key, float(n)) for key, n in common.items()))
    else:
        raise UserError(f"no label set is shared by {config.least_patients} training patients: give a larger cohort")
    return ConditionSampler(
        labels,
        _shared(train, config, lambda c: c.view, ""),
        _shared(train, config, lambda c: c.sex, ""),
        _shared(train, config, lambda c: None if c.age is None else min(c.age, 99) // _BAND, None),
    )


def uniform_sampler(vocabulary: Sequence[str]) -> ConditionSampler:
    """Each finding alone or none, both views and sexes, and the ages 20 to 89, all equally often."""
    labels = ((), *((finding,) for finding in vocabulary))
    return ConditionSampler(
        tuple((label, 1.0) for label in labels),
        (("AP", 1.0), ("PA", 1.0)),
        (("F", 1.0), ("M", 1.0)),
        tuple((band, 1.0) for band in range(2, 9)),
    )


def _label_set(text: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in text.split("|")} - {NO_FINDING, ""}))


def _listed(common: dict[tuple[str, ...], int]) -> str:
    names = ["|".join(findings) or NO_FINDING for findings in sorted(common, key=lambda f: -common[f])]
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")


def _patients(train: Sequence[CxrReal], value: Callable[[CxrCondition], K]) -> dict[K, int]:
    seen: dict[K, set[str]] = defaultdict(set)
    for record in train:
        seen[value(record.condition)].add(record.patient)
    return {key: len(patients) for key, patients in seen.items()}


def _shared(
    train: Sequence[CxrReal], config: ConditionConfig, value: Callable[[CxrCondition], K], unknown: K
) -> tuple[tuple[K, float], ...]:
    """Values that enough patients share, with weights; where there is none, the value is left unknown."""
    counts = _patients(train, value)
    kept = [(key, float(n)) for key, n in counts.items() if n >= config.least_patients and key != unknown]
    return tuple(sorted(kept, key=lambda item: str(item[0]))) or ((unknown, 1.0),)


def _draw(choices: Sequence[tuple[K, float]], rng: np.random.Generator) -> K:
    weights = np.array([weight for _, weight in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]
