"""A case: the patient, the course over the weeks, and every session's plan. Pure: the seed and the condition decide."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, cast

from synthgen.generators.dialogue.plan import stages
from synthgen.generators.dialogue.plan.compose import Content, Entry, Teller, content, draw_situations
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, WITH_GAD7, PlanConfig, severities
from synthgen.generators.dialogue.plan.life import Life, age_band, draw_life
from synthgen.generators.dialogue.plan.scores import Instrument, band, items, total_within
from synthgen.generators.dialogue.plan.types import (
    CaseArc,
    Conceptualisation,
    Fact,
    Homework,
    Patient,
    Scores,
    SessionPlan,
    Stage,
)
from synthgen.modalities.dialogue.types import Emotion, Label, Setting, Severity

Done = Literal["done", "partly", "not done", ""]
Alliance = Literal["", "rupture", "repair", "rupture and repair"]
Trend = Literal["better", "same", "worse"]

_DECADES: Final = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy"}
_NUMBERS: Final = ("nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GENERAL: Final = ("thought record", "Socratic questioning", "problem solving", "cognitive restructuring",
                   "behavioural activation")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Course:
    """One session of the course: weeks since the first, totals, and how they compare with the last session's."""

    week: int
    phq9: Scores | None
    gad7: Scores | None
    severity: Severity
    rating: int
    trend: Trend


def plan_case(
    seed: int, *, setting: Setting, disorder: str, severity: Severity, sessions: int, config: PlanConfig
) -> CaseArc:
    """The patient and all sessions of a case.

    Args:
        seed: decides everything that the condition leaves open.
        severity: band at intake of the leading instrument; in a visit of the complaint.
        sessions: 1 to 12.

    Raises:
        ValueError: the disorder is not one of the setting's, the instrument has no such band, or too many sessions.
    """
    known = THERAPY if setting == "therapy" else VISIT if setting == "visit" else ()
    if disorder not in known:
        raise ValueError(f"{disorder!r} cannot be planned for the setting {setting!r}; known: {', '.join(known)}")
    if severity not in severities(setting, disorder):
        raise ValueError(f"{disorder} has no severity {severity!r} at intake")
    if not 1 <= sessions <= 12:
        raise ValueError(f"an arc has 1 to 12 sessions, got {sessions}")
    rng = random.Random(seed)  # noqa: S311 (not for cryptography)
    return (_therapy if setting == "therapy" else _visits)(rng, disorder, severity, sessions, config)


