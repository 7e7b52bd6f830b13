"""Findings in the words of whoever kept the table: spellings, synonyms, separators, columns of marks.

A cell is a list of labels, or one. What says that nothing was found, what is uncertain and what is denied is told apart
before labels are findings: only an explicit "No Finding" makes an image normal, an uncertain or a blank label says
nothing, and "no effusion" is no finding of that name.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import LeftOutError, RowError, Rows, TableRow
from synthgen.generators.cxr.cohort import cells
from synthgen.payloads.cxr import NO_FINDING
from synthgen.wordlists import Phrases, WordLists, word_lists

UNCERTAIN: Final = "uncertain finding"
"""The reason under which ``uncertain="drop"`` leaves an image out."""
UNSURE: Final = "no finding that is certain, and No Finding is not marked either"
_QUOTED: Final = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_AND: Final = re.compile(r"\s*[+&/]+\s*|\s+(?:and|und|et|y|e|with|mit|-)\s+|\s{2,}|\\n", re.IGNORECASE)
# Signs of other scripts and of web pages that separate labels, and what numpy writes about a list.
_SIGNS: Final = str.maketrans({"；": ";", "，": ",", "、": ";", "｜": "|", "\t": ";", "\r": "\n"})
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ARRAY: Final = re.compile(r"(?:\w+\.)?array\((\[.*\])(?:,\s*dtype=[^)]*)?\)", re.DOTALL)
_MARK_BEHIND: Final = re.compile(r"(?P<label>[^\W\d].*?)\s*(?:[:=]\s*(?P<mark>\S+)|\((?P<within>[^()]*)\))")
_LONGEST: Final = 60
_WORDS: Final = 4
"""Words that may say doubt before a label, and one more."""
_SENTENCE: Final = "label that is a sentence"

Uncertain = Literal["negative", "positive", "drop"]


class FindingWords(WordLists):
    """``findings.yaml``."""

    normal: Phrases
    uncertain: Phrases
    absent: Phrases
    absent_behind: Phrases
    findings: dict[str, Phrases]


@dataclass(frozen=True)
class _Known:
    """The words in the form in which labels are compared.

    Attributes:
        names: heading and own spelling of every label.
    """

    normal: frozenset[str]
    uncertain: tuple[str, ...]
    absent: tuple[str, ...]
    absent_behind: tuple[str, ...]
    names: Mapping[str, tuple[str, str]]


@cache
def _known() -> _Known:
    told = word_lists(__package__, "findings", FindingWords)
    names: dict[str, tuple[str, str]] = {}
    for heading, synonyms in told.findings.items():
        for name in (heading, *synonyms):
            names.setdefault(fold(name), (heading, name))
    starts = (tuple(f"{fold(word)} " for word in phrases) for phrases in (told.uncertain, told.absent))
    uncertain, absent = starts
    behind = tuple(f" {fold(word)}" for word in told.absent_behind)
    return _Known(frozenset(map(fold, told.normal)), uncertain, absent, behind, names)


def fold(label: str) -> str:
    """What labels are compared by: case, accents, hyphens, underscores and spaces do not count."""
    return cells.plain_words(label)


def is_finding(column: str) -> bool:
    """True where a column's name is a finding's, or says that nothing was found."""
    return fold(column) in _known().names or fold(column) in _known().normal


def split(written: Sequence[str], commas: bool = True) -> list[tuple[str, ...]]:
    """The labels in each cell of a column; ``commas`` is False where labels are known to hold commas.

    Lists of Python and JSON are read as such. Else bars, semicolons and line ends separate labels; a comma does where
    none of those occurs in the column, or where what stands about it are known findings: a label may hold one.
    """
    cells = [_evened(cell) for cell in written]
    commas = commas and not any(sign in cell for cell in cells for sign in "|;\n" if not _is_list(cell))
    return [_split(cell, commas) for cell in cells]


def _evened(cell: str) -> str:
    """The cell with the separators that are known in place of others, and a list without what names its kind."""
    plain = _BREAK.sub(";", html.unescape(cell).translate(_SIGNS)).strip()
    array = _ARRAY.fullmatch(plain)
    return array[1] if array else plain


def _is_list(cell: str) -> bool:
    return cell[:1] + cell[-1:] in {"[]", "()", "{}"}


def _split(cell: str, commas: bool) -> tuple[str, ...]:
    if _is_list(cell):
        return _listed(cell)
    parts = re.split(r"[|;\n]", cell)
    labels = [one for part in parts for label in _at_commas(part, commas) for one in _joined(label)]
    filled = [label for label in labels if label]  # a separator behind the last label, or before the first
    return tuple(marked for label in filled or labels for marked in _with_mark(label))


def _with_mark(label: str) -> tuple[str, ...]:
    """``Edema=1`` and ``Edema (present)`` are the finding, ``Edema: ?`` is in doubt; ``Edema: 0`` is left away."""
    if fold(label) in _known().names or not (found := _MARK_BEHIND.fullmatch(label)):
        return (label,)
    mark, known = (found["mark"] or found["within"] or "").casefold().strip(), cells.words()
    if mark in known.present | known.uncertain:
        return (found["label"] + ("?" if mark in known.uncertain else ""),)
    return () if mark in known.absent else (label,)


def _joined(label: str) -> tuple[str, ...]:
    """Known findings that "and" or a sign joins; any other label as it is: it may be called so."""
    several = tuple(part.strip() for part in _AND.split(label))
    return several if fold(label) not in _known().names and all(map(is_finding, several)) else (label,)


def _at_commas(part: str, commas: bool) -> tuple[str, ...]:
    if "," not in part or fold(part) in _known().names:
        return (part.strip(),)
    several = tuple(label.strip() for label in part.split(","))
    return several if commas or all(map(is_finding, several)) else (part.strip(),)


def _listed(cell: str) -> tuple[str, ...]:
    """A list of Python's, of JSON's, of numpy's without commas, or in brackets without quotes. Never evaluated."""
    strings = listed_strings(cell)
    if strings is None:
        strings = _marked(cell)
    if strings is not None:
        return strings
    bare = re.sub(r"['\"]", "", cell[1:-1])
    return tuple(label.strip() for label in bare.split(",")) if bare.strip() else ()


