"""From any sound file to 16 kHz mono FLAC in the private cache, in pieces: nothing is in memory as a whole.

A converted file is named by the digest of its bytes; ``conversions.json`` says which source became which, so that a
second run reads nothing. What a file is like (its speech, its clipped samples) is measured on the way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, UserError
from synthgen.files import disk_errors, write_atomically
from synthgen.payloads.speech import Audio

RATE: Final = 16_000
VERSION: Final = 1
"""Raised whenever conversion changes, so that files converted otherwise are not reused."""

_BLOCK: Final = 2**18  # frames read at once
_FRAME: Final = RATE * 30 // 1000
_INDEX: Final = "conversions.json"
_SILENT: Final = 1e-4  # RMS of a frame, −80 dB of full scale
_VOICED: Final = 10 ** (-30 / 20)  # of the loud frames' level: a frame below is a pause
_CLIPPED: Final = 0.999
_BEYOND: Final = 4.0  # a float file overshoots full scale a little; one with integers in it overshoots it by thousands


class UnreadableError(Exception):
    """A file cannot be decoded, or holds samples that are no numbers. The message says which, without its content."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted file.

    Attributes:
        name: in the cache.
        speech_seconds: frames of 30 ms within 30 dB of the loud ones.
        clipped: share of samples at full scale.
    """

    name: str
    digest: str
    frames: int
    speech_seconds: float
    clipped: float

    def audio(self, cache: Path) -> Audio:
        return Audio(cache / self.name, self.digest, RATE, self.frames)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header says."""

    rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def header(path: Path) -> Header:
    """Reads the header.

    Raises:
        UnreadableError: it is none of a sound file that libsndfile knows.
        MissingExtraError: soundfile or soxr is not installed.
    """
    soundfile, _ = _libraries()
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, RuntimeError, OSError):
        raise UnreadableError("is no sound file, or its header is broken") from None
    if not 1000 <= info.samplerate <= 768_000 or info.channels < 1:
        raise UnreadableError(f"says {info.samplerate} samples a second in {info.channels} channels")
    return Header(info.samplerate, info.channels, info.frames)


class Store:
    """The converted files in a private folder."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known = _index(cache / _INDEX)
        self._used: dict[str, Converted] = {}

    def convert(self, path: Path, channel: int | None = None, spans: Sequence[tuple[float, float]] = ()) -> Converted:
        """The converted file of a source: as stored, or made now.

        Args:
            channel: the one to take; None mixes all.
            spans: seconds to keep, all else silenced; empty keeps all.

        Raises:
            UnreadableError: the file cannot be decoded to its end, or holds NaN or infinite samples.
            UserError: no space, or no permission.
        """
        status = path.stat()
        key = json.dumps([VERSION, str(path.resolve()), status.st_size, status.st_mtime_ns, channel, list(spans)])
        key = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        stored = self._known.get(key)
        if stored is None or not (self._cache / stored.name).is_file():
            stored = _convert(path, self._cache, channel, spans)
        self._used[key] = stored
        return stored

    def save(self) -> None:
        """Writes which source became which, and deletes what no source became: no patient's voice stays unneeded."""
        self._known = dict(self._used)
        index = {key: asdict(value) for key, value in sorted(self._used.items())}
        write_atomically(self._cache / _INDEX, json.dumps(index).encode())
        needed = {value.name for value in self._used.values()}
        for path in self._cache.glob("*.flac"):
            if path.name not in needed:
                path.unlink(missing_ok=True)


