"""Dialogues within objects: sessions within a patient, at any depth, each with what stands about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from synthgen.generators.dialogue.cohort import recognisers
from synthgen.generators.dialogue.cohort.columns import is_empty, literal, plain
from synthgen.generators.dialogue.cohort.marks import speakers
from synthgen.generators.dialogue.cohort.raw import RawRow, Reading
from synthgen.generators.dialogue.cohort.turn_rows import is_turn

_DEEPEST: Final = 8
_SESSIONS: Final = frozenset({
    "sessions", "visits", "encounters", "consultations", "appointments", "interviews", "meetings", "sitzungen",
    "termine", "séances", "sesiones", "sedute", "contacts",
})  # fmt: skip
_PEOPLE: Final = frozenset({
    "patients", "patient", "clients", "client", "subjects", "participants", "people", "persons", "cases", "patienten",
})  # fmt: skip
_WRAPPERS: Final = frozenset({
    "data", "dataset", "result", "results", "response", "body", "payload", "root", "items", "export", "content",
    "output", "transcript", "transcription", "dialogues", "dialogs", "records", "rows", "entries", "train", "test",
    "conversations", "conversation", "dialogue", "dialog", "messages", "turns", "utterances", "segments", "row",
    "validation", "dev", "valid", "examples", "samples", "documents", "corpus", *_SESSIONS, *_PEOPLE,
})  # fmt: skip


def has_turns(row: Mapping[str, Any], reading: Reading) -> str:
    """The key under which the row has the turns of a dialogue; empty where it has none."""
    plain_turn = is_turn(row, reading)
    for name in reading.columns.all(row, "turns"):
        value = row[name]
        if isinstance(value, str) and (plain_turn or not speakers(value, reading.knows)):
            value = held(value)
        if isinstance(value, list) and (_all_turns(value, reading) or not any(_holds(o, reading, 1) for o in value)):
            return name
        if isinstance(value, Mapping) and (is_columnar(value, reading) or _all_turns([*value.values()], reading)):
            return name
        if isinstance(value, str) and not plain_turn and not is_empty(value) and _is_turns_word(name, value, reading):
            return name
    named = plain(reading.columns.key(row, "speaker")) in {"name", "author"}  # of the whole, not of a turn
    return _marked_text(row, reading) if named or not plain_turn else ""


def together(row: Mapping[str, Any], reading: Reading) -> Mapping[str, Any]:
    """Lists beside each other, as ``speakers`` and ``texts``, as turns with a list for each field."""
    lists = {str(name).removesuffix("s"): name for name, own in row.items() if isinstance(own, list) and own
             and all(one is None or isinstance(one, (str, int, float)) for one in own)}  # fmt: skip
    speaker, text = reading.columns.key(lists, "speaker"), reading.columns.key(lists, "text")
    if not speaker or not text or speaker == text or has_turns(row, reading) not in ("", lists[text]):
        return row
    size = len(row[lists[speaker]])
    kept = {one: name for one, name in lists.items() if one in (speaker, text) or len(row[name]) == size}
    turns = {one: row[name] for one, name in kept.items()}
    return {**{key: value for key, value in row.items() if key not in kept.values()}, "turns": turns}


def _all_turns(value: list[Any], reading: Reading) -> bool:
    return bool(value) and all(isinstance(item, Mapping) and is_turn(item, reading) for item in value)


def _is_turns_word(name: str, value: str, reading: Reading) -> bool:
    """A text under a name that means a dialogue is one, marks or not; ``transcript`` and its like need marks."""
    certain = plain(name) in {"turns", "messages", "conversations", "conversation", "dialogue", "dialog", "utterances"}
    return certain or speakers(value, reading.knows) > 1


def _marked_text(row: Mapping[str, Any], reading: Reading) -> str:
    names = reading.columns.all(row, "text")
    return next((n for n in names if isinstance(row[n], str) and speakers(row[n], reading.knows) > 1), "")


def is_columnar(value: Mapping[str, Any], reading: Reading) -> bool:
    """A list for each field, as older versions of datasets wrote a list of objects."""
    lists = bool(value) and all(isinstance(own, list) for own in value.values())
    return lists and is_turn(value, reading)


def _holds(value: object, reading: Reading, depth: int = 0) -> bool:
    """True where a dialogue stands anywhere within."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return (
            recognisers.turns_in(value) is not None
            or bool(has_turns(together(value, reading), reading))
            or any(_holds(own, reading, depth + 1) for own in value.values() if isinstance(own, (list, Mapping)))
        )
    return isinstance(value, list) and (
        _is_turn_list(value, reading) or any(_holds(o, reading, depth + 1) for o in value)
    )


