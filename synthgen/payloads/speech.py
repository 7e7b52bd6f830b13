"""What every part of the speech modality speaks of: audio on disk, tracks with their turns, and the condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from synthgen.records import Anonymised, JsonValue, Real, RoundTrip, Synthetic

Role = Literal["clinician", "patient", "companion", "speaker"]
"""Who speaks; ``speaker`` where a recording does not say."""

Emotion = Literal["neutral", "sad", "depressed", "anxious", "angry", "happy", "calm", ""]
"""Empty: not labelled."""

EMOTIONS: tuple[Emotion, ...] = ("neutral", "sad", "depressed", "anxious", "angry", "happy", "calm")


@dataclass(frozen=True, slots=True)
class Audio:
    """A mono sound file, read in pieces: a session of an hour is never in memory as a whole.

    Attributes:
        path: where it lies, in a private folder. Not part of what the audio is.
        digest: hex digest of the file's bytes.
        rate: samples a second.
        frames: length in samples.
    """

    path: Path
    digest: str
    rate: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in the track, in samples from the start of the recording."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One turn as it was spoken: samples ``start`` to ``end`` (exclusive) of its track.

    Attributes:
        turn: number of the turn in the session, from 0.
        intensity: of the emotion, 0 to 2, 1 as a rule.
        words: empty where the back-end gives no word times.
        spoken: what is said where ``text`` is written, numbers and abbreviations in words; empty where it is not known.
        voiced: samples (start, end) in which there is speech, in order, with the silence between left out; empty: all.
    """

    turn: int
    start: int
    end: int
    text: str
    emotion: Emotion = ""
    intensity: float = 1.0
    words: tuple[Word, ...] = ()
    spoken: str = ""
    voiced: tuple[tuple[int, int], ...] = ()

    @property
    def said(self) -> str:
        """The words as they are to be heard."""
        return self.spoken or self.text

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """Where there is speech."""
        return self.voiced or ((self.start, self.end),)


@dataclass(frozen=True, slots=True)
class Track:
    """What one speaker says in a recording, silent elsewhere. All tracks of a recording have the same length."""

    role: Role
    audio: Audio
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One session, or one clip of a cohort: a track per speaker, and the labels of the session (sorted by key)."""

    tracks: tuple[Track, ...]
    labels: tuple[tuple[str, str | int | float | bool | None], ...] = ()

    def __post_init__(self) -> None:
        if not self.tracks or len({(t.audio.rate, t.audio.frames) for t in self.tracks}) != 1:
            raise ValueError("a recording has tracks, all of one rate and length")


@dataclass(frozen=True, slots=True)
class Speech:
    """All recordings of one sample: the sessions of a synthetic patient in one voice, or a single real recording.

    The voice is what could give a person away, so that a sample is kept or rejected with all its sessions.
    """

    recordings: tuple[Recording, ...]

    def __post_init__(self) -> None:
        if not self.recordings:
            raise ValueError("speech has at least one recording")


@dataclass(frozen=True, slots=True, order=True)
class SpeechCondition:
    """What a sample is asked to be. Empty strings mean unknown.

    Attributes:
        emotion: of a real clip, where it has one label; empty for sessions, whose turns have each their own.
        setting, disorder, severity: as in the dialogue modality, of the sessions.
        sessions: number of sessions of the patient.
        case: number of the synthetic patient.
        case_seed: what the patient, the arc and the sessions' words are drawn from. Private, like every seed.
    """

    emotion: Emotion = ""
    setting: str = ""
    disorder: str = ""
    severity: str = ""
    sessions: int = 1
    case: int = 0
    case_seed: int = 0

    @property
    def stratum(self) -> str:
        parts = (self.emotion, self.setting, self.disorder, self.severity)
        return "|".join(part for part in parts if part) or "unlabelled"

    def as_dict(self) -> dict[str, JsonValue]:
        return {
            "emotion": self.emotion,
            "setting": self.setting,
            "disorder": self.disorder,
            "severity": self.severity,
            "sessions": self.sessions,
            "case": self.case,
            "case_seed": self.case_seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, JsonValue]) -> SpeechCondition:
        """Inverse of :meth:`as_dict`.

        Raises:
            ValueError: if the values are no condition.
        """
        emotion = values.get("emotion", "")
        words = [values.get(key, "") for key in ("setting", "disorder", "severity")]
        numbers = [values.get("sessions", 1), values.get("case", 0), values.get("case_seed", 0)]
        if emotion not in get_args(Emotion) or not all(isinstance(word, str) for word in words):
            raise ValueError("not the values of a condition")
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError("sessions, case and case_seed must be whole numbers")
        setting, disorder, severity = cast(list[str], words)
        sessions, case, case_seed = cast(list[int], numbers)
        return cls(cast(Emotion, emotion), setting, disorder, severity, sessions, case, case_seed)


SpeechReal = Real[Speech, SpeechCondition]
SpeechSynthetic = Synthetic[Speech, SpeechCondition]
SpeechAnonymised = Anonymised[Speech, SpeechCondition]
SpeechRoundTrip = RoundTrip[Speech, SpeechCondition]
