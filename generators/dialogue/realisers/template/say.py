"""Putting an utterance together: several drafts from one seed, and the first that repeats nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from synthgen.generators.dialogue.plan.grammar import Grammar, plain, tidy
from synthgen.generators.dialogue.realisers.template.hear import Heard, sentences

_DRAFTS = 10


@dataclass(frozen=True, slots=True)
class Voice:
    """What a side has to speak with: the rules, what it knows, what holds, and what has been said."""

    grammar: Grammar
    rng: random.Random
    values: Mapping[str, str]
    tags: Set[str]
    heard: Heard

    def can(self, name: str) -> bool:
        return self.grammar.can(name, self.values, self.tags)

    def say(self, name: str, **more: str) -> str:
        """One realisation of a rule; empty where none can be said."""
        values = {**self.values, **more} if more else self.values
        try:
            return self.grammar.expand(name, self.rng, values, self.tags)
        except KeyError:
            return ""

    def fresh(self, name: str, tries: int = 4, **more: str) -> str:
        """A realisation whose sentences have not been said; the last one tried where all have."""
        text = ""
        for _ in range(tries):
            text = tidy(self.say(name, **more))
            if not any(one in self.heard.said and not _sign(one) for one in sentences(text)):
                break
        return text

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def best_draft(draft: Callable[[], str], heard: Heard) -> str:
    """The draft that repeats least of what was said before; the first that repeats nothing."""
    best, least = "", 1 << 30
    for _ in range(_DRAFTS):
        text = tidy(draft())
        if not text:
            continue
        score = faults(text, heard)
        if score < least:
            best, least = text, score
        if score == 0:
            break
    return best


def faults(text: str, heard: Heard) -> int:
    """How much of a text repeats what was said: whole sentences weigh most, then its first words."""
    own = sentences(text)
    score = 10 * sum(len(one.split()) >= 4 and one in heard.said for one in own)
    score += 2 * sum(len(one.split()) < 4 and one in heard.said and not _sign(one) for one in own)
    score += 10 * (len(own) - len(set(own)))
    score += 3 * (" ".join(plain(text).split()[:3]) in heard.beginnings)
    return score


def _sign(sentence: str) -> bool:
    """Whether a sentence is a mere sign of listening, which may come again: ``"Okay."``, ``"I see."``"""
    return len(sentence.split()) <= 2


def joined(parts: Sequence[str]) -> str:
    """``"a, b and c"``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def first_sentences(text: str, most: int) -> str:
    """The first sentences of a text."""
    return " ".join(re.split(r"(?<=[.?!])\s+", text)[:most])
