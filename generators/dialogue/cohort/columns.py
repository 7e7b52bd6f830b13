"""Which column or key of a table holds what, whatever it is called."""

from __future__ import annotations

import ast
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort.text import one_line
from synthgen.generators.dialogue.cohort_config import ColumnField
from synthgen.wordlists import WordLists, Words, word_lists

Known = Literal[ColumnField, "end", "emotion"]
_LARGEST_EXACT: Final = 2**53
_MOST_SHOWN: Final = 12


class _Names(WordLists):
    turns: Words
    speaker: Words
    text: Words
    dialogue_id: Words
    patient_id: Words
    session: Words
    date: Words
    turn: Words
    start: Words
    end: Words
    emotion: Words
    question: Words
    answer: Words


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    lists = word_lists(__package__, "columns", _Names)
    return {field: tuple(plain(name) for name in getattr(lists, field)) for field in _Names.model_fields}


def plain(name: str) -> str:
    """What a name is compared by.

    >>> plain("Dialogue ID") == plain("dialogueId") == plain("dialogue_id")
    True
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


@dataclass(frozen=True)
class Columns:
    """Finds columns by the settings' names first, then by the known ones."""

    own: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, own: Mapping[ColumnField, str]) -> Columns:
        return cls(tuple(sorted((field, plain(name)) for field, name in own.items())))

    def all(self, row: Mapping[str, Any], field: Known) -> tuple[str, ...]:
        """The row's own names for the field, the likeliest first."""
        return _resolved(tuple(row), self.own).get(field, ())

    def key(self, row: Mapping[str, Any], field: Known) -> str:
        """The likeliest; empty where there is none."""
        return next(iter(self.all(row, field)), "")

    def value(self, row: Mapping[str, Any], field: Known) -> object:
        """The first that is filled; None where none is."""
        return next((row[name] for name in self.all(row, field) if not is_empty(row[name])), None)

    def used(self, row: Mapping[str, Any]) -> frozenset[str]:
        """Names of the row that are known for anything."""
        return frozenset(name for names in _resolved(tuple(row), self.own).values() for name in names)

    def check(self, row: Mapping[str, Any], where: str) -> None:
        """Raises UserError where the settings name a column that a table lacks."""
        there = {plain(str(name)) for name in row}
        for field, name in self.own:
            if name not in there:
                raise UserError(f"{where}: columns names a {field} that is not there; its columns: {listed(row)}")


@lru_cache(4096)
def _resolved(keys: tuple[str, ...], own: tuple[tuple[str, str], ...]) -> Mapping[str, tuple[str, ...]]:
    by_name: dict[str, str] = {}
    for key in keys:
        by_name.setdefault(plain(str(key)), key)
    named = dict(own)
    taken = {by_name[name] for name in named.values() if name in by_name}
    found: dict[str, tuple[str, ...]] = {}
    for field, names in _names().items():
        if field in named:
            found[field] = (by_name[named[field]],) if named[field] in by_name else ()
        else:
            found[field] = tuple(by_name[n] for n in names if n in by_name and by_name[n] not in taken)
    return found


def is_empty(value: object) -> bool:
    """None, an empty text, or the NaN that a table has in place of nothing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def listed(names: Iterable[object]) -> str:
    """Names of columns for a message."""
    shown = [one_line(str(name), 30) for name in names if str(name).strip()]
    return ", ".join(shown[:_MOST_SHOWN]) + (", …" if len(shown) > _MOST_SHOWN else "")


def identifier(value: object, where: str, what: str) -> str:
    """An identifier as text: ``7``, ``7.0`` and ``"7"`` are one, of an object its id, of nothing nothing.

    Raises:
        UserError: it is a list of several, or an object without an id.
    """
    if is_empty(value):
        return ""
    if isinstance(value, bool):
        raise UserError(f"{where}: the {what} is true or false, not an id")
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < _LARGEST_EXACT
        return str(int(value)) if whole else f"{value:e}" if abs(value) >= _LARGEST_EXACT else str(value)
    if isinstance(value, Mapping):
        return identifier(_id_in(value, where, what), where, what)
    if isinstance(value, list):
        if len(value) != 1:
            raise UserError(f"{where}: the {what} is a list of {len(value)}; give one id")
        return identifier(value[0], where, what)
    if isinstance(value, str) and value.lstrip().startswith("{"):  # an object that a table holds as text
        held = literal(value)
        return identifier(held, where, what) if isinstance(held, Mapping) else one_line(value, 200)
    return one_line(str(value), 200)


_AGE: Final = re.compile(
    r"\b\d{1,3}[\s-]*(?:years?\b|yrs?\b|y/?o\b|-?jährig|jahre?\b|ans\b|años\b|anni\b|anos\b|jaar\b)", re.IGNORECASE
)
_SENTENCE: Final = 3
"""Words in lower case that no name has so many of."""


def is_description(patient: str) -> bool:
    """True for prose in the place of an id: ``A 45-year-old man with a cough``; false for a name.

    >>> is_description("A 45-year-old man with a cough"), is_description("Maria de la Cruz")
    (True, False)
    """
    words = patient.split()
    small = sum(word[0].islower() and word.strip(".,;:").isalpha() for word in words)
    return (len(words) > 1 and bool(_AGE.search(patient))) or (len(words) > 4 and small >= _SENTENCE)


def literal(text: str) -> Any:
    """A list or an object that a table holds as text, as JSON or as Python prints it; the text where it is none."""
    if text.lstrip()[:1] not in {"[", "{"}:
        return text
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, (list, Mapping)):
            return value
    return text


_ID_KEYS: Final = ("id", "patientid", "clientid", "subjectid", "participantid", "personid", "identifier", "mrn",
                   "value", "reference", "code", "number", "nr", "oid",
                   "dialogueid", "uuid", "pid")  # fmt: skip


def _id_in(value: Mapping[str, Any], where: str, what: str) -> object:
    by_name = {plain(str(key)): own for key, own in value.items()}
    found = next((by_name[key] for key in _ID_KEYS if not is_empty(by_name.get(key))), None)
    if found is None:
        raise UserError(f"{where}: the {what} is an object without an id: give it one, as in {{id: …}}")
    return found
