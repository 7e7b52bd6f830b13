"""Recordings under an operator: a pseudo-speaker each or one for all, labels that many have, mistakes in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from speech_people import audio_of, clip, says

from synthgen.config import RunConfig
from synthgen.errors import UserError
from synthgen.modalities.speech.anonymise import BOTH, MCADAMS, WORLD, SpeechAnonymiser
from synthgen.modalities.speech.settings import SpeechConfig
from synthgen.modality import load
from synthgen.payloads.speech import Emotion, SpeechCondition, SpeechReal
from synthgen.records import Real

TEXT = "My name is Margaret Fielding and I was born on 4 March 1961."


def config(*settings: str) -> SpeechConfig:
    made: RunConfig[SpeechConfig] = load("speech").config("cpu", settings)
    return made.modality


def record(folder: Path, person: int, number: int = 0, text: str = "", emotion: Emotion = "sad") -> SpeechReal:
    speech = clip(says(person, number, 1.6), folder, text)
    (recording,) = speech.recordings
    (track,) = recording.tracks
    told = replace(track, segments=tuple(replace(s, emotion=emotion) for s in track.segments))
    labels = (("ward", "A"), ("bed", person))
    speech = replace(speech, recordings=(replace(recording, tracks=(told,), labels=labels),))
    return Real(f"p{person}", f"p{person}-{number}", SpeechCondition(emotion=emotion), speech)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> list[SpeechReal]:
    folder = tmp_path_factory.mktemp("train")
    return [record(folder, person) for person in range(5)]


@pytest.mark.parametrize("name", [BOTH, WORLD, MCADAMS])
def test_every_recording_has_a_voice_of_its_own_and_its_length(
    name: str, train: list[SpeechReal], tmp_path: Path
) -> None:
    anonymiser = SpeechAnonymiser().within(tmp_path / "made")
    open_ = [anonymiser.open(name, 1, train, config(), secret) for secret in (b"s", b"s", b"other")]
    twice = [record(tmp_path, 9), replace(record(tmp_path, 9), record="again")]
    one, again, other = ([audio_of(made.payload) for made in operator(1, twice)] for operator in open_)
    assert one == again and one[0].digest != one[1].digest and not {a.digest for a in one} & {a.digest for a in other}
    assert all(a.frames == audio_of(twice[0].payload).frames and a.path.parent == tmp_path / "made" for a in one)
    samples, rate = soundfile.read(one[0].path)
    assert rate == 16_000 and len(samples) == one[0].frames and 0.01 < abs(samples).max() < 0.99
    assert "pseudo-speakers" in anonymiser.describe(name, 1, config())


def test_a_voice_is_kept_over_a_patients_recordings_where_that_is_asked(
    train: list[SpeechReal], tmp_path: Path
) -> None:
    settings = config("modality.pseudo_speaker=patient")
    operator = SpeechAnonymiser(tmp_path).open(MCADAMS, 1, train, settings, b"s")
    twice = [record(tmp_path, 9), replace(record(tmp_path, 9), record="again")]
    made = operator(7, twice)
    assert audio_of(made[0].payload).digest == audio_of(made[1].payload).digest
    assert [m.condition.case for m in made] == [7, 7] and made[0].condition.sessions == 2
    alone = SpeechAnonymiser(tmp_path).open(MCADAMS, 1, train, config(), b"s")(7, twice)
    assert alone[0].condition.case == 0


def test_strength_zero_is_the_file_byte_for_byte(train: list[SpeechReal], tmp_path: Path) -> None:
    operator = SpeechAnonymiser(tmp_path / "made").open(BOTH, 0, train, config(), b"s")
    made = audio_of(operator(1, [train[0]])[0].payload)
    assert made.path.parent == tmp_path / "made"
    assert made.path.read_bytes() == audio_of(train[0].payload).path.read_bytes()
    assert "No sound is changed" in SpeechAnonymiser().describe(BOTH, 0, config())


def test_rare_labels_and_transcripts_with_names_are_left_out(train: list[SpeechReal], tmp_path: Path) -> None:
    operator = SpeechAnonymiser(tmp_path).open(MCADAMS, 1, train, config(), b"s")
    named = operator(1, [record(tmp_path, 20, text=TEXT)])[0]
    plain = operator(1, [record(tmp_path, 21, text="I sleep badly since the spring.", emotion="happy")])[0]
    (recording,) = named.payload.recordings
    assert recording.labels == (("ward", "A"),)
    assert recording.tracks[0].segments[0].text == "" and named.condition.emotion == "sad"
    segment = plain.payload.recordings[0].tracks[0].segments[0]
    assert segment.text == "I sleep badly since the spring."
    assert segment.emotion == "" and plain.condition == SpeechCondition()


def test_the_release_names_nobody(train: list[SpeechReal], tmp_path: Path) -> None:
    import json

    for kept in ("session", "patient"):
        settings = config(f"modality.pseudo_speaker={kept}")
        operator = SpeechAnonymiser(tmp_path / "made").open(MCADAMS, 1, train, settings, b"s")
        made = [*operator(3, [record(tmp_path, 9), record(tmp_path, 9, 1)]), *operator(4, [record(tmp_path, 8)])]
        folder = tmp_path / kept
        facts = SpeechAnonymiser().write(folder, lambda made=made: enumerate(made))  # type: ignore[misc]
        assert facts.title == "Anonymised recordings of speech" and facts.samples == 3
        assert "synthetic" not in f"{facts.description} {facts.columns}".lower()
        rows = [json.loads(line) for line in (folder / "sessions/sessions.jsonl").read_text().splitlines()]
        expected = {
            "session": ["ANONYMISED-000000-S01", "ANONYMISED-000001-S01", "ANONYMISED-000002-S01"],
            "patient": ["ANONYMISED-000003-S01", "ANONYMISED-000003-S02", "ANONYMISED-000004-S01"],
        }
        assert [row["session_id"] for row in rows] == expected[kept]
        assert "p9" not in (folder / "data/train/metadata.jsonl").read_text()


def test_too_strong_is_one_line(train: list[SpeechReal]) -> None:
    with pytest.raises(UserError, match="at most 2"):
        SpeechAnonymiser().open(BOTH, 3, train, config(), b"s")
