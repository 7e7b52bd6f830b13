"""What stands in the cells of a table, or in a DICOM header: ages, sexes, views, labels.

Messages name the row, never what a patient's cell holds; only labels and views, which are vocabulary, are quoted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import cache, lru_cache
from typing import Final, Literal

from synthgen.generators.cohort.listing import RowError
from synthgen.payloads.cxr import NO_FINDING, Sex, View
from synthgen.wordlists import PhraseSet, WordLists, word_lists

OLDEST: Final = 120
_KEPT: Final = 4096
"""Cells whose reading is remembered: columns hold few different words."""
NO_VIEW: Final = "view that is not known"
NO_MARK: Final = "row with a mark that cannot be read"
NO_LABEL: Final = "row without a label that can be read"
_AGE: Final = re.compile(
    r"(?P<over>>=?|≥|OVER )?\s*(?P<value>\d{1,4})(?:[.,]\d+)?\s*-?\s*(?P<unit>[^\W\d]*)[\s/.-]*"
    r"(?:OLD|O|OF AGE|ALT)?[\s.]*(?P<more>\+|OR (?:MORE|OLDER|ABOVE)|AND (?:MORE|OLDER|ABOVE|OVER))?"
)
_DATE: Final = re.compile(
    r"(?P<y>(?:19|20)\d\d)[-/.]?(?P<m>\d\d?)[-/.]?(?P<d>\d\d?)(?:[ T].*)?|"
    r"(?P<a>\d\d?)(?P<sign>[-/.])(?P<b>\d\d?)[-/.](?P<y2>(?:19|20)\d\d)(?:[ T].*)?"
)
_NO_BIRTHDAY: Final = (1900, 1, 1)
"""What anonymisers and databases write for a date that is not known."""
_BLANK: Final = frozenset({"", "nan", "na", "n/a", "#n/a", "none", "null", "unknown", "-", "--", "?", "nat", "<na>"})
_MEANT_NO_FINDING: Final = frozenset({"normal", "healthy", "negative", "nofinding", "no findings", "no_finding"})


class CellWords(WordLists):
    """``words.yaml``."""

    pa: PhraseSet
    pa_written_together: PhraseSet
    ap: PhraseSet
    ap_written_together: PhraseSet
    frontal: PhraseSet
    lateral: PhraseSet
    lateral_written_together: PhraseSet
    other: PhraseSet
    female: PhraseSet
    male: PhraseSet
    neither: PhraseSet
    years: PhraseSet
    months: PhraseSet
    weeks: PhraseSet
    days: PhraseSet
    present: PhraseSet
    absent: PhraseSet
    uncertain: PhraseSet


@cache
def words() -> CellWords:
    """The word lists of this module."""
    return word_lists(__package__, "words", CellWords)


def blank(cell: str) -> bool:
    """True where nothing is said: an empty cell, NaN, null, unknown."""
    return cell.strip().lower() in _BLANK


@lru_cache(maxsize=_KEPT)
def plain_words(cell: str) -> str:
    """Lower case, without accents; full stops within abbreviations go, other signs become spaces.

    >>> plain_words("P.A._erect"), plain_words("Männlich")
    ('pa erect', 'mannlich')
    """
    text = unicodedata.normalize("NFKD", cell.casefold())
    text = "".join(c for c in text if not unicodedata.combining(c)).replace(".", "")
    return " ".join(re.sub(r"[^\w]|_", " ", text).split())


def years(cell: str) -> int | None:
    """An age in completed years; None where it is not one.

    It may be written as ``58``, ``58.0``, ``58,0``, ``058Y`` or ``006M`` (DICOM), ``34 years``, ``> 89`` or ``90+``:
    the last two are the lowest age that they can mean.
    """
    match = _AGE.fullmatch(cell.strip().upper())
    if not match:
        return None
    unit = plain_words(match["unit"])
    factors = ((1.0, words().years | {""}), (12, words().months), (52.18, words().weeks), (365.25, words().days))
    factor = next((1 / per_year for per_year, units in factors if unit in units), None)
    if factor is None:
        return None
    return int(int(match["value"]) * factor + 1e-9) + (match["over"] in {">", "OVER "})


def age(cell: str, where: str, note: Callable[[str], None]) -> int | None:
    """Years from 0 to 120; None where the cell is blank, or holds another number, which is noted.

    Raises:
        RowError: the cell is neither blank nor a number of years.
    """
    if blank(cell):
        return None
    value = years(cell.strip().removeprefix("-"))
    if value is None:
        born = "; for dates of birth, name the column birth_date and add study_date" if _DATE.fullmatch(cell) else ""
        raise RowError(
            f"{where}: the age must be years from 0 to {OLDEST}, or empty where it is unknown{born}",
            "row with an age that cannot be read",
        )
    if value > OLDEST or (cell.strip().startswith("-") and value):
        note(f"ages outside 0 to {OLDEST} are taken as unknown")
        return None
    return value


def age_in(cell: str, per_year: float, where: str, note: Callable[[str], None]) -> int | None:
    """Years of an age whose column says in which unit it is, as ``age_months`` does. See :func:`age`."""
    try:
        number = float(cell.strip().replace(",", "."))
    except ValueError:
        return age(cell, where, note)  # it names its unit itself
    return age(str(int(number / per_year + 1e-9) if 0 <= number < 1e6 else OLDEST + 1), where, note)


def age_between(birth: str, study: str) -> int | None:
    """Completed years from one date to another; None where either is no date. Day and month may stand either way."""
    born, seen = _date(birth), _date(study)
    if born is None or seen is None or born <= _NO_BIRTHDAY:
        return None
    reached = seen[0] - born[0] - (seen[1:] < born[1:])
    return reached if 0 <= reached <= OLDEST else None


def _date(cell: str) -> tuple[int, int, int] | None:
    match = _DATE.fullmatch(cell.strip().removesuffix(".0"))
    if not match:
        return None
    if match["y"]:
        year, month, day = int(match["y"]), int(match["m"]), int(match["d"])
    else:
        year, day, month = int(match["y2"]), int(match["a"]), int(match["b"])
        if month > 12 or (match["sign"] == "/" and day <= 12):  # 03/02/1950: as likely the American order
            day, month = month, day
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


@lru_cache(maxsize=_KEPT)
def known_sex(cell: str) -> Sex | None:
    """``F``, ``M``, ``""`` for other and unknown, None for a word that is not known."""
    said = plain_words(cell)
    if blank(cell) or said in words().neither:
        return ""
    return "F" if said in words().female else "M" if said in words().male else None


def sex(cell: str, where: str) -> Sex:
    """``F``, ``M``, or ``""`` for other and unknown. Raises RowError for anything else."""
    known = known_sex(cell)
    if known is None:
        digits = " (numbers do not say which is which)" if cell.strip().replace(".", "").isdigit() else ""
        raise RowError(
            f"{where}: the sex must be F, M, or empty where it is unknown{digits}", "row with a sex that cannot be read"
        )
    return known


ViewSaid = Literal["PA", "AP", "frontal", "lateral", "unsaid", "unread"]


@lru_cache(maxsize=_KEPT)
def view_said(cell: str) -> ViewSaid:
    """What a cell says of the view: ``unsaid`` where it is blank, ``unread`` where no word of it is known.

    Lateral and oblique views, decubitus and lordotic ones are all ``lateral`` here: no frontal chest. Where PA and AP
    are both named, or a side view beside either, as in the name of a study, nothing certain is said: ``unread``.
    """
    if blank(cell):
        return "unsaid"
    known, said = words(), re.sub(r"\b(?:(p) (a)|(a) (p))\b", r"\1\2\3\4", plain_words(cell))  # "P-A"
    tokens, together = set(said.split()), said.replace(" ", "")
    side = names_side(cell)
    pa = bool(tokens & known.pa) or _any_within(known.pa_written_together, together)
    ap = bool(tokens & known.ap) or _any_within(known.ap_written_together, together)
    if tokens & known.other or (side and not (pa or ap)):
        return "lateral"
    if (pa and ap) or side:
        return "unread"
    if pa or ap:
        return "PA" if pa else "AP"
    return "frontal" if tokens & known.frontal else "unread"


def names_side(cell: str) -> bool:
    """True where a view from the side is named, if beside others."""
    known, said = words(), plain_words(cell)
    return bool(set(said.split()) & known.lateral) or _any_within(known.lateral_written_together, said.replace(" ", ""))


def _any_within(phrases: Collection[str], together: str) -> bool:
    return any(plain_words(phrase).replace(" ", "") in together for phrase in phrases)


def view(cell: str) -> View | None:
    """A frontal view, ``""`` where the cell is blank or names no direction, None for a lateral or any other view."""
    match view_said(cell):
        case "PA":
            return "PA"
        case "AP":
            return "AP"
        case "frontal" | "unsaid":
            return ""
    return None


def other_view(cell: str) -> str:
    """The reason for which an image is left out whose :func:`view` is None."""
    return "lateral or oblique view" if view_said(cell) == "lateral" else NO_VIEW


def mark(cell: str, where: str, column: str) -> int | None:
    """1, 0, -1 (uncertain), or None where the cell is blank. Raises RowError for anything else."""
    said = cell.strip().casefold()
    known = words()
    for value, meant in ((1, known.present), (0, known.absent), (-1, known.uncertain)):
        if said in meant:
            return value
    if blank(cell):
        return None
    raise RowError(f'{where}: the column "{column}" must hold 1, 0, -1 or nothing', NO_MARK)


def findings(labels: Collection[str], where: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """The findings among labels: sorted, unique, without ``"No Finding"``; empty for a normal image.

    Args:
        known: the layout's vocabulary; empty accepts every label.

    Raises:
        RowError: no label, a blank or unknown one, or ``"No Finding"`` beside a finding.
    """
    spelt = {plain_words(label): label for label in known}
    found = {spelt.get(plain_words(label), label.strip()) for label in labels}
    if not found or any(blank(label) for label in found):
        raise RowError(f'{where}: a label is empty; use "{NO_FINDING}" for a normal image', NO_LABEL)
    normal = {label for label in found if plain_words(label) == plain_words(NO_FINDING)}
    found -= normal
    for label in sorted(found):
        if label.lower() in _MEANT_NO_FINDING:
            raise RowError(f'{where}: the label "{label}"; use "{NO_FINDING}" for a normal image', NO_LABEL)
        if known and label not in known:
            raise RowError(
                f'{where}: unknown label "{label}"; known are {", ".join(sorted(known))}; '
                f'use "{NO_FINDING}" for a normal image',
                NO_LABEL,
            )
    if normal and found:
        raise RowError(
            f'{where}: "{NO_FINDING}" stands beside {", ".join(sorted(found))}; keep one or the other', NO_LABEL
        )
    return tuple(sorted(found))
