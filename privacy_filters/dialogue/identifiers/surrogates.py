"""Surrogates: identifiers replaced by invented ones, so that a text still reads and no hole shows what stood there.

What is invented, and how it holds over the dialogues of one patient, is in ``invent.py``; drawn from the seed alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.invent import Inventor
from synthgen.privacy_filters.dialogue.identifiers.spans import identifier_spans
from synthgen.privacy_filters.dialogue.identifiers.types import Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import folded

_ARTICLE = re.compile(r"\b(a)(n?) $", re.IGNORECASE)
_VOWEL = re.compile(r"(?!u[ns]i|eu|one\b|once\b)[aeiou]|8|1[18](?!\d)", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]{2,}")


def surrogate(dialogue: Dialogue, seed: int, config: IdentifierConfig | None = None) -> Dialogue:
    """The dialogue with every identifier of ``config.reject`` replaced.

    The labels stay as they are. Equal arguments give equal dialogues; another seed gives other surrogates.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    return surrogates([dialogue], seed, config)[0]


def surrogates(dialogues: Sequence[Dialogue], seed: int, config: IdentifierConfig | None = None) -> list[Dialogue]:
    """The same for all dialogues of one patient, in their order: who has one name in them keeps one name.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    config = config or IdentifierConfig()
    return replaced(dialogues, identifier_spans(dialogues, config), seed, config)


def replaced(
    dialogues: Sequence[Dialogue], spans: Sequence[Sequence[Identifier]], seed: int, config: IdentifierConfig
) -> list[Dialogue]:
    """One patient's dialogues with these spans of each replaced; ``config`` says by which policy.

    Raises:
        MissingExtraError: Faker is not installed.
    """
    taken = {
        folded(word)
        for dialogue, hits in zip(dialogues, spans, strict=True)
        for hit in hits
        for word in _WORDS.findall(dialogue.text[hit.start : hit.end])
    }
    markov, weeks = config.policy == "markov", "WEEKDAY" not in config.reject
    invent = Inventor(seed, config.language, taken, markov=markov, weeks=weeks)
    return [_replaced(dialogue, hits, invent) for dialogue, hits in zip(dialogues, spans, strict=True)]


def _replaced(dialogue: Dialogue, hits: Sequence[Identifier], invent: Inventor) -> Dialogue:
    text = dialogue.text
    turns = []
    start = 0
    for turn in dialogue.turns:
        end = start + len(turn.text)
        made, at = "", start
        for hit in hits:
            # A hit across turns is replaced in the turn where it begins.
            if hit.end <= start or hit.start >= end:
                continue
            made += text[at : max(hit.start, start)]
            if hit.start >= start:
                said = invent(hit.entity, text[hit.start : min(hit.end, end)], text[: hit.start])
                made = _ARTICLE.sub(lambda found: _article(found, said), made) + said  # noqa: B023 (used at once)
            at = min(hit.end, end)
        made += text[at:end]
        turns.append(replace(turn, text=made or "…"))
        start = end + 1
    return replace(dialogue, turns=tuple(turns))


def _article(found: re.Match[str], said: str) -> str:
    """ "a" or "an", as what comes after it asks."""
    n = ("N" if found[0].isupper() and len(found[0]) > 2 else "n") if _VOWEL.match(said) else ""
    return f"{found[1]}{n} "
