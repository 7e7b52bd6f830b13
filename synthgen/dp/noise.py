"""Randomness that protects: unknown to everybody, and stored nowhere."""

from __future__ import annotations

import secrets

import numpy as np
from numpy.typing import NDArray


def private_rng() -> np.random.Generator:
    """A generator whose 128 bits of key come from the system and are kept nowhere: another one at every call.

    Philox (Salmon et al. 2011) is fast and statistically sound, and not cryptographic.
    """
    return np.random.Generator(np.random.Philox(key=secrets.randbits(128)))


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal noise: a sum of four halves, so that its last bits tell nothing (Holohan and Braghin 2021)."""
    total = np.zeros(shape)
    for _ in range(4):
        total += rng.standard_normal(shape)
    return total / 2
