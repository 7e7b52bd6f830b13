"""Whether the channels of a file are one sound, as a stereo microphone hears it, or two people, as a call is recorded.

Two measures over stretches in which anything is heard. The likeness is the largest normalised cross-correlation within
40 ms, in the median of windows of a quarter of a second: speech in a reverberant room through two microphones has 0.2
to 0.9, two people have 0.1 at most. The spread is the range of the level between the channels, from the 2nd to the
98th centile of frames of 30 ms: one talker in a room has up to 13 dB, a call in which 15 dB leak across has 30.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_UNLIKE: Final = 0.15
_SPREAD: Final = 19.0  # dB
_EMPTY: Final = 40.0  # dB: a channel so far below the other holds no person
_HEARD: Final = 10 ** (-30 / 20)  # of the loud stretches
_FLOOR: Final = 10 ** (-50 / 20)
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two channels of a file.

    Attributes:
        spread: dB, from 0.
        likeness: -1 to 1; negative where one channel is the other upside down, so that their mean would be silence.
        louder: how many dB the first is above the second, in its loud frames.
    """

    spread: float
    likeness: float
    louder: float

    @property
    def differ(self) -> bool:
        """True for two sounds; False for one, and for one beside an empty channel."""
        return abs(self.louder) < _EMPTY and (self.spread >= _SPREAD or abs(self.likeness) < _UNLIKE)

    @property
    def best(self) -> int | None:
        """The channel to take where they do not differ; None: their mean."""
        if abs(self.louder) >= _EMPTY:
            return 0 if self.louder > 0 else 1
        return 0 if self.likeness < 0 else None


def compare(blocks: Iterable[NDArray[np.float32]], rate: int, second: int = 1) -> Comparison:
    """Compares the first channel with another, in bounded memory; ``blocks`` have the shape (frames, channels)."""
    levels: list[Floats] = []
    energies: list[Floats] = []
    likenesses: list[Floats] = []
    for block in blocks:
        pair = block[:, [0, second]].T.astype(np.float64)
        pair -= pair.mean(axis=1, keepdims=True) if pair.size else 0.0
        levels.append(_rms(_framed(pair, round(0.03 * rate))))
        windows = _framed(pair, round(0.256 * rate))
        energies.append(_rms(windows))
        likenesses.append(_correlation(windows, round(0.04 * rate)))
    level, energy, likeness = (np.concatenate(found, axis=-1) for found in (levels, energies, likenesses))
    return Comparison(_spread(level), _typical(energy, likeness), _louder(level))


def _framed(pair: Floats, length: int) -> Floats:
    """Shape (2, frames, length)."""
    whole = pair.shape[1] // length * length
    return pair[:, :whole].reshape(2, -1, length)


def _rms(frames: Floats) -> Floats:
    return np.asarray(np.sqrt(np.mean(frames**2, axis=2)))


def _correlation(windows: Floats, most: int) -> Floats:
    """Of each window the normalised cross-correlation of largest size within ``most`` samples, with its sign."""
    length = windows.shape[2]
    spectra = np.fft.rfft(windows, 2 * length, axis=2)
    products = np.fft.irfft(spectra[0] * np.conj(spectra[1]), axis=1)
    near = np.concatenate([products[:, : most + 1], products[:, -most:]], axis=1)
    best = np.take_along_axis(near, np.abs(near).argmax(axis=1)[:, None], axis=1)[:, 0]
    norms = np.sqrt((windows**2).sum(axis=2)).prod(axis=0)
    return np.asarray(best / (norms + _TINY))


def _heard(level: Floats) -> NDArray[np.bool_]:
    top = level.max(axis=0)
    return np.asarray(top >= max(_TINY, _HEARD * float(np.percentile(top, 95)))) if top.size else top > 0


def _spread(level: Floats) -> float:
    heard = _heard(level)
    if not heard.any():
        return 0.0
    floor = _FLOOR * float(np.percentile(level.max(axis=0), 95))
    low, high = np.percentile(20 * np.log10((level[0, heard] + floor) / (level[1, heard] + floor)), (2, 98))
    return float(high - low)


def _typical(energy: Floats, likeness: Floats) -> float:
    """The median size, with the commoner sign; 1 where nothing is heard."""
    heard = likeness[_heard(energy)]
    if not heard.size:
        return 1.0
    return float(np.median(np.abs(heard)) * (1 if np.median(heard) >= 0 else -1))


def _louder(level: Floats) -> float:
    loud = np.percentile(level, 98, axis=1) if level.size else np.ones(2)
    return float(20 * np.log10((loud[0] + _TINY) / (loud[1] + _TINY)))
