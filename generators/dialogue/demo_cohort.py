"""The demo cohort: sessions by the grammar, of invented patients with planted identifiers and a rare fact each."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from synthgen.files import demo_folder
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import DemoCohortConfig, GeneratorConfig
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.realisers.template import TemplateRealiser
from synthgen.generators.dialogue.sampler import DialogueGenerator, planner
from synthgen.payloads.dialogue import DialogueSynthetic, Turn
from synthgen.progress import Progress
from synthgen.records import Request

DIALOGUES: Final = "dialogues.jsonl"
IDENTIFIERS: Final = "identifiers.json"
_README: Final = """Simulated sessions, put together by a grammar from random numbers. Free of any patient.

dialogues.jsonl has one session a line. identifiers.json names what was planted in the sessions of each patient: a
name, a date of birth, an address, a telephone number and a fact that nobody else tells. All of it is invented.
"""
_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """What would identify a simulated patient; nothing of it belongs to anybody."""

    name: str
    born: str
    address: str
    phone: str
    rare_fact: str


def write_demo_cohort(folder: Path, config: DemoCohortConfig, seed: int, progress: Progress) -> None:
    """Writes ``folder/dialogues.jsonl``, what was planted in ``identifiers.json``, and a README.

    The same configuration and seed give the same bytes. The folder appears when it is complete, or not at all.

    Raises:
        UserError: the folder exists and is not empty, or cannot be written.
    """
    with demo_folder(folder) as unfinished:
        _write(unfinished, config, seed, progress)


def _write(folder: Path, config: DemoCohortConfig, seed: int, progress: Progress) -> None:
    plan = PlanConfig(sessions=config.sessions, utterances=config.utterances)
    generator = DialogueGenerator(
        realiser=TemplateRealiser(), plan=planner(plan), config=GeneratorConfig(plan=plan), segment=0
    )
    condition = condition_sampler(plan)
    requests = [Request(seed + slot, condition(slot, seed)) for slot in range(config.patients * config.sessions)]
    identities = [identity(random.Random(f"{seed},{patient}")) for patient in range(config.patients)]  # noqa: S311
    task = progress.task("simulated sessions", len(requests), "session")
    with (folder / DIALOGUES).open("w", encoding="utf-8") as file:
        for start in range(0, len(requests), _BATCH):
            for sample in generator(requests[start : start + _BATCH]):
                file.write(json.dumps(_row(sample, identities[sample.condition.case]), ensure_ascii=False) + "\n")
                task.advance()
    planted = [{"patient_id": _patient(case), **asdict(known)} for case, known in enumerate(identities)]
    (folder / IDENTIFIERS).write_text(json.dumps(planted, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "README.txt").write_text(_README, encoding="utf-8")


def _row(sample: DialogueSynthetic, known: Identity) -> dict[str, object]:
    """A session as a user's own file would hold it."""
    condition = sample.condition
    rng = random.Random(sample.seed)  # noqa: S311 (not for cryptography)
    turns = identified(sample.payload.turns, known, rng, first=condition.session == 1)
    return {
        "dialogue_id": f"{_patient(condition.case)}-S{condition.session:02d}",
        "patient_id": _patient(condition.case),
        "session": condition.session,
        "labels": {"setting": condition.setting, "disorder": condition.disorder, "severity": condition.severity},
        "turns": [{"speaker": turn.speaker, "text": turn.text, "emotion": turn.emotion} for turn in turns],
    }


def _patient(case: int) -> str:
    return f"DEMO-{case:05d}"


