"""Attackers who tell by two recordings whether they are of one person.

``Cosine`` learns nothing: a public speaker encoder (Resemblyzer), and the cosine of what it hears. ``TwoCovariance``
learns from pairs what stays of a person in the encoder's vector, in the long-term spectrum and in F0: in each by
probabilistic linear discriminant analysis in closed form (Brümmer and de Villiers 2010, The speaker partitioning
problem, section 3.2). ``Rhythm`` learns nothing and hears no voice: levels over time, which find the very recording
again, whatever is done to its voice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from synthgen.eval.speech.features import pitch
from synthgen.payloads.sound import blocks, levelled, voiced
from synthgen.payloads.speech import Speech, Track
from synthgen.pretrained.speaker import Resemblyzer, SpeakerEncoder, SpectralStatistics
from synthgen.records import Matcher

Floats = NDArray[np.float64]
View = Callable[[Track], NDArray[np.float32]]
"""What an attacker makes of a track, a vector."""

_BLOCK, _BLOCKS = 20.0, 3  # seconds of a block, and how many of a recording are listened to
_COMPONENTS = 40
_SHRUNK = 0.3  # of the covariance within people, towards a sphere
_LEAST_BETWEEN = 1e-4
_STEP = 0.02  # seconds
_SLOW = 50  # steps: slower than this, a level is no rhythm
_DEEPEST = 50.0  # dB below the loudest step


@dataclass(frozen=True)
class Cosine:
    """See :class:`synthgen.records.Attacker`."""

    name: str = "speaker encoder, cosine"
    learns: bool = False

    def trained(self, probes: Sequence[Speech], gallery: Sequence[Speech], seed: int) -> Matcher[Speech]:
        return _cosine


@dataclass(frozen=True)
class TwoCovariance:
    """See :class:`synthgen.records.Attacker`: a model for each of three views, and the cosine; their scores are added.

    One model of all together was weaker on untouched voices than the cosine alone.
    """

    name: str = "speaker encoder, spectrum and pitch, two-covariance models"
    learns: bool = True

    def trained(self, probes: Sequence[Speech], gallery: Sequence[Speech], seed: int) -> Matcher[Speech]:
        """Probes and gallery may be changed and untouched: each side is centred by itself."""
        views = (_heard, _spectrum, _pitch)
        models = [_cosine, *(_model(_rows(probes, view), _rows(gallery, view), view, seed) for view in views)]
        spreads = []
        for model in models:
            scores = model(probes, gallery)
            spreads.append(float(scores[~np.eye(len(scores), dtype=np.bool_)].std()) or 1.0)

        def match(probes: Sequence[Speech], gallery: Sequence[Speech]) -> Floats:
            scores = [model(probes, gallery) / spread for model, spread in zip(models, spreads, strict=True)]
            return np.asarray(np.sum(scores, axis=0), dtype=np.float64)

        return match


def _cosine(probes: Sequence[Speech], gallery: Sequence[Speech]) -> Floats:
    return _rows(probes, _heard) @ _rows(gallery, _heard).T


def _model(first: Floats, second: Floats, view: View, seed: int) -> Matcher[Speech]:
    """The two-covariance model of one view, of its principal components in units of their spread."""
    from sklearn.decomposition import PCA

    middle, other = first.mean(axis=0), second.mean(axis=0)
    sides = first - middle, second - other
    scale = np.concatenate(sides).std(axis=0) + 1e-9 if view is not _heard else 1.0  # the encoder's has one unit
    size = max(1, min(_COMPONENTS, first.shape[1], len(first) // 2))
    components = PCA(size, whiten=True, random_state=seed).fit(np.concatenate(sides) / scale)
    score = two_covariance(*(components.transform(side / scale) for side in sides))

    def match(probes: Sequence[Speech], gallery: Sequence[Speech]) -> Floats:
        one = components.transform((_rows(probes, view) - middle) / scale)
        two = components.transform((_rows(gallery, view) - other) / scale)
        return score(one, two)

    return match


def two_covariance(first: Floats, second: Floats) -> Callable[[Floats, Floats], Floats]:
    """From N pairs of vectors of N people, centred, [N, D]: log likelihood ratios of [P, D] and [G, D], [P, G].

    A vector is its person's plus what differs between recordings, both normal: with B and W their covariances,
    T = B + W and S = T - B T⁻¹ B, the ratio is xᵀQx / 2 + yᵀQy / 2 + xᵀPy, Q = T⁻¹ - S⁻¹ and P = T⁻¹ B S⁻¹.
    """
    apart = (first - second) / np.sqrt(2.0)
    within = apart.T @ apart / len(apart)
    within = (1 - _SHRUNK) * within + _SHRUNK * np.trace(within) / len(within) * np.eye(len(within))
    mean = (first + second) / 2
    values, vectors = np.linalg.eigh(mean.T @ mean / len(mean) - within / 2)
    between = (vectors * np.maximum(values, _LEAST_BETWEEN)) @ vectors.T
    total = np.linalg.inv(between + within)
    given = np.linalg.inv(between + within - between @ total @ between)
    own, shared = total - given, total @ between @ given

    def score(x: Floats, y: Floats) -> Floats:
        alone = ((x @ own) * x).sum(axis=1)[:, None] + ((y @ own) * y).sum(axis=1)
        return np.asarray(alone / 2 + x @ shared @ y.T, dtype=np.float64)

    return score


@dataclass(frozen=True)
class Rhythm:
    """See :class:`synthgen.records.Attacker`."""

    name: str = "levels over time, correlated"
    learns: bool = False

    def trained(self, probes: Sequence[Speech], gallery: Sequence[Speech], seed: int) -> Matcher[Speech]:
        return rhythm


def rhythm(probes: Sequence[Speech], gallery: Sequence[Speech]) -> Floats:
    """The largest correlation over shifts of up to half a second of levels, of what overlaps; shape [P, G]."""
    levels = [[_levels(_track(one)) for one in side] for side in (probes, gallery)]
    size = fft.next_fast_len(max(len(one) for side in levels for one in side) + 64, real=True)
    first, second = (fft.rfft(np.stack([np.pad(one, (0, size - len(one))) for one in side])) for side in levels)
    near = np.r_[:26, -25:0]
    return np.stack([fft.irfft(one.conj() * second, size)[:, near].max(axis=1) for one in first])


def _track(speech: Speech) -> Track:
    """The track by which a record is known: its first."""
    return speech.recordings[0].tracks[0]


def _rows(records: Sequence[Speech], of: View) -> Floats:
    return np.stack([of(_track(record)) for record in records]).astype(np.float64)


@lru_cache(maxsize=1)
def _encoder() -> SpeakerEncoder:
    return Resemblyzer.load()


@lru_cache(maxsize=65536)
def _heard(track: Track) -> NDArray[np.float32]:
    """The encoder's vector of what is voiced, unit norm, [256]."""
    return np.asarray(_encoder()([_said(track)])[0], dtype=np.float32)


