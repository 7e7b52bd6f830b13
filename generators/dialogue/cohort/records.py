"""Dialogues from rows of any table or object: a dialogue in each, several within one, or a turn in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.columns import identifier, is_empty, listed, plain
from synthgen.generators.dialogue.cohort.marks import marked, speakers, templated, without_ends
from synthgen.generators.dialogue.cohort.nested import dialogues_within, has_turns, held, is_columnar, together
from synthgen.generators.dialogue.cohort.raw import Raw, RawRow, RawTurn, Reading
from synthgen.generators.dialogue.cohort.roles import is_chat, is_speaker
from synthgen.generators.dialogue.cohort.tally import flow
from synthgen.generators.dialogue.cohort.text import one_line
from synthgen.generators.dialogue.cohort.turn_rows import by_time, dialogues_of_turns, is_turn
from synthgen.payloads.dialogue import Speaker

_ABOUT: Final = frozenset({"labels", "metadata", "meta", "info", "attributes", "annotations", "properties"})
ASKED: Final = "asked in "
"""How a patient is called who is known by a question alone, and where it stands."""
_NOTHING: Final = frozenset({"nan", "NaN"})
"""How pandas writes a cell that is empty; "None" may be an answer."""
_SPEAKERS: Final[Mapping[str, Speaker]] = {
    "clinicianspeaker": "clinician",
    "patientspeaker": "patient",
    "companionspeaker": "companion",
}


def dialogues(rows: Iterable[RawRow], file: str, reading: Reading) -> Iterator[Raw]:
    """Dialogues from a table or objects, whichever its rows show.

    Raises:
        UserError: a row is neither a dialogue nor a turn; the line says which, and what it lacks.
    """
    of_turns: list[RawRow] = []
    asked: dict[str, str] = {}
    for number, (where, told) in enumerate(rows):
        row = _with_speaker(told, reading)
        if number == 0:
            reading.columns.check(row, where)
        if is_turn(row, reading) and not has_turns(row, reading):
            of_turns.append((where, row))
            continue
        if pair := _question(row, reading):
            yield _of_pair(where, row, pair, file, asked, reading)
            continue
        found = list(dialogues_within(where, row, reading))
        if not found and _has_none(row, reading):
            reading.tally.skipped["dialogue without turns"] += 1
            continue
        if not found:
            raise UserError(_no_dialogue(where, row, reading))
        yield from (_of_record(w, r, file, reading) for w, r in found)
    yield from dialogues_of_turns(of_turns, file, reading, lambda where, row: _turn(where, row, reading))


def is_transcript(row: Mapping[str, Any], reading: Reading) -> bool:
    """True where a first row shows dialogues or turns."""
    row = _with_speaker(row, reading)
    told = is_turn(row, reading) or bool(_question(row, reading)) or _has_none(row, reading)
    return told or bool(list(dialogues_within("", row, reading)))


def _has_none(row: Mapping[str, Any], reading: Reading) -> bool:
    """True for a dialogue whose turns are null or empty, as an export writes one that was never held."""
    names = reading.columns.all(row, "turns")
    return bool(names) and all(is_empty(row[name]) for name in names)


def _with_speaker(row: Mapping[str, Any], reading: Reading) -> Mapping[str, Any]:
    """A turn whose text names its speaker, as ``Doctor: Hello.``, with a speaker of its own."""
    row = together(row, reading)
    name = reading.columns.key(row, "text")
    if not name or not isinstance(row[name], str) or reading.columns.key(row, "speaker") or has_turns(row, reading):
        return row
    said = marked(row[name], reading.knows)
    alone = len(said) == 1 and said[0].role
    return {**row, "speaker": said[0].role, name: said[0].text} if alone else row


def _no_dialogue(where: str, row: Mapping[str, Any], reading: Reading) -> str:
    """What a row lacks; with its names of columns, and two of them where they look like a speaker and a text."""
    likely = _likely_columns(row, reading)
    both = reading.tally.set("columns", "{speaker: NAME, text: NAME}")
    named = f": where two of them hold the speaker and the words, name them with {both}" if len(row) > 1 else ""
    advice = (
        f": if one of them holds the speaker or the words, say so, as in {reading.tally.set('columns', flow(likely))}"
    )
    return (
        f"{where}: no dialogue here; a row needs turns (with role and text), messages or conversations, or the columns "
        f"dialogue_id, speaker, text; its own are {listed(row)}{advice if likely else named}"
    )


def _likely_columns(row: Mapping[str, Any], reading: Reading) -> dict[str, str]:
    """Columns of unknown names that look like those of a speaker and of a text, of which the row lacks one."""
    used = reading.columns.used(row)
    texts = {
        str(name): value
        for name, value in row.items()
        if isinstance(value, str) and plain(str(name)) and any(sign.isalpha() for sign in value) and name not in used
    }
    found: dict[str, str] = {}
    short = sorted(
        (n for n in texts if reading.knows(texts[n]) or is_speaker(texts[n])),
        key=lambda n: (not reading.knows(texts[n]), len(n)),
    )
    if short and not reading.columns.key(row, "speaker"):
        found["speaker"] = short[0]
    rest = [name for name in texts if name not in found.values()]
    if rest and not reading.columns.key(row, "text"):
        found["text"] = max(rest, key=lambda name: len(texts[name]))
    lacking = {field for field in ("speaker", "text") if not reading.columns.key(row, field)}
    return found if set(found) == lacking else {}


# --- One dialogue ----------------------------------------------------------------------------------------------------


def _of_record(where: str, row: Mapping[str, Any], file: str, reading: Reading) -> Raw:
    name = has_turns(row, reading) or "turns"
    items = row[name]
    if isinstance(items, str):
        items = held(items) if isinstance(held(items), list) else _of_text(where, items, name, reading)
    if isinstance(items, Mapping) and not is_columnar(items, reading):
        items = [*items.values()]
    if isinstance(items, Mapping):
        if len({len(own) for own in items.values()}) > 1:
            raise UserError(f"{where}: {name} has lists of different lengths; give each field an item for every turn")
        items = [dict(zip(items, values, strict=False)) for values in zip(*items.values(), strict=False)]
    if not isinstance(items, list):
        raise UserError(f"{where}: {name} must be a list, each item with a role and a text")
    if items and all(isinstance(item, Mapping) for item in items):
        items = [item for _, item in by_time([(where, item) for item in items], reading)]
    turns = _named(tuple(t for number, item in enumerate(items, start=1)
                         for t in _turns(f"{where}, turn {number}", item, reading)), where, reading)  # fmt: skip
    return _raw(where, {key: value for key, value in row.items() if key != name}, turns, file, reading)


def _raw(where: str, row: Mapping[str, Any], turns: tuple[RawTurn, ...], file: str, reading: Reading) -> Raw:
    columns = reading.columns
    row = _flat(row)
    return Raw(
        where,
        identifier(columns.value(row, "dialogue_id"), where, "dialogue_id"),
        identifier(columns.value(row, "patient_id"), where, "patient"),
        _session(row, reading),
        turns,
        labels_of(row, reading),
        file,
        _date(row, reading),
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """With what an object of labels or metadata within it says, where the row itself does not."""
    inner = [value for name, value in row.items() if plain(str(name)) in _ABOUT and isinstance(value, Mapping)]
    return {**{str(k): v for one in inner for k, v in one.items()}, **{k: v for k, v in row.items() if not any(
        v is one for one in inner)}}  # fmt: skip


def _of_text(where: str, text: str, name: str, reading: Reading) -> list[dict[str, Any]]:
    """The turns of a dialogue in one text."""
    parts = marked(text, reading.knows)
    if not any(part.role for part in parts):
        raise UserError(
            f"{where}: {name} must be a list of turns, or a text with a mark such as 'Doctor: ' before each turn"
        )
    reading.notice("texts have words before the first speaker, which are left out", sum(not p.role for p in parts))
    return [{"role": part.role, "text": part.text} for part in parts if part.role]


def labels_of(row: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """What else a row says, by name."""
    columns = reading.columns
    used: set[str] = set(columns.all(row, "turns")) | {"labels", "sessions", "file_name", "__index_level_0__"}
    for field in ("dialogue_id", "patient_id", "session", "date"):
        used |= set(columns.all(row, field))
    found = {str(name): value for name, value in row.items() if name not in used}
    own = row.get("labels")
    if isinstance(own, Mapping):
        found |= {str(name): value for name, value in own.items()}
    elif isinstance(own, str) and own.strip():
        found.setdefault("topic", own)
    return found


def speaker_labels(labels: Mapping[str, Any]) -> dict[str, Speaker]:
    """The side of each speaker whom a dialogue's own labels name (``clinician_speaker: SPEAKER_01``)."""
    found: dict[str, Speaker] = {}
    for name, value in labels.items():
        side = _SPEAKERS.get(plain(name))
        if side and not is_empty(value):
            found |= {one.strip(): side for one in str(value).split(";") if one.strip()}
    return found


