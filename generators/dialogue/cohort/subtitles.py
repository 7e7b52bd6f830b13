"""WebVTT, SubRip, SBV and SubStation Alpha: cues with voice tags or with a name before the words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.cues import Cue, attributed, in_time
from synthgen.generators.dialogue.cohort.marks import is_name, marked
from synthgen.generators.dialogue.cohort.raw import Reading
from synthgen.generators.dialogue.cohort.roles import is_speaker
from synthgen.generators.dialogue.cohort.text import DamagedError, whole

_TIME: Final = r"(?:(\d+):)?(\d{1,3}):(\d{1,2})(?:[.,:](\d{1,3}))?"
_TIMING: Final = re.compile(rf"^\s*[\[(]?\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?(?:\s+([^>]*))?>", re.IGNORECASE)
_TAG: Final = re.compile(
    r"</?(?:c|i|b|u|v|font|lang|ruby|rt|span)(?:[.\s][^>]*)?/?>|<\d[\d:.]*>|\{\\[^}]*\}", re.IGNORECASE
)
_ASIDE: Final = re.compile(r"^(?:NOTE|STYLE|REGION)(?:\s|$)")
_CHANGE: Final = re.compile(r"^\s*(?:>>+|[-–—])\s*\S")
_ABOVE: Final = re.compile(r'^\s*\d*\s*"(?P<name>[^"]+)"\s*(?:\(\d+\))?\s*$')
_IDENTIFIER: Final = re.compile(r"^\s*(?:\d+|[0-9a-f-]{8,}(?:/\d+-\d+)?)\s*$", re.IGNORECASE)
_BESIDE: Final = re.compile(r"^\s*\[[^\]]*-->[^\]]*\]\s*(?:>>+\s*)?(?P<words>\S.*)$")
_KARAOKE: Final = re.compile(r"</?c(?:[.\s][^>]*)?>|<\d[\d:.]*>", re.IGNORECASE)
_COMMA: Final = re.compile(r"^(\d+:\d\d:\d\d\.\d{1,3}),(\d+:\d\d:\d\d\.\d{1,3})[ \t\r]*$", re.MULTILINE)
"""A timing of YouTube's SBV."""
_STYLED: Final = re.compile(
    r"^Dialogue:\s*[^,\n]*,\s*([\d:.]+)\s*,\s*([\d:.]+)\s*,[^,\n]*,([^,\n]*),(?:[^,\n]*,){4}(.*)$", re.MULTILINE
)
"""An event of SubStation Alpha: layer, start, end, style, name, three margins, effect, text."""
_NUMBER: Final = re.compile(r"^\s*\d+\s*$")


@dataclass
class _Block:
    """A cue: where its timing stands, when it begins, who is named above it, its lines."""

    line: int
    start: float
    above: str
    rows: list[str] = field(default_factory=list)


def webvtt(path: Path, reading: Reading) -> list[Cue]:
    """The cues of a WebVTT file with their speakers.

    Raises:
        UserError: it does not begin with WEBVTT, or nobody is named as a speaker.
    """
    text = whole(path, reading.progress).lstrip("\ufeff \t\r\n")
    if not text.startswith("WEBVTT"):
        raise DamagedError(f"{path.name} does not begin with WEBVTT: it is no WebVTT transcript")
    return _cues(path, text, reading)


def subrip(path: Path, reading: Reading) -> list[Cue]:
    """The cues of a SubRip, SBV or SubStation file. Raises UserError where it has none, or nobody is named."""
    text = _COMMA.sub(r"\1 --> \2", whole(path, reading.progress))
    events = [_event(found) for found in _STYLED.finditer(text)]
    return _cues(path, "\n\n".join(events) if events else text, reading)


def _event(found: re.Match[str]) -> str:
    """An event of SubStation Alpha as a cue; its name is its speaker's."""
    start, end, name, words = found.groups()
    text = words.strip().replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return f"{start} --> {end}\n" + (f"<v {name.strip()}>{text}" if name.strip() else text)


def has_timings(text: str) -> bool:
    """True for subtitles under any name."""
    other = len(_COMMA.findall(text)) > 1 or len(_STYLED.findall(text)) > 1
    return other or sum(_TIMING.match(row) is not None for row in text.split("\n")) > 1


def _cues(path: Path, text: str, reading: Reading) -> list[Cue]:
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = _blocks(rows, reading)
    if not blocks:
        raise DamagedError(f"{path.name} has no cue: no line is a timing such as 00:01.000 --> 00:04.000")
    _unroll(blocks, reading)
    _take_names(blocks, reading)
    cues = [cue for block, own in zip(blocks, _spoken(blocks, reading), strict=True)
            for cue in _named(path, block, own)]  # fmt: skip
    return in_time(attributed(cues, reading), reading)


