"""Timed transcripts: WebVTT with voice tags, and Praat's TextGrid with an interval tier for each speaker."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.raw import RawTurn
from synthgen.generators.dialogue.cohort.text import clean, whole
from synthgen.progress import Progress


@dataclass(frozen=True, slots=True)
class Cue:
    """What one speaker says from ``start`` on, in seconds."""

    start: float
    role: str
    text: str
    where: str


_TIME: Final = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_TIMING: Final = re.compile(rf"^\s*{_TIME}\s+-->\s+{_TIME}")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG: Final = re.compile(r"</?[a-zA-Z0-9][^>]*>")
_PREFIX: Final = re.compile(r"^([^\W\d_][\w .'-]{0,40}):\s+")
# What stands free in a TextGrid: strings (with "" for a quote), numbers and flags; all else is decoration.
_TOKEN: Final = re.compile(r'"((?:[^"]|"")*)"|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])|(<\w+>)')


def webvtt(path: Path, progress: Progress) -> list[Cue]:
    """The cues of a WebVTT file with their speakers: ``<v Doctor>…`` or a ``Doctor: …`` at the beginning.

    Raises:
        UserError: it does not begin with WEBVTT, or a cue has no speaker.
    """
    text = whole(path, progress).replace("\r\n", "\n").replace("\r", "\n")
    if not text.startswith("WEBVTT"):
        raise UserError(f"{path.name} does not begin with WEBVTT: it is no WebVTT transcript")
    cues: list[Cue] = []
    rows = text.split("\n")
    at = 0
    while at < len(rows):
        timing = _TIMING.match(rows[at])
        at += 1
        if timing is None:
            continue
        where = f"{path.name}, line {at}"
        payload: list[str] = []
        while at < len(rows) and rows[at].strip():
            payload.append(rows[at])
            at += 1
        hours, minutes, seconds, milliseconds = (int(part or 0) for part in timing.groups()[:4])
        start = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
        cues += [Cue(start, role, said, where) for role, said in _voices(" ".join(payload), where)]
    return cues


def _voices(payload: str, where: str) -> Iterator[tuple[str, str]]:
    parts = _VOICE.split(payload)
    before = _plain(parts[0])
    if before:
        prefix = _PREFIX.match(before)
        if prefix is None:
            raise UserError(f"{where}: the cue has no speaker; mark it with a voice tag, as in <v Doctor>")
        yield prefix.group(1), before[prefix.end() :]
    for role, said in zip(parts[1::2], parts[2::2], strict=True):
        if _plain(said):
            yield html.unescape(role), _plain(said)


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def textgrid(path: Path, progress: Progress) -> list[Cue]:
    """The intervals with text of every interval tier of a TextGrid, long or short, by the tier's name.

    Raises:
        UserError: it is no TextGrid, or ends early.
    """
    tokens = [match.groups() for match in _TOKEN.finditer(whole(path, progress))]
    strings = [string for string, _, _ in tokens[:2]]
    if strings != ["ooTextFile", "TextGrid"]:
        raise UserError(f"{path.name} is no TextGrid in Praat's text format")
    damaged = UserError(f"{path.name} is a damaged TextGrid: save it again as a text file in Praat")
    at = 2

    def number() -> float:
        nonlocal at
        value = tokens[at][1]
        at += 1
        if value is None:
            raise damaged
        return float(value)

    def string() -> str:
        nonlocal at
        value = tokens[at][0]
        at += 1
        if value is None:
            raise damaged
        return value.replace('""', '"')

    cues: list[Cue] = []
    try:
        number(), number()  # the whole's times
        if tokens[at][2] is not None:  # <exists>
            at += 1
        for _ in range(int(number())):
            kind, name = string(), string()
            number(), number()
            for entry in range(1, int(number()) + 1):
                if kind == "IntervalTier":
                    start, _ = number(), number()
                    said = clean(string())
                    if said:
                        cues.append(Cue(start, name, said, f"{path.name}, interval {entry}"))
                else:  # points mark moments; nobody speaks in them
                    number(), string()
    except (IndexError, ValueError):
        raise damaged from None
    return cues


def turns_of(cues: list[Cue]) -> tuple[RawTurn, ...]:
    """Turns in the order of time; cues of one speaker in a row are one turn: a cue is a line of subtitles."""
    turns: list[RawTurn] = []
    for cue in sorted(cues, key=lambda cue: cue.start):
        if turns and turns[-1].role == cue.role:
            last = turns.pop()
            turns.append(RawTurn(last.role, f"{last.text} {cue.text}", last.where))
        else:
            turns.append(RawTurn(cue.role, cue.text, cue.where))
    return tuple(turns)