def _session(row: Mapping[str, Any], reading: Reading) -> object:
    found = reading.columns.value(row, "session")
    if isinstance(found, Mapping):
        found = reading.columns.value(found, "session") or found.get("number") or found.get("id")
    return found


def _date(row: Mapping[str, Any], reading: Reading) -> str:
    value = reading.columns.value(row, "date")
    return "" if is_empty(value) or isinstance(value, (Mapping, list)) else str(value)


# --- A question and its answer ---------------------------------------------------------------------------------------


def _question(row: Mapping[str, Any], reading: Reading) -> tuple[str, str] | None:
    question, answer = reading.columns.key(row, "question"), reading.columns.key(row, "answer")
    if not question or not answer or has_turns(row, reading):
        return None
    texts = row[question], row[answer]
    said = all(value is None or isinstance(value, str) for value in texts)
    return (
        (question, answer)
        if said and not any(value and speakers(value, reading.knows) > 1 for value in texts)
        else None
    )


def _of_pair(
    where: str, row: Mapping[str, Any], pair: tuple[str, str], file: str, asked: dict[str, str], reading: Reading
) -> Raw:
    """Two turns. Whoever asks one question in several rows, for several answers, is one person."""
    turns = _templated_pair(where, row, pair) or (
        RawTurn("patient", row[pair[0]], where),
        RawTurn("clinician", row[pair[1]], where),
    )
    rest = {key: value for key, value in row.items() if key not in pair}
    raw = _raw(where, rest, turns, file, reading)
    again = " ".join(str(row[pair[0]] or "").split())
    first = asked.setdefault(again, raw.patient or f"{ASKED}{where}")
    if first != raw.patient and not raw.patient and first != f"{ASKED}{where}":
        reading.notice("questions were answered before: whoever asked is one patient")
    return Raw(where, raw.record, raw.patient or first, raw.session, turns, raw.labels, file, raw.date)


