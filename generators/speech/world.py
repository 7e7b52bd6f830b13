"""The voice and emotion layer: a waveform of any back-end, taken apart by WORLD and put together in another manner.

WORLD (Morise et al. 2016) gives F0, the spectral envelope and the aperiodicity of each frame; the voice card and the
manner change these, and nothing else of the words. F0 is by autocorrelation (:mod:`synthgen.generators.speech.f0`):
WORLD's own DIO and Harvest jump an octave where a recording, or a model of one, lacks its fundamental.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError, SynthgenError
from synthgen.generators.speech.backends.protocol import Backend, Utterance
from synthgen.generators.speech.calibration import phrases
from synthgen.generators.speech.config import RATE
from synthgen.generators.speech.emotions import Manner
from synthgen.generators.speech.f0 import track
from synthgen.generators.speech.voices import COLOURS, WARPS, Sex, VoiceCard
from synthgen.payloads.speech import Word

Floats = NDArray[np.float64]

FRAME = 0.005
"""Seconds from frame to frame. At 10 ms a recogniser lost a quarter more of espeak's words."""
_SPARSE = 4
"""The aperiodicity, which costs most and changes least, is computed at every so-many-th frame."""
_F0_FLOOR, _F0_CEILING = 65.0, 500.0  # Hz, where nothing is known of the voice
_F0_BELOW, _F0_ABOVE = 0.5, 2.2
"""Where F0 is looked for in a known voice, as factors of its median: keeps errors of an octave out."""
_FFT_IN, _FFT_OUT = 1024, 512
_SILENCE_DB = -45.0  # against the loudest frame
LEVEL_DB = -33.0
"""RMS of neutral speech, dB against full scale: leaves headroom for anger, and for two tracks in one mix."""
_BETWEEN_SEXES = 155.0
"""Hz: a speaker whose median F0 is above is a woman."""
_WOMANS_TRACT = 0.87
"""Against a man's."""
_CEILING = 0.45
"""Peak of a track: that of two together stays below full scale."""


