"""Planted copies of training recordings: what somebody, or a generator, could have done to a copy to hide it.

All of "perturbed" keep the voice; a person who knows the patient would recognise it. None but the exact copies tells
its words: they have to be heard, and no filter of transcripts may help.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from synthgen.errors import MissingExtraError
from synthgen.files import disk_errors, private_folder
from synthgen.payloads.sound import RATE, Floats, read, spoken
from synthgen.payloads.speech import Audio, Recording, Segment, Speech, SpeechReal, SpeechRoundTrip, Track
from synthgen.records import Planted

Change = Callable[[Floats, np.random.Generator], Floats]

_LONGEST = 60.0  # seconds of a recording that a copy is made of


def planted_copies(
    records: Sequence[SpeechReal], round_trips: Sequence[SpeechRoundTrip], seed: int, scratch: Path
) -> Iterator[Planted[Speech]]:
    """One copy of each of ``records`` per perturbation, the exact copies first.

    The WORLD round trip is what this project's own emotion layer does to any voice: it counts as the generator's
    domain; what else that layer does is handed in as round trips. Pitch is shifted with WORLD at constant duration,
    tempo at constant pitch; speed moves both. Halves, and cuts of a second in another order, are caught nearly always,
    but in voices that are alike not so surely that it could be claimed (docs/results/gate.md, "Sound").

    Args:
        records: training records, one per patient.
        round_trips: what else the generator makes of the records.
        seed: of the noise, and of where excerpts begin.
        scratch: a private folder for the copies; emptied by whoever made it.
    """
    private_folder(scratch)
    table: tuple[tuple[str, str, Change], ...] = (
        ("world_round_trip", "generator", lambda x, _: world(x)),
        ("pitch_+2", "perturbed", lambda x, _: world(x, semitones=2.0)),
        ("pitch_-2", "perturbed", lambda x, _: world(x, semitones=-2.0)),
        ("band_8khz", "perturbed", lambda x, _: _band(x)),
        ("mp3_64kbit", "perturbed", lambda x, _: _mp3(x, scratch)),
        ("mp3_16kbit", "perturbed", lambda x, _: _mp3(x, scratch, 16)),
        ("telephone_gsm", "perturbed", lambda x, _: _telephone(x, scratch)),
        ("noise_20db", "perturbed", lambda x, rng: _noise(x, rng, 20.0)),
        ("noise_10db", "perturbed", lambda x, rng: _noise(x, rng, 10.0)),
        ("reverberation_0.5s", "perturbed", _reverberant),
        ("level_-12db", "perturbed", lambda x, _: x * np.float32(10 ** (-12 / 20))),
        ("excerpt_half", "beyond", _excerpt),
        ("cuts_of_1s", "beyond", _cuts),
        ("speed_1.06", "perturbed", lambda x, _: _speed(x, 1.06)),
        ("speed_0.8_or_1.25", "perturbed", lambda x, rng: _speed(x, _either(rng))),
        ("tempo_0.8_or_1.25", "perturbed", lambda x, rng: world(x, tempo=_either(rng))),
    )
    yield Planted("exact", "exact", tuple(record.payload for record in records))
    for number, (name, domain, change) in enumerate(table):
        rng = np.random.default_rng([seed, number])
        yield Planted(name, domain, tuple(changed(record.payload, change, rng, scratch) for record in records))
    for trip in round_trips:
        yield Planted(trip.name, trip.domain, tuple(trip.copies(records)))


def changed(payload: Speech, change: Change, rng: np.random.Generator, scratch: Path) -> Speech:
    """A copy of a sample, each track changed: at most its first minute of speech, at 16 kHz."""
    return Speech(tuple(_recording(recording, change, rng, scratch) for recording in payload.recordings))


def _recording(recording: Recording, change: Change, rng: np.random.Generator, scratch: Path) -> Recording:
    """The tracks one by one; what is changed may have another length in each, so that each is padded to the longest."""
    sounds = [change(_head(track), rng) for track in recording.tracks]
    longest = max(len(sound) for sound in sounds)
    padded = [np.pad(sound, (0, longest - len(sound))) for sound in sounds]
    tracks = [
        Track(track.role, keep(sound, scratch), _whole(track, len(sound)))
        for track, sound in zip(recording.tracks, padded, strict=True)
    ]
    return replace(recording, tracks=tuple(tracks))


def _head(track: Track) -> Floats:
    ranges, left = [], int(_LONGEST * track.audio.rate)
    for start, end in spoken(track):
        ranges.append((start, min(end, start + left)))
        left -= ranges[-1][1] - start
        if left <= 0:
            break
    return read(track.audio, ranges)


def _whole(track: Track, frames: int) -> tuple[Segment, ...]:
    return tuple(replace(s, start=0, end=frames, text="", words=()) for s in track.segments[:1])


def keep(samples: Floats, scratch: Path) -> Audio:
    """Writes samples as a 16-bit FLAC file named by its own digest."""
    import soundfile

    temporary = scratch / ".copy.flac"
    with disk_errors(scratch):
        soundfile.write(str(temporary), np.clip(samples, -1.0, 1.0), RATE, format="FLAC", subtype="PCM_16")
        digest = hashlib.blake2b(temporary.read_bytes(), digest_size=16).hexdigest()
        path = scratch / f"{digest}.flac"
        temporary.replace(path)
    return Audio(path, digest, RATE, len(samples))


def world(samples: Floats, semitones: float = 0.0, tempo: float = 1.0) -> Floats:
    """Analysis and synthesis by WORLD (Morise et al. 2016), F0 shifted, ``tempo`` times as fast.

    Raises:
        MissingExtraError: pyworld is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyworld imports pkg_resources, which warns of its own end
            import pyworld
    except ImportError:
        raise MissingExtraError("a WORLD round trip", "speech") from None
    x: NDArray[np.float64] = samples.astype(np.float64)
    f0, times = pyworld.dio(x, RATE)
    f0 = pyworld.stonemask(x, f0, times, RATE)
    spectrum = pyworld.cheaptrick(x, f0, times, RATE)
    aperiodicity = pyworld.d4c(x, f0, times, RATE)
    made = pyworld.synthesize(
        f0 * 2 ** (semitones / 12), spectrum, aperiodicity, RATE, pyworld.default_frame_period / tempo
    )
    return np.asarray(made, dtype=np.float32)


