"""How much of a recording is speech, and whether anybody's voice is in it: hum, hiss and an offset are nobody.

Voiced frames are periodic (autocorrelation divided by the window's; Boersma 1993, Proc. Inst. Phonetic Sciences 17),
below 2 kHz and with the low frequencies damped, so that rumble is not taken for pitch. A hum is periodic, too; but no
voice holds pitch and level as a machine does, not even in a sustained vowel.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

RATE: Final = 16_000
FRAME: Final = RATE * 30 // 1000
_SILENT: Final = 1e-4  # RMS of a frame, −80 dB of full scale
_WITHIN: Final = 10 ** (-30 / 20)  # of the loud frames' level: a frame below is a pause
_CLIPPED: Final = 0.999
_PERIODIC: Final = 0.45
_EVERY: Final = 4  # of the rate: what is periodic up to 500 Hz needs no more
_SHORTEST_LAG, _LONGEST_LAG = RATE // _EVERY // 500, RATE // _EVERY // 45
_STEADY_PITCH: Final = 0.007  # of a period that noise does not blur
_BLURRED: Final = 0.12  # more for each unit of what is not periodic
_DAMPED: Final = 0.9
_MULTIPLES: Final = np.array([1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4])  # of a period, for which it may be taken
_STEADY_LEVEL: Final = 1.5  # dB

Floats = NDArray[np.float32]
_WINDOW: Final = np.hanning(2 * FRAME // _EVERY).astype(np.float32)
_SPECTRUM: Final = 512


def _autocorrelation(frames: Floats) -> Floats:
    power = np.abs(rfft(frames, _SPECTRUM, axis=-1)) ** 2
    return np.asarray(irfft(power, axis=-1)[..., : _LONGEST_LAG + 2], dtype=np.float32)


_OF_WINDOW: Final = _autocorrelation(_WINDOW)


class Measure:
    """Level and pitch of each frame of 30 ms, and clipped samples, block by block."""

    def __init__(self) -> None:
        self._rest = np.empty(0, dtype=np.float32)
        self._levels: list[Floats] = []
        self._periods: list[Floats] = []
        self._clipped = 0
        self._samples = 0

    def add(self, block: Floats) -> None:
        """Takes the next samples, 16 kHz, mono."""
        self._clipped += int((np.abs(block) >= _CLIPPED).sum())
        self._samples += len(block)
        samples = np.concatenate([self._rest, block])
        whole = max(0, len(samples) // FRAME - 1)  # a window reaches over two frames
        self._rest = samples[whole * FRAME :]
        if whole:
            framed = samples[: (whole + 1) * FRAME].reshape(-1, FRAME)
            levels = np.sqrt(np.mean(framed[:-1] ** 2, axis=1))
            heard = levels > _SILENT
            periods = np.zeros((whole, 3), dtype=np.float32)
            if heard.any():
                periods[heard] = _periods(np.concatenate([framed[:-1], framed[1:]], axis=1)[heard])
            self._levels.append(levels)
            self._periods.append(periods)

    @property
    def speech_seconds(self) -> float:
        """Frames within 30 dB of the loud ones."""
        return float(self._loud().sum()) * FRAME / RATE

    @property
    def voiced_seconds(self) -> float:
        """Those among them that are periodic, other than a steady tone."""
        lags, strengths, energies = np.concatenate(self._periods).T if self._periods else np.empty((3, 0))
        voiced = self._loud() & (strengths >= _PERIODIC)
        if not voiced.any():
            return 0.0
        steady = _STEADY_PITCH + _BLURRED * (1 - strengths[voiced])
        ratios = lags[voiced, None] / np.median(lags[voiced]) / _MULTIPLES
        moved = np.abs(ratios - 1).min(axis=1) > steady
        decibels = 10 * np.log10(energies[voiced])
        swollen = np.abs(decibels - np.median(decibels)) > _STEADY_LEVEL
        return float((moved | swollen).sum()) * FRAME / RATE

    @property
    def clipped(self) -> float:
        return self._clipped / max(1, self._samples)

    def _loud(self) -> NDArray[np.bool_]:
        levels = _joined(self._levels)
        heard = levels[levels > _SILENT]
        least = _WITHIN * float(np.percentile(heard, 95)) if len(heard) else np.inf
        return np.asarray(levels >= max(least, _SILENT))


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)


def _periods(frames: Floats) -> Floats:
    """Of each window the period in samples of a quarter of the rate, how periodic it is, and its energy; (n, 3)."""
    low = frames.reshape(len(frames), -1, _EVERY).mean(axis=2)
    low = low - low.mean(axis=1, keepdims=True)
    found = _autocorrelation((low - _DAMPED * np.roll(low, 1, axis=1)) * _WINDOW)
    normed = found / (found[:, :1] + 1e-12) / (_OF_WINDOW / _OF_WINDOW[0])
    inner = normed[:, _SHORTEST_LAG : _LONGEST_LAG + 1]
    before, after = normed[:, _SHORTEST_LAG - 1 : _LONGEST_LAG], normed[:, _SHORTEST_LAG + 1 : _LONGEST_LAG + 2]
    peaks = np.where((inner > before) & (inner >= after), inner, 0.0)
    # The first peak that is nearly as high as the highest: a period's multiples are periods, too.
    first = np.argmax(peaks >= 0.9 * peaks.max(axis=1, keepdims=True), axis=1)
    rows = np.arange(len(frames))
    left, mid, right = before[rows, first], inner[rows, first], after[rows, first]
    shift = 0.5 * (left - right) / np.minimum(left - 2 * mid + right, -1e-9)
    lags = _SHORTEST_LAG + first + np.clip(shift, -0.5, 0.5)
    return np.column_stack([lags, np.minimum(peaks[rows, first], 1.0), found[:, 0]]).astype(np.float32)
