"""What the rows of a table say of the speaker, of the channel and of the times."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import TableRow, is_there, whole
from synthgen.generators.speech.cohort import listing
from synthgen.generators.speech.cohort.decoding import UnreadableError, header
from synthgen.generators.speech.cohort.listing import Entry
from synthgen.generators.speech.cohort.people import Named
from synthgen.generators.speech.cohort.turns import Span, merged, without
from synthgen.generators.speech.cohort_config import CohortConfig

_DIARISED: Final = re.compile(r"(speaker|spkr?)[\s_-]*\d{1,2}", re.IGNORECASE)
_CHANNELS: Final = {"left": 0, "l": 0, "a": 0, "right": 1, "r": 1, "b": 1, "links": 0, "rechts": 1}
_SAME_LENGTH: Final = 0.1  # s
_OVERHANG: Final = 0.5
_WHOLE: Final = (
    "or, where the times are of something else and a file is all of one speaker, "
    '--set modality.cohort.columns=\'{start: "", start_ms: ""}\''
)


def who(rows: Sequence[TableRow], config: CohortConfig) -> list[Named | None]:
    """Who speaks in each row; None where nobody knows and such rows may be left out.

    Raises:
        UserError: a row names nobody, or the column of speakers holds roles and nothing tells people apart, or names
            that a diariser gave and nothing says how far they hold.
    """
    found = [_named(row) for row in rows]
    unknown = [row for row, name in zip(rows, found, strict=True) if name is None]
    if unknown and config.unknown == "error":
        raise UserError(
            f"{unknown[0].where}: the speaker_id is empty or unknown, in {len(unknown)} of {len(rows)} rows; "
            "recordings are split by speaker: fill it in, delete the rows, or set modality.cohort.unknown=skip to "
            "leave them out"
        )
    _refuse_roles([name for name in found if name is not None])
    _refuse_diarised(rows, config)
    return found


def _named(row: TableRow) -> Named | None:
    speaker, patient = ("" if listing.nobody(row[column]) else row[column] for column in ("speaker_id", "patient_id"))
    role = speaker if listing.names_role(speaker) else "" if speaker else row["role"]
    scope = patient or row["session"]
    if speaker and not role:
        return Named(speaker, scope or row["file_name"], diarised=False)
    if role and listing.role(role) not in ("patient", "speaker"):
        return Named(role, scope)
    if patient:
        return Named(patient, scope, diarised=False)
    return Named(role, scope) if role else None


def _refuse_roles(names: Sequence[Named]) -> None:
    roles = Counter(one.name for one in names if not one.scope and listing.names_role(one.name))
    groups = Counter(one.name for one in names if listing.names_group(one.name))
    if sum(groups.values()) == len(names):
        roles = groups
    if roles:
        listed = ", ".join(sorted(roles)[:4])
        raise UserError(
            f"the column of speakers holds roles or groups ({listed}) in {sum(roles.values())} rows, and nothing tells "
            "people apart: add a column speaker_id, patient_id or session, or name the table's own with "
            "--set modality.cohort.columns='{speaker_id: NAME}'"
        )


def _refuse_diarised(rows: Sequence[TableRow], config: CohortConfig) -> None:
    named = [row for row in rows if _DIARISED.fullmatch(row["speaker_id"]) and row["session"]]
    names, sessions = {row["speaker_id"] for row in named}, {row["session"] for row in named}
    if config.speaker_names == "auto" and len(named) == len(rows) and 1 < len(sessions) > len(names):
        raise UserError(
            f"{len(sessions)} sessions have {len(names)} speakers with names as a diariser gives them: set "
            "modality.cohort.speaker_names=recording if these hold within a session, or "
            "modality.cohort.speaker_names=cohort if they are the same people in all"
        )


def channels_of(entries: Sequence[Entry], rows: Sequence[TableRow]) -> tuple[list[Entry], tuple[str, ...]]:
    """The entries with the channels that their rows tell: left or right, A or B, 1 or 2, or counted from 0."""
    first = 0 if any(whole(row["channel"]) == 0 for row in rows) else 1
    found, mono = [], 0
    for entry, row in zip(entries, rows, strict=True):
        word = row["channel"].strip().lower()
        number = whole(word)
        channel = _CHANNELS.get(word) if number is None else number - first
        if channel is not None and _channels_there(entry) == 1:
            channel, mono = None, mono + (channel != 0)
        found.append(entry if channel is None else replace(entry, channel=channel))
    return found, (f"{mono} rows name the second channel of a file that has one; all of it is taken",) if mono else ()


def _channels_there(entry: Entry) -> int:
    try:
        return header(entry.file).channels if is_there(entry.file) else 0
    except UnreadableError:
        return 0


def spans_of(entries: Sequence[Entry], rows: Sequence[TableRow]) -> tuple[list[Entry], tuple[str, ...]]:
    """The entries with their times, where start and end are of the file that the row names.

    Times that are as far apart as the file is long are those of a clip that was cut from something longer.

    Raises:
        UserError: times cannot be read, or are neither within the file nor as far apart as it is long.
    """
    if not any(_written(row) for row in rows):
        return list(entries), ()
    spans: dict[int, tuple[float, float]] = {}
    for number, (entry, row) in enumerate(zip(entries, rows, strict=True)):
        times = _times(row)
        if times is not None and _of_the_file(entry, times):
            spans[number] = times
    alone = _alone(entries, spans)
    found = [
        entry
        if i not in spans
        else replace(entry, spans=alone[i], record=f"{entry.record}#{spans[i][0]:g}-{spans[i][1]:g}")
        for i, entry in enumerate(entries)
        if alone.get(i, True)
    ]
    told = [f"{len(spans)} rows are the stretch of their file from start to end"] if spans else []
    if shared := sum(alone[i] != (span,) for i, span in spans.items()):
        told.append(f"{shared} rows overlap with those of other speakers; where two speak at once is left out")
    return found, tuple(told)


def _alone(entries: Sequence[Entry], spans: Mapping[int, Span]) -> dict[int, tuple[Span, ...]]:
    """The times of each row without those in which a row of another speaker is heard on the same channel."""
    rows: dict[tuple[Path, int | None], list[int]] = defaultdict(list)
    for number in spans:
        rows[entries[number].file, entries[number].channel].append(number)
    return {
        i: tuple(without([spans[i]], merged([spans[j] for j in beside if entries[j].speaker != entries[i].speaker])))
        for beside in rows.values()
        for i in beside
    }


def _written(row: TableRow) -> tuple[str, str, float] | None:
    """Start and end as written, and how many of their units are a second; None where a row has no such columns.

    Where a duration stands in place of an end, it is its number that is given, behind a plus.
    """
    if row["start"] and (row["end"] or row["duration"]):
        return row["start"], row["end"] or f"+{row['duration']}", 1.0
    return (row["start_ms"], row["end_ms"], 1000.0) if row["start_ms"] and row["end_ms"] else None


def _times(row: TableRow) -> tuple[float, float] | None:
    """Seconds from the start; None where the row has no times. Raises UserError for what is no time."""
    written = _written(row)
    if written is None:
        return None
    first, last, unit = written
    try:
        start, end = _seconds(first) / unit, _seconds(last.removeprefix("+")) / unit
    except ValueError:
        raise UserError(f"{row.where}: start and end must be seconds, or h:mm:ss; {_WHOLE}") from None
    end += start if last.startswith("+") else 0.0
    if not 0 <= start < end:
        raise UserError(f"{row.where}: the row must end after it starts, at 0 s or later; {_WHOLE}")
    return start, end


def _seconds(written: str) -> float:
    """``"90.5"``, ``"90,5"`` and ``"1:30.5"`` are seconds. Raises ValueError for anything else."""
    total = 0.0
    for part in written.replace(",", ".").split(":"):
        total = 60 * total + float(part)
    return total


def _of_the_file(entry: Entry, times: tuple[float, float]) -> bool:
    try:
        seconds = header(entry.file).seconds if is_there(entry.file) else -1.0
    except UnreadableError:
        return False
    if seconds < 0 or abs(times[1] - times[0] - seconds) <= _SAME_LENGTH + 0.02 * seconds:
        return False
    if times[1] <= seconds + _OVERHANG:
        return True
    raise UserError(
        f"{entry.where}: the row ends at {times[1]:g} s in a recording of {seconds:g} s: give start and end in "
        f"seconds from the start of the file that the row names; {_WHOLE}"
    )
