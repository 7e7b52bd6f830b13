"""How much the rules find in a cohort's own text: known identifiers are planted in it, and looked for.

What a detector finds in labelled sets says little of another hospital's transcripts (speech without capitals, one's own
abbreviations). Planted sentences are written as the transcript is: without capitals where it has few, with blanks
before punctuation where it has them.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.dialogue.identifier_config import Entity, IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.spans import identifier_spans
from synthgen.wordlists import Lines, Phrases, WordLists, Words, word_lists

EACH = 4
"""Sentences planted in a dialogue."""
_CAPITALS = 0.3  # of the turns: fewer that begin with one make a transcript without capitals
_FIELD = re.compile(r"\{(\w+)\}(?: \{(\w+)\})?")
_KINDS: dict[str, Entity] = {
    "given": "PERSON",
    "family": "PERSON",
    "town": "LOCATION",
    "street": "ADDRESS",
    "employer": "ORGANISATION",
    "phone": "PHONE",
    "date": "DATE",
    "number": "ID",
}


class Carriers(WordLists):
    """A language of ``carriers.yaml``."""

    sentences: Lines
    given: Words
    family: Words
    town: Phrases
    street: Phrases
    employer: Phrases
    phone: Phrases
    date: Phrases
    number: Phrases


@cache
def carriers(language: str) -> Carriers:
    """Those of a language, read once. Raises UserError where the file is malformed."""
    return word_lists(__package__, "carriers", dict[str, Carriers])[language]


@dataclass(frozen=True, slots=True)
class Plant:
    """One planted identifier: in which dialogue, of what kind, and whether all of it was found."""

    dialogue: int
    entity: Entity
    found: bool


@lru_cache(maxsize=2)
def planted_recall(dialogues: tuple[Dialogue, ...], config: IdentifierConfig, seed: int) -> tuple[Plant, ...]:
    """What is found of four identifiers planted in each of ``dialogues``; of the kinds that ``config`` replaces.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    rng = random.Random(seed)  # noqa: S311 (not for cryptography)
    found: list[Plant] = []
    for number, dialogue in enumerate(dialogues):
        found += _planted(number, dialogue, config, rng)
    return tuple(found)


def _planted(number: int, dialogue: Dialogue, config: IdentifierConfig, rng: random.Random) -> list[Plant]:
    told = carriers(config.language)
    style = _style(dialogue)
    turns = list(dialogue.turns)
    where: list[tuple[int, Entity, str]] = []
    sentences = [one for one in told.sentences if _KINDS[_carried(one)[1]] in config.reject]
    for sentence in rng.sample(sentences, min(EACH, len(sentences))):
        carried = _carried(sentence)
        value = " ".join(rng.choice(getattr(told, name)) for name in carried.groups() if name)
        at = rng.randrange(len(turns))
        said, plant = (style(part) for part in (sentence.replace(carried[0], value), value))
        turns[at] = replace(turns[at], text=f"{turns[at].text} {said}")
        where.append((at, _KINDS[carried[1]], plant))
    changed = Dialogue(tuple(turns))
    covered = {i for hit in identifier_spans([changed], config)[0] for i in range(hit.start, hit.end)}
    text = changed.text
    starts = [sum(len(turn.text) + 1 for turn in turns[:at]) for at in range(len(turns))]
    plants = []
    for at, entity, plant in where:
        begin = text.rindex(plant, starts[at], starts[at] + len(turns[at].text))
        letters = [i for i in range(begin, begin + len(plant)) if text[i].isalnum()]
        plants.append(Plant(number, entity, all(i in covered for i in letters)))
    return plants


def _carried(sentence: str) -> re.Match[str]:
    found = _FIELD.search(sentence)
    if found is None:
        raise ValueError(f"{sentence!r} carries nothing")
    return found


@dataclass(frozen=True, slots=True)
class _Style:
    """How a transcript is written.

    Attributes:
        capitals: whether it has them.
        apart: whether blanks stand before punctuation.
    """

    capitals: bool
    apart: bool

    def __call__(self, text: str) -> str:
        text = text if self.capitals else text.lower()
        return re.sub(r"(?<=\w)([.,?!])(?= |$)", r" \1", text) if self.apart else text


def _style(dialogue: Dialogue) -> _Style:
    def begins(turn: Turn) -> bool:
        letters = [c for c in turn.text if c.isalpha()]
        return bool(letters) and letters[0].isupper()

    turns = dialogue.turns
    capitals = sum(map(begins, turns)) >= _CAPITALS * len(turns)
    apart = sum(" ." in turn.text or " ," in turn.text for turn in turns) > len(turns) / 4
    return _Style(capitals, apart)