def _templated_pair(where: str, row: Mapping[str, Any], pair: tuple[str, str]) -> tuple[RawTurn, ...]:
    """The turns of a prompt that is written by the template of a model, and its completion; empty for any other."""
    asked = templated(str(row[pair[0]] or ""))
    if not asked:
        return ()
    answer = without_ends(str(row[pair[1]] or ""))
    return (*(RawTurn(one.role, one.text, where) for one in asked if one.role), RawTurn("assistant", answer, where))


# --- One turn --------------------------------------------------------------------------------------------------------


def _turns(where: str, item: object, reading: Reading) -> Iterator[RawTurn]:
    """An item of a list of turns: an object with a role and a text, or by role; a marked text; a pair."""
    if isinstance(item, str):
        parts = [part for part in marked(item, reading.knows) if part.role]
        yield from (RawTurn(part.role, part.text, where) for part in parts)
        if parts:
            return
    if _is_pair(item) and reading.knows(item[0]):
        yield RawTurn(item[0], item[1], where)
        return
    if isinstance(item, Mapping) and not reading.columns.key(item, "speaker"):
        said = {str(key): value for key, value in item.items() if reading.knows(str(key)) and isinstance(value, str)}
        if said and not reading.columns.key(item, "text"):
            yield from (RawTurn(role, text, where) for role, text in said.items())
            return
    yield _turn(where, item, reading)


