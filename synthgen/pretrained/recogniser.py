"""A speech recogniser, where one is installed: pocketsphinx with the English model of its wheel; and word errors."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError

RATE = 16_000
MARGIN = RATE // 4
"""Samples of silence about a turn that is listened to."""
_SILENT = 1e-4


@dataclass(frozen=True)
class Sphinx:
    """Hears words in a turn at 16 kHz."""

    decoder: Any
    name: str

    def __call__(self, samples: NDArray[np.float32], /) -> str:
        if not float(np.abs(samples).max(initial=0.0)) > _SILENT:
            return ""  # it would hear some short word
        listen(self.decoder, samples)
        found = self.decoder.hyp()
        return str(found.hypstr) if found is not None else ""


def listen(decoder: Any, samples: NDArray[np.float32]) -> None:
    """Has a decoder hear a turn at 16 kHz, at one level, :data:`MARGIN` of silence on both sides."""
    quiet = np.zeros(MARGIN, dtype=np.float32)  # a turn cut at its first sound loses its first word
    padded = np.concatenate([quiet, samples, quiet])
    gain = min(0.9 / max(float(np.abs(padded).max(initial=0.0)), 1e-4), 10.0)
    pcm = np.clip(np.rint(padded * gain * 32767), -32768, 32767).astype(np.int16)
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()


def pocketsphinx(language: str) -> Any | None:
    """The module; None where it is not installed, or the language is not English."""
    if not language.lower().startswith("en"):
        return None
    try:
        return importlib.import_module("pocketsphinx")
    except ImportError:
        return None


def installed_recogniser(language: str) -> Sphinx | None:
    """The recogniser; None where pocketsphinx is not installed, or the language is not English."""
    sphinx = pocketsphinx(language)
    if sphinx is None:
        return None
    return Sphinx(sphinx.Decoder(samprate=RATE, loglevel="FATAL"), f"pocketsphinx {metadata.version('pocketsphinx')}")


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Fewest substitutions, deletions and insertions that make the hypothesis of the reference (Levenshtein).

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise MissingExtraError("counting word errors", "speech") from None
    return int(Levenshtein.distance(reference, hypothesis))
