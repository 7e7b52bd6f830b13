"""F0 by autocorrelation: on sounds whose pitch is known, with their fundamental and without."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.generators.speech.f0 import track

RATE, FRAME = 16_000, 0.005


def buzz(hz: NDArray[np.float64], first: int = 1) -> NDArray[np.float64]:
    """A pulse train at ``hz`` [n] from its ``first`` harmonic on, through a soft low-pass."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return sum(np.cos(k * phase) / k for k in range(first, 30)) * 0.05


def glide(low: float, high: float, seconds: float = 1.5) -> NDArray[np.float64]:
    return np.linspace(low, high, round(seconds * RATE))


@pytest.mark.parametrize(("low", "high"), [(90.0, 130.0), (180.0, 260.0), (300.0, 220.0)])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_pitch_is_found_though_its_fundamental_is_missing(low: float, high: float, first: int) -> None:
    hz = glide(low, high)
    found = track(buzz(hz, first), RATE, FRAME, 65.0, 500.0)
    true = hz[np.minimum(np.arange(len(found)) * round(FRAME * RATE), len(hz) - 1)]
    inner = slice(6, -6)
    assert len(found) == len(hz) // round(FRAME * RATE) + 1
    assert (found[inner] > 0).mean() > 0.98
    assert np.median(np.abs(found[inner] / true[inner] - 1)) < 0.005
    assert (np.abs(found[inner] / true[inner] - 1) > 0.1).mean() < 0.02


def test_dio_hears_the_second_harmonic_instead() -> None:
    """Why it is not used: what this file guards against is real."""
    world = pytest.importorskip("pyworld")
    sound = buzz(glide(95.0, 105.0), first=2)
    heard, _ = world.dio(sound, RATE, 65.0, 500.0, frame_period=1000 * FRAME)
    assert np.median(heard[heard > 0]) > 150


def test_noise_and_silence_are_unvoiced() -> None:
    rng = np.random.default_rng(0)
    noise = 0.05 * rng.standard_normal(RATE)
    assert (track(noise, RATE, FRAME, 65.0, 500.0) > 0).mean() < 0.05
    assert not track(np.zeros(RATE), RATE, FRAME, 65.0, 500.0).any()
    beside = np.concatenate([buzz(glide(120.0, 120.0, 0.5)), 1e-4 * noise])
    found = track(beside, RATE, FRAME, 65.0, 500.0)
    half = len(found) // 2
    assert (found[:30] > 0).mean() > 0.9 and half and not (found[RATE // 80 // 2 + 10 :] > 0).any()


@pytest.mark.parametrize("samples", [0, 1, 79, 80, 500])
def test_short_sounds_have_as_many_frames_as_long_ones_would(samples: int) -> None:
    assert len(track(np.ones(samples), RATE, FRAME, 65.0, 500.0)) == samples // 80 + 1


def test_the_same_sound_louder_has_the_same_pitch() -> None:
    sound = buzz(glide(100.0, 150.0))
    assert np.allclose(track(sound, RATE, FRAME, 65.0, 500.0), track(8 * sound, RATE, FRAME, 65.0, 500.0), rtol=1e-4)
