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

from synthgen.errors import UserError
from synthgen.files import disk_errors, write_atomically
from synthgen.generators.speech.cohort.channels import Comparison, compare
from synthgen.generators.speech.cohort.decoding import Header, UnreadableError, blocks, header, libraries
from synthgen.generators.speech.cohort.voice import RATE, Measure
from synthgen.payloads.speech import Audio

__all__ = ["RATE", "Converted", "Header", "Store", "UnreadableError", "header"]

VERSION: Final = 2
"""Raised whenever conversion changes, so that files converted otherwise are not reused."""

_INDEX: Final = "conversions.json"
_OFFSET: Final = 2e-3  # a mean beyond, −54 dB of full scale, is an offset of the recorder's
_LEAST_VOICED: Final = 0.2  # s
_OF_A_WORD: Final = 0.2  # of what is shorter than a second
_LEAST_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted file.

    Attributes:
        name: in the cache.
        speech_seconds: frames of 30 ms within 30 dB of the loud ones.
        voiced_seconds: those in which somebody's voice is; hum, hiss and tones have none.
        clipped: share of samples at full scale.
    """

    name: str
    digest: str
    frames: int
    speech_seconds: float
    voiced_seconds: float
    clipped: float

    @property
    def voiced(self) -> bool:
        """Speech has a pitch in a third of its frames, in loud noise in 7% of them; hum and hiss in next to none."""
        least = max(min(_LEAST_VOICED, _OF_A_WORD * self.speech_seconds), _LEAST_SHARE * self.speech_seconds)
        return self.voiced_seconds >= least

    def audio(self, cache: Path) -> Audio:
        return Audio(cache / self.name, self.digest, RATE, self.frames)


class Store:
    """The converted files in a private folder."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known, self._compared = _index(cache / _INDEX)
        self._used: dict[str, Converted] = {}
        self._differences: dict[str, Comparison] = {}

    def convert(self, path: Path, channel: int | None = None, spans: Sequence[tuple[float, float]] = ()) -> Converted:
        """The converted file of a source: as stored, or made now.

        Args:
            channel: the one to take; None mixes all.
            spans: seconds to keep, all else silenced; empty keeps all.

        Raises:
            UnreadableError: the file cannot be decoded to its end, or holds NaN or infinite samples.
            UserError: no space, or no permission.
        """
        key = _key(path, channel, list(spans))
        stored = self._known.get(key)
        if stored is None or not (self._cache / stored.name).is_file():
            stored = _convert(path, self._cache, channel, spans)
        self._used[key] = stored
        return stored

    def compare(self, path: Path, told: Header) -> Comparison:
        """The channels of a file that has several: those two that are least alike. Raises UnreadableError."""
        key = _key(path, "channels")
        if key not in self._compared:
            pairs = [compare(blocks(path), told.rate, second) for second in range(1, told.channels)]
            self._compared[key] = next((pair for pair in pairs if pair.differ), pairs[0])
        self._differences[key] = self._compared[key]
        return self._compared[key]

    def save(self) -> None:
        """Writes which source became which, and deletes what no source became: no patient's voice stays unneeded."""
        self._known = dict(self._used)
        index = {
            "converted": {key: asdict(value) for key, value in sorted(self._used.items())},
            "compared": {key: asdict(value) for key, value in sorted(self._differences.items())},
        }
        write_atomically(self._cache / _INDEX, json.dumps(index).encode())
        needed = {value.name for value in self._used.values()}
        for path in self._cache.glob("*.flac"):
            if path.name not in needed:
                path.unlink(missing_ok=True)


def _key(path: Path, *further: Any) -> str:
    status = path.stat()
    told = json.dumps([VERSION, str(path.resolve()), status.st_size, status.st_mtime_ns, *further])
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def _index(path: Path) -> tuple[Mapping[str, Converted], dict[str, Comparison]]:
    try:
        stored = json.loads(path.read_text("utf-8"))
        converted = {key: Converted(**value) for key, value in stored["converted"].items()}
        return converted, {key: Comparison(**value) for key, value in stored["compared"].items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):  # absent, or damaged
        return {}, {}


def _convert(path: Path, cache: Path, channel: int | None, spans: Sequence[tuple[float, float]]) -> Converted:
    soundfile, _ = libraries()
    temporary = cache / ".converting.part"
    measure = Measure()
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
    return Converted(name, digest, passed, measure.speech_seconds, measure.voiced_seconds, measure.clipped)


def _resampled(path: Path, channel: int | None) -> Iterator[NDArray[np.float32]]:
    """The file at 16 kHz, mono and without the recorder's offset, in blocks."""
    _, soxr = libraries()
    rate = header(path).rate
    stream = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, "float32")
    offset: float | None = None
    for block in blocks(path):
        if channel is not None and channel >= block.shape[1]:
            raise UnreadableError(f"has {block.shape[1]} channel(s), not a number {channel + 1}")
        mono = block.mean(axis=1) if channel is None else block[:, channel]
        if offset is None:
            offset = float(mono.mean()) if len(mono) else 0.0
        mono = np.ascontiguousarray(mono if abs(offset) < _OFFSET else mono - offset, dtype=np.float32)
        yield mono if stream is None else stream.resample_chunk(mono)
    if stream is not None:
        yield stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)


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


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
