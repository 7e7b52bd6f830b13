"""The speech filters as a whole: calibrated on strangers, they catch copies; what cannot be heard is rejected."""

from pathlib import Path

import numpy as np
import pytest
from speech_people import clip, people, sample, says

from synthgen.errors import UserError
from synthgen.payloads.sound import RATE
from synthgen.payloads.speech import Speech, SpeechReal
from synthgen.privacy_filters.gate import Gate, calibrate_gate, plant, plant_returning
from synthgen.privacy_filters.speech.filters import Preset, SpeechFilters
from synthgen.privacy_filters.speech.listening import Listener
from synthgen.privacy_filters.speech.planted import planted_copies
from synthgen.records import Filters

for package in ("soundfile", "soxr", "pyworld"):
    pytest.importorskip(package)

COLUMNS = ("recording_passage", "speaker", "speaker_narrow", "spectrum", "recording")


@pytest.fixture(scope="module")
def train(sounds: Path) -> list[SpeechReal]:
    return people(24, sounds)


@pytest.fixture(scope="module")
def filters(train: list[SpeechReal], listener: Listener) -> SpeechFilters:
    return SpeechFilters.over(listener, [r.payload for r in train], [r.patient for r in train])


@pytest.fixture(scope="module")
def gate(train: list[SpeechReal], filters: SpeechFilters, sounds: Path) -> Gate[Speech]:
    protocol: Filters[Speech] = filters
    return calibrate_gate(protocol, train, people(40, sounds, first=500), alpha=0.05, seed=0)


def test_copies_are_caught(gate: Gate[Speech], train: list[SpeechReal], tmp_path: Path) -> None:
    results = {r.perturbation: r for r in plant(gate, planted_copies(train[:6], [], 0, tmp_path))}
    assert results["exact"].caught == 6
    for result in results.values():
        assert result.caught >= 5, result.perturbation


def test_strangers_pass(gate: Gate[Speech], sounds: Path) -> None:
    others = people(40, sounds, first=900)
    assert gate.calibration.rejects(gate.filters.scores([r.payload for r in others])).mean() <= 0.2
    assert gate.calibration.names == COLUMNS


def test_scores_do_not_depend_on_the_others(filters: SpeechFilters, sounds: Path) -> None:
    payloads = [r.payload for r in [*people(2, sounds), *people(2, sounds, first=900)]]
    together = filters.scores(payloads)
    assert together.shape == (4, len(filters.names))
    assert np.array_equal(together, np.concatenate([filters.scores([p]) for p in payloads]))
    assert (together[:2, :2] < together[2:, :2].min(axis=0)).all()
    assert filters.scores([]).shape == (0, len(filters.names))


def test_ones_own_recording_can_be_left_out(
    gate: Gate[Speech], filters: SpeechFilters, train: list[SpeechReal]
) -> None:
    payloads, patients = [r.payload for r in train], [r.patient for r in train]
    own = filters.scores(payloads, patients)
    assert (own > filters.scores(payloads)).all()
    assert gate.calibration.rejects(own).mean() < 0.3


def test_enrolled_speakers_are_protected_at_once(gate: Gate[Speech], filters: SpeechFilters, sounds: Path) -> None:
    new = people(3, sounds, first=900)
    assert not gate.calibration.rejects(filters.scores([r.payload for r in new])).all()
    grown = filters.enrolled([r.payload for r in new], [r.patient for r in new])
    assert gate.calibration.rejects(grown.scores([r.payload for r in new])).all()
    assert grown.names == filters.names
    assert grown.whitening is filters.whitening and grown.strangers is filters.strangers  # nothing is fitted


def test_calibration_by_leaving_out_who_was_enrolled_is_that_of_a_stranger(
    filters: SpeechFilters, sounds: Path
) -> None:
    new = people(3, sounds, first=900)
    payloads, patients = [r.payload for r in new], [r.patient for r in new]
    left_out = filters.enrolled(payloads, patients).scores(payloads, patients)
    never_in = filters.enrolled(payloads[1:], patients[1:]).scores(payloads[:1])
    assert left_out[:1] == pytest.approx(never_in, rel=1e-5)
    assert np.isfinite(left_out).all() and (left_out > 0).all()


