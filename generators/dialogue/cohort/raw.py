"""A dialogue as a file holds it, before roles are mapped and text is cleaned; made from rows of any table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.text import one_line
from synthgen.patient_ids import one_spelling

RawRow = tuple[str, Mapping[str, Any]]
"""Where a row stands, for messages (``"visits.jsonl, line 12"``), and its values by column."""

_LISTS: Final = ("turns", "messages", "conversations", "conversation", "dialogue", "dialog", "utterances")
_ROLE: Final = ("speaker", "role", "from", "interlocutor")
_TEXT: Final = ("text", "content", "value", "utterance", "utterance_text", "transcript")
_ID: Final = ("dialogue_id", "dialog_id", "conversation_id", "transcript_id", "encounter_id", "id")
_PATIENT: Final = ("patient_id", "patient", "client_id", "subject_id", "participant_id")
_SESSION: Final = ("session", "session_id", "session_number", "visit", "visit_number")
_EMOTION: Final = ("emotion", "emotions", "emotion_label", "turn_emotion", "feeling", "affect")
_TURN: Final = ("turn", "turn_id", "turn_index", "utterance_id", "index")
_NOT_LABELS: Final = frozenset({*_LISTS, *_ID, *_PATIENT, *_SESSION, "labels", "sessions", "file_name"})


@dataclass(frozen=True, slots=True)
class RawTurn:
    """One turn; ``text`` is what the file holds, None included."""

    role: str
    text: object
    where: str
    emotion: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """One dialogue. Empty strings where the file does not say; ``labels`` as they are, scalars or not."""

    where: str
    record: str
    patient: str
    session: object
    turns: tuple[RawTurn, ...]
    labels: Mapping[str, Any]


def dialogues(rows: Iterable[RawRow], file: str) -> Iterator[Raw]:
    """Dialogues from a table with a dialogue or a turn in each row, whichever its first row shows.

    Raises:
        UserError: a row is neither; the line says which, and what it lacks.
    """
    of_turns: list[RawRow] = []
    for where, row in rows:
        if any(row.get(name) is not None for name in _LISTS):
            yield _of_record(where, row)
        elif _column(row, _ROLE) and _column(row, _TEXT):
            of_turns.append((where, row))
        else:
            raise UserError(
                f"{where}: no dialogue here; a row needs turns (with role and text), messages or conversations, or the "
                "columns dialogue_id, speaker, text"
            )
    yield from _of_turns(of_turns, file)


def _column(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if name in row), "")


def _value(row: Mapping[str, Any], names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _identifier(value: object) -> str:
    return "" if value is None else one_line(str(value), 200)


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name not in _NOT_LABELS}
    own = row.get("labels")
    if isinstance(own, Mapping):
        found |= {str(name): value for name, value in own.items()}
    elif isinstance(own, str) and own.strip():
        found.setdefault("topic", own)
    return found


def _of_record(where: str, row: Mapping[str, Any]) -> Raw:
    name = next(name for name in _LISTS if row.get(name) is not None)
    items = row[name]
    if isinstance(items, Mapping):  # a column of lists for each field, as older versions of datasets wrote
        items = [dict(zip(items, values, strict=False)) for values in zip(*items.values(), strict=False)]
    if not isinstance(items, list):
        raise UserError(f"{where}: {name} must be a list, each item with a role and a text")
    turns = tuple(_turn(f"{where}, turn {number}", item) for number, item in enumerate(items, start=1))
    return Raw(
        where,
        _identifier(_value(row, _ID)),
        _identifier(_value(row, _PATIENT)),
        _session(row),
        turns,
        _labels(row),
    )


def _session(row: Mapping[str, Any]) -> object:
    own = row.get("labels")
    return _value(row, _SESSION) or (_value(own, _SESSION) if isinstance(own, Mapping) else None)


def _turn(where: str, item: object) -> RawTurn:
    if not isinstance(item, Mapping):
        raise UserError(f"{where}: a turn must have a role and a text, as in {{role: doctor, text: …}}")
    role, text = _column(item, _ROLE), _column(item, _TEXT)
    if not role or not text:
        raise UserError(f"{where}: a turn needs a {'text' if role else 'role'}")
    if not isinstance(item[role], str) or not item[role].strip():
        raise UserError(f"{where}: the role must be a name")
    stage = item.get("stage")
    return RawTurn(
        item[role],
        _content(item[text], where),
        where,
        _emotion(item),
        stage if isinstance(stage, str) else "",
    )


def _emotion(item: Mapping[Any, Any]) -> str:
    """The label as it stands, a code or a list of one as well, so that it is mapped, asked for or counted."""
    value = next((item[key] for key in item if str(key).lower().replace(" ", "_") in _EMOTION), None)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return "" if value is None or isinstance(value, bool | list | Mapping) else str(value)


def _content(value: object, where: str) -> object:
    """The text; that of a chat message in parts is put together."""
    if isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
        return "\n".join(str(part["text"]) for part in value if isinstance(part.get("text"), str))
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: the text must be a string")
    return value


def _of_turns(rows: list[RawRow], file: str) -> Iterator[Raw]:
    groups: dict[str, list[RawRow]] = {}
    for where, row in rows:
        own = _identifier(_value(row, _ID))
        key = own or "/".join(part for part in (_identifier(_value(row, _PATIENT)), _identifier(_session(row))) if part)
        groups.setdefault(key or file, []).append((where, row))
    for key, group in groups.items():
        first = group[0][1]
        number = _column(first, _TURN)
        ordered = sorted(group, key=lambda item: _order(item, number)) if number else group
        patients = set(one_spelling([_identifier(_value(row, _PATIENT)) for _, row in group]))
        if len(patients) > 1:
            raise UserError(f"{group[0][0]}: the dialogue that begins here has {len(patients)} patients; give it one")
        used = {*_ROLE, *_TEXT, *_TURN, *_EMOTION, "stage", "start", "end"}
        constant = {
            name: value
            for name, value in first.items()
            if name not in used and all(row.get(name) == value for _, row in group)
        }
        turns = tuple(_turn(where, row) for where, row in ordered)
        yield Raw(group[0][0], key, patients.pop(), _session(first), turns, _labels(constant))


def _order(item: RawRow, column: str) -> float:
    where, row = item
    try:
        return float(row[column])
    except (TypeError, ValueError, KeyError):
        raise UserError(f"{where}: {column} must be a number") from None
