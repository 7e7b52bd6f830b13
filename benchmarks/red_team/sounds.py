"""Kinds of copies of recordings, at 16 kHz: those that the gate's makers were told of, and some that they were not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from benchmarks.red_team.kinds import Kind, Material
from synthgen.generators.speech.backends.protocol import Utterance
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.encode import audio_name
from synthgen.generators.speech.voices import COLOURS, WARPS, VoiceCard
from synthgen.generators.speech.world import Reference, pitch, shape
from synthgen.payloads.sound import RATE, read, spoken
from synthgen.payloads.speech import Emotion, Recording, Segment, Speech, Track
from synthgen.privacy_filters.speech.planted import keep

Floats = NDArray[np.float32]
Copy = Material[Speech]
Change = Callable[[Floats, Floats, np.random.Generator], Floats]
"""From the victim's and a stranger's sound, and a stream of chance, to the copy."""

_LONGEST = 60.0  # seconds of a recording that are used
_SESSION = 120.0


def sound_of(speech: Speech) -> Floats:
    """What is said in the first track, its first minute, [frames]."""
    track = speech.recordings[0].tracks[0]
    return read(track.audio, spoken(track))[: int(_LONGEST * RATE)]


def as_sample(sound: Floats, copy: Copy) -> Speech:
    """One track of sound as a sample; it tells no words."""
    audio = keep(np.asarray(sound, dtype=np.float32), copy.scratch)
    role = copy.victim.recordings[0].tracks[0].role
    track = Track(role, audio, (Segment(0, 0, audio.frames, ""),))
    return Speech((Recording((track,)),))


def kind(name: str, change: Change, held_out: bool = False) -> Kind[Speech]:
    """A kind of copy that is a function of sounds."""

    def copied(copy: Copy) -> Speech:
        return as_sample(change(sound_of(copy.victim), sound_of(copy.stranger), copy.rng), copy)

    return Kind(name, copied, held_out)


def tiled(sound: Floats, frames: int) -> Floats:
    """The sound over and over until it is ``frames`` long."""
    return np.resize(sound, frames)


def levelled(sound: Floats, like: Floats) -> Floats:
    """At the RMS of another sound."""
    rms = float(np.sqrt(np.mean(sound**2)))
    return sound * np.float32(np.sqrt(np.mean(like**2)) / max(rms, 1e-6))


def _part_of_track(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """45% of a track in the victim's voice, the rest in a stranger's."""
    frames = len(victim)
    own = round(0.45 * frames / 0.55)
    return np.concatenate([levelled(tiled(stranger, frames), victim), tiled(victim, own)])


def _three_seconds(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Three seconds of the victim's recording within two minutes of a stranger."""
    length = min(len(victim), 3 * RATE)
    start = int(rng.integers(len(victim) - length + 1))
    host = levelled(tiled(stranger, int(_SESSION * RATE)), victim)
    at = int(rng.integers(len(host) - length))
    host[at : at + length] = victim[start : start + length]
    return host


def _speed(factor: float) -> Change:
    return lambda victim, stranger, rng: np.asarray(soxr.resample(victim, RATE * factor, RATE), dtype=np.float32)


