"""Digests that identify and do not disclose: keyed, so that nobody who lacks the key can try values until one fits.

A seed, a setting or a patient's number is guessed in a second when its plain digest is public.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

from synthgen.files import write_atomically

KEY_BYTES = 32


def keyed(key: bytes, *parts: str | bytes) -> str:
    """Hex digest (128 bits) of the parts under ``key`` (up to 64 bytes): BLAKE2b in its keyed mode (RFC 7693).

    >>> keyed(b"secret", "model") == keyed(b"secret", "model") != keyed(b"other", "model")
    True
    """
    digest = hashlib.blake2b(key=key, digest_size=16)
    for part in parts:
        text = part.encode() if isinstance(part, str) else part
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()


def keyed_seed(key: bytes, *parts: str | bytes) -> int:
    """A seed below 2^31 that tells nothing of the parts."""
    return int(keyed(key, *parts)[:8], 16) >> 1


def content_digest(payload: object) -> bytes:
    """Digest (128 bits) of what a payload holds: arrays, dataclasses, sequences and plain values, nested.

    Paths are left out: where a file lies is no part of what it is.

    Raises:
        TypeError: the payload holds something else.
    """
    digest = hashlib.blake2b(digest_size=16)
    for piece in _pieces(payload):
        digest.update(piece)
    return digest.digest()


def form(payload: object) -> str:
    """What kind of value a payload is: an array with its shape, or its type. Contents of two forms never agree."""
    import numpy as np  # where a digest is of text alone, it does not cost an array library

    array = f"{payload.dtype}{payload.shape}" if isinstance(payload, np.ndarray) else ""
    return f"{type(payload).__name__} {array}".strip()


def agrees(mark: Path, private: str) -> bool:
    """True when ``mark``, written by :func:`write_mark`, was written for the digest ``private``."""
    try:
        values = json.loads(mark.read_text("utf-8"))
        return bool(keyed(bytes.fromhex(values["salt"]), private) == values["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_mark(mark: Path, private: str) -> None:
    """Writes a salted digest of ``private``, by which it is known again; the file gives neither it nor its parts."""
    salt = secrets.token_bytes(KEY_BYTES)
    write_atomically(mark, json.dumps({"salt": salt.hex(), "digest": keyed(salt, private)}).encode())


def _pieces(value: object) -> Iterator[bytes]:
    import numpy as np

    if isinstance(value, np.ndarray):
        yield form(value).encode()
        yield np.ascontiguousarray(value).tobytes()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield f"<{type(value).__name__}".encode()
        for field in dataclasses.fields(value):
            yield from _pieces(getattr(value, field.name))
        yield b">"
    elif isinstance(value, tuple | list):
        yield f"[{len(value)}".encode()
        for inner in value:
            yield from _pieces(inner)
    elif value is None or isinstance(value, str | bytes | bool | int | float | np.generic):
        yield f"{type(value).__name__}:{value!r},".encode()
    elif not isinstance(value, Path):
        raise TypeError(f"no digest of a {type(value).__name__}: payloads are arrays, dataclasses and plain values")
