"""People of a few numbers, who say strings of vowels: a voice is a pitch, a vocal tract and a colour."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthgen.payloads.sound import RATE, Floats
from synthgen.payloads.speech import (
    Audio,
    Recording,
    Segment,
    Speech,
    SpeechCondition,
    SpeechReal,
    Track,
)
from synthgen.privacy_filters.speech.planted import keep
from synthgen.records import Real

VOWELS = np.array([[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480], [570, 840, 2410]])


def says(person: int, utterance: int, seconds: float = 3.6) -> Floats:
    """Another ``utterance`` is another string of syllables and pauses, in the same voice."""
    voice, rng = np.random.default_rng([person, 1]), np.random.default_rng([person, utterance, 2])
    f0 = float(np.exp(voice.uniform(np.log(85), np.log(250))))
    tract, colour = voice.uniform(0.82, 1.22), voice.normal(0.0, 5.0, 8)
    parts: list[Floats] = []
    while sum(map(len, parts)) < seconds * RATE:
        length = int(rng.uniform(0.12, 0.3) * RATE)
        times = np.arange(length) / RATE
        tone = f0 * 2 ** (rng.normal(0, 1.5) / 12) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(2, 6) * times))
        pulses = np.diff(np.floor(np.cumsum(tone / RATE)), prepend=0.0) + 0.01 * rng.standard_normal(length)
        frequency = np.fft.rfftfreq(length, 1 / RATE)
        gain = np.zeros(len(frequency))
        for centre in VOWELS[rng.integers(len(VOWELS))] / tract:
            gain += 1 / (1 + ((frequency - centre) / 90) ** 2) * (500 / centre)
        gain = (gain + 0.003) * 10 ** (np.interp(frequency, np.linspace(0, 8000, 8), colour) / 20)
        syllable = np.fft.irfft(np.fft.rfft(pulses) * gain, length) * np.hanning(length) ** 0.5
        parts.append((syllable * rng.uniform(0.5, 1.0) / (syllable.std() + 1e-9)).astype(np.float32))
        parts.append(np.zeros(int(rng.choice([0.0, 0.04, 0.2], p=[0.5, 0.3, 0.2]) * RATE), dtype=np.float32))
    sound = np.concatenate(parts)[: int(seconds * RATE)]
    return np.asarray(0.05 * sound + 2e-4 * rng.standard_normal(len(sound)), dtype=np.float32)


def clip(samples: Floats, folder: Path, text: str = "") -> Speech:
    """One recording of one track, of one turn."""
    return sample([samples], folder, [text])


def sample(tracks: Sequence[Floats], folder: Path, texts: Sequence[str]) -> Speech:
    """One recording of several tracks of the same length."""
    return Speech((Recording(tuple(track(t, folder, text) for t, text in zip(tracks, texts, strict=True))),))


def track(samples: Floats, folder: Path, text: str = "") -> Track:
    audio = keep(samples, folder)
    return Track("patient", audio, (Segment(0, 0, audio.frames, text),))


def audio_of(payload: Speech) -> Audio:
    return payload.recordings[0].tracks[0].audio


def people(count: int, folder: Path, first: int = 0, utterances: int = 1) -> list[SpeechReal]:
    """``count`` people, each with so many clips."""
    return [
        Real(f"p{person:05d}", f"r{person:05d}_{number}", SpeechCondition(), clip(says(person, number), folder))
        for person in range(first, first + count)
        for number in range(utterances)
    ]