def _is_pair(item: object) -> TypeGuard[Sequence[str]]:
    return isinstance(item, (list, tuple)) and len(item) == 2 and all(isinstance(part, str) for part in item)


def _turn(where: str, item: object, reading: Reading) -> RawTurn:
    if not isinstance(item, Mapping):
        raise UserError(f"{where}: a turn must have a role and a text, as in {{role: doctor, text: …}}")
    role, texts = reading.columns.key(item, "speaker"), reading.columns.all(item, "text")
    filled = [one for one in texts if isinstance(item[one], str) and item[one]]
    text = next(iter(filled), next(iter(texts), ""))
    _tell_other_words(item, filled, reading)
    name = _role_name(item, role, where, reading)
    if not text and not is_chat(name):
        raise UserError(f"{where}: a turn needs a {'text' if role else 'role'}")
    stage = item.get("stage")
    return RawTurn(
        name,
        _content(item[text], where) if text else None,  # a chat message that calls a tool says nothing
        where,
        _emotion(item, reading),
        stage if isinstance(stage, str) else "",
    )


def _tell_other_words(item: Mapping[str, Any], filled: Sequence[str], reading: Reading) -> None:
    """Says which of two columns of words is read, as of what was said and of what was made of it."""
    other = next((one for one in filled[1:] if str(item[one]).strip() != str(item[filled[0]]).strip()), None)
    if other is not None and one_line(filled[0]) and one_line(other):
        read, left = one_line(filled[0], 30), one_line(other, 30)
        aside = reading.tally.aside("columns", flow({"text": other}), f"reads {left}")
        reading.notice(f"turns have words under {read} and others under {left}: {read} is read{aside}")


def _emotion(item: Mapping[str, Any], reading: Reading) -> str:
    """The label as it stands, a code or a list of one as well, so that it is mapped, asked for or counted."""
    value = reading.columns.value(item, "emotion")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return "" if value is None or isinstance(value, bool | list | Mapping) else str(value)


def _role_name(item: Mapping[str, Any], key: str, where: str, reading: Reading) -> str:
    """Empty where the item names nobody. A recogniser's number is ``speaker 0``."""
    if not key:
        return ""
    named = [item[one] for one in reading.columns.all(item, "speaker") if not is_empty(item[one])]
    known = (one for one in named if isinstance(one, str) and reading.knows(one))
    value = next(known, named[0] if named else None)
    if isinstance(value, Mapping):
        value = next((value[k] for k in ("role", "name", "label", "id") if isinstance(value.get(k), str)), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"speaker {value}"
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: the role must be a name")
    return (value or "").strip()


def _named(turns: tuple[RawTurn, ...], where: str, reading: Reading) -> tuple[RawTurn, ...]:
    """Turns that name nobody are left out where most others do, as a recogniser leaves some. Raises UserError."""
    unnamed = [turn for turn in turns if not turn.role]
    if unnamed and 2 * len(unnamed) >= len(turns):
        first = unnamed[0].where
        raise UserError(f"{first}: a turn needs a role, and the role must be a name: say who speaks")
    reading.notice("turns name no speaker and are left out", len(unnamed))
    return tuple(turn for turn in turns if turn.role)


def _is_said(part: object) -> bool:
    """False for what a tool gives back within a message, and for pictures."""
    return not isinstance(part, Mapping) or part.get("type") in {None, "text", "input_text", "output_text"}


def _content(value: object, where: str) -> object:
    """The text; that of a chat message in parts is put together."""
    if isinstance(value, Mapping):
        value = value.get("parts", value.get("text"))
    if isinstance(value, list) and all(isinstance(part, (str, Mapping)) for part in value):
        texts = (part if isinstance(part, str) else part.get("text") for part in value if _is_said(part))
        return "\n".join(text for text in texts if isinstance(text, str))
    if is_empty(value):
        return None if not isinstance(value, str) else value
    if isinstance(value, str) and value.strip() in _NOTHING:
        return ""
    if not isinstance(value, str):
        raise UserError(f"{where}: the text must be a string")
    return value
