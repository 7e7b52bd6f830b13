"""Surrogates: identifiers replaced by invented ones, so that a text still reads and no hole shows what stood there.

What is invented, and how it holds over the dialogues of one patient, is in ``invent.py``; drawn from the seed alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.identifier_config import IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers.invent import Inventor
from synthgen.privacy_filters.dialogue.identifiers.spans import identifier_spans
from synthgen.privacy_filters.dialogue.identifiers.types import Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import folded
from synthgen.privacy_filters.dialogue.rare_parts import Edit

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
    dialogues: Sequence[Dialogue],
    spans: Sequence[Sequence[Identifier]],
    seed: int,
    config: IdentifierConfig,
    edits: Sequence[Sequence[Edit]] = (),
) -> list[Dialogue]:
    """One patient's dialogues with these spans of each replaced; ``config`` says by which policy.

    Args:
        edits: of each dialogue, what else is replaced or left out; a span that overlaps one goes with it.

    Raises:
        MissingExtraError: Faker is not installed.
    """
    made = surrogate_edits(dialogues, spans, seed, config, edits)
    return [_edited(dialogue, own) for dialogue, own in zip(dialogues, made, strict=True)]


def surrogate_edits(
    dialogues: Sequence[Dialogue],
    spans: Sequence[Sequence[Identifier]],
    seed: int,
    config: IdentifierConfig,
    edits: Sequence[Sequence[Edit]] = (),
) -> list[list[Edit]]:
    """What :func:`replaced` changes in each dialogue, in order: places in its text, and what is said there instead."""
    taken = {
        folded(word)
        for dialogue, hits in zip(dialogues, spans, strict=True)
        for hit in hits
        for word in _WORDS.findall(dialogue.text[hit.start : hit.end])
    }
    markov, weeks = config.policy == "markov", "WEEKDAY" not in config.reject
    invent = Inventor(seed, config.language, taken, markov=markov, weeks=weeks)
    others = edits or [()] * len(dialogues)
    changed = []
    for dialogue, hits, own in zip(dialogues, spans, others, strict=True):
        text = dialogue.text
        free = [hit for hit in hits if not any(hit.start < end and start < hit.end for start, end, _ in own)]
        made = [(hit.start, hit.end, invent(hit.entity, text[hit.start : hit.end], text[: hit.start])) for hit in free]
        changed.append(sorted([*made, *own]))
    return changed


def _edited(dialogue: Dialogue, edits: Sequence[Edit]) -> Dialogue:
    """The dialogue with every edit made, in the turn where it begins; a turn of which nothing is left is a pause."""
    text = dialogue.text
    turns = []
    start = 0
    for turn in dialogue.turns:
        end = start + len(turn.text)
        made, at = "", start
        for begins, ends, said in edits:
            if ends <= start or begins >= end:
                continue
            made += text[at : max(begins, start)]
            if begins >= start and said:
                made = _ARTICLE.sub(partial(_article, said=said), made) + said
            at = min(ends, end)
        made = (made + text[at:end]).strip() if any(not said for _, _, said in edits) else made + text[at:end]
        turns.append(replace(turn, text=made if made.strip() else "…"))
        start = end + 1
    return replace(dialogue, turns=tuple(turns))


def _article(found: re.Match[str], said: str) -> str:
    """ "a" or "an", as what comes after it asks."""
    n = ("N" if found[0].isupper() and len(found[0]) > 2 else "n") if _VOWEL.match(said) else ""
    return f"{found[1]}{n} "
