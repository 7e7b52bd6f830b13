"""A series of clinical visits for one complaint: history, findings, assessment and plan by how it goes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from synthgen.english import ONES
from synthgen.generators.dialogue.plan import stages
from synthgen.generators.dialogue.plan.compose import Content, Teller, content
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.plan.course import (
    Course,
    Trend,
    draw,
    length_of,
    life_of,
    marked,
    patient_of,
)
from synthgen.generators.dialogue.plan.life import Life, age_band
from synthgen.generators.dialogue.plan.types import (
    CaseArc,
    SessionPlan,
    Stage,
)
from synthgen.payloads.dialogue import Emotion, Label, Severity

_NUMBERS: Final = ("nought", *ONES[1:11])


def plan_visits(rng: random.Random, problem: str, severity: Severity, sessions: int, config: PlanConfig) -> CaseArc:
    own, common = content(problem), content("visit_common")
    life, values, tags = life_of(rng, own, config, problem)
    least_age = cast(Mapping[str, int], own.plain.get("least_age", {}))
    kinds = {
        kind: weight
        for kind, weight in cast(Mapping[str, float], own.plain["kinds"]).items()
        if life.age >= least_age.get(kind, 0)
    }
    kind = draw(kinds, rng)
    tags |= {kind, "review" if problem.endswith("_review") else "acute", f"intake_{severity}"}
    course = _visit_course(rng, severity, sessions, config, slow=bool(own.plain.get("slow")))
    values["pain"] = _NUMBERS[course[0].rating]
    complaint = own.say("problem", rng, values, tags | {severity})
    teller = Teller(rng, values, tags, complaint)
    plans: list[SessionPlan] = []
    for number, now in enumerate(course, start=1):
        now_tags = tags | {now.trend, now.severity, "low" if now.severity in {"minimal", "mild"} else "high",
                           "first_visit" if number == 1 else "return_visit", f"visit_{number}"}  # fmt: skip
        if number > 1 and now.rating <= 0.6 * course[number - 2].rating:
            now_tags.add("much")
        values["pain"] = _NUMBERS[now.rating]
        teller.values = values
        parts = stages.parts().visit if number == 1 else stages.parts().return_visit
        built: list[Stage] = []
        points = {name: _points(name, number, own, rng, values, now_tags) for name in _HEADS}
        parts = tuple(_long_enough(part, points) for part in parts)
        shares = stages.share_out(parts, length_of(rng, config))
        # Nothing is examined, explained or proposed beyond what the plan holds; one more turn sums it up.
        most = {name: 2 * len(found) + 2 for name, found in points.items()}
        for part, length in stages.no_longer_than(shares, most, ("background", "history", "progress", "treatment")):
            built.append(
                stages.stage(
                    part,
                    length,
                    goal=_visit_goal(part.name, length, number, own, points.get(part.name, []), rng, values, now_tags),
                    disclosures=tuple(_visit_facts(part, length, number, teller, own, common, now_tags)),
                    emotion=_visit_emotion(part.name, now, problem),
                )
            )
        agenda = ("the history", "an examination", "what it may be", "what to do") if number == 1 else (
            "how it has been", "how the treatment has gone", "what to do next")  # fmt: skip
        plans.append(
            SessionPlan(
                setting="visit",
                number=number,
                sessions=sessions,
                week=now.week,
                severity=now.severity,
                scores=(),
                technique="",
                agenda=agenda,
                stages=tuple(built),
                situation=None,
                reviewed=None,
                set=None,
                alliance="",
                labels=_visit_labels(problem, kind, number, now, life, tags),
            )
        )
    patient = patient_of(life, own, rng, values, tags, problem, complaint, None, teller.facts)
    return CaseArc(patient, tuple(plans))


def _long_enough(part: stages.StagePlan, points: Mapping[str, Sequence[tuple[str, bool]]]) -> stages.StagePlan:
    """An examination has room for all that must be examined before anything is concluded."""
    needed = 2 * sum(must for _, must in points.get(part.name, ())) + 2
    return replace(part, usual=max(part.usual, needed), least=needed) if part.name == "examination" else part


def _visit_course(
    rng: random.Random, severity: Severity, sessions: int, config: PlanConfig, slow: bool
) -> list[Course]:
    low, high = {"mild": (2, 3), "moderate": (4, 6), "severe": (7, 9)}[severity]
    rating = rng.randint(low, high)
    fall = {"responds": 0.55, "responds partly": 0.8, "does not respond": 1.0}[draw(config.response, rng)]
    course = [Course(0, None, None, severity, rating, "same")]
    week = 0
    for number in range(2, sessions + 1):
        week += rng.choice((4, 6, 8, 12)) if slow else rng.choice((1, 2, 2, 3, 4))
        before = course[-1].rating
        rating = max(1, round(before * fall + rng.choice((-0.4, 0.0, 0.4))))
        if number > 2 and rng.random() < config.setback:
            rating = min(9, rating + 2)
        trend: Trend = "better" if rating < before else "worse" if rating > before else "same"
        bands: Severity = "minimal" if rating < 2 else "mild" if rating < 4 else "moderate" if rating < 7 else "severe"
        course.append(Course(week, None, None, bands, rating, trend))
    return course


def _visit_facts(
    part: stages.StagePlan, length: int, number: int, teller: Teller, own: Content, common: Content, tags: set[str]
) -> list[str]:
    most = min(part.facts, max(0, length // 2 - 1))
    if not most:
        return []
    if part.name == "history":
        return teller.draw(own.entries["history"], number, most, tags)
    if part.name == "opening":
        return teller.draw(common.entries["progress"][:1], number, most, tags)
    if part.name == "background" and number > 1:
        return teller.draw(common.entries["general"], number, most, tags)
    particular = own.entries.get(part.name, ())
    told = teller.draw(particular, number, most, tags)
    # What is true of this complaint stands, also where it has been said before.
    rest = [entry for entry in common.entries[part.name] if entry.topic not in {one.topic for one in particular}]
    return told + teller.draw(rest, number, most - len(told), tags)


def _visit_emotion(part: str, now: Course, problem: str) -> Emotion:
    worried = {"chest_pain", "palpitations", "headache", "abdominal_pain", "asthma"}
    if part == "concerns" or (part in {"history", "progress"} and problem in worried and now.rating >= 4):
        return "anxious"
    if part == "progress" and now.trend == "better":
        return "happy"
    return "calm" if part == "closing" else "neutral"


_HEADS: Final = {
    "examination": "Examine, and say what you find",
    "assessment": "Explain what you think",
    "plan": "Agree on what to do",
}


def _points(
    part: str, number: int, own: Content, rng: random.Random, values: Mapping[str, str], tags: set[str]
) -> list[tuple[str, bool]]:
    """What is found, concluded or proposed, in order, and whether it matters more than the rest: what holds for this
    case alone does, and so does when to come back."""
    name = part if number == 1 else f"{part}_again"
    found = own.lines(name, rng, values, tags)
    must = tuple(cast(Sequence[str], own.plain.get("must_examine", ()))) if part == "examination" else ()
    return [
        (text, guarded or text.startswith(must) if must else guarded or (part == "plan" and text == found[-1][0]))
        for text, guarded in found
    ]


def _visit_goal(
    part: str, length: int, number: int, own: Content, points: Sequence[tuple[str, bool]], rng: random.Random,
    values: Mapping[str, str], tags: set[str],
) -> str:  # fmt: skip
    """What only the clinician is told, once the stage has come."""
    if part == "closing" and number == 1:
        return f"Say what to watch for, answer questions, and say goodbye: {own.say('warning', rng, values, tags)}."
    if part not in _HEADS:
        return ""
    most = max(1, length // 2 - (part != "assessment"))
    first = sorted(range(len(points)), key=lambda i: (not points[i][1], i))[:most]
    return f"{_HEADS[part]}: {'; '.join(points[i][0] for i in sorted(first))}."


def _visit_labels(
    problem: str, kind: str, number: int, now: Course, life: Life, tags: set[str]
) -> tuple[tuple[str, Label], ...]:
    labels: dict[str, Label] = {
        "age_band": age_band(life.age),
        "assessment": kind,
        "attitude": marked(tags, "attitude_"),
        "disorder": problem,
        "rating": now.rating,
        "session": number,
        "setting": "visit",
        "severity": now.severity,
        "sex": life.sex,
        "style": marked(tags, "style_"),
        "trend": now.trend if number > 1 else None,
        "week": now.week,
    }
    return tuple(sorted(labels.items()))
