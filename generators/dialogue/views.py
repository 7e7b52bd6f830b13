"""What each side of a dialogue can see. A field that one side must not see does not exist in its view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from synthgen.generators.dialogue.plan.types import (
    Attitude,
    Conceptualisation,
    Fact,
    Homework,
    Scores,
    Situation,
    Stage,
    Style,
)
from synthgen.payloads.dialogue import Emotion, Setting, Severity, Turn


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """The clinician's memory of one earlier session: only what was said in it."""

    number: int
    technique: str
    severity: Severity
    disclosed: tuple[str, ...]
    """``Fact.summary`` of what the patient disclosed."""
    homework: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where a session stands.

    Attributes:
        stage: the stage that the next utterance belongs to.
        said: utterances of both sides so far within the stage.
        left: utterances of both sides that the stage may still hold, the next one included.
        first, last: whether the next utterance is this side's first, or the session's last but for a farewell.
    """

    stage: Stage
    said: int
    left: int
    first: bool
    last: bool


SOMEWHERE = Position(Stage("", "", (2, 2)), 0, 0, first=False, last=False)
"""The position in a session of which no plan is known, a real one."""


@dataclass(frozen=True, slots=True)
class ClinicianView:
    """All that the clinician knows: the own plan for the session, notes on earlier ones, and what has been said.

    Nothing of the patient is here but the referral: hidden facts, beliefs and scores reach the clinician by being said.

    Attributes:
        referral: what a referral letter says: age band and the reason for coming, without any fact that is disclosed.
        scores: instruments that were filled in before this session, which a clinician sees by right.
        reviewed, assign: homework of last time, without how far it was done; what to set for next time.
        disclosed: ``Fact.summary`` of what the patient has disclosed in this session so far.
        probes: what to ask about now, in neutral terms, so that sensitive facts are asked for before they are told.
    """

    setting: Setting
    number: int
    sessions: int
    referral: str
    scores: tuple[Scores, ...]
    agenda: tuple[str, ...]
    technique: str
    stages: tuple[str, ...]
    memory: tuple[SessionSummary, ...]
    reviewed: Homework | None
    assign: Homework | None
    disclosed: tuple[str, ...]
    probes: tuple[str, ...]
    position: Position
    transcript: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class PatientView:
    """All that the patient knows: the own life, and what has been said. Not the clinician's agenda, technique or notes.

    Attributes:
        due: facts to disclose in this stage.
        told: facts disclosed before, in this session or an earlier one.
        withheld: what the patient keeps back for now; a language model is told to keep it to itself.
        homework: last time's, with how far it was done.
        emotion: the leading emotion of this stage.
        death: the own answer to item 9 of the PHQ-9, thoughts of death or self-harm, 0 to 3; 0 where it was not asked.
    """

    setting: Setting
    number: int
    age: int
    sex: str
    occupation: str
    situation_in_life: tuple[str, ...]
    history: tuple[str, ...]
    problem: str
    disorder: str
    severity: Severity
    conceptualisation: Conceptualisation | None
    situation: Situation | None
    style: Style | Literal[""]
    attitude: Attitude | Literal[""]
    due: tuple[Fact, ...]
    told: tuple[Fact, ...]
    withheld: tuple[str, ...]
    homework: Homework | None
    emotion: Emotion
    alliance: str
    position: Position
    transcript: tuple[Turn, ...]
    death: int = 0


View = ClinicianView | PatientView
