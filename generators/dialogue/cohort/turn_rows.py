"""Tables with a turn in each row: which rows are one dialogue, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.columns import identifier, is_empty, listed, plain
from synthgen.generators.dialogue.cohort.order import ascending, begins_again, moment, number, runs_on, seconds
from synthgen.generators.dialogue.cohort.raw import Raw, RawRow, RawTurn, Reading
from synthgen.generators.dialogue.cohort.tally import flow
from synthgen.patient_ids import one_spelling, patient_key

MakeTurn = Callable[[str, Mapping[str, Any]], RawTurn]

_NUMBERED: Final = frozenset({"turn", "turnid", "turnindex", "turnno", "turnnr", "turnnumber"})
_OF_A_TURN: Final = frozenset({"stage", "confidence", "language", "sentiment"})


def is_turn(row: Mapping[str, Any], reading: Reading) -> bool:
    """True for a row that has a speaker and a text of its own, in two columns."""
    speaker, text = reading.columns.key(row, "speaker"), reading.columns.key(row, "text")
    return bool(speaker and text and speaker != text)


def dialogues_of_turns(rows: Sequence[RawRow], file: str, reading: Reading, turn: MakeTurn) -> Iterator[Raw]:
    """The dialogues of a file in the order in which they begin.

    Raises:
        UserError: nothing divides the rows into dialogues, or something does by halves; with what would.
    """
    if not rows:
        return
    by = _divided_by(rows, reading)
    if not by and reading.config.without_id == "stop" and not _one_recording(rows, reading):
        raise UserError(_undivided(rows, file, reading))
    if not by:
        reading.notice("files of turns name no dialogue: each is one")
    if len(by) == 1 and by[0] in reading.columns.all(rows[0][1], "patient_id"):
        reading.notice("tables tell patients apart, but no dialogues: each patient's turns are one")
    groups: dict[tuple[str, ...], list[RawRow]] = {}
    for where, row in rows:
        key = tuple(patient_key(identifier(row.get(name), where, name)) for name in by)
        groups.setdefault(key, []).append((where, row))
    for group in groups.values():
        _check_whole(by, group, rows, file, reading)
        yield _dialogue(_name(by, group) or file, group, file, reading, turn)


def _divided_by(rows: Sequence[RawRow], reading: Reading) -> tuple[str, ...]:
    """The columns that tell one dialogue from another: its id, and the session; or the patient, session and date."""
    columns, first = reading.columns, rows[0][1]
    whole = [name for name in columns.all(first, "turns") if name != columns.key(first, "text")]  # dialogue: 12
    ids = [name for name in (*columns.all(first, "dialogue_id"), *whole) if not _a_row_each(rows, name)]
    session, patient = columns.key(first, "session"), columns.key(first, "patient_id")
    if session and _a_row_each(rows, session):
        session = ""
    if ids and patient and _numbered_by_patient(rows, ids[0], patient, columns.key(first, "speaker")):
        return (ids[0], patient, session) if session and _several(rows, ids[0], session) else (ids[0], patient)
    if ids:
        return (ids[0], session) if session and _several(rows, ids[0], session) else (ids[0],)
    date = columns.key(first, "date")
    if patient and session and _tells_speakers_apart(rows, patient, session, columns.key(first, "speaker")):
        patient = ""
    return tuple(name for name in (patient, session, date) if name) if patient or session else ()


def _tells_speakers_apart(rows: Sequence[RawRow], patient: str, session: str, speaker: str) -> bool:
    """True for an id that every speaker of a session has, the clinician as well: it names no patient."""
    within: dict[str, set[str]] = {}
    alone: dict[tuple[str, str], set[str]] = {}
    for _, row in rows:
        within.setdefault(str(row.get(session)), set()).add(str(row.get(speaker)))
        alone.setdefault((str(row.get(session)), str(row.get(patient))), set()).add(str(row.get(speaker)))
    return all(len(own) > 1 for own in within.values()) and all(len(own) == 1 for own in alone.values())


def _several(rows: Sequence[RawRow], name: str, session: str) -> bool:
    """True where one id stands for several sessions."""
    pairs = {(str(row.get(name)), str(row.get(session))) for _, row in rows}
    return len(pairs) > len({one for one, _ in pairs})


def _numbered_by_patient(rows: Sequence[RawRow], name: str, patient: str, speaker: str) -> bool:
    """True where every patient's dialogues are numbered anew: one id, several patients, each spoken with."""
    speakers: dict[tuple[str, str], set[str]] = {}
    for _, row in rows:
        speakers.setdefault((str(row.get(name)), str(row.get(patient))), set()).add(str(row.get(speaker)))
    several = len(speakers) > len({one for one, _ in speakers})
    return several and all(len(own) > 1 for own in speakers.values())


