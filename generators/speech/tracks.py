"""Tracks on disk: written in blocks at exact sample positions, named by their content; and their mix."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from synthgen.errors import MissingExtraError
from synthgen.files import disk_errors
from synthgen.generators.speech.config import RATE
from synthgen.generators.speech.encode import audio_name
from synthgen.payloads.speech import Audio

BLOCK = 1 << 16
"""Samples that are in memory at a time, in reading and in padding."""
_DIGEST_SIZE = 16


def soundfile() -> Any:
    """The module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import soundfile as module
    except (ImportError, OSError) as error:  # OSError: its libsndfile does not load
        raise MissingExtraError("reading and writing sound", "speech") from error
    return module


class RoomTone:
    """The noise of a room and of what records in it, sample after sample: one stream for one track.

    Args:
        level_db: RMS against full scale; -infinity is silence.
    """

    def __init__(self, level_db: float, seed: int) -> None:
        self._scale = 10 ** (level_db / 20) * np.sqrt(1 - _TONE_POLE**2)
        self._rng, self._state = np.random.default_rng(seed), np.zeros(1)

    def __call__(self, count: int) -> NDArray[np.float32]:
        """The next ``count`` samples, full scale at ±1: louder in the bass, as rooms are."""
        drawn = self._rng.standard_normal(count) * self._scale
        found, self._state = lfilter([1.0], [1.0, -_TONE_POLE], drawn, zi=self._state)
        return np.asarray(found, np.float32)


_TONE_POLE = 0.85


class TrackWriter:
    """One FLAC file, 16 bits, mono, that grows by silence and sound; as a context it leaves no half file behind.

    Args:
        tone: lies under all of it; None: silence is digital zero.
    """

    def __init__(self, scratch: Path, tone: RoomTone | None = None) -> None:
        self._scratch, self._tone = scratch, tone
        self.position = 0

    def __enter__(self) -> TrackWriter:
        with disk_errors(self._scratch):
            descriptor, name = tempfile.mkstemp(prefix=".track-", suffix=".tmp", dir=self._scratch)
        os.close(descriptor)
        self._path = Path(name)
        self._file = soundfile().SoundFile(name, "w", RATE, 1, subtype="PCM_16", format="FLAC")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def silence_until(self, position: int) -> None:
        """Pads with room tone up to the sample ``position``; no effect where the track is there already."""
        while self.position < position:
            self.write(np.zeros(min(BLOCK, position - self.position), np.float32))

    def write(self, samples: NDArray[np.float32]) -> None:
        """Appends sound, full scale at ±1."""
        if self._tone is not None:
            samples = samples + self._tone(len(samples))
        self._write(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16))

    def _write(self, samples: NDArray[np.int16]) -> None:
        with _sound_errors(self._scratch):
            self._file.write(samples)
        self.position += len(samples)

    def finish(self) -> Audio:
        """Closes the file, syncs it and gives it the name of its content; a file that is there already is the same."""
        with _sound_errors(self._scratch), disk_errors(self._scratch):
            self._file.close()
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
                digest = _digest(file)
            path = self._scratch / audio_name(digest)
            self._path.replace(path)
        return Audio(path, digest, RATE, self.position)


class _sound_errors:  # noqa: N801 - a context manager, used like a function
    """libsndfile reports a full disk as an error of its own; the system's reason is found by writing there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is not None and issubclass(kind, soundfile().LibsndfileError):
            with disk_errors(self._folder), tempfile.TemporaryFile(dir=self._folder) as probe:
                probe.write(b"\0" * (1 << 20))
                probe.flush()


def digest_of(path: Path) -> str:
    """Hex digest of a file's bytes, as tracks are named by it."""
    with path.open("rb") as file:
        return _digest(file)


def _digest(file: Any) -> str:
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_SIZE)).hexdigest()


def blocks(audio: Audio, start: int = 0, end: int | None = None) -> Iterator[NDArray[np.int16]]:
    """The samples ``start`` to ``end`` in blocks."""
    with soundfile().SoundFile(audio.path) as file:
        file.seek(start)
        left = (audio.frames if end is None else end) - start
        while left > 0:
            block: NDArray[np.int16] = file.read(min(BLOCK, left), dtype="int16")
            if not len(block):
                raise ValueError("a sound file is shorter than its record")
            left -= len(block)
            yield block


def excerpt(audio: Audio, start: int, end: int) -> NDArray[np.int16]:
    """The samples ``start`` to ``end`` in one array: for turns, not for sessions."""
    parts = list(blocks(audio, start, end))
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def mixed(tracks: Sequence[Audio]) -> Iterator[NDArray[np.int16]]:
    """The sum of the tracks in blocks, sample by sample; tracks leave each other room, so that it never clips."""
    for parts in zip(*(blocks(audio) for audio in tracks), strict=True):
        total = np.sum([part.astype(np.int32) for part in parts], axis=0)
        yield np.clip(total, -32768, 32767).astype(np.int16)


def write_flac(path: Path, parts: Iterator[NDArray[np.int16]], rate: int) -> int:
    """Writes blocks as a FLAC file in place and returns its length in samples."""
    frames = 0
    with (
        disk_errors(path.parent),
        _sound_errors(path.parent),
        soundfile().SoundFile(path, "w", rate, 1, subtype="PCM_16", format="FLAC") as file,
    ):
        for part in parts:
            file.write(part)
            frames += len(part)
    return frames
