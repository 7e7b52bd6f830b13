"""An arc of therapy: severity over the weeks, techniques, homework, rupture and repair, and what is told when."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from synthgen.generators.dialogue.plan import stages
from synthgen.generators.dialogue.plan.compose import Content, Entry, Teller, content, draw_situations
from synthgen.generators.dialogue.plan.config import WITH_GAD7, PlanConfig
from synthgen.generators.dialogue.plan.course import (
    Alliance,
    Course,
    Done,
    Trend,
    draw,
    length_of,
    life_of,
    marked,
    patient_of,
)
from synthgen.generators.dialogue.plan.life import Life, age_band
from synthgen.generators.dialogue.plan.scores import band, item9, items, no_faster, total_label, total_within
from synthgen.generators.dialogue.plan.types import (
    CaseArc,
    Conceptualisation,
    Homework,
    Instrument,
    Scores,
    SessionPlan,
    highest,
)
from synthgen.payloads.dialogue import Emotion, Label, Severity

_ATTEMPT: Final = 0.3
"""Chance that somebody who thinks of death has tried to die before."""


def plan_therapy(rng: random.Random, disorder: str, severity: Severity, sessions: int, config: PlanConfig) -> CaseArc:
    own, common, techniques = content(disorder), content("therapy_common"), content("techniques")
    life, values, tags = life_of(rng, own, config, disorder)
    course = _course(rng, own, disorder, severity, sessions, config)
    situations = draw_situations(_situations(disorder), rng, values, tags, sessions + 1)
    problem = own.say("problem", rng, values, tags)
    teller = Teller(rng, values, tags, problem)
    plans: list[SessionPlan] = []
    homework: Homework | None = None
    order = _techniques(rng, own, sessions)
    in_past = any(one.death for one in course) and rng.random() < _ATTEMPT
    for number, now in enumerate(course, start=1):
        technique = order[number - 1]
        reviewed = None if homework is None else _reviewed(rng, homework, plans[-1].technique, now, config, techniques)
        session_tags = {now.trend, "low" if now.severity in {"minimal", "mild"} else "high", now.severity}
        alliance: Alliance = ""
        if plans and plans[-1].alliance == "rupture":
            alliance = "repair"
        elif number > 1 and rng.random() < config.rupture:
            # What is left open is mended in the next session, so that the last one leaves nothing open.
            open_ended: tuple[Alliance, ...] = ("rupture",) if number < sessions else ()
            alliance = rng.choice(("rupture and repair", "rupture and repair", *open_ended))
        ever = any(one.death for one in course[: number - 1])
        parts = _parts(number, now, alliance, ever)
        target = length_of(rng, config)
        situation = situations[(number - 1) % len(situations)]
        built = [
            stages.stage(
                part,
                length,
                goal=_work_goal(technique) if part.name == "work" else "",
                disclosures=tuple(_told(part, length, number, teller, own, common, session_tags)),
                emotion=_emotion(rng, own, part.name, now),
            )
            for part, length in stages.share_out(parts, target)
        ]
        homework = Homework(_task(rng, technique, values, tags, techniques, homework))
        plans.append(
            SessionPlan(
                setting="therapy",
                number=number,
                sessions=sessions,
                week=now.week,
                severity=now.severity,
                scores=now.scores,
                technique=technique,
                agenda=_agenda(number, sessions, technique, reviewed is not None),
                stages=tuple(built),
                situation=situation,
                reviewed=reviewed,
                set=homework,
                alliance=alliance,
                labels=_labels(disorder, number, now, ever, technique, reviewed, alliance, life, tags),
            )
        )
    conceptualisation = Conceptualisation(
        core_belief=own.say("core", rng, values, tags),
        intermediate_beliefs=tuple(own.several("rules", rng, values, tags, 2)),
        coping=tuple(own.several("coping", rng, values, tags, 2)),
        situations=tuple(situations),
        event=own.say("event", rng, values, tags) if "event" in own.rules else "",
    )
    history = (common.say("attempt", rng, values, tags),) if in_past else ()
    patient = patient_of(life, own, rng, values, tags, disorder, problem, conceptualisation, teller.facts, history)
    return CaseArc(patient, tuple(plans))


@cache
def _situations(disorder: str) -> tuple[Entry, ...]:
    """The disorder's own situations; they are enough for one in each of the first sessions, and come again after."""
    return content(disorder).entries["situations"]