def test_every_window_of_a_long_track_is_heard(listener: Listener, gate: Gate[Speech], sounds: Path) -> None:
    """A protected voice, 6 s of it twice over in 80, is found wherever it is."""
    stranger = says(960, 0, 80.0)
    heard = listener(clip(stranger, sounds).recordings[0].tracks[0])
    assert len(heard.windows["speaker"]) >= 20
    mixed = stranger.copy()
    for start, utterance in ((3, 0), (61, 0)):
        mixed[start * RATE : start * RATE + 57_600] = says(3, utterance)
    assert not gate.calibration.rejects(gate.filters.scores([clip(stranger, sounds)])).any()
    assert gate.calibration.rejects(gate.filters.scores([clip(mixed, sounds)])).all()


def test_a_second_clip_of_a_speaker_lies_nearer_than_strangers(filters: SpeechFilters, sounds: Path) -> None:
    again = filters.scores([r.payload for r in people(24, sounds, utterances=2) if r.record.endswith("_1")])
    strangers = filters.scores([r.payload for r in people(24, sounds, first=900)])
    for column in (1, 2, 3):  # the ears
        wins = (again[:, None, column] < strangers[None, :, column]).mean()
        assert wins > 0.62, filters.names[column]  # chance: one half


def test_another_visit_can_be_planted(gate: Gate[Speech], sounds: Path) -> None:
    result = plant_returning(gate, people(4, sounds, first=900, utterances=2), seed=0)
    assert result is not None and result.planted == 4 and result.domain == "beyond"


def test_neighbours_are_looked_up_by_voice(filters: SpeechFilters, sounds: Path) -> None:
    known = people(6, sounds)
    assert filters.nearest_patients([r.payload for r in known]) == [r.patient for r in known]
    distances = filters.distances([r.payload for r in known], [r.payload for r in known])
    assert distances.shape == (6, 6) and distances.diagonal() == pytest.approx(0.0, abs=2e-3)
    assert distances == pytest.approx(distances.T, abs=1e-5) and (distances[~np.eye(6, dtype=bool)] > 0.1).all()


def test_the_worst_track_of_all_sessions_counts(filters: SpeechFilters, sounds: Path) -> None:
    stranger, copied = clip(says(950, 0), sounds), clip(says(3, 0), sounds)
    session = sample([says(950, 0), says(3, 0)], sounds, ["", ""])
    two = Speech((*stranger.recordings, *copied.recordings))
    apart = np.minimum(filters.scores([stranger]), filters.scores([copied]))
    assert np.array_equal(filters.scores([two]), apart)
    assert filters.scores([session]) == pytest.approx(apart)


def test_what_cannot_be_heard_is_rejected(gate: Gate[Speech], filters: SpeechFilters, sounds: Path) -> None:
    nothing = clip(np.zeros(2 * RATE, dtype=np.float32), sounds)
    assert np.isnan(filters.scores([nothing])).any(axis=1).all()
    assert gate.calibration.rejects(filters.scores([nothing])).all()
    assert filters.nearest_patients([nothing])[0] in {f"p{i:05d}" for i in range(24)}
    assert filters.distances([nothing], [nothing]).tolist() == [[2.0]]


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.7])
def test_a_short_recording_is_judged_or_rejected_but_never_an_error(
    filters: SpeechFilters, sounds: Path, seconds: float
) -> None:
    scores = filters.scores([clip(says(970, 0, seconds), sounds)])
    assert scores.shape == (1, len(COLUMNS)) and not (scores < 0).any()


def test_a_very_quiet_copy_is_heard(filters: SpeechFilters, sounds: Path) -> None:
    quiet = says(3, 0) * np.float32(0.004)  # some six steps of a 16-bit file
    stranger = filters.scores([clip(says(900, 0), sounds)])
    assert (filters.scores([clip(quiet, sounds)])[0, :3] < stranger[0, :3]).all()