def _is_turn_list(value: object, reading: Reading) -> bool:
    """A list of objects that have a role and a text."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(item, Mapping) and is_turn(item, reading) and not has_turns(item, reading) for item in value
    )  # fmt: skip


def dialogues_within(where: str, row: Mapping[str, Any], reading: Reading, depth: int = 0) -> Iterator[RawRow]:
    """The dialogues of an object, each with what the objects about it say."""
    heard = recognisers.turns_in(row)
    if heard is not None:
        yield where, {**{k: v for k, v in row.items() if not isinstance(v, (list, Mapping))}, "turns": heard}
        return
    row = together(row, reading)
    if has_turns(row, reading):
        yield where, row
        return
    if depth > _DEEPEST:
        return
    names = [name for name, value in row.items() if isinstance(value, (list, Mapping)) and _holds(value, reading)]
    for name in names:
        own = row[name]
        about = _inherited(row, name, names, reading)
        several = len(names) > 1 or any(sign.isdigit() for sign in str(name))
        keyed = several and plain(str(name)) not in _WRAPPERS
        yield from _children(f"{where}, {_safe(name, keyed)}", own, about, str(name), keyed, reading, depth + 1)


def _safe(name: object, keyed: bool) -> str:
    return "one of its keys" if keyed else str(name)


def _children(
    where: str, own: Any, about: Mapping[str, Any], name: str, keyed: bool, reading: Reading, depth: int
) -> Iterator[RawRow]:
    if keyed:
        about = _named_by_key(about, name, own, reading)
    if _is_turn_list(own, reading):
        yield where, {**about, "turns": own}
    elif isinstance(own, Mapping):
        if _keys_are_names(own, name, reading):
            for key, child in own.items():
                yield from _children(f"{where}, {key}", child, about, str(key), True, reading, depth + 1)
        else:
            yield from dialogues_within(where, {**about, **_person(own, name, reading)}, reading, depth)
    else:
        for number, child in enumerate(own, start=1):
            at = f"{where}, {number}"
            if _is_turn_list(child, reading):
                yield at, {**about, "turns": child}
            elif isinstance(child, Mapping) and _holds(child, reading):
                yield from dialogues_within(at, {**about, **_person(child, name, reading)}, reading, depth)
            else:
                reading.notice("entries beside dialogues hold none and are left out")


def _keys_are_names(value: Mapping[str, Any], name: str, reading: Reading) -> bool:
    """The keys of an object are ids where every one of them holds a dialogue, and none is a word for a part."""
    if has_turns(value, reading) or plain(name) not in _PEOPLE | _SESSIONS | {"dialogues", "dialogs", "data"}:
        return False
    return all(isinstance(own, (list, Mapping)) and _holds(own, reading) and plain(str(key)) not in _WRAPPERS
               for key, own in value.items())  # fmt: skip


def _named_by_key(about: Mapping[str, Any], key: str, own: Any, reading: Reading) -> Mapping[str, Any]:
    """An object or a list of turns that stands under an id: a dialogue's, or a patient's who has several."""
    one = _is_turn_list(own, reading) or (isinstance(own, Mapping) and bool(has_turns(own, reading)))
    if one and not reading.columns.value(own if isinstance(own, Mapping) else {}, "dialogue_id"):
        return {**about, "dialogue_id": key}
    if one or not is_empty(reading.columns.value(about, "patient_id")):
        return about
    return {**about, "patient_id": key}


def _inherited(row: Mapping[str, Any], child: str, children: list[str], reading: Reading) -> dict[str, Any]:
    """What an object says of the dialogues in it: its patient and labels. Its id is the patient's who has sessions."""
    columns = reading.columns
    ids = set(columns.all(row, "dialogue_id"))
    about = {key: value for key, value in row.items() if key not in ids and key not in children}
    if plain(str(child)) in _SESSIONS and is_empty(columns.value(row, "patient_id")):
        about["patient_id"] = columns.value(row, "dialogue_id")
    return {key: value for key, value in about.items() if not isinstance(value, list)}


def _person(child: Mapping[str, Any], name: str, reading: Reading) -> Mapping[str, Any]:
    """An object among ``patients`` is a person: its id is the patient's."""
    named = reading.columns.value(child, "patient_id")
    own = child.get("id", child.get("name")) if plain(name) in _PEOPLE and is_empty(named) else None
    return {**{k: v for k, v in child.items() if k != "id"}, "patient_id": own} if own is not None else child


def held(text: str) -> Any:
    """What a table holds as text, where it is a list or an object; but not the mark of ``[doctor]``."""
    value = literal(text)
    words = isinstance(value, list) and all(isinstance(one, str) and len(one.split()) < 3 for one in value)
    return text if words else value
