"""A session before it is spoken: who says which phrase in which manner, after how long, and with which pauses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthgen.errors import UserError
from synthgen.generators.speech.config import GeneratorConfig, TimingConfig
from synthgen.generators.speech.emotions import MANNERS, Manner, infer_emotion
from synthgen.generators.speech.spoken import read_aloud
from synthgen.generators.speech.text import Unit, check_script, clean, divide, is_speakable, plain
from synthgen.generators.speech.timing import Tempo, hesitation, latency, pause_after, severity_level, tempo_of
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import EMOTIONS, Emotion, Role

_BACKCHANNELS = ("Mm-hm.", "Right.", "Okay.", "I see.", "Yeah.")
_LONG_TURN = 25  # words: shorter ones get no backchannel
_OVERLAPPING: frozenset[Emotion] = frozenset({"angry", "happy", "anxious", "neutral"})
_INTENSITY_STEP = 0.01
_FAINTEST = 0.2


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is spoken in one go, and the silence after it in seconds (0 after the last phrase of a turn)."""

    text: str
    pause: float


@dataclass(frozen=True, slots=True)
class Backchannel:
    """What the listener says during a turn: begins in the pause after phrase ``after`` of the turn, or with its end."""

    role: Role
    text: str
    after: int


@dataclass(frozen=True, slots=True)
class PlannedTurn:
    """One turn.

    Attributes:
        text: as it is written; ``spoken``: as it is said.
        emotion: never empty: as labelled, else as inferred from the words, or as the speaker's turn before.
        intensity: 0 to 2.
        latency: seconds from the end of the turn before; negative: they overlap.
        manner: of the emotion at the intensity, with the tempo of the speaker's severity in ``rate``.
    """

    turn: int
    role: Role
    text: str
    spoken: str
    emotion: Emotion
    intensity: float
    latency: float
    manner: Manner
    phrases: tuple[Phrase, ...]
    backchannel: Backchannel | None = None


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """The turns of a session in order."""

    turns: tuple[PlannedTurn, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """Who has a track: clinician and patient always, a companion where one speaks."""
        roles: tuple[Role, ...] = ("clinician", "patient")
        return (*roles, *sorted({turn.role for turn in self.turns} - set(roles)))


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A random stream of its own for what is named, so that one draw more in one place changes nothing elsewhere."""
    text = ",".join(str(part) for part in (seed, *names))
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


def plan_session(
    dialogue: Dialogue, *, severity: str, seed: int, config: GeneratorConfig, unit: Literal["phrase", "sentence"]
) -> SessionPlan:
    """Plans a dialogue as a session.

    Args:
        severity: of the patient; shows in the patient's timing alone.
        unit: what the back-end takes at a time.

    Raises:
        UserError: a turn in another script than the language's, an emotion that is none of ours, or a dialogue with
            nothing to be spoken.
    """
    turns: list[PlannedTurn] = []
    moods: dict[Role, Emotion] = {}
    for number, turn in enumerate(dialogue.turns):
        text = clean(turn.text)
        check_script(text, config.language)
        spoken = clean(read_aloud(plain(turn.text), config.language))
        units = divide(spoken, unit)
        if not units:
            continue  # a turn of mere punctuation, of a sound or an emoji is silence
        rng = stream(seed, "turn", number)
        tempo = tempo_of(severity_level(severity)) if turn.speaker == "patient" else Tempo()
        emotion, share = _emotion(turn, text, moods.get(turn.speaker, "neutral"), stream(seed, "mood", number))
        if emotion not in MANNERS:
            raise UserError(
                f"turn {number + 1} of a dialogue has an unknown emotion: give one of {', '.join(EMOTIONS)}"
            )
        moods[turn.speaker] = emotion
        intensity = round(intensity_of(config, rng) * share, 2)
        manner = MANNERS[emotion].at(intensity)
        may_overlap = bool(turns) and turns[-1].role != turn.speaker and emotion in _OVERLAPPING
        overlap = bool(rng.random() < config.timing.overlap) and may_overlap
        pause = latency(manner, tempo, config.timing, overlap, rng)
        phrases = _phrases(units, manner, tempo, config.timing, unit, rng)
        turns.append(
            PlannedTurn(
                turn=number,
                role=turn.speaker,
                text=text,
                spoken=spoken,
                emotion=emotion,
                intensity=intensity,
                latency=pause if turns else max(pause, 0.3),
                manner=manner.at_rate(tempo.rate),
                phrases=phrases,
                backchannel=_backchannel(turn.speaker, phrases, config, rng),
            )
        )
    if not turns:
        raise UserError("a dialogue has no word in it that could be spoken")
    return SessionPlan(tuple(turns))


def _emotion(turn: Turn, text: str, mood: Emotion, rng: np.random.Generator) -> tuple[Emotion, float]:
    """The emotion as labelled, else by the words, else the speaker's last one: a mood outlasts the words that tell it.

    Emotions in talk carry over from one moment to the next (Kuppens et al. 2010, "emotional inertia").

    Returns:
        The emotion, and the share of its intensity that is left.
    """
    known = turn.emotion or infer_emotion(text)
    if turn.emotion or known != "neutral" or turn.speaker == "clinician" or rng.random() >= _INERTIA:
        return known, 1.0
    return mood, _LEFT


_INERTIA, _LEFT = 0.6, 0.6


def intensity_of(config: GeneratorConfig, rng: np.random.Generator) -> float:
    """Drawn about the mean; above :data:`_FAINTEST` where there are emotions at all, for a label must be heard."""
    drawn = config.intensity + config.intensity_spread * float(np.clip(rng.standard_normal(), -2, 2))
    lowest = min(_FAINTEST, config.intensity)
    highest = 2.0 if config.intensity else 0.0
    return round(round(min(max(drawn, lowest), highest) / _INTENSITY_STEP) * _INTENSITY_STEP, 2)


def _phrases(
    units: tuple[Unit, ...],
    manner: Manner,
    tempo: Tempo,
    timing: TimingConfig,
    unit: Literal["phrase", "sentence"],
    rng: np.random.Generator,
) -> tuple[Phrase, ...]:
    found: list[Phrase] = []
    for piece in units:
        words = piece.text.split()
        held = [words[0]]
        for word in words[1:]:
            # Speakers hesitate within phrases too; a back-end that needs whole sentences keeps its own pauses.
            drawn = rng.random() < timing.hesitation * tempo.hesitation
            hesitates = drawn and unit == "phrase" and len(held) >= 2 and is_speakable(word)
            if hesitates:
                found.append(Phrase(" ".join(held), hesitation(manner, tempo, timing, rng)))
                held = []
            held.append(word)
        found.append(Phrase(" ".join(held), pause_after(piece.boundary, manner, tempo, timing, rng)))
    found[-1] = Phrase(found[-1].text, 0.0)
    return tuple(found)


def _backchannel(
    speaker: Role, phrases: tuple[Phrase, ...], config: GeneratorConfig, rng: np.random.Generator
) -> Backchannel | None:
    words = sum(len(phrase.text.split()) for phrase in phrases)
    drawn, which, text = rng.random(), rng.random(), _BACKCHANNELS[int(rng.integers(len(_BACKCHANNELS)))]
    if speaker != "patient" or words < _LONG_TURN or len(phrases) < 2 or drawn >= config.timing.backchannel:
        return None
    if not config.language.startswith("en"):
        return None
    return Backchannel("clinician", text, int(which * (len(phrases) - 1)))
