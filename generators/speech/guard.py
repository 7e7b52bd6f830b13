"""What is wrong with a spoken phrase, if anything: a neural back-end may stop early, ramble on, or break."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from synthgen.generators.speech.backends.protocol import Samples, Utterance
from synthgen.generators.speech.config import GuardConfig
from synthgen.pretrained.recogniser import word_errors

Recogniser = Callable[[Samples], str]
"""What is heard in a phrase at :data:`synthgen.generators.speech.config.RATE`: words with blanks between them."""

_QUIETEST_DB, _LOUDEST_DB = -60.0, -6.0
_TAIL, _PEAK = 0.005, 0.020  # seconds
_FEWEST_WORDS = 6  # of which a word error rate says anything
_LETTERS_PER_DIGIT = 5
"""A digit is spoken as a word."""


def complaint(said: Utterance, text: str, tempo: float, config: GuardConfig) -> str:
    """Names the fault of what a back-end returned, without the text; empty where there is none.

    Args:
        tempo: factor of tempo that it was asked for.
    """
    samples = said.samples
    if not len(samples):
        return "no sound"
    if not np.isfinite(samples).all():
        return "not a number"
    seconds = len(samples) / said.rate
    letters = sum(_LETTERS_PER_DIGIT if c.isdigit() else 1 for c in text if c.isalnum())
    if letters / tempo > config.fastest * (seconds + 0.25):
        return "too short for its text"
    if letters / tempo < config.slowest * (seconds - 2.0):
        return "too long for its text"
    # Words decay; a waveform that stops at full level was cut off.
    if _db(samples[-round(_TAIL * said.rate) :]) > _peak_db(said) + config.tail_db:
        return "cut off at its end"
    return ""


def level_complaint(shaped: Utterance) -> str:
    """The same of what leaves the emotion layer."""
    if not np.isfinite(shaped.samples).all():
        return "not a number"
    return "" if _QUIETEST_DB <= _db(shaped.samples) <= _LOUDEST_DB else "too quiet or too loud"


def hearing_complaint(shaped: Utterance, text: str, recogniser: Recogniser | None, config: GuardConfig) -> str:
    """The same of what a recogniser hears, where there is one and the phrase is long enough."""
    wanted = _words(text)
    if recogniser is None or not config.word_errors or len(wanted) < _FEWEST_WORDS:
        return ""
    errors = word_errors(wanted, _words(recogniser(shaped.samples)))
    return "not understood by the recogniser" if errors > config.word_errors * len(wanted) else ""


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower().replace("’", "'"))


def _db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-12))


def _peak_db(said: Utterance) -> float:
    """Level of the loudest 20 ms."""
    size = round(_PEAK * said.rate)
    return max(_db(said.samples[start : start + size]) for start in range(0, len(said.samples), size))
