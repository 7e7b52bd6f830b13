"""What is wrong with a spoken phrase, if anything: a neural back-end may stop early, ramble on, or break."""

from __future__ import annotations

import numpy as np

from synthgen.generators.speech.backends.protocol import Samples, Utterance
from synthgen.generators.speech.config import GuardConfig

_QUIETEST_DB, _LOUDEST_DB = -60.0, -6.0
_TAIL = 0.020  # seconds
_LETTERS_PER_DIGIT = 5
"""A digit is spoken as a word."""


def complaint(raw: Utterance, shaped: Utterance, text: str, tempo: float, config: GuardConfig) -> str:
    """Names the fault, without the text; empty where there is none.

    Args:
        raw: as the back-end returned it.
        shaped: as it leaves the emotion layer, its silent edges cut off.
        tempo: factor of tempo that was asked for.
    """
    samples = shaped.samples
    if not len(samples):
        return "no sound"
    if not (np.isfinite(samples).all() and np.isfinite(raw.samples).all()):
        return "not a number"
    seconds = len(samples) / shaped.rate
    letters = sum(_LETTERS_PER_DIGIT if c.isdigit() else 1 for c in text if c.isalnum())
    if letters / tempo > config.fastest * (seconds + 0.25):
        return "too short for its text"
    if letters / tempo < config.slowest * (seconds - 1.0):
        return "too long for its text"
    if not _QUIETEST_DB <= _db(samples) <= _LOUDEST_DB:
        return "too quiet or too loud"
    # Words decay; a waveform that stops at full level was cut off.
    if _db(raw.samples[-round(_TAIL * raw.rate) :]) > _peak_db(raw) + config.tail_db:
        return "cut off at its end"
    return ""


def _db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-12))


def _peak_db(said: Utterance) -> float:
    """Level of the loudest 20 ms."""
    size = round(_TAIL * said.rate)
    return max(_db(said.samples[start : start + size]) for start in range(0, len(said.samples), size))
