"""What is planned before a word is said: the patient, the arc of sessions, and each session with its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from synthgen.payloads.dialogue import Emotion, Label, Setting, Severity

Style = Literal["plain", "verbose", "terse", "tangential", "guarded", "pleasing"]
Attitude = Literal["open", "hopeful", "sceptical", "ambivalent", "resigned"]


Instrument = Literal["PHQ-9", "GAD-7", "Y-BOCS", "PCL-5", "AUDIT", "ISI"]

SCALES: Final[Mapping[Instrument, tuple[int, int]]] = {
    "PHQ-9": (9, 3), "GAD-7": (7, 3), "Y-BOCS": (10, 4), "PCL-5": (20, 4), "AUDIT": (10, 4), "ISI": (7, 4),
}  # fmt: skip
"""How many items an instrument has, and the most that each can score (sources: docs/clinical_content.md)."""


def highest(instrument: Instrument) -> int:
    """The highest total of an instrument; the lowest is 0."""
    items, most = SCALES[instrument]
    return items * most


@dataclass(frozen=True, slots=True)
class Scores:
    """Item scores of an instrument that add up to a total.

    Raises:
        ValueError: too many items or too few, or one beyond its scale.
    """

    instrument: Instrument
    items: tuple[int, ...]

    def __post_init__(self) -> None:
        count, most = SCALES[self.instrument]
        if len(self.items) != count:
            raise ValueError(f"the {self.instrument} has {count} items, got {len(self.items)}")
        if not all(0 <= item <= most for item in self.items):
            raise ValueError(f"an item of the {self.instrument} is 0 to {most}, got {self.items}")

    @property
    def total(self) -> int:
        return sum(self.items)


@dataclass(frozen=True, slots=True)
class Situation:
    """One row of a cognitive conceptualisation diagram (J. Beck): what happened, and what followed within.

    All in the first person. ``event`` is a sentence without its full stop, ``thought`` and the arguments are clauses,
    ``emotion`` is an adjective, ``behaviour`` follows on "and then" and ``relief`` says what it led to.
    """

    event: str
    thought: str
    emotion: str
    behaviour: str
    body: str = ""
    relief: str = ""
    evidence_for: str = ""
    evidence_against: str = ""
    alternative: str = ""


@dataclass(frozen=True, slots=True)
class Conceptualisation:
    """A cognitive conceptualisation diagram.

    ``event`` is what the disorder began with, a clause in the first person, where it began with one.
    """

    core_belief: str
    intermediate_beliefs: tuple[str, ...]
    coping: tuple[str, ...]
    situations: tuple[Situation, ...]
    event: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that the patient may disclose.

    Attributes:
        key: unique within the patient, e.g. ``"father_left"``.
        statement: the fact in the first person, one sentence.
        summary: the fact in the third person, as it stands in the clinician's notes once disclosed.
        cues: of these words or phrases, lower case, at least one must be said for the fact to count as disclosed.
        session: the session in which it is disclosed, from 1.
        sensitive: disclosed only when it has been asked about.
        topic: what a clinician may ask about without knowing the fact, e.g. ``"home when you were small"``.
        more: what the patient may add when asked further, each with the kind of question: ``feel``, ``effect``,
            ``example``, ``cope``, ``others`` or ``say``.
    """

    key: str
    statement: str
    summary: str
    cues: tuple[str, ...]
    session: int
    sensitive: bool = False
    topic: str = ""
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Patient:
    """A synthetic patient. Everything here is hidden from the clinician until it has been disclosed.

    Attributes:
        age: years; ``age_band`` is what may be released.
        situation_in_life: work, household, people that matter, each a short clause.
        history: medical and psychiatric history, each a short clause.
        problem: the presenting problem in the patient's own words, one sentence.
        facts: everything that is disclosed over the arc, with the session in which it is.
        referral: the reason for coming as a referral letter has it, a short clause without any of ``facts``.
    """

    age: int
    age_band: str
    sex: Literal["female", "male"]
    occupation: str
    situation_in_life: tuple[str, ...]
    history: tuple[str, ...]
    problem: str
    disorder: str
    conceptualisation: Conceptualisation | None
    style: Style
    attitude: Attitude
    facts: tuple[Fact, ...]
    referral: str = ""


@dataclass(frozen=True, slots=True)
class Homework:
    """What was agreed for the time until the next session, and how far it was done when it is reviewed."""

    task: str
    done: Literal["done", "partly", "not done", ""] = ""
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a session.

    Attributes:
        name: e.g. ``"check-in"``, ``"agenda"``, ``"work"``, ``"homework"``, ``"closing"``, ``"history"``.
        goal: what the clinician is to reach in it, one sentence.
        turns: least and most utterances of both sides together; the least is at least 2.
        disclosures: keys of the facts that the patient discloses in it.
        emotion: the patient's leading emotion.
    """

    name: str
    goal: str
    turns: tuple[int, int]
    disclosures: tuple[str, ...] = ()
    emotion: Emotion = "neutral"


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One session of an arc.

    Attributes:
        week: weeks since the first session.
        scores: the instruments as answered for this session; empty in a visit that takes none.
        severity: the band of the leading instrument's total in this session.
        technique: the CBT technique that is used, empty in a visit.
        reviewed, set: homework from last time, and for next time.
        alliance: whether this session holds a rupture, its repair, both, or neither.
        labels: what a user trains on, sorted by key.
    """

    setting: Setting
    number: int
    sessions: int
    week: int
    severity: Severity
    scores: tuple[Scores, ...]
    technique: str
    agenda: tuple[str, ...]
    stages: tuple[Stage, ...]
    situation: Situation | None
    reviewed: Homework | None
    set: Homework | None
    alliance: Literal["", "rupture", "repair", "rupture and repair"]
    labels: tuple[tuple[str, Label], ...]

    @property
    def turns(self) -> tuple[int, int]:
        """Least and most utterances of the whole session."""
        return sum(stage.turns[0] for stage in self.stages), sum(stage.turns[1] for stage in self.stages)


@dataclass(frozen=True, slots=True)
class CaseArc:
    """A patient and all sessions, in order: severity over the weeks, homework, rupture and repair."""

    patient: Patient
    sessions: tuple[SessionPlan, ...]
