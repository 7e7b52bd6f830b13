"""RTTM, which says who speaks when (NIST Rich Transcription 2009, SPEAKER lines), as diarisers really write it."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import whole

Span = tuple[float, float]

_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf"
_NA: Final = r"(?:<NA>|<na>|NA|-)"
_LINE: Final = re.compile(
    rf"SPEAKER\s+(?P<file>\S.*?)\s+(?P<channel>\d+|{_NA})\s+(?P<start>{_NUMBER})\s+(?P<length>{_NUMBER})\s+"
    rf"{_NA}\s+{_NA}\s+(?P<speaker>\S.*?)(?:\s+(?:{_NA}|\d*\.\d+))?(?:\s+{_NA}){{0,2}}\s*",
    re.IGNORECASE,
)
"""Spaces may stand in the names of the file and of the speaker: the numbers and the <NA> between them are the frame."""
_PLAIN: Final = range(8, 11)
_REGION: Final = re.compile(rf"(?P<file>\S.*?)\s+(?:\d+|{_NA})\s+(?P<start>{_NUMBER})\s+(?P<end>{_NUMBER})")


@dataclass(frozen=True, slots=True)
class Turn:
    """One SPEAKER line. Times are as written, in seconds as a rule; so is the channel, -1 for <NA>."""

    recording: str
    channel: int
    start: float
    end: float
    speaker: str
    line: int


def read_turns(path: Path) -> list[Turn]:
    """The turns of an RTTM file in its order; those of no length are none.

    Raises:
        UserError: it is no text, a line is no RTTM, or it has no SPEAKER lines.
    """
    found = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        if line.split()[:1] and line.split()[0].upper() == "SPEAKER":
            turn = _turn(line, path.name, number)
            if turn.end > turn.start:
                found.append(turn)
    if not found:
        raise UserError(f"{path.name} has no SPEAKER lines: delete it, or write the turns of its recording into it")
    return found


def read_regions(path: Path) -> Mapping[str, list[Span]]:
    """What a UEM file says to be annotated, by recording. Raises UserError for a file that is no text."""
    regions: dict[str, list[Span]] = defaultdict(list)
    for line in text_of(path).splitlines():
        told = _REGION.fullmatch(line.strip())
        if told and not line.startswith(";"):
            regions[told["file"]].append((float(told["start"]), float(told["end"])))
    return regions


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, in UTF-16 with its mark, or as Windows writes it in Europe. Raises UserError."""
    return decoded(path.read_bytes(), path.name)


def decoded(content: bytes, name: str) -> str:
    """The same for the content of a file, or for its beginning."""
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        raise UserError(f"{name} is not UTF-8 text: save it in UTF-8") from None


def _turn(line: str, name: str, number: int) -> Turn:
    file, channel, start, length, speaker = _fields(line, name, number)
    if not (math.isfinite(start) and math.isfinite(length)) or start < 0 or length < 0:
        raise UserError(f"{name}, line {number}: start and duration must be 0 or more: correct or delete the line")
    return Turn(file, channel, start, start + length, speaker, number)


def _fields(line: str, name: str, number: int) -> tuple[str, int, float, float, str]:
    parts = [part.strip() for part in line.split("\t")] if line.count("\t") >= _PLAIN.start - 1 else line.split()
    told = _LINE.fullmatch(line.strip())
    try:
        if len(parts) in _PLAIN and (told is None or "\t" in line):
            return parts[1], _channel(parts[2]), float(parts[3]), float(parts[4]), parts[7]
        if told is not None:
            start, length = float(told["start"]), float(told["length"])
            return told["file"], _channel(told["channel"]), start, length, told["speaker"]
    except ValueError:
        pass
    raise UserError(
        f"{name}, line {number}: needs SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>, in seconds"
    )


def _channel(written: str) -> int:
    number = whole(written)
    return _no_channel(written) if number is None else number


def _no_channel(written: str) -> int:
    if not re.fullmatch(_NA, written, re.IGNORECASE):
        raise ValueError(written)
    return -1


def merged(spans: Sequence[Span]) -> list[Span]:
    """In order, without overlaps."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def without(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """``spans`` without what ``others`` cover; both merged."""
    result: list[Span] = []
    for start, end in spans:
        for low, high in others:
            if high <= start or low >= end:
                continue
            if low > start:
                result.append((start, low))
            start = max(start, high)
            if start >= end:
                break
        if start < end:
            result.append((start, end))
    return result


def within(spans: Sequence[Span], regions: Sequence[Span]) -> list[Span]:
    """What of ``spans`` lies in ``regions``; both merged."""
    return list(_common(spans, regions))


def _common(spans: Sequence[Span], regions: Sequence[Span]) -> Iterator[Span]:
    for start, end in spans:
        for low, high in regions:
            if max(start, low) < min(end, high):
                yield max(start, low), min(end, high)