def _band(samples: Floats) -> Floats:
    """To 8 kHz and back."""
    import soxr

    return np.asarray(soxr.resample(soxr.resample(samples, RATE, RATE // 2), RATE // 2, RATE), dtype=np.float32)


def _mp3(samples: Floats, scratch: Path, kilobits: int = 64) -> Floats:
    """Through MP3 at so many kbit/s, 8 to 160."""
    import soundfile

    path = scratch / ".copy.mp3"
    # libsndfile maps the compression level 0 to 1 onto the bit rates of the layer, 160 to 8 kbit/s at 16 kHz.
    soundfile.write(
        str(path), samples, RATE, format="MP3", subtype="MPEG_LAYER_III",
        compression_level=(160 - kilobits) / (160 - 8), bitrate_mode="CONSTANT",
    )  # fmt: skip
    decoded, _ = soundfile.read(str(path), dtype="float32")
    path.unlink()
    return np.asarray(decoded, dtype=np.float32)


def _telephone(samples: Floats, scratch: Path) -> Floats:
    """Through the full-rate codec of mobile telephones, GSM 06.10 at 8 kHz, 13 kbit/s."""
    import soundfile
    import soxr

    path = scratch / ".copy.wav"
    peak = max(1.0, 2.0 * float(np.abs(samples).max(initial=0.0)))
    soundfile.write(str(path), soxr.resample(samples / peak, RATE, RATE // 2), RATE // 2, subtype="GSM610")
    decoded, _ = soundfile.read(str(path), dtype="float32")
    path.unlink()
    return np.asarray(peak * soxr.resample(decoded, RATE // 2, RATE)[: len(samples)], dtype=np.float32)


def _noise(samples: Floats, rng: np.random.Generator, decibels: float = 20.0) -> Floats:
    """White noise, so many decibels below the recording's RMS."""
    rms = float(np.sqrt(np.mean(samples**2)))
    return np.asarray(samples + rng.normal(0.0, 10 ** (-decibels / 20) * rms, len(samples)), dtype=np.float32)


def _reverberant(samples: Floats, rng: np.random.Generator) -> Floats:
    """In a room where sound falls by 60 dB in half a second, as strong as what comes straight (Polack's model)."""
    length = RATE // 2
    tail = rng.normal(size=length) * 10.0 ** (-3.0 * np.arange(length) / length)
    echoes = signal.fftconvolve(samples, tail / np.linalg.norm(tail))[: len(samples)]
    return np.asarray(samples + echoes, dtype=np.float32)


def _cuts(samples: Floats, rng: np.random.Generator) -> Floats:
    """Cut into pieces of a second, the first of any length, and put together in another order."""
    edges = np.arange(int(rng.integers(RATE // 4, RATE)), len(samples), RATE)
    pieces = np.split(samples, edges)
    return np.concatenate([pieces[i] for i in rng.permutation(len(pieces))])


def _either(rng: np.random.Generator) -> float:
    return 0.8 if rng.random() < 0.5 else 1.25


def _excerpt(samples: Floats, rng: np.random.Generator) -> Floats:
    """A random half."""
    length = max(1, len(samples) // 2)
    start = int(rng.integers(0, len(samples) - length + 1))
    return samples[start : start + length]


def _speed(samples: Floats, factor: float) -> Floats:
    """Played faster: tempo and pitch rise together, 1.06 by a semitone."""
    import soxr

    return np.asarray(soxr.resample(samples, RATE * factor, RATE), dtype=np.float32)
