"""What one speaker says at a time, from subtitles and tiers; and how cues become turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.order import ascending, begins_again
from synthgen.generators.dialogue.cohort.raw import RawTurn, Reading


@dataclass(frozen=True, slots=True)
class Cue:
    """What one speaker says from ``start`` on, in seconds. The role is empty where the cue names nobody."""

    start: float
    role: str
    text: str
    where: str


def attributed(cues: Sequence[Cue], reading: Reading) -> list[Cue]:
    """Every cue with a speaker: one that names nobody goes on with the last; those before the first name are left out.

    Raises:
        UserError: no cue names anybody.
    """
    if cues and not any(cue.role for cue in cues):
        raise UserError(
            f"{cues[0].where}: the cue has no speaker, nor has any other of this file; mark each with a voice tag, as "
            "in <v Doctor>, or with a name, as in 'Doctor: '"
        )
    found: list[Cue] = []
    for cue in cues:
        if cue.role:
            found.append(cue)
        elif found:
            found.append(replace(cue, role=found[-1].role))
            reading.notice("cues name no speaker, and go on with the last one")
        else:
            reading.notice("cues before the first named speaker are left out")
    return found


def in_time(cues: list[Cue], reading: Reading) -> list[Cue]:
    """In the order of time, said where that is another; as they stand where the file is several recordings."""
    times = [cue.start for cue in cues]
    if ascending(times):
        return cues
    if begins_again(times):
        reading.notice("dialogues hold several recordings, by their times, and stay in the order of the file")
        return cues
    reading.notice("dialogues have turns out of the order of time, and are put in order")
    return sorted(cues, key=lambda cue: cue.start)


def turns_of(cues: Sequence[Cue]) -> tuple[RawTurn, ...]:
    """Turns in the order of the cues; those of one speaker in a row are one turn: a cue is a line of subtitles."""
    turns: list[RawTurn] = []
    for cue in cues:
        if turns and turns[-1].role == cue.role:
            last = turns.pop()
            turns.append(RawTurn(last.role, f"{last.text} {cue.text}", last.where))
        else:
            turns.append(RawTurn(cue.role, cue.text, cue.where))
    return tuple(turns)
