"""A track on disk in another voice, piece by piece: a session of hours is never in memory as a whole.

What lies outside the turns is left as it is, sample by sample. A turn is cut at its quietest places into pieces of 20
seconds at the most, which overlap by 20 ms and are cross-faded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from synthgen.generators.speech.config import RATE
from synthgen.generators.speech.operators import Floats, Own, joined, measure
from synthgen.generators.speech.tracks import BLOCK, TrackWriter, excerpt
from synthgen.payloads.sound import spoken
from synthgen.payloads.speech import Audio, Track

_LONGEST, _SEARCHED = 20 * RATE, 6 * RATE  # samples of a piece, and of its end in which a quiet place is looked for
_AROUND = RATE // 10  # samples beside a piece that are changed with it: its own edges are nobody's
_FADE = RATE // 50
_LISTENED = 4  # pieces by which a voice is measured


def revoiced(track: Track, change: Callable[[Floats], Floats], scratch: Path) -> Audio:
    """The track changed in all its turns, a file in ``scratch`` of the same length.

    Args:
        change: of samples at 16 kHz, full scale at ±1, to as many.

    Raises:
        UserError: the disk is full.
        ValueError: the sound is of another rate, or shorter than its record.
    """
    _at_our_rate(track.audio)
    with TrackWriter(scratch) as writer:
        for start, end in spoken(track):
            _copied(writer, track.audio, start)
            _turn(writer, track.audio, start, end, change)
        _copied(writer, track.audio, track.audio.frames)
        return writer.finish()


def own_voice(track: Track) -> Own | None:
    """What the voice of the track is by itself, from up to four pieces of its turns; None where they are silent."""
    _at_our_rate(track.audio)
    pieces = [piece for start, end in spoken(track) for piece in pairwise(_edges(start, end, ()))]
    longest = sorted(pieces, key=lambda piece: piece[0] - piece[1])[:_LISTENED]
    found = [measure(_sound(track.audio, *piece)) for piece in sorted(longest)]
    heard = [one for one in found if one is not None]
    return joined(heard) if heard else None


def _at_our_rate(audio: Audio) -> None:
    if audio.rate != RATE:
        raise ValueError(f"the sound must be at {RATE} Hz, got {audio.rate}")


def _sound(audio: Audio, start: int, end: int) -> Floats:
    return np.asarray(excerpt(audio, start, end), dtype=np.float64) / 32768


def _copied(writer: TrackWriter, audio: Audio, end: int) -> None:
    """What is there up to ``end``, unchanged."""
    while writer.position < end:
        stop = min(end, writer.position + BLOCK)
        writer.write(np.asarray(_sound(audio, writer.position, stop), dtype=np.float32))


def _turn(writer: TrackWriter, audio: Audio, start: int, end: int, change: Callable[[Floats], Floats]) -> None:
    before = np.zeros(0)  # what the piece before made of the first samples of this one
    for first, last in pairwise(_edges(start, end, _quiet(audio, start, end))):
        low, high = max(start, first - _AROUND), min(end, last + _AROUND)
        made = change(_sound(audio, low, high))
        piece, rest = made[first - low : last - low], made[last - low : last - low + _FADE]
        size = min(len(before), len(piece))
        ramp = np.linspace(0, 1, size)
        piece = np.concatenate([before[:size] * (1 - ramp) + piece[:size] * ramp, piece[size:]])
        writer.write(np.asarray(piece, dtype=np.float32))
        before = rest


def _quiet(audio: Audio, start: int, end: int) -> Sequence[int]:
    """Where a turn that is too long is cut: the middle of the quietest 50 ms of each piece's end."""
    found, place = [], start
    while end - place > _LONGEST:
        low = place + _LONGEST - _SEARCHED
        level = np.convolve(_sound(audio, low, place + _LONGEST) ** 2, np.ones(RATE // 20), "valid")
        place = low + int(np.argmin(level)) + RATE // 40
        found.append(place)
    return found


def _edges(start: int, end: int, cuts: Sequence[int]) -> Iterator[int]:
    """Those of the pieces of a turn; without cuts, in steps of the longest."""
    yield start
    yield from cuts or range(start + _LONGEST, end, _LONGEST)
    yield end
