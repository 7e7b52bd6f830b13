"""Real recordings in the generator's domain: under its layer, and inside its sessions.

Whoever's sound goes into the layer comes out in another manner, and in a drawn voice; the words, and when they are
said, are the patient's.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from synthgen.errors import SynthgenError
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.backends.protocol import Utterance
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.emotions import MANNERS, Manner
from synthgen.generators.speech.plan import intensity_of
from synthgen.generators.speech.voices import COLOURS, WARPS, VoiceCard, draw_voice
from synthgen.generators.speech.world import Reference, measured, shape
from synthgen.modalities.speech.register import SENTENCES, spoken_sentences
from synthgen.payloads.sound import Floats, read, spoken
from synthgen.payloads.speech import EMOTIONS, Emotion, Speech, SpeechReal, SpeechRoundTrip
from synthgen.privacy_filters.speech.planted import changed, world
from synthgen.records import RoundTrip

_SPOKEN = EMOTIONS[1:]  # all but neutral, which is a round trip through WORLD


def through_the_layer(seed: int, scratch: Path, config: GeneratorConfig) -> tuple[SpeechRoundTrip, ...]:
    """The ways through the layer, the emotions in turn from record to record, as intense as in a session."""

    def in_turn(
        records: Sequence[SpeechReal], emotions: Sequence[Emotion], cards: Sequence[VoiceCard | None]
    ) -> list[Speech]:
        drawn = [intensity_of(config, np.random.default_rng([seed, i])) for i in range(len(records))]
        return [
            in_manner(record.payload, emotions[i % len(emotions)], cards[i], i, scratch, drawn[i])
            for i, record in enumerate(records)
        ]

    def as_it_is(records: Sequence[SpeechReal]) -> list[Speech]:
        return in_turn(records, _SPOKEN, [None] * len(records))

    def in_another_voice(records: Sequence[SpeechReal]) -> list[Speech]:
        return in_turn(records, EMOTIONS, [draw_voice(seed + i, "patient") for i in range(len(records))])

    return (
        RoundTrip("emotion_layer", "generator", as_it_is),
        RoundTrip("voice_and_emotion_layer", "beyond", in_another_voice),
    )


def inside_sessions(seed: int, scratch: Path) -> tuple[SpeechRoundTrip, ...]:
    """A few seconds of a recording within what a synthetic voice says; none where there is nobody to put it beside."""
    if find_spec("espeakng_loader") is None:
        return ()
    return (
        RoundTrip("3s_within_20s", "beyond", lambda records: inside_a_session(records, 3.0, 20.0, seed, scratch)),
        RoundTrip("half_of_7s", "beyond", lambda records: inside_a_session(records, 3.5, 7.0, seed, scratch)),
    )


def inside_a_session(
    records: Sequence[SpeechReal], seconds: float, of: float, seed: int, scratch: Path
) -> list[Speech]:
    """A stretch of each track in place of a part of what a synthetic voice says, as loud as it is."""
    backend = Espeak.installed()
    said = spoken_sentences(backend, draw_voice(seed, "host"), SENTENCES, scratch).recordings[0].tracks[0]
    backend.close()
    host = np.resize(read(said.audio, spoken(said)), round(of * RATE))

    def change(samples: Floats, rng: np.random.Generator) -> Floats:
        length = min(len(samples), round(seconds * RATE))
        start, place = (int(rng.integers(len(x) - length + 1)) for x in (samples, host))
        stretch = samples[start : start + length]
        louder = np.std(host) / max(float(np.std(stretch)), 1e-5)
        return np.concatenate([host[:place], np.float32(louder) * stretch, host[place + length :]])

    return [changed(r.payload, change, np.random.default_rng([seed, i]), scratch) for i, r in enumerate(records)]


def in_manner(
    payload: Speech, emotion: Emotion, card: VoiceCard | None, seed: int, scratch: Path, intensity: float = 1.0
) -> Speech:
    """A copy, each track shaped by the layer: in the card's voice, or in its own where None is given.

    Args:
        intensity: 1 is as actors do it, 0 neutral.
    """
    manner = MANNERS[emotion].at(intensity)

    def change(samples: Floats, rng: np.random.Generator) -> Floats:
        return _shaped(samples, manner, card, int(rng.integers(2**31)))

    return changed(payload, change, np.random.default_rng(seed), scratch)


def _shaped(samples: Floats, manner: Manner, card: VoiceCard | None, seed: int) -> Floats:
    """What the layer makes of the sound; where it finds no voice, what WORLD makes of it."""
    try:
        own = measured([samples.astype(np.float64)])
        voice = card or _own_card(own)
        stretch = 1.0 / (voice.rate * manner.rate)
        made = shape(Utterance(samples, RATE), voice, own, manner, seed, stretch=stretch, pauses=manner.pauses)
    except SynthgenError:
        return world(samples)
    return made.samples


def _own_card(own: Reference) -> VoiceCard:
    """A card that leaves the voice as it is."""
    return VoiceCard(
        seed=0,
        sex="f",
        language="en",
        variant="",
        f0_hz=own.f0_hz,
        f0_range=own.f0_range,
        tract=1.0,
        warp=(1.0,) * WARPS,
        colour=(0.0,) * COLOURS,
        tilt=0.0,
        breathiness=0.0,
        jitter=0.3,
        shimmer=0.2,
        rate=1.0,
    )
