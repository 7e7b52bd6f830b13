"""Ways of listening to a recording that take away what may hide a copy: noise, and what a telephone cuts off."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from synthgen.privacy_filters.speech.sound import RATE, Floats

_FRAME, _HOP = 512, 128
_FLOOR_PERCENTILE = 15.0
_OVERSUBTRACTION = 3.0  # a low percentile of a noise's power lies below its mean
_LEAST_GAIN = 0.05
_TOP = 3400.0  # Hz: what a telephone, or a file at 8 kHz, still carries


def denoised(samples: Floats) -> Floats:
    """Spectral gating: each frequency loses what it carries in its quietest frames (Boll 1979, with a gain floor)."""
    if len(samples) < 2 * _FRAME:
        return samples
    _, _, spectrum = signal.stft(samples, RATE, nperseg=_FRAME, noverlap=_FRAME - _HOP)
    power = np.abs(spectrum) ** 2
    noise = _OVERSUBTRACTION * np.percentile(power, _FLOOR_PERCENTILE, axis=1, keepdims=True)
    smooth = signal.lfilter([0.4], [1.0, -0.6], power, axis=1)
    gain = np.sqrt(np.clip(1.0 - noise / np.maximum(smooth, 1e-20), _LEAST_GAIN**2, 1.0))
    _, clean = signal.istft(spectrum * gain, RATE, nperseg=_FRAME, noverlap=_FRAME - _HOP)
    return np.asarray(clean[: len(samples)], dtype=np.float32)


def narrow(samples: Floats) -> Floats:
    """What lies below 3400 Hz."""
    return np.asarray(signal.sosfilt(_low_pass(), samples), dtype=np.float32)


@cache
def _low_pass() -> NDArray[np.float64]:
    return np.asarray(signal.butter(8, _TOP, fs=RATE, output="sos"))
