"""Recordings under an operator: a pseudo-speaker each or one for all, labels that many have, mistakes in one line."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from speech_people import audio_of, clip, says

from synthgen.config import RunConfig
from synthgen.errors import UserError
from synthgen.generators.speech.spoken import read_aloud
from synthgen.modalities.speech.anonymise import BOTH, MCADAMS, WORLD, SpeechAnonymiser
from synthgen.modalities.speech.settings import SpeechConfig
from synthgen.modality import load
from synthgen.payloads.speech import Emotion, Segment, SpeechAnonymised, SpeechCondition, SpeechReal, Word
from synthgen.pretrained.aligner import installed_aligner
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


def timed(one: SpeechReal, text: str) -> SpeechReal:
    """The record with words at equal times."""
    (recording,) = one.payload.recordings
    (track,) = recording.tracks
    (turn,) = track.segments
    said = read_aloud(text, "en").split()
    edges = np.linspace(turn.start, turn.end, len(said) + 1).astype(int).tolist()
    words = tuple(Word(word, *span) for word, span in zip(said, pairwise(edges), strict=True))
    told = replace(track, segments=(replace(turn, text=text, words=words),))
    return replace(one, payload=replace(one.payload, recordings=(replace(recording, tracks=(told,)),)))


@pytest.mark.parametrize("name", [WORLD, MCADAMS])
def test_a_name_is_said_and_written_otherwise_in_every_recording(
    name: str, train: list[SpeechReal], tmp_path: Path
) -> None:
    twice = [timed(record(tmp_path, 20, number), text) for number, text in enumerate((TEXT, "Margaret is my name."))]
    told = {}
    for spoken in ("replace", "silence", "keep"):
        settings = config(f"modality.spoken_identifiers={spoken}", "modality.identifiers.policy=consistent")
        made = SpeechAnonymiser(tmp_path).open(name, 1, train, settings, b"s")(1, twice)
        told[spoken] = [turn_of(one).text for one in made], [audio_of(one.payload) for one in made]
    (said, other), sounds = told["replace"]
    given = said.split()[3]
    assert said.startswith("My name is ") and other == f"{given} is my name." and given != "Margaret"
    assert "Fielding" not in said and "March 1961" not in said
    assert told["silence"][0] == ["My name is and I was born on .", "is my name."] and told["keep"][0] == ["", ""]
    assert all(len({told[way][1][i].digest for way in told}) == 3 for i in (0, 1))
    assert [audio.frames for audio in sounds] == [audio_of(one.payload).frames for one in twice]


def test_a_turn_is_silent_where_it_is_not_known_when_the_name_is_said(
    train: list[SpeechReal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    installed_aligner.cache_clear()
    operator = SpeechAnonymiser(tmp_path).open(WORLD, 1, train, config(), b"s")
    (made,) = operator(1, [record(tmp_path, 20, text=TEXT)])
    samples, _ = soundfile.read(audio_of(made.payload).path)
    assert turn_of(made).text == "" and abs(samples[800:-800]).max() < 1e-3
    installed_aligner.cache_clear()


def turn_of(made: SpeechAnonymised) -> Segment:
    return made.payload.recordings[0].tracks[0].segments[0]


def test_rare_labels_are_left_out(train: list[SpeechReal], tmp_path: Path) -> None:
    operator = SpeechAnonymiser(tmp_path).open(MCADAMS, 1, train, config("modality.spoken_identifiers=keep"), b"s")
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
