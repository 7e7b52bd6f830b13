"""Identifiers of patients as people write them: which spellings are one identifier, and which look like one number."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Final

from synthgen.errors import UserError
from synthgen.records import Link
from synthgen.wordlists import Phrases, WordLists, word_lists

SAME_NUMBER: Final = "same number"

_FLOAT: Final = re.compile(r"(\d+)(?:\.0+|,0)")
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_FILLER: Final = re.compile(r"-\d+(?:\.0+)?")
# As spreadsheets and data frames write large numbers; "3E10" without sign or point may be an identifier of its own.
_ROUNDED: Final = re.compile(r"[+-]?\d(?:[.,]\d+e\+?|e\+)\d{2,}", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(\D*?)0*(\d+)")
_MOST_PAIRS: Final = 50


def patient_key(written: str) -> str:
    """What an identifier is compared by: spaces about it, case, Unicode forms and a float's ``.0`` do not count.

    Nor do signs that nobody sees, kinds of dashes and digits, and what makes a spreadsheet keep a number as text.

    >>> patient_key(" P01\u00a0") == patient_key("p01")
    True
    >>> patient_key("7.0"), patient_key("'007")
    ('7', '007')
    """
    seen = (c for c in unicodedata.normalize("NFKC", written) if unicodedata.category(c) != "Cf")
    key = "".join(str(unicodedata.decimal(c, c)) for c in seen).casefold().translate(_DASHES)
    key = " ".join(key.split()).rstrip("^ ").removeprefix("'")  # a spreadsheet's sign that a number is text
    whole = _FLOAT.fullmatch(key)
    return whole[1] if whole else key


class _Placeholders(WordLists):
    nobody: Phrases


@cache
def _nobody() -> frozenset[str]:
    return frozenset(map(_bare, word_lists(__package__, "placeholders", _Placeholders).nobody))


def _bare(written: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", written).casefold() if c.isalnum())


def is_placeholder(written: str) -> bool:
    """True for what stands for an identifier and names nobody: ``ANONYMOUS``, ``unknown``, ``xxx``; not a number.

    A number below zero is what programs fill gaps with.

    >>> is_placeholder("Anonymous"), is_placeholder("anonymous-7"), is_placeholder("0")
    (True, False, False)
    """
    bare = _bare(written)
    if not bare or bare in _nobody() or (len(bare) > 2 and set(bare) == {"x"}):
        return True
    return bool(_FILLER.fullmatch(written.strip())) or _nobody().issuperset(map(_bare, re.findall(r"[^\W_]+", written)))


def number_key(written: str) -> str:
    """The key without leading zeros, where the identifier is a number, or words and a number.

    What parts words and number does not count either: ``p007``, ``P-7`` and ``p 7`` are one.
    """
    key = patient_key(written)
    found = _NUMBERED.fullmatch(key)
    return _bare(found[1]) + found[2] if found else key


def one_spelling(patients: Sequence[str]) -> list[str]:
    """Each identifier in the first by name of the spellings that are one."""
    first: dict[str, str] = {}
    for patient in sorted(set(patients)):
        first.setdefault(patient_key(patient), patient)
    return [first[patient_key(patient)] for patient in patients]


def check_not_rounded(patients: Sequence[str]) -> None:
    """Refuses numbers that a spreadsheet has rounded: several patients may have become one.

    Raises:
        UserError: with their count.
    """
    rounded = {patient for patient in patients if _ROUNDED.fullmatch(patient.strip())}
    if rounded:
        raise UserError(
            f"{len(rounded)} patient ids are written like 1.2E+11: a spreadsheet has rounded them, and several "
            "patients may have become one; export the table again with the ids as text"
        )


def linked_groups(keys: Sequence[Hashable], patients: Sequence[str], kind: str) -> list[Link]:
    """Links between the records of different patients that share a key; None shares with nobody.

    Of each patient the first record stands for all. All pairs of up to 50 patients are linked; of more, each with the
    first, so that a key that thousands share makes a chain, not millions of links.
    """
    groups: dict[Hashable, dict[str, int]] = defaultdict(dict)
    for at, (key, patient) in enumerate(zip(keys, patients, strict=True)):
        if key is not None:
            groups[key].setdefault(patient, at)
    pairs = (pair for group in groups.values() for pair in _pairs(sorted(group.values())))
    return [Link(first, second, kind) for first, second in sorted(pairs)]


def _pairs(places: list[int]) -> Iterator[tuple[int, int]]:
    if len(places) <= _MOST_PAIRS:
        yield from combinations(places, 2)
    else:
        yield from ((places[0], other) for other in places[1:])
