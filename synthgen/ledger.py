"""The ledger: an append-only, hash-chained account of every attempt and its verdicts. Private: it names scores.

Each line is JSON and ends with the digest of the line before it and itself, so that no line can be changed, dropped or
slipped in without breaking every later one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
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
    entries: list[dict[str, JsonValue]] = []
    if not path.exists():
        return entries, 0
    previous, size = _START, 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            entry = json.loads(line)
            digest = entry.pop("digest")
        except (ValueError, KeyError, AttributeError):
            digest = None
            entry = {}
        if digest is None or digest != chain(previous, entry):
            raise UserError(f"the ledger of this work folder was altered (line {len(entries) + 1}); use a new --work")
        entries.append(entry)
        previous, size = digest, size + len(line) + 1
    return entries, size


class Ledger:
    """Appends to a ledger file, from where its last whole line ends."""

    def __init__(self, path: Path) -> None:
        self.entries, size = read_ledger(path)
        self._path = path
        self._previous = _START
        for entry in self.entries:
            self._previous = chain(self._previous, entry)
        if path.exists():
            os.truncate(path, size)

    def append(self, entries: Iterable[Mapping[str, JsonValue]]) -> None:
        """Appends entries and syncs them to disk before it returns."""
        lines = []
        for entry in entries:
            self._previous = chain(self._previous, entry)
            closed = {**entry, "digest": self._previous}
            lines.append(json.dumps(closed, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n")
            self.entries.append(dict(entry))
        with disk_errors(self._path.parent):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
