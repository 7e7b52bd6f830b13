"""Kinds of copies of recordings of a second adversary, at 16 kHz: careless anonymisation, bad lines, cuts."""

from __future__ import annotations

import warnings

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import signal

from benchmarks.red_team.kinds import Kind
from benchmarks.red_team.sounds import Change, Floats, kind, levelled, telephone, tiled
from synthgen.payloads.sound import RATE
from synthgen.payloads.speech import Speech

Doubles = NDArray[np.float64]


def _world(samples: Floats, semitones: float = 0.0, formants: float = 1.0, voiced: bool = True) -> Floats:
    """Through WORLD: F0 moved, the envelope stretched along the frequencies, or all that is voiced whispered."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyworld imports pkg_resources, which warns of its own end
        import pyworld
    x = samples.astype(np.float64)
    f0, times = pyworld.harvest(x, RATE)
    spectrum, aperiodic = pyworld.cheaptrick(x, f0, times, RATE), pyworld.d4c(x, f0, times, RATE)
    if formants != 1.0:
        bins = np.arange(spectrum.shape[1])
        spectrum = np.stack([np.interp(bins / formants, bins, row) for row in spectrum])
    moved = f0 * 2 ** (semitones / 12) if voiced else np.zeros_like(f0)
    made = pyworld.synthesize(moved, np.ascontiguousarray(spectrum), aperiodic, RATE)
    return np.asarray(made, dtype=np.float32)


def _noisy(samples: Floats, decibels: float, rng: np.random.Generator) -> Floats:
    rms = float(np.sqrt(np.mean(samples**2)))
    return np.asarray(samples + rng.normal(0, rms * 10 ** (-decibels / 20), len(samples)), dtype=np.float32)


def _pitched_and_noisy(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Three semitones up or down, with noise at 10 dB."""
    return _noisy(_world(victim, 3.0 if rng.random() < 0.5 else -3.0), 10.0, rng)


def _other_formants(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """A vocal tract 18% shorter or longer, and a pitch that goes with it."""
    longer = rng.random() < 0.5
    return _world(victim, -4.0 if longer else 4.0, 1 / 1.18 if longer else 1.18)


def _mcadams(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """A baseline of anonymisation: angles of the poles of linear prediction to the power 0.8 (Patino et al. 2021)."""
    frame, step, order = 480, 240, 20
    window = np.sqrt(np.hanning(frame + 1)[:-1])
    padded = np.concatenate([victim, np.zeros(frame, np.float32)]).astype(np.float64)
    made = np.zeros(len(padded))
    for start in range(0, len(padded) - frame, step):
        part = padded[start : start + frame] * window
        auto = np.correlate(part, part, "full")[frame - 1 : frame + order]
        auto[0] = auto[0] * 1.0001 + 1e-9
        lpc = np.concatenate([[1.0], -np.linalg.solve(_toeplitz(auto[:-1]), auto[1:])])
        poles = np.roots(lpc)
        angles = np.angle(poles)
        moved = np.where(np.abs(poles.imag) > 1e-8, np.sign(angles) * np.abs(angles) ** 0.8, angles)
        bent = np.real(np.poly(np.minimum(np.abs(poles), 0.98) * np.exp(1j * moved)))
        made[start : start + frame] += signal.lfilter([1.0], bent, signal.lfilter(lpc, [1.0], part)) * window
    return levelled(made[: len(victim)].astype(np.float32), victim)


def _toeplitz(row: Doubles) -> Doubles:
    at = np.arange(len(row))
    return np.asarray(row[np.abs(at[:, None] - at)])


def _whispered(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    return levelled(_world(victim, voiced=False), victim)


def _words_reordered(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Pieces of 0.3 to 0.6 s, about a word each, in another order."""
    edges = np.cumsum(rng.uniform(0.3, 0.6, len(victim) // (RATE // 4)) * RATE).astype(int)
    pieces = np.split(victim, edges[edges < len(victim)])
    return np.concatenate([pieces[i] for i in rng.permutation(len(pieces))])


def _half_seconds(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Half a second of the victim and of a stranger in turn, all of the victim."""
    half = RATE // 2
    host = levelled(tiled(stranger, len(victim)), victim)
    pieces = [s[i : i + half] for i in range(0, len(victim), half) for s in (victim, host)]
    return np.concatenate(pieces)


def _room_and_telephone(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Across a hall (1.2 s, the echo as strong as the voice), over the telephone, in eight bits of noise."""
    time = np.arange(int(1.2 * RATE)) / RATE
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / 1.2)
    tail *= 1.0 / np.sqrt(np.sum(tail**2))
    wet = victim + signal.fftconvolve(victim, tail)[: len(victim)]
    return levelled(_noisy(telephone(np.asarray(wet, dtype=np.float32)), 20.0, rng), victim)


def _under_another(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Beneath a stranger who speaks as loudly."""
    return np.asarray(0.6 * (victim + levelled(tiled(stranger, len(victim)), victim)), dtype=np.float32)


def _slow(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """At 0.65 times the speed, or 1.5 times."""
    return np.asarray(soxr.resample(victim, RATE * (0.65 if rng.random() < 0.5 else 1.5), RATE), dtype=np.float32)


def _packets_lost(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """A third of the packets of 40 ms lost."""
    packet = RATE // 25
    kept = np.repeat(rng.random(len(victim) // packet + 1) > 1 / 3, packet)[: len(victim)]
    return np.asarray(victim * kept, dtype=np.float32)


def _gated(victim: Floats, stranger: Floats, rng: np.random.Generator) -> Floats:
    """Enhanced until it lisps: of each spectrum the strongest 3% of the bins."""
    _, _, spectra = signal.stft(victim, RATE, nperseg=512)
    size = np.abs(spectra)
    kept = size >= np.quantile(size, 0.97, axis=0, keepdims=True)
    _, made = signal.istft(spectra * kept, RATE, nperseg=512)
    return levelled(np.asarray(made[: len(victim)], dtype=np.float32), victim)


_CHANGES: tuple[tuple[str, Change], ...] = (
    ("pitch 3, noise 10 dB", _pitched_and_noisy),
    ("formants 1.18, pitch 4", _other_formants),
    ("McAdams 0.8", _mcadams),
    ("whispered", _whispered),
    ("words in another order", _words_reordered),
    ("half seconds with a stranger", _half_seconds),
    ("hall and telephone", _room_and_telephone),
    ("under another voice", _under_another),
    ("speed 0.65 or 1.5", _slow),
    ("packets lost", _packets_lost),
    ("enhanced until it lisps", _gated),
)

SOUNDS: tuple[Kind[Speech], ...] = tuple(kind(name, change, held_out=True) for name, change in _CHANGES)
