"""Attackers tell voices apart, learn what a change leaves, and find the very recording by its rhythm alone."""

from pathlib import Path

import numpy as np
import pytest
from speech_people import clip, says

from synthgen.eval.speech.changed import Pair, contour_correlation, heard_alike, melody, pauses_kept, rate_kept
from synthgen.eval.speech.linking import Cosine, Rhythm, TwoCovariance, two_covariance
from synthgen.eval.speech.records import SpeakerTrack, Turn
from synthgen.payloads.speech import Speech


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], Speech]:
    folder = tmp_path_factory.mktemp("linking")
    return {(person, k): clip(says(person, k, 2.0), folder) for person in range(24) for k in (0, 1)}


def side(spoken: dict[tuple[int, int], Speech], people: range, utterance: int) -> list[Speech]:
    return [spoken[person, utterance] for person in people]


def test_both_ears_find_the_voice_in_another_recording(spoken: dict[tuple[int, int], Speech]) -> None:
    teach, judged = range(14), range(14, 24)
    for attacker in (Cosine(), TwoCovariance()):
        match = attacker.trained(side(spoken, teach, 0), side(spoken, teach, 1), 0)
        found = match(side(spoken, judged, 0), side(spoken, judged, 1))
        assert found.shape == (10, 10) and np.isfinite(found).all()
        assert found.diagonal().mean() > found[~np.eye(10, dtype=bool)].mean() + found.std(), attacker.name
    assert TwoCovariance().learns and not Cosine().learns and not Rhythm().learns


def test_rhythm_finds_the_recording_and_not_the_speaker(spoken: dict[tuple[int, int], Speech], tmp_path: Path) -> None:
    match, people = Rhythm().trained([], [], 0), range(10)
    late = [clip(np.pad(says(p, 0, 2.0), (3200, 0)) * np.float32(0.3), tmp_path) for p in people]
    same = match(late, side(spoken, people, 0))
    assert (same.argmax(axis=1) == np.arange(10)).all()
    other = match(side(spoken, people, 1), side(spoken, people, 0))
    assert (other.argmax(axis=1) == np.arange(10)).mean() < 0.6


def test_what_differs_between_recordings_is_learnt_not_to_count() -> None:
    rng = np.random.default_rng(0)
    share = np.repeat([0.95, 0.0], [4, 20])  # of a dimension's variance, between people

    def pairs(people: int) -> tuple[np.ndarray, np.ndarray]:
        who = rng.normal(size=(people, 24)) * np.sqrt(share)
        one, two = (who + rng.normal(size=(people, 24)) * np.sqrt(1 - share) for _ in range(2))
        return one, two

    score = two_covariance(*pairs(300))
    one, two = pairs(60)
    right = (score(one, two).argmax(axis=1) == np.arange(60)).mean()
    plain = ((one @ two.T).argmax(axis=1) == np.arange(60)).mean()
    assert right > 0.5 > plain + 0.1


def turn(speech: Speech) -> Turn:
    track = speech.recordings[0].tracks[0]
    return Turn(SpeakerTrack("p", "p", 0, "", track), track.segments[0])


def test_of_a_recording_against_itself_everything_is_kept(spoken: dict[tuple[int, int], Speech]) -> None:
    pairs = [Pair(str(person), turn(spoken[person, 0]), turn(spoken[person, 0])) for person in range(4)]
    for figure in (melody(pairs, 12, 0), pauses_kept(pairs, 12, 0), rate_kept(pairs, 12, 0)):
        assert figure.value == pytest.approx(1.0) and figure.n == 4, figure.metric
    others = [Pair(str(p), turn(spoken[p, 0]), turn(spoken[p, 1])) for p in range(4)]
    assert melody(others, 12, 0).value < 0.7 and pauses_kept(others, 12, 0).value < 0.95


class Loud:
    """Hears a word for each loud tenth of a second."""

    name = "loud"

    def __call__(self, samples: np.ndarray, /) -> str:
        tenths = samples[: len(samples) // 1600 * 1600].reshape(-1, 1600)
        return " ".join("loud" if np.abs(one).max() > 0.03 else "soft" for one in tenths)


def test_words_heard_otherwise_are_counted_against_what_was_heard_before(
    spoken: dict[tuple[int, int], Speech],
) -> None:
    same = [Pair("p", turn(spoken[0, 0]), turn(spoken[0, 0]))]
    other = [Pair("p", turn(spoken[0, 0]), turn(spoken[0, 1]))]
    assert heard_alike(same, Loud(), 12, 0).value == 0 < heard_alike(other, Loud(), 12, 0).value


def test_a_contour_of_silence_is_none() -> None:
    assert contour_correlation(np.zeros(8000, np.float32), np.zeros(8000, np.float32)) is None
