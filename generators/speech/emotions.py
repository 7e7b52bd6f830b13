"""How emotions sound: targets relative to the same voice's neutral speech, and the inference of an unlabelled emotion.

The targets of anger, joy, fear and sadness are measured on acted speech; pauses, tilt and breath lie between the rules
of EmoSpeak, emoFilt and Mozziconacci. Depression follows Mundt et al. (2007): the time and the spread of pauses grow
with severity, the variation of F0 does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from synthgen.payloads.speech import Emotion
from synthgen.wordlists import WordLists, WordSet, word_lists


@dataclass(frozen=True, slots=True)
class Manner:
    """One way of speaking, relative to neutral.

    Attributes:
        f0: factor of the median F0.
        f0_range: factor of the deviation of F0 from its median, in semitones.
        rate: factor of tempo, without pauses.
        pauses: factor of the length of pauses.
        pause_spread: factor of the log-normal spread of pauses.
        gain: dB.
        tilt: dB above 1 kHz, besides ``gain``.
        breathy: noise in voiced sounds, 0 to 1, besides the voice's own.
        tense: less noise and a firmer F1 to F3 region, 0 to 1.
        jitter, shimmer: factors of the voice's own.
    """

    f0: float = 1.0
    f0_range: float = 1.0
    rate: float = 1.0
    pauses: float = 1.0
    pause_spread: float = 1.0
    gain: float = 0.0
    tilt: float = 0.0
    breathy: float = 0.0
    tense: float = 0.0
    jitter: float = 1.0
    shimmer: float = 1.0

    def at_rate(self, factor: float) -> Manner:
        """The same at ``factor`` times the tempo."""
        return replace(self, rate=self.rate * factor)

    def at(self, intensity: float) -> Manner:
        """This manner at an intensity a >= 0: factors m to m^a, decibels and shares times a.

        Raises:
            ValueError: a negative intensity, or none at all.
        """
        if not 0 <= intensity <= 2:
            raise ValueError(f"intensity must be in [0, 2], got {intensity}")
        a = intensity
        return Manner(
            self.f0**a,
            self.f0_range**a,
            self.rate**a,
            self.pauses**a,
            self.pause_spread**a,
            self.gain * a,
            self.tilt * a,
            min(1.0, self.breathy * a),
            min(1.0, self.tense * a),
            self.jitter**a,
            self.shimmer**a,
        )


MANNERS: dict[Emotion, Manner] = {
    "": Manner(),
    "neutral": Manner(),
    "sad": Manner(1.22, 0.73, 1.01, 1.3, 1.0, 1, -3, breathy=0.4, shimmer=1.3),
    "depressed": Manner(0.98, 0.85, 0.85, 1.5, 1.5, -3, -1, breathy=0.3),
    "anxious": Manner(1.59, 0.72, 1.06, 1.2, 1.0, 11, 3, breathy=0.1, jitter=1.5, shimmer=1.5),
    "angry": Manner(1.43, 1.14, 0.98, 0.85, 1.0, 16, 6, tense=0.7),
    "happy": Manner(1.39, 1.05, 1.04, 0.9, 1.0, 10, 4, breathy=0.05),
    "calm": Manner(0.95, 0.75, 0.90, 1.15, 1.0, -2, -2, breathy=0.15),
}
"""At intensity 1. F0, its range, rate and level of sad, anxious, angry and happy are those of acted speech, measured on
actors against their own neutral: acting overdoes, so that a session's mean intensity is below 1 (``intensity`` of the
configuration). The rest lies between the published rules; nothing measured stands behind depressed and calm."""


class EmotionWords(WordLists):
    """``emotions.yaml``."""

    emotions: Mapping[Emotion, WordSet]
    negations: WordSet


@cache
def emotion_words() -> EmotionWords:
    """``emotions.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "emotions", EmotionWords)


def infer_emotion(text: str) -> Emotion:
    """The emotion of an unlabelled turn by its words; ``"neutral"`` where they say none.

    A word after a negation within two words does not count. Ties go to the earlier in the order depressed, sad,
    anxious, angry, happy, calm: distress is missed less than calm.
    """
    words = re.findall(r"[a-z']+", text.lower().replace("’", "'"))
    known = emotion_words()
    counts = dict.fromkeys(known.emotions, 0)
    for index, word in enumerate(words):
        if known.negations & set(words[max(0, index - 2) : index]):
            continue
        for emotion, lexicon in known.emotions.items():
            counts[emotion] += word in lexicon
    best = max(counts, key=lambda emotion: counts[emotion])
    return best if counts[best] else "neutral"