@lru_cache(maxsize=65536)
def _spectrum(track: Track) -> NDArray[np.float32]:
    """The long-term spectrum and how it moves, [40]."""
    return np.asarray(SpectralStatistics()([_said(track)])[0], dtype=np.float32)


@lru_cache(maxsize=65536)
def _pitch(track: Track) -> NDArray[np.float32]:
    """Quartiles and spread of F0 in octaves, and how fast it moves, [5]."""
    f0 = pitch(_said(track))
    octaves = np.log2(f0[f0 > 0]) if (f0 > 0).sum() > 10 else np.full(2, np.log2(150.0))
    moves = float(np.median(np.abs(np.diff(octaves))))
    return np.array([*np.percentile(octaves, [25, 50, 75]), octaves.std(), moves], dtype=np.float32)


def _said(track: Track) -> NDArray[np.float32]:
    """What is voiced in the first minute of what is said, at one level; half a second of nothing where it is silent."""
    parts = [voiced(levelled(block)) for block in islice(blocks(track, _BLOCK), _BLOCKS)]
    said = levelled(np.concatenate(parts))
    return said if len(said) > 800 else np.pad(said, (0, 8000 - len(said)))


@lru_cache(maxsize=65536)
def _levels(track: Track) -> NDArray[np.float32]:
    """Level of each 20 ms of the first minute, dB, less its slow course, scaled to norm one."""
    samples = np.concatenate(list(islice(blocks(track, _BLOCK), _BLOCKS)))
    size = round(_STEP * 16_000)
    power = np.mean(np.pad(samples, (0, -len(samples) % size)).reshape(-1, size).astype(np.float64) ** 2, axis=1)
    level = 10 * np.log10(np.maximum(power, power.max() * 10 ** (-_DEEPEST / 10)) + 1e-12)
    local = level - ndimage.uniform_filter1d(level, _SLOW)
    return np.asarray(local / max(float(np.linalg.norm(local)), 1e-9), dtype=np.float32)
