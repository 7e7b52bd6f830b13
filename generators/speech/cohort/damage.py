"""Files that were cut off, told by what their containers promise: libsndfile corrects a wrong count in silence.

A length of 0, or of as much as the field holds, is what programs write that do not know it yet (pipes, recorders that
crash): such a file is read to its end.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

_UNTOLD: Final = 0x7FFF_0000
"""From here on a 32-bit length stands for "not known": SoX writes 0x7FFFF000, ffmpeg 0xFFFFFFFF."""
_SLACK: Final = 8
_MP3_HEAD: Final = 8192
_OGG_TAIL: Final = 2**17


def cut_off(path: Path) -> str:
    """``"is cut off: 40% of its sound is there"``, or ``""`` for a file that holds what it promises, or does not say.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        promised = _promised(file, size)
        if promised is None or promised[0] <= promised[1] + _SLACK:
            return ""
        return f"is cut off: {promised[1] / promised[0]:.0%} of its sound is there"


def no_last_page(path: Path) -> bool:
    """True for an Ogg file whose last page is not marked as the last: it was cut off, or its recorder was."""
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(max(0, path.stat().st_size - _OGG_TAIL))
        tail = file.read()
    at = tail.rfind(b"OggS")
    return at < 0 or at + 5 >= len(tail) or not tail[at + 5] & 4


class Mended(io.FileIO):
    """A WAV of which the header says that it has no samples, read as if it said how many there are."""

    def __init__(self, path: Path, at: int, length: int) -> None:
        super().__init__(path, "rb")
        self._at, self._length = at, struct.pack("<I", length)

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        read = super().readinto(buffer) or 0
        for number, byte in enumerate(self._length, start=self._at - start):
            if 0 <= number < read:
                buffer[number : number + 1] = bytes([byte])
        return read


def mended(path: Path) -> Mended | None:
    """The file, where its header says that it has no samples and it has some; such a recorder was never stopped."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        for name, told, at in _chunks(file, size, "<"):
            if name == b"data":
                there = min(size - at, _UNTOLD)
                return Mended(path, at - 4, there) if told == 0 and there else None
    return None


def _promised(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Bytes of sound that the file says it has, and those that it has."""
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        return _wav(file, size, "<")
    if head[:4] == b"RIFX" and head[8:] == b"WAVE":
        return _wav(file, size, ">")
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return next(((told, size - at) for name, told, at in _chunks(file, size, ">") if name == b"SSND"), None)
    if head[:4] == b".snd" and len(head) == 12:
        at, told = struct.unpack(">II", head[4:])
        return None if told >= _UNTOLD else (told, size - at)
    if head[:3] == b"ID3" or head[:1] == b"\xff":
        return _mp3(file, size)
    return None


def _wav(file: BinaryIO, size: int, order: str) -> tuple[int, int] | None:
    long = None
    for name, told, at in _chunks(file, size, order):
        if name == b"ds64":
            long = struct.unpack(order + "Q", file.read(16)[8:])[0] if told >= 16 else None
        elif name == b"data":
            if told >= _UNTOLD:
                told = long or 0
            return (told, size - at) if told else None
    return None


def _chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, length and first byte of every chunk after the head."""
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, told = struct.unpack(f"{order}4sI", file.read(8))
        yield name, told, at + 8
        at += 8 + told + told % 2


def _mp3(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """By the Xing or Info frame, which encoders put first; without one nothing is known."""
    file.seek(0)
    head = file.read(10)
    first = 0
    if head[:3] == b"ID3" and len(head) == 10:
        first = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    file.seek(first)
    frame = file.read(_MP3_HEAD)
    at = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    if at < 0 or len(frame) < at + 16 or not frame[at + 7] & 2:
        return None
    told = struct.unpack(">I", frame[at + 8 + 4 * (frame[at + 7] & 1) :][:4])[0]
    return told, size - first
