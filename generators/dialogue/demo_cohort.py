"""The demo cohort: sessions by the grammar, of invented patients with planted identifiers and a rare fact each."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import field_validator

from synthgen.english import MONTHS, WEEKDAYS
from synthgen.files import demo_folder
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import DemoCohortConfig, GeneratorConfig
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.realisers.template import TemplateRealiser
from synthgen.generators.dialogue.sampler import DialogueGenerator, planner
from synthgen.payloads.dialogue import DialogueSynthetic, Turn
from synthgen.progress import Progress
from synthgen.records import Request
from synthgen.wordlists import Lines, WordLists, Words, word_lists

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


class CohortWords(WordLists):
    """``demo_cohort.yaml``."""

    asked_first: Lines
    told_first: Lines
    asked_again: Lines
    told_again: Lines
    asides: Lines
    given: Words
    family_first: Words
    family_last: Words
    street_first: Words
    street_last: Words
    phones: Lines
    deeds: Lines
    things: Lines
    places: Lines

    @field_validator("told_first", "told_again", "asides")
    @classmethod
    def _filled(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        known = {**{field.name: "" for field in fields(Identity)}, "fact": ""}
        for line in lines:
            try:
                line.format(**known)
            except (KeyError, ValueError, IndexError):
                raise ValueError(f"{line!r} may hold {', '.join(f'{{{name}}}' for name in known)}, no other") from None
        return lines


@cache
def cohort_words() -> CohortWords:
    """``demo_cohort.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "demo_cohort", CohortWords)


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
    words = cohort_words()
    asked = rng.choice(words.asked_first if first else words.asked_again)
    told = rng.choice(words.told_first if first else words.told_again).format(**asdict(known))
    ours = [i for i, turn in enumerate(turns) if turn.speaker == "patient" and i > len(turns) // 3]
    at = rng.choice(ours) if ours else len(turns) - 1
    fact = turns[at].text.rstrip() + " " + rng.choice(words.asides).format(fact=known.rare_fact)
    middle = (*turns[:at], Turn("patient", fact, turns[at].emotion, turns[at].stage), *turns[at + 1 :])
    stage = turns[0].stage
    check = (Turn("clinician", asked, "neutral", stage), Turn("patient", told, "neutral", stage))
    return (*check, *middle) if middle[0].speaker == "clinician" else (check[0], *middle)


def identity(rng: random.Random) -> Identity:
    """An invented identity. Telephone numbers lie in the ranges that Ofcom keeps free for drama."""
    words, pick = cohort_words(), rng.choice
    name = f"{pick(words.given)} {pick(words.family_first)}{pick(words.family_last)}"
    born = f"{rng.randint(1, 28)} {pick(MONTHS).title()} {rng.randint(1938, 2004)}"
    address = f"{rng.randint(1, 180)} {pick(words.street_first)} {pick(words.street_last)}"
    phone = f"{pick(words.phones)}{rng.randint(0, 999):03d}"
    fact = (
        f"I {pick(words.deeds)} {pick(words.things)} {pick(words.places)} every {pick(WEEKDAYS).title()}, "
        f"with {rng.randint(2, 60)} others."
    )
    return Identity(name, born, address, phone, fact)
