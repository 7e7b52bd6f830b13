"""Said identifiers said otherwise: numbers in words for numbers in words, letters for letters, dates moved by days."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable
from functools import cache

from synthgen.english import MONTHS, ONES, ORDINALS, TENS
from synthgen.privacy_filters.dialogue.identifiers.said import spoken
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import dates
from synthgen.wordlists import alternatives

_WORD = re.compile(r"(?i:\bx[ -]ray\b)|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_EXAMPLE = re.compile(r"([^\W\d_])([\s,]+(?:as in|for|like)[\s,]+(?:a )?)([^\W\d_]+)", re.IGNORECASE)
_NO_YEAR = 2001  # of dates that name none
_MIDDLE = 15  # of months that name no day


def numbers_anew(said: str, rng: random.Random) -> str:
    """Every numeral in words, group of digits, letter and word of the spelling alphabet is another of its kind.

    >>> numbers_anew("K V one nine, sierra", random.Random(1))
    'E U three five, delta'
    """
    alphabet, letters = spoken().alphabet, "abcdefghjklmnpqrstuvwxyz"

    def other(word: str) -> str:
        plain = re.sub("[ -]", "", word.lower())
        for kind in (ONES[:10], ONES[10:], TENS, ORDINALS[:9], ORDINALS[9:], alphabet):
            if plain in kind:
                return rng.choice([one for one in kind if one not in {plain, "zero"}])
        if plain in spoken().zeros and len(plain) > 1:
            return rng.choice(ONES[1:10])
        if plain.isdecimal():
            return "".join(rng.choice("0123456789") for _ in plain)
        return rng.choice([c for c in letters if c != plain]) if len(plain) == 1 else word

    def example(found: re.Match[str]) -> str:
        word = rng.choice([one for one in alphabet if one[0] != found[1].lower()])
        return f"{_like(word[0], found[1])}{found[2]}{_like(word, found[3])}"

    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(example(found))
        return f"\0{len(kept) - 1}\0"

    pieces = re.split(r"(\0\d+\0)", _EXAMPLE.sub(keep, said))
    return "".join(
        kept[int(piece.strip("\0"))] if piece.startswith("\0")
        else _WORD.sub(lambda found: _like(other(found[0]), found[0]), piece)
        for piece in pieces
    )  # fmt: skip


def number_said(said: str) -> str:
    """The numerals in words with which it begins, as a house number does, or that it has; empty where it has none."""
    found = re.search(rf"\b{_NUMERAL}(?:[ -](?:and )?{_NUMERAL})*\b", said, re.IGNORECASE)
    return "" if found is None else found[0]


def email_anew(said: str, name: Callable[[], str]) -> str:
    """Another address: a name, and a host that nobody has."""
    made = f"{name()} dot {name()} at example dot org".lower()
    return made.upper() if said.isupper() else made


def date_anew(said: str, days: int) -> str | None:
    """A date with parts in words, moved; day, month and year each as they were said. None where it is not understood.

    >>> date_anew("twelve August nineteen fifty eight", 30)
    'eleven September nineteen fifty eight'
    """
    month = _month().search(said)
    if month is None:
        return None
    year = _year().search(_blank(said, month), month.end())
    day = _day().search(_blank(_blank(said, month), year))
    try:
        start = dt.date(
            _year_number(year[0]) if year else _NO_YEAR, _month_number(month[0]), _number(day[0]) if day else _MIDDLE
        )
        moved = start + dt.timedelta(days)
    except (ValueError, OverflowError):
        return None
    new = [(month, MONTHS[moved.month - 1])]
    new += [(day, _day_said(day[0], moved.day))] if day else []
    new += [(year, _year_said(year[0], moved.year))] if year else []
    for part, words in sorted(new, key=lambda one: -one[0].start()):
        said = said[: part.start()] + _like(words, part[0]) + said[part.end() :]
    return said


def _blank(said: str, part: re.Match[str] | None) -> str:
    return said if part is None else said[: part.start()] + " " * len(part[0]) + said[part.end() :]


_TWO = rf"(?:(?:{alternatives(TENS)})[ -](?:{alternatives(ONES[1:10])})|{alternatives(TENS)}|{alternatives(ONES[10:])})"
_NUMERAL = rf"(?:{alternatives((*ONES, *TENS, 'hundred', 'thousand', 'oh', *ORDINALS))})"
_ORDINAL = (
    rf"(?:(?:{alternatives(TENS[:2])})[ -](?:{alternatives(ORDINALS[:9])})|{alternatives(ORDINALS[::-1])}|thirtieth)"
)


@cache
def _month() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives(MONTHS)}|{alternatives(dates().months_short)})\b", re.IGNORECASE)


@cache
def _year() -> re.Pattern[str]:
    units = alternatives(ONES[1:10])
    return re.compile(
        rf"\b(?:(?:nineteen|eighteen|twenty)[ -](?:hundred|oh[ -](?:{units})|{_TWO})|"
        rf"two thousand(?:(?: and)? (?:{_TWO}|{units}))?|(?:18|19|20)\d\d|['’]?\d\d(?!\d)|oh? (?:{units})|{_TWO})\b$",
        re.IGNORECASE,
    )


@cache
def _day() -> re.Pattern[str]:
    return re.compile(rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?|{_ORDINAL}|{_TWO}|{alternatives(ONES[1:10])})\b", re.IGNORECASE)


def _month_number(name: str) -> int:
    return next(i for i, month in enumerate(MONTHS, start=1) if month.startswith(name.lower()[:3]))


def _number(said: str) -> int:
    """Of a cardinal or an ordinal below a hundred, in words or digits."""
    if digits := re.match(r"\d+", said):
        return int(digits[0])
    value = 0
    for word in re.split(r"[ -]+", said.lower()):
        for kind, first, step in ((ONES, 0, 1), (TENS, 20, 10), (ORDINALS, 1, 1)):
            if word in kind:
                value += first + step * kind.index(word)
        value += 30 * (word == "thirtieth")
    return value


def _year_number(said: str) -> int:
    """Of two digits: of the last century where they are above 30."""
    plain = said.lower().strip("'’")
    if plain.isdecimal():
        value = int(plain)
    elif plain.startswith("two thousand"):
        return 2000 + _number(plain.removeprefix("two thousand"))
    elif century := re.match(r"(eighteen|nineteen|twenty)[ -](?=hundred|oh|[a-z]+)", plain):
        rest = plain[century.end() :]
        unit = century[1] == "twenty" and rest in ONES[1:10]  # "twenty one": not 2001
        if not unit:
            return 100 * _number(century[1]) + (0 if rest == "hundred" else _number(rest))
        value = _number(plain)
    else:
        value = _number(plain)
    return value if value > 99 else value + (1900 if value > 30 else 2000)


def _day_said(was: str, day: int) -> str:
    if was[0].isdecimal():
        ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
        return str(day) + (ending if was.lower().endswith(("st", "nd", "rd", "th")) else "")
    if re.fullmatch(_ORDINAL, was, re.IGNORECASE):
        tens = "" if day <= 20 else TENS[day // 10 - 2]
        return "thirtieth" if day == 30 else f"{tens} {ORDINALS[day % 10 - 1]}" if tens else ORDINALS[day - 1]
    return _below_hundred(day)


def _year_said(was: str, year: int) -> str:
    plain = was.lower().strip("'’")
    if plain.isdecimal():
        return str(year)[-len(plain) :]
    rest = _below_hundred(year % 100) if year % 100 > 9 else f"oh {ONES[year % 100]}" if year % 100 else "hundred"
    if plain.startswith("two thousand") and year // 100 == 20:
        tail = _below_hundred(year % 100) if year % 100 else ""
        return " ".join(part for part in ("two thousand", "and" if tail and " and " in plain else "", tail) if part)
    if not plain.startswith(("nineteen", "eighteen", "twenty", "two thousand")):  # "fifty eight"
        return rest if year % 100 else "two thousand"
    return f"{_below_hundred(year // 100)} {rest}"


def _below_hundred(number: int) -> str:
    if number < 20:
        return ONES[number]
    return TENS[number // 10 - 2] + (f" {ONES[number % 10]}" if number % 10 else "")


def _like(made: str, was: str) -> str:
    """In capitals as ``was``."""
    if was.isupper():
        return made.upper() if len(was) > 1 or len(made) == 1 else made.capitalize()
    return made.capitalize() if was[:1].isupper() else made
