"""A speech recogniser, where one is installed: pocketsphinx with the English model that its wheel carries."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RATE = 16_000


def installed_recogniser(language: str) -> Callable[[NDArray[np.float32]], str] | None:
    """A turn at 16 kHz to words; None where pocketsphinx is not installed, or the language is not English."""
    if not language.lower().startswith("en"):
        return None
    try:
        sphinx = importlib.import_module("pocketsphinx")
    except ImportError:
        return None
    decoder: Any = sphinx.Decoder(samprate=_RATE, loglevel="FATAL")

    def recognise(samples: NDArray[np.float32]) -> str:
        quiet = np.zeros(_RATE // 4, dtype=np.float32)  # a turn cut at its first sound loses its first word
        padded = np.concatenate([quiet, samples, quiet])
        level = 0.9 / max(float(np.abs(padded).max(initial=0.0)), 1e-4)
        pcm = np.clip(np.rint(padded * min(level, 10.0) * 32767), -32768, 32767).astype(np.int16)
        decoder.start_utt()
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found is not None else ""

    return recognise
