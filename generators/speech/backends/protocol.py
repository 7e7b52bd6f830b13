"""What a speaking back-end is: text in a voice to a waveform, and what it declares that it can do.

What a back-end cannot do, the emotion layer does after it (:mod:`synthgen.generators.speech.world`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.speech.voices import VoiceCard
from synthgen.payloads.speech import Emotion, Word

Samples = NDArray[np.float32]
"""A waveform, shape [n], full scale at ±1."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a back-end can do by itself.

    Attributes:
        rate: speaks at the requested rate; otherwise the emotion layer stretches time.
        words: gives the times of words.
        unit: what it is handed at a time: a phrase where it takes the pauses between phrases well from outside, a
            sentence where it needs the context (its own pauses then stay, stretched by the emotion layer).
        languages: BCP-47 tags; empty: it is not known, and nothing is refused.
        emotions: those that it renders by itself, so that the emotion layer need not; none for espeak.
    """

    rate: bool
    words: bool
    unit: Literal["phrase", "sentence"]
    languages: tuple[str, ...] = ()
    emotions: tuple[Emotion, ...] = ()


@dataclass(frozen=True, slots=True)
class Utterance:
    """One unit as it was spoken.

    Attributes:
        samples: float32 [n], full scale at ±1; edges may be silent.
        rate: samples a second.
        words: times in samples of this waveform; empty where the back-end gives none.
    """

    samples: Samples
    rate: int
    words: tuple[Word, ...] = ()


class Backend(Protocol):
    """A speaking back-end. The same arguments give the same waveform, whatever was spoken before."""

    @property
    def name(self) -> str:
        """Public and short: ``"espeak"``."""
        ...

    @property
    def digest(self) -> str:
        """Changes where its output may: of its weights, or of its library's version."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def speakers(self, language: str) -> tuple[str, ...]:
        """Its own speakers for a language: the card with seed i is spoken by number i modulo their number.

        They are recorded people as a rule, and protected like patients; empty where it speaks by rule, in nobody's
        voice.
        """
        ...

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        """Speaks one unit of plain text.

        Args:
            text: at least one letter or digit; no markup, nothing in it is interpreted.
            voice: which of its voices, by ``voice.variant`` where it is the back-end's, or drawn by ``voice.seed``.
            emotion, intensity: ignored unless ``emotion`` is among ``capabilities.emotions``.
            seed: of everything random in it.
            rate: tempo relative to the voice's own (1.2: a fifth faster); ignored without ``capabilities.rate``.

        Raises:
            UserError: the back-end cannot speak this, in one line without the text.
        """
        ...
