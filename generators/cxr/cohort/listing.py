"""What a layout's module finds in a folder: which image is whose, and in which condition. No pixel is read yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthgen.generators.cxr.cohort.pixels import Shown
from synthgen.payloads.cxr import CxrCondition
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
        born: the date or year of birth as written, where the folder tells: one person has one.
        inverted: whether the file is a negative, where a table tells; None asks the file, or else the picture itself.
    """

    patient: str
    record: str
    condition: CxrCondition
    file: Path
    where: str
    study: str = ""
    number: str = ""
    bare: str = ""
    born: str = ""
    inverted: bool | None = None


@dataclass(frozen=True)
class Listing:
    """A cohort before its pixels.

    Attributes:
        measure: reads width and height in pixels from a file's header; raises UserError where it is not an image.
        decode: reads a file as uint8 [size, size], given what its entry says of ``inverted``; raises UserError where it
            cannot be decoded.
    """

    layout: str
    licence: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]
    measure: Callable[[Path], tuple[int, int]]
    decode: Callable[[Path, int, bool | None], Shown]
