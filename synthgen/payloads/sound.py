"""From a track on disk to windows of voiced speech of one length, in bounded memory: a session may last an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.errors import MissingExtraError, UserError
from synthgen.payloads.speech import Audio, Track

RATE = 16_000
"""Samples a second of everything that is compared."""

Floats = NDArray[np.float32]

_LOUDEST = 16.0
_FRAME = RATE * 30 // 1000
_QUIET = 1e-5  # RMS below which there is nothing: a 16-bit file's last bit is 3e-5
_FLOOR_SHARE = 0.35  # how far from the noise floor to the loud frames, in dB, voice begins
_DEEPEST = 35.0  # dB below the loud frames beyond which a frame is silent however quiet the rest is
_SPREAD = 6.0  # dB between floor and loud frames below which there are no pauses to cut
_HANGOVER = 6  # frames
_REST = 0.25  # of a window


def read(audio: Audio, ranges: Sequence[tuple[int, int]]) -> Floats:
    """The samples of ``ranges`` (start, end; in the file's own samples), one after the other, at :data:`RATE`.

    What is no number is silence, and nothing is louder than 24 dB above full scale: no single sample of a float file
    may drown what the others tell.

    Raises:
        MissingExtraError: soundfile or soxr is not installed.
        UserError: the file is gone or damaged.
    """
    try:
        import soundfile
        import soxr
    except ImportError:
        raise MissingExtraError("reading sound", "speech") from None
    parts: list[Floats] = []
    try:
        with soundfile.SoundFile(str(audio.path)) as file:
            for start, end in ranges:
                file.seek(start)
                part = file.read(end - start, dtype="float32", always_2d=True).mean(axis=1)
                part = np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0).clip(-_LOUDEST, _LOUDEST)
                parts.append(part if audio.rate == RATE else soxr.resample(part, audio.rate, RATE))
    except (OSError, RuntimeError):  # soundfile's own errors are of the latter kind
        raise UserError(f"the sound file {audio.path} is gone or damaged: put it back, or make it anew") from None
    return np.concatenate(parts).astype(np.float32) if parts else np.empty(0, dtype=np.float32)


def spoken(track: Track) -> list[tuple[int, int]]:
    """Where the track says something, in samples, merged and in order; all of it where it has no segments."""
    if not track.segments:
        return [(0, track.audio.frames)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(0, s.start), min(s.end, track.audio.frames)) for s in track.segments):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged


def blocks(track: Track, seconds: float) -> Iterator[Floats]:
    """All that is said in the track, in pieces of about the same length, none longer than ``seconds``."""
    ranges = spoken(track)
    total = sum(end - start for start, end in ranges)
    count = max(1, -(-total // int(seconds * track.audio.rate)))
    edges = [total * i // count for i in range(count + 1)]
    for low, high in pairwise(edges):
        yield read(track.audio, list(_within(ranges, low, high)))


def _within(ranges: Sequence[tuple[int, int]], low: int, high: int) -> Iterator[tuple[int, int]]:
    """Samples ``low`` to ``high`` of the ranges laid end to end, as ranges of the file."""
    passed = 0
    for start, end in ranges:
        first, last = max(low - passed, 0), min(high - passed, end - start)
        if first < last:
            yield start + first, start + last
        passed += end - start


def voiced(samples: Floats) -> Floats:
    """The samples without their pauses.

    A frame of 30 ms is a pause when its level lies in the lower third between the noise floor (10th percentile, dB)
    and the loud frames (95th). Nothing is left of silence.
    """
    whole = len(samples) // _FRAME
    if not whole:
        return samples if len(samples) and float(np.sqrt(np.mean(samples**2))) > _QUIET else samples[:0]
    framed = samples[: whole * _FRAME].reshape(whole, _FRAME)
    rms = np.sqrt(np.mean(framed.astype(np.float64) ** 2, axis=1))
    if float(rms.max()) <= _QUIET:
        return samples[:0]
    level = 20 * np.log10(np.maximum(rms, _QUIET))
    floor, loud = np.percentile(level, [10, 95])
    cut = max(floor + _FLOOR_SHARE * (loud - floor), loud - _DEEPEST)
    speech = level >= cut if loud - floor >= _SPREAD else rms > _QUIET
    speech = ndimage.binary_dilation(speech, np.ones(_HANGOVER + 1))
    return np.ascontiguousarray(framed[speech].reshape(-1))


def windows(samples: Floats, seconds: float) -> list[Floats]:
    """Windows of ``seconds`` that together cover the voiced samples, evenly spread; what there is where it is shorter.

    They overlap by what is over; a rest of less than a quarter of a window is left out. Each has an RMS of 0.05 (−26 dB
    of full scale), so that level says nothing.
    """
    length = int(seconds * RATE)
    count = math.ceil(len(samples) / length - _REST)
    if len(samples) < length or count < 1:
        return [levelled(samples)] if len(samples) else []
    starts = np.linspace(0, len(samples) - length, count).round().astype(int) if count > 1 else [0]
    return [levelled(samples[start : start + length]) for start in starts]


def levelled(samples: Floats) -> Floats:
    """At an RMS of 0.05; silence stays silence."""
    if not len(samples) or float(np.sqrt(np.mean(samples**2))) <= _QUIET:
        return samples
    return np.asarray(samples * (0.05 / float(np.sqrt(np.mean(samples**2)))), dtype=np.float32)