def _course(
    rng: random.Random, own: Content, disorder: str, severity: Severity, sessions: int, config: PlanConfig
) -> list[Course]:
    """Totals over the weeks: an exponential fall towards a floor by the kind of response, with noise and setbacks.

    No total falls faster than its instrument allows (``scores.FASTEST``); answers remember those of last time.
    """
    leading: Instrument = "GAD-7" if disorder in WITH_GAD7 else "PHQ-9"
    other: Instrument = "PHQ-9" if leading == "GAD-7" else "GAD-7"
    start = total_within(leading, severity, rng)
    response = draw(config.response, rng)
    floor = {"responds": 0.25, "responds partly": 0.6, "does not respond": 0.95}[response]
    rate = rng.uniform(0.12, 0.3)
    beside = rng.uniform(0.45, 0.95)
    of_own = rng.uniform(0.8, 1.0)
    further = cast(Instrument | None, next((one for one in measures(own) if one not in {leading, other}), None))
    raw = own.plain.get("leading")
    weights = {int(k): float(v) for k, v in raw.items()} if isinstance(raw, dict) else {}
    factor = float(cast(float, own.plain.get("death", 1.0)))
    course: list[Course] = []
    week, total = 0, start
    for number in range(1, sessions + 1):
        weeks = 0
        if number > 1:
            weeks = 1 if rng.random() < 0.75 else 2
            week += weeks
            level = start * (floor + (1 - floor) * 2.718281828 ** (-rate * week))
            if number > 2 and rng.random() < config.setback:
                level += rng.uniform(0.15, 0.35) * start
            total = min(_most(leading), max(1, round(level + rng.gauss(0, 1.2))))
        last = course[-1] if course else None
        answered: dict[Instrument, Scores] = {}

        def fill(instrument: Instrument, wanted: int, **more: Any) -> Scores:
            before = next((one for one in last.scores if one.instrument == instrument), None) if last else None  # noqa: B023
            held = wanted if before is None else no_faster(instrument, wanted, before.total, weeks)  # noqa: B023
            leading_items = weights if instrument == leading else None
            return items(instrument, held, rng, leading_items, before=before, **more)

        share = total / highest(leading)
        second = min(_most(other), max(0, round(share * highest(other) * beside + rng.gauss(0, 1.0))))
        totals: dict[Instrument, int] = {leading: total, other: second}
        answered["GAD-7"] = fill("GAD-7", totals["GAD-7"])
        held = totals["PHQ-9"]
        if last is not None and last.phq9 is not None:
            held = no_faster("PHQ-9", held, last.phq9.total, weeks)
        ever = any(one.death for one in course)
        death = item9(rng, band("PHQ-9", held), None if last is None else last.death, ever, factor)
        answered["PHQ-9"] = fill("PHQ-9", max(held, death), death=death)
        mine = None
        if further is not None and (further != "AUDIT" or number in {1, sessions}):
            mine = fill(further, _own_total(further, share, of_own, rng))
        total = answered[leading].total
        trend: Trend = "same"
        if last is not None:
            before = next(one.total for one in last.scores if one.instrument == leading)
            trend = "better" if total <= before - 2 else "worse" if total >= before + 2 else "same"
        rating = min(10, max(1, round(10 * total / highest(leading))))
        course.append(Course(week, answered["PHQ-9"], answered["GAD-7"], band(leading, total), rating, trend, mine))
    return course


def measures(own: Content) -> tuple[str, ...]:
    """The instruments of a disorder, the leading one first."""
    return tuple(name.strip() for name in str(own.plain["measures"]).split(","))


def _most(instrument: Instrument) -> int:
    """The highest total that is planned: the very top of a scale is rare."""
    return highest(instrument) - (4 if instrument == "PHQ-9" else 0)


def _own_total(instrument: Instrument, share: float, factor: float, rng: random.Random) -> int:
    """A total of the disorder's own instrument at about the same height as the leading one's.

    Insomnia and drinking bring patients with mild low mood: their totals begin above the cut-off.
    """
    top = highest(instrument)
    base = {"ISI": 9, "AUDIT": 10}.get(instrument, 0)
    return min(top - 2, max(0, round(base + (top - base) * 0.9 * share * factor + rng.gauss(0, 0.02 * top))))


def _techniques(rng: random.Random, own: Content, sessions: int) -> list[str]:
    """Formulation first, relapse prevention last in an arc of four or more, the disorder's own in between."""
    own_ones = [name.strip() for name in str(own.plain["techniques"]).split(",")]
    if rng.random() < 0.3 and len(own_ones) > 2:
        own_ones[1], own_ones[2] = own_ones[2], own_ones[1]
    further = [name.strip() for name in str(own.plain["further"]).split(",")]
    middle = (own_ones + rng.sample(further, len(further)) + own_ones)[: max(0, sessions - 1)]
    order = ["self-monitoring", *middle]
    if sessions >= 4:
        order[-1] = "relapse prevention"
    return order[:sessions]


def _parts(number: int, now: Course, alliance: str, ever: bool) -> tuple[stages.StagePlan, ...]:
    """The stages of a session. Whoever spoke of death once is asked again in every session that follows."""
    known = stages.parts()
    parts = list(known.intake if number == 1 else known.later)
    if now.death or ever:
        after = "background" if number == 1 else "check-in"
        at = next(i for i, part in enumerate(parts) if part.name == after) + 1
        parts.insert(at, known.risk_again if ever else known.risk)
    if alliance:
        at = next(i for i, part in enumerate(parts) if part.name == "exploration") + (alliance != "repair")
        parts[at:at] = [part for part in known.alliance if part.name in alliance]
    return tuple(parts)


