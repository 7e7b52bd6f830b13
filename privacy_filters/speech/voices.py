"""Whose voice it is: windows of a track against the windows of every protected speaker, in one ear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.privacy_filters.nearest import PatientIndex, chord, local_scale
from synthgen.privacy_filters.speech.encoders import unit
from synthgen.privacy_filters.speech.sound import Floats

Scores = NDArray[np.float64]

_SHRINKAGE = 0.1


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
        scale: shape [P], each speaker's distance to the nearest other one.
    """

    index: PatientIndex
    scale: Scores

    @classmethod
    def over(cls, tracks: Sequence[Floats], patients: Sequence[str]) -> Self:
        """Protects these voices: the windows ``tracks[i]`` [W, D], unit vectors, are of ``patients[i]``."""
        rows = [patient for track, patient in zip(tracks, patients, strict=True) for _ in track]
        index = PatientIndex.build(np.concatenate(list(tracks)), rows)
        nearest = np.full(len(index.patients), np.inf)
        for track, patient in zip(tracks, patients, strict=True):
            own = index.number(patient)
            if own is not None and len(track):
                others = _typical(index, track)
                others[own] = np.inf
                nearest[own] = min(nearest[own], others.min())
        return cls(index, local_scale(nearest))

    def score(self, track: Floats, exclude: str | None = None) -> float:
        """Normalised distance of a track's windows [W, D] to the nearest speaker; infinite where there is nobody else.

        The distance to a speaker is the median over the windows: a copied voice is near in all of them, a stranger's
        chance resemblance is not, and a session of an hour has no more chances to resemble somebody than a clip has.
        """
        distances = _typical(self.index, track) / self.scale
        own = None if exclude is None else self.index.number(exclude)
        if own is not None:
            distances[own] = np.inf
        return float(distances.min())


def _typical(index: PatientIndex, track: Floats) -> Scores:
    """Median over the windows of the chord distance to each patient's nearest window, shape [P]."""
    return np.asarray(np.median(chord(index.similarities(track)), axis=0), dtype=np.float64)
