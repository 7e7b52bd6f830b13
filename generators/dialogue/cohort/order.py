"""In which order turns were spoken: by their numbers or their times, and where a second recording begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2}(?:[.,]\d+)?)")
_NUMBER: Final = re.compile(r"[^\W\d]*[ _-]?(\d{1,6})(?:\.0+)?|.*[_:-](?:[^\W\d]{1,9})?(\d{1,6})")
_FALL: Final = 0.2
"""Share of the time so far that a step back must undo for another recording to begin."""
_OVERLAP: Final = 0.02
"""Share of a recording by which a turn may begin before the one above it."""
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


def moment(value: object) -> float | None:
    """The same, or a date with a time of day: for the order alone."""
    found = seconds(value)
    if found is not None or not isinstance(value, str):
        return found
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (at.replace(tzinfo=None) - (at.utcoffset() or timedelta()) - datetime(1970, 1, 1)).total_seconds()


def number(value: object) -> int | float | None:
    """The number of a turn, of ``3``, ``"3"``, ``"u3"`` or ``"d1_u3"``; None where there is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if value == value else None
    found = _NUMBER.fullmatch(str(value).strip()) if value is not None else None
    return int(found[1] or found[2]) if found else None


def ascending(values: Sequence[float]) -> bool:
    return all(before <= after for before, after in pairwise(values))


def begins_again(times: Sequence[float]) -> bool:
    """True where the time falls back and goes on from there, as in a second recording, wherever it falls back at all.

    A turn alone that is out of its place is no beginning: the next one is late again.
    """
    falls = [at for at in range(1, len(times)) if times[at] < times[at - 1]]
    return bool(falls) and all(_is_beginning(times, at) for at in falls)


def _is_beginning(times: Sequence[float], at: int) -> bool:
    highest = max(times[:at])
    deep = highest - times[at] > _FALL * (highest - times[0])
    return deep and at + 1 < len(times) and times[at + 1] < highest


def runs_on(times: Sequence[float]) -> bool:
    """True for the times of one recording: they never fall back by more than speech overlaps."""
    span = max(times) - min(times) if times else 0.0
    return span > 0 and all(before - after <= _OVERLAP * span for before, after in pairwise(times))
