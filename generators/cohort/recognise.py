"""Which layout a folder has, by the tables and files in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from synthgen.errors import UserError

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """One layout: how it is recognised, and how it is read.

    Attributes:
        looked_for: what the folder must hold, in the words of an error message.
        read: of the modality's own kind.
    """

    name: str
    looked_for: str
    recognises: Callable[[Path], bool]
    read: R


def recognise(data: Path, layouts: Sequence[Layout[R]], named: str, *, holds: str, first: bool = False) -> Layout[R]:
    """The folder's layout, or the one that the configuration names.

    Args:
        named: a layout's name, or ``"auto"``.
        holds: what the folder must hold, ``"the images and their table"``.
        first: where several fit, the first is taken; otherwise they are refused.

    Raises:
        UserError: the folder is absent, a file, or empty; none of the layouts fits, or two do.
    """
    _filled(data, holds)
    if named != "auto":
        return next(layout for layout in layouts if layout.name == named)
    fitting = [layout for layout in layouts if layout.recognises(data)]
    if len(fitting) == 1 or (fitting and first):
        return fitting[0]
    if fitting:
        found = " and ".join(f"{layout.name} ({layout.looked_for})" for layout in fitting)
        raise UserError(f"{data} fits more than one layout: {found}; name one with modality.cohort.layout")
    looked_for = "; ".join(f"{layout.name}: {layout.looked_for}" for layout in layouts)
    raise UserError(f"no known layout in {data}; looked for {looked_for}")


def _filled(data: Path, holds: str) -> None:
    if not data.exists():
        raise UserError(f"the cohort folder {data} does not exist")
    if not data.is_dir():
        raise UserError(f"{data} is a file: give the folder that holds {holds}")
    try:
        empty = next(data.iterdir(), None) is None
    except OSError as error:
        raise UserError(f"the cohort folder {data} cannot be read: {error.strerror}") from None
    if empty:
        raise UserError(f"the cohort folder {data} is empty")
