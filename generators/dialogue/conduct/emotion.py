"""The emotion of a turn, by its words: what a session's stage leads one to expect counts where they speak of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property, lru_cache
from typing import Final

from synthgen.payloads.dialogue import Emotion
from synthgen.wordlists import Phrases, WordLists, WordSet, word_lists

_NAMES: Final[tuple[Emotion, ...]] = ("sad", "depressed", "anxious", "angry", "happy", "calm")


class EmotionWords(WordLists):
    """``emotion.yaml``."""

    sad: Phrases
    depressed: Phrases
    anxious: Phrases
    angry: Phrases
    happy: Phrases
    calm: Phrases
    unless: WordSet

    @cached_property
    def said(self) -> Mapping[Emotion, re.Pattern[str]]:
        return {name: _any_of(getattr(self, name)) for name in _NAMES}


def _any_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    plain = (re.escape(" ".join(phrase.split())).replace(r"\*", r"\w*") for phrase in phrases)
    return re.compile("|".join(rf"\b{phrase}\b" for phrase in plain))


@cache
def emotion_words() -> EmotionWords:
    """``emotion.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "emotion", EmotionWords)


@lru_cache(maxsize=16_384)
def emotion_of(text: str, expected: Emotion, held: Emotion = "neutral") -> Emotion:
    """The emotion that the words speak of, the expected one where they speak of several; neutral where of none.

    A feeling that was just spoken of outlasts an answer that speaks of none, where the stage leads one to expect it.

    Args:
        expected: the leading emotion of the stage. Sad and depressed are told apart by it alone.
        held: the emotion of the same speaker's last turn in the stage.
    """
    low, words = text.lower(), emotion_words()
    counts = {name: sum(_counts(low, found.start()) for found in words.said[name].finditer(low)) for name in _NAMES}
    if expected in {"sad", "depressed"}:
        counts[expected] += counts.pop("depressed" if expected == "sad" else "sad")
    best = max(counts.values())
    if best == 0:
        return expected if held == expected else "neutral"
    return expected if counts.get(expected) == best else next(name for name in _NAMES if counts.get(name) == best)


def _counts(text: str, at: int) -> bool:
    """Whether no word of denial stands within the two words before."""
    return not emotion_words().unless & set(re.findall(r"[\w']+", text[:at])[-2:])
