"""Text as it lies on the disks of data holders: byte order marks, UTF-16, Windows code pages, control characters."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from synthgen.errors import UserError
from synthgen.progress import Progress

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE: Final = 400
# No word of a Western language has four such letters and signs in a row; one in another code page has.
_NOT_WESTERN: Final = re.compile(r"(?=[^\x00-\x7f]{4})(?:[^\x00-\x7f]{0,3}[À-ÖØ-öø-ÿ]){2}")
_MOJIBAKE: Final = re.compile("[\u00c2\u00c3\u00e2][^\\x00-\\x7f]")
_FOREIGN: Final = 0.4
"""Share of letters beyond ASCII above which a line was not written in Windows-1252 (Cyrillic, Greek, Chinese, …)."""
_RETURN: Final = re.compile(b"(?<=\r)(?!\n)")
_OTHER: Final = {
    b"PK\x03\x04": ("an office document or an archive", "save it as CSV or as plain text (UTF-8)"),
    b"\xd0\xcf\x11\xe0": ("an old office document", "save it as CSV or as plain text (UTF-8)"),
    b"%PDF": ("a PDF", "save it as plain text (UTF-8)"),
    b"{\\rtf": ("rich text", "save it as plain text (UTF-8)"),
    b"PAR1": ("a Parquet file", "let its name end in .parquet"),
    b"SQLite format 3": ("a data base", "export it as CSV (UTF-8)"),
    b"\x1f\x8b": ("compressed with gzip", "let its name end in .gz"),
}
# C0 and C1 controls but for tab and line feed; byte order marks; bidirectional overrides; lone surrogates.
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_ENDS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class DamagedError(UserError):
    """A file that cannot be read, which ``cohort.damaged=skip`` leaves out."""


def clean(text: str) -> str:
    """The text without control characters, with ``\\n`` for every kind of line end, and stripped."""
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", text)).strip()


def mended(text: str) -> str:
    """What UTF-8 was before something took it for Windows-1252: ``Müde``, of ``MÃ¼de``; any other text as it is."""
    if not _MOJIBAKE.search(text):
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def has_control(text: str) -> bool:
    """True where ``clean`` takes away more than white space."""
    return _CONTROL.search(_LINE_ENDS.sub("\n", text)) is not None


def one_line(text: str, longest: int = 60) -> str:
    """A name as it may stand in a message: cleaned, on one line, cut."""
    return " ".join(clean(text).split())[:longest]


def lines(path: Path, progress: Progress) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text file, line ends included, whatever encoding each is in.

    UTF-16 and UTF-32 are known by their mark or by their zeros. A line of another file that is not UTF-8 is read as
    Windows-1252 (Latin-1 where that has no letter), which is said once a file.

    Raises:
        DamagedError: the file cannot be read, is of another kind, or its gzip stream or its UTF-16 is damaged.
    """
    number = 0
    try:
        with _open(path) as file:
            _refuse_other(path, cast(io.BufferedReader, file).peek(_SAMPLE)[:_SAMPLE])
            wide = _wide_encoding(cast(io.BufferedReader, file).peek(_SAMPLE)[:_SAMPLE])
            if wide:
                progress.say(f"{path.name} is read as {wide.upper()}")
                for number, line in enumerate(io.TextIOWrapper(file, encoding=wide, newline="\n"), start=1):
                    yield number, line
                return
            other = 0
            for number, raw in enumerate(_split(file), start=1):
                content = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
                try:
                    yield number, content.decode("utf-8")
                except UnicodeDecodeError:
                    other += 1
                    yield number, _windows(content)
            if other:
                progress.say(f"{path.name}: {other} of {number} lines are not UTF-8 and are read as Windows-1252")
    except UnicodeDecodeError:
        raise DamagedError(f"{path.name} is damaged after line {number}: save it as UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DamagedError(f"{path.name} is a damaged gzip file (after line {number})") from None
    except OSError as error:
        raise DamagedError(f"{path.name} cannot be read: {error.strerror or 'input/output error'}") from None


def head(path: Path, progress: Progress, most: int = 1 << 18) -> str:
    """The beginning of a text file, some hundred thousand characters. Raises UserError like :func:`lines`."""
    found: list[str] = []
    length = 0
    for _, line in lines(path, progress):
        found.append(line[:most])
        length += len(line)
        if length > most:
            break
    return "".join(found)


def _split(file: BinaryIO) -> Iterator[bytes]:
    """Lines that end in a line feed, or in a carriage return alone."""
    for line in file:
        yield from _RETURN.split(line) if b"\r" in line[:-2] else (line,)


def _refuse_other(path: Path, head: bytes) -> None:
    for mark, (what, cure) in _OTHER.items():
        if head.startswith(mark):
            raise DamagedError(f"{path.name} is {what}, whatever its name says: {cure}")


def whole(path: Path, progress: Progress) -> str:
    """All of a text file. Raises UserError like :func:`lines`."""
    return "".join(line for _, line in lines(path, progress))


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _wide_encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2], head[1::2]
    if len(odd) >= 2 and odd.count(0) > 0.6 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if len(odd) >= 2 and even.count(0) > 0.6 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return ""


def _windows(content: bytes) -> str:
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    letters = sum(c.isalpha() for c in text)
    foreign = sum(c.isalpha() and not c.isascii() for c in text)
    if _NOT_WESTERN.search(text) or (letters > 8 and foreign > _FOREIGN * letters):
        raise UnicodeDecodeError("cp1252", content, 0, len(content), "no language of these letters")
    return text
