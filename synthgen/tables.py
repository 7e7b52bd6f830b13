"""What commands print as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table

from synthgen.records import Estimate
from synthgen.report import Comparison, Floor
from synthgen.risks import Risk
from synthgen.settings import Key

_WIDE: Final = 160


def estimates(found: Iterable[Estimate]) -> None:
    """Each figure with its interval and its n."""
    table = Table("metric", "value", "95% interval", "n", "better")
    for one in found:
        low, high = one.ci95
        table.add_row(one.metric, f"{one.value:.3f}", f"{low:.3f} to {high:.3f}", str(one.n), one.better)
    Console().print(table)


def risks(found: Iterable[Risk]) -> None:
    """The three risks, attack by attack; nothing where none was measured."""
    table = Table("risk", "attack", "success", "control", "naive", "risk", "95% interval")
    for one in found:
        low, high = one.risk.ci95
        rates = (f"{rate.value:.3f}" for rate in (one.success, one.control, one.naive, one.risk))
        table.add_row(one.kind.replace("_", " "), one.attack, *rates, f"{low:.3f} to {high:.3f}")
    if table.row_count:
        Console().print(table)


def comparison(found: Comparison) -> None:
    """A line for each question, a column for each way."""
    from synthgen.release.comparison import table as rows_of

    table = Table("", *(way.way for way in found.ways))
    for row in rows_of(found):
        table.add_row(row.asked, *row.answers)
    Console().print(table)


def floors(found: Iterable[Floor]) -> None:
    """What figures of quality were held against, and which of them miss it; nothing where nothing is asked for."""
    table = Table("fit for use", "value", "at least", "of real records", "")
    for one in found:
        told = "missed" if one.missed else "reached"
        table.add_row(one.estimate.metric, f"{one.estimate.value:.3f}", f"{one.least:.3f}", f"{one.real:.3f}", told)
    if table.row_count:
        Console().print(table)


def settings(keys: Iterable[Key]) -> None:
    """Each key with its value here, what it may be, and what it means: a table, or a list where it has no room."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if console.is_terminal and console.width < _WIDE:
        for key in keys:
            console.print(f"{key.name} = {key.value}   ({_may_be(key)})\n    {key.description}")
        return
    table = Table("key", "value", "type, bounds", "meaning")
    for column, most in zip(table.columns, (None, 26, 26, None), strict=True):  # what is left is the meaning's
        column.overflow, column.max_width = "fold", most
    table.columns[0].no_wrap = True
    for key in keys:
        table.add_row(key.name, key.value, _may_be(key), key.description)
    Console(width=max(_WIDE, console.width), markup=False, highlight=False).print(table)


def _may_be(key: Key) -> str:
    return "; ".join(filter(None, (key.kind, key.bounds)))
