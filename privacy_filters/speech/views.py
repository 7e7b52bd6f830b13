"""Another way of listening to a recording, which takes away what may hide a copy: what a telephone cuts off."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from synthgen.payloads.sound import RATE, Floats

_TOP = 3400.0  # Hz: what a telephone, or a file at 8 kHz, still carries


def narrow(samples: Floats) -> Floats:
    """What lies below 3400 Hz."""
    return np.asarray(signal.sosfilt(_low_pass(), samples), dtype=np.float32)


@cache
def _low_pass() -> NDArray[np.float64]:
    return np.asarray(signal.butter(8, _TOP, fs=RATE, output="sos"))
