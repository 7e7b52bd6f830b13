"""Who a patient is: age, sex, occupation and household that fit each other, as values and tags for the grammar."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from synthgen.generators.dialogue.plan.types import Style

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


def _job(name: str, low: int, high: int, place: str, boss: str, others: str, task: str, *tags: str) -> Occupation:
    return Occupation(name, (low, high), place, boss, others, task, frozenset({"working", *tags}))


OCCUPATIONS: Final = (
    _job("primary school teacher", 24, 64, "the school", "the head", "the other teachers", "the term reports", "public"),
    _job("secondary school teacher", 24, 64, "the school", "the head of department", "the staff room", "the mock papers", "public"),
    _job("nurse on a surgical ward", 23, 64, "the ward", "the ward sister", "the other nurses", "the handover", "shifts", "public"),
    _job("care assistant", 20, 64, "the care home", "the manager", "the other carers", "the care notes", "shifts", "manual", "public"),
    _job("paramedic", 24, 58, "the station", "the team leader", "my crewmate", "the call reports", "shifts", "public"),
    _job("delivery driver", 21, 63, "the depot", "the dispatcher", "the other drivers", "the round", "manual"),
    _job("bus driver", 25, 64, "the garage", "the controller", "the other drivers", "the timetable", "shifts", "public"),
    _job("lorry driver", 26, 64, "the yard", "the transport manager", "the other drivers", "the long run", "manual"),
    _job("electrician", 20, 64, "the site", "the foreman", "the lads on site", "the rewiring", "manual"),
    _job("plumber", 20, 64, "the firm", "the owner", "the other fitters", "the call-outs", "manual"),
    _job("joiner", 20, 64, "the workshop", "the owner", "the other joiners", "the kitchen order", "manual"),
    _job("warehouse picker", 19, 62, "the warehouse", "the shift lead", "the team", "the pick rate", "shifts", "manual"),
    _job("supermarket supervisor", 21, 64, "the shop", "the store manager", "the people on the tills", "the rota", "shifts", "public"),
    _job("shop assistant", 18, 64, "the shop", "the manager", "the others on the floor", "the stock count", "public"),
    _job("hairdresser", 19, 62, "the salon", "the owner", "the other stylists", "a colour for a regular", "public"),
    _job("chef", 21, 60, "the kitchen", "the head chef", "the kitchen", "the Saturday service", "shifts", "manual"),
    _job("waiter", 19, 55, "the restaurant", "the manager", "the floor staff", "the big bookings", "shifts", "public"),
    _job("accountant", 25, 64, "the office", "the partner I report to", "the team", "the month-end accounts", "desk"),
    _job("payroll clerk", 21, 64, "the office", "my line manager", "the payroll team", "the pay run", "desk"),
    _job("software developer", 22, 60, "the office", "my team lead", "the team", "the release", "desk"),
    _job("project manager", 28, 62, "the company", "the director", "the project team", "the quarterly plan", "desk"),
    _job("call centre agent", 19, 60, "the call centre", "my supervisor", "the team", "the call targets", "desk", "public"),
    _job("receptionist at a dental surgery", 19, 64, "the surgery", "the practice manager", "the other receptionists", "the appointment book", "desk", "public"),
    _job("solicitor", 27, 64, "the firm", "the senior partner", "the other solicitors", "a contract", "desk"),
    _job("civil servant", 23, 64, "the department", "my head of unit", "the unit", "a briefing note", "desk"),
    _job("social worker", 24, 63, "the team", "my team manager", "the duty team", "the case files", "public"),
    _job("librarian", 25, 64, "the library", "the branch manager", "the other librarians", "the reading group", "public"),
    _job("graphic designer", 22, 60, "the studio", "the creative lead", "the other designers", "a pitch", "desk"),
    _job("journalist on a local paper", 23, 62, "the newsroom", "the editor", "the news desk", "the weekend feature", "desk"),
    _job("cleaner", 20, 64, "the building", "the supervisor", "the other cleaners", "the early shift", "manual", "shifts"),
    _job("gardener", 20, 64, "the gardens", "the head gardener", "the crew", "the autumn planting", "manual"),
    _job("machine operator in a bakery", 20, 63, "the bakery", "the line manager", "the line", "the night run", "shifts", "manual"),
    _job("train conductor", 22, 63, "the railway", "the duty manager", "the other conductors", "the late trains", "shifts", "public"),
    _job("bank clerk", 21, 62, "the branch", "the branch manager", "the counter staff", "the audit", "desk", "public"),
    _job("laboratory technician", 22, 63, "the lab", "the section head", "the others in the lab", "the sample batch", "desk"),
    _job("nursery worker", 19, 62, "the nursery", "the nursery manager", "the other staff", "the parents' evening", "public"),
    _job("estate agent", 21, 60, "the branch", "the branch manager", "the sales team", "the monthly figures", "desk", "public"),
    _job("farmer", 25, 70, "the farm", "my father-in-law", "the neighbours", "the harvest", "manual"),
    _job("self-employed painter and decorator", 22, 66, "the job I'm on", "the client", "the other trades", "the quotes", "manual"),
    _job("freelance translator", 25, 66, "my desk at home", "the agency", "the other freelancers", "a deadline", "desk"),
)  # fmt: skip
_STUDENT: Final = (
    Occupation("university student", (18, 26), "the university", "my tutor", "the people on my course", "an essay", frozenset({"student"})),
    Occupation("nursing student", (18, 32), "the placement ward", "my mentor", "the other students", "my placement file", frozenset({"student"})),
    Occupation("apprentice mechanic", (18, 24), "the garage", "the foreman", "the other mechanics", "a brake job", frozenset({"working", "manual"})),
    Occupation("doctoral student", (24, 34), "the department", "my supervisor", "the group", "a chapter", frozenset({"student", "desk"})),
)  # fmt: skip
_WITHOUT: Final = (
    Occupation("between jobs", (20, 63), "the job centre", "the adviser", "the others there", "the applications", frozenset({"jobless"})),
    Occupation("at home with the children", (22, 48), "the school gate", "the teacher", "the other parents", "the house", frozenset({"homemaker"})),
)  # fmt: skip
_RETIRED: Final = tuple(
    Occupation(f"retired {name}", (62, 84), place, boss, others, task, frozenset({"retired"}))
    for name, place, boss, others, task in (
        ("teacher", "the allotment", "the committee", "the others at the allotment", "the accounts of the club"),
        ("nurse", "the community centre", "the organiser", "the other volunteers", "the lunch club"),
        ("bus driver", "the bowls club", "the captain", "the others at the club", "the fixtures"),
        ("office manager", "the church hall", "the treasurer", "the other helpers", "the newsletter"),
        ("engineer", "the men's shed", "the organiser", "the others in the shed", "the restoration"),
        ("seamstress", "the sewing circle", "the lady who runs it", "the others in the circle", "the quilt"),
        ("postman", "the walking group", "the leader", "the other walkers", "the route"),
        ("shopkeeper", "the market", "the chair", "the other stallholders", "the stall"),
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


_PASTIMES: Final = (
    ("gardening", "the garden", "an hour in the garden"),
    ("swimming", "the pool", "a few lengths in the pool"),
    ("playing the guitar", "the guitar", "half an hour on the guitar"),
    ("baking", "the kitchen", "baking a loaf of bread"),
    ("running", "the park", "a slow run round the park"),
    ("fishing", "the canal", "a morning by the canal"),
    ("singing in a choir", "the choir", "going back to choir practice"),
    ("cycling", "the towpath", "a short ride along the towpath"),
    ("reading crime novels", "the sofa", "reading a chapter a day"),
    ("drawing", "the kitchen table", "drawing for twenty minutes"),
    ("five-a-side football", "the sports hall", "one game with the five-a-side lot"),
    ("walking the dog", "the fields", "a longer walk with the dog"),
    ("knitting", "the armchair", "a few rows of knitting"),
    ("photography", "the harbour", "taking the camera out once"),
    ("dancing", "the dance hall", "one class at the dance hall"),
    ("restoring old radios", "the garage", "an hour on the old radio in the garage"),
    ("birdwatching", "the reservoir", "a morning at the reservoir"),
    ("playing chess", "the club", "one evening at the chess club"),
)


def draw_life(rng: random.Random, style: Style, ages: tuple[int, int] = (19, 78), sex: Sex | None = None,
              widowed: bool = False) -> Life:  # fmt: skip
    """A life within an age range."""
    sex = sex or rng.choice(("female", "male"))
    age = min(ages[1], max(ages[0], round(rng.triangular(ages[0], ages[1] + 1, (ages[0] + min(ages[1], 60)) / 2))))
    work = _occupation(rng, age, sex)
    tags = {sex, *work.tags, style, "older" if age >= 60 else "younger" if age < 30 else "middle"}
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
        clauses.append(f"lives with a {partner}")
    if (
        (age >= 26
        and work.name == "at home with the children")
        or (age >= 27
        and rng.random() < (0.7 if partnered else 0.3))
    ):
        tags.add("parent")
        if age < 48:
            tags.add("small_children")
            child = rng.choice(("my daughter", "my son", "our eldest", "the little one") if partnered
                               else ("my daughter", "my son"))  # fmt: skip
            kids = rng.choice(("two children", "one child", "three children"))
            values["child"] = child if kids != "one child" else rng.choice(("my daughter", "my son"))
            clauses.append(f"{kids} at home")
        else:
            tags.add("grown_children")
            values["child"] = rng.choice(("my daughter", "my son"))
            clauses.append("grown-up children")
    if not partnered:
        close = ["my sister", "my best friend", "my brother"]
        close += ["my mother"] if age < 55 else []
        close += [values["child"]] * 3 if "grown_children" in tags else []
        values["close"] = rng.choice(close)
        home = "alone"
        if "small_children" in tags:
            home = "alone with the children"
        elif age < 27 and rng.random() < 0.7:
            home = rng.choice(("with flatmates", "with my parents"))
            tags.add("flatmates" if "flat" in home else "with_parents")
        if home == "alone":
            tags.add("alone")
        clauses.append(f"lives {home.replace('my', 'the')}")
    pastime, where, small_step = rng.choice(_PASTIMES)
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


def _occupation(rng: random.Random, age: int, sex: Sex) -> Occupation:
    roll = rng.random()
    pool: tuple[Occupation, ...] = OCCUPATIONS
    if age >= 66 or (age >= 62 and roll < 0.5):
        pool = _RETIRED
    elif age < 26 and roll < 0.4:
        pool = _STUDENT
    elif roll < 0.1:
        pool = _WITHOUT
    fitting = [one for one in pool if one.ages[0] <= age <= one.ages[1]] or [
        one for one in OCCUPATIONS if one.ages[0] <= age <= one.ages[1]
    ] or list(_RETIRED)  # fmt: skip
    return rng.choice(fitting)


def age_band(age: int) -> str:
    """Ten years wide: ``"30-39"``; ``"80+"`` from 80 on."""
    return "80+" if age >= 80 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"
