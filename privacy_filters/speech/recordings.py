"""Whether a stretch of sound is a copy of a stretch of somebody's recording, whatever voice it is made to speak in.

How the energy in 16 bands moves over a few seconds is the same after a codec, a change of level or colour, noise, a
vocoder or a shifted pitch. A stretch becomes a unit vector: the low orders of the two-dimensional cosine transform of
its log band energies, which leaves out what the bands have in the mean (colour, level) and what is too quick to
survive. What is quiet is quiet against the stretch itself, so that nothing about a stretch hides it. Every stretch of a
candidate, at eleven tempi, with and without the shift of the spectrum that goes with a tape's, is compared with every
stretch of every protected recording: one matrix product. Short stretches find the few seconds that were copied; long
ones have so much in them that reverberation, another voice and another manner over them leave enough. Landmarks of
spectral peaks (Wang 2003) find a recording in a crowd of millions but lose it when pitch or tempo moves, which is what
hides a voice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from synthgen.payloads.sound import RATE, Floats, read, spoken
from synthgen.payloads.speech import Track
from synthgen.pretrained.speaker import unit
from synthgen.privacy_filters.nearest import PatientIndex, chord
from synthgen.privacy_filters.speech.density import Density, joined

Scores = NDArray[np.float64]
Levels = NDArray[np.float16]

FRAMES_A_SECOND: Final = 20
BANDS: Final = 16

_BLOCK = 60  # seconds read at once
_HOP = RATE // FRAMES_A_SECOND
_FFT = 2 * _HOP  # 100 ms
_RANGE = (150.0, 3400.0)  # Hz
_HARMONICS = 400.0  # Hz: as far apart as those of a high voice that is raised once more
_DEEPEST = 60.0  # dB below a track's loud frames: what lies below is silence
_LOUD = 95.0
_FLOOR = 5.0  # dB below a band's mean power in a stretch: what lies below is silence or noise
_ACTIVE = 0.3  # mean log level of a frame in which something is heard
_SHARE = 0.3  # of the frames of a stretch in which something must be heard
_MOVING = 2.0  # least norm of a stretch's transform: below, nothing moves
_BAND_ORDERS = slice(1, 10)  # 0 is the energy of all: every word that ends in silence looks alike in it
_MODULATION = 6.0  # Hz
_TIME_ORDERS = 49  # 4 Hz of six seconds: what lies above is moved by another manner's pauses
_TEMPI = tuple(float(x) for x in np.exp(0.058 * np.arange(-5, 6)).round(4))  # 0.75 to 1.34; between two 3% are lost
_STEP = 1.0  # seconds from one stretch of a candidate to the next
_ALIGNED = 4  # frames: stretches of a protected recording begin this far apart, those of a candidate at each between
_APART = 0.5  # seconds after which two stretches of a track resemble each other no more than others do
_PAIRS = 200
_TAIL = (0.1, 0.005)  # of strangers, between which the tail is measured
_SAME = float(np.arctanh(1.0 - 1e-6))
_TO_SCALE = 400  # stretches of a track that tell how near its speaker's neighbours are
_CHUNK_BYTES = 64 * 2**20


def band_levels(track: Track) -> Levels:
    """Log band energies of what is said, shape [frames, 16], 20 frames a second; read in pieces of a minute.

    Zero is 60 dB below the track's loud frames, and nothing lies below it. An hour takes 2 MB.
    """
    return _levels(track, _as_it_is)[0]


def envelope_levels(track: Track) -> Levels:
    """The same of the envelope over the harmonics, which stays where it is when the pitch rises to 1.6 times its
    height. It is coarser: short stretches tell people apart better by :func:`band_levels`.
    """
    return _levels(track, _envelope)[0]


def both_levels(track: Track) -> tuple[Levels, Levels]:
    """:func:`band_levels` and :func:`envelope_levels`, of a track that is read once."""
    as_it_is, envelope = _levels(track, _as_it_is, _envelope)
    return as_it_is, envelope


def _levels(track: Track, *views: Callable[[Floats], Floats]) -> list[Levels]:
    """Of a power spectrum [frames, bins] as each view shows it."""
    parts: list[list[Floats]] = [[np.zeros((0, BANDS), dtype=np.float32)] for _ in views]
    for start, end in spoken(track):
        step = _BLOCK * track.audio.rate
        for low in range(start, end, step):
            power = _power(read(track.audio, [(low, min(low + step, end))]))
            for found, view in zip(parts, views, strict=True):
                found.append(np.asarray(view(power) @ _filters().T, dtype=np.float32))
    return [_above_silence(np.concatenate(found)) for found in parts]


def _above_silence(energies: Floats) -> Levels:
    if not len(energies):
        energies = np.zeros((1, BANDS), dtype=np.float32)
    floor = 10 ** (-_DEEPEST / 10) * float(np.percentile(energies.mean(axis=1), _LOUD)) + 1e-12
    levels: Levels = np.log(np.maximum(energies, floor) / floor).astype(np.float16)
    return levels


def _as_it_is(power: Floats) -> Floats:
    return power


def _power(samples: Floats) -> Floats:
    padded = np.pad(samples, (_HOP // 2, _FFT))
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][: -(-len(samples) // _HOP)]
    window = np.hanning(_FFT).astype(np.float32)
    return np.asarray(np.abs(fft.rfft(framed * window, axis=1)) ** 2, dtype=np.float32)


def _envelope(power: Floats) -> Floats:
    """The largest power within 400 Hz, smoothed as widely."""
    width = round(_HARMONICS * _FFT / RATE)
    peaks = ndimage.maximum_filter1d(power, width, axis=1)
    return np.asarray(ndimage.uniform_filter1d(peaks, width, axis=1), dtype=np.float32)


@cache
def _band_edges() -> NDArray[np.float64]:
    """In Hz: a band's lower end, centre and upper end are three neighbours; evenly spaced in mel."""
    low, high = (2595.0 * float(np.log10(1.0 + f / 700.0)) for f in _RANGE)
    return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0))