def pyworld() -> Any:
    """The module.

    Raises:
        MissingExtraError: it is not installed, or cannot be imported for want of pkg_resources (setuptools < 81).
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyworld imports pkg_resources, which warns of its own end
            import pyworld as module
    except ImportError as error:
        raise MissingExtraError("the emotion layer (pyworld, with setuptools < 81)", "speech") from error
    return module


@dataclass(frozen=True, slots=True)
class Reference:
    """A back-end's own voice, measured once per card on what it says to that end.

    Attributes:
        f0_hz: median F0.
        f0_range: standard deviation of F0, semitones.
        rms: root mean square of the speech frames.
        sex: of the speaker, by whose vocal tract a card of the other sex must differ; None: that of the card.
    """

    f0_hz: float
    f0_range: float
    rms: float
    sex: Sex | None = None


@dataclass(frozen=True, slots=True)
class Frames:
    """What WORLD finds in a waveform at :data:`RATE`, a row per :data:`FRAME`.

    Attributes:
        f0: Hz, 0 where unvoiced, [frames].
        envelope: power, [frames, 1 + 1024 / 2].
        aperiodicity: 0 to 1, [frames, 1 + 512 / 2].
    """

    f0: Floats
    envelope: Floats
    aperiodicity: Floats


def analyse(samples: Floats, f0_hz: float = 0.0) -> Frames:
    """Takes a waveform at :data:`RATE` apart.

    Args:
        f0_hz: the voice's median F0, where it is known.
    """
    world = pyworld()
    f0 = _f0(samples, f0_hz)
    times = np.arange(len(f0)) * FRAME
    envelope = world.cheaptrick(samples, f0, times, RATE, fft_size=_FFT_IN)
    sparse = world.d4c(samples, f0[::_SPARSE].copy(), times[::_SPARSE].copy(), RATE, fft_size=_FFT_IN)
    places = np.minimum(np.arange(len(f0)) / _SPARSE, len(sparse) - 1)
    return Frames(f0, envelope, resampled(sparse[:, :: _FFT_IN // _FFT_OUT], places))


def _f0(samples: Floats, f0_hz: float = 0.0) -> Floats:
    floor = max(_F0_FLOOR, _F0_BELOW * f0_hz) if f0_hz else _F0_FLOOR
    ceiling = _F0_ABOVE * f0_hz if f0_hz else _F0_CEILING
    return track(samples, RATE, FRAME, floor, ceiling)


def pitch(samples: NDArray[Any], rate: int) -> Floats:
    """F0 in Hz (0: unvoiced), a value per :data:`FRAME`: for plots and measurements."""
    return _f0(at_rate(np.asarray(samples), rate))


def reference(backend: Backend, voice: VoiceCard) -> Reference:
    """Measures the back-end's own voice on phrases that are spoken neutrally, in the unit in which turns are.

    Raises:
        SynthgenError: there is no voice in it.
    """
    said = phrases(voice.language)
    units = said if backend.capabilities.unit == "phrase" else (" ".join(said),)
    heard = [backend(unit, voice, "neutral", 1.0, voice.seed) for unit in units]
    try:
        own = measured([at_rate(one.samples, one.rate) for one in heard])
    except SynthgenError:
        fault = f"the back-end {backend.name} has no voice in it that could be heard: check its model"
        raise SynthgenError(fault) from None
    if not backend.speakers(voice.language):
        return own  # speaks by rule, as the card's own base voice
    return replace(own, sex="f" if own.f0_hz > _BETWEEN_SEXES else "m")


def measured(samples: Sequence[Floats]) -> Reference:
    """A voice by what it says, waveforms at :data:`RATE`.

    Raises:
        SynthgenError: there is no voice in it.
    """
    f0 = np.concatenate([_f0(one) for one in samples])
    voiced = f0[f0 > 0]
    rms = _speech_rms(np.concatenate(samples))
    if len(voiced) < 10 or not rms > 0:
        raise SynthgenError("there is no voice in it")
    semitones = 12 * np.log2(voiced / np.median(voiced))
    return Reference(float(np.median(voiced)), float(max(_robust_sd(semitones), 0.5)), rms)


def shape(
    said: Utterance, voice: VoiceCard, own: Reference, manner: Manner, seed: int, *, stretch: float, pauses: float
) -> Utterance:
    """An utterance in the voice and the manner, at :data:`RATE`, its silent edges cut off.

    Args:
        own: the back-end's own voice, which the card's F0 and the level are relative to.
        seed: of jitter and shimmer.
        stretch: factor of the length of speech, 1 where the back-end already spoke at the manner's rate.
        pauses: factor of the length of silences within, 1 where they were planned outside.

    Raises:
        SynthgenError: there is no sound in it.
    """
    samples = at_rate(said.samples, said.rate)
    first, last = speech_bounds(samples)
    scale = RATE / said.rate
    words = _moved(said.words, scale, first, last)
    samples = samples[first:last]
    frames = analyse(samples, own.f0_hz)
    rng = np.random.default_rng(seed)
    f0 = _new_f0(frames.f0, voice, own, manner, rng)
    envelope = _new_envelope(frames.envelope, voice, own, manner, rng)
    aperiodicity = _new_aperiodicity(frames.aperiodicity, voice, manner)
    source = np.arange(len(f0), dtype=np.float64)
    if stretch != 1.0 or pauses != 1.0:
        source = _time_map(samples, len(f0), stretch, pauses)
        words = _stretched(words, source)
        f0, envelope, aperiodicity = (resampled(values, source) for values in (f0, envelope, aperiodicity))
    sound = pyworld().synthesize(f0, envelope, aperiodicity, RATE, 1000 * FRAME)
    sound = sound[: max(1, round(len(samples) * len(source) / max(1, len(frames.f0))))]
    gain = 10 ** ((LEVEL_DB + manner.gain) / 20) / own.rms * _loudness_kept(samples, sound)
    limited = _limited(_faded(sound * gain))
    words = tuple(Word(w.text, min(w.start, len(limited)), min(w.end, len(limited))) for w in words)
    return Utterance(limited.astype(np.float32), RATE, words)


def at_rate(samples: NDArray[Any], rate: int) -> Floats:
    """A waveform at :data:`RATE`."""
    if rate == RATE:
        return np.ascontiguousarray(samples, np.float64)
    try:
        import soxr
    except ImportError as error:
        raise MissingExtraError("resampling", "speech") from error
    return np.ascontiguousarray(soxr.resample(samples, rate, RATE), np.float64)


def _frame_levels(samples: Floats) -> Floats:
    size = round(FRAME * RATE)
    count = max(1, len(samples) // size)
    padded = samples[: count * size] if len(samples) >= size else np.pad(samples, (0, size - len(samples)))
    levels: Floats = np.sqrt(np.mean(padded.reshape(count, size) ** 2, axis=1))
    return levels


def speech_bounds(samples: Floats) -> tuple[int, int]:
    """First and last (exclusive) sample that is louder than -45 dB against the loudest frame, with 20 ms about them.

    Raises:
        SynthgenError: all of it is silent.
    """
    levels = _frame_levels(samples)
    loud = np.flatnonzero(levels > levels.max(initial=0) * 10 ** (_SILENCE_DB / 20))
    if not len(loud) or not levels.max() > 0:
        raise SynthgenError("silence")
    size = round(FRAME * RATE)
    return max(0, (int(loud[0]) - 2) * size), min(len(samples), (int(loud[-1]) + 3) * size)


def _speech_rms(samples: Floats) -> float:
    levels = _frame_levels(samples)
    speech = levels[levels > levels.max(initial=0) * 10 ** (-30 / 20)]
    return float(np.sqrt(np.mean(speech**2))) if len(speech) else 0.0


def _loudness_kept(before: Floats, after: Floats) -> float:
    """What brings the speech level back to that of ``before``: tilt and colour shape the spectrum, not the level."""
    now = _speech_rms(after)
    return _speech_rms(before) / now if now > 0 else 0.0


def _robust_sd(values: Floats) -> float:
    low, high = np.percentile(values, [15.87, 84.13])
    return float(high - low) / 2


def _new_f0(f0: Floats, voice: VoiceCard, own: Reference, manner: Manner, rng: np.random.Generator) -> Floats:
    deviation = rng.standard_normal(len(f0)) * voice.jitter * manner.jitter / 100
    voiced = f0 > 0
    semitones = 12 * np.log2(np.where(voiced, f0, own.f0_hz) / own.f0_hz)
    semitones = np.clip(semitones, -9, 9) * np.clip(voice.f0_range * manner.f0_range / own.f0_range, 0.2, 4.0)
    semitones = 12 * np.tanh(semitones / 12)  # an octave either way at the most, without an edge
    target = voice.f0_hz * manner.f0 * 2 ** (semitones / 12) * (1 + deviation)
    return np.where(voiced, np.clip(target, 50.0, 700.0), 0.0)


def _new_envelope(
    envelope: Floats, voice: VoiceCard, own: Reference, manner: Manner, rng: np.random.Generator
) -> Floats:
    low, weight = _warp(voice.tract * _tract_between(own.sex, voice.sex), voice.warp)
    power = np.maximum(envelope, 1e-16)
    warped = power[:, low] * (1 - weight) + power[:, low + 1] * weight
    gain_db = _colour(voice.colour) + _tilt(voice.tilt + manner.tilt + 2.0 * manner.tense)
    shimmer_db = rng.standard_normal(len(envelope)) * voice.shimmer * manner.shimmer
    return np.ascontiguousarray(warped * 10 ** (gain_db / 10) * 10 ** (shimmer_db[:, None] / 10))


def _tract_between(own: Sex | None, wanted: Sex) -> float:
    """Length of the vocal tract of the card's sex against the speaker's (Fitch and Giedd 1999)."""
    if own is None or own == wanted:
        return 1.0
    return _WOMANS_TRACT if wanted == "f" else 1 / _WOMANS_TRACT


def _new_aperiodicity(aperiodicity: Floats, voice: VoiceCard, manner: Manner) -> Floats:
    breathy = 1 - (1 - voice.breathiness) * (1 - manner.breathy)
    out = aperiodicity * (1 - 0.5 * manner.tense)
    return np.ascontiguousarray(np.clip(1 - (1 - out) * (1 - breathy * _breath()), 1e-6, 1 - 1e-6))


def _frequencies() -> Floats:
    return np.linspace(0, RATE / 2, _FFT_OUT // 2 + 1)


@lru_cache(maxsize=64)
def _warp(tract: float, regions: tuple[float, ...]) -> tuple[NDArray[np.intp], Floats]:
    """For each outgoing bin the incoming bin below it, and the weight of the one above."""
    centres = np.array([500.0, 1500.0, 2800.0])
    if len(regions) != WARPS:
        raise ValueError(f"warp must have {WARPS} values")
    frequency = _frequencies()
    shift = np.interp(frequency, centres, np.array(regions))
    source = np.clip(frequency * tract / shift, 0, RATE / 2) * _FFT_IN / RATE
    low = np.minimum(np.floor(source).astype(np.intp), _FFT_IN // 2 - 1)
    return low, source - low


@lru_cache(maxsize=64)
def _colour(points: tuple[float, ...]) -> Floats:
    if len(points) != COLOURS:
        raise ValueError(f"colour must have {COLOURS} values")
    mel = 2595 * np.log10(1 + _frequencies() / 700)
    gain: Floats = np.interp(mel, np.linspace(0, mel[-1], COLOURS), np.array(points))
    return gain


def _tilt(gain_db: float) -> Floats:
    """``gain_db`` above 1 kHz, reached from 0 dB within the octave about it."""
    frequency = np.maximum(_frequencies(), 1.0)
    return gain_db * np.clip(0.5 + np.log2(frequency / 1000), 0, 1)


@lru_cache(maxsize=1)
def _breath() -> Floats:
    """Breath noise sits above the first formant: 0.1 below 300 Hz, 1 from 3 kHz."""
    return np.interp(np.log2(np.maximum(_frequencies(), 1.0)), [np.log2(300.0), np.log2(3000.0)], [0.1, 1.0])


def _time_map(samples: Floats, frames: int, stretch: float, pauses: float) -> Floats:
    """For each outgoing frame its place among the incoming ones: speech goes by ``stretch``, silence by ``pauses``."""
    levels = _frame_levels(samples)
    silent = np.zeros(frames, bool)
    silent[: len(levels)] = (levels <= levels.max(initial=0) * 10 ** (-38 / 20))[:frames]
    arrival = np.concatenate([[0.0], np.cumsum(np.where(silent, pauses, stretch))])
    return np.interp(np.arange(max(2, int(arrival[-1]))), arrival, np.arange(frames + 1)).clip(0, frames - 1)


def resampled(values: Floats, source: Floats) -> Floats:
    """Rows at fractional places. F0 goes to the nearest frame, for between voiced and unvoiced there is nothing."""
    if values.ndim == 1:
        return values[np.round(source).astype(np.intp)]
    low = np.floor(source).astype(np.intp)
    high = np.minimum(low + 1, len(values) - 1)
    weight = (source - low)[:, None]
    return np.ascontiguousarray(values[low] * (1 - weight) + values[high] * weight)


def _moved(words: tuple[Word, ...], scale: float, first: int, last: int) -> tuple[Word, ...]:
    def place(sample: int) -> int:
        return min(max(round(sample * scale), first), last) - first

    return tuple(Word(word.text, place(word.start), place(word.end)) for word in words)


def _stretched(words: tuple[Word, ...], source: Floats) -> tuple[Word, ...]:
    size = FRAME * RATE

    def place(sample: int) -> int:
        return round(float(np.interp(sample / size, source, np.arange(len(source)))) * size)

    return tuple(Word(word.text, place(word.start), place(word.end)) for word in words)


def _faded(samples: Floats) -> Floats:
    size = min(round(0.005 * RATE), len(samples) // 2)
    ramp = np.ones(len(samples))
    if size:
        ramp[:size] = np.linspace(0, 1, size)
        ramp[-size:] = np.linspace(1, 0, size)
    return samples * ramp


def _limited(samples: Floats) -> Floats:
    """Peaks above two thirds of the ceiling bend smoothly below it; the rest is untouched."""
    knee = _CEILING * 2 / 3
    loud = np.abs(samples) > knee
    if loud.any():
        room = _CEILING - knee
        samples = samples.copy()
        samples[loud] = np.sign(samples[loud]) * (knee + room * np.tanh((np.abs(samples[loud]) - knee) / room))
    return samples
