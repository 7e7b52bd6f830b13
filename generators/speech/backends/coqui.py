"""Models of coqui-tts (package ``coqui-tts``, import ``TTS``), by name or folder: VITS, YourTTS, XTTS, Tacotron, …

Its own Synthesizer loads and speaks them. A card draws one of the model's own speakers; nothing is cloned from a
recording, though some of these models could.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.errors import MissingExtraError, UserError
from synthgen.generators.speech.backends.neural import folder_digest, in_alphabet, seeded, text_digest
from synthgen.generators.speech.backends.protocol import Capabilities, Utterance
from synthgen.generators.speech.voices import VoiceCard
from synthgen.payloads.speech import Emotion

_CHECKPOINTS = ("model.pth", "best_model.pth", "model_file.pth", "model_file.pth.tar", "checkpoint.pth")
_PICKLED = ("bark", "wavegrad")
"""Models that coqui-tts reads with full pickle: anything could run."""


@dataclass
class Coqui:
    """Speaks a sentence at a time. Threads take turns."""

    synthesizer: Any
    digest: str
    capabilities: Capabilities
    name: str = "coqui"
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def opened(cls, model: str) -> Coqui:
        """Opens a model, on the GPU where there is one.

        Args:
            model: a folder with ``config.json`` and the checkpoint, or a name of coqui-tts, such as
                ``tts_models/en/vctk/vits``, which it downloads once.

        Raises:
            MissingExtraError: coqui-tts is not installed, or cannot be imported.
            UserError: there is no such model, or it cannot be opened.
        """
        if not model:
            raise UserError(
                "generator.model is empty: give the coqui back-end a folder, or a name such as tts_models/en/vctk/vits"
            )
        try:
            import torch

            synthesizer_of = import_module("TTS.utils.synthesizer").Synthesizer
        except (ImportError, OSError) as error:  # OSError: torchaudio's extension is linked against another torch
            raise MissingExtraError("the coqui back-end (see docs/speech_backends.md)", "coqui") from error
        logging.getLogger("TTS").setLevel(logging.CRITICAL)  # it logs what is said
        folder = Path(model)
        files = _in_folder(folder) if folder.is_dir() else _by_name(model)
        for config in (files["tts_config_path"], files.get("vocoder_config")):
            _refuse_pickles(model, config)
        try:
            synthesizer = synthesizer_of(**files, use_cuda=torch.cuda.is_available())
        except Exception as error:  # whatever a model's own loader raises; it is named in the chain
            raise UserError(f"coqui-tts cannot open {model}: is its config.json that of its checkpoint?") from error
        digest = folder_digest(folder) if folder.is_dir() else text_digest(model, _version())
        paced = hasattr(synthesizer.tts_model, "length_scale")
        return cls(synthesizer, digest, Capabilities(rate=paced, words=False, unit="sentence"))

    def speakers(self, language: str) -> tuple[str, ...]:
        """The model's, by their names in order."""
        manager = getattr(self.synthesizer.tts_model, "speaker_manager", None)
        names = sorted(getattr(manager, "name_to_id", None) or ())
        return tuple(str(name) for name in names) or ("the model's only voice",)

    def __call__(
        self, text: str, voice: VoiceCard, emotion: Emotion, intensity: float, seed: int, rate: float = 1.0
    ) -> Utterance:
        """Speaks ``text`` by the speaker that the card draws, where the model has several.

        Raises:
            UserError: the model has no letters for the text, not its language, or fails at it.
        """
        model = self.synthesizer.tts_model
        text = self._in_alphabet(text, voice)
        language = self._language(voice)
        names = sorted(getattr(getattr(model, "speaker_manager", None), "name_to_id", None) or ())
        with self._lock, seeded(seed):
            own = float(getattr(model, "length_scale", 1.0))
            try:
                if self.capabilities.rate:
                    model.length_scale = own / (voice.rate * rate)
                said = self.synthesizer.tts(
                    text,
                    speaker_name=names[voice.seed % len(names)] if names else None,
                    language_name=language,
                    split_sentences=False,
                )
            except (RuntimeError, ValueError, IndexError, KeyError, AssertionError) as error:
                raise UserError(
                    "the model cannot speak a turn of this dialogue: leave it out, or choose another model"
                ) from error
            finally:
                if self.capabilities.rate:
                    model.length_scale = own
        samples = np.asarray(said, np.float32)
        # The Synthesizer appends a pause to every sentence.
        return Utterance(np.trim_zeros(samples, "b"), int(self.synthesizer.output_sample_rate))

    def _in_alphabet(self, text: str, voice: VoiceCard) -> str:
        tokenizer = getattr(self.synthesizer.tts_model, "tokenizer", None)
        vocabulary = getattr(getattr(tokenizer, "characters", None), "vocab", None)
        if vocabulary is None or tokenizer is None or tokenizer.use_phonemes:
            return text
        return in_alphabet(text, frozenset(vocabulary).__contains__, voice.language)

    def _language(self, voice: VoiceCard) -> str | None:
        """The model's name of the card's language: itself, or its first part; None where the model has but one."""
        manager = getattr(self.synthesizer.tts_model, "language_manager", None)
        names = list(getattr(manager, "language_names", None) or ())
        if len(names) < 2:
            return None
        for language in (voice.language.lower(), voice.language.lower().partition("-")[0]):
            if language in names:
                return language
        raise UserError(f"the model does not speak {voice.language!r}: set generator.language to one of its own")


