"""The emotions of other people's corpora in our names: ``emotions.yaml``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, cached_property

from synthgen.payloads.dialogue import Emotion
from synthgen.wordlists import PhraseSet, WordLists, word_lists


class EmotionNames(WordLists):
    """``emotions.yaml``."""

    emotions: Mapping[Emotion, PhraseSet]
    further: PhraseSet

    @cached_property
    def emotion_of(self) -> Mapping[str, Emotion]:
        """Ours by each word for it; ``further`` are not among them."""
        return {"": "", **{word: emotion for emotion, words in self.emotions.items() for word in words}}


@cache
def emotion_names() -> EmotionNames:
    return word_lists(__package__, "emotions", EmotionNames)


def emotion_of(word: str, own: Mapping[str, Emotion]) -> Emotion | None:
    """Our name of an emotion; empty: it has none, or says that nothing is known; None: the word is not known.

    Args:
        own: the user's words, which win over the known ones; compared without regard to case.
    """
    key = _even(word)
    for name, emotion in own.items():
        if _even(name) == key:
            return emotion
    names = emotion_names()
    return names.emotion_of.get(key, "" if key in names.further else None)


def _even(word: str) -> str:
    return " ".join(re.sub(r"[-_]+", " ", unicodedata.normalize("NFC", word)).lower().split())
