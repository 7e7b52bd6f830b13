"""The register of preset voices: a neural model's own speakers are recorded people, and protected like patients.

espeak-ng's voices are rules (Klatt's and its own formant synthesis), of nobody, so that its register is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from synthgen.errors import MissingExtraError
from synthgen.files import private_folder
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.backends.protocol import Backend
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.tracks import TrackWriter
from synthgen.generators.speech.voices import VoiceCard, draw_voice
from synthgen.payloads.speech import Recording, Segment, Speech, Track
from synthgen.privacy_filters.speech.filters import Preset
from synthgen.privacy_filters.speech.listening import Listener
from synthgen.progress import Progress

SENTENCES = (
    "The garden behind the house was quiet in the morning.",
    "We walked along the river until the light began to fade.",
    "Nobody could remember who had left the door open.",
    "There is a train at noon, and another one in the evening.",
)


def register(
    config: GeneratorConfig, listener: Listener, scratch: Path, progress: Progress, said: Sequence[str] = SENTENCES
) -> tuple[Preset, ...]:
    """Every speaker of the back-end's model, by a few sentences without anything done to them.

    Args:
        scratch: a private folder for the sound.

    Raises:
        UserError, MissingExtraError: the back-end cannot be opened, or cannot speak the sentences.
    """
    if config.backend == "espeak":
        return ()
    backend = open_backend(config)
    names = backend.speakers(config.language)
    if not names:
        progress.say(f"the back-end {backend.name} does not name speakers of its own: none is protected")
        return ()
    private_folder(scratch)
    task = progress.task("listen to presets", len(names), "voice")
    card = draw_voice(0, "preset", config.language)
    found = []
    for number, name in enumerate(names):
        speech = spoken_sentences(backend, replace(card, seed=number, rate=1.0), said, scratch)
        found.append(Preset.heard(name, speech, listener))
        task.advance()
    return tuple(found)


def spoken_sentences(backend: Backend, voice: VoiceCard, said: Sequence[str], scratch: Path) -> Speech:
    """One track of one segment: the sentences in the card's voice, a fifth of a second apart."""
    try:
        import soxr
    except ImportError:
        raise MissingExtraError("resampling", "speech") from None
    with TrackWriter(scratch) as writer:
        for number, sentence in enumerate(said):
            uttered = backend(sentence, voice, "neutral", 1.0, number)
            samples = np.asarray(uttered.samples, dtype=np.float32)
            writer.write(samples if uttered.rate == RATE else soxr.resample(samples, uttered.rate, RATE))
            writer.silence_until(writer.position + RATE // 5)
        audio = writer.finish()
    segment = Segment(0, 0, audio.frames, " ".join(said), "neutral")
    return Speech((Recording((Track("speaker", audio, (segment,)),)),))