@cache
def _filters() -> Floats:
    edges = _band_edges()
    bins = np.arange(_FFT // 2 + 1) * RATE / _FFT
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0.0, np.minimum(rise, fall)), dtype=np.float32)


def vectors(levels: Levels | Floats, seconds: float, starts: Sequence[int], spoken_share: float = _SHARE) -> Floats:
    """Unit vectors of the stretches that begin at frames ``starts``, shape [S, D].

    Zero, like nobody's, for a stretch that is nearly silent: where a word begins is all there is to it.
    """
    length = round(seconds * FRAMES_A_SECOND)
    levels = levels.astype(np.float32)
    if len(levels) < length:  # as if in silence
        levels = np.concatenate([levels, np.zeros((length - len(levels), BANDS), dtype=np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(levels, length, axis=0)[list(starts)]
    patches = _above_floor(np.asarray(windows, dtype=np.float32))
    orders = min(int(2 * seconds * _MODULATION) + 1, _TIME_ORDERS)
    in_time = fft.dct(patches, axis=2, norm="ortho")[:, :, 1:orders]
    both = fft.dct(in_time, axis=1, norm="ortho")[:, _BAND_ORDERS].reshape(len(patches), -1)
    active = (patches.mean(axis=1) > _ACTIVE).mean(axis=1) >= spoken_share
    moving = np.linalg.norm(both, axis=1) >= _MOVING
    return unit(np.where((active & moving)[:, None], both, 0.0))


def _above_floor(patches: Floats) -> Floats:
    """Log levels above each band's floor in its own stretch, shape [S, bands, length]; zero is the floor."""
    peak = patches.max(axis=2, keepdims=True)
    mean = peak + np.log(np.exp(patches - peak).mean(axis=2, keepdims=True))
    return np.asarray(np.maximum(patches - mean + _FLOOR * np.log(10) / 10, 0.0), dtype=np.float32)


def _stretched(levels: Levels | Floats, tempo: float) -> Floats:
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


def _lowered(levels: Levels, factor: float) -> Floats:
    """The spectrum as it was before every frequency rose by ``factor``: levels between bands are interpolated."""
    centres = _band_edges()[1:-1]
    places = np.interp(centres * factor, centres, np.arange(BANDS))
    low = np.minimum(places.astype(int), BANDS - 2)
    share = (places - low).astype(np.float32)
    found = levels.astype(np.float32)
    return np.asarray((1 - share) * found[:, low] + share * found[:, low + 1], dtype=np.float32)


def _played(levels: Levels, tempi: Sequence[float]) -> Iterator[Floats]:
    """The track at each tempo, and with the spectrum that a tape's change of tempo takes along."""
    for tempo in tempi:
        yield _stretched(levels, tempo)
        if tempo != 1.0:
            yield _stretched(_lowered(levels, tempo), tempo)


def _last(frames: int, seconds: float) -> int:
    """The last frame at which a stretch may begin."""
    return max(0, frames - round(seconds * FRAMES_A_SECOND))


@dataclass(frozen=True)
class Recordings:
    """Protected recordings as stretches.

    Attributes:
        seconds: of a stretch.
        density: of the speakers.
        precision: of the tail of Fisher's z between strangers; see :func:`_precision`.
    """

    index: PatientIndex
    seconds: float
    density: Density
    precision: float

    @classmethod
    def over(cls, tracks: Sequence[Levels], patients: Sequence[str], seconds: float) -> Self:
        """Protects these recordings: the band levels ``tracks[i]`` are of ``patients[i]``."""
        index = PatientIndex.build(*_stretches(tracks, patients, seconds))
        alone = Density.alone(len(index.patients))
        built = cls(index, seconds, alone, np.inf)
        resembling = np.stack([built._resembling(levels, (1.0,), _TO_SCALE) for levels in tracks])
        others = np.asarray(patients)[:, None] != np.asarray(index.patients)
        built = replace(built, precision=_precision(resembling[others]))
        return replace(built, density=Density.among(index, tracks, patients, built._typical))

    def enrolled(self, tracks: Sequence[Levels], patients: Sequence[str]) -> Self:
        """Protects these too; precision and units stay those of the speakers who were there first."""
        if not tracks:
            return self
        index = joined(self.index, *_stretches(tracks, patients, self.seconds))
        density = self.density.enrolled(self.index, index, tracks, patients, self._typical)
        return replace(self, index=index, density=density)

    def score(self, levels: Levels, exclude: str | None = None) -> float:
        """Normalised distance of a track to the nearest speaker's recordings; infinite where there is nobody else."""
        own = None if exclude is None else self.index.number(exclude)
        distances = self._distances(levels, _TEMPI) / self.density.of(own)
        if own is not None:
            distances[own] = np.inf
        return float(distances.min())

    def _typical(self, levels: Levels) -> Scores:
        return self._distances(levels, (1.0,), _TO_SCALE)

    def _distances(self, levels: Levels, tempi: Sequence[float], most: int | None = None) -> Scores:
        """Chord distance to each speaker, the smallest over stretches and tempi, shape [P].

        A long track has more chances to resemble a stretch of somebody's by accident: of m stretches that are none
        like another, the largest correlation has to be larger to mean as much as one stretch's would. Where the tail
        falls as a normal one does, the tail at z counts m times, which is as if z² were smaller by 2 ln m / precision.
        """
        z = self._resembling(levels, tempi, most)
        stretches = 1.0 + max(0.0, len(levels) / FRAMES_A_SECOND - self.seconds) / _APART
        if most is not None:
            stretches = min(stretches, float(most))
        corrected = np.sqrt(np.maximum(z**2 - 2.0 * np.log(stretches) / self.precision, 0.0))
        return np.asarray(chord(np.where(z >= _SAME, 1.0, np.tanh(corrected))), dtype=np.float64)

    def _resembling(self, levels: Levels, tempi: Sequence[float], most: int | None = None) -> Scores:
        """Fisher's z of the largest correlation with each speaker over stretches and tempi, shape [P].

        Of a track with more than ``most`` stretches, as many are taken, evenly spread.
        """
        best = np.full(len(self.index.patients), -1.0)
        for played in _played(levels, tempi):
            last = _last(len(played), self.seconds)
            step = round(_STEP * FRAMES_A_SECOND)
            starts = sorted({min(low + i, last) for low in range(0, last + 1, step) for i in range(_ALIGNED)})
            if most is not None and len(starts) > most:
                starts = [starts[i] for i in np.linspace(0, len(starts) - 1, most).astype(int)]
            block = max(1, min(256, _CHUNK_BYTES // (4 * len(self.index.vectors))))
            for low in range(0, len(starts), block):
                found = vectors(played, self.seconds, starts[low : low + block])
                best = np.maximum(best, self.index.similarities(found).max(axis=0))
        return np.asarray(np.arctanh(np.clip(best, 0.0, 1.0 - 1e-7)), dtype=np.float64)


def _stretches(tracks: Sequence[Levels], patients: Sequence[str], seconds: float) -> tuple[Floats, list[str]]:
    """The stretches of protected recordings, and whose each is."""
    found = [vectors(levels, seconds, range(0, _last(len(levels), seconds) + 1, _ALIGNED)) for levels in tracks]
    return np.concatenate(found), [p for p, own in zip(patients, found, strict=True) for _ in own]


def _precision(resembling: Scores) -> float:
    """How fast the tail of Fisher's z between tracks and speakers who are strangers falls, shape [pairs].

    One over the variance of the normal deviate whose tail falls as z's does between two of its upper quantiles; few
    pairs tell no tail, and are not corrected for.
    """
    if len(resembling) < _PAIRS:
        return np.inf
    low, high = np.quantile(resembling**2, [1 - p for p in _TAIL])
    return float(2.0 * np.log(_TAIL[0] / _TAIL[1]) / max(high - low, 1e-6))