def _marked(cell: str) -> tuple[str, ...] | None:
    """The findings of a dictionary of marks, ``{'Edema': 1, 'Mass': 0}``; None where it is none."""
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            value = json.loads(cell)
        except ValueError:
            return None
    if not isinstance(value, dict) or not all(mark in (1, 0, -1) for mark in value.values()):
        return None
    return tuple(f"{label}{'?' if mark == -1 else ''}" for label, mark in value.items() if mark)


def listed_strings(cell: str) -> tuple[str, ...] | None:
    """The strings of a list of Python's or JSON's, stripped, or of numpy's without commas; None where it is none."""
    try:
        value = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return None
    quoted = [one or other for one, other in _QUOTED.findall(cell)]
    return tuple(item.strip() for item in (quoted if len(quoted) > len(value) else value))


def of_cells(
    rows: Rows, found: Sequence[TableRow], column: str, uncertain: Uncertain, commas: bool = True
) -> list[tuple[str, ...] | None]:
    """The findings of each row by its column of labels; None where the row is no record, which ``rows`` knows.

    Args:
        uncertain: what an uncertain label is: left away, a finding, or the end of its row.
        commas: False where labels of the column are known to hold commas.
    """
    several = split([row[column] for row in found], commas)
    cut = (row[column] for row, labels in zip(found, several, strict=True) if len(labels) > 1)
    if any("," in cell and not _other_signs(cell) for cell in cut):
        rows.say(f"the labels in the column {column} are separated at commas")
    names = named((label for labels in several for label in labels), rows)
    return [_of_row(rows, row, column, labels, names, uncertain) for row, labels in zip(found, several, strict=True)]


def _other_signs(cell: str) -> bool:
    """True where something else than a comma separates labels."""
    return bool(set("|;\n[({") & set(cell))


def _of_row(
    rows: Rows, row: TableRow, column: str, labels: Collection[str], names: Mapping[str, str], uncertain: Uncertain
) -> tuple[str, ...] | None:
    with rows.reading():
        sure: list[str] = []
        for label in labels:
            doubted, label = _without_doubt(label)
            _check(label, row.where)
            if not doubted or uncertain == "positive":
                sure.append(names.get(label, label))
            elif uncertain == "drop":
                raise LeftOutError(UNCERTAIN)
        denied = not labels and re.search(r"\w", _evened(row[column])) and not cells.blank(row[column])  # "Edema=0"
        if denied or (labels and not sure):
            raise LeftOutError(UNSURE)
        return cells.findings(sure, row.where)
    return None


def _without_doubt(label: str) -> tuple[bool, str]:
    """Whether the label is uncertain ("possible edema", "Edema?"), and the label without what says so."""
    bare = label.strip().removesuffix("(?)").strip("? ")
    parts = bare.split()
    for count in range(1, min(len(parts), _WORDS)):
        for word, rest in ((parts[:count], parts[count:]), (parts[-count:], parts[:-count])):
            if f"{fold(' '.join(word))} " in _known().uncertain:
                return True, " ".join(rest)
    return bare != label.strip(), bare


