"""Whether a stretch of sound is a copy of a stretch of somebody's recording, whatever voice it is made to speak in.

How the energy in 16 bands moves over a few seconds is the same after a codec, a change of level or colour, noise, a
vocoder or a shifted pitch. A stretch becomes a unit vector: the low orders of the two-dimensional cosine transform of
its log band energies, which leaves out what the bands have in the mean (colour, level) and what is too quick to
survive. Every stretch of a candidate, at five tempi, is compared with every stretch of every protected recording: one
matrix product. Landmarks of spectral peaks (Wang 2003) find a recording in a crowd of millions but lose it when pitch
or tempo moves, which is what hides a voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from synthgen.modalities.speech.types import Track
from synthgen.privacy_filters.nearest import PatientIndex, chord, local_scale
from synthgen.privacy_filters.speech.encoders import unit
from synthgen.privacy_filters.speech.sound import RATE, Floats, read, spoken

Scores = NDArray[np.float64]
Levels = NDArray[np.float16]

FRAMES_A_SECOND: Final = 20
BANDS: Final = 16

_BLOCK = 60  # seconds read at once
_HOP = RATE // FRAMES_A_SECOND
_FFT = 2 * _HOP  # 100 ms
_RANGE = (150.0, 3400.0)  # Hz
_FLOOR = 10 ** (-20 / 10)  # of a band's loud frames: what lies below is silence or noise
_LOUD = 95.0
_ACTIVE = 0.3  # mean log level of a frame in which something is heard
_SHARE = 0.3  # of the frames of a stretch in which something must be heard
_BAND_ORDERS = slice(1, 10)  # 0 is the energy of all: every word that ends in silence looks alike in it
_MODULATION = 5.0  # Hz
_TEMPI = (0.89, 0.944, 1.0, 1.06, 1.123)  # two semitones down to two up, if speed and pitch move together
_STEP = 1.0  # seconds from one stretch of a candidate to the next
_ALIGNED = 4  # frames: stretches of a protected recording begin this far apart, those of a candidate at each between
_PAIRS = 400
_TO_SCALE = 400  # stretches of a track that tell how near its speaker's neighbours are
_CHUNK_BYTES = 64 * 2**20


def band_levels(track: Track) -> Levels:
    """Log band energies of what is said, shape [frames, 16], 20 frames a second; read in pieces of a minute.

    Zero is 20 dB below each band's loud frames, and nothing lies below it. An hour takes 2 MB.
    """
    parts = []
    for start, end in spoken(track):
        step = _BLOCK * track.audio.rate
        for low in range(start, end, step):
            parts.append(_energies(read(track.audio, [(low, min(low + step, end))])))
    energies = np.concatenate(parts) if parts else np.zeros((1, BANDS), dtype=np.float32)
    loud = np.percentile(energies, _LOUD, axis=0, keepdims=True)
    floor = _FLOOR * loud + 1e-12
    levels: Levels = np.log(np.maximum(energies, floor) / floor).astype(np.float16)
    return levels


def _energies(samples: Floats) -> Floats:
    padded = np.pad(samples, (_HOP // 2, _FFT))
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][: -(-len(samples) // _HOP)]
    window = np.hanning(_FFT).astype(np.float32)
    return np.asarray(np.abs(fft.rfft(framed * window, axis=1)) ** 2 @ _filters().T, dtype=np.float32)


@cache
def _filters() -> Floats:
    low, high = (2595.0 * float(np.log10(1.0 + f / 700.0)) for f in _RANGE)
    mels = np.linspace(low, high, BANDS + 2)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins = np.arange(_FFT // 2 + 1) * RATE / _FFT
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0.0, np.minimum(rise, fall)), dtype=np.float32)


def vectors(levels: Levels | Floats, seconds: float, starts: Sequence[int]) -> Floats:
    """Unit vectors of the stretches that begin at frames ``starts``, shape [S, D].

    Zero, like nobody's, for a stretch that is nearly silent: where a word begins is all there is to it.
    """
    length = round(seconds * FRAMES_A_SECOND)
    levels = levels.astype(np.float32)
    if len(levels) < length:  # as if in silence
        levels = np.concatenate([levels, np.zeros((length - len(levels), BANDS), dtype=np.float32)])
    patches = np.lib.stride_tricks.sliding_window_view(levels, length, axis=0)[list(starts)]  # [S, bands, length]
    orders = int(2 * seconds * _MODULATION) + 1
    in_time = fft.dct(patches, axis=2, norm="ortho")[:, :, 1:orders]
    both = fft.dct(in_time, axis=1, norm="ortho")[:, _BAND_ORDERS]
    active = (patches.mean(axis=1) > _ACTIVE).mean(axis=1) >= _SHARE
    return unit(np.where(active[:, None], both.reshape(len(patches), -1), 0.0))


def _stretched(levels: Levels, tempo: float) -> Floats:
    """As if played ``tempo`` times as slowly."""
    if tempo == 1.0 or len(levels) < 2:
        return levels.astype(np.float32)
    places = np.arange(0.0, len(levels) - 1, 1.0 / tempo)
    low = places.astype(int)
    share = (places - low)[:, None].astype(np.float32)
    return np.asarray(
        (1 - share) * levels[low].astype(np.float32) + share * levels[np.minimum(low + 1, len(levels) - 1)],
        dtype=np.float32,
    )


def _last(frames: int, seconds: float) -> int:
    """The last frame at which a stretch may begin."""
    return max(0, frames - round(seconds * FRAMES_A_SECOND))


@dataclass(frozen=True)
class Recordings:
    """Protected recordings as stretches.

    Attributes:
        seconds: of a stretch.
        scale: shape [P], each speaker's distance to the nearest other one.
        precision: one over the variance of Fisher's z between stretches of different speakers.
    """

    index: PatientIndex
    seconds: float
    scale: Scores
    precision: float

    @classmethod
    def over(cls, tracks: Sequence[Levels], patients: Sequence[str], seconds: float) -> Self:
        """Protects these recordings: the band levels ``tracks[i]`` are of ``patients[i]``."""
        found = [vectors(levels, seconds, range(0, _last(len(levels), seconds) + 1, _ALIGNED)) for levels in tracks]
        index = PatientIndex.build(
            np.concatenate(found), [p for p, own in zip(patients, found, strict=True) for _ in own]
        )
        built = cls(index, seconds, np.ones(len(index.patients)), _precision(index))
        nearest = np.full(len(index.patients), np.inf)
        for own, patient in zip(tracks, patients, strict=True):
            number = index.number(patient)
            if number is not None:
                distances = built._distances(own, (1.0,), _TO_SCALE)
                distances[number] = np.inf
                nearest[number] = min(nearest[number], distances.min())
        return cls(index, seconds, local_scale(nearest), built.precision)

    def score(self, levels: Levels, exclude: str | None = None) -> float:
        """Normalised distance of a track to the nearest speaker's recordings; infinite where there is nobody else."""
        distances = self._distances(levels, _TEMPI) / self.scale
        own = None if exclude is None else self.index.number(exclude)
        if own is not None:
            distances[own] = np.inf
        return float(distances.min())

    def _distances(self, levels: Levels, tempi: Sequence[float], most: int | None = None) -> Scores:
        """Chord distance to each speaker, the smallest over stretches and tempi, shape [P].

        Of a track with more than ``most`` stretches, as many are taken, evenly spread.

        A long track has more chances to resemble a stretch of somebody's by accident: of m stretches that do not
        overlap, the largest correlation has to be larger to mean as much as one stretch's would. With z Gaussian, the
        tail at z counts m times, which is as if z² were smaller by 2 ln m.
        """
        best = np.full(len(self.index.patients), -1.0)
        for tempo in tempi:
            played = _stretched(levels, tempo)
            last = _last(len(played), self.seconds)
            step = round(_STEP * FRAMES_A_SECOND)
            starts = sorted({min(low + i, last) for low in range(0, last + 1, step) for i in range(_ALIGNED)})
            if most is not None and len(starts) > most:
                starts = [starts[i] for i in np.linspace(0, len(starts) - 1, most).astype(int)]
            block = max(1, min(256, _CHUNK_BYTES // (4 * len(self.index.vectors))))
            for low in range(0, len(starts), block):
                found = vectors(played, self.seconds, starts[low : low + block])
                best = np.maximum(best, self.index.similarities(found).max(axis=0))
        stretches = max(1.0, min(len(levels) / (FRAMES_A_SECOND * self.seconds), most or np.inf))
        z = np.arctanh(np.clip(best, 0.0, 1.0 - 1e-7))
        corrected = np.sqrt(np.maximum(z**2 - 2.0 * np.log(stretches) / self.precision, 0.0))
        return np.asarray(chord(np.where(best > 1.0 - 1e-6, 1.0, np.tanh(corrected))), dtype=np.float64)


def _precision(index: PatientIndex) -> float:
    """From pairs of stretches of different speakers, evenly taken from those in which something is heard."""
    heard = np.flatnonzero(index.vectors.any(axis=1))
    rows = heard[np.linspace(0, len(heard) - 1, min(_PAIRS, len(heard))).astype(int)]
    cosines = index.vectors[rows] @ index.vectors[rows].T
    strangers = index.owner[rows][:, None] != index.owner[rows][None]
    if not strangers.any():
        return 1.0
    z = np.arctanh(np.clip(cosines[strangers], -0.999, 0.999))
    return float(1.0 / np.mean(z.astype(np.float64) ** 2))
