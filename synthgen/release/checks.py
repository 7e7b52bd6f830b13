"""The last look at a release before it is sealed: it names no patient, no record and no private path."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from synthgen.errors import ReleaseRefusedError
from synthgen.private_paths import names_a_path
from synthgen.release.staging import files_of

_WORD = re.compile(r"[^\W_]+")
_DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+")
_SHORTEST = 5
_LONGEST_SMALL_INTEGER = 6
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_FLAC_STREAMINFO, _FLAC_PADDING, _FLAC_COMMENT = 0, 1, 4
_TEXTS = {"", ".md", ".csv", ".txt", ".html", ".yaml", ".yml", ".rttm", ".vtt", ".textgrid"}


def assert_public(folder: Path, forbidden: Iterable[str]) -> None:
    """Searches every file of the release, and its name, for private strings and absolute paths.

    A forbidden string counts where it begins and ends at the ends of words, letters' case apart: ``P-0012`` is found
    in ``scan_p-0012.png``, but ``1234567`` is not found inside a UID or a digest. Left out, because they would be found
    everywhere, are strings of fewer than 5 characters, and whole numbers of up to 6 digits, with or without a file
    suffix (a record ``000017.png`` is also a name in every release). A reader per file type keeps this honest: a type
    that nobody can read is refused.

    Args:
        folder: the release; every file in it is read.
        forbidden: patients and records of the cohort, the paths of cohort and work folder.

    Raises:
        ReleaseRefusedError: something private was found. The line names the file of the release, never the string.
    """
    needles = _Needles.of(forbidden)
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        for text in (name, *_texts(path, name)):
            if names_a_path(text):
                raise _refused(name, "an absolute path")
            if needles.within(text):
                raise _refused(name, "a patient, a record or a path of the cohort")


@dataclass(frozen=True)
class _Needles:
    """Forbidden strings by their core: the string from its first word to its last, which is looked up by hash."""

    by_core: dict[str, list[str]]
    words: tuple[int, ...]

    @staticmethod
    def of(forbidden: Iterable[str]) -> _Needles:
        by_core: dict[str, list[str]] = {}
        words = set()
        for text in forbidden:
            spans = _spans(text)
            if len(text) < _SHORTEST or _small_integer(text) or not spans:
                continue
            words.add(len(spans))
            by_core.setdefault(text[spans[0][0] : spans[-1][1]].casefold(), []).append(text.casefold())
        return _Needles(by_core, tuple(sorted(words)))

    def within(self, text: str) -> bool:
        """True when one stands in ``text``; the time does not depend on how many there are."""
        spans = _spans(text)
        folded = ""
        for words in self.words:
            for first, last in zip(spans, spans[words - 1 :], strict=False):
                needles = self.by_core.get(text[first[0] : last[1]].casefold())
                if needles:
                    folded = folded or text.casefold()
                    if any(needle in folded for needle in needles):
                        return True
        return False


def _spans(text: str) -> list[tuple[int, int]]:
    return [word.span() for word in _WORD.finditer(text)]


def _small_integer(text: str) -> bool:
    stem = re.sub(r"\.[A-Za-z]\w*$", "", text)
    return stem.isdecimal() and len(stem) <= _LONGEST_SMALL_INTEGER


def _texts(path: Path, name: str) -> Iterator[str]:
    """What a file says in words, a piece at a time."""
    if path.is_symlink():
        raise _refused(name, "a link")
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield _unescaped(line)
    elif suffix == ".json":
        yield _unescaped(path.read_text(encoding="utf-8"))
    elif suffix == ".html":
        yield html.unescape(_DATA_URI.sub("", path.read_text(encoding="utf-8")))
    elif suffix in _TEXTS:
        yield path.read_text(encoding="utf-8")
    elif suffix == ".png":
        if not _png_chunks(path) <= _PNG_CHUNKS:
            raise _refused(name, "metadata inside an image")
    elif suffix == ".dcm":
        yield _dicom_header(path)
    elif suffix == ".parquet":
        yield from _parquet_texts(path)
    elif suffix == ".flac":
        yield _flac_comments(path, name)
    else:
        raise _refused(name, f"a kind of file that this check cannot read ({suffix})")


def _unescaped(text: str) -> str:
    return "\n".join(_strings(json.loads(text)))


def _strings(value: object) -> Iterator[str]:
    """Every key and value in words, as they are: an escaped line end would stick to the word that follows it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    else:
        yield value if isinstance(value, str) else repr(value)


def _png_chunks(path: Path) -> set[bytes]:
    kinds: set[bytes] = set()
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            kinds.add(head[4:])
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return kinds


def _dicom_header(path: Path) -> str:
    from pydicom import dcmread

    data = dcmread(path, stop_before_pixels=True)
    # Values as they lie in the file: half the time of decoding each one, which tells no more here.
    raw = [data.get_item(tag).value for tag in data.keys()]  # noqa: SIM118 - iterating the dataset itself decodes
    meta = [str(element.value) for element in data.file_meta]
    return "\n".join([*meta, *(value.decode("utf-8", "replace") for value in raw if isinstance(value, bytes))])


def _parquet_texts(path: Path) -> Iterator[str]:
    """Every value and the file's own metadata, row by row."""
    with pq.ParquetFile(path) as file:
        yield "\n".join(f"{key!r} {value!r}" for key, value in (file.schema_arrow.metadata or {}).items())
        for batch in file.iter_batches(batch_size=64):
            for row in batch.to_pylist():
                yield "\n".join(_strings(row))


def _flac_comments(path: Path, name: str) -> str:
    """The comments of a FLAC file, which may hold no other metadata than these, its format and padding."""
    with path.open("rb") as file:
        if file.read(4) != b"fLaC":
            raise _refused(name, "a sound file that is no FLAC")
        comments, last = b"", False
        while not last:
            head = file.read(4)
            last, kind = bool(head[0] & 0x80), head[0] & 0x7F
            block = file.read(int.from_bytes(head[1:], "big"))
            if kind == _FLAC_COMMENT:
                comments += block
            elif kind not in {_FLAC_STREAMINFO, _FLAC_PADDING, 3}:  # 3: a table of seek points
                raise _refused(name, "metadata inside a sound file")
    return comments.decode("utf-8", "replace")


def _refused(name: str, what: str) -> ReleaseRefusedError:
    return ReleaseRefusedError(f"{name} of the release would have held {what}: nothing was sealed")
