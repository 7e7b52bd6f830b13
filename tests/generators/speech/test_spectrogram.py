"""A spectrogram: a tone lies where it sounds, silence is white, and the picture is one that others read."""

import io

import numpy as np
import pytest

from synthgen.generators.speech.spectrogram import HEIGHT, WIDTH, png, spectrogram

RATE = 16_000


@pytest.mark.parametrize("hertz", [500, 2000, 6000])
def test_a_tone_is_a_dark_line_at_its_height(hertz: int) -> None:
    tone = (20_000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.int16)
    found = spectrogram(tone, RATE)
    assert found.shape == (HEIGHT, WIDTH)
    row = int(np.median(found[:, 50:-50].argmin(axis=0)))
    assert abs(row - (HEIGHT - 1) * (1 - hertz / (RATE / 2))) <= 2


@pytest.mark.parametrize("sound", [np.zeros(RATE, np.int16), np.zeros(0, np.int16), np.ones(1, np.int16)])
def test_silence_is_white(sound: np.ndarray) -> None:
    assert (spectrogram(sound, RATE) == 255).all()


def test_others_read_the_picture() -> None:
    image = pytest.importorskip("PIL.Image")
    grey = np.random.default_rng(0).integers(0, 256, (7, 5)).astype(np.uint8)
    assert (np.asarray(image.open(io.BytesIO(png(grey)))) == grey).all()
