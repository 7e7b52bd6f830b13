"""Signals, voices and cohorts with known answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from synthgen.eval.attacks import unit
from synthgen.eval.speech.pairs import Prints
from synthgen.eval.speech.records import RATE, SpeakerTrack
from synthgen.payloads.speech import (
    Audio,
    Emotion,
    Recording,
    Role,
    Segment,
    Speech,
    SpeechCondition,
    SpeechReal,
    SpeechSynthetic,
    Track,
)
from synthgen.records import Real, Synthetic

Floats = NDArray[np.float64]


def vowel(
    hz: float, seconds: float, *, syllables: float = 4.0, formant: float = 600.0, seed: int = 0, noise: float = 0.003
) -> NDArray[np.float32]:
    """A pulse train at ``hz`` through one resonance, its level rising and falling ``syllables`` times a second."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    pulses = np.diff(np.floor(np.cumsum(np.full(len(t), hz / RATE))), prepend=0.0)
    radius = np.exp(-np.pi * 90 / RATE)
    sound = signal.lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], pulses)
    sound = sound / np.abs(sound).max() * (0.55 - 0.45 * np.cos(2 * np.pi * syllables * t))
    return np.asarray(0.3 * sound + noise * rng.standard_normal(len(t)), dtype=np.float32)


def keep(folder: Path, samples: NDArray[np.floating], rate: int = RATE) -> Audio:
    """A FLAC file under its digest."""
    digest = hashlib.blake2b(samples.tobytes(), digest_size=8).hexdigest()
    path = folder / f"{digest}.flac"
    soundfile.write(path, samples, rate, format="FLAC", subtype="PCM_16")
    return Audio(path, digest, rate, len(samples))


def track(
    folder: Path, samples: NDArray[np.floating], role: Role = "speaker", text: str = "", emotion: Emotion = ""
) -> Track:
    """One turn from the first sample to the last."""
    return Track(role, keep(folder, samples), (Segment(0, 0, len(samples), text, emotion),))


def session(folder: Path, turns: Sequence[tuple[Role, NDArray[np.float32], Emotion, str]], gap: float) -> Recording:
    """Turns one after the other, ``gap`` seconds between them, each on its speaker's track."""
    length = sum(len(sound) for _, sound, _, _ in turns) + round(gap * RATE) * len(turns)
    tracks = []
    for role in dict.fromkeys(role for role, _, _, _ in turns):
        sheet, segments, place = np.zeros(length, dtype=np.float32), [], 0
        for number, (speaker, sound, emotion, text) in enumerate(turns):
            if speaker == role:
                sheet[place : place + len(sound)] = sound
                segments.append(Segment(number, place, place + len(sound), text, emotion))
            place += len(sound) + round(gap * RATE)
        tracks.append(Track(role, keep(folder, sheet), tuple(segments)))
    return Recording(tuple(tracks))


def real(patient: str, record: str, one: Track) -> SpeechReal:
    emotion = one.segments[0].emotion
    return Real(patient, record, SpeechCondition(emotion=emotion), Speech((Recording((one,)),)))


def synthetic(sessions: Sequence[Recording], severity: str = "") -> SpeechSynthetic:
    condition = SpeechCondition(severity=severity, sessions=len(sessions))
    return Synthetic(0, condition, Speech(tuple(sessions)))


def gaussian_voices(
    voices: int, recordings: int, windows: int, spread: float, seed: int, *, dimensions: int = 16, first: int = 0
) -> Prints:
    """Voices around random directions: a window is its voice's direction plus noise of ``spread``."""
    rng = np.random.default_rng(seed)
    audio = Audio(Path("nowhere"), "0", RATE, RATE)
    parts, found = [], []
    for voice in range(first, first + voices):
        centre = unit(rng.standard_normal(dimensions))
        for recording in range(recordings):
            name = str(voice)
            parts.append(SpeakerTrack(name, name, voice * recordings + recording, "", Track("speaker", audio, ())))
            found.append(unit(centre + spread * rng.standard_normal((windows, dimensions))))
    return Prints(tuple(parts), unit(np.stack([w.mean(axis=0) for w in found])), tuple(found))
