"""Identifiers as they are said: dates, streets, postcodes, electronic addresses and numbers in words.

Recognisers of speech write what they hear: "twelve August nineteen fifty eight", "oh seven seven double oh nine". What
has a form when it is written has one when it is said; numbers and letters are put together first (``said.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from synthgen.english import MONTHS, ONES, ORDINALS, TENS
from synthgen.privacy_filters.dialogue.identifiers.numerals import ORDINAL, TEENS, TWO_DIGITS, UNITS, YEAR
from synthgen.privacy_filters.dialogue.identifiers.said import Code, Word, codes, spoken, words_of
from synthgen.privacy_filters.dialogue.identifiers.types import Entity, Identifier
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import dates, folded, lexicon
from synthgen.wordlists import alternatives

_HOW = re.compile(r"[, ]*\ball (?:in )?(?:lower ?case|one word|small letters|caps|capitals)[, ]*$", re.IGNORECASE)
_MOST = 40  # words of a run that is looked through for a postcode
_NEAR = 45  # characters before a number in which a word says what it is
_POSTCODES = re.compile(
    r"(?:[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKMPS-W]|[A-HK-Y]\d[ABEHMNPRVWXY])\d[ABD-HJLNP-UW-Z]{2}"
    r"|[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d)"
)
_PLATES = re.compile(r"[A-Z]{2}\d{2}[A-Z]{3}|[A-Z]{3}\d{3,4}")
_YEARS = re.compile(r"(?:19|20)\d\d")
_VERTEBRAE = re.compile(r"(?:[CTLS]\d{1,2})+")


def said(text: str, language: str = "en") -> list[Identifier]:
    """Everything that is said rather than written; English only."""
    if language != "en":
        return []
    text = _fillers().sub(lambda found: " " * len(found[0]), text)
    words = words_of(text)
    return [*_dates(text), *_streets(text), *_electronic(text, words), *_coded(text, words)]


@cache
def _fillers() -> re.Pattern[str]:
    return re.compile(rf"(?:, *)?\b(?:{_any(spoken().fillers)})\b,?", re.IGNORECASE)


# Dates


@cache
def _date_forms() -> tuple[re.Pattern[str], ...]:
    year = rf"(?: ?,? +(?:in |of )?(?:{YEAR}|oh? (?:{UNITS})|{TWO_DIGITS}|(?:18|19|20)\d\d|['’]?\d\d(?!\d))\b)"
    below = rf"(?:{TENS[0]}(?:[ -](?:{UNITS}))?|{TENS[1]}(?:[ -]{ONES[1]})?|{TEENS}|{UNITS})\b"
    cardinal = rf"(?:{below}(?! +(?:thousand|hundred))|\d{{1,2}}(?:st|nd|rd|th)?)"
    ordinal, numbered = ORDINAL, rf"(?:{ORDINAL}|\d{{1,2}}(?:st|nd|rd|th))"
    sure = alternatives((*(month for month in MONTHS if month not in {"may", "march"}), *dates().months_short))
    month, day = rf"(?:{sure}|may|march)", rf"(?:{ordinal}|{cardinal})"
    return tuple(
        re.compile(form, re.IGNORECASE)
        for form in (
            rf"\b{numbered}(?: day)?(?: +of)? +{month}\b{year}?",
            rf"\b{cardinal}(?: +of)? +(?:{sure})\b{year}?",
            rf"\b{cardinal} +(?:may|march){year}",
            rf"\b(?:{sure}) +(?:the +)?{day}\b{year}?(?! *(?:times|percent|people|years|months|weeks|days))",
            rf"\b(?:may|march) +(?:the +)?{numbered}\b{year}?",
            rf"\b(?:may|march) +(?:the +)?{cardinal}{year}",
            rf"\b{ordinal} +of +(?:the +)?(?:{alternatives(ORDINALS[:12])})\b{year}?",
            rf"\b(?:{alternatives(spoken().holidays)})\b{year}",
            rf"\b{ordinal} +of +(?:(?:last|next|this) +(?:{month}|month)\b|the month\b)",
        )
    )  # fmt: skip


@cache
def _month_form() -> re.Pattern[str]:
    """A month with a year in words: a year of two digits would be a day."""
    return re.compile(rf"\b(?:{alternatives(MONTHS)}) ?,? +(?:of )?(?:{YEAR})\b", re.IGNORECASE)


def _dates(text: str) -> Iterator[Identifier]:
    for form in _date_forms():
        for found in form.finditer(text):
            if any(c.isalpha() for c in re.sub(r"(?i)\b(?:" + "|".join(MONTHS) + r")\b", "", found[0])):
                yield Identifier(found.start(), found.end(), "DATE", 0.8)
    for found in _month_form().finditer(text):
        yield Identifier(found.start(), found.end(), "MONTH", 0.7)


# Streets


@cache
def _street_forms() -> tuple[tuple[re.Pattern[str], bool], ...]:
    """With numbers in words or figures, and whether something must say that it is an address."""
    known = spoken()
    below = rf"(?:(?:{alternatives(TENS)})(?:[ -](?:{UNITS}))?|{alternatives(ONES[1:])})"
    number = (
        rf"(?:\d{{1,5}}|(?:{below}|a) (?:hundred|thousand)(?:(?: and)? {below})?|"
        rf"{below}(?:[ -](?:{below}|oh|zero)){{0,4}})(?: (?:stroke|slash) {below})?(?:[ -]?[a-d]\b)?"
    )
    flat = rf"(?:(?:flat|apartment|apt|unit|suite) +(?:number )?(?:{number}|[a-z])[, ]+)?"
    direction = rf"(?:(?:{_any(known.directions)}) +)?"
    name = rf"(?:(?!(?:{_any(known.not_named)})\b)[^\W\d_]+(?:['’][^\W\d_]+)? +){{1,3}}"
    numbered = rf"(?:(?:(?:{UNITS}) +)?hundred +(?:and +)?)?{ORDINAL} +"
    before = rf"\b[^\W\d_]{{3,}}(?:{_any(known.streets_before_number)}) +{number}"
    start = rf"\b{flat}{number}[,]? +{direction}(?:{numbered}|{name})"
    forms = (
        (before, False),
        (rf"{start}(?:{_any(known.streets)})\b", False),
        (rf"{start}(?:{_any(known.streets_too)})\b", True),
    )
    return tuple((re.compile(form, re.IGNORECASE), cue) for form, cue in forms)


def _any(words: frozenset[str]) -> str:
    return alternatives(tuple(sorted(words)))


def _streets(text: str) -> Iterator[Identifier]:
    for form, needs_cue in _street_forms():
        for found in form.finditer(text):
            capitals = re.search(r"[A-Z][^\W\d_]+(?:['’]s)? +[A-Z][^\W\d_]+$", found[0]) is not None
            begins = found[0].lower().startswith
            one, flat = begins(("one ", "a ")), begins(("flat ", "ap", "unit ", "suite "))
            if capitals or flat or not (needs_cue or one) or _placed(text, found.start()):
                yield Identifier(found.start(), found.end(), "ADDRESS", 0.75)


def _placed(text: str, start: int) -> bool:
    """Whether something says that it is an address, or that somebody is or goes there."""
    there = re.search(r"\b(?:at|to|from|is|in)[,:]? *$", text[max(0, start - 8) : start], re.IGNORECASE)
    return there is not None or _near(text, start, spoken().addresses)


# Electronic addresses


def _electronic(text: str, words: Sequence[Word]) -> Iterator[Identifier]:
    """What ends in "dot com": an e-mail where "at" comes before it, else a page."""
    known = spoken()
    at = 0
    while at < len(words):
        last = at
        while last + 1 < len(words) and words[last].text == "dot" and words[last + 1].text in known.domains:
            last += 2
        if last == at:
            at += 1
            continue
        first, mail = _host(text, words, at), False
        if first is not None:
            if first > 0 and words[first - 1].text == "at":
                local = _local(text, words, first - 1)
                first, mail = (local, True) if local is not None else (first, True)
            elif first > 2 and [w.text for w in words[first - 3 : first]] == ["w", "w", "w"]:
                first -= 3
            yield Identifier(words[first].start, words[last - 1].end, "EMAIL" if mail else "URL", 0.9)
        at = last


def _host(text: str, words: Sequence[Word], dot: int) -> int | None:
    """The first word of what stands before the first "dot" of an ending; three words at most, up to "at" or "www"."""
    known, first = spoken(), dot
    while first > 0 and dot - first < 8:
        word = words[first - 1].text
        if "\n" in text[words[first - 1].end : words[first].start]:
            break
        if word == "at" or (dot - first >= 4 and word not in known.joints and len(word) > 1):
            break
        if word in known.not_local - {"at"} and words[first].text not in known.joints:
            break
        first -= 1
    return first if first < dot else None


def _local(text: str, words: Sequence[Word], at: int) -> int | None:
    """The first word of what stands before "at"."""
    known, first = spoken(), at
    said_how = _HOW.search(text, max(0, words[at].start - 40), words[at].start)
    while said_how is not None and first > 0 and words[first - 1].start >= said_how.start():
        first -= 1
    at = first
    while first > 0 and at - first < 24:
        word, following = words[first - 1].text, words[first].text
        gap = text[words[first - 1].end : words[first].start]
        if "\n" in gap or (re.search(r"[.?!:;]\s", gap) and len(word) > 1):
            break
        joined = following in known.joints or (first > 1 and words[first - 2].text in known.joints)
        if word in known.not_local and not joined and len(word) > 1:
            break
        first -= 1
    return first if first < at else None


# Numbers and codes


def _coded(text: str, words: Sequence[Word]) -> Iterator[Identifier]:
    for parts in codes(text, words):
        whole = next(parts)
        if whole.words == whole.single == 2 or whole.counts:
            continue
        for code in (whole, *parts) if whole.words <= _MOST else (whole,):
            if (entity := _kind(text, code, whole=code is whole)) is not None:
                yield Identifier(code.start, code.end, entity, 0.75)
                break


def _kind(text: str, code: Code, *, whole: bool) -> Entity | None:
    """What a code is by its form and by what is said before it."""
    known, spelt = spoken(), code.spelt

    def said_so(cues: tuple[str, ...]) -> bool:
        return _near(text, code.start, cues)

    digits, letters = sum(c.isdigit() for c in spelt), sum(c.isalpha() for c in spelt)
    if _VERTEBRAE.fullmatch(spelt):
        return None
    if code.single >= 3 and any(map(_POSTCODES.fullmatch, {spelt, code.with_o})):
        return "POSTCODE"
    if not whole or text[code.start : code.end].isdecimal():
        return None
    if code.words == 2 and _YEARS.fullmatch(spelt):
        return None
    if 3 <= len(spelt) <= 9 and digits and (said_so(known.postcodes) or _follows(text, code.end, known.postcodes)):
        return "POSTCODE"
    if said_so(known.plates) and 4 <= len(spelt) <= 8 and digits:
        return "PLATE"
    if said_so(known.births) and not letters and 4 <= digits <= 8:
        return "DATE"
    if said_so(known.telephones) and not letters and digits >= 6:
        return "PHONE"
    if said_so(known.filed) and len(spelt) >= 4 and digits >= 2:
        return "ID"
    if not letters and 7 <= digits <= 15 and (code.single >= 5 or (digits >= 10 and spelt[0] == "0")):
        return "PHONE"
    if _PLATES.fullmatch(spelt) and code.single >= 4 and any(code.values):
        return "PLATE"
    if len(spelt) >= 7 and digits >= 2 and letters >= 2 and code.single >= 6:
        return "ID"
    if not letters and digits == 5 and code.single >= 3 and _beside_place(text, code):
        return "POSTCODE"
    return None


def _near(text: str, start: int, cues: tuple[str, ...]) -> bool:
    """Whether one of these is said shortly before, in the same sentence or in a question before it."""
    before = re.split(r"[.!]\s", text[max(0, start - _NEAR) : start])[-1]
    return re.search(rf"\b(?:{alternatives(cues)})\b", before, re.IGNORECASE) is not None


def _follows(text: str, end: int, cues: tuple[str, ...]) -> bool:
    """Whether it is said right afterwards what it was: ", that's my zip code"."""
    told = rf"[, ]*(?:that['’]?s|is|was) (?:my|the|our|his|her|their) (?:{alternatives(cues)})\b"
    return re.match(told, text[end : end + _NEAR], re.IGNORECASE) is not None


def _beside_place(text: str, code: Code) -> bool:
    """Before a town, or after a word with a capital that begins no sentence: "Springfield, nine oh two one oh"."""
    after = re.match(r"[, ]{1,2}([^\W\d_]{3,})", text[code.end : code.end + _NEAR])
    if after is not None and folded(after[1]) in lexicon().places:
        return True
    return re.search(r"[\w,] [A-Z][^\W\d_]{2,},?\s*$", text[max(0, code.start - _NEAR) : code.start]) is not None
