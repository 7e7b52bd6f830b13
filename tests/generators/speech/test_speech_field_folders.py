"""Folders and names of files that say who speaks: those of corpora, and those that say something else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.generators.speech.candidates import load_candidates
from synthgen.generators.speech.cohort import CohortConfig
from synthgen.generators.speech.write import write_release
from synthgen.payloads.speech import Recording, Segment, Speech, SpeechCondition, Track
from synthgen.progress import Silent
from synthgen.records import Synthetic
from tests.helpers.field_speech import (
    Notices,
    advised,
    people_of,
    read,
    refusal,
    samples_of,
    voice,
    write,
    write_table,
    write_voices,
)
from tests.helpers.speech_signals import keep


def emotions_of(loaded: Any) -> list[str]:
    return [record.condition.emotion for record in loaded.records]


CORPORA: list[tuple[str, list[str], list[str], list[str]]] = [
    (
        "RAVDESS",
        [f"Actor_0{a}/03-01-0{e}-01-01-01-0{a}.wav" for a in (1, 2) for e in (5, 4, 7)],
        ["01", "02"],
        ["angry", "sad", ""],
    ),
    (
        "RAVDESS in one folder",
        [f"03-01-0{e}-02-02-01-{a}.wav" for a in (11, 24) for e in (1, 2, 3)],
        ["11", "24"],
        ["neutral", "calm", "happy"],
    ),
    (
        "RAVDESS sorted by emotion",
        [f"{n}/03-01-0{e}-01-01-01-{a}.wav" for n, e in (("happy", 3), ("fearful", 6)) for a in (11, 12)],
        ["11", "12"],
        ["happy", "anxious"],
    ),
    (
        "RAVDESS as it is unpacked",
        [f"audio_speech_actors_01-24/Actor_{a}/03-01-05-01-01-01-{a}.wav" for a in (11, 12)],
        ["11", "12"],
        ["angry"],
    ),
    (
        "CREMA-D",
        [f"AudioWAV/{a}_DFA_{e}_XX.wav" for a in (1001, 1002) for e in ("ANG", "SAD", "FEA")],
        ["1001", "1002"],
        ["angry", "sad", "anxious"],
    ),
    ("CREMA-D in one folder", [f"{a}_IEO_HAP_LO.wav" for a in (1001, 1091)], ["1001", "1091"], ["happy"]),
    (
        "EmoDB",
        [f"wav/{a}a0{t}{e}.wav" for a in ("03", "16") for t, e in ((1, "Fa"), (2, "Wc"), (5, "Tb"))],
        ["03", "16"],
        ["happy", "angry", "sad"],
    ),
    (
        "TESS",
        [f"{a}_{e.lower()}/{a}_back_{e.lower()}.wav" for a in ("OAF", "YAF") for e in ("Angry", "Fear", "neutral")],
        ["oaf", "yaf"],
        ["angry", "anxious", "neutral"],
    ),
    ("TESS with its misspelt name", ["OAF_sad/OA_bite_sad.wav", "YAF_sad/YAF_bite_sad.wav"], ["oaf", "yaf"], ["sad"]),
    (
        "SAVEE",
        [f"{a}/{e}01.wav" for a in ("DC", "KL") for e in ("a", "sa", "n")],
        ["dc", "kl"],
        ["angry", "sad", "neutral"],
    ),
    (
        "SAVEE in one folder",
        [f"{a}_{e}01.wav" for a in ("DC", "KL") for e in ("h", "f")],
        ["dc", "kl"],
        ["happy", "anxious"],
    ),
    ("EMOVO", [f"{a}/{e}-{a}-b1.wav" for a in ("f1", "m2") for e in ("gio", "rab")], ["f1", "m2"], ["happy", "angry"]),
    (
        "IEMOCAP",
        [f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{s}000.wav" for s in "FM"],
        ["ses01f", "ses01m"],
        [""],
    ),
    (
        "LibriSpeech",
        [f"train-clean-100/{s}/12{s}/{s}-12{s}-000{i}.flac" for s in (84, 174) for i in (0, 1)],
        ["174", "84"],
        [""],
    ),
    ("LibriTTS", [f"dev-clean/{s}/12{s}/{s}_12{s}_000001_000000.wav" for s in (84, 174)], ["174", "84"], [""]),
    (
        "VoxCeleb",
        [f"wav/id1000{s}/1zcIwhmde{v}4/0000{i}.wav" for s in (1, 2) for v in "oA" for i in (1, 2)],
        ["id10001", "id10002"],
        [""],
    ),
    (
        "TIMIT",
        [f"TRAIN/DR{d}/{s}/SA{i}.WAV" for d, s in ((1, "FCJF0"), (2, "MDAB0")) for i in (1, 2)],
        ["fcjf0", "mdab0"],
        [""],
    ),
    (
        "ESD",
        [f"000{s}/{e}/000{s}_00035{i}.wav" for s in (1, 2) for e in ("Angry", "Sad") for i in (1, 2)],
        ["0001", "0002"],
        ["angry", "sad"],
    ),
    (
        "Speech Commands",
        [f"{w}/{s}_nohash_0.wav" for w in ("yes", "no") for s in ("0a7c2a8d", "0ab3b47d")],
        ["0a7c2a8d", "0ab3b47d"],
        [""],
    ),
    ("VCTK", [f"wav48/p{s}/p{s}_00{i}.wav" for s in (225, 226) for i in (1, 2)], ["p225", "p226"], [""]),
    (
        "BIDS",
        [f"sub-0{s}/ses-0{v}/audio/clip{i}.wav" for s in (1, 2) for v in (1, 2) for i in (1, 2)],
        ["sub-01", "sub-02"],
        [""],
    ),
    (
        "groups and people",
        [f"{g}/{p}/a.wav" for g, p in (("MDD", "p1"), ("MDD", "p2"), ("HC", "p3"))],
        ["p1", "p2", "p3"],
        [""],
    ),
    ("splits and people", [f"{g}/{p}/a.wav" for g, p in (("train", "anna"), ("test", "ben"))], ["anna", "ben"], [""]),
    ("people and wav", [f"{p}/wav/{i}.wav" for p in ("anna", "ben") for i in (1, 2)], ["anna", "ben"], [""]),
    ("sexes and people", [f"{g}/{p}/a.wav" for g, p in (("female", "anna"), ("male", "ben"))], ["anna", "ben"], [""]),
    ("people and dates", [f"{p}/2021-03-0{d}/a.wav" for p in ("anna", "ben") for d in (1, 2)], ["anna", "ben"], [""]),
    ("sessions and people", [f"session{s}/{p}/a.wav" for p in ("anna", "ben") for s in (1, 2)], ["anna", "ben"], [""]),
    (
        "files called by dates",
        [f"{p}/2021-03-0{d}.wav" for p in ("anna", "ben") for d in (1, 2)],
        ["anna", "ben"],
        [""],
    ),
    ("ids like groups", [f"{p}/a.wav" for p in ("HC01", "HC02", "PD01")], ["HC01", "HC02", "PD01"], [""]),
    (
        "German emotions",
        [f"{e}/{p}/a.wav" for e in ("Freude", "Trauer", "Ekel") for p in ("p1", "p2")],
        ["p1", "p2"],
        ["happy", "sad", ""],
    ),
]


@pytest.mark.field("recordings: folders", "read")
@pytest.mark.parametrize(("name", "files", "people", "emotions"), CORPORA, ids=[row[0] for row in CORPORA])
def test_the_trees_of_corpora_tell_who_speaks_and_how(
    tmp_path: Path, name: str, files: Sequence[str], people: list[str], emotions: list[str]
) -> None:
    write_voices(tmp_path / "cohort", files, seconds=1.5)
    loaded = read(tmp_path / "cohort")
    assert sorted(set(people_of(loaded))) == people
    assert set(emotions_of(loaded)) == set(emotions)
    assert len(loaded.records) == len(files)


NO_PEOPLE: list[tuple[str, list[str], dict[str, Any], list[str]]] = [
    (
        "emotions, of which one has no name here",
        [f"{e}/{p}_{e}.flac" for e in ("happy", "sad", "disgust", "surprised", "calm") for p in ("p1", "p2")],
        {"folders": "speaker", "level": 1},
        ["calm", "disgust", "happy", "sad", "surprised"],
    ),
    (
        "emotions, of which one is unknown",
        [f"{e}/{p}.flac" for e in ("happy", "sad", "angry", "gloom") for p in ("p1", "p2")],
        {"folders": "speaker", "level": 1},
        ["angry", "gloom", "happy", "sad"],
    ),
    (
        "emotions in German",
        [f"{e}/{i}.wav" for e in ("Freude", "Wut", "Angst") for i in (1, 2)],
        {"folders": "speaker", "level": 1},
        ["Angst", "Freude", "Wut"],
    ),
    (
        "groups",
        [f"{g}/{i}.wav" for g in ("depressed", "control") for i in (1, 2)],
        {"folders": "speaker", "level": 1},
        ["control", "depressed"],
    ),
    (
        "splits",
        [f"{g}/{i}.wav" for g in ("train", "test") for i in (1, 2)],
        {"folders": "speaker", "level": 1},
        ["test", "train"],
    ),
    (
        "roles",
        [f"{g}/{i}.wav" for g in ("patient", "doctor") for i in (1, 2)],
        {"folders": "speaker", "level": 1},
        ["doctor", "patient"],
    ),
    ("sessions", [f"session_{g}/{i}.wav" for g in (1, 2) for i in (1, 2)], {"level": 1}, ["session_1", "session_2"]),
    ("dates", [f"2021-03-0{g}/{i}.wav" for g in (1, 2) for i in (1, 2)], {"level": 1}, ["2021-03-01", "2021-03-02"]),
    (
        "emotions with a strength",
        [f"{e}_{s}/{i}.wav" for e in ("angry", "sad") for s in ("high", "low") for i in (1, 2)],
        {"folders": "speaker", "level": 1},
        ["angry_high", "angry_low", "sad_high", "sad_low"],
    ),
    ("a place", [f"wavs/{i}.wav" for i in (1, 2)], {"level": 1}, ["wavs"]),
]


@pytest.mark.field("recordings: folders", "refused")
@pytest.mark.parametrize(("name", "files", "settings", "people"), NO_PEOPLE, ids=[row[0] for row in NO_PEOPLE])
def test_folders_of_no_people_are_refused_until_somebody_says_who_speaks(
    tmp_path: Path, name: str, files: Sequence[str], settings: dict[str, Any], people: list[str]
) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, files)
    said = refusal(folder)
    assert "and nothing says who speaks: write a metadata.csv with file_name,speaker_id" in said
    assert sorted(set(people_of(read(folder, **{key: advised(said, key)[key] for key in settings})))) == people
    write_table(folder, [["file_name", "speaker_id"], *[[name, f"s{i % 2}"] for i, name in enumerate(files)]])
    assert sorted(set(people_of(read(folder)))) == ["s0", "s1"]


@pytest.mark.field("recordings: folders", "refused")
def test_folders_of_other_depths_are_refused_until_a_level_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["speech_actors/anna/a.wav", "speech_actors/ben/a.wav", "resources/b.wav"])
    said = refusal(folder)
    assert f"sound files lie 1 to 2 folders deep in {folder}" in said
    assert sorted(set(people_of(read(folder, **advised(said, "level"))))) == ["resources", "speech_actors"]
    (folder / "resources" / "b.wav").unlink()
    assert people_of(read(folder)) == ["anna", "ben"]


LEVELS: list[tuple[str, list[str], list[list[str]]]] = [
    ("two of numbers", [f"{a}/{b}/x.wav" for a in (1, 2) for b in (7, 8, 9)], [["1", "2"], ["7", "8", "9"]]),
    (
        "two of names",
        [f"{a}/{b}/x.wav" for a in ("oslo", "bergen") for b in ("anna", "ben")],
        [["bergen", "oslo"], ["anna", "ben"]],
    ),
    ("two of people", [f"p{a}/s{b}/x.wav" for a in (1, 2) for b in (1, 2, 3)], [["p1", "p2"], ["s1", "s2", "s3"]]),
]


@pytest.mark.field("recordings: folders", "refused")
@pytest.mark.parametrize(("name", "files", "people"), LEVELS, ids=[row[0] for row in LEVELS])
def test_several_levels_that_may_name_the_speaker_are_asked_for(
    tmp_path: Path, name: str, files: Sequence[str], people: list[list[str]]
) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, files)
    said = refusal(folder)
    assert f"several folders of {folder} may name the speaker: say which with modality.cohort.level, 1 for " in said
    for level in (1, 2):
        assert sorted(set(people_of(read(folder, level=level)))) == people[level - 1]


@pytest.mark.field("recordings: folders", "refused")
def test_a_level_that_is_not_there_is_told(tmp_path: Path) -> None:
    write_voices(tmp_path / "cohort", ["anna/a.wav", "ben/b.wav"])
    assert "level=2: some files lie in 1 folders; choose a number up to that" in refusal(tmp_path / "cohort", level=2)
    assert people_of(read(tmp_path / "cohort", level=1)) == ["anna", "ben"]


@pytest.mark.field("recordings: folders", "refused")
def test_a_corpus_whose_folders_contradict_its_names_is_refused_until_one_is_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["Actor_01/03-01-05-01-01-01-01.wav", "Actor_02/03-01-05-01-01-01-03.wav"])
    said = refusal(folder)
    assert said.startswith("1 files lie in the folder of another speaker than their names tell, as RAVDESS writes them")
    assert people_of(read(folder, **advised(said, "folders"))) == ["Actor_01", "Actor_02"]


@pytest.mark.field("recordings: folders", "refused")
def test_loose_files_beside_folders_are_refused_until_they_lie_in_one(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["anna/a.wav", "ben/b.wav", "c.wav"])
    assert "1 sound files lie in" in refusal(folder)
    (folder / "carl").mkdir()
    (folder / "c.wav").rename(folder / "carl" / "c.wav")
    assert people_of(read(folder)) == ["anna", "ben", "carl"]


@pytest.mark.field("recordings: folders", "counted")
def test_a_table_without_known_columns_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["anna/a.wav", "ben/b.wav"])
    write_table(folder, [["Nr", "Datum"], ["1", "2021"]], "liste.csv")
    notices = Notices()
    assert people_of(read(folder, notices)) == ["anna", "ben"]
    assert any(line.startswith("liste.csv is not read") for line in notices.lines)


NAMED: list[tuple[str, list[str], str]] = [
    ("loose files", ["p1_a.wav", "p2_a.wav", "p2_b.wav"], ""),
    (
        "folders of emotions",
        ["happy/p1_happy.wav", "sad/p1_sad.wav", "sad/p2_sad.wav"],
        "(?P<speaker>p\\d)_(?P<emotion>.*)",
    ),
    ("a place", ["wavs/p1_a.wav", "wavs/p2_a.wav", "wavs/p2_b.wav"], ""),
]


@pytest.mark.field("recordings: folders", "refused")
@pytest.mark.parametrize(("name", "files", "pattern"), NAMED, ids=[row[0] for row in NAMED])
def test_names_that_tell_the_speaker_can_be_described(
    tmp_path: Path, name: str, files: Sequence[str], pattern: str
) -> None:
    write_voices(tmp_path / "cohort", files)
    said = refusal(tmp_path / "cohort")
    loaded = read(tmp_path / "cohort", names=pattern or advised(said, "names")["names"])
    assert sorted(set(people_of(loaded))) == ["p1", "p2"]
    assert set(emotions_of(loaded)) == ({"happy", "sad"} if pattern else {""})


@pytest.mark.field("recordings: folders", "counted")
def test_names_of_another_form_than_was_described_are_counted(tmp_path: Path) -> None:
    write_voices(tmp_path / "cohort", ["p1_a.wav", "p2_a.wav", "noise.wav"])
    loaded = read(tmp_path / "cohort", names=r"(?P<speaker>p\d)_.*")
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("recording whose name is of another form", 1)]
    assert "no name of 3 sound files is of the form" in refusal(tmp_path / "cohort", names="(?P<speaker>q)_.*")


@pytest.mark.parametrize("names", ["(?P<speaker>", "p.*"])
def test_an_expression_without_a_speaker_is_refused(names: str) -> None:
    with pytest.raises(ValueError, match=r"is no regular expression|needs a group"):
        CohortConfig(names=names)


@pytest.mark.field("recordings: folders", "counted")
def test_a_file_that_a_corpus_does_not_have_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    names = [f"Actor_0{a}/03-01-0{e}-01-01-01-0{a}.wav" for a in (1, 2) for e in range(1, 9)]
    write_voices(folder, [*names, "Actor_01/try.wav"])
    loaded = read(folder)
    assert set(people_of(loaded)) == {"01", "02"}
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("recording whose name is of another form", 1)]


@pytest.mark.field("recordings: folders", "read")
def test_copies_that_other_systems_leave_are_no_recordings(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["anna/a.wav", "ben/b.wav"])
    for name in ("anna/._a.wav", "__MACOSX/anna/a.wav", ".Trash/x.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\26\7")
    assert people_of(read(folder)) == ["anna", "ben"]


@pytest.mark.field("recordings: folders", "read")
def test_transcripts_of_librispeech_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["84/121/84-121-0000.flac", "90/122/90-122-0000.flac"])
    (folder / "84" / "121" / "84-121.trans.txt").write_text("84-121-0000 WORDS AND WORDS\n")
    loaded = read(folder)
    texts = [record.payload.recordings[0].tracks[0].segments[0].text for record in loaded.records]
    assert texts == ["WORDS AND WORDS", ""]


def kaldi(folder: Path, scp: str, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"wav.scp": scp, **{name.replace("_scp", ".scp"): text for name, text in files.items()}}.items():
        (folder / name).write_text(text)
    return folder


SCP: list[tuple[str, str]] = [
    ("paths", "u1 wavs/a.wav\nu2 wavs/b.wav\n"),
    ("paths of another machine", "u1 /export/x/wavs/a.wav\nu2 /export/x/wavs/b.wav\n"),
    ("commands", "u1 sph2pipe -f wav -p /export/wavs/a.wav |\nu2 sox wavs/b.wav -t wav - |\n"),
]


@pytest.mark.field("recordings: folders", "read")
@pytest.mark.parametrize(("name", "scp"), SCP, ids=[name for name, _ in SCP])
def test_a_data_directory_of_kaldi(tmp_path: Path, name: str, scp: str) -> None:
    folder = kaldi(tmp_path / "cohort", scp, utt2spk="u1 ann\nu2 ben\n", text="u1 HELLO YOU\n")
    write_voices(folder, ["wavs/a.wav", "wavs/b.wav"])
    loaded = read(folder)
    assert loaded.layout == "kaldi"
    assert people_of(loaded) == ["ann", "ben"]
    assert loaded.records[0].payload.recordings[0].tracks[0].segments[0].text == "HELLO YOU"


@pytest.mark.field("recordings: folders", "read")
def test_segments_of_kaldi_are_stretches_of_their_recording(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write(folder / "talk.wav", np.concatenate([voice(100, 3.0, seed=1), voice(210, 3.0, seed=2)]))
    kaldi(folder, "talk talk.wav\n", segments="u1 talk 0.0 3.0\nu2 talk 3.0 6.0\n", utt2spk="u1 ann\nu2 ben\n")
    loaded = read(folder)
    assert people_of(loaded) == ["ann", "ben"]
    assert not samples_of(loaded, 1)[:47_000].any()


@pytest.mark.field("recordings: folders", "read")
def test_a_segment_of_kaldi_may_go_on_to_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write(folder / "talk.wav", np.concatenate([voice(100, 3.0, seed=1), voice(210, 3.0, seed=2)]))
    kaldi(folder, "talk talk.wav\n", segments="u1 talk 0.0 3.0\nu2 talk 3.0 -1\n", utt2spk="u1 ann\nu2 ben\n")
    loaded = read(folder)
    spans = [[(s.start, s.end) for s in r.payload.recordings[0].tracks[0].segments] for r in loaded.records]
    assert people_of(loaded) == ["ann", "ben"] and spans == [[(0, 48_000)], [(48_000, 96_000)]]


@pytest.mark.field("recordings: folders", "refused")
@pytest.mark.parametrize("times", ["2.0 30.0", "7.0 9.0", "30.0 -1"])
def test_a_segment_of_kaldi_beyond_its_recording_is_refused_and_may_be_left_out(tmp_path: Path, times: str) -> None:
    folder = tmp_path / "cohort"
    write(folder / "talk.wav", voice(100, 3.0))
    kaldi(folder, "talk talk.wav\n", segments=f"u1 talk 0.0 2.0\nu2 talk {times}\n", utt2spk="u1 ann\nu2 ben\n")
    said = refusal(folder)
    assert said.startswith("segments, u2: lies at ")
    loaded = read(folder, **advised(said, "damaged"))
    assert people_of(loaded) == ["ann"]
    assert ("segment beyond the end of its recording", 1) in [(skip.reason, skip.count) for skip in loaded.skipped]


@pytest.mark.field("recordings: people", "counted")
@pytest.mark.parametrize(("above", "config"), [(("MDD", "HC"), {}), (("siteA", "siteB"), {"level": 2})])
def test_one_name_in_two_groups_is_said_and_may_be_two_people(
    tmp_path: Path, above: tuple[str, str], config: dict[str, Any]
) -> None:
    files = [f"{above[0]}/p1/a.wav", f"{above[1]}/p1/a.wav", f"{above[1]}/p2/a.wav"]
    write_voices(tmp_path / "cohort", files, seconds=1.5)
    notices = Notices()
    assert set(people_of(read(tmp_path / "cohort", notices, **config))) == {"p1", "p2"}
    (said,) = [line for line in notices.lines if "1 names of speakers lie in several groups" in line]
    loaded = read(tmp_path / "cohort", **config, **advised(said, "speaker_names"))
    assert len(set(people_of(loaded))) == 3


@pytest.mark.field("recordings: people", "read")
@pytest.mark.parametrize("above", [("train", "test"), ("session1", "session2"), ("happy", "sad")])
def test_one_name_in_two_splits_sessions_or_emotions_is_one_person(tmp_path: Path, above: tuple[str, str]) -> None:
    write_voices(tmp_path / "cohort", [f"{one}/{p}/a.wav" for one in above for p in ("p1", "p2")], seconds=1.5)
    notices = Notices()
    assert set(people_of(read(tmp_path / "cohort", notices))) == {"p1", "p2"}
    assert not any("several groups" in line for line in notices.lines)
    assert set(people_of(read(tmp_path / "cohort", speaker_names="group"))) == {"p1", "p2"}


@pytest.mark.field("recordings: folders", "refused")
def test_an_utterance_of_no_recording_is_told_and_its_line_can_be_deleted(tmp_path: Path) -> None:
    folder = kaldi(tmp_path / "cohort", "u1 a.wav\nu2 b.wav\n", utt2spk="u1 ann\nu2 ben\nu3 cat\n")
    write_voices(folder, ["a.wav", "b.wav"])
    assert "utt2spk names u3, which is in neither wav.scp nor segments" in refusal(folder)
    (folder / "utt2spk").write_text("u1 ann\nu2 ben\n")
    assert people_of(read(folder)) == ["ann", "ben"]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Two synthetic patients in a session each, as a release has them."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    (tmp_path / "parts").mkdir()

    def sample(number: int) -> Synthetic[Speech, SpeechCondition]:
        silence = np.zeros(32_000, dtype=np.float32)
        low, high = (voice(hz + 10 * number, 2.0, seed=number).astype(np.float32) for hz in (110, 190))
        parts = tmp_path / "parts"
        asked = Segment(0, 0, 32_000, "how are you", "neutral")
        told = Segment(1, 32_000, 64_000, "not well", "sad")
        tracks = (
            Track("clinician", keep(parts, np.concatenate([low, silence])), (asked,)),
            Track("patient", keep(parts, np.concatenate([silence, high])), (told,)),
        )
        return Synthetic(0, SpeechCondition(), Speech((Recording(tracks),)))

    write_release(folder, [(number, sample(number)) for number in range(2)])
    (folder / "croissant.json").write_text(
        json.dumps({"keywords": ["synthetic"], "rai:dataCollectionType": ["Synthetic"]})
    )
    return folder


@pytest.mark.field("recordings: releases", "refused")
@pytest.mark.parametrize("part", [".", "data/train", "sessions"])
def test_our_own_release_is_no_cohort_until_it_is_said_to_be_one(release: Path, part: str) -> None:
    folder = release / part
    said = refusal(folder)
    assert "is synthetic speech, as croissant.json says" in said
    loaded = read(folder, **advised(said, "synthetic"), recurring=["clinician"])
    roles = Counter(record.payload.recordings[0].tracks[0].role for record in loaded.records)
    assert roles == {"clinician": 2, "patient": 2}
    assert len({record.patient for record in loaded.records}) == (4 if part == "sessions" else 3)


@pytest.mark.field("recordings: releases", "refused")
@pytest.mark.parametrize("part", ["data/train", "sessions"])
def test_a_part_of_our_release_that_was_moved_is_known_by_its_names(release: Path, part: str, tmp_path: Path) -> None:
    folder = (release / part).rename(tmp_path / "moved")
    said = refusal(folder, recurring=["clinician"])
    assert "is synthetic speech, as what its recordings are called says" in said
    assert len(read(folder, **advised(said, "synthetic"), recurring=["clinician"]).records) == 4


@pytest.mark.field("recordings: releases", "read")
@pytest.mark.parametrize("part", [".", "data/train", "sessions"])
def test_our_own_release_is_read_as_candidates(release: Path, part: str, tmp_path: Path) -> None:
    found = load_candidates(release / part, CohortConfig(), tmp_path / "cache", Silent())
    assert len(found) == 4
    assert all(speech.recordings[0].tracks[0].audio.frames for _, speech in found)


def candidates(folder: Path, notices: Silent | None = None, **config: Any) -> dict[str, Speech]:
    return dict(load_candidates(folder, CohortConfig(**config), folder.parent / "cache", notices or Silent()))


@pytest.mark.field("recordings: releases", "read")
def test_channels_of_a_candidate_that_differ_are_judged_each(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    write(folder / "call.wav", np.column_stack([voice(110, 3.0), voice(200, 3.0, seed=2)]))
    write(folder / "room.wav", np.column_stack([voice(110, 3.0), voice(110, 3.0)]))
    found = candidates(folder)
    assert {name: len(speech.recordings[0].tracks) for name, speech in found.items()} == {"call.wav": 2, "room.wav": 1}


@pytest.mark.field("recordings: releases", "read")
def test_candidates_that_a_table_does_not_name_are_judged_too(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    write_voices(folder, ["a.wav", "b.wav"])
    write_table(folder, [["file_name", "speaker", "text"], ["a.wav", "doctor", "good day"]])
    found = candidates(folder)
    texts = {name: speech.recordings[0].tracks[0].segments[0].text for name, speech in found.items()}
    assert texts == {"a.wav": "good day", "b.wav": ""}


@pytest.mark.field("recordings: releases", "read")
def test_a_clinician_of_candidates_need_not_be_known(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    for number in (1, 2):
        write(folder / f"s{number}.wav", np.concatenate([voice(90 + 20 * number), voice(200, seed=number)]))
        turns = "SPEAKER s{0} 1 0 2 <NA> <NA> Patient <NA> <NA>\nSPEAKER s{0} 1 2 2 <NA> <NA> Therapist <NA> <NA>\n"
        (folder / f"s{number}.rttm").write_text(turns.format(number))
    assert len(candidates(folder)) == 4


@pytest.mark.field("recordings: releases", "counted")
def test_sounds_in_other_folders_than_the_table_are_told(release: Path) -> None:
    notices = Notices()
    assert len(candidates(release, notices)) == 4
    assert any("6 sound files in other folders than the tables are not judged" in line for line in notices.lines)


@pytest.mark.field("recordings: folders", "counted")
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["P01_2024-01-01", "P01_2024-02-01", "P02_2024-01-03"], id="people with a date"),
        pytest.param(["P01 03.04.2024", "P01 05.06.2024", "P02 03.04.2024"], id="people with a German date"),
        pytest.param(["P01_session1", "P01_session2", "P02_session1"], id="people with a session"),
        pytest.param(["P01-visit-1", "P01-visit-2", "P02-visit-1"], id="people with a visit"),
    ],
)
def test_folders_of_a_person_on_several_dates_are_one_speaker(tmp_path: Path, names: list[str]) -> None:
    folder, notices = tmp_path / "cohort", Notices()
    write_voices(folder, [f"{name}/a.wav" for name in names])
    assert people_of(read(folder, notices)) == ["P01", "P01", "P02"]
    (told,) = [line for line in notices.lines if "3 folders are 2 speakers" in line]
    assert people_of(read(folder, **advised(told, "level"))) == sorted(names)
