"""A recording is recognised in another one, however it was changed; strangers' are not."""

from pathlib import Path

import numpy as np
import pytest
from speech_people import says, track

from synthgen.payloads.sound import RATE, Floats
from synthgen.privacy_filters.speech import planted
from synthgen.privacy_filters.speech.recordings import Levels, Recordings, band_levels, envelope_levels

pytest.importorskip("soundfile")

KNOWN = 30


def levels(samples: Floats, folder: Path) -> Levels:
    return band_levels(track(samples, folder))


@pytest.fixture(scope="module")
def recordings(sounds: Path) -> Recordings:
    known = [levels(says(person, 0), sounds) for person in range(KNOWN)]
    return Recordings.over(known, [f"p{person}" for person in range(KNOWN)], 2.0)


@pytest.fixture(scope="module")
def least(recordings: Recordings, sounds: Path) -> float:
    """The smallest score of forty strangers, and of other clips of the same people."""
    others = [says(person, 0) for person in range(1_000, 1_040)] + [says(person, 1) for person in range(KNOWN)]
    return min(recordings.score(levels(samples, sounds)) for samples in others)


def hidden(x: Floats) -> Floats:
    """Three seconds of it inside a minute of somebody else."""
    host = says(2_001, 0, 60.0)
    host[17 * RATE + 777 : 20 * RATE + 777] = 0.5 * x[: 3 * RATE]
    return host


CHANGES = {
    "as it is": lambda x: x,
    "louder": lambda x: 3 * x,
    "brighter": lambda x: np.append(x[1:] - 0.6 * x[:-1], 0).astype(np.float32),
    "the middle two thirds": lambda x: x[len(x) // 6 : -len(x) // 6],
    "after something else": lambda x: np.concatenate([says(2_000, 0, 5.3), x]),
    "faster": lambda x: planted._speed(x, 1.06),
    "much faster": lambda x: planted._speed(x, 1.25),
    "much slower": lambda x: planted._speed(x, 0.8),
    "in a room": lambda x: planted._reverberant(x, np.random.default_rng(0)),
    "three seconds of it in a minute": hidden,
    "at 8 kHz": planted._band,
    "with noise": lambda x: planted._noise(x, np.random.default_rng(0)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_nearer_than_every_stranger(
    change: str, recordings: Recordings, least: float, sounds: Path
) -> None:
    pytest.importorskip("soxr")
    for person in (0, 7, 19):
        copy = np.asarray(CHANGES[change](says(person, 0)), dtype=np.float32)
        margin = 0.9 if change.startswith("much") else 0.8  # the ends of the spectrum are lost to a tape
        assert recordings.score(levels(copy, sounds)) < margin * least


def test_another_voice_does_not_hide_a_recording(recordings: Recordings, least: float, sounds: Path) -> None:
    pytest.importorskip("pyworld")
    assert recordings.score(levels(planted.world(says(4, 0), 2.0), sounds)) < 0.8 * least


@pytest.mark.parametrize("semitones", [8.0, -6.0])
def test_a_pitch_far_from_its_own_does_not_hide_a_passage(semitones: float, sounds: Path) -> None:
    pytest.importorskip("pyworld")
    known = [track(says(person, 0), sounds) for person in range(KNOWN)]
    names = [f"p{person}" for person in range(KNOWN)]
    passages = Recordings.over([envelope_levels(one) for one in known], names, 3.0)
    strangers = min(passages.score(envelope_levels(track(says(p, 0), sounds))) for p in range(1_000, 1_020))
    for person in (2, 11):
        copy = track(planted.world(says(person, 0), semitones), sounds)
        assert passages.score(envelope_levels(copy)) < 0.8 * strangers


def test_ones_own_recording_can_be_left_out(recordings: Recordings, least: float, sounds: Path) -> None:
    own = levels(says(4, 0), sounds)
    assert recordings.score(own) < 1e-3
    assert recordings.score(own, "p4") >= 0.8 * least
    assert recordings.score(own, "nobody") == recordings.score(own)


@pytest.mark.parametrize("seconds", [0.01, 0.4, 1.9])
def test_a_recording_shorter_than_a_stretch_is_still_protected(seconds: float, sounds: Path) -> None:
    short, other = says(1, 0, seconds), says(2, 0, seconds)
    made = Recordings.over([levels(short, sounds), levels(other, sounds)], ["a", "b"], 2.0)
    assert np.isfinite(made.score(levels(short, sounds)))
    if seconds > 1:
        assert made.score(levels(short, sounds)) < 0.1 < made.score(levels(says(3, 0, seconds), sounds))


def test_silence_resembles_nobody(recordings: Recordings, least: float, sounds: Path) -> None:
    assert recordings.score(levels(np.zeros(4 * RATE, dtype=np.float32), sounds)) >= least


def test_one_speaker_alone(sounds: Path) -> None:
    own = levels(says(1, 0), sounds)
    made = Recordings.over([own], ["a"], 2.0)
    assert made.score(own) < 1e-3 and made.score(own, "a") == np.inf
    assert np.isfinite(made.score(levels(says(2, 0), sounds)))


def test_a_long_track_has_no_better_chances_to_resemble_somebody(recordings: Recordings, sounds: Path) -> None:
    """Twelve times as long, and its score, the smallest of so many more, is not smaller by much."""
    short = [recordings.score(levels(says(person, 0), sounds)) for person in range(3_000, 3_016)]
    long = [recordings.score(levels(says(person, 0, 43.0), sounds)) for person in range(4_000, 4_006)]
    assert np.median(long) > np.quantile(short, 0.1)


def test_an_hour_takes_two_megabytes(sounds: Path) -> None:
    found = levels(says(1, 0, 60.0), sounds)
    assert found.nbytes * 60 < 2.5e6
    assert len(found) == 60 * 20


def test_who_was_enrolled_is_left_out_as_if_never_enrolled(recordings: Recordings, sounds: Path) -> None:
    added = [levels(says(person, 0), sounds) for person in range(500, 504)]
    names = [f"c{i}" for i in range(4)]
    everybody, without = recordings.enrolled(added, names), recordings.enrolled(added[1:], names[1:])
    assert everybody.score(added[0], "c0") == pytest.approx(without.score(added[0]), rel=1e-6)
    assert everybody.score(added[0]) < 1e-3
    assert (everybody.precision, recordings.enrolled([], [])) == (recordings.precision, recordings)