def _draw(weights: Mapping[str, float], rng: random.Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _life(rng: random.Random, own: Content, config: PlanConfig, disorder: str) -> tuple[Life, dict[str, str], set[str]]:
    style = _draw(cast(Mapping[str, float], config.styles), rng)
    low, high = cast(Sequence[int], own.plain.get("ages", (19, 76)))
    sex = cast(Literal["female", "male"] | None, own.plain.get("sex"))
    life = draw_life(rng, style, (low, high), sex, widowed=disorder == "grief" and rng.random() < 0.45)  # type: ignore[arg-type]
    attitude = _draw(cast(Mapping[str, float], config.attitudes), rng)
    values = dict(life.values)
    habits = {rng.choice(("never_smoked", "never_smoked", "ex_smoker", "smokes"))}
    habits |= {tag for tag, share in (("drinks", 0.75), ("on_tablets", 0.35)) if rng.random() < share}
    values["decade"] = _DECADES.get(life.age // 10, "")
    return life, values, {*life.tags, *habits, disorder, attitude, f"style_{style}", f"attitude_{attitude}"}


def _length(rng: random.Random, config: PlanConfig) -> int:
    """Utterances of a session: an odd number, because the clinician opens and closes it."""
    low, high = config.utterances
    return rng.choice(range(low | 1, high + 1, 2))


def _marked(tags: set[str], prefix: str) -> str:
    return next(tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix))


# Therapy -------------------------------------------------------------------------------------------------------------


def _therapy(rng: random.Random, disorder: str, severity: Severity, sessions: int, config: PlanConfig) -> CaseArc:
    own, common, techniques = content(disorder), content("therapy_common"), content("techniques")
    life, values, tags = _life(rng, own, config, disorder)
    course = _course(rng, own, disorder, severity, sessions, config)
    situations = draw_situations(_situations(disorder), rng, values, tags, sessions + 1)
    problem = own.say("problem", rng, values, tags)
    teller = Teller(rng, values, tags, problem)
    plans: list[SessionPlan] = []
    homework: Homework | None = None
    order = _techniques(rng, own, sessions)
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
        parts = _parts(rng, number, now, technique, alliance)
        target = _length(rng, config)
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
                scores=tuple(scores for scores in (now.phq9, now.gad7) if scores is not None),
                technique=technique,
                agenda=_agenda(number, sessions, technique, reviewed is not None),
                stages=tuple(built),
                situation=situation,
                reviewed=reviewed,
                set=homework,
                alliance=alliance,
                labels=_labels("therapy", disorder, number, sessions, now, technique, reviewed, alliance, life, tags),
            )
        )
    conceptualisation = Conceptualisation(
        core_belief=own.say("core", rng, values, tags),
        intermediate_beliefs=tuple(own.several("rules", rng, values, tags, 2)),
        coping=tuple(own.several("coping", rng, values, tags, 2)),
        situations=tuple(situations),
    )
    return CaseArc(
        _patient(life, own, rng, values, tags, disorder, problem, conceptualisation, teller.facts), tuple(plans)
    )


def _patient(
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
        history=history or tuple(fact.summary for fact in facts if fact.topic in _HISTORY),
        problem=problem,
        disorder=disorder,
        conceptualisation=conceptualisation,
        style=_marked(tags, "style_"),  # type: ignore[arg-type]
        attitude=_marked(tags, "attitude_"),  # type: ignore[arg-type]
        facts=tuple(facts),
        referral=own.say("referral", rng, values, tags),
    )


_HISTORY: Final = frozenset(
    {"help you have had before", "earlier times like this", "your family", "past illnesses", "regular medicines"}
)


@cache
def _situations(disorder: str) -> tuple[Entry, ...]:
    """The disorder's own situations; they are enough for one in each of the first sessions, and come again after."""
    return content(disorder).entries["situations"]


def _course(
    rng: random.Random, own: Content, disorder: str, severity: Severity, sessions: int, config: PlanConfig
) -> list[_Course]:
    """Totals over the weeks: an exponential fall towards a floor by the kind of response, with noise and setbacks."""
    leading: Instrument = "GAD-7" if disorder in WITH_GAD7 else "PHQ-9"
    other: Instrument = "PHQ-9" if leading == "GAD-7" else "GAD-7"
    start = total_within(leading, severity, rng)
    most = {"PHQ-9": 27, "GAD-7": 21}
    response = _draw(config.response, rng)
    floor = {"responds": 0.25, "responds partly": 0.6, "does not respond": 0.95}[response]
    rate = rng.uniform(0.12, 0.3)
    beside = rng.uniform(0.45, 0.95)
    raw = own.plain.get("leading")
    weights = {int(k): float(v) for k, v in raw.items()} if isinstance(raw, dict) else {}
    course: list[_Course] = []
    week, total = 0, start
    for number in range(1, sessions + 1):
        if number > 1:
            week += 1 if rng.random() < 0.75 else 2
            level = start * (floor + (1 - floor) * 2.718281828 ** (-rate * week))
            if number > 2 and rng.random() < config.setback:
                level += rng.uniform(0.15, 0.35) * start
            total = min(most[leading] - (3 if leading == "PHQ-9" else 0), max(1, round(level + rng.gauss(0, 1.2))))
        trend: Trend = "same"
        if course:
            before = sum((course[-1].phq9 if leading == "PHQ-9" else course[-1].gad7).items)  # type: ignore[union-attr]
            trend = "better" if total <= before - 2 else "worse" if total >= before + 2 else "same"
        second = min(most[other] - 4, max(0, round(total * most[other] / most[leading] * beside + rng.gauss(0, 1.0))))
        first_scores, second_scores = items(leading, total, rng, weights), items(other, second, rng)
        phq9, gad7 = (first_scores, second_scores) if leading == "PHQ-9" else (second_scores, first_scores)
        course.append(
            _Course(week, phq9, gad7, band(leading, total), min(10, max(1, round(10 * total / most[leading]))), trend)
        )
    return course


