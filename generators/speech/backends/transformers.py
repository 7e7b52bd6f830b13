"""Speech models of transformers, by name or folder: VITS and MMS-TTS, Bark, Dia, CSM, and what its pipeline opens.

Weights are read from safetensors alone, and no code of a model's repository is run. VITS has speakers of its own, one
for each card, and speaks at the rate that is asked for; the rest is done by the layer after it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.speech.backends.neural import folder_digest, in_alphabet, seeded, text_digest
from synthgen.generators.speech.backends.protocol import Capabilities, Utterance
from synthgen.generators.speech.voices import VoiceCard
from synthgen.payloads.speech import Emotion

_SENTENCES = Capabilities(rate=False, words=False, unit="sentence")
_SENTENCES_AT_A_RATE = Capabilities(rate=True, words=False, unit="sentence")


@dataclass
class Transformers:
    """Speaks a sentence at a time by a text-to-audio pipeline. Threads take turns."""

    pipe: Any
    digest: str
    capabilities: Capabilities
    name: str = "transformers"
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def opened(cls, model: str) -> Transformers:
        """Opens a model, on the GPU where there is one.

        Args:
            model: name on the Hugging Face hub, or a folder.

        Raises:
            MissingExtraError: transformers is not installed.
            UserError: there is no such model, it is none that speaks, or its weights are not safetensors.
        """
        if not model:
            raise UserError("generator.model is empty: give the transformers back-end the name or folder of a model")
        try:
            import torch
            from transformers import pipeline
        except ImportError as error:
            raise MissingExtraError("the transformers back-end", "tts") from error
        folder = Path(model)
        try:
            pipe = pipeline(
                "text-to-audio",
                model=model,
                device="cuda" if torch.cuda.is_available() else "cpu",
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except ImportError as error:  # of a model's own needs, such as a phonemizer
            needs = str(error).strip().splitlines()[0]
            raise UserError(f"the model {model} needs a package that is not installed: {needs}") from error
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise UserError(
                f"cannot open {model} as a speech model of transformers: give a folder, or the name of a downloaded "
                "model, with its weights in safetensors"
            ) from error
        if not pipe.sampling_rate:
            raise UserError(f"the model {model} does not say its sampling rate: choose another one")
        digest = folder_digest(folder) if folder.is_dir() else text_digest(model, pipe.model.config._commit_hash)
        rate = pipe.model.config.model_type == "vits"
        return cls(pipe, digest, _SENTENCES_AT_A_RATE if rate else _SENTENCES)

    def speakers(self, language: str) -> tuple[str, ...]:
        """Those of a VITS by number; else the presets of the language."""
        if self.pipe.model.config.model_type == "vits":
            return tuple(f"speaker {number}" for number in range(max(1, self.pipe.model.config.num_speakers)))
        return tuple(self._presets(language))

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        """Speaks ``text`` by the speaker that the card draws, where the model has several.

        Raises:
            UserError: the model has no letters for the text, or fails at it.
        """
        config = self.pipe.model.config
        options: dict[str, Any] = {}
        with self._lock, seeded(seed):
            if config.model_type == "vits":
                text = self._in_alphabet(text, voice)
                self.pipe.model.speaking_rate = config.speaking_rate * voice.rate * rate
                if config.num_speakers > 1:
                    options["forward_params"] = {"speaker_id": voice.seed % config.num_speakers}
            elif presets := self._presets(voice.language):
                options["preprocess_params"] = {"voice_preset": presets[voice.seed % len(presets)]}
            try:
                said = self.pipe(text, **options)
            except (RuntimeError, ValueError, IndexError, KeyError) as error:
                raise UserError(
                    "the model cannot speak a turn of this dialogue: leave it out, or choose another model"
                ) from error
        samples = np.asarray(said["audio"], np.float32).reshape(-1)
        return Utterance(samples, int(said["sampling_rate"]))

    def _in_alphabet(self, text: str, voice: VoiceCard) -> str:
        tokenizer = self.pipe.tokenizer
        if tokenizer.phonemize or tokenizer.is_uroman:
            return text
        vocabulary = tokenizer.get_vocab()
        return in_alphabet(text, vocabulary.__contains__, voice.language)

    def _presets(self, language: str) -> list[str]:
        """Bark's presets of the language; its voice would be another one with every sentence without them."""
        named = getattr(getattr(self.pipe, "processor", None), "speaker_embeddings", None) or {}
        short = language.partition("-")[0]
        return sorted(name for name in named if name.rpartition("/")[2].startswith(f"{short}_"))
