"""Dates moved by a number of days, each in the form in which it was written."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache

from synthgen.english import MONTHS
from synthgen.privacy_filters.dialogue.identifiers.numerals import (
    ORDINAL,
    TWO_DIGITS,
    UNITS,
    YEAR,
    cardinal,
    number,
    ordinal,
    year_number,
    year_said,
)
from synthgen.privacy_filters.dialogue.identifiers.vocabulary import dates, folded

_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(.*)", re.DOTALL)
_PLAIN = re.compile(r"(\d{1,2})(\s*[-/.,]\s*)(\d{1,2})\2(\d{2}|\d{4})")
_DAY_MONTH = re.compile(r"(\d{1,2})([-/.])(\d{1,2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})/(\d{4})")
_NO_YEAR = 2001  # of dates that name none: not a leap year, so that every written day exists
_MIDDLE = 15  # of months that name no day


def date_moved(written: str, days: int, *, day_first: bool) -> str | None:
    """``written`` moved by ``days``: day, month and year each as they were written; None where it is not understood.

    Args:
        day_first: how numbers are read that could be either: "3/4/1980".
    """
    if found := _ISO.fullmatch(written):
        moved = _moved(int(found[1]), int(found[3]), int(found[4]), days)
        return f"{moved.year}{found[2]}{moved.month:02d}{found[2]}{moved.day:02d}{found[5]}" if moved else None
    if found := _PLAIN.fullmatch(written):
        year = int(found[4]) + (1900 if len(found[4]) == 2 else 0)
        moved, order = _numbers_moved(found, year, days, day_first)
        return found[2].join([*order, str(moved.year)[-len(found[4]) :]]) if moved else None
    if found := _DAY_MONTH.fullmatch(written):
        moved, order = _numbers_moved(found, _NO_YEAR, days, day_first)
        return found[2].join(order) if moved else None
    if found := _MONTH_YEAR.fullmatch(written):
        moved = _moved(int(found[2]), int(found[1]), _MIDDLE, days)
        return f"{moved.month:02d}/{moved.year}" if moved else None
    return _words_moved(written, days)


def _moved(year: int, month: int, day: int, days: int) -> dt.date | None:
    try:
        return dt.date(year, month, day) + dt.timedelta(days)
    except (ValueError, OverflowError):
        return None


def _numbers_moved(
    found: re.Match[str], year: int, days: int, day_first: bool
) -> tuple[dt.date | None, tuple[str, ...]]:
    """Day and month in their order, with a leading zero where one of them had it or had no need of it."""
    first, second = int(found[1]), int(found[3])
    day_first = first > 12 or (second <= 12 and day_first)
    moved = _moved(year, *((second, first) if day_first else (first, second)), days)
    if moved is None:
        return None, ()
    wide = min(len(found[1]), len(found[3])) == 2
    order = (moved.day, moved.month) if day_first else (moved.month, moved.day)
    return moved, tuple(f"{number:02d}" if wide else str(number) for number in order)


def _words_moved(written: str, days: int) -> str | None:
    """A date that names its month: "12 March 1956", "the third of March, eighty four", "12 de marzo de 1956"."""
    month = _months().search(written)
    if month is None:
        return None
    rest = _without(written, month)
    year = re.search(r"\b\d{4}\b", rest) or _year().search(rest, month.end())
    day = _day().search(_without(rest, year))
    if year is None and (short := _short_year().search(rest, month.end())) and (first := _day().search(rest)):
        alone = first.start() == short.start() or first.end() == short.end()  # "March twelve" is a day
        other = _day().search(_without(rest, short)) if alone else first
        year, day = (short, other) if other is not None else (None, first)
    start = _moved(
        year_number(year[0]) if year else _NO_YEAR,
        _month_number(month[0]),
        _MIDDLE if day is None else number(day[0]),
        days,
    )
    if start is None:
        return None
    new = [(month.span(), _month_like(month[0], start.month))]
    new += [(day.span(), _day_like(day[0], start.day))] if day else []
    new += [(year.span(), _cased(year_said(year[0], start.year), year[0]))] if year else []
    for (begin, end), text in sorted(new, reverse=True):
        written = written[:begin] + text + written[end:]
    return written


def _without(written: str, part: re.Match[str] | None) -> str:
    """The same with blanks in place of a part."""
    return written if part is None else written[: part.start()] + " " * len(part[0]) + written[part.end() :]


@cache
def _year() -> re.Pattern[str]:
    return re.compile(rf"\b{YEAR}\b$", re.IGNORECASE)


@cache
def _short_year() -> re.Pattern[str]:
    """A year without its century, which might be a day."""
    return re.compile(rf"(?:(?<!\d)\d\d|\boh? (?:{UNITS})|\b{TWO_DIGITS})$", re.IGNORECASE)


@cache
def _month_names() -> tuple[tuple[str, ...], ...]:
    """Full English, short English and Spanish names, twelve each."""
    short = tuple(name.replace("?", "") for name in dates().months_short)
    spanish = tuple(name for name in dates().months_es if name != "setiembre")
    return MONTHS, (*short[:4], "may", *short[4:]) if len(short) == 11 else short, spanish


@cache
def _months() -> re.Pattern[str]:
    known = sorted({name for group in _month_names() for name in group} | {"sep"}, key=len, reverse=True)
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(known)})(?![^\W\d_])", re.IGNORECASE)


def _month_number(name: str) -> int:
    plain = "sept" if folded(name) == "sep" else folded(name)
    return next(group.index(plain) + 1 for group in _month_names() if plain in group)


def _month_like(was: str, number: int) -> str:
    plain = "sept" if folded(was) == "sep" else folded(was)
    group = next(group for group in _month_names() if plain in group)
    return _cased(group[number - 1], was)


def _cased(made: str, was: str) -> str:
    if was.islower() or not any(c.isalpha() for c in was):
        return made
    return made.upper() if was.isupper() else made.capitalize()


@cache
def _day() -> re.Pattern[str]:
    return re.compile(rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?(?!\d)|\b(?:{ORDINAL}|{TWO_DIGITS}|{UNITS})\b", re.IGNORECASE)


def _day_like(was: str, day: int) -> str:
    digits = re.match(r"(\d+)(\w*)", was)
    if digits:
        ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
        plain = f"{day:02d}" if digits[1].startswith("0") else str(day)
        return plain + (ending if digits[2] else "")
    said = ordinal(day) if re.fullmatch(ORDINAL, was, re.IGNORECASE) else cardinal(day)
    return _cased(said if " " in was else said.replace(" ", "-"), was)