def _techniques(rng: random.Random, own: Content, sessions: int) -> list[str]:
    """Formulation first, relapse prevention last in an arc of four or more, the disorder's own in between."""
    own_ones = [name.strip() for name in str(own.plain["techniques"]).split(",")]
    if rng.random() < 0.3 and len(own_ones) > 2:
        own_ones[1], own_ones[2] = own_ones[2], own_ones[1]
    middle = (own_ones + rng.sample(_GENERAL, len(_GENERAL)))[: max(0, sessions - 1)]
    order = ["self-monitoring", *middle]
    if sessions >= 4:
        order[-1] = "relapse prevention"
    return order[:sessions]


def _parts(
    rng: random.Random, number: int, now: _Course, technique: str, alliance: Alliance
) -> tuple[stages.Part, ...]:
    parts = list(stages.INTAKE if number == 1 else stages.LATER)
    if now.phq9 is not None and now.phq9.items[8] > 0:
        after = "background" if number == 1 else "check-in"
        parts.insert(next(i for i, part in enumerate(parts) if part.name == after) + 1, stages.RISK)
    if alliance:
        at = next(i for i, part in enumerate(parts) if part.name == "exploration") + (alliance != "repair")
        parts[at:at] = [part for part in (stages.RUPTURE, stages.REPAIR) if part.name in alliance]
    return tuple(parts)


def _told(
    part: stages.Part, length: int, number: int, teller: Teller, own: Content, common: Content, tags: set[str]
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
    "rupture": "angry", "repair": "calm", "risk check": "sad",
}  # fmt: skip


def _emotion(rng: random.Random, own: Content, part: str, now: _Course) -> Emotion:
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
    work = {
        "relapse prevention": "how to keep hold of what has helped",
        "trauma-focused work": "what happened and what it has come to mean",
        "grief work": "the loss itself",
        "self-monitoring": "what you noticed during the week",
        "thought record": "one of those thoughts on paper",
        "cognitive restructuring": "the thought that keeps coming back",
        "Socratic questioning": "a thought that we might look behind",
        "behavioural activation": "what you do in a day and what it does to you",
        "behavioural experiment": "a way to put the fear to the test",
        "exposure hierarchy": "the things that you keep away from",
        "interoceptive exposure": "the feelings in the body",
        "worry time": "a place for the worrying",
        "problem solving": "one problem that can be solved",
        "sleep restriction": "the nights and the time in bed",
        "response prevention": "the urge and what happens if you wait",
        "urge surfing": "the urge and how to ride it out",
    }[technique]
    points = [
        "how the week has been",
        work,
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
    rng: random.Random, homework: Homework, technique: str, now: _Course, config: PlanConfig, techniques: Content
) -> Homework:
    weights = dict(config.homework)
    if now.trend == "worse":
        weights = {key: weight * (0.5 if key == "done" else 1.5) for key, weight in weights.items()}
    done = cast(Done, _draw(weights, rng))
    obstacle = "" if done == "done" else techniques.say(f"{technique}.obstacle", rng, {}, set())
    return Homework(homework.task, done, obstacle)