def _a_row_each(rows: Sequence[RawRow], name: str) -> bool:
    """True for an ``id`` that numbers the rows: it names no dialogue of several turns."""
    if plain(name) not in {"id", "session"}:
        return False
    values = [str(row.get(name)) for _, row in rows]
    return len(values) > 2 and len(set(values)) == len(values)


def _name(by: tuple[str, ...], group: Sequence[RawRow]) -> str:
    """What divides the rows, joined, as the first of them writes it."""
    where, row = group[0]
    return "/".join(part for name in by if (part := identifier(row.get(name), where, name)))


def _check_whole(by: tuple[str, ...], group: list[RawRow], rows: Sequence[RawRow], file: str, reading: Reading) -> None:
    """Raises UserError where rows lack what divides the others, or a group without an id is several dialogues."""
    where, first = group[0]
    if by and is_empty(first.get(by[0])):
        raise UserError(
            f"{where}: the column {by[0]} is empty in {len(group)} rows: fill it in every row of a dialogue"
        )
    columns = reading.columns
    certain = by and (by[0] not in {columns.key(first, "patient_id"), columns.key(first, "session")} or len(by) > 1)
    if (
        by
        and not certain
        and reading.config.without_id == "stop"
        and (_dividing(group, reading) or _restarts(group, reading))
    ):
        raise UserError(_undivided(rows, file, reading))


def _dividing(rows: Sequence[RawRow], reading: Reading) -> list[str]:
    """Columns of unknown meaning that stay the same for some rows and then change: perhaps a dialogue's name."""
    used = reading.columns.used(rows[0][1])
    found = []
    for name in rows[0][1]:
        values = [str(row.get(name)) for _, row in rows]
        if name not in used and plain(name) not in _OF_A_TURN and 1 < len(set(values)) <= len(values) / 2:
            found.append(name)
    return found


def _times(rows: Sequence[RawRow], reading: Reading, read: Callable[[object], float | None] = seconds) -> list[float]:
    """The beginnings of all turns in seconds; empty where one has none."""
    name = reading.columns.key(rows[0][1], "start")
    times = [read(row.get(name)) for _, row in rows] if name else []
    return [time for time in times if time is not None] if None not in times else []


def _restarts(rows: Sequence[RawRow], reading: Reading) -> bool:
    times = _times(rows, reading)
    return bool(times) and not runs_on(times)


def _one_recording(rows: Sequence[RawRow], reading: Reading) -> bool:
    """True where times run through all rows, so that they are of one recording."""
    return runs_on(_times(rows, reading)) and not _dividing(rows, reading)


def _undivided(rows: Sequence[RawRow], file: str, reading: Reading) -> str:
    likely = _dividing(rows, reading)
    names = listed(rows[0][1])
    field = "session" if reading.columns.key(rows[0][1], "patient_id") else "dialogue_id"
    named = reading.tally.set("columns", flow({field: likely[0] if likely else "NAME"}))
    each = reading.tally.set("without_id", "file")
    return (
        f"{file}: its rows are turns, and no known column tells one dialogue from another (columns: {names}): name the "
        f"one that does, as in {named}; or, where each file is one dialogue, {each}"
    )


