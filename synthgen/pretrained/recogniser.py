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

_RATE = 16_000
_SILENT = 1e-4


@dataclass(frozen=True)
class Sphinx:
    """Hears words in a turn at 16 kHz."""

    decoder: Any
    name: str

    def __call__(self, samples: NDArray[np.float32], /) -> str:
        if not float(np.abs(samples).max(initial=0.0)) > _SILENT:
            return ""  # it would hear some short word
        quiet = np.zeros(_RATE // 4, dtype=np.float32)  # a turn cut at its first sound loses its first word
        padded = np.concatenate([quiet, samples, quiet])
        gain = min(0.9 / max(float(np.abs(padded).max(initial=0.0)), 1e-4), 10.0)
        pcm = np.clip(np.rint(padded * gain * 32767), -32768, 32767).astype(np.int16)
        self.decoder.start_utt()
        self.decoder.process_raw(pcm.tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = self.decoder.hyp()
        return str(found.hypstr) if found is not None else ""


def installed_recogniser(language: str) -> Sphinx | None:
    """The recogniser; None where pocketsphinx is not installed, or the language is not English."""
    if not language.lower().startswith("en"):
        return None
    try:
        sphinx = importlib.import_module("pocketsphinx")
    except ImportError:
        return None
    return Sphinx(sphinx.Decoder(samprate=_RATE, loglevel="FATAL"), f"pocketsphinx {metadata.version('pocketsphinx')}")


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