def _check(label: str, where: str) -> None:
    """Refuses what is no name of a finding: a denial, a sentence, a mark."""
    folded = fold(label)
    minus = label.rstrip(") ").endswith(("-", "–", "−"))  # of "Edema-" and "Edema (-)" the finding alone is folded
    if minus or (folded not in _known().normal and folded not in _known().names):
        if minus or any(map(folded.startswith, _known().absent)) or any(map(folded.endswith, _known().absent_behind)):
            raise RowError(
                f'{where}: the label "{label[:_LONGEST]}" says that something is absent: leave it away; '
                f'use "{NO_FINDING}" for a normal image',
                "label that says that something is absent",
            )
        if len(label) > _LONGEST:
            raise RowError(f"{where}: a label is a sentence: give names of findings, separated by |", _SENTENCE)
        marks = cells.words().present | cells.words().absent - {"negative"} | cells.words().uncertain
        if label and (not re.search(r"[^\W\d_]", label) or label.casefold() in marks or _numbered(label)):
            raise RowError(
                f'{where}: the label "{label}" is a number or a mark: write the name of the finding, or "{NO_FINDING}"',
                "label that is a number or a mark",
            )


def _numbered(label: str) -> bool:
    """``Edema: 0.93`` and ``Edema 0``: a probability or a mark behind a label; ``Covid 19`` is a label."""
    sign = _MARK_BEHIND.fullmatch(label)
    if sign and re.fullmatch(r"-?\d*[.,]?\d+%?", sign["mark"] or sign["within"] or ""):
        return True
    name, _, number = label.rpartition(" ")
    return is_finding(name) and bool(re.fullmatch(r"-?\d+(?:[.,]\d+)?%?", number))


def named(labels: Iterable[str], rows: Rows | None = None) -> dict[str, str]:
    """The name under which each label goes: one for all its spellings and synonyms in this cohort.

    A finding that has one spelling keeps it, in the capitals of ``findings.yaml``; one that goes by several names has
    its heading there, or else the commonest of its spellings.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for label in labels:
        bare = _without_doubt(label)[1]
        if bare:
            counts[_group(bare)][bare] += 1
    names: dict[str, str] = {}
    for group, spellings in counts.items():
        name = _name(group, spellings)
        names |= dict.fromkeys(spellings, name)
        if len(spellings) > 1 and rows is not None and name != NO_FINDING:
            rows.say(f'{len(spellings)} spellings or synonyms are read as the one finding "{name}"')
    return names


def _group(label: str) -> str:
    folded = fold(label)
    if folded in _known().normal:
        return NO_FINDING
    return _known().names[folded][0] if folded in _known().names else folded


def _name(group: str, spellings: Counter[str]) -> str:
    if group == NO_FINDING:
        return NO_FINDING
    folded = {fold(spelling) for spelling in spellings}
    if (known := _known().names.get(next(iter(folded)))) is not None:
        return known[1] if len(folded) == 1 else known[0]
    return min(spellings, key=lambda spelling: (-spellings[spelling], spelling))


def vocabulary(wanted: Sequence[str], present: Collection[str]) -> dict[str, str]:
    """Each wanted finding as the cohort spells it, by what was asked for; those that it lacks are not in it."""
    by_group: dict[str, str] = {}
    for finding in sorted(present):
        by_group.setdefault(_group(finding), finding)
    spelt = {want: want if want in present else by_group.get(_group(want), "") for want in wanted}
    return {want: name for want, name in spelt.items() if name}


def columns(header: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that have one finding each."""
    return tuple(name for name in header if is_finding(name))


def of_columns(rows: Rows, row: TableRow, marked: Sequence[str], uncertain: Uncertain) -> tuple[str, ...] | None:
    """The findings of a row by columns of marks: 1, 0, -1 (uncertain) or blank.

    Raises:
        UserError: the row has no 1, and no column says whether the image is normal.
    """
    with rows.reading():
        names = named(marked)
        values = {column: cells.mark(row[column], row.where, column) for column in marked}
        normal = [values[column] for column in marked if names[column] == NO_FINDING]
        found = [names[c] for c in marked if names[c] != NO_FINDING and _counts(values[c], uncertain)]
        if found and any(value == 1 for value in normal):
            raise RowError(f'{row.where}: "{NO_FINDING}" is marked beside a finding; keep one', cells.NO_LABEL)
        if not found and not normal:
            raise UserError(
                f"{row.where}: no finding is marked, and no column says whether the image is normal: add a column "
                f'"{NO_FINDING}" with 1 where it is, 0 where it is not, and nothing where nobody knows'
            )
        if not found and 1 not in normal:
            raise LeftOutError(UNSURE)
        return tuple(sorted(set(found)))
    return None


def _counts(value: int | None, uncertain: Uncertain) -> bool:
    if value == -1 and uncertain == "drop":
        raise LeftOutError(UNCERTAIN)
    return value == 1 or (value == -1 and uncertain == "positive")
