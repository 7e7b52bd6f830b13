"""Acoustics of a turn and of a voice, measured from the sound alone: F0, level, tilt, tempo, pauses, voice quality.

F0 is WORLD's DIO with StoneMask (Morise et al. 2016), harmonics-to-noise after Boersma 1993 (the normalised
autocorrelation at one period), syllables by peaks of the envelope (after de Jong and Wempe 2009).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from synthgen.errors import MissingExtraError
from synthgen.estimates import Floats, Indices
from synthgen.eval.speech.records import RATE, Sound, SpeakerTrack, Turn, read, sound_of

_HOP = RATE // 100
_WINDOW = 4 * _HOP
_FFT = 1024
_PAUSE = 12  # frames: a shorter gap is a plosive
_QUIET_DB = 30.0  # below the loud frames a frame is silent
_LEAST_VOICED = 12  # frames


@dataclass(frozen=True, slots=True)
class Acoustics:
    """What was measured of one turn.

    Attributes:
        f0: median F0, semitones above 100 Hz.
        f0_range: half the distance from the 16th to the 84th percentile of F0, semitones.
        f0_slope: mean absolute change of F0 within voiced stretches, semitones a second.
        rate: syllable nuclei a second of speech.
        pause_share: share of the turn that is pause.
        pause_mean, pause_spread: seconds: mean and standard deviation of its pauses; 0 without any.
        level: of the speech frames, dB of full scale.
        level_spread: standard deviation of that, dB.
        tilt: level above 1 kHz less that below, in voiced frames, dB.
        tilt_high: level above 3 kHz less that from 1 to 3 kHz, dB.
        hnr: harmonics to noise, dB.
        jitter: percent, of F0 from frame to frame.
        shimmer: dB, of the level from frame to frame.
    """

    f0: float
    f0_range: float
    f0_slope: float
    rate: float
    pause_share: float
    pause_mean: float
    pause_spread: float
    level: float
    level_spread: float
    tilt: float
    tilt_high: float
    hnr: float
    jitter: float
    shimmer: float


def acoustics(samples: Sound) -> Acoustics | None:
    """Measures a turn at 16 kHz; None where less than a tenth of a second of it is voiced."""
    if len(samples) < 2 * _WINDOW or not float(np.abs(samples).max()) > 0:
        return None
    power, level = _spectra(samples)
    active = level > np.percentile(level, 95) - _QUIET_DB
    f0 = _on_frames(pitch(samples), len(level))
    voiced = (f0 > 0) & active
    if voiced.sum() < _LEAST_VOICED:
        return None
    semitones = 12 * np.log2(np.maximum(f0, 1.0) / 100)
    together = voiced[1:] & voiced[:-1]
    triples = together[1:] & together[:-1]
    steps = np.abs(np.diff(semitones))[together]
    steps = steps[steps < 3.0]  # an octave error is no intonation
    low, middle, high = np.percentile(semitones[voiced], [16, 50, 84])
    wobble = np.abs(np.diff(f0, 2))[triples] / 2
    flicker = np.abs(np.diff(level, 2))[triples] / 2
    pauses = _pauses(active)
    bands = _bands(power[voiced])
    return Acoustics(
        f0=float(middle),
        f0_range=float(high - low) / 2,
        f0_slope=float(steps.mean()) * 100 if len(steps) else 0.0,
        rate=_nuclei(level, active) / max(0.01 * float(active.sum()), 0.05),
        pause_share=float(pauses.sum()) / (0.01 * len(level)),
        pause_mean=float(pauses.mean()) if len(pauses) else 0.0,
        pause_spread=float(pauses.std()) if len(pauses) else 0.0,
        level=float(10 * np.log10(np.mean(10 ** (level[active] / 10)))),
        level_spread=float(level[active].std()),
        tilt=float(np.mean(_db(bands[:, 1] + bands[:, 2]) - _db(bands[:, 0]))),
        tilt_high=float(np.mean(_db(bands[:, 2]) - _db(bands[:, 1]))),
        hnr=_harmonics(power[voiced], f0[voiced]),
        jitter=100 * float(np.median(wobble / np.median(f0[voiced]))) if len(wobble) else 0.0,
        shimmer=float(np.median(flicker)) if len(flicker) else 0.0,
    )


def pitch(samples: Sound) -> Floats:
    """F0 in Hz, 0 where unvoiced, every 10 ms.

    Raises:
        MissingExtraError: pyworld is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports pkg_resources
            import pyworld
    except ImportError:
        raise MissingExtraError("measuring F0", "speech") from None
    x = samples.astype(np.float64)
    rough, times = pyworld.dio(x, RATE, 60.0, 500.0, frame_period=10.0, speed=2)
    return np.asarray(pyworld.stonemask(x, rough, times, RATE), dtype=np.float64)


@dataclass(frozen=True)
class Measured:
    """Turns with their acoustics; those that could not be measured are left out.

    Attributes:
        rows: shape [n, 14], the fields of :class:`Acoustics` in order.
    """

    turns: tuple[Turn, ...]
    rows: Floats

    def column(self, name: str) -> Floats:
        return np.asarray(self.rows[:, NAMES.index(name)], dtype=np.float64)

    def take(self, rows: Indices | NDArray[np.bool_]) -> Measured:
        index = np.arange(len(self.turns))[rows]
        return Measured(tuple(self.turns[i] for i in index), self.rows[index])

    @property
    def voices(self) -> list[str]:
        return [turn.part.voice for turn in self.turns]

    @property
    def patients(self) -> list[str]:
        return [turn.part.patient for turn in self.turns]


