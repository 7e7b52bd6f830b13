"""Which words of two texts stand in both, in runs: for a person who reads them beside each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Final

SHORTEST: Final = 6
"""Words of a run that is marked. Shorter ones stand in any two visits: of strangers' longest, half have 14."""
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

Place = tuple[int, int, int]
"""Number of the text, and where a word begins and ends in it."""


def marked(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Each text as HTML, escaped, with every run of words that stands in ``others`` too in ``<mark>``.

    Case and punctuation do not count, and a run may go on over the end of a text: a turn that is cut differently is
    still said again.
    """
    words, places = _words(texts)
    known = set(_runs(_words(others)[0]))
    shared = {i + j for i, run in enumerate(_runs(words)) if run in known for j in range(SHORTEST)}
    spans: list[list[tuple[int, int]]] = [[] for _ in texts]
    for i, (text, start, end) in enumerate(places):
        if i not in shared:
            continue
        joins = i - 1 in shared and places[i - 1][0] == text
        spans[text].append((spans[text].pop()[0], end) if joins else (start, end))
    return tuple(_with_marks(text, found) for text, found in zip(texts, spans, strict=True))


def _words(texts: Sequence[str]) -> tuple[list[str], list[Place]]:
    found = [(match, number) for number, text in enumerate(texts) for match in _WORD.finditer(text)]
    return [match[0].casefold() for match, _ in found], [(number, *match.span()) for match, number in found]


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + SHORTEST]) for i in range(len(words) - SHORTEST + 1)]


def _with_marks(text: str, spans: Sequence[tuple[int, int]]) -> str:
    parts, end = [], 0
    for start, stop in spans:
        parts += [escape(text[end:start]), "<mark>", escape(text[start:stop]), "</mark>"]
        end = stop
    return "".join((*parts, escape(text[end:])))