def test_a_silent_track_beside_a_spoken_one_says_nothing(filters: SpeechFilters, sounds: Path) -> None:
    spoken = says(951, 0)
    session = sample([spoken, np.zeros_like(spoken)], sounds, ["", ""])
    assert filters.scores([session]) == pytest.approx(filters.scores([clip(spoken, sounds)]))


def test_a_cohort_of_silence_is_one_clear_line(listener: Listener, sounds: Path) -> None:
    with pytest.raises(UserError, match="nobody speaks in the recordings to protect"):
        SpeechFilters.over(listener, [clip(np.zeros(RATE, dtype=np.float32), sounds)], ["p"])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_speakers_can_be_protected_and_the_level_is_not_attained(
    count: int, listener: Listener, sounds: Path
) -> None:
    few = people(count, sounds)
    filters = SpeechFilters.over(listener, [r.payload for r in few], [r.patient for r in few])
    gate: Gate[Speech] = calibrate_gate(filters, few, people(4, sounds, first=500), alpha=0.01, seed=0)
    assert not gate.calibration.attained
    assert gate.calibration.rejects(filters.scores([r.payload for r in few])).all()


def test_words_of_a_patient_in_another_voice_are_rejected(listener: Listener, sounds: Path) -> None:
    def telling(person: int, words: int) -> Speech:
        rng = np.random.default_rng(words)
        text = " ".join(
            f"{rng.integers(100, 999)} {rng.choice(['gates', 'boats', 'letters', 'maps'])}" for _ in range(20)
        )
        return clip(says(person, 0), sounds, text)

    known = [telling(person, person) for person in range(12)]
    filters = SpeechFilters.over(listener, known, [f"p{person}" for person in range(12)])
    assert filters.names[: len(COLUMNS)] == COLUMNS
    assert all(name.startswith("transcript_") for name in filters.names[len(COLUMNS) :])
    stranger, same_words, no_words = filters.scores([telling(900, 900), telling(900, 3), clip(says(900, 0), sounds)])
    assert same_words[: len(COLUMNS)] == pytest.approx(stranger[: len(COLUMNS)])
    assert same_words[len(COLUMNS) :].min() == 0.0 < stranger[len(COLUMNS) :].min()
    assert np.isinf(no_words[len(COLUMNS) :]).all()


def test_preset_voices_are_protected_like_patients(
    filters: SpeechFilters, gate: Gate[Speech], train: list[SpeechReal], listener: Listener, sounds: Path
) -> None:
    presets = [Preset.heard(f"voice {i}", clip(says(i, 0), sounds), listener) for i in (980, 981, 982)]
    guarded = SpeechFilters.over(listener, [r.payload for r in train], [r.patient for r in train], presets)
    spoken = [clip(says(i, 0), sounds) for i in (980, 981, 982)]
    assert not gate.calibration.rejects(filters.scores(spoken)).any()
    assert gate.calibration.rejects(guarded.scores(spoken)).all()
    assert (guarded.scores(spoken) <= filters.scores(spoken)).all()
    assert guarded.enrolled([], []).presets == tuple(presets)
    with pytest.raises(UserError, match="the preset voice hush says nothing"):
        Preset.heard("hush", clip(np.zeros(RATE, dtype=np.float32), sounds), listener)


def test_what_was_heard_is_remembered_by_the_sound(listener: Listener, tmp_path: Path) -> None:
    own = Listener(listener.ears, listener.config, tmp_path / "heard")
    own.cache.mkdir()  # type: ignore[union-attr]
    (tmp_path / "sounds").mkdir()
    track = clip(says(990, 0), tmp_path / "sounds").recordings[0].tracks[0]
    first = own(track)
    (stored,) = (tmp_path / "heard").iterdir()
    stored.write_bytes(stored.read_bytes()[:100])  # damaged: listened to again
    again = own(track)
    track.audio.path.unlink()
    remembered = own(track)
    for heard in (again, remembered):
        assert all(np.array_equal(first.windows[ear], heard.windows[ear]) for ear in first.windows)
        assert np.array_equal(first.levels, heard.levels)
