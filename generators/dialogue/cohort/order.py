"""In which order turns were spoken: by their numbers or their times, and where a second recording begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2}(?:[.,]\d+)?)")
_NUMBER: Final = re.compile(r"[^\W\d]*[ _-]?(\d{1,6})(?:\.0+)?|.*[_:-](?:[^\W\d]{1,9})?(\d{1,6})")
_RESET: Final = 0.5
"""Share of the time so far that a step back must undo for another recording to begin."""
_CALENDAR: Final = 1e8
"""Seconds from which on a time is a date, which says nothing of where a recording begins."""


def seconds(value: object) -> float | None:
    """``3.5``, ``"3,5"``, ``"00:01:02.5"`` in seconds; None for anything else, a date among it."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip().removesuffix("s")
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        clock = _CLOCK.fullmatch(text)
        if clock is None:
            return None
        found = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
    return found if 0 <= found < _CALENDAR else None


def number(value: object) -> int | float | None:
    """The number of a turn, of ``3``, ``"3"``, ``"u3"`` or ``"d1_u3"``; None where there is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if value == value else None
    found = _NUMBER.fullmatch(str(value).strip()) if value is not None else None
    return int(found[1] or found[2]) if found else None


def ascending(values: Sequence[float]) -> bool:
    return all(before <= after for before, after in pairwise(values))


def begins_again(times: Sequence[float]) -> int:
    """The place where the time falls back to a beginning, as in a second recording; 0 where it does nowhere."""
    highest = 0.0
    for at, time in enumerate(times):
        after = max(times[at : at + 3])  # one turn out of its place is no beginning
        if highest > 0 and after < _RESET * highest and at > 1:
            return at
        highest = max(highest, time)
    return 0
