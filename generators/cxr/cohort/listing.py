"""What a layout's module finds in a folder: which image is whose, and in which condition. No pixel is read yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from synthgen.errors import UserError
from synthgen.payloads.cxr import CxrCondition, CxrImage
from synthgen.records import Skipped

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
"""Pictures that are read, by the end of their name in lower case."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the cohort.

    Attributes:
        where: where the user finds it, for messages: ``"metadata.csv, row 12"``.
        study: the examination that the image belongs to, where the folder tells: one study is of one person.
        number: the patient's number by :func:`number_key`, where ``patient`` is a pseudonym.
        bare: the same without who issued it, where that is known for some of the export only.
    """

    patient: str
    record: str
    condition: CxrCondition
    file: Path
    where: str
    study: str = ""
    number: str = ""
    bare: str = ""


@dataclass(frozen=True)
class Listing:
    """A cohort before its pixels.

    Attributes:
        measure: reads width and height in pixels from a file's header; raises UserError where it is not an image.
        decode: reads a file as uint8 [size, size]; raises UserError where it cannot be decoded.
    """

    layout: str
    licence: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]
    measure: Callable[[Path], tuple[int, int]]
    decode: Callable[[Path, int], CxrImage]


def counted(reasons: Counter[str]) -> tuple[Skipped, ...]:
    """The reasons with their counts, the most frequent first."""
    return tuple(Skipped(reason, count) for reason, count in sorted(reasons.items(), key=lambda rc: (-rc[1], rc[0])))


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries by record id, whatever the order of the table or of the file system.

    Raises:
        UserError: two entries have the same record id.
    """
    ordered = sorted(entries, key=lambda entry: entry.record)
    for before, after in pairwise(ordered):
        if before.record == after.record:
            raise UserError(
                f"{before.file.name} is named twice, in {before.where} and in {after.where}: keep one of the rows"
            )
    return tuple(ordered)


def images_by_name(folders: Iterable[Path]) -> dict[str, Path]:
    """The pictures that lie directly in the folders, by file name; the first folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for file in folder.iterdir():
                if file.suffix.lower() in SUFFIXES:
                    found.setdefault(file.name, file)
    return found