def _blocks(rows: Sequence[str], reading: Reading) -> list[_Block]:
    """Cues with their lines. Lines that an empty line has cut off from their cue belong to it, which is counted."""
    blocks: list[_Block] = []
    cut = aside = False
    for at, row in enumerate(rows):
        timing = _TIMING.match(row)
        if timing:
            blocks.append(_Block(at + 1, _start(timing), _above(rows, at, reading)))
            if beside := _BESIDE.match(row):
                blocks[-1].rows.append(beside["words"])
            cut = aside = False
        elif not row.strip():
            cut, aside = True, False
        elif blocks and not aside and not _is_name_of_cue(rows, at, cut):
            aside = cut and bool(_ASIDE.match(row))
            if not aside:
                reading.notice("lines stand after an empty line, and belong to the cue before it", int(cut))
                cut = False
                blocks[-1].rows.append(row)
    return blocks


def _unroll(blocks: Sequence[_Block], reading: Reading) -> None:
    """Takes from each cue what it repeats of the one before, where captions roll: where most of them do so."""
    rows = [[" ".join(_KARAOKE.sub("", row).split()) for row in block.rows] for block in blocks]
    rows = [[row for row in own if row] for own in rows]
    new = [_new(before, own) for before, own in pairwise(rows)]
    repeating = [rest != own for rest, own in zip(new, rows[1:], strict=True)]
    grown = any(rest and more for rest, more in zip(new, repeating, strict=True))
    if not grown or 2 * sum(repeating) < len(repeating):
        return
    for block, rest in zip(blocks[1:], new, strict=True):
        block.rows = rest
    reading.notice("cues repeat words of the one before, as rolling captions do, which are left out", sum(repeating))


def _new(before: Sequence[str], rows: list[str]) -> list[str]:
    """The rows without the first ones that are the last of the cue before, or that go on with its last one."""
    most = min(len(before), len(rows))
    count = next((count for count in range(most, 0, -1) if list(before[-count:]) == rows[:count]), 0)
    if not count and rows and before and rows[0].startswith(f"{before[-1]} "):
        return [rows[0].removeprefix(before[-1]).strip(), *rows[1:]]
    return rows[count:]


def _above(rows: Sequence[str], at: int, reading: Reading) -> str:
    """The name above a timing: quoted, as Webex writes it, or a speaker's alone; empty where there is none."""
    row = rows[at - 1].strip() if at else ""
    quoted = _ABOVE.match(row)
    return quoted["name"] if quoted else row if row and (reading.knows(row) or is_speaker(row)) else ""


def _take_names(blocks: Sequence[_Block], reading: Reading) -> None:
    """Takes the first line of each cue for the speaker's name where it is one throughout, as Teams writes it."""
    first = [block.rows[0].strip() if len(block.rows) > 1 else "" for block in blocks]
    if not all(one and (reading.knows(one) or is_name(one)) for one in first) or len(blocks) < 2:
        return
    if len(set(first)) <= max(2, len(blocks) // 2) and not any(_VOICE.search(row) for b in blocks for row in b.rows):
        for block in blocks:
            block.above = block.rows.pop(0).strip()


def _is_name_of_cue(rows: Sequence[str], at: int, cut: bool) -> bool:
    """True for the number or the name that stands above a timing."""
    below = rows[at + 1] if at + 1 < len(rows) else ""
    if cut and not below.strip() and _IDENTIFIER.match(rows[at]):
        below = next((row for row in rows[at + 1 : at + 4] if row.strip()), "")
    alone = cut or _NUMBER.match(rows[at]) is not None or is_speaker(rows[at])
    return _TIMING.match(below) is not None and alone


def _start(timing: re.Match[str]) -> float:
    hours, minutes, seconds = (int(part or 0) for part in timing.groups()[:3])
    fraction = timing.group(4) or "0"
    return hours * 3600 + minutes * 60 + seconds + float(f"0.{fraction}")


def _spoken(blocks: Sequence[_Block], reading: Reading) -> Iterator[list[tuple[str, str]]]:
    """The speakers and words of every cue. A name that is not known is seen by standing there more than once."""
    texts = ["\n".join(_TAG.sub("", _unvoiced(row)) for row in block.rows) for block in blocks]
    names = {said.role for said in marked("\n".join(html.unescape(text) for text in texts), reading.knows) if said.role}
    for block, text in zip(blocks, texts, strict=True):
        if any(_VOICE.search(row) for row in block.rows):
            yield list(_voices(" ".join(block.rows)))
        else:
            said = marked(html.unescape(text), lambda name: name in names or reading.knows(name), part=True)
            yield [(one.role or block.above, one.text) for one in said]


def _unvoiced(row: str) -> str:
    return "" if _VOICE.search(row) else row


def _named(path: Path, block: _Block, spoken: list[tuple[str, str]]) -> Iterator[Cue]:
    where = f"{path.name}, line {block.line}"
    changes = sum(_CHANGE.match(row) is not None for row in block.rows)
    if (changes or any(row.lstrip().startswith(">>") for row in block.rows)) and not all(role for role, _ in spoken):
        raise UserError(
            f"{where}: a change of speakers is marked by a dash or >>, without a name: write the name before the "
            "words, as in 'Doctor: '"
        )
    yield from (Cue(block.start, role, text, where) for role, text in spoken if text)


def _voices(payload: str) -> Iterator[tuple[str, str]]:
    parts = _VOICE.split(payload)
    if before := _plain(parts[0]):
        yield "", before
    for role, said in zip(parts[1::2], parts[2::2], strict=True):
        if _plain(said):
            yield _plain(role or ""), _plain(said)


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())
