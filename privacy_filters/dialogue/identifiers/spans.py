"""Where the identifiers of a patient stand in all his dialogues: what is found once is looked for everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.clinical import clinical
from synthgen.privacy_filters.dialogue.identifier_config import Entity, IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.analyser import find_identifiers, resolved
from synthgen.privacy_filters.dialogue.identifiers.types import Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import (
    eponyms,
    folded,
    lexicon,
    names,
    ordinary,
    place_words,
)

_WORDS = re.compile(r"[^\W\d_]{3,}")
_NEXT = re.compile(r" ([^\W\d_]{3,})")
_BROKEN = re.compile(r"-[\s,]*([^\W\d_]+)")
_NAMED: frozenset[Entity] = frozenset({"PERSON", "LOCATION", "ORGANISATION"})
_SURE = 0.6  # a name that is less sure where it is found is not looked for elsewhere
_LEAST = 5  # characters of a string that is
_VERBATIM: frozenset[Entity] = frozenset(
    {"ADDRESS", "PHONE", "EMAIL", "URL", "ID", "SSN", "CREDIT_CARD", "IBAN", "PLATE", "USERNAME", "POSTCODE"}
)


def identifier_spans(dialogues: Sequence[Dialogue], config: IdentifierConfig) -> list[list[Identifier]]:
    """Of each dialogue of one patient, in order, what is replaced: the kinds of ``config.reject``.

    A name of two words of which one is also said alone ("kelly wood … mrs. wood") is found whole, and names, addresses
    and numbers that are found in one dialogue are looked for in all of them.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    texts = [dialogue.text for dialogue in dialogues]
    found = [
        [hit for hit in find_identifiers(text, config) if hit.entity in config.reject and not _no_name(hit, text)]
        for text in texts
    ]
    said = [(text[hit.start : hit.end], hit) for text, hits in zip(texts, found, strict=True) for hit in hits]
    known = frozenset(folded(word) for name, hit in said if hit.entity == "PERSON" for word in _WORDS.findall(name))
    sure = frozenset(
        folded(word)
        for name, hit in said
        if hit.entity == "PERSON" and hit.score >= _SURE
        for word in _WORDS.findall(name)
        if _names_somebody(folded(word))
    )
    strings = {name: hit for name, hit in said if hit.entity in _VERBATIM and len(name) >= _LEAST}
    return [
        resolved([*(_with_surname(hit, text, hits, known) for hit in hits), *_again(text, sure, strings)])
        for text, hits in zip(texts, found, strict=True)
    ]


def _no_name(hit: Identifier, text: str) -> bool:
    """Whether a name is a clinical word ("X-Ray"), or the beginning of the next, said twice: "ale- , aleve"."""
    if hit.entity not in _NAMED:
        return False
    said = text[hit.start : hit.end]
    if hit.entity == "LOCATION" and said.lower() in place_words().kept_kinds:
        return True  # "going to University"
    if all(clinical(word) and (said.islower() or not _surname(word)) for word in said.casefold().split()):
        return True
    after = _BROKEN.match(text, hit.end)
    return after is not None and after[1].lower().startswith(said.lower())


def _surname(word: str) -> bool:
    return folded(word) in lexicon().family


def _names_somebody(word: str) -> bool:
    """Whether a part of a name is that wherever it is written: no word, disease or medicine."""
    known = names()
    return not (ordinary(word) or word in known.words_too | known.particles | eponyms().people or clinical(word))


def _with_surname(hit: Identifier, text: str, hits: Sequence[Identifier], known: frozenset[str]) -> Identifier:
    """A name, and the word after it where that is a name elsewhere: "kelly wood" of whom "mrs. wood" is said too."""
    after = _NEXT.match(text, hit.end) if hit.entity == "PERSON" else None
    if after is None or folded(after[1]) not in known or any(one.start == after.start(1) for one in hits):
        return hit
    return replace(hit, end=after.end())


def _again(text: str, sure: frozenset[str], strings: dict[str, Identifier]) -> Iterator[Identifier]:
    """What another dialogue, or another place, gave away; overlaps are settled by whoever asks."""
    for word in _WORDS.finditer(text):
        if folded(word[0]) in sure:
            yield Identifier(word.start(), word.end(), "PERSON", 0.5)
    for said, hit in strings.items():
        for match in re.finditer(rf"(?<!\w){re.escape(said)}(?!\w)", text):
            yield Identifier(match.start(), match.end(), hit.entity, 0.5)
