"""Whether a patient's surrogates hold or are redrawn: chosen by how much the rules find in the cohort's own text.

Where a detector misses, a surrogate that holds gives the original away: it is the one name that is not like the others
(Osborne et al. 2022). Where it misses nothing, one that holds keeps people apart and the text straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from synthgen.estimates import mean
from synthgen.payloads.dialogue import DialogueReal
from synthgen.privacy_filters.dialogue.identifiers import (
    IdentifierConfig,
    Plant,
    identifier_spans,
    planted_recall,
)
from synthgen.privacy_filters.dialogue.identifiers.invent import MOVED
from synthgen.records import Estimate

ODD = 0.01
"""Surrogates are redrawn where more than this share of the patients would keep an original among surrogates."""

_MOST = 100  # patients of T in whose text identifiers are planted


@dataclass(frozen=True)
class Policy:
    """A policy, and what it was chosen by.

    Attributes:
        name: as it is used; what was asked for may be "measured".
        found: share of the planted identifiers that were found whole, of what a surrogate is drawn for; None where
            nothing was planted.
        mentions: such identifiers that the rules find, per patient.
        by_kind: kind, found, planted.
    """

    name: Literal["consistent", "markov"]
    asked: bool = True
    found: Estimate | None = None
    mentions: float = 0.0
    by_kind: tuple[tuple[str, int, int], ...] = ()

    def told(self) -> str:
        kinds = ", ".join(f"{kind.lower().replace('_', ' ')} {found} of {of}" for kind, found, of in self.by_kind)
        why = "as asked for" if self.asked else f"since {self.mentions:.1f} are told per patient"
        return f"of identifiers planted in T, found whole ({kinds}); surrogates are {_SPOKEN[self.name]}, {why}"


_SPOKEN = {"consistent": "consistent over sessions", "markov": "redrawn from mention to mention (markov)"}


def policy_of(train: Sequence[DialogueReal], config: IdentifierConfig, seed: int) -> Policy:
    """The policy that is asked for; where it is to be measured, by planting in T.

    With m mentions of which a share r is found, about 1 - r^m of the patients keep an original beside surrogates; r is
    taken at the lower end of its interval.
    """
    asked = config.policy
    if not config.reject or not train:
        return Policy("consistent" if asked == "measured" else asked)
    own = [list(group) for _, group in groupby(sorted(train, key=lambda r: (r.patient, r.record)), lambda r: r.patient)]
    order = np.random.default_rng(seed).permutation(len(own))[:_MOST]
    chosen = [own[i] for i in sorted(order)]
    plants = [
        plant
        for plant in planted_recall(tuple(records[0].payload for records in chosen), config, seed)
        if plant.entity not in MOVED
    ]
    if not plants:
        return Policy("consistent" if asked == "measured" else asked)
    spans = [identifier_spans([record.payload for record in records], config) for records in chosen]
    mentions = sum(hit.entity not in MOVED for hits in spans for one in hits for hit in one) / len(chosen)
    found = mean(
        "planted_found",
        np.array([plant.found for plant in plants], dtype=np.float64),
        [str(plant.dialogue) for plant in plants],
        seed=seed,
        bounded=True,
    )
    odd = 1 - found.ci95[0] ** max(1.0, mentions)
    name = ("markov" if odd > ODD else "consistent") if asked == "measured" else asked
    return Policy(name, asked != "measured", found, mentions, _by_kind(plants))


def _by_kind(plants: Sequence[Plant]) -> tuple[tuple[str, int, int], ...]:
    kinds = sorted({plant.entity for plant in plants})
    of = [[plant.found for plant in plants if plant.entity == kind] for kind in kinds]
    return tuple((kind, sum(found), len(found)) for kind, found in zip(kinds, of, strict=True))