def _in_folder(folder: Path) -> dict[str, str]:
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} is no model folder of coqui-tts: it has no config.json")
    config = str(folder / "config.json")
    if (folder / "speakers_xtts.pth").is_file():  # XTTS knows its own files
        return {"tts_checkpoint": str(folder), "tts_config_path": config}
    found = [folder / name for name in _CHECKPOINTS if (folder / name).is_file()] or sorted(folder.glob("*.pth"))
    if not found:
        raise UserError(f"{folder} is no model folder of coqui-tts: it has no checkpoint such as model.pth")
    return {"tts_checkpoint": str(found[0]), "tts_config_path": config}


def _refuse_pickles(model: str, config: str | None) -> None:
    """Refuses weights, and statistics of the audio, that coqui-tts would read with full pickle."""
    if config is None:
        return
    try:
        values = json.loads(Path(config).read_text("utf-8"))
        kind, statistics = values.get("model"), (values.get("audio") or {}).get("stats_path")
    except (OSError, ValueError, AttributeError):
        raise UserError(f"the config.json of {model} cannot be read as JSON of a model") from None
    if kind in _PICKLED or statistics:
        raise _pickled(model)


def _pickled(model: str) -> UserError:
    return UserError(f"coqui-tts would read {model} as pickled code: choose another one, or the transformers back-end")


def _by_name(model: str) -> dict[str, str]:
    manager = import_module("TTS.utils.manage").ModelManager(progress_bar=False)
    if model.count("/") != 3 or model not in manager.list_tts_models():
        raise UserError(f"coqui-tts has no model {model}, and there is no such folder: see `tts --list_models`")
    if model.rpartition("/")[2] in _PICKLED:
        raise _pickled(model)
    item, name, _ = manager._set_model_item(model)
    if not manager.tos_agreed(item, manager.output_prefix / name):
        raise UserError(f"read the licence of {model} ({item.get('license')}), and set COQUI_TOS_AGREED=1 if you agree")
    try:
        checkpoint, config, item = manager.download_model(model)
        vocoder = item.get("default_vocoder")
        files = {"tts_checkpoint": str(checkpoint), "tts_config_path": str(config)}
        if (checkpoint.parent / "speakers_xtts.pth").is_file():
            files["tts_checkpoint"] = str(checkpoint.parent)
        if vocoder:
            vocoder_checkpoint, vocoder_config, _ = manager.download_model(vocoder)
            files |= {"vocoder_checkpoint": str(vocoder_checkpoint), "vocoder_config": str(vocoder_config)}
    except Exception as error:  # requests' own errors, and the hub's
        raise UserError(f"cannot download {model}: do so where there is a network, and give its folder") from error
    return files


def _version() -> str:
    return metadata.version("coqui-tts")
