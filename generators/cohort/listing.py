"""What is found in a cohort's folder: files by the end of their name, entries in order, what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from synthgen.errors import UserError
from synthgen.records import Skipped


class Entry(Protocol):
    """One record of the cohort.

    Attributes:
        where: where the user finds it, for messages: ``"metadata.csv, row 12"``.
    """

    @property
    def record(self) -> str: ...

    @property
    def file(self) -> Path: ...

    @property
    def where(self) -> str: ...


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table. ``row["Path"]`` is the stripped cell, or ``""`` where the column is absent.

    Attributes:
        where: for messages, ``"metadata.csv, row 12"``; the header is row 1, as in a spreadsheet.
    """

    where: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def wide_enough(where: str, cells: Sequence[str], least: int, columns: int) -> None:
    """Raises UserError for a row of fewer than ``least`` cells, or of one that stands under no column."""
    if len(cells) < least or any(cell.strip() for cell in cells[columns:]):
        raise UserError(
            f"{where}: {len(cells)} cells under {columns} columns; "
            "a value with a comma in it must stand in double quotes"
        )


def counted(reasons: Counter[str]) -> tuple[Skipped, ...]:
    """The reasons with their counts, the most frequent first."""
    return tuple(Skipped(reason, count) for reason, count in sorted(reasons.items(), key=lambda rc: (-rc[1], rc[0])))


def also_skipped(skipped: Iterable[Skipped], reason: str, count: int) -> tuple[Skipped, ...]:
    """The same, and so many more for one reason."""
    return counted(Counter({skip.reason: skip.count for skip in skipped}) + Counter({reason: count}))


def in_order(entries: Iterable[E]) -> tuple[E, ...]:
    """The entries by record id, whatever the order of the table or of the file system.

    Raises:
        UserError: two entries have the same record id.
    """
    ordered = sorted(entries, key=lambda entry: entry.record)
    for before, after in pairwise(ordered):
        if before.record == after.record:
            raise UserError(
                f"{before.file.name} is named twice, in {before.where} and in {after.where}: keep one of the two"
            )
    return tuple(ordered)


def none_absent(entries: Sequence[Entry], absent: Sequence[Entry], what: str, key: str) -> None:
    """Refuses files that are not there.

    Args:
        what: ``"images"``.
        key: the setting by which they may be left out.
    """
    if absent:
        raise UserError(
            f"{len(absent)} of {len(entries)} {what} are absent, the first {absent[0].file.name} "
            f"({absent[0].where}): add them, delete their rows, or set {key}=skip"
        )


def inside(folder: Path, name: str, where: str) -> Path:
    """A file below the folder. Raises UserError for an empty name, an absolute path, or one that leads outside."""
    relative = PurePosixPath(name.replace("\\", "/"))
    if not name.strip():
        raise UserError(f"{where}: the file_name is empty")
    if relative.is_absolute() or ".." in relative.parts:
        raise UserError(f"{where}: the file_name must be a path below the table's folder")
    return folder / relative


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Every file below the folder whose name ends so, in lower case; sorted, hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )


def files_by_name(folders: Iterable[Path], suffixes: Collection[str]) -> dict[str, Path]:
    """Those that lie directly in the folders, by file name; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for file in folder.iterdir():
                if file.suffix.lower() in suffixes:
                    found.setdefault(file.name, file)
    return found


def licence_of(data: Path, told: Counter[str] | None = None) -> str:
    """The commonest licences that a table tells, the first line of a LICENSE file, or that only the holder knows."""
    if known := [name[:60] for name, _ in (told or Counter()).most_common(3) if name]:
        return "; ".join(known)
    for name in ("LICENSE", "LICENSE.txt", "LICENCE", "LICENCE.txt"):
        if (data / name).is_file():
            for line in (data / name).read_text(encoding="utf-8", errors="replace").splitlines():
                if line.strip():
                    return line.strip()[:200]
    return "as stated by the data holder"