def _labels(
    setting: Setting, disorder: str, number: int, sessions: int, now: _Course, technique: str,
    reviewed: Homework | None, alliance: str, life: Life, tags: set[str],
) -> tuple[tuple[str, Label], ...]:  # fmt: skip
    labels: dict[str, Label] = {
        "age_band": age_band(life.age),
        "alliance": alliance or "steady",
        "attitude": _marked(tags, "attitude_"),
        "disorder": disorder,
        "homework_done": None if reviewed is None else reviewed.done,
        "session": number,
        "setting": setting,
        "severity": now.severity,
        "sex": life.sex,
        "style": _marked(tags, "style_"),
        "technique": technique,
        "trend": now.trend if number > 1 else None,
        "week": now.week,
    }
    if now.phq9 is not None and now.gad7 is not None:
        labels |= {"phq9_total": now.phq9.total, "gad7_total": now.gad7.total, "risk_check": now.phq9.items[8] > 0}
    return tuple(sorted(labels.items()))


# Clinical visits -----------------------------------------------------------------------------------------------------


def _visits(rng: random.Random, problem: str, severity: Severity, sessions: int, config: PlanConfig) -> CaseArc:
    own, common = content(problem), content("visit_common")
    life, values, tags = _life(rng, own, config, problem)
    least_age = cast(Mapping[str, int], own.plain.get("least_age", {}))
    kinds = {
        kind: weight
        for kind, weight in cast(Mapping[str, float], own.plain["kinds"]).items()
        if life.age >= least_age.get(kind, 0)
    }
    kind = _draw(kinds, rng)
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
        parts = stages.VISIT if number == 1 else stages.RETURN
        built: list[Stage] = []
        points = {name: _points(name, number, own, rng, values, now_tags) for name in _HEADS}
        shares = stages.share_out(parts, _length(rng, config))
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
    patient = _patient(life, own, rng, values, tags, problem, complaint, None, teller.facts)
    return CaseArc(patient, tuple(plans))


def _visit_course(
    rng: random.Random, severity: Severity, sessions: int, config: PlanConfig, slow: bool
) -> list[_Course]:
    low, high = {"mild": (2, 3), "moderate": (4, 6), "severe": (7, 9)}[severity]
    rating = rng.randint(low, high)
    fall = {"responds": 0.55, "responds partly": 0.8, "does not respond": 1.0}[_draw(config.response, rng)]
    course = [_Course(0, None, None, severity, rating, "same")]
    week = 0
    for number in range(2, sessions + 1):
        week += rng.choice((4, 6, 8, 12)) if slow else rng.choice((1, 2, 2, 3, 4))
        before = course[-1].rating
        rating = max(1, round(before * fall + rng.choice((-0.4, 0.0, 0.4))))
        if number > 2 and rng.random() < config.setback:
            rating = min(9, rating + 2)
        trend: Trend = "better" if rating < before else "worse" if rating > before else "same"
        bands: Severity = "minimal" if rating < 2 else "mild" if rating < 4 else "moderate" if rating < 7 else "severe"
        course.append(_Course(week, None, None, bands, rating, trend))
    return course


def _visit_facts(
    part: stages.Part, length: int, number: int, teller: Teller, own: Content, common: Content, tags: set[str]
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


def _visit_emotion(part: str, now: _Course, problem: str) -> Emotion:
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
    return [(text, guarded or (part == "plan" and text == found[-1][0])) for text, guarded in found]


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
    problem: str, kind: str, number: int, now: _Course, life: Life, tags: set[str]
) -> tuple[tuple[str, Label], ...]:
    labels: dict[str, Label] = {
        "age_band": age_band(life.age),
        "assessment": kind,
        "attitude": _marked(tags, "attitude_"),
        "disorder": problem,
        "rating": now.rating,
        "session": number,
        "setting": "visit",
        "severity": now.severity,
        "sex": life.sex,
        "style": _marked(tags, "style_"),
        "trend": now.trend if number > 1 else None,
        "week": now.week,
    }
    return tuple(sorted(labels.items()))