NAMES: tuple[str, ...] = tuple(Acoustics.__dataclass_fields__)


def measure(turns: Sequence[Turn], seconds: float) -> Measured:
    """Measures turns; of one longer than ``seconds`` the middle."""
    kept: list[Turn] = []
    rows: list[tuple[float, ...]] = []
    for turn in turns:
        found = acoustics(sound_of(turn.part.track, turn.segment, seconds))
        if found is not None:
            kept.append(turn)
            rows.append(astuple(found))
    return Measured(tuple(kept), np.asarray(rows, dtype=np.float64).reshape(len(rows), len(NAMES)))


def timbre(part: SpeakerTrack, seconds: float) -> Floats | None:
    """What an attacker hears of a voice: 32 bands of its long-term spectrum to 8 kHz, and F0, tilt, noise. [36].

    From its first turns, ``seconds`` in all; None where nothing voiced is among them. No filter uses it.
    """
    left = int(seconds * part.track.audio.rate)
    pieces: list[Sound] = []
    for segment in part.track.segments:
        end = min(segment.end, segment.start + left, part.track.audio.frames)
        if end > segment.start:
            pieces.append(read(part.track, segment.start, end))
            left -= end - segment.start
        if left <= 0:
            break
    samples = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)
    found = acoustics(samples)
    if found is None:
        return None
    power, level = _spectra(samples)
    loud = power[level > np.percentile(level, 95) - _QUIET_DB].mean(axis=0)
    edges = np.round(np.geomspace(4, _FFT // 2, 33)).astype(int)  # 62 Hz to 8 kHz
    bands = _db(np.array([loud[a : max(b, a + 1)].sum() for a, b in pairwise(edges)]))
    return np.concatenate([bands - bands.mean(), [found.f0, found.f0_range, found.tilt, found.hnr]])


def _spectra(samples: Sound) -> tuple[Floats, Floats]:
    """Power spectra [frames, 513] of 40 ms windows every 10 ms, and the frames' level in dB of full scale."""
    padded = np.pad(samples, _WINDOW // 2).astype(np.float64)
    framed = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    level = 10 * np.log10(np.mean(framed**2, axis=1) + 1e-12)
    power = np.abs(fft.rfft(framed * np.hanning(_WINDOW), _FFT, axis=1)) ** 2
    return np.asarray(power, dtype=np.float64), np.asarray(level, dtype=np.float64)


def _on_frames(f0: Floats, frames: int) -> Floats:
    return np.asarray(np.pad(f0, (0, max(0, frames - len(f0))))[:frames], dtype=np.float64)


def _pauses(active: NDArray[np.bool_]) -> Floats:
    """Seconds of the stretches of silence between the first and the last frame of speech."""
    spoken = np.flatnonzero(active)
    if not len(spoken):
        return np.zeros(0)
    silent = ~active[spoken[0] : spoken[-1] + 1]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(int), [0]])))
    lengths = edges[1::2] - edges[::2]
    return np.asarray(lengths[lengths >= _PAUSE] * 0.01, dtype=np.float64)


def _nuclei(level: Floats, active: NDArray[np.bool_]) -> int:
    """Peaks of the envelope over 90 ms that are neither faint nor silent."""
    kernel = np.hanning(11)[1:-1]
    envelope = np.convolve(10 ** (level / 20), kernel / kernel.sum(), "same")
    inner = envelope[1:-1]
    peaks = (inner > envelope[:-2]) & (inner >= envelope[2:]) & (inner > 0.25 * np.percentile(envelope, 90))
    return int((peaks & active[1:-1]).sum())


def _bands(power: Floats) -> Floats:
    """Power from 60 Hz to 1 kHz, 1 to 3 kHz, and above; [frames, 3]."""
    hertz = np.fft.rfftfreq(_FFT, 1 / RATE)
    limits = ((60, 1000), (1000, 3000), (3000, 8001))
    return np.stack([power[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in limits], axis=1)


def _harmonics(power: Floats, f0: Floats) -> float:
    """Median over voiced frames of 10 log10(r / (1 - r)), r the autocorrelation at a period, window divided out."""
    own = fft.irfft(np.abs(fft.rfft(np.hanning(_WINDOW), _FFT)) ** 2)
    lags = fft.irfft(power, axis=1)
    place = np.clip(np.round(RATE / f0).astype(int), 1, _FFT - _WINDOW)  # beyond, it wraps around: F0 below 42 Hz
    r = lags[np.arange(len(lags)), place] / np.maximum(lags[:, 0], 1e-20) / (own[place] / own[0])
    r = np.clip(r, 1e-3, 1 - 1e-3)
    return float(np.median(10 * np.log10(r / (1 - r))))


def _db(power: Floats) -> Floats:
    return np.asarray(10 * np.log10(power + 1e-12), dtype=np.float64)
