"""What every part of the dialogue modality speaks of: turns, the dialogue they make, and the condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from synthgen.records import Anonymised, JsonValue, Real, RoundTrip, Synthetic

Speaker = Literal["clinician", "patient", "companion"]
"""Who speaks: the doctor, nurse or therapist; the patient or client; whoever came along."""

Setting = Literal["therapy", "visit", ""]

Emotion = Literal["neutral", "sad", "depressed", "anxious", "angry", "happy", "calm", ""]
"""The emotion of a turn, in the terms that the speech modality renders; empty: not labelled."""

Severity = Literal["minimal", "mild", "moderate", "moderately severe", "severe", ""]
"""Bands of the PHQ-9; the GAD-7 has no ``moderately severe``. Empty: unknown."""

Label = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance. ``stage`` names the part of the session's plan that it belongs to, empty where unknown."""

    speaker: Speaker
    text: str
    emotion: Emotion = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One session or visit.

    Attributes:
        turns: in order; at least one, none with empty text.
        labels: what is known of the dialogue beside its condition (PHQ-9 total, technique, homework …), sorted by key.
    """

    turns: tuple[Turn, ...]
    labels: tuple[tuple[str, Label], ...] = ()

    def __post_init__(self) -> None:
        if not self.turns or not all(turn.text.strip() for turn in self.turns):
            raise ValueError("a dialogue has turns, and every turn has text")
        if tuple(sorted(dict(self.labels).items(), key=lambda item: item[0])) != self.labels:
            raise ValueError("labels must be sorted by key and unique")

    @property
    def text(self) -> str:
        """All utterances, one a line, without the speakers."""
        return "\n".join(turn.text for turn in self.turns)

    def said_by(self, speaker: Speaker) -> tuple[str, ...]:
        """The utterances of one side, in order."""
        return tuple(turn.text for turn in self.turns if turn.speaker == speaker)


@dataclass(frozen=True, slots=True, order=True)
class DialogueCondition:
    """What a session is asked to be. Empty strings mean unknown.

    Attributes:
        disorder: the plan's key of a disorder or presenting problem; for a real cohort its label or topic.
        session: number of the session in its arc, from 1.
        sessions: how many sessions the arc has.
        case: number of the synthetic patient; all sessions of a case share the patient and the arc.
        case_seed: what the patient and the arc are drawn from. Private, like every seed.
    """

    setting: Setting = ""
    disorder: str = ""
    severity: Severity = ""
    session: int = 1
    sessions: int = 1
    case: int = 0
    case_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.session <= self.sessions:
            raise ValueError(f"session must be in 1 to {self.sessions}, got {self.session}")

    @property
    def stratum(self) -> str:
        return "|".join(part for part in (self.setting, self.disorder, self.severity) if part) or "unlabelled"

    def as_dict(self) -> dict[str, JsonValue]:
        return {
            "setting": self.setting,
            "disorder": self.disorder,
            "severity": self.severity,
            "session": self.session,
            "sessions": self.sessions,
            "case": self.case,
            "case_seed": self.case_seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, JsonValue]) -> DialogueCondition:
        """Inverse of :meth:`as_dict`.

        Raises:
            ValueError: if the values are no condition.
        """
        setting, disorder, severity = (values.get(key, "") for key in ("setting", "disorder", "severity"))
        if setting not in get_args(Setting) or severity not in get_args(Severity) or not isinstance(disorder, str):
            raise ValueError("not the values of a condition")
        numbers = [values.get(key, least) for key, least in _NUMBERS]
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError("session, sessions, case and case_seed must be whole numbers")
        session, sessions, case, case_seed = cast(list[int], numbers)
        return cls(cast(Setting, setting), disorder, cast(Severity, severity), session, sessions, case, case_seed)


_NUMBERS = (("session", 1), ("sessions", 1), ("case", 0), ("case_seed", 0))

DialogueReal = Real[Dialogue, DialogueCondition]
DialogueSynthetic = Synthetic[Dialogue, DialogueCondition]
DialogueAnonymised = Anonymised[Dialogue, DialogueCondition]
DialogueRoundTrip = RoundTrip[Dialogue, DialogueCondition]