def _cuts(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Pieces of one second in another order."""
    pieces = [victim[i : i + RATE] for i in range(0, len(victim), RATE)]
    return np.concatenate([pieces[i] for i in rng.permutation(len(pieces))])


def _reverberated(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """A room with 0.8 s of reverberation: noise that decays, 6 dB below the direct sound."""
    time = np.arange(int(0.8 * RATE)) / RATE
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / 0.8)
    tail *= 0.5 / np.sqrt(np.sum(tail**2))
    wet = signal.fftconvolve(victim, tail)[: len(victim)]
    return levelled(np.asarray(victim + wet, dtype=np.float32), victim)


def _noise(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """White noise 10 dB below the recording's RMS."""
    rms = float(np.sqrt(np.mean(victim**2)))
    return np.asarray(victim + rng.normal(0, rms * 10**-0.5, len(victim)), dtype=np.float32)


def _emotion(emotion: Emotion) -> Change:
    """The product's own emotion layer over the recording, in the speaker's own voice."""

    def laid_over(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
        f0 = pitch(victim, RATE)
        voiced = f0[f0 > 0] if (f0 > 0).any() else np.array([150.0])
        spread = float(np.std(12 * np.log2(voiced / np.median(voiced))))
        own = Reference(float(np.median(voiced)), max(0.5, spread), float(np.sqrt(np.mean(victim**2))))
        manner = MANNERS[emotion]
        said = Utterance(victim, RATE)
        stretch = 1 / manner.rate
        return shape(said, _unchanged(own), own, manner, int(rng.integers(2**31)), stretch=stretch, pauses=1.0).samples

    return laid_over


def _unchanged(own: Reference) -> VoiceCard:
    """A card that leaves the voice as it is."""
    return VoiceCard(
        seed=0, sex="f", language="en", variant="", f0_hz=own.f0_hz, f0_range=own.f0_range, tract=1.0,
        warp=(1.0,) * WARPS, colour=(0.0,) * COLOURS, tilt=0.0, breathiness=0.0, jitter=0.0, shimmer=0.0, rate=1.0,
    )  # fmt: skip


def _verbatim(copy: Copy) -> Speech:
    return as_sample(sound_of(copy.victim), copy)


def telephone(sound: Floats) -> Floats:
    """300 to 3,400 Hz."""
    band = signal.butter(4, (300, 3400), "bandpass", fs=RATE, output="sos")
    return np.asarray(signal.sosfilt(band, sound), dtype=np.float32)


def _overdriven(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Clipped softly, 12 dB too loud."""
    peak = float(np.abs(victim).max()) or 1.0
    return np.asarray(0.5 * np.tanh(4 * victim / peak), dtype=np.float32)


def _few_bits(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Six bits."""
    peak = float(np.abs(victim).max()) or 1.0
    return np.asarray(np.round(victim / peak * 31) / 31 * peak, dtype=np.float32)


def _over_another(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """With a stranger who speaks at the same time, 6 dB lower."""
    return np.asarray(0.7 * (victim + 0.5 * levelled(tiled(stranger, len(victim)), victim)), dtype=np.float32)


def _wow(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """A tape whose speed sways by 4%, twice a second."""
    time = np.arange(len(victim)) / RATE
    place = (time + 0.04 / (4 * np.pi) * np.sin(4 * np.pi * time)) * RATE
    return np.interp(place, np.arange(len(victim)), victim).astype(np.float32)


def _backwards(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    return np.ascontiguousarray(victim[::-1])


def _every_other_second(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Seconds of the victim and of a stranger in turn."""
    host = levelled(tiled(stranger, len(victim)), victim)
    mine = (np.arange(len(victim)) // RATE) % 2 == 0
    return np.where(mine, victim, host)


KINDS: tuple[Kind[Speech], ...] = (
    Kind("verbatim", _verbatim),
    kind("45% of the track", _part_of_track),
    kind("3 s in two minutes", _three_seconds),
    kind("speed 0.8", _speed(0.8)),
    kind("speed 1.25", _speed(1.25)),
    kind("cuts of 1 s", _cuts),
    kind("reverberation", _reverberated),
    kind("noise 10 dB", _noise),
    kind("emotion layer, sad", _emotion("sad")),
    kind("emotion layer, angry", _emotion("angry")),
)

HELD_OUT: tuple[Kind[Speech], ...] = (
    kind("telephone", lambda victim, stranger, rng: telephone(victim), held_out=True),
    kind("overdriven", _overdriven, held_out=True),
    kind("6 bits", _few_bits, held_out=True),
    kind("over another voice", _over_another, held_out=True),
    kind("swaying speed", _wow, held_out=True),
    kind("backwards", _backwards, held_out=True),
    kind("every other second", _every_other_second, held_out=True),
)


def placed(speech: Speech, scratch: Path) -> Speech:
    """The same sample with its sound in ``scratch``, where the pipeline looks for it."""
    return Speech(tuple(replace(r, tracks=tuple(_placed(t, scratch) for t in r.tracks)) for r in speech.recordings))


def _placed(track: Track, scratch: Path) -> Track:
    path = scratch / audio_name(track.audio.digest)
    if not path.exists():
        shutil.copyfile(track.audio.path, path)
    return replace(track, audio=replace(track.audio, path=path))
