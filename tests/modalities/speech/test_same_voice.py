"""Whether voices with names of one recording are heard in another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.modalities.speech.same_voice import recurring_voices

CASES: list[tuple[str, Sequence[tuple[str, int]], int]] = [
    ("one therapist", [("s1/A", 1), ("s1/B", 9), ("s2/A", 2), ("s2/B", 9), ("s3/SPEAKER_00", 9)], 3),
    ("nobody recurs", [("s1/A", 1), ("s1/B", 2), ("s2/A", 3), ("s2/B", 4)], 0),
    ("names of the cohort", [("ann", 1), ("ben", 1), ("s1/ann", 1), ("site/007-a", 1)], 0),
    ("one recording", [("s1/A", 1), ("s1/B", 1)], 0),
    ("records of one person", [("s1/A", 1), ("s1/A", 1), ("s2/A", 2)], 0),
]


def _voice(number: int, seed: int) -> NDArray[np.float64]:
    """Directions of voices are far apart; two takes of one are near each other."""
    own = np.random.default_rng(number).standard_normal(64)
    return np.asarray(own + 0.3 * np.random.default_rng([7, seed]).standard_normal(64))


@pytest.mark.parametrize(("name", "records", "wanted"), CASES, ids=[name for name, _, _ in CASES])
def test_a_voice_that_recurs_under_names_of_recordings_is_counted(
    name: str, records: Sequence[tuple[str, int]], wanted: int
) -> None:
    vectors = [_voice(number, seed) for seed, (_, number) in enumerate(records)]
    assert recurring_voices([patient for patient, _ in records], vectors) == wanted


def test_a_record_without_sound_is_like_nobody() -> None:
    assert recurring_voices(["s1/A", "s2/A", "s3/A"], [np.zeros(8), np.zeros(8), np.ones(8)]) == 0
