"""What is known of records, as a table: conditions, labels and what else is read off a record.

An attacker knows some of it of somebody, and looks for the rest in the release; subgroups are read off it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, Indices
from synthgen.records import JsonValue

Row = Mapping[str, JsonValue]
"""One record: numbers are compared by size, lists by what they hold, all else as words; None and ``""`` are unknown."""

YES, NO = "yes", "no"
_BANDS: Final = (18, 40, 60, 80)


@dataclass(frozen=True)
class Known:
    """A column each of float64 (NaN is unknown) or text (empty is unknown), of one length."""

    names: tuple[str, ...]
    columns: tuple[NDArray[Any], ...]
    patients: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def take(self, rows: Indices, /) -> Self:
        patients = tuple(self.patients[i] for i in rows) if self.patients else ()
        return type(self)(self.names, tuple(column[rows] for column in self.columns), patients)

    def only(self, names: Sequence[str]) -> Self:
        """Some columns, in the order given."""
        return type(self)(tuple(names), tuple(self[name] for name in names), self.patients)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[self.names.index(name)]

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns of words."""
        return tuple(name for name in self.names if not is_number(self[name]))


def is_number(column: NDArray[Any]) -> bool:
    """True for a column that is compared by size."""
    return column.dtype.kind == "f"


def tables(*sets: Sequence[Row]) -> tuple[Known, ...]:
    """The sets as tables of the same columns. A column of which no two values are known in all of them is left out."""
    rows = [row for one in sets for row in one]
    names = list(dict.fromkeys(name for row in rows for name in row))
    found: list[tuple[str, NDArray[Any]]] = []
    for name in names:
        found += _columns(name, [row.get(name) for row in rows])
    kept = [(name, column) for name, column in found if len(_values(column)) > 1]
    ends = np.cumsum([0, *(len(one) for one in sets)])
    return tuple(
        Known(tuple(name for name, _ in kept), tuple(column[a:b] for _, column in kept)) for a, b in pairwise(ends)
    )


def _columns(name: str, values: Sequence[JsonValue]) -> list[tuple[str, NDArray[Any]]]:
    told = [value for value in values if value is not None]
    if any(isinstance(value, list) for value in told):
        held = [{str(one) for one in value} if isinstance(value, list) else set() for value in values]
        return [
            (f"{name}: {one}", np.array([YES if one in own else NO for own in held]))
            for one in sorted(set[str]().union(*held))
        ]
    if told and all(isinstance(value, int | float) and not isinstance(value, bool) for value in told):
        return [(name, np.array([np.nan if value is None else value for value in values], dtype=np.float64))]
    return [(name, np.array(["" if value is None else str(value) for value in values], dtype=np.str_))]


def _values(column: NDArray[Any]) -> NDArray[Any]:
    return np.unique(column[~np.isnan(column)] if is_number(column) else column[column != ""])


def gower(queries: Known, base: Known) -> Floats:
    """Distances [n, m] after Gower 1971: |a − b| by the range of both, 1 where words differ or either is unknown."""
    total = np.zeros((len(queries), len(base)))
    for name in queries.names:
        a, b = queries[name], base[name]
        if is_number(a):
            both = np.concatenate([a, b])
            span = float(np.nanmax(both) - np.nanmin(both)) if not np.isnan(both).all() else 0.0
            total += np.nan_to_num(np.abs(a[:, None] - b[None, :]) / (span or 1.0), nan=1.0)
        else:
            total += (a[:, None] != b[None, :]) | (a[:, None] == "") | (b[None, :] == "")
    return total


def features(*sets: Known) -> tuple[Floats, ...]:
    """Rows [n, D] of each: numbers (unknown is the mean) and a column for every word."""
    found: list[list[Floats]] = [[np.zeros((len(one), 0))] for one in sets]
    for name in sets[0].names:
        each = [one[name] for one in sets]
        both = np.concatenate(each)
        if is_number(both):
            mean, spread = float(np.nanmean(both)), float(np.nanstd(both)) or 1.0
            coded = [(np.nan_to_num(x, nan=mean)[:, None] - mean) / spread for x in each]
        else:
            words = _values(both)
            coded = [(x[:, None] == words[None, :]).astype(np.float64) for x in each]
        for rows, code in zip(found, coded, strict=True):
            rows.append(code)
    return tuple(np.concatenate(rows, axis=1) for rows in found)


def halved(column: NDArray[Any], at: float) -> NDArray[np.str_]:
    """A number as a word: above ``at`` or not; unknown stays unknown. Words stay as they are."""
    if not is_number(column):
        return column
    words = np.where(column > at, f"over {at:g}", f"at most {at:g}")
    return np.where(np.isnan(column), "", words).astype(np.str_)


def subgroups(known: Known) -> tuple[tuple[str, NDArray[np.str_]], ...]:
    """(facet, group of each record), the empty string where it has none: words as they are, ages in bands.

    What a record holds (a finding) is a facet's group of its own; that it does not hold it is none.
    """
    found: list[tuple[str, NDArray[np.str_]]] = []
    for name in known.names:
        column = known[name]
        if name == "age" and is_number(column):
            found.append((name, _banded(column)))
        elif not is_number(column) and set(np.unique(column)) <= {YES, NO} and ": " in name:
            facet, _, group = name.partition(": ")
            found.append((facet, np.where(column == YES, group, "")))
        elif not is_number(column):
            found.append((name, column))
    return tuple(found)


def _banded(ages: Floats) -> NDArray[np.str_]:
    bands = [f"{a} to {b - 1}" for a, b in pairwise((0, *_BANDS))]
    names = np.asarray([*bands, f"{_BANDS[-1]} and over"])
    places = np.searchsorted(_BANDS, np.nan_to_num(ages), side="right")
    return np.where(np.isnan(ages), "", names[places]).astype(np.str_)
