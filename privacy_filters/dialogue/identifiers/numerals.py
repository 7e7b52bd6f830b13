"""English numerals as patterns, and back and forth between them and numbers: cardinals, ordinals, years."""

from __future__ import annotations

import re
from typing import Final

from synthgen.english import ONES, ORDINALS, TENS
from synthgen.wordlists import alternatives

UNITS: Final = alternatives(ONES[1:10])
TEENS: Final = alternatives(ONES[:9:-1])
TWO_DIGITS: Final = rf"(?:(?:{alternatives(TENS)})[ -](?:{UNITS})|{alternatives(TENS)}|{TEENS})"
"""Ten to ninety-nine."""
ORDINAL: Final = (
    rf"(?:(?:{alternatives(TENS[:2])})[ -](?:{alternatives(ORDINALS[:9])})|{alternatives(ORDINALS[::-1])}|thirtieth)"
)
"""First to thirty-first, and a little beyond."""
YEAR: Final = (
    rf"(?:(?:nineteen|eighteen|twenty)[ -](?:hundred|oh[ -](?:{UNITS})|{TWO_DIGITS})|"
    rf"two thousand(?:(?: and)? (?:{TWO_DIGITS}|{UNITS}))?)"
)
"""A year with its century: "nineteen fifty eight", "two thousand and three"."""
_NUMERAL: Final = rf"(?:{alternatives((*ONES, *TENS, 'hundred', 'thousand', 'oh', *ORDINALS))})"
_CENTURY: Final = re.compile(r"(eighteen|nineteen|twenty)[ -](.+)")


def first_numeral(said: str) -> str:
    """The first numeral in words, of however many; empty where there is none."""
    found = re.search(rf"\b{_NUMERAL}(?:[ -](?:and )?{_NUMERAL})*\b", said, re.IGNORECASE)
    return "" if found is None else found[0]


def number(said: str) -> int:
    """Of a cardinal or an ordinal below a hundred, in words or beginning with digits; what is no numeral counts 0."""
    if digits := re.match(r"\d+", said):
        return int(digits[0])
    values = {word: n for n, word in enumerate(ONES)} | {word: 10 * n for n, word in enumerate(TENS, start=2)}
    values |= {word: n for n, word in enumerate(ORDINALS, start=1)} | {"thirtieth": 30}
    return sum(values.get(word, 0) for word in re.split(r"[ -]+", said.lower()))


def cardinal(value: int) -> str:
    """Below a hundred, in words parted by a space."""
    if value < len(ONES):
        return ONES[value]
    return TENS[value // 10 - 2] + (f" {ONES[value % 10]}" if value % 10 else "")


def ordinal(value: int) -> str:
    """First to thirty first, parted by a space."""
    if value <= len(ORDINALS) or value == 30:
        return "thirtieth" if value == 30 else ORDINALS[value - 1]
    return f"{TENS[value // 10 - 2]} {ORDINALS[value % 10 - 1]}"


def year_number(said: str) -> int:
    """Of a year in words or digits. One without its century is of the last where it is above 30."""
    plain = said.lower().strip("'’")
    if plain.startswith("two thousand"):
        return 2000 + number(plain.removeprefix("two thousand"))
    century = _CENTURY.fullmatch(plain)
    if century is not None and not (century[1] == "twenty" and century[2] in ONES[1:10]):
        return 100 * number(century[1]) + number(century[2])
    value = number(plain)
    return value if value > 99 else value + (1900 if value > 30 else 2000)


def year_said(like: str, year: int) -> str:
    """A year as ``like`` is said: in digits, in words, with its century or without."""
    plain = like.lower().strip("'’")
    if plain.isdecimal():
        return str(year)[-len(plain) :]
    rest = year % 100
    if plain.startswith("two thousand") and year // 100 == 20:
        tail = [*(["and"] if " and " in plain else []), cardinal(rest)] if rest else []
        return " ".join(["two thousand", *tail])
    said = cardinal(rest) if rest > 9 else f"oh {ONES[rest]}" if rest else "hundred"
    whole = re.fullmatch(YEAR, plain) is not None
    return f"{cardinal(year // 100)} {said}" if whole else said if rest else "two thousand"
