"""A spectrogram as a picture that a page can hold: dark where there is sound."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

WIDTH, HEIGHT = 640, 128
_WINDOW_SECONDS = 0.032
_RANGE_DB = 70.0


def spectrogram(sound: NDArray[np.int16], rate: int) -> NDArray[np.uint8]:
    """Magnitude of the short-time Fourier transform in dB, uint8 [128, 640], low tones below, 0 the loudest.

    Windows of 32 ms; the uppermost row is half the rate; 70 dB below the loudest is white.
    """
    length = min(len(sound), round(_WINDOW_SECONDS * rate))
    if length < 2 or not np.any(sound):
        return np.full((HEIGHT, WIDTH), 255, np.uint8)
    _, _, found = stft(sound / 32768.0, rate, nperseg=length, noverlap=length * 3 // 4)
    level = 20 * np.log10(np.abs(found) + 1e-9)
    below = (level.max() - level) / _RANGE_DB
    rows = np.linspace(len(below) - 1, 0, HEIGHT).round().astype(int)
    columns = np.linspace(0, below.shape[1] - 1, WIDTH).round().astype(int)
    return np.asarray(below[np.ix_(rows, columns)].clip(0, 1) * 255, np.uint8)


def png(grey: NDArray[np.uint8]) -> bytes:
    """A grey picture [height, width] as PNG (ISO/IEC 15948), 8 bits: the extra for speech brings no imaging library."""
    height, width = grey.shape
    lines = b"".join(b"\0" + line.tobytes() for line in np.ascontiguousarray(grey))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
