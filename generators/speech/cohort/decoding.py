"""Sound files of any kind in blocks: by libsndfile, and what it does not know (m4a, webm, amr, wma) by PyAV.

A file is told by its content, not by its name: telephones write m4a under the name of a wav.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError
from synthgen.generators.speech.cohort.damage import cut_off, mended

BLOCK: Final = 2**18
"""Frames read at once."""
_UNKNOWN: Final = 2**60  # what libsndfile says of a FLAC whose header does not tell its length
_BEYOND: Final = 4.0  # a float file overshoots full scale a little; one with integers in it overshoots it by thousands
_ONLY_PYAV: Final = frozenset(
    {".m4a", ".m4b", ".mp4", ".mov", ".aac", ".webm", ".mka", ".mkv", ".amr", ".3gp", ".3gpp", ".wma", ".ac3"}
)
_NO_SOUND: Final = "is no sound file, or its header is broken"
_NEEDS_PYAV: Final = "needs PyAV to be decoded (pip install 'synthgen-medical[codecs]')"

Block = NDArray[np.float32]


class UnreadableError(Exception):
    """A file cannot be decoded, or holds samples that are no numbers. The message says which, without its content."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header says; ``frames`` is -1 where it does not tell."""

    rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def header(path: Path) -> Header:
    """Reads the header, and whether the file is as long as it says.

    Raises:
        UnreadableError: it is no sound file, or is cut off.
        MissingExtraError: soundfile or soxr is not installed.
    """
    soundfile, _ = libraries()
    try:
        cut = cut_off(path)
        info = soundfile.info(mended(path) or str(path))
    except (soundfile.LibsndfileError, RuntimeError, OSError):
        return _checked(_header_by_pyav(path))
    if cut:
        raise UnreadableError(cut)
    return _checked(Header(info.samplerate, info.channels, -1 if info.frames > _UNKNOWN else info.frames))


def blocks(path: Path) -> Iterator[Block]:
    """The samples in blocks of shape (frames, channels), the last one shorter, or empty.

    Raises:
        UnreadableError: the file cannot be decoded to its end, or holds NaN, infinite or absurd samples.
    """
    soundfile, _ = libraries()
    try:
        source = soundfile.SoundFile(mended(path) or str(path))
        told = source.frames
        if told > _UNKNOWN:
            source.close()
            raise OSError
    except (soundfile.LibsndfileError, RuntimeError, OSError):
        yield from map(_sane, _blocks_by_pyav(path))
        return
    try:
        with source:
            read = 0
            while True:
                block = source.read(BLOCK, dtype="float32", always_2d=True)
                read += len(block)
                yield _sane(block)
                if len(block) < BLOCK:
                    break
    except (soundfile.LibsndfileError, RuntimeError, OSError):
        raise UnreadableError("cannot be decoded to its end") from None
    if read < told and path.suffix.lower() != ".mp3":  # an MP3's length is an estimate
        raise UnreadableError(f"is cut off: {read} of {told} samples")


def libraries() -> tuple[Any, Any]:
    """soundfile and soxr. Raises MissingExtraError."""
    try:
        import soundfile
        import soxr
    except ImportError:
        raise MissingExtraError("reading sound", "speech") from None
    return soundfile, soxr


def _checked(told: Header) -> Header:
    if not 1000 <= told.rate <= 768_000 or told.channels < 1:
        raise UnreadableError(f"says {told.rate} samples a second in {told.channels} channels")
    return told


def _sane(block: Block) -> Block:
    if not np.isfinite(block).all():
        raise UnreadableError("holds samples that are no numbers (NaN or infinite)")
    if np.abs(block).max(initial=0.0) > _BEYOND:
        raise UnreadableError("holds samples far beyond full scale: save it with samples from -1 to 1")
    return block


def _header_by_pyav(path: Path) -> Header:
    with _pyav(path) as (_, stream):
        seconds = float(stream.duration * stream.time_base) if stream.duration else -1 / stream.rate
        return Header(stream.rate, stream.codec_context.channels, round(seconds * stream.rate))


def _blocks_by_pyav(path: Path) -> Iterator[Block]:
    with _pyav(path) as (av, stream):
        planar = av.AudioResampler(format="fltp", layout=stream.codec_context.layout, rate=stream.rate)
        waiting: list[Block] = []
        for frame in stream.container.decode(stream):
            waiting += [made.to_ndarray().T for made in planar.resample(frame)]
            if sum(map(len, waiting)) >= BLOCK:
                yield np.concatenate(waiting)
                waiting = []
        waiting += [made.to_ndarray().T for made in planar.resample(None)]
        yield np.concatenate(waiting) if waiting else np.zeros((0, stream.codec_context.channels), dtype=np.float32)


@contextmanager
def _pyav(path: Path) -> Iterator[tuple[Any, Any]]:
    """PyAV and the first sound stream of the file. A playlist must not lead elsewhere: files alone are opened."""
    if _is_text(path) or not path.stat().st_size:
        raise UnreadableError(_NO_SOUND)
    try:
        import av
    except ImportError:
        known = path.suffix.lower() in _ONLY_PYAV or _is_flac(path)
        raise UnreadableError(_NEEDS_PYAV if known else _NO_SOUND) from None
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                raise UnreadableError("has no sound in it")
            yield av, container.streams.audio[0]
    except (av.FFmpegError, ValueError, OSError):
        raise UnreadableError("is no sound file, or is cut off") from None


def _is_flac(path: Path) -> bool:
    """libsndfile reads none that does not tell its length."""
    with path.open("rb") as file:
        return file.read(4) == b"fLaC"


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512)
    return bool(head) and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head)
