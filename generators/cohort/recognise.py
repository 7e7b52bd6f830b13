"""Which layout a folder has, by the tables and files in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

from synthgen.errors import UserError
from synthgen.generators.cohort.listing import ARCHIVES, archives_in

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """One layout: how it is recognised, and how it is read.

    Attributes:
        looked_for: what the folder must hold, in the words of an error message.
        read: of the modality's own kind.
        deep: it is recognised by what lies at any depth, so that a folder further down is no better.
    """

    name: str
    looked_for: str
    recognises: Callable[[Path], bool]
    read: R
    deep: bool = False


_DEEPEST: Final = 4
"""PhysioNet's downloads lie so far down: physionet.org/files/mimic-cxr-jpg/2.1.0."""
_MOST_FOLDERS: Final = 400
_MOST_NAMED: Final = 3


def recognise(
    data: Path,
    layouts: Sequence[Layout[R]],
    named: str,
    *,
    holds: str,
    first: bool = False,
    hint: Callable[[Path], str | None] | None = None,
) -> Layout[R]:
    """The folder's layout, or the one that the configuration names.

    Args:
        named: a layout's name, or ``"auto"``.
        holds: what the folder must hold, ``"the images and their table"``.
        first: where several fit, the first is taken; otherwise they are refused.
        hint: what the modality knows of a folder that fits no layout; folders above and below are looked into besides.

    Raises:
        UserError: the folder is absent, a file, or empty; none of the layouts fits, or two do.
    """
    _filled(data, holds, layouts if hint else ())
    if named != "auto":
        return next(layout for layout in layouts if layout.name == named)
    fitting = [layout for layout in layouts if layout.recognises(data)]
    if len(fitting) == 1 or (fitting and first):
        return fitting[0]
    if fitting:
        found = " and ".join(f"{layout.name} ({layout.looked_for})" for layout in fitting)
        raise UserError(f"{data} fits more than one layout: {found}; name one with modality.cohort.layout")
    if hint is not None and (said := _nearby(data, layouts) or hint(data)):
        raise UserError(f"no known layout in {data}: {said}")
    looked_for = "; ".join(f"{layout.name}: {layout.looked_for}" for layout in layouts)
    raise UserError(f"no known layout in {data}; looked for {looked_for}")


def _nearby(data: Path, layouts: Sequence[Layout[R]]) -> str | None:
    """Where a layout fits further down, or above; else which archives wait to be unpacked."""
    if further := list(islice(_fitting_below(data, layouts), _MOST_NAMED + 1)):
        named = " or ".join(f"{folder} ({layout.name})" for folder, layout in further[:_MOST_NAMED])
        more = ", or another" if len(further) > _MOST_NAMED else ""
        return f"did you mean --data {named}{more}?"
    for above in data.resolve().parents[:2]:
        if (layout := _fits(above, layouts)) is not None:
            return f"did you mean the folder above, --data {above} ({layout.name})?"
    if archives := archives_in(data):
        return f"it holds {len(archives)} archives, such as {archives[0].name}: unpack them there"
    return None


def _fits(folder: Path, layouts: Sequence[Layout[R]]) -> Layout[R] | None:
    try:
        return next((layout for layout in layouts if not layout.deep and layout.recognises(folder)), None)
    except OSError:
        return None


def _fitting_below(data: Path, layouts: Sequence[Layout[R]]) -> Iterator[tuple[Path, Layout[R]]]:
    """Folders in which a layout fits, level by level; what lies in one that fits is not looked into."""
    level, seen = [data], 0
    for _ in range(_DEEPEST):
        below = [folder for above in level for folder in _folders(above)]
        level = []
        for folder in below:
            if (seen := seen + 1) > _MOST_FOLDERS:
                return
            if (layout := _fits(folder, layouts)) is not None:
                yield folder, layout
            else:
                level.append(folder)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _filled(data: Path, holds: str, layouts: Sequence[Layout[R]]) -> None:
    if not data.exists():
        raise UserError(f"the cohort folder {data} does not exist")
    if not data.is_dir():
        if data.name.lower().endswith(ARCHIVES):
            raise UserError(f"{data} is an archive: unpack it, and give the folder that holds {holds}")
        meant = f": did you mean --data {data.parent}?" if _fits(data.parent, layouts) else ""
        raise UserError(f"{data} is a file: give the folder that holds {holds}{meant}")
    try:
        empty = next(data.iterdir(), None) is None
    except OSError as error:
        raise UserError(f"the cohort folder {data} cannot be read: {error.strerror}") from None
    if empty:
        raise UserError(f"the cohort folder {data} is empty")