def _told(
    part: stages.StagePlan, length: int, number: int, teller: Teller, own: Content, common: Content, tags: set[str]
) -> list[str]:
    """Draws the facts that are disclosed in a stage."""
    most = min(part.facts, max(0, length // 2 - 1))
    if not most:
        return []
    shared, particular = common.entries, own.entries
    pick = {
        "problem": lambda: teller.draw(particular["first"], number, most, tags),
        "daily life": lambda: teller.draw(_by_topic(shared["first"], _DAILY), number, most, tags),
        "background": lambda: teller.draw(_by_topic(shared["first"], _BACKGROUND), number, most, tags),
        "goals": lambda: teller.draw([e for e in shared["first"] if e.last], number, most, tags),
        "check-in": lambda: teller.draw(shared["week"], number, 1, tags)
        + (teller.draw(shared["change"], number, 1, tags) if most > 1 else []),
        "exploration": lambda: (
            teller.draw(particular["later"], number, max(1, most // 2), tags)
            + teller.draw(shared["later"], number, most - max(1, most // 2), tags)
        ),
    }  # fmt: skip
    return pick[part.name]()


_DAILY: Final = ("sleep", "your days", "home", "the children", "appetite", "concentration", "what you used to enjoy")
_BACKGROUND: Final = ("help you have had before", "earlier times like this", "your family")


def _by_topic(entries: Sequence[Entry], topics: Sequence[str]) -> list[Entry]:
    return sorted((e for e in entries if e.topic in topics), key=lambda e: topics.index(e.topic))


_EMOTIONS_AT: Final[Mapping[str, str]] = {
    "opening": "neutral", "agenda": "neutral", "homework": "neutral", "closing": "calm", "goals": "calm",
    "rupture": "angry", "repair": "calm", "risk check": "sad", "risk follow-up": "sad",
}  # fmt: skip


def _emotion(rng: random.Random, own: Content, part: str, now: Course) -> Emotion:
    if part in _EMOTIONS_AT:
        return cast(Emotion, _EMOTIONS_AT[part])
    if part in {"check-in", "homework review"}:
        if now.trend == "better":
            return rng.choice(("happy", "calm", "neutral"))
        if now.trend == "same":
            return "neutral"
    choices = [name.strip() for name in str(own.plain["emotion"]).split(",")]
    if now.severity in {"minimal", "mild"} and rng.random() < 0.5:
        return rng.choice(("neutral", "calm"))
    return cast(Emotion, rng.choice(choices))


def _work_goal(technique: str) -> str:
    return f"Work with the technique of this session: {technique}."


def _agenda(number: int, sessions: int, technique: str, reviewing: bool) -> tuple[str, ...]:
    if number == 1:
        return (
            "what brings you here",
            "how this affects your days",
            "one recent situation",
            "what you would like to change",
        )
    work = content("techniques").rules[f"{technique}.agenda"][0].parts[0]
    points = [
        "how the week has been",
        str(work),
        "what to try before next time" if number < sessions else "what comes after",
    ]
    if reviewing:
        points.insert(1, "the task from last time")
    return tuple(points)


def _task(
    rng: random.Random,
    technique: str,
    values: Mapping[str, str],
    tags: set[str],
    techniques: Content,
    last: Homework | None,
) -> str:
    context = {**values, "step": values["pastime_step"]}
    for _ in range(8):
        task = techniques.say(f"{technique}.task", rng, context, tags)
        if last is None or task != last.task:
            break
    return task


def _reviewed(
    rng: random.Random, homework: Homework, technique: str, now: Course, config: PlanConfig, techniques: Content
) -> Homework:
    weights = dict(config.homework)
    if now.trend == "worse":
        weights = {key: weight * (0.5 if key == "done" else 1.5) for key, weight in weights.items()}
    done = cast(Done, draw(weights, rng))
    obstacle = "" if done == "done" else techniques.say(f"{technique}.obstacle", rng, {}, set())
    return Homework(homework.task, done, obstacle)


def _labels(
    disorder: str, number: int, now: Course, ever: bool, technique: str, reviewed: Homework | None, alliance: str,
    life: Life, tags: set[str],
) -> tuple[tuple[str, Label], ...]:  # fmt: skip
    labels: dict[str, Label] = {
        "age_band": age_band(life.age),
        "alliance": alliance or "steady",
        "attitude": marked(tags, "attitude_"),
        "disorder": disorder,
        "homework_done": None if reviewed is None else reviewed.done,
        "session": number,
        "setting": "therapy",
        "severity": now.severity,
        "sex": life.sex,
        "style": marked(tags, "style_"),
        "technique": technique,
        "trend": now.trend if number > 1 else None,
        "week": now.week,
    }
    labels |= {total_label(one.instrument): one.total for one in now.scores}
    labels |= {"item9": now.death, "risk_check": now.death > 0 or ever}
    return tuple(sorted(labels.items()))
