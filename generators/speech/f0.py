"""F0 by autocorrelation (Boersma 1993), which hears a voice whose fundamental is not in the recording.

DIO and Harvest follow the fundamental itself. Recordings that were high-passed, as telephones and many studios do,
have none: there both jump an octave in a third of the voiced frames, and take a room's hum for a voice. The period is
in the harmonics all the same. It is also a tenth of Harvest's work.

Boersma, P. (1993): Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound. IFA Proceedings 17.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]

_PERIODS = 3
"""Of the lowest F0, in a window."""
_VOICING, _SILENCE = 0.45, 0.03  # least autocorrelation of a voiced frame; least level of one, against the loudest
_OCTAVE, _JUMP, _CHANGE = (
    0.01,
    0.35,
    0.14,
)  # costs per octave of F0, per octave of a jump, of voicing that begins or ends
_CANDIDATES = 6
_BLOCK = 512  # frames that are transformed at a time


def track(samples: Floats, rate: int, frame: float, floor: float, ceiling: float) -> Floats:
    """F0 in Hz, 0 where unvoiced, at times 0, ``frame``, 2 ``frame``, …: one value more than whole frames.

    Args:
        samples: waveform, shape [n], at ``rate`` a second.
        frame: seconds.
        floor, ceiling: where F0 is looked for, Hz.
    """
    hz, strength = _candidates(np.asarray(samples, np.float32), rate, frame, floor, ceiling)
    return _best_path(hz, strength, 0.01 / frame)


def _candidates(
    samples: NDArray[np.float32], rate: int, frame: float, floor: float, ceiling: float
) -> tuple[Floats, Floats]:
    """Frequencies and strengths, [frames, 1 + candidates]; the first of each is unvoiced, at 0 Hz."""
    size = round(_PERIODS * rate / floor)
    hop, length = round(frame * rate), fft.next_fast_len(2 * size, real=True)
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    own = fft.irfft(np.abs(fft.rfft(window, length)) ** 2, length)
    lowest, highest = max(2, int(rate / ceiling)), min(int(np.ceil(rate / floor)) + 1, size - 2)
    weight = (own[0] / own[lowest - 1 : highest + 2]).astype(np.float32)
    padded = np.pad(samples, (size // 2, size + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(samples) + 1 : hop]
    loudest = float(np.abs(samples).max(initial=0.0)) or 1.0
    hz = np.zeros((len(frames), 1 + _CANDIDATES))
    strength = np.full(hz.shape, -np.inf)
    for start in range(0, len(frames), _BLOCK):
        part = frames[start : start + _BLOCK]
        part = part - part.mean(axis=1, keepdims=True)
        level = np.abs(part).max(axis=1) / loudest
        spectrum = fft.rfft(part * window, length)
        power = spectrum.real**2 + spectrum.imag**2
        found = fft.irfft(power, length)[:, lowest - 1 : highest + 2]
        energy = np.maximum(power.sum(axis=1) * 2 / length, 1e-20)  # of the window at lag 0, but for the edge bins
        correlation = found / energy[:, None] * weight
        rows = slice(start, start + len(part))
        hz[rows, 1:], strength[rows, 1:] = _peaks(correlation, lowest - 1, rate, floor)
        strength[rows, 0] = _VOICING + np.maximum(0.0, 2 - level * (1 + _VOICING) / _SILENCE)
    return hz, strength


def _peaks(correlation: NDArray[np.float32], first: int, rate: int, floor: float) -> tuple[Floats, Floats]:
    """The best local maxima of each row, between two lags by a parabola; the higher of two octaves wins (eq. 26)."""
    left, middle, right = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    peak = (middle > left) & (middle >= right) & (middle > _VOICING / 2)
    lags = np.arange(first + 1, first + 1 + middle.shape[1])
    score = np.where(peak, middle - _OCTAVE * np.log2(floor * lags / rate).astype(np.float32), -np.inf)
    best = np.argpartition(score, -_CANDIDATES, axis=1)[:, -_CANDIDATES:]
    a, b, c, value = (np.take_along_axis(each, best, axis=1) for each in (left, middle, right, score))
    curve = np.minimum(a - 2 * b + c, -1e-9)
    shift = np.clip(0.5 * (a - c) / curve, -0.5, 0.5)
    height = np.minimum(value - 0.25 * (a - c) * shift, 1.0)
    hz = rate / (lags[best] + shift)
    kept = np.isfinite(value)
    return np.where(kept, hz, 0.0), np.where(kept, height, -np.inf)


def _best_path(hz: Floats, strength: Floats, scale: float) -> Floats:
    """Viterbi: costs of jumps and of voicing that changes are of frames of 10 ms, and scaled to these."""
    octave = np.log2(np.maximum(hz, 1.0))
    voiced = hz > 0
    total, back = strength[0], np.zeros(hz.shape, np.intp)
    for i in range(1, len(hz)):
        jump = _JUMP * np.abs(octave[i - 1][:, None] - octave[i][None, :])
        changed = voiced[i - 1][:, None] != voiced[i][None, :]
        unvoiced = ~voiced[i - 1][:, None] & ~voiced[i][None, :]
        cost = scale * np.where(changed, _CHANGE, np.where(unvoiced, 0.0, jump))
        reached = total[:, None] - cost
        back[i] = reached.argmax(axis=0)
        total = reached[back[i], np.arange(hz.shape[1])] + strength[i]
    path = np.zeros(len(hz), np.intp)
    path[-1] = int(total.argmax())
    for i in range(len(hz) - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return hz[np.arange(len(hz)), path]
