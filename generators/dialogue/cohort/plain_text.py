"""Plain text with a mark before each turn: what word processors, Otter, Teams, Zoom and Rev save as .txt."""

from __future__ import annotations

from pathlib import Path

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.cues import Cue, attributed
from synthgen.generators.dialogue.cohort.marks import begins_again, marked, speakers
from synthgen.generators.dialogue.cohort.raw import Reading
from synthgen.generators.dialogue.cohort.subtitles import has_timings, subrip
from synthgen.generators.dialogue.cohort.text import whole


def plain_text(path: Path, reading: Reading) -> list[Cue]:
    """One dialogue a file, by the marks of its lines.

    Raises:
        UserError: no line says who speaks, or a second dialogue begins.
    """
    text = whole(path, reading.progress)
    if has_timings(text):
        return subrip(path, reading)
    again = begins_again(text, reading.knows)
    if again:
        raise UserError(
            f"{path.name}, line {again}: another dialogue seems to begin: put each into a file of its own, or delete "
            "the line where it is none"
        )
    said = marked(text, reading.knows)
    if not any(one.role for one in said):
        raise UserError(
            f"{path.name} does not say who speaks: begin each turn on a line of its own with a name, as in 'Doctor: '"
        )
    cues = [Cue(number, one.role, one.text, f"{path.name}, line {one.line}") for number, one in enumerate(said)]
    before = [cue for cue in cues if not cue.role]
    reading.notice("texts have words before the first speaker, which are left out", len(before))
    return attributed([cue for cue in cues if cue.role and cue.text], reading)


def is_dialogue(path: Path, reading: Reading) -> bool:
    """True for a text file in which two or more speak, by its marks."""
    try:
        text = whole(path, reading.progress)
    except UserError:
        return True  # its own reader says what is wrong
    return has_timings(text) or speakers(text, reading.knows) > 1
