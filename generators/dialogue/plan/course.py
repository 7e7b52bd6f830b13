"""What therapy and visits plan alike: the patient, how the weeks go, how long a session is."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, cast

from synthgen.generators.dialogue.plan.compose import Content
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.plan.life import Life, age_band, draw_life
from synthgen.generators.dialogue.plan.types import (
    Conceptualisation,
    Fact,
    Patient,
    Scores,
)
from synthgen.payloads.dialogue import Severity

Done = Literal["done", "partly", "not done", ""]
Alliance = Literal["", "rupture", "repair", "rupture and repair"]
Trend = Literal["better", "same", "worse"]

_DECADES: Final = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy"}

_OF_KINDS: Final = frozenset({"ptsd"})
"""Disorders of therapy that come in kinds; those of a visit are drawn where it is planned."""
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Course:
    """One session of the course: weeks since the first, totals, and how they compare with the last session's."""

    week: int
    phq9: Scores | None
    gad7: Scores | None
    severity: Severity
    rating: int
    trend: Trend
    own: Scores | None = None
    """Of the instrument that is the disorder's own, where it has one and it was filled in."""

    @property
    def scores(self) -> tuple[Scores, ...]:
        return tuple(one for one in (self.phq9, self.gad7, self.own) if one is not None)

    @property
    def death(self) -> int:
        """Item 9 of the PHQ-9; 0 where it was not asked."""
        return 0 if self.phq9 is None else self.phq9.items[8]


def draw(weights: Mapping[K, float], rng: random.Random) -> K:
    """One of the keys, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def life_of(
    rng: random.Random, own: Content, config: PlanConfig, disorder: str
) -> tuple[Life, dict[str, str], set[str]]:
    style = draw(cast(Mapping[str, float], config.styles), rng)
    low, high = cast(Sequence[int], own.plain.get("ages", (19, 76)))
    sex = cast(Literal["female", "male"] | None, own.plain.get("sex"))
    life = draw_life(rng, style, (low, high), sex, widowed=disorder == "grief" and rng.random() < 0.45)  # type: ignore[arg-type]
    attitude = draw(cast(Mapping[str, float], config.attitudes), rng)
    values = dict(life.values)
    habits = {rng.choice(("never_smoked", "never_smoked", "ex_smoker", "smokes"))}
    habits |= {draw(cast(Mapping[str, float], own.plain["kinds"]), rng)} if disorder in _OF_KINDS else set()
    habits |= {tag for tag, share in (("drinks", 0.75), ("on_tablets", 0.35)) if rng.random() < share}
    values["decade"] = _DECADES.get(life.age // 10, "")
    return life, values, {*life.tags, *habits, disorder, attitude, f"style_{style}", f"attitude_{attitude}"}


def length_of(rng: random.Random, config: PlanConfig) -> int:
    """Utterances of a session: an odd number, because the clinician opens and closes it."""
    low, high = config.utterances
    return rng.choice(range(low | 1, high + 1, 2))


def marked(tags: set[str], prefix: str) -> str:
    return next(tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix))


def patient_of(
    life: Life,
    own: Content,
    rng: random.Random,
    values: Mapping[str, str],
    tags: set[str],
    disorder: str,
    problem: str,
    conceptualisation: Conceptualisation | None,
    facts: Sequence[Fact],
    history: tuple[str, ...] = (),
) -> Patient:
    return Patient(
        age=life.age,
        age_band=age_band(life.age),
        sex=life.sex,
        occupation=life.occupation.name,
        situation_in_life=life.clauses,
        history=(*history, *(fact.summary for fact in facts if fact.topic in _HISTORY)),
        problem=problem,
        disorder=disorder,
        conceptualisation=conceptualisation,
        style=marked(tags, "style_"),  # type: ignore[arg-type]
        attitude=marked(tags, "attitude_"),  # type: ignore[arg-type]
        facts=tuple(facts),
        referral=own.say("referral", rng, values, tags),
    )


_HISTORY: Final = frozenset(
    {"help you have had before", "earlier times like this", "your family", "past illnesses", "regular medicines"}
)
