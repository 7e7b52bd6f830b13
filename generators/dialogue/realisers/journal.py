"""A realiser whose answers survive a kill: an append-only file of answered batches, replayed on the next run.

A server need not be deterministic: what was answered once stays answered, so a run that was killed goes on at the
batch where it was, with the very words that it had.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast, runtime_checkable

from synthgen.files import disk_errors, private_folder
from synthgen.generators.dialogue.realisers.protocol import Finish, Prompt, Realiser, Response


@runtime_checkable
class Forgetful(Protocol):
    """A realiser that keeps something between batches which touches the rounding of later answers."""

    def forget(self) -> None:
        """Drops it, so that what follows does not depend on what came before."""
        ...


def request_digest(request: Prompt, identity: str = "") -> str:
    """Hex digest of what an answer depends on: the model's identity, seed, messages, sampling, schema."""
    parts = [
        identity,
        request.seed,
        [[message.role, message.content] for message in request.messages],
        [request.sampling.max_tokens, request.sampling.temperature, request.sampling.top_p],
        None if request.schema is None else dict(request.schema),
    ]
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Journaled:
    """Wraps a realiser for one run of calls; the same calls after a kill are answered from the file.

    The file (mode 0600) holds one line per batch: the digests of its requests, and the answers. A batch is written
    whole, and a line that was torn by the kill is dropped with what belongs to its segment. Where the calls depart from
    those on file (another model, another version), the file ends there and is written anew.

    Args:
        identity: of the model and its settings; answers of another one are not replayed.
        segment: batches that are written together. More than one only for a realiser that is deterministic but keeps
            state between batches (:class:`Forgetful`): it forgets at the end of each segment, so that a resumed run
            computes an unfinished segment again just as an uninterrupted one does.
    """

    def __init__(self, realiser: Realiser, path: Path, *, identity: str = "", segment: int = 1) -> None:
        if segment < 1:
            raise ValueError(f"segment must be >= 1, got {segment}")
        self._realiser, self._path, self._identity, self._segment = realiser, path, identity, segment
        self._pending: list[bytes] = []
        private_folder(path.parent)
        lines, size = _whole_lines(path)
        batches = [line for line in lines if line != _END]
        whole = len(batches) if _END in lines else len(batches) - len(batches) % segment
        self._replay = deque(batches[:whole])
        self._kept = sum(len(line) for line in batches[:whole])
        self._forget()
        if size:
            self._truncate(self._kept)

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        """Answers from the file where it holds these requests next, from the realiser otherwise."""
        keys = [request_digest(request, self._identity) for request in requests]
        if self._replay:
            answers = _answers(self._replay[0], keys)
            if answers is not None:
                self._replay.popleft()
                return answers
            self._truncate(self._kept - sum(len(line) for line in self._replay))
            self._replay.clear()
        answers = self._realiser.generate(requests)
        line = {"requests": keys, "answers": [[answer.text, answer.finish, answer.reason] for answer in answers]}
        self._pending.append(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        if len(self._pending) == self._segment:
            self._write()
        return answers

    def close(self) -> None:
        """Writes what is pending, and marks the run as finished."""
        if not self._replay:
            self._pending.append(_END)
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._forget()

    def _write(self) -> None:
        with disk_errors(self._path.parent):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(b"".join(self._pending))
                file.flush()
                os.fsync(file.fileno())
        self._pending.clear()
        self._forget()

    def _forget(self) -> None:
        if isinstance(self._realiser, Forgetful):
            self._realiser.forget()

    def _truncate(self, size: int) -> None:
        with disk_errors(self._path.parent), self._path.open("r+b") as file:
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())
        self._kept = size


_END = b'{"end": true}\n'


def _whole_lines(path: Path) -> tuple[list[bytes], int]:
    """The lines of the file up to the first that is torn or no JSON, and the file's size."""
    if not path.exists():
        return [], 0
    content = path.read_bytes()
    lines: list[bytes] = []
    for line in content.splitlines(keepends=True):
        try:
            value = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            value = None
        if not isinstance(value, dict):
            break
        lines.append(line)
    return lines, len(content)


def _answers(line: bytes, keys: Sequence[str]) -> list[Response] | None:
    """The answers of a batch on file, or None where it is another batch."""
    value = json.loads(line)
    if value.get("requests") != list(keys):
        return None
    return [Response(str(text), cast(Finish, finish), str(reason)) for text, finish, reason in value["answers"]]