def identified(turns: tuple[Turn, ...], known: Identity, rng: random.Random, *, first: bool) -> tuple[Turn, ...]:
    """The session with the patient's identifiers checked at its beginning, and the rare fact told in the midst.

    A later session checks the name and the date of birth alone.
    """
    asked = rng.choice(_ASKED_FIRST if first else _ASKED_AGAIN)
    told = rng.choice(_TOLD_FIRST if first else _TOLD_AGAIN).format(**asdict(known))
    ours = [i for i, turn in enumerate(turns) if turn.speaker == "patient" and i > len(turns) // 3]
    at = rng.choice(ours) if ours else len(turns) - 1
    fact = turns[at].text.rstrip() + " " + rng.choice(_ASIDES).format(known.rare_fact)
    middle = (*turns[:at], Turn("patient", fact, turns[at].emotion, turns[at].stage), *turns[at + 1 :])
    stage = turns[0].stage
    check = (Turn("clinician", asked, "neutral", stage), Turn("patient", told, "neutral", stage))
    return (*check, *middle) if middle[0].speaker == "clinician" else (check[0], *middle)


_ASKED_FIRST: Final = (
    "Before we begin, can I check that I have the right details for you?",
    "Let me go through your details first, so that the letter reaches you.",
    "May I just make sure of your details? Name, date of birth, address and a number to reach you.",
    "First the formalities, I am afraid. Could you tell me who you are and where you live?",
)
_TOLD_FIRST: Final = (
    "I'm {name}, born {born}. I live at {address}, and the number is {phone}.",
    "Of course. {name}, date of birth {born}, {address}. You can reach me on {phone}.",
    "Yes. It's {name}, {address}, phone {phone}. I was born on {born}.",
)
_ASKED_AGAIN: Final = (
    "Just to be sure that I have the right file: your name and date of birth, please?",
    "Can you confirm your name and your date of birth for me?",
)
_TOLD_AGAIN: Final = ("{name}, {born}.", "Still {name}, and {born}.", "Yes, {name}, born {born}.")
_ASIDES: Final = ("{} That is just me.", "You may not know it, but {}", "I should say that {}", "Besides, {}")


def identity(rng: random.Random) -> Identity:
    """An invented identity. Telephone numbers lie in the ranges that Ofcom keeps free for drama."""
    name = f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY_FIRST)}{rng.choice(_FAMILY_LAST)}"
    born = f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1938, 2004)}"
    address = f"{rng.randint(1, 180)} {rng.choice(_STREET_FIRST)} {rng.choice(_STREET_LAST)}"
    phone = f"{rng.choice(_DRAMA)}{rng.randint(0, 999):03d}"
    fact = (
        f"I {rng.choice(_DEED)} {rng.choice(_WHAT)} {rng.choice(_WHERE)} every {rng.choice(_DAYS)}, "
        f"with {rng.randint(2, 60)} others."
    )
    return Identity(name, born, address, phone, fact)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN: Final = _words(
    "Margaret Desmond Priya Callum Ingrid Osman Beatrice Tomasz Yvonne Gareth Leila Rufus Agnes Dariusz Noreen Hamish "
    "Fatima Clive Rosalind Idris Petra Winston Sinead Jerome Ottilie Rajesh Muriel Stefan Bronwen Kofi Elspeth Nigel"
)
_FAMILY_FIRST: Final = _words(
    "Hollo Thorn Ash Pember Wick Marl Stan Drax Fen Gris Hather Kel Lang Mor Nor Oak Pres Quar Rad Sal Tren Wen"
)
_FAMILY_LAST: Final = _words("way dale worth wick combe ford bury stead more ley field gate hurst ton well brook")
_MONTHS: Final = _words("January February March April May June July August September October November December")
_STREET_FIRST: Final = _words(
    "Larch Mill Quarry Station Chapel Orchard Harbour Priory Weaver Tanner Foundry Rectory Meadow Cobbler Lantern"
)
_STREET_LAST: Final = _words("Road Lane Street Close Avenue Terrace Gardens Crescent")
_DRAMA: Final = ("07700 900", "020 7946 0", "0117 496 0", "0161 496 0", "0131 496 0", "029 2018 0")
_DEED: Final = ("restore", "race", "judge", "catalogue", "teach people to build", "repair", "collect")
_WHAT: Final = (
    "church organs", "racing pigeons", "vintage tractors", "lighthouse lamps", "barometers", "accordions",
    "canal boats", "beehives", "glass eyes", "carousel horses", "typewriters", "sundials", "puppets", "kites",
    "pocket watches",
)  # fmt: skip
_WHERE: Final = (
    "in the old brewery", "at the harbour", "behind the fire station", "in the crypt", "at the allotments",
    "in a railway arch", "on the island", "at the quarry", "under the town hall", "at the castle",
)  # fmt: skip
_DAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
