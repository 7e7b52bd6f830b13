"""People whose names hold within their recording, and who sound as if they spoke in several.

A diariser calls the therapist of every session SPEAKER_01. Each of them counts as a person of its own, so that one
voice would stand on both sides of the split; whoever loads the cohort is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.speech.cohort.people import within_recording

_ALIKE: Final = 0.78
"""Cosine of mean voice vectors. 10 readers of LibriSpeech, 4 clips each: two of one reader have 0.79 or more in 95%,
of 720 pairs of two readers none has more than 0.74."""


def recurring_voices(patients: Sequence[str], vectors: Sequence[NDArray[np.float64]]) -> int:
    """How many people with names of one recording sound like one with such a name in another recording.

    Args:
        vectors: of each record, of any length; one without sound is zero.
    """
    people = _means(patients, vectors)
    scopes = [found[0] for found in map(within_recording, people) if found is not None]
    if len(set(scopes)) < 2:
        return 0
    stacked = np.stack(list(people.values()))
    elsewhere = np.array(scopes)[:, None] != np.array(scopes)[None]
    return int(((stacked @ stacked.T >= _ALIKE) & elsewhere).any(axis=1).sum())


def _means(patients: Sequence[str], vectors: Sequence[NDArray[np.float64]]) -> Mapping[str, NDArray[np.float64]]:
    """Of each person whose name holds within a recording the mean vector, of length 1."""
    sums: dict[str, NDArray[np.float64]] = {}
    for patient, vector in zip(patients, vectors, strict=True):
        if within_recording(patient) is not None:
            sums[patient] = sums.get(patient, np.zeros_like(vector)) + vector / max(float(np.linalg.norm(vector)), 1e-9)
    return {patient: total / max(float(np.linalg.norm(total)), 1e-9) for patient, total in sums.items()}