def _index(path: Path) -> Mapping[str, Converted]:
    try:
        return {key: Converted(**value) for key, value in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # absent, or damaged
        return {}


def _convert(path: Path, cache: Path, channel: int | None, spans: Sequence[tuple[float, float]]) -> Converted:
    soundfile, _ = _libraries()
    temporary = cache / ".converting.part"
    measure = _Measure()
    try:
        with (
            disk_errors(cache),
            soundfile.SoundFile(str(temporary), "w", RATE, 1, subtype="PCM_16", format="FLAC") as target,
        ):
            temporary.chmod(0o600)
            passed = 0
            for block in _resampled(path, channel):
                kept = _within(block, passed, spans)
                passed += len(block)
                measure.add(kept)
                try:
                    target.write(kept)
                except soundfile.LibsndfileError:
                    raise UserError(f"cannot write sound to {cache}: is the disk full?") from None
        digest = _digest(temporary)
        name = f"{digest}.flac"
        temporary.replace(cache / name)
    finally:
        temporary.unlink(missing_ok=True)
    return Converted(name, digest, passed, measure.speech_seconds, measure.clipped)


def _resampled(path: Path, channel: int | None) -> Iterator[NDArray[np.float32]]:
    """The file at 16 kHz, mono, in blocks."""
    soundfile, soxr = _libraries()
    try:
        with soundfile.SoundFile(str(path)) as source:
            stream = None if source.samplerate == RATE else soxr.ResampleStream(source.samplerate, RATE, 1, "float32")
            if channel is not None and channel >= source.channels:
                raise UnreadableError(f"has {source.channels} channel(s), not a number {channel + 1}")
            read, told = 0, source.frames
            while True:
                block = source.read(_BLOCK, dtype="float32", always_2d=True)
                read += len(block)
                last = len(block) < _BLOCK
                if not np.isfinite(block).all():
                    raise UnreadableError("holds samples that are no numbers (NaN or infinite)")
                if np.abs(block).max(initial=0.0) > _BEYOND:
                    raise UnreadableError("holds samples far beyond full scale: save it with samples from -1 to 1")
                mono = block.mean(axis=1) if channel is None else block[:, channel]
                mono = np.ascontiguousarray(mono, dtype=np.float32)
                yield mono if stream is None else stream.resample_chunk(mono, last=last)
                if last:
                    break
            if read < told and path.suffix.lower() != ".mp3":  # an MP3's length is an estimate
                raise UnreadableError(f"is cut off: {read} of {told} samples")
    except (soundfile.LibsndfileError, RuntimeError, OSError):
        raise UnreadableError("cannot be decoded to its end") from None


def _within(block: NDArray[np.float32], first: int, spans: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """The block, silent outside the spans; ``first`` is the number of its first sample."""
    if not spans:
        return block
    kept = np.zeros_like(block)
    for start, end in spans:
        low, high = max(0, round(start * RATE) - first), min(len(block), round(end * RATE) - first)
        if low < high:
            kept[low:high] = block[low:high]
    return kept


class _Measure:
    """Level of each 30 ms frame, and clipped samples, block by block."""

    def __init__(self) -> None:
        self._rest = np.empty(0, dtype=np.float32)
        self._levels: list[NDArray[np.float32]] = []
        self._clipped = 0
        self._samples = 0

    def add(self, block: NDArray[np.float32]) -> None:
        self._clipped += int((np.abs(block) >= _CLIPPED).sum())
        self._samples += len(block)
        samples = np.concatenate([self._rest, block])
        whole = len(samples) // _FRAME * _FRAME
        self._rest = samples[whole:]
        framed = samples[:whole].reshape(-1, _FRAME)
        self._levels.append(np.sqrt(np.mean(framed**2, axis=1)))

    @property
    def speech_seconds(self) -> float:
        levels = np.concatenate(self._levels) if self._levels else np.empty(0, dtype=np.float32)
        heard = levels[levels > _SILENT]
        if not len(heard):
            return 0.0
        return float((heard >= _VOICED * np.percentile(heard, 95)).sum()) * _FRAME / RATE

    @property
    def clipped(self) -> float:
        return self._clipped / max(1, self._samples)


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _libraries() -> tuple[Any, Any]:
    try:
        import soundfile
        import soxr
    except ImportError:
        raise MissingExtraError("reading sound", "speech") from None
    return soundfile, soxr
