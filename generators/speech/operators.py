"""Real voices, changed into those of pseudo-speakers. Pure functions of samples at 16 kHz and a pseudo-speaker.

``world`` takes the sound apart by WORLD (Morise et al. 2016): F0 is moved in log to the pseudo-speaker's median, its
contour kept; the long-term spectrum is brought to that which all share, and coloured anew; formants move along a
piecewise linear warp of frequency; breath is added. ``mcadams`` raises the angles of the poles of linear prediction to
a power (Patino et al. 2021), which moves formants and leaves F0. Both at once is ``both``.

No sample moves in time: durations, pauses, rhythm, repetitions and blocks are as they were, and so are jitter, shimmer
and the loudness contour, as far as WORLD's frames of 5 ms carry them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from synthgen.generators.speech.config import RATE
from synthgen.generators.speech.world import pyworld, resampled

Floats = NDArray[np.float64]

STRONGEST = 2.0

_FRAME = 0.005  # seconds
_FFT = 1024
_FLOOR, _CEILING = 60.0, 500.0  # Hz, where F0 is looked for
_LOWEST, _HIGHEST = 90.0, 230.0  # Hz, median F0 of pseudo-speakers
_POINTS = 24  # of a long-term spectrum, equally spaced on the mel scale
_MOST_DB = 20.0  # by which a long-term spectrum is corrected
_KNOTS = (0.0, 500.0, 1500.0, 2800.0, 4200.0, 8000.0)  # Hz, of the warp
_COLOURS = 12
_LPC_ORDER, _LPC_WINDOW, _LPC_HOP = 20, 320, 160  # samples
_SPEECH_DB = 30.0  # below the loud frames, a frame is no speech
_KNEE, _PEAK = 0.8, 0.98  # of full scale


@dataclass(frozen=True)
class PseudoSpeaker:
    """Whom a voice is changed into.

    Attributes:
        f0: median F0, Hz.
        f0_range: factor of the distance of F0 from its median, in log.
        warp: factors of frequency at the warp's knots: where a formant lies at f it comes from f times as much.
        colour: gain at points on the mel scale, dB.
        breath: noise in voiced sounds, 0 to 1.
        power: of the angles of poles.
        reach: 0 to 1, how far F0 and long-term spectrum go from one's own to the pseudo-speaker's.
    """

    f0: float
    f0_range: float
    warp: tuple[float, ...]
    colour: tuple[float, ...]
    breath: float
    power: float
    reach: float


def draw_speaker(seed: int, strength: float = 1.0) -> PseudoSpeaker:
    """One of no relation to any speaker.

    Args:
        strength: in (0, 2]; up to 1 the way from one's own F0 and spectrum to the pseudo-speaker's, all along the
            spread of what is drawn of formants, colour, range, breath and angles.
    """
    if not 0 < strength <= STRONGEST:
        raise ValueError(f"strength must be in (0, {STRONGEST:g}], got {strength}")
    rng = np.random.default_rng(seed)
    tract = rng.uniform(-0.2, 0.2)
    return PseudoSpeaker(
        f0=float(np.exp(rng.uniform(np.log(_LOWEST), np.log(_HIGHEST)))),
        f0_range=float(np.exp(strength * rng.normal(0, 0.15))),
        warp=tuple(np.exp(np.clip(strength * (tract + rng.normal(0, 0.1, len(_KNOTS))), -0.45, 0.45)).tolist()),
        colour=tuple((strength * np.clip(rng.normal(0, 7.0, _COLOURS), -12, 12)).tolist()),
        breath=float(min(1.0, strength * rng.uniform(0, 0.15))),
        power=float(np.exp(strength * rng.uniform(-0.2, 0.2))),
        reach=min(1.0, strength),
    )


@dataclass(frozen=True)
class Own:
    """What the voice of a recording is by itself.

    Attributes:
        f0: median F0, Hz; 0 where nothing is voiced.
        spectrum: long-term spectrum at points on the mel scale, dB about its mean, [24].
    """

    f0: float
    spectrum: Floats


SILENT = Own(0.0, np.zeros(_POINTS))
"""The voice of a recording in which there is none."""


@dataclass(frozen=True)
class _Frames:
    """What WORLD finds, a row per 5 ms: F0 in Hz, 0 where unvoiced; power and aperiodicity, [frames, 513]."""

    f0: Floats
    envelope: Floats
    aperiodicity: Floats


def measure(samples: Floats) -> Own | None:
    """The voice of an excerpt; None where it is silent."""
    if not float(np.abs(samples).max(initial=0.0)) > 0:
        return None
    f0, times = _f0(samples, 2 * _FRAME)
    envelope = pyworld().cheaptrick(samples, f0, times, RATE, fft_size=_FFT)
    return Own(float(np.median(f0[f0 > 0])) if (f0 > 0).any() else 0.0, _long_term(envelope))


def joined(parts: list[Own]) -> Own:
    """The voice of several excerpts: medians of F0, means of spectra.

    Raises:
        ValueError: there is none.
    """
    if not parts:
        raise ValueError("no voice is measured")
    voiced = [part.f0 for part in parts if part.f0]
    return Own(float(np.median(voiced)) if voiced else 0.0, np.mean([part.spectrum for part in parts], axis=0))


def world(samples: Floats, own: Own, common: Floats, speaker: PseudoSpeaker) -> Floats:
    """A stretch of a recording in the pseudo-speaker's voice, of the same length and level.

    Args:
        samples: at 16 kHz, full scale at ±1.
        own: the recording's own voice.
        common: the long-term spectrum to which all are brought, [24].
    """
    if not float(np.abs(samples).max(initial=0.0)) > 0:
        return samples.copy()
    frames = _analysed(samples)
    made = pyworld().synthesize(
        _moved(frames.f0, own, speaker),
        _shaped(frames.envelope, speaker.reach * (common - own.spectrum), speaker),
        _breathy(frames.aperiodicity, speaker.breath),
        RATE,
        1000 * _FRAME,
    )
    return at_level(np.pad(made, (0, max(0, len(samples) - len(made))))[: len(samples)], samples)


def as_said_by(samples: Floats, own: Own, length: int) -> Floats:
    """Somebody else's words with the F0 and the long-term spectrum of a voice, stretched to ``length`` samples.

    Args:
        samples: at 16 kHz, no silence about them.
        own: the voice that it is to sound like; one of unknown F0 leaves the pitch as it is.

    Raises:
        ValueError: they are silent.
    """
    theirs = measure(samples)
    if theirs is None:
        raise ValueError("nothing is said")
    alike = PseudoSpeaker(
        f0=own.f0 or theirs.f0, f0_range=1.0, warp=(1.0,) * len(_KNOTS), colour=(0.0,) * _COLOURS,
        breath=0.0, power=1.0, reach=1.0,
    )  # fmt: skip
    frames = _analysed(samples)
    source = np.linspace(0, len(frames.f0) - 1, max(2, round(length / (_FRAME * RATE)) + 1))
    made = pyworld().synthesize(
        resampled(_moved(frames.f0, theirs, alike), source),
        resampled(_shaped(frames.envelope, own.spectrum - theirs.spectrum, alike), source),
        resampled(np.ascontiguousarray(np.clip(frames.aperiodicity, 1e-6, 1 - 1e-6)), source),
        RATE,
        1000 * _FRAME,
    )
    return np.asarray(np.pad(made, (0, max(0, length - len(made))))[:length], dtype=np.float64)


def mcadams(samples: Floats, power: float) -> Floats:
    """The same with the angles of the poles of linear prediction raised to ``power``, radians; length and level kept.

    Frames of 20 ms that overlap by half, order 20 (Patino et al. 2021, Speaker anonymisation using the McAdams
    coefficient, section 3). Real poles stay.

    Args:
        power: at 1 nothing moves; below it what lies under 2.5 kHz (one radian) rises and the rest falls.
    """
    if power == 1.0 or not float(np.abs(samples).max(initial=0.0)) > 0:
        return samples.copy()
    hops = -(-len(samples) // _LPC_HOP) + 1
    padded = np.pad(samples, (_LPC_HOP, hops * _LPC_HOP - len(samples)))
    window = signal.windows.hann(_LPC_WINDOW, sym=False)
    framed = np.lib.stride_tricks.sliding_window_view(padded, _LPC_WINDOW)[::_LPC_HOP] * window
    predictors = _predictors(framed)
    moved = _with_angles(predictors, power)
    out, weight = np.zeros(len(padded)), np.zeros(len(padded))
    for number, frame in enumerate(framed):
        made = signal.lfilter([1.0], moved[number], signal.lfilter(predictors[number], [1.0], frame))
        energy = float((made**2).sum())
        gain = min(10.0, np.sqrt(float((frame**2).sum()) / energy)) if energy > 0 else 0.0
        place = slice(number * _LPC_HOP, number * _LPC_HOP + _LPC_WINDOW)
        out[place] += gain * made * window
        weight[place] += window**2
    made = (out / np.maximum(weight, 1e-3))[_LPC_HOP : _LPC_HOP + len(samples)]
    return at_level(made, samples)


def _f0(samples: Floats, frame: float = _FRAME) -> tuple[Floats, Floats]:
    found, times = pyworld().dio(samples, RATE, _FLOOR, _CEILING, frame_period=1000 * frame)
    return pyworld().stonemask(samples, found, times, RATE), times


def _analysed(samples: Floats) -> _Frames:
    """The aperiodicity, which costs most, is found at every other frame and held. A frame with F0 is voiced."""
    f0, times = _f0(samples)
    envelope = pyworld().cheaptrick(samples, f0, times, RATE, fft_size=_FFT)
    half = pyworld().d4c(samples, f0[::2].copy(), times[::2].copy(), RATE, fft_size=_FFT, threshold=0.0)
    return _Frames(f0, envelope, np.repeat(half, 2, axis=0)[: len(f0)])


def _moved(f0: Floats, own: Own, speaker: PseudoSpeaker) -> Floats:
    """F0 about the new median; a voice whose own is not known keeps it."""
    if not own.f0:
        return f0
    octaves = np.log2(np.where(f0 > 0, f0, own.f0) / own.f0) * speaker.f0_range
    middle = own.f0 * (speaker.f0 / own.f0) ** speaker.reach
    return np.where(f0 > 0, np.clip(middle * 2 ** np.tanh(octaves), 50.0, 700.0), 0.0)


def _shaped(envelope: Floats, correction: Floats, speaker: PseudoSpeaker) -> Floats:
    """Corrected at its own frequencies, warped, then coloured."""
    gain = np.interp(_mel(), _points(_POINTS), np.clip(correction, -_MOST_DB, _MOST_DB))
    corrected = np.log(np.maximum(envelope, 1e-16)) + gain * np.log(10) / 10
    low, share = _warp(speaker.warp)
    warped = corrected[:, low] * (1 - share) + corrected[:, low + 1] * share
    colour = np.interp(_mel(), _points(len(speaker.colour)), speaker.colour)
    return np.ascontiguousarray(np.exp(warped + colour * np.log(10) / 10))


@lru_cache(maxsize=64)
def _warp(factors: tuple[float, ...]) -> tuple[NDArray[np.intp], Floats]:
    """For each bin the bin below the one that it comes from, and the weight of that above; nothing folds."""
    source = _hertz() * np.interp(_hertz(), _KNOTS, factors)
    place = np.clip(np.maximum.accumulate(source), 0, RATE / 2) * _FFT / RATE
    low = np.minimum(np.floor(place).astype(np.intp), _FFT // 2 - 1)
    return low, place - low


def _breathy(aperiodicity: Floats, breath: float) -> Floats:
    """Noise above the first formant: a tenth of it below 300 Hz, all of it from 3 kHz."""
    share = breath * np.interp(np.log2(np.maximum(_hertz(), 1.0)), np.log2([300.0, 3000.0]), [0.1, 1.0])
    return np.ascontiguousarray(np.clip(1 - (1 - aperiodicity) * (1 - share), 1e-6, 1 - 1e-6))


def _long_term(envelope: Floats) -> Floats:
    """Mean over the frames of speech of the level in triangles on the mel scale, dB about its mean, [24]."""
    level = 10 * np.log10(envelope.mean(axis=1) + 1e-16)
    speech = level > np.percentile(level, 95) - _SPEECH_DB
    found = _triangles() @ (10 * np.log10(np.maximum(envelope[speech], 1e-16))).mean(axis=0)
    return np.asarray(found - found.mean(), dtype=np.float64)


@lru_cache(maxsize=1)
def _triangles() -> Floats:
    points = _points(_POINTS)
    weights = np.maximum(0.0, 1 - np.abs(_mel()[None] - points[:, None]) / (points[1] - points[0]))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _hertz() -> Floats:
    return np.linspace(0, RATE / 2, _FFT // 2 + 1)


def _mel() -> Floats:
    return np.asarray(2595 * np.log10(1 + _hertz() / 700), dtype=np.float64)


def _points(count: int) -> Floats:
    return np.linspace(0, _mel()[-1], count)


def _predictors(framed: Floats) -> Floats:
    """Linear prediction of each frame by the autocorrelation method, [frames, 21], leading one."""
    spectra = np.abs(np.fft.rfft(framed, 2 * _LPC_WINDOW, axis=1)) ** 2
    lags = np.fft.irfft(spectra, axis=1)[:, : _LPC_ORDER + 1]
    lags[:, 0] = lags[:, 0] * (1 + 1e-6) + 1e-9
    places = np.abs(np.subtract.outer(np.arange(_LPC_ORDER), np.arange(_LPC_ORDER)))
    found = np.linalg.solve(lags[:, places], lags[:, 1:, None])[..., 0]
    return np.concatenate([np.ones((len(framed), 1)), -found], axis=1)


def _with_angles(predictors: Floats, power: float) -> Floats:
    """Polynomials whose complex roots have their angles raised to ``power``, [frames, 21]."""
    companion = np.zeros((len(predictors), _LPC_ORDER, _LPC_ORDER))
    companion[:, 0] = -predictors[:, 1:]
    companion[:, np.arange(1, _LPC_ORDER), np.arange(_LPC_ORDER - 1)] = 1.0
    poles = np.linalg.eigvals(companion)
    angles = np.angle(poles)
    turned = np.sign(angles) * np.minimum(np.abs(angles) ** power, np.pi - 1e-3)
    poles = np.where(np.abs(poles.imag) > 1e-9, np.minimum(np.abs(poles), 0.999) * np.exp(1j * turned), poles)
    out = np.ones((len(poles), 1), dtype=np.complex128)
    for column in range(_LPC_ORDER):
        out = np.pad(out, ((0, 0), (0, 1))) - np.pad(out, ((0, 0), (1, 0))) * poles[:, column : column + 1]
    return np.asarray(out.real, dtype=np.float64)


def at_level(made: Floats, samples: Floats) -> Floats:
    """At the level that the speech had; peaks beyond the knee bend below full scale, and nothing clips."""
    now = _level(made)
    scaled = made * (_level(samples) / now if now > 0 else 0.0)
    loud = np.abs(scaled) > _KNEE
    if loud.any():
        room = _PEAK - _KNEE
        scaled[loud] = np.sign(scaled[loud]) * (_KNEE + room * np.tanh((np.abs(scaled[loud]) - _KNEE) / room))
    return np.asarray(scaled, dtype=np.float64)


def _level(samples: Floats) -> float:
    """RMS of the frames of 10 ms that are no more than 30 dB below the loudest."""
    size = RATE // 100
    padded = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    power = np.mean(padded**2, axis=1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-_SPEECH_DB / 10)].mean()))
