"""Whose voice it is: windows of a track against the windows of every protected speaker, in one ear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.payloads.sound import Floats
from synthgen.pretrained.speaker import unit
from synthgen.privacy_filters.nearest import PatientIndex, chord
from synthgen.privacy_filters.speech.density import Density, joined

Scores = NDArray[np.float64]

_SHRINKAGE = 0.1
_WINDOWS, _TRACKS = 3, 8  # fewer windows of a track, or fewer such tracks, tell no spread
_WITHIN = 0.55  # of the spread from track to track: what that from window to window was on LibriSpeech, in each ear
_SPREAD = 0.05  # where next to nothing is known


@dataclass(frozen=True)
class Whitening:
    """Statistics to unit vectors in which what varies within a recording counts little.

    Within-class covariance normalisation (Hatch et al. 2006), the class being a recording: its covariance is that of
    the differences between the two halves of each window, shrunk towards its diagonal. Fitted on T alone.

    Attributes:
        mean: shape [D].
        matrix: shape [D, D].
    """

    mean: NDArray[np.float64]
    matrix: NDArray[np.float64]

    @classmethod
    def fit(cls, vectors: Floats, halves: Floats) -> Self:
        """Fits on ``vectors`` [N, D]; rows 2i and 2i + 1 of ``halves`` are the two halves of a window."""
        differences = (halves[0::2] - halves[1::2]).astype(np.float64) / 2.0  # a half is twice as noisy as a window
        within = differences.T @ differences / len(differences)
        diagonal = np.diag(np.diag(within)) + 1e-6 * np.eye(len(within))
        values, axes = np.linalg.eigh((1 - _SHRINKAGE) * within + _SHRINKAGE * diagonal)
        return cls(vectors.mean(axis=0, dtype=np.float64), axes / np.sqrt(values))

    @classmethod
    def none(cls, dimensions: int) -> Self:
        return cls(np.zeros(dimensions), np.eye(dimensions))

    def __call__(self, vectors: Floats) -> Floats:
        return unit((vectors - self.mean) @ self.matrix)


@dataclass(frozen=True)
class Voices:
    """The windows of protected speakers in one ear.

    Attributes:
        density: of the speakers.
        spread: standard deviation, from window to window of a track, of the normalised distance to a stranger.
    """

    index: PatientIndex
    density: Density
    spread: float

    @classmethod
    def over(cls, tracks: Sequence[Floats], patients: Sequence[str]) -> Self:
        """Protects these voices: the windows ``tracks[i]`` [W, D], unit vectors, are of ``patients[i]``."""
        index = PatientIndex.build(np.concatenate(list(tracks)), _owners(tracks, patients))

        def typical(track: Floats) -> Scores:
            return _typical(index, track)

        density = Density.among(index, tracks, patients, typical)
        return cls(index, density, _spread(index, density, tracks, patients))

    def enrolled(self, tracks: Sequence[Floats], patients: Sequence[str]) -> Self:
        """Protects these too; units and spread stay those of the speakers who were there first."""
        if not tracks:
            return self
        index = joined(self.index, np.concatenate(list(tracks)), _owners(tracks, patients))

        def typical(track: Floats) -> Scores:
            return _typical(self.index, track)

        density = self.density.enrolled(self.index, index, tracks, patients, typical)
        return replace(self, index=index, density=density)

    def score(self, track: Floats, exclude: str | None = None) -> float:
        """Normalised distance of a track's windows [W, D] to the nearest speaker; infinite where there is nobody else.

        The distance to a speaker is that of the windows that speak most for him; see :func:`best_supported`.
        """
        own = None if exclude is None else self.index.number(exclude)
        distances = chord(self.index.similarities(track)) / self.density.of(own)
        found = best_supported(distances, self.spread)
        if own is not None:
            found[own] = np.inf
        return float(found.min())


def best_supported(distances: NDArray[np.floating], spread: float) -> Scores:
    """The distance to each speaker of the part of a track that lies nearest to him, shape [W, P] to [P].

    The mean over the k nearest of W windows, for k = 1, 2, 4, … W, is held against what the k smallest of W draws about
    one mean would come to: a track of a stranger has a nearest part too, and the longer it is, the nearer. The
    expected mean of the k smallest of W normal deviates, times ``spread``, is added before the least k is taken.
    """
    ordered = np.sort(distances, axis=0)
    means = np.cumsum(ordered, axis=0) / np.arange(1, len(ordered) + 1)[:, None]
    counts = _counts(len(ordered))
    corrected = means[counts - 1] - spread * _expected(len(ordered))[counts - 1][:, None]
    return np.asarray(corrected.min(axis=0), dtype=np.float64).clip(min=0.0)


def _counts(windows: int) -> NDArray[np.intp]:
    """1, 2, 4, … and all."""
    return np.unique(np.append(2 ** np.arange(int(np.log2(windows)) + 1), windows))


def _expected(windows: int) -> Scores:
    """Expected mean of the k smallest of so many standard normal deviates, k = 1 … W (Blom 1958), shape [W]."""
    ranks = np.arange(1, windows + 1)
    smallest = stats.norm.ppf((ranks - 0.375) / (windows + 0.25))
    return np.asarray(np.cumsum(smallest) / ranks, dtype=np.float64)


def _spread(index: PatientIndex, density: Density, tracks: Sequence[Floats], patients: Sequence[str]) -> float:
    """Within tracks of T, over speakers who are not their own; where few tracks are long enough, a share of the spread
    from track to track.
    """
    within: list[float] = []
    means: list[Scores] = []
    for track, patient in zip(tracks, patients, strict=True):
        own = index.number(patient)
        distances = np.asarray(chord(index.similarities(track)) / density.of(own), dtype=np.float64)
        distances[:, own] = np.nan
        if len(track) and len(index.patients) > 1:
            means.append(distances.mean(axis=0))
            within += [float(np.nanmean(distances.var(axis=0, ddof=1)))] if len(track) >= _WINDOWS else []
    if len(within) >= _TRACKS:
        return float(np.sqrt(np.mean(within)))
    return _WITHIN * float(np.sqrt(np.nanmean(np.nanvar(means, axis=0)))) if len(means) > _TRACKS else _SPREAD


def _owners(tracks: Sequence[Floats], patients: Sequence[str]) -> list[str]:
    return [patient for track, patient in zip(tracks, patients, strict=True) for _ in track]


def _typical(index: PatientIndex, track: Floats) -> Scores:
    """Median over the windows of the chord distance to each patient's nearest window, shape [P]."""
    if not len(track):
        return np.full(len(index.patients), np.inf)
    return np.asarray(np.median(chord(index.similarities(track)), axis=0), dtype=np.float64)
