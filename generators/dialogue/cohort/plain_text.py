"""Plain text with a mark before each turn: what word processors, Otter, Teams, Zoom and Rev save as .txt."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.cues import Cue, attributed
from synthgen.generators.dialogue.cohort.marks import Said, begins_again, marked, speakers
from synthgen.generators.dialogue.cohort.raw import Reading
from synthgen.generators.dialogue.cohort.roles import is_heading
from synthgen.generators.dialogue.cohort.subtitles import has_timings, subrip
from synthgen.generators.dialogue.cohort.text import head, whole
from synthgen.generators.dialogue.cohort.turn_rows import is_turn

_FOOTER: Final = re.compile(
    r"^\s*(?:transcribed by https?://\S+|transkribiert (?:von|mit) https?://\S+|(?:page|seite) \d+(?: (?:of|von) \d+)?|"
    r"-+ ?\d{1,4} ?-+|.{1,60} (?:started|stopped) (?:the )?transcription)\s*$",
    re.IGNORECASE,
)
_PAGE: Final = re.compile(r"^\s*(\d{1,4})\s*$")
_TOP: Final = 15
"""Lines in which a heading may stand."""


def plain_text(path: Path, reading: Reading) -> list[Cue]:
    """One dialogue a file, by the marks of its lines.

    Raises:
        UserError: no line says who speaks, or a second dialogue begins.
    """
    text = whole(path, reading.progress)
    if has_timings(text):
        return subrip(path, reading)
    if _is_table(text, reading):
        raise UserError(f"{path.name} is a table: let its name end in .csv")
    text = _below_heading(text, reading)
    again = begins_again(text, reading.knows)
    if again:
        raise UserError(
            f"{path.name}, line {again}: another dialogue seems to begin: put each into a file of its own, or delete "
            "the line where it is none"
        )
    said = marked(_without_footers(text, reading), reading.knows)
    if not any(one.role for one in said):
        raise UserError(
            f"{path.name} does not say who speaks: begin each turn on a line of its own with a name, as in 'Doctor: '"
        )
    cues = [Cue(number, one.role, one.text, f"{path.name}, line {one.line}") for number, one in enumerate(said)]
    before = [cue for cue in cues if not cue.role]
    reading.notice("texts have words before the first speaker, which are left out", len(before))
    return attributed([cue for cue in cues if cue.role and cue.text], reading)


def _below_heading(text: str, reading: Reading) -> str:
    """Without the lines about the recording at the top, ``Patient: 12`` above ``Date: …`` among them."""
    rows = text.replace("\r\n", "\n").split("\n")
    first = next((number for number, row in enumerate(rows) if row.strip()), 0)
    ends = next((number for number in range(first, len(rows)) if not rows[number].strip()), len(rows))
    marks = [_mark_of(row, reading) for row in rows[: min(ends, first + _TOP)]]
    at = max((number for number, mark in enumerate(marks, start=1) if mark and is_heading(mark.role)), default=0)
    if not at:
        return text
    rest = [mark for mark in marks[at:] if mark]
    block = ends if rest and all(_is_entry(mark.text) for mark in rest) else at
    reading.notice("lines of headings are left out", sum(bool(row.strip()) for row in rows[:block]))
    return "\n" * block + "\n".join(rows[block:])


def _without_footers(text: str, reading: Reading) -> str:
    """Without what a program writes between or below the turns, an empty line in the place of each."""
    rows = text.split("\n")
    pages = _pages(rows)
    kept = ["" if at in pages or _FOOTER.match(row) else row for at, row in enumerate(rows)]
    reading.notice("lines of a program, such as numbers of pages, are left out", sum(map(str.__ne__, rows, kept)))
    return "\n".join(kept)


def _pages(rows: list[str]) -> set[int]:
    """The lines that are numbers of pages: numbers alone that count on, or one alone between empty lines."""
    found = [(at, int(page[1])) for at, row in enumerate(rows) if (page := _PAGE.match(row))]
    if len(found) == 1:
        (at, _), about = found[0], [*rows, "", ""]
        return {at} if at and not about[at - 1].strip() and not about[at + 1].strip() else set()
    counted = all(later - number == 1 for (_, number), (_, later) in pairwise(found))
    return {at for at, _ in found} if counted else set()


def _mark_of(row: str, reading: Reading) -> Said | None:
    return next((one for one in marked(row, reading.knows, part=True) if one.role), None)


def _is_entry(words: str) -> bool:
    """True for a name or a number, as in ``Interviewer: Dr. X``; false for a sentence."""
    parts = words.split()
    return len(parts) <= 4 and words[-1:] not in {".", "?", "!", "…"} and all(not part[0].islower() for part in parts)


def _is_table(text: str, reading: Reading) -> bool:
    """True where the first line is a header with a column of speakers and one of texts."""
    head = text.lstrip().split("\n", 1)[0].strip()
    names = dict.fromkeys(part.strip(' "') for part in head.split(max("\t;,|", key=head.count)))
    return len(names) > 1 and is_turn(names, reading)


def is_dialogue(path: Path, reading: Reading) -> bool:
    """True for a text file in which two or more speak, by its marks."""
    try:
        text = head(path, reading.progress)
    except UserError:
        return True  # its own reader says what is wrong
    return has_timings(text) or _is_table(text, reading) or speakers(text, reading.knows) > 1
