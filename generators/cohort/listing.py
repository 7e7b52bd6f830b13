"""What is found in a cohort's folder: files by the end of their name, entries in order, what is left out and why."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Protocol, TypeVar
from urllib.parse import unquote

from synthgen.errors import UserError
from synthgen.records import Skipped

UNKNOWN: Final = "modality.cohort.unknown"
ARCHIVES: Final = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
"""Ends of names, in lower case."""
_NOT_ENTERED: Final = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
_LONGEST_LINK: Final = 512
_LONGEST_NAME: Final = 255  # bytes of a part of a path, on all file systems in use
_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]|\\\\|//")


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


class RowError(UserError):
    """A row, or a header, from which a record cannot be made: an error, or left out where the settings say so.

    Attributes:
        reason: a fixed phrase under which such rows are counted.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class LeftOutError(Exception):
    """A row that is in order, and whose record is not wanted: a lateral view, a finding that is uncertain."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Rows:
    """What is wrong or remarkable in the rows of a cohort's tables: kept until all are read, then told in one go.

    Args:
        unknown: what a row is that cannot be read: an error, or left out and counted.
        say: where notes go.
    """

    def __init__(self, unknown: Literal["error", "skip"], say: Callable[[str], None]) -> None:
        self.say = say
        self._skip = unknown == "skip"
        self._problems: list[RowError] = []
        self._left_out: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within, a :class:`RowError` or :class:`LeftOutError` ends the row and not the table."""
        try:
            yield
        except RowError as error:
            self.add(error)
        except LeftOutError as left_out:
            self._left_out[left_out.reason] += 1

    def add(self, problem: RowError) -> None:
        self._problems.append(problem)

    def note(self, remark: str) -> None:
        """Counts a remark, which is told with its count: ``"ages outside 0 to 120 are taken as unknown"``."""
        self._notes[remark] += 1

    def left_out(self) -> Counter[str]:
        """The reasons of all rows that are left out, with counts; tells the notes.

        Raises:
            UserError: there are such rows and they are errors: the first in full, the number of the others.
        """
        if self._problems and not self._skip:
            others = len(self._problems) - 1
            more = f" (and {others} more rows that cannot be read)" if others else ""
            raise UserError(f"{self._problems[0]}{more}; put it right, or set {UNKNOWN}=skip to leave such rows out")
        for remark, count in self._notes.items():
            self.say(f"{count} {remark}")
        return self._left_out + Counter(problem.reason for problem in self._problems)


def wide_enough(where: str, cells: Sequence[str], least: int, columns: int, separator: str = "comma") -> None:
    """Raises RowError for a row of fewer than ``least`` cells, or of one that stands under no column."""
    if len(cells) < least or any(cell.strip() for cell in cells[columns:]):
        raise RowError(
            f"{where}: {len(cells)} cells under {columns} columns; "
            f"a value with a {separator} in it must stand in double quotes",
            "row with too few or too many cells",
        )


def whole(text: str) -> int | None:
    """A cell as a whole number; None where it is none, as ² is a digit and no number, or is longer than nine digits."""
    return int(text) if text.isdecimal() and len(text) <= 9 else None


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


def none_absent(entries: Sequence[Entry], absent: Sequence[Entry], what: str, key: str, hint: str = "") -> None:
    """Refuses files that are not there.

    Args:
        what: ``"images"``.
        key: the setting by which they may be left out.
        hint: what else may be the matter; it goes before the general advice.
    """
    if absent:
        raise UserError(
            f"{len(absent)} of {len(entries)} {what} are absent, the first {absent[0].file.name} "
            f"({absent[0].where}): {f'{hint}; or ' if hint else ''}add them, delete their rows, or set {key}=skip"
        )


def is_there(path: Path) -> bool:
    """Whether it is a file; no name that a table has is too long to ask."""
    try:
        return path.is_file()
    except OSError:
        return False


def inside(folder: Path, name: str, where: str) -> Path:
    """A file below the folder. Raises RowError for a name that is empty, too long, absolute, or leads outside."""
    relative = PurePosixPath(name.replace("\\", "/"))
    if not name.strip():
        raise RowError(f"{where}: the file_name is empty", "row without a file name")
    if any(len(part.encode("utf-8", "surrogatepass")) > _LONGEST_NAME for part in relative.parts):
        raise RowError(f"{where}: the file_name is longer than any file's", "file name longer than any file's")
    if relative.is_absolute() or ".." in relative.parts or _DRIVE.match(name):
        raise RowError(
            f"{where}: the file_name must be a path below the table's folder",
            "file name that is no path below the table",
        )
    return folder / relative


def walk(folder: Path, dead: list[Path] | None = None) -> Iterator[Path]:
    """Every file below the folder, in the order of the paths within each folder; hidden ones are passed over.

    Linked folders are entered after those that are there themselves, and no folder is entered twice, so that a link to
    a folder above ends no program and a link to a folder beside shows no file twice.

    Args:
        dead: where given, links that lead nowhere are added to it.
    """
    waiting, entered = [folder], set[tuple[int, int]]()
    while waiting:
        linked: list[Path] = []
        for start in waiting:
            yield from _walk(start, entered, linked, dead)
        waiting = linked


