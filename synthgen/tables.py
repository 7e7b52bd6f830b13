"""What commands print as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table

from synthgen.records import Estimate
from synthgen.settings import Key

_WIDE: Final = 160


def estimates(found: Iterable[Estimate]) -> None:
    """Each figure with its interval and its n."""
    table = Table("metric", "value", "95% interval", "n", "better")
    for one in found:
        low, high = one.ci95
        table.add_row(one.metric, f"{one.value:.3f}", f"{low:.3f} to {high:.3f}", str(one.n), one.better)
    Console().print(table)


def settings(keys: Iterable[Key]) -> None:
    """Each key with its value here, what it may be, and what it means."""
    table = Table("key", "value", "type, bounds", "meaning", show_lines=False)
    for column in table.columns:
        column.overflow = "fold"
    for key in keys:
        table.add_row(key.name, key.value, "; ".join(filter(None, (key.kind, key.bounds))), key.description)
    console = Console(markup=False, highlight=False)
    console.print(table, width=None if console.is_terminal else max(_WIDE, console.width))
