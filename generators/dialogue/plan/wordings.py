"""Words that stand for one another, as ``wordings.yaml`` has them: each line of a rule becomes as many as it allows.

The choice is written into the line itself, in brackets, so that the grammar hears what it says (``Grammar.asked``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from pydantic import field_validator

from synthgen.wordlists import Lines, WordLists, word_lists

_KEPT: Final = re.compile(r"^[\w!&, -]+?\s+::\s|\{[^}]*\}|//.*$")
"""The guard, slots, and the gist of a fact, which the notes are made of."""
_FLAG: Final = re.compile(r"\s([<>$])")


@dataclass(frozen=True, slots=True)
class Wording:
    """What may be said for a phrase, and where it may not.

    Attributes:
        options: the phrase itself among them.
        after, before: words that must not stand before it, and behind it.
        stop: whether a comma or the end of the sentence must follow.
    """

    options: tuple[str, ...]
    after: frozenset[str]
    before: frozenset[str]
    stop: bool


class Wordings(WordLists):
    """``wordings.yaml``."""

    wordings: Lines

    @field_validator("wordings")
    @classmethod
    def _read(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for line in lines:
            if not _triggers(line)[0] or len(_triggers(line)[1].options) < 2:
                raise ValueError(f"{line!r} must name two wordings, as in 'a | b' or 'a -> a | b'")
        return lines

    @cached_property
    def by_phrase(self) -> Mapping[str, Wording]:
        """The wordings of every phrase, in the case it is written in; a later line wins."""
        found: dict[str, Wording] = {}
        for line in self.wordings:
            phrases, wording = _triggers(line)
            found |= dict.fromkeys(phrases, wording)
        return found

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the phrases, the longest first, as it is written or at the beginning of a sentence."""
        phrases = sorted(self.by_phrase, key=lambda phrase: (-len(phrase), phrase))
        alternatives = "|".join(f"(?:{re.escape(p)}|{re.escape(p[:1].upper() + p[1:])})" for p in phrases)
        return re.compile(rf"(?<![\w'-])(?:{alternatives})(?![\w'-])")


def _triggers(line: str) -> tuple[tuple[str, ...], Wording]:
    """The phrases of a line, and what may be said for them."""
    head, *flags = _FLAG.split(line)
    marks = dict(zip(flags[::2], flags[1::2], strict=True))
    left, arrow, right = head.partition("->")
    options = tuple(part.strip() for part in (right if arrow else left).split("|") if part.strip())
    phrases = (left.strip(),) if arrow else options
    after, before = (frozenset(marks.get(mark, "").split()) for mark in "<>")
    return phrases, Wording(options, after, before, "$" in marks)


@cache
def wordings() -> Wordings:
    """``wordings.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "wordings", Wordings)


def varied(line: str) -> str:
    """A line of a rule (see ``grammar``) with every phrase that others may stand for as a choice among them.

    >>> varied("Somebody rang me. // I was rung")
    '[Somebody|Someone] rang me. // I was rung'
    """
    kept = [found.span() for found in _KEPT.finditer(line)]
    out, at = [], 0
    for found in wordings().pattern.finditer(line):
        start, end = found.span()
        if start < at or any(low <= start < high for low, high in kept) or not _fits(line, start, end):
            continue
        phrase = found.group()
        upper = phrase not in wordings().by_phrase
        options = _wording(phrase).options
        said = [option[:1].upper() + option[1:] if upper else option for option in options]
        out += [line[at:start], f"[{'|'.join(said)}]"]
        at = end
    return "".join([*out, line[at:]])


def _wording(phrase: str) -> Wording:
    known = wordings().by_phrase
    return known[phrase] if phrase in known else known[phrase[:1].lower() + phrase[1:]]


def _fits(line: str, start: int, end: int) -> bool:
    """Whether nothing around the phrase speaks against it; what a choice hides counts as speaking against it."""
    wording = _wording(line[start:end])
    behind, ahead = line[:start].rstrip(" "), line[end:].lstrip(" ")
    if wording.stop and not re.match(r"[.?!,;]", ahead):
        return False
    if wording.before and (ahead[:1] in {"[", "|", "]", "{", ""} or _first(ahead) in wording.before):
        return False
    last = re.search(r"([\w']+|[,:\"])$", behind)
    hidden = behind[-1:] in {"[", "|", "]", "}"}
    return not wording.after or not (hidden or (last is not None and last.group(1).lower() in wording.after))


def _first(text: str) -> str:
    found = re.match(r"[\w']+|[.,:?\"]", text)
    return found.group().lower() if found else ""