def _walk(start: Path, entered: set[tuple[int, int]], linked: list[Path], dead: list[Path] | None) -> Iterator[Path]:
    for at, subfolders, names in os.walk(start):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in entered:
            subfolders[:] = []
            continue
        entered.add((status.st_dev, status.st_ino))
        shown = sorted(name for name in subfolders if not name.startswith(".") and name not in _NOT_ENTERED)
        links = [name for name in shown if Path(at, name).is_symlink()]
        linked += [Path(at, name) for name in links]
        subfolders[:] = [name for name in shown if name not in links]
        for name in sorted(names):
            path = Path(at, name)
            if name.startswith("."):
                continue
            if path.is_file():
                yield path
            elif dead is not None and path.is_symlink():
                dead.append(path)


def is_written_link(path: Path) -> bool:
    """True for a link that a copy has written out as a text file: it holds nothing but the path of something there."""
    if path.suffix or path.stat().st_size > _LONGEST_LINK:
        return False
    try:
        target = path.read_text("utf-8")
        return "/" in target and "\n" not in target.rstrip("\n") and (path.parent / target.strip()).exists()
    except (OSError, ValueError):
        return False


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Every file below the folder whose name ends so, in lower case; sorted, hidden ones left out. See :func:`walk`."""
    return sorted(path for path in walk(folder) if path.suffix.lower() in suffixes)


def archives_in(folder: Path) -> list[Path]:
    """The archives that lie directly in the folder, sorted: as a rule nobody has unpacked them yet."""
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(ARCHIVES) and path.is_file())


class Finder:
    """Finds the files that a table names, although they are written otherwise there than in the folder.

    A path that is there is taken. Else capitals and Unicode forms do not count; then the ending does not, where it is
    one of the known or lacks; then folders that lie between the table and the file. Only a name that one file alone
    answers to is found: a guess between two would be a guess between two patients.

    Args:
        suffixes: endings of files of the kind that is looked for, in lower case.
    """

    def __init__(self, folder: Path, suffixes: Collection[str]) -> None:
        self._folder = folder
        self._suffixes = suffixes
        self._indexed: dict[str, list[tuple[str, Path]]] | None = None

    def find(self, file: Path, rows: Rows) -> Path:
        """The file, or the one that is meant by it, which is noted; the same path again where there is none."""
        if is_there(file):
            return file
        named = _folded(unquote(file.relative_to(self._folder).as_posix()))
        stem = self._stem(named)
        near = self._index().get(stem.rpartition("/")[2], [])
        tries = (
            ("are written otherwise in the folder (capitals, Unicode form)", [p for key, p in near if key == named]),
            ("have another ending in the folder", [p for key, p in near if self._stem(key) == stem]),
            ("lie in a folder further down", [p for key, p in near if self._stem(key).endswith(f"/{stem}")]),
        )
        for remark, found in tries:
            if len(found) == 1:
                rows.note(f"files that the table names {remark}")
                return found[0]
            if found:
                break
        return file

    def named(self, name: str, rows: Rows) -> Path | None:
        """The one file of this name anywhere below, where names alone tell files apart: noted; None for none or two."""
        stem = self._stem(_folded(name)).rpartition("/")[2]
        found = self._index().get(stem, [])
        if len(found) != 1:
            return None
        rows.note("files of the table lie in other folders than the set's own")
        return found[0][1]

    def _index(self) -> dict[str, list[tuple[str, Path]]]:
        if self._indexed is None:
            self._indexed = defaultdict(list)
            for path in walk(self._folder):
                key = _folded(path.relative_to(self._folder).as_posix())
                if path.suffix.lower() in self._suffixes or not path.suffix:
                    self._indexed[self._stem(key).rpartition("/")[2]].append((key, path))
        return self._indexed

    def _stem(self, key: str) -> str:
        suffix = PurePosixPath(key).suffix
        return key.removesuffix(suffix) if suffix in self._suffixes else key


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def files_by_name(folders: Iterable[Path], suffixes: Collection[str]) -> dict[str, Path]:
    """Those that lie directly in the folders, by file name; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for file in folder.iterdir():
                if file.suffix.lower() in suffixes and not file.name.startswith("."):
                    found.setdefault(file.name, file)
    return found


class ByName:
    """Files by their names alone, whatever the capitals, Unicode form and ending, as far as one file answers."""

    def __init__(self, files: Mapping[str, Path], suffixes: Collection[str]) -> None:
        self._left = dict(files)
        self._suffixes = suffixes
        self._near: dict[str, list[str]] = defaultdict(list)
        for name in files:
            self._near[self._stem(name)].append(name)

    def take(self, name: str, rows: Rows) -> Path | None:
        """The file of this name, which is then no longer left; None where there is none, or several may be meant."""
        if name not in self._left:
            near = [other for other in self._near.get(self._stem(name), ()) if other in self._left]
            if len(near) != 1:
                return None
            rows.note("files that the table names are written otherwise in the folder (capitals, form, ending)")
            name = near[0]
        return self._left.pop(name)

    def left(self) -> int:
        return len(self._left)

    def _stem(self, name: str) -> str:
        folded = _folded(name)
        suffix = PurePosixPath(folded).suffix
        return folded.removesuffix(suffix) if suffix in self._suffixes else folded


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
