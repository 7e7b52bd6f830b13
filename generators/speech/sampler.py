"""The speech generator: each request becomes a synthetic patient whose sessions are spoken in one voice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthgen.errors import UserError
from synthgen.files import private_folder
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import GeneratorConfig
from synthgen.generators.speech.guard import Recogniser
from synthgen.generators.speech.plan import stream
from synthgen.generators.speech.render import Speaker, render_session
from synthgen.generators.speech.voices import Person, VoiceCard, draw_voice, person_of
from synthgen.payloads.dialogue import Dialogue
from synthgen.payloads.speech import Role, Speech, SpeechCondition, SpeechSynthetic
from synthgen.records import Request, Synthetic

Dialogues = Callable[[SpeechCondition], Sequence[Dialogue]]
"""The sessions of a patient, in order: what is said does not depend on the voice."""

Voice = Callable[[int, str, Person], VoiceCard]
"""A patient's voice, from a seed, a language and what is known of the patient."""

_ROLES: tuple[Role, ...] = ("clinician", "patient", "companion")


def card_of(seed: int, language: str, person: Person) -> VoiceCard:
    """A patient's voice of the card prior, which nobody had a part in."""
    return draw_voice(seed, "patient", language, person)


@dataclass(frozen=True)
class SpeechGenerator:
    """Speaks the sessions of one synthetic patient per request.

    The voices come from the request's seed, the words from its condition: a patient whose voice is rejected is drawn
    anew in another voice, and says the same.

    Attributes:
        scratch: a private folder for the sound, where finished sessions are found again.
        recogniser: hears every phrase where ``config.guard.word_errors`` is set; slower than the speech itself.
        voice: of the patients.
    """

    dialogues: Dialogues
    backend: Backend
    config: GeneratorConfig
    scratch: Path
    recogniser: Recogniser | None = None
    voice: Voice = card_of
    _speaker: Speaker = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_speaker", Speaker(self.backend, self.config, self.recogniser))
        private_folder(self.scratch)

    def __call__(self, requests: Sequence[Request[SpeechCondition]]) -> list[SpeechSynthetic]:
        """One patient with all sessions per request, one after the other.

        Raises:
            UserError: a dialogue cannot be spoken, or the disk is full.
            SynthgenError: the back-end fails.
        """
        return [Synthetic(r.seed, r.condition, self._speech(r.seed, r.condition)) for r in requests]

    def _speech(self, seed: int, condition: SpeechCondition) -> Speech:
        sessions = self.dialogues(condition)
        if not sessions:
            raise UserError("there is no dialogue for a patient: give at least one session")
        voices = cards(seed, self.config.language, person_of(dict(sessions[0].labels)), self.voice)
        return Speech(
            tuple(
                render_session(
                    dialogue,
                    voices,
                    self._speaker,
                    severity=condition.severity,
                    seed=int(stream(seed, "session", number).integers(2**62)),
                    scratch=self.scratch,
                )
                for number, dialogue in enumerate(sessions)
            )
        )


def cards(
    seed: int,
    language: str,
    patient: Person = Person(),  # noqa: B008
    voice: Voice = card_of,
) -> dict[Role, VoiceCard]:
    """The voices of one request; that of the patient is of the sex and age that his labels say."""
    return {
        role: voice(seed, language, patient) if role == "patient" else draw_voice(seed, role, language)
        for role in _ROLES
    }
