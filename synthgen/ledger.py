"""The ledger: an append-only, hash-chained account of every attempt and its verdicts. Private: it names scores.

Each line is JSON and ends with the digest of the line before it and itself, so that no line can be changed, dropped or
slipped in without breaking every later one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from synthgen.errors import UserError
from synthgen.files import disk_errors
from synthgen.records import JsonValue

_START = "0" * 32


def chain(previous: str, entry: Mapping[str, JsonValue]) -> str:
    """The digest that closes ``entry`` after a line whose digest is ``previous``."""
    text = previous + json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read_ledger(path: Path) -> tuple[list[dict[str, JsonValue]], int]:
    """The whole entries of a ledger and the length in bytes that they take; a torn last line is left out.

    Raises:
        UserError: if a line was altered.
    """
    entries, size = [], 0
    for entry, _, length in _lines(path):
        entries.append(entry)
        size += length
    return entries, size


def _lines(path: Path) -> Iterator[tuple[dict[str, JsonValue], str, int]]:
    """Whole entries, one after the other, each with its digest and its length in bytes."""
    if not path.exists():
        return
    previous = _START
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                entry = json.loads(line)
                digest = entry.pop("digest")
            except (ValueError, KeyError, AttributeError):
                digest, entry = None, {}
            if digest is None or digest != chain(previous, entry):
                raise UserError(f"the ledger of this work folder was altered (line {number}); use a new --work")
            yield entry, digest, len(line)
            previous = digest


class Ledger:
    """Appends to a ledger file, from where its last whole line ends. It holds no entry, however many there are.

    Attributes:
        recorded: entries that the file holds.
    """

    def __init__(self, path: Path) -> None:
        self.recorded, size = 0, 0
        self._path, self._previous = path, _START
        for _, digest, length in _lines(path):
            self.recorded += 1
            self._previous = digest
            size += length
        if path.exists():
            os.truncate(path, size)

    def known(self) -> Iterator[dict[str, JsonValue]]:
        """The entries that are recorded now, in order; what is appended while they are read is none of them."""
        return (entry for entry, _, _ in islice(_lines(self._path), self.recorded))

    def append(self, entries: Iterable[Mapping[str, JsonValue]]) -> None:
        """Appends entries and syncs them to disk before it returns."""
        lines = []
        for entry in entries:
            self._previous = chain(self._previous, entry)
            closed = {**entry, "digest": self._previous}
            lines.append(json.dumps(closed, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n")
            self.recorded += 1
        with disk_errors(self._path.parent):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