def _dialogue(name: str, group: list[RawRow], file: str, reading: Reading, turn: MakeTurn) -> Raw:
    where, first = group[0]
    columns = reading.columns
    written = [identifier(columns.value(row, "patient_id"), at, "patient") for at, row in group]
    patients = sorted(set(one_spelling([one for one in written if one])))
    if len(patients) > 1:
        raise UserError(f"{where}: the dialogue that begins here has {len(patients)} patients; give it one")
    ordered = _ordered(_once(group, reading), reading)
    turns = tuple(made for at, row in ordered if (made := turn(at, row)).role or _unnamed(reading))
    date = columns.key(first, "date")
    return Raw(where, name, "".join(patients), columns.value(first, "session"), turns, _constant(group, reading), file,
               str(first.get(date) or "") if date else "")  # fmt: skip


def _unnamed(reading: Reading) -> bool:
    reading.notice("turns name no speaker and are left out")
    return False


def _constant(group: Sequence[RawRow], reading: Reading) -> dict[str, Any]:
    """What all rows of a dialogue say alike is its label; what belongs to a turn is none."""
    first = group[0][1]
    used = reading.columns.used(first) | {name for name in first if plain(name) in _OF_A_TURN} | {"labels"}
    found = {name: value for name, value in first.items() if name not in used and not str(name).startswith("__index")}
    same = {name: value for name, value in found.items() if all(row.get(name) == value for _, row in group)}
    if isinstance(first.get("labels"), Mapping):
        same |= {str(name): value for name, value in first["labels"].items()}
    if isinstance(first.get("labels"), str) and all(row.get("labels") == first["labels"] for _, row in group):
        same.setdefault("topic", first["labels"])
    return same


def _once(group: list[RawRow], reading: Reading) -> list[RawRow]:
    """Rows that repeat a turn, as one for each annotator does, are one."""
    columns, first = reading.columns, group[0][1]
    key = columns.key(first, "turn") or columns.key(first, "start")
    if not key:
        return group
    names = (key, columns.key(first, "speaker"), columns.key(first, "text"))
    kept: dict[tuple[str, ...], RawRow] = {}
    for where, row in group:
        kept.setdefault(tuple(str(row.get(name)) for name in names), (where, row))
    if len({name[:2] for name in kept}) < len(kept):
        return group  # one number for several texts: these are no annotators
    reading.notice("rows repeat a turn and are left out", len(group) - len(kept))
    return list(kept.values())


def _ordered(group: list[RawRow], reading: Reading) -> list[RawRow]:
    """By the numbers of the turns, else by their times; as they stand where they have neither."""
    name = reading.columns.key(group[0][1], "turn")
    numbers = [number(row.get(name)) for _, row in group] if name else [None]
    if None not in numbers:
        return _by_number(group, [float(one) for one in numbers if one is not None], reading)
    if name and plain(name) in _NUMBERED:
        where = next(where for (where, _), one in zip(group, numbers, strict=True) if one is None)
        raise UserError(f"{where}: {name} must be a number")
    return by_time(group, reading)


def _by_number(group: list[RawRow], numbers: list[float], reading: Reading) -> list[RawRow]:
    if ascending(numbers):
        return group
    speaker = reading.columns.key(group[0][1], "speaker")
    often = Counter((one, str(row.get(speaker))) for one, (_, row) in zip(numbers, group, strict=True))
    if max(often.values()) > 1:
        name = reading.columns.key(group[0][1], "turn")
        likely = next(iter(_dividing(group, reading)), "NAME")
        advice = reading.tally.set("columns", flow({"session": likely}))
        raise UserError(
            f"{group[0][0]}: the numbers of the turns ({name}) of the dialogue that begins here begin again: it is "
            f"several; give each an id of its own, or name the column that tells them apart, as in {advice}"
        )
    return [row for _, row in sorted(zip(numbers, group, strict=True), key=lambda item: item[0])]


def by_time(group: list[RawRow], reading: Reading) -> list[RawRow]:
    """In the order of time, said where that is another; as they stand where they are several recordings."""
    times = _times(group, reading, moment)
    if not times or ascending(times):
        return group
    if begins_again(times):
        reading.notice("dialogues hold several recordings, by their times, and stay in the order of the file")
        return group
    reading.notice("dialogues have turns out of the order of time, and are put in order")
    return [row for _, row in sorted(zip(times, group, strict=True), key=lambda item: item[0])]
