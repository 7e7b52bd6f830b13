"""Identifiers of patients as people write them: which spellings are one identifier, and which look like one number."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Final

from synthgen.errors import UserError
from synthgen.lookalikes import latin
from synthgen.records import Link
from synthgen.wordlists import Phrases, WordLists, word_lists

SAME_NUMBER: Final = "same number"
WITHOUT_ISSUER: Final = "same number without its issuer"

_FLOAT: Final = re.compile(r"(\d+)(?:\.0+|,0)")
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_FILLER: Final = re.compile(r"-\d+(?:\.0+)?")
# As spreadsheets and data frames write large numbers; "3E10" without sign or point may be an identifier of its own.
_ROUNDED: Final = re.compile(r"[+-]?\d(?:[.,]\d+e\+?|e\+)\d{2,}", re.IGNORECASE)
_THOUSANDS: Final = re.compile(r"[1-9]\d{0,2}(?:([,.' ])\d{3})(?:\1\d{3})*(?:[.,]0+)?")
_PARTS: Final = re.compile(r"\d+|[^\W\d]+")
_ISSUED: Final = "^^^"
_MOST_PAIRS: Final = 50


def patient_key(written: str) -> str:
    """What an identifier is compared by: spaces about it, case, Unicode forms and a float's ``.0`` do not count.

    Nor do signs that nobody sees, kinds of dashes and digits, Cyrillic and Greek letters that look like Latin ones, and
    what makes a spreadsheet keep a number as text.

    >>> patient_key(" P01\u00a0") == patient_key("p01")
    True
    >>> patient_key("7.0"), patient_key("'007")
    ('7', '007')
    """
    seen = (c for c in unicodedata.normalize("NFKC", written) if unicodedata.category(c) != "Cf")
    key = latin("".join(str(unicodedata.decimal(c, c)) for c in seen).casefold().translate(_DASHES))
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
    written = latin(issued(written)[0].casefold())
    bare = _bare(written)
    if not bare or bare in _nobody() or (len(bare) > 2 and set(bare) == {"x"}):
        return True
    return bool(_FILLER.fullmatch(written.strip())) or _nobody().issuperset(map(_bare, re.findall(r"[^\W_]+", written)))


def issued(written: str) -> tuple[str, str]:
    """A number and who issued it, which HL7's type CX writes behind it; the issuer is empty where nothing is.

    >>> issued("4711^^^CLINIC&1.2.3&ISO^MR"), issued("4711")
    (('4711', 'CLINIC'), ('4711', ''))
    """
    number, _, behind = written.partition(_ISSUED)
    return number.strip(), re.split(r"[&^]", behind)[0].strip()


def number_key(written: str) -> str:
    """The key without leading zeros, where the identifier has a number.

    What parts words and numbers does not count either (``p007``, ``P-7`` and ``p 7`` are one), nor which sign parts two
    numbers, nor what parts the thousands of one (``1,234``). Who issued a number counts, and not of which type it is.

    >>> number_key("2020/001") == number_key("2020-1"), number_key("12-3") == number_key("123")
    (True, False)
    """
    number, issuer = issued(written)
    if issuer:
        return f"{number_key(number)}{_ISSUED}{patient_key(issuer)}"
    key = patient_key(written)
    whole = " ".join(unicodedata.normalize("NFKC", written).split())
    if _THOUSANDS.fullmatch(whole) and not _FLOAT.fullmatch(whole):
        key = "".join(re.findall(r"\d+", re.sub(r"[.,](?:0|00|0{4,})$", "", whole)))
    parts = _PARTS.findall(key)
    if not any(map(str.isdecimal, parts)):
        return key
    bare = [part.lstrip("0") or "0" if part.isdecimal() else _bare(part) for part in parts]
    return re.sub(r"(?<=\d) (?=\d)", "-", " ".join(filter(None, bare))).replace(" ", "")


def bare_keys(patients: Sequence[str]) -> list[str | None]:
    """The number of each identifier that stands with an issuer on some records and without on others.

    None for every other, and where several issuers have the number: then nobody knows whose the bare one is.
    """
    if not any(_ISSUED in patient for patient in patients):
        return [None] * len(patients)
    each = [issued(patient) for patient in patients]
    known = bare_numbers([(patient_key(issuer), number_key(number)) for number, issuer in each])
    return [key if (key := number_key(number)) in known else None for number, _ in each]


def bare_numbers(identities: Collection[tuple[str, str]]) -> frozenset[str]:
    """Of pairs of issuer and number, the numbers that one issuer has and that stand without an issuer as well."""
    issuers: defaultdict[str, set[str]] = defaultdict(set)
    for issuer, number in identities:
        issuers[number].add(issuer)
    return frozenset(number for number, by in issuers.items() if "" in by and len(by) == 2)


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
