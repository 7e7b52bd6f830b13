"""Who a patient is: age, sex, occupation and household that fit each other, as values and tags for the grammar."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from synthgen.generators.dialogue.plan.compose import CONTENT
from synthgen.generators.dialogue.plan.types import Style
from synthgen.wordlists import word_lists

Sex = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class Occupation:
    """A kind of work.

    Attributes:
        ages: youngest and oldest.
        place, boss, others: as spoken of: "the school", "the head", "the other teachers".
        task: something that may go wrong or be late.
        tags: ``shifts``, ``desk``, ``manual``, ``public``, or none; ``working`` unless there is no work.
    """

    name: str
    ages: tuple[int, int]
    place: str
    boss: str
    others: str
    task: str
    tags: frozenset[str]


@cache
def _lives() -> Mapping[str, tuple[tuple[object, ...], ...]]:
    """The rows of ``content/lives.yaml`` by their heading."""
    return word_lists(CONTENT, "lives", dict[str, tuple[tuple[object, ...], ...]])


@cache
def occupations(kind: str) -> tuple[Occupation, ...]:
    """The occupations of those who are ``working``, ``studying``, ``without`` work or ``retired``."""
    return tuple(
        Occupation(name, (low, high), place, boss, others, task, frozenset(tags.split()))
        for name, low, high, place, boss, others, task, tags in cast(
            tuple[tuple[str, int, int, str, str, str, str, str], ...], _lives()[kind]
        )
    )


@dataclass(frozen=True, slots=True)
class Life:
    """What the grammar is told of a life: ``values`` by name, ``tags`` that guard alternatives, and short clauses."""

    age: int
    sex: Sex
    occupation: Occupation
    values: Mapping[str, str]
    tags: frozenset[str]
    clauses: tuple[str, ...]


def draw_life(
    rng: random.Random, style: Style, ages: tuple[int, int] = (19, 78), given: Sex | None = None, widowed: bool = False
) -> Life:
    """A life within an age range."""
    sex: Sex = rng.choice(("female", "male")) if given is None else given
    age = min(ages[1], max(ages[0], round(rng.triangular(ages[0], ages[1] + 1, (ages[0] + min(ages[1], 60)) / 2))))
    work = _occupation(rng, age)
    tags: set[str] = {sex, *work.tags, style, "older" if age >= 60 else "younger" if age < 30 else "middle"}
    values = {
        "job": work.name, "place": work.place, "boss": work.boss, "colleagues": work.others, "task": work.task,
    }  # fmt: skip
    clauses = [f"works as a {work.name}" if "working" in work.tags else work.name]
    partnered = not widowed and rng.random() < (0.3 if age < 26 else 0.65)
    if widowed:
        tags.add("widowed")
        values["late"] = "husband" if sex == "female" else "wife"
    if partnered:
        tags.add("partnered")
        older = ("husband", "wife") if age >= 30 and rng.random() < 0.7 else ("boyfriend", "girlfriend")
        partner = older[0] if sex == "female" else older[1]
        if rng.random() < 0.15:
            partner = "partner"
        values |= {"partner": f"my {partner}", "close": f"my {partner}"}
        if partner != "partner":
            values["partner_they"] = "he" if sex == "female" else "she"
        tags |= {"married"} if partner in {"husband", "wife"} else set()
        clauses.append(f"lives with a {partner}")
    at_home = age >= 26 and work.name == "at home with the children"
    if at_home or (age >= 27 and rng.random() < (0.7 if partnered else 0.3)):
        tags.add("parent")
        if age < 48:
            tags.add("small_children")
            child = rng.choice(("my daughter", "my son", "our eldest", "the little one") if partnered
                               else ("my daughter", "my son"))  # fmt: skip
            kids = rng.choice(("two children", "one child", "three children"))
            values["child"] = child if kids != "one child" else rng.choice(("my daughter", "my son"))
            clauses.append(f"{kids} at home")
            if values["child"].startswith("my "):
                clauses.append(f"has a {values['child'].removeprefix('my ')}")
        else:
            tags.add("grown_children")
            values["child"] = rng.choice(("my daughter", "my son"))
            clauses.append(f"grown-up children, has a {values['child'].removeprefix('my ')}")
    if not partnered:
        close = ["my sister", "my best friend", "my brother"]
        close += ["my mother"] if age < 55 else []
        close += [values["child"]] * 3 if "grown_children" in tags else []
        values["close"] = rng.choice(close)
        tags.add(f"close_{values['close'].removeprefix('my ')}")
        clauses.append(f"confides in the {values['close'].removeprefix('my ')}")
        home = "alone"
        if "small_children" in tags:
            home = "alone with the children"
        elif age < 27 and rng.random() < 0.7:
            home = rng.choice(("with flatmates", "with my parents"))
            tags.add("flatmates" if "flat" in home else "with_parents")
        if home == "alone":
            tags.add("alone")
        clauses.append(f"lives {home.replace('my', 'the')}")
    pastime, where, small_step, kind = rng.choice(cast(tuple[tuple[str, str, str, str], ...], _lives()["pastimes"]))
    tags.add(kind)
    values |= {"pastime": pastime, "pastime_place": where, "pastime_step": small_step}
    values["friend"] = rng.choice(
        (
            "a friend from school",
            "an old workmate",
            "my neighbour",
            "a friend from the street",
            "a friend I used to see weekly",
        )
    )
    values["town"] = rng.choice(
        ("the market square", "the high street", "the shopping centre", "the station", "the retail park")
    )
    clauses.append(f"used to enjoy {pastime}")
    return Life(age, sex, work, values, frozenset(tags), tuple(clauses))


def _occupation(rng: random.Random, age: int) -> Occupation:
    roll = rng.random()
    kind = "working"
    if age >= 66 or (age >= 62 and roll < 0.5):
        kind = "retired"
    elif age < 26 and roll < 0.4:
        kind = "studying"
    elif roll < 0.1:
        kind = "without"
    for pool in (occupations(kind), occupations("working"), occupations("retired")):
        if fitting := [one for one in pool if one.ages[0] <= age <= one.ages[1]]:
            return rng.choice(fitting)
    return rng.choice(occupations("retired"))


def age_band(age: int) -> str:
    """Ten years wide: ``"30-39"``; ``"80+"`` from 80 on."""
    return "80+" if age >= 80 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"
