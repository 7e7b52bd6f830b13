"""Recordings that are the same sound are found however they were stored; people who say the same are not."""

from pathlib import Path

import numpy as np
import pytest
from speech_people import says, track

from synthgen.payloads.sound import RATE, Floats
from synthgen.privacy_filters.speech import planted
from synthgen.privacy_filters.speech.duplicates import same_sound
from synthgen.privacy_filters.speech.recordings import Levels, band_levels

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


def levels(samples: Floats, folder: Path) -> Levels:
    return band_levels(track(samples, folder))


@pytest.fixture(scope="module")
def cohort(sounds: Path) -> list[Levels]:
    return [levels(says(person, 0, 5.0), sounds) for person in range(30)]


CHANGES = {
    "as it is": lambda x, _: x,
    "quieter": lambda x, _: 0.2 * x,
    "through MP3": lambda x, folder: planted._mp3(x, folder, 32),
    "at 8 kHz": lambda x, _: planted._band(x),
    "the middle half": lambda x, _: x[len(x) // 4 : -len(x) // 4],
    "inside something longer": lambda x, _: np.concatenate([says(900, 0, 4.7), x, says(901, 0, 9.0)]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_recording_under_two_names_is_found(change: str, cohort: list[Levels], sounds: Path, tmp_path: Path) -> None:
    copy = np.asarray(CHANGES[change](says(7, 0, 5.0), tmp_path), dtype=np.float32)
    assert same_sound([*cohort, levels(copy, sounds)]) == [(7, 30)]


def test_strangers_and_other_clips_of_a_person_are_not_the_same(cohort: list[Levels], sounds: Path) -> None:
    again = [levels(says(person, 1, 5.0), sounds) for person in range(10)]
    assert same_sound([*cohort, *again]) == []


def test_a_prompt_in_every_recording_links_nobody(sounds: Path) -> None:
    prompt = says(950, 0, 3.0)
    both = [levels(np.concatenate([prompt, says(person, 0, 9.0)]), sounds) for person in (1, 2)]
    assert same_sound(both) == []


def test_short_recordings_are_compared_from_end_to_end(sounds: Path, tmp_path: Path) -> None:
    words = [says(person, 0, 0.6) for person in range(20)]
    again = [planted._mp3(words[4], tmp_path, 64), 0.3 * words[9]]
    assert same_sound([levels(np.asarray(x, dtype=np.float32), sounds) for x in [*words, *again]]) == [(4, 20), (9, 21)]


def test_silence_is_nobodys_duplicate(cohort: list[Levels], sounds: Path) -> None:
    silence = [levels(np.zeros(3 * RATE, dtype=np.float32), sounds) for _ in range(2)]
    assert same_sound([*silence, cohort[0]]) == []
    assert same_sound(silence[:1]) == same_sound([]) == []
