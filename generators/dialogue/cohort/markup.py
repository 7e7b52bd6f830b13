"""The marks of transcribers: taken off what is said, so that nobody learns to write them."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Final

from synthgen.wordlists import Phrases, WordLists, Words, alternatives, word_lists

_ENTITY: Final = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,10});")
_BREAK: Final = re.compile(r"<br\s*/?>|</p>", re.IGNORECASE)
_PAIRED: Final = re.compile(r"<([A-Za-z]\w{0,20})(?:\s[^<>]{0,80})?>(.*?)</\1\s*>", re.DOTALL)
_CLOSED: Final = re.compile(r"</?[A-Za-z]\w{0,20}\s*/>")
# An id of a prompt before its words, as the virtual interviewer of DAIC-WOZ has: "how_doingV (how are you doing)".
_PROMPT: Final = re.compile(r"^\s*[\w']*_[\w']*\s*\((.*)\)\s*$", re.DOTALL)
_SCRUBBED: Final = re.compile(r"\bscrubbed_entry\b")
_SPACES: Final = re.compile(r"[ \t]{2,}")
_BEFORE_POINT: Final = re.compile(r"(?<=\w)[ \t]+(?=[.,;!?](?:\s|$))")


class _Marks(WordLists):
    events: Phrases
    unheard: Phrases
    html: Words


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """HTML tags; events in any kind of brackets; what a letter row stands for; in that order."""
    marks = word_lists(__package__, "markup", _Marks)
    event = rf"(?:{alternatives(tuple(sorted(marks.events, key=len, reverse=True)))})(?![^\W_])"
    rest = r"[^\[\](){}<>*\n]{0,60}"
    return (
        re.compile(rf"</?(?:{'|'.join(marks.html)})(?:\s[^<>]{{0,200}})?/?>", re.IGNORECASE),
        re.compile(
            rf"\[+\s*/?{event}{rest}\]+|\(+\s*{event}{rest}\)+|<\s*/?{event}{rest}>|\{{\s*{event}{rest}\}}|"
            rf"\*+\s*{event}{rest}\*+",
            re.IGNORECASE,
        ),
        re.compile(r"\[\s*\]|\(\s*\.*\s*\)|\[\s*\.{2,}\s*\]|\[\s*(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d+)?\s*\]"),
        re.compile(rf"(?<![^\W_])(?:{'|'.join(marks.unheard)})(?![^\W_])|(?<!\w)(?:XXX+|X{{2}})(?!\w)"),
    )


def stripped(text: str) -> str:
    """What is said, without marks; HTML entities become characters. Empty where nothing was said.

    >>> stripped("My <UNSURE>knee</UNSURE> hurts <UNIN/> [laughs], doctor.")
    'My knee hurts, doctor.'
    >>> stripped("I am [NAME], <PERSON>.")
    'I am [NAME], <PERSON>.'
    """
    if not any(c in text for c in "<[({*&_xX"):
        return text
    said = html.unescape(text) if _ENTITY.search(text) else text
    said = _BREAK.sub("\n", said)
    prompt = _PROMPT.match(said)
    said = _CLOSED.sub(" ", prompt[1] if prompt else said)
    tags, events, empty, unheard = _patterns()
    said = events.sub(" ", tags.sub("", said))
    said = _unpaired(said)
    said = unheard.sub(" ", empty.sub(" ", _SCRUBBED.sub(" ", said)))
    return text if said == text else _tidy(said)


def _unpaired(text: str) -> str:
    """Without pairs of tags about words, the inner ones first; the words stay."""
    for _ in range(4):
        text, count = _PAIRED.subn(r"\2", text)
        if not count:
            break
    return text


def _tidy(text: str) -> str:
    tidy = _BEFORE_POINT.sub("", _SPACES.sub(" ", text)).strip()
    return tidy if any(c.isalnum() for c in tidy) else ""
