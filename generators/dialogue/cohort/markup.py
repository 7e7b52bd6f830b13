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
_GONE: Final = "\x00"
_THOUGHT: Final = re.compile(
    r"<(?P<tag>think|thinking|thought|reasoning|scratchpad)>.*?</(?P=tag)>|\A.*?</(?:think|thinking|reasoning)>",
    re.IGNORECASE | re.DOTALL,
)
"""What a model thinks before it answers; its template may have taken the opening tag away."""
_STAMP_LAST: Final = re.compile(r"(?:(?<=[.?!…\"”»])\s*\(|\s+\((?=0))\d{1,2}:\d{2}(?::\d{2})?\)[ \t]*(?=\n|\Z)")
"""A time behind a turn: after the end of a sentence, or with a leading zero; others may have been said."""
_GAP: Final = re.compile(r"[ \t]*\x00[ \t\x00]*(?P<point>[.,;!?](?=[\s\x00]|$))?")


class _Marks(WordLists):
    events: Phrases
    ordinary: Phrases
    unheard: Phrases
    html: Words


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """HTML tags; events in any kind of brackets; what a letter row stands for; in that order."""
    marks = word_lists(__package__, "markup", _Marks)
    event = _beginning(marks.events)
    either = _beginning((*marks.events, *marks.ordinary))
    alone = _beginning(marks.ordinary)
    rest = r"[^\[\](){}<>*\n]{0,60}"
    return (
        re.compile(rf"</?(?:{'|'.join(marks.html)})(?:\s[^<>]{{0,200}})?/?>", re.IGNORECASE),
        re.compile(
            rf"\[+\s*/?{either}{rest}\]+|\(+\s*(?:{event}{rest}|{alone}\s*)\)+|<\s*/?{either}{rest}>|"
            rf"\{{\s*{either}{rest}\}}|\*+\s*(?:{event}{rest}|{alone}\s*)\*+",
            re.IGNORECASE,
        ),
        re.compile(
            r"\(\s*\d*[.,]\d+\s*s?\s*\)|\[\s*\]|\(\s*\.*\s*\)|\[\s*\.{2,}\s*\]|\[\s*(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d+)?\s*\]|"
            r"\(\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\)|#\d{1,2}:\d{2}:\d{2}(?:[-.,]\d+)?#|♪[^♪\n]{0,200}♪|[♪♫]+"
        ),
        re.compile(rf"(?<!\w)(?:{'|'.join(marks.unheard)})+(?!\w)", re.IGNORECASE),
    )


def _beginning(phrases: tuple[str, ...]) -> str:
    return rf"(?:{alternatives(tuple(sorted(phrases, key=len, reverse=True)))})(?![^\W_])"


def stripped(text: str) -> str:
    """What is said, without marks; HTML entities become characters. Empty where nothing was said.

    >>> stripped("My <UNSURE>knee</UNSURE> hurts <UNIN/> [laughs], doctor.")
    'My knee hurts, doctor.'
    >>> stripped("I am [NAME], <PERSON>.")
    'I am [NAME], <PERSON>.'
    """
    if not any(c in text for c in "<[({*&_xX#♪♫"):
        return text
    said = html.unescape(text) if _ENTITY.search(text) else text
    said = _BREAK.sub("\n", _THOUGHT.sub(_GONE, said.replace(_GONE, "")))
    prompt = _PROMPT.match(said)
    said = _CLOSED.sub(_GONE, prompt[1] if prompt else said)
    tags, events, empty, unheard = _patterns()
    said = _unpaired(events.sub(_GONE, tags.sub("", said)))
    said = _STAMP_LAST.sub(_GONE, said)
    said = unheard.sub(_GONE, empty.sub(_GONE, _SCRUBBED.sub(_GONE, said)))
    return said if _GONE not in said else _closed_up(said)


def _unpaired(text: str) -> str:
    """Without pairs of tags about words, the inner ones first; the words stay."""
    for _ in range(4):
        text, count = _PAIRED.subn(r"\2", text)
        if not count:
            break
    return text


def _closed_up(text: str) -> str:
    """One space where marks were, none before a point; empty where no word is left."""
    closed = _GAP.sub(lambda gap: gap["point"] or " ", text).strip()
    return closed if any(c.isalnum() for c in closed) else ""
