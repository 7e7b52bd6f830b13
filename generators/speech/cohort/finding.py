"""Which file a table means, where its names were written on another machine, or by another system's rules.

A name is compared in NFC, without case, and with "%20" for a space. What comes before may be of another machine
("/home/x/set/wav/a.wav"), or missing ("a.wav" for clips/a.wav), and so may the ending: a file is taken where one alone
fits all that is known of it.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from synthgen.generators.cohort.listing import is_there

Parts = tuple[str, ...]


class Finder:
    """The sound files below a folder, found by names.

    Attributes:
        otherwise: how many names were found elsewhere than they say, or under another spelling, by what differed.
    """

    def __init__(self, root: Path, files: Iterable[Path]) -> None:
        self._root = root
        self._named: dict[str, list[tuple[Parts, Path]]] = defaultdict(list)
        self._stemmed: dict[str, list[tuple[Parts, Path]]] = defaultdict(list)
        for path in files:
            parts = _parts(path.relative_to(root).as_posix())
            self._named[parts[-1]].append((parts, path))
            self._stemmed[_stem(parts[-1])].append((_without_ending(parts), path))
        self.otherwise: Counter[str] = Counter()

    def find(self, name: str, base: Path) -> Path | None:
        """The file of a name that is relative to ``base``; None where none fits, or several do."""
        plain = PurePosixPath(name.replace("\\", "/"))
        exact = base / plain
        if not plain.is_absolute() and ".." not in plain.parts and is_there(exact):
            return self._as_listed(exact)
        inside = _normal(base, plain, self._root)
        parts = _parts(plain.as_posix())
        if not parts:
            return None
        near = [path for whole, path in self._named[parts[-1]] if inside is not None and whole == inside]
        if len(near) == 1:
            self.otherwise["another spelling of the letters, or case"] += str(near[0]) != os.path.normpath(exact)
            return near[0]
        if ".." in plain.parts:
            return None
        for reason, listed, wanted in (
            ("another folder than the table says", self._named[parts[-1]], parts),
            ("another ending than the table says", self._stemmed[_stem(parts[-1])], _without_ending(parts)),
        ):
            fitting = [path for whole, path in listed if _ends_alike(whole, wanted)]
            if len(fitting) == 1:
                self.otherwise[reason] += 1
                return fitting[0]
        return None

    def _as_listed(self, exact: Path) -> Path:
        """The file as it is called on disk: where case does not count, another spelling is the same file."""
        spelt = [path for _, path in self._named[_parts(exact.name)[-1]] if path.parent == exact.parent]
        return spelt[0] if len(spelt) == 1 else exact

    def notices(self) -> tuple[str, ...]:
        return tuple(f"{count} recordings were found under {how}" for how, count in sorted((+self.otherwise).items()))


def spelt(name: str) -> str:
    """A name as it is compared."""
    return unicodedata.normalize("NFC", name).casefold()


def _parts(name: str) -> Parts:
    plain = PurePosixPath(unquote(name))
    return tuple(spelt(part) for part in plain.parts if part not in ("/", ".", "..") and ":" not in part)


def _normal(base: Path, plain: PurePosixPath, root: Path) -> Parts | None:
    """Where the name leads, below the root and as compared; None where it leads out."""
    walked: list[str] = []
    for part in (*base.relative_to(root).parts, *plain.parts):
        if part == "..":
            if not walked:
                return None
            walked.pop()
        elif part != ".":
            walked.append(spelt(unquote(part)))
    return None if plain.is_absolute() else tuple(walked)


def _ends_alike(whole: Parts, wanted: Parts) -> bool:
    """One is the end of the other: nothing that both know differs."""
    length = min(len(whole), len(wanted))
    return whole[-length:] == wanted[-length:]


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _without_ending(parts: Parts) -> Parts:
    return (*parts[:-1], _stem(parts[-1]))
