"""RTTM as diarisers and annotators really write it, and who its speakers are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.generators.speech.cohort.turns import read_turns
from tests.helpers.field_speech import (
    RATE,
    Notices,
    advised,
    people_of,
    pitch_of,
    read,
    refusal,
    samples_of,
    voice,
    write,
    write_table,
)


def line(name: str, start: float, length: float, speaker: str, channel: str = "1") -> str:
    return f"SPEAKER {name} {channel} {start:g} {length:g} <NA> <NA> {speaker} <NA> <NA>\n"


def talk(folder: Path, name: str = "talk.wav", low: float = 100.0, **options: Any) -> Path:
    """Three seconds of a low voice, and three of a high one."""
    sound = np.concatenate([voice(low, 3.0, seed=1), voice(210, 3.0, seed=round(low))])
    return write(folder / name, sound, **options)


def pitches(loaded: Any) -> list[float]:
    return [round(pitch_of(samples_of(loaded, number)), -1) for number in range(len(loaded.records))]


TWO = line("talk", 0, 3, "ann") + line("talk", 3, 3, "ben")
FORMS: list[tuple[str, bytes, str]] = [
    ("as the standard says", TWO.encode(), "talk.wav"),
    ("a byte order mark", b"\xef\xbb\xbf" + TWO.encode(), "talk.wav"),
    ("UTF-16", TWO.encode("utf-16"), "talk.wav"),
    ("lines of Windows", TWO.replace("\n", "\r\n").encode(), "talk.wav"),
    ("no last line end", TWO.rstrip("\n").encode(), "talk.wav"),
    ("tabs", TWO.replace(" ", "\t").encode(), "talk.wav"),
    ("many spaces", TWO.replace(" ", "   ").encode(), "talk.wav"),
    ("comments and empty lines", (";; by hand\n\n" + TWO + ";; end\n").encode(), "talk.wav"),
    ("speaker info first", ("SPKR-INFO talk 1 <NA> <NA> <NA> adult ann <NA> <NA>\n" + TWO).encode(), "talk.wav"),
    ("nine fields", TWO.replace("<NA> <NA>\n", "<NA>\n").encode(), "talk.wav"),
    ("eight fields", TWO.replace(" <NA> <NA>\n", "\n").encode(), "talk.wav"),
    ("a confidence", TWO.replace("<NA> <NA>\n", "0.93 <NA>\n").encode(), "talk.wav"),
    ("lower case", TWO.replace("SPEAKER", "speaker").encode(), "talk.wav"),
    ("no channel", TWO.replace(" 1 ", " <NA> ").encode(), "talk.wav"),
    ("channel 0", TWO.replace("talk 1 ", "talk 0 ").encode(), "talk.wav"),
    ("a name with a space", TWO.replace("talk", "my talk").encode(), "my talk.wav"),
    ("a name with numbers", TWO.replace("talk", "session 1 2").encode(), "session 1 2.wav"),
    ("a name with tabs about it", TWO.replace(" ", "\t").replace("talk", "my talk").encode(), "my talk.wav"),
    ("a name with its ending", TWO.replace("talk", "talk.wav").encode(), "talk.wav"),
    ("a name with its folder", TWO.replace("talk", "/home/x/talk").encode(), "talk.wav"),
    ("a name in other case", TWO.replace("talk", "TALK").encode(), "talk.wav"),
    ("a name in composed letters", TWO.replace("talk", "M\u00fcller").encode(), "Mu\u0308ller.wav"),
    ("a name with full stops", TWO.replace("talk", "2021.03.talk").encode(), "2021.03.talk.wav"),
    ("a mix of a meeting", TWO.encode(), "talk.Mix-Headset.wav"),
    ("milliseconds", (line("talk", 0, 3000, "ann") + line("talk", 3000, 2950, "ben")).encode(), "talk.wav"),
    ("a little beyond the end", (line("talk", 0, 3, "ann") + line("talk", 3, 3.3, "ben")).encode(), "talk.wav"),
    ("turns of no length", (TWO + line("talk", 2, 0, "ann")).encode(), "talk.wav"),
    ("overlaps of a speaker with himself", (TWO + line("talk", 1, 1.5, "ann")).encode(), "talk.wav"),
]


@pytest.mark.field("recordings: RTTM", "read")
@pytest.mark.parametrize(("name", "content", "sound"), FORMS, ids=[name for name, _, _ in FORMS])
def test_every_form_of_rttm_gives_each_speaker_his_turns(tmp_path: Path, name: str, content: bytes, sound: str) -> None:
    folder = tmp_path / "cohort"
    talk(folder, sound)
    (folder / "turns.rttm").write_bytes(content)
    loaded = read(folder)
    assert people_of(loaded) == ["ann", "ben"]
    assert pitches(loaded) == pytest.approx([100, 210], abs=20)
    assert not samples_of(loaded, 0)[round(3.05 * RATE) :].any()
    assert not samples_of(loaded, 1)[: round(2.95 * RATE)].any()


@pytest.mark.field("recordings: RTTM", "read")
@pytest.mark.parametrize("names", [("Dr Smith", "Ann Lee"), ("Speaker 1", "Speaker 2")])
def test_names_of_speakers_may_hold_spaces(tmp_path: Path, names: tuple[str, str]) -> None:
    talk(tmp_path / "cohort")
    (tmp_path / "cohort" / "t.rttm").write_text(line("talk", 0, 3, names[0]) + line("talk", 3, 3, names[1]))
    loaded = read(tmp_path / "cohort")
    assert sorted(person.rpartition("/")[2] for person in people_of(loaded)) == sorted(names)


def test_milliseconds_are_said(tmp_path: Path) -> None:
    talk(tmp_path / "cohort")
    (tmp_path / "cohort" / "t.rttm").write_text(line("talk", 0, 3000, "ann") + line("talk", 3000, 2900, "ben"))
    notices = Notices()
    read(tmp_path / "cohort", notices)
    assert "times of 1 recordings in RTTM were read as milliseconds" in notices.lines


WRONG: list[tuple[str, str, str]] = [
    ("samples", line("talk", 0, 48_000, "ann") + line("talk", 48_000, 48_000, "ben"), "damaged"),
    ("another recording", line("talk", 0, 3, "ann") + line("talk", 3, 30, "ben"), "damaged"),
    ("nobody's turn", TWO + line("talk", 5, 0.5, "<NA>"), "unknown"),
    ("an unknown's turn", TWO + line("talk", 5, 0.5, "unknown"), "unknown"),
]


@pytest.mark.field("recordings: RTTM", "refused")
@pytest.mark.parametrize(("name", "text", "key"), WRONG, ids=[name for name, _, _ in WRONG])
def test_turns_that_cannot_be_are_refused_and_may_be_left_out(tmp_path: Path, name: str, text: str, key: str) -> None:
    folder = tmp_path / "cohort"
    talk(folder)
    (folder / "talk.rttm").write_text(text)
    talk(folder, "other.wav", 130)
    (folder / "other.rttm").write_text(line("other", 0, 3, "cat"))
    said = refusal(folder)
    assert said.startswith("talk.rttm, line ")
    loaded = read(folder, **advised(said, key))
    assert people_of(loaded) == (["cat"] if key == "damaged" else ["cat", "ann", "ben"])
    assert sum(skip.count for skip in loaded.skipped) == 1


BAD_LINES: list[tuple[str, str]] = [
    ("negative length", "SPEAKER talk 1 1.0 -1.0 <NA> <NA> ann <NA> <NA>\n"),
    ("negative start", "SPEAKER talk 1 -0.5 1.0 <NA> <NA> ann <NA> <NA>\n"),
    ("no number", "SPEAKER talk 1 zero 1.0 <NA> <NA> ann <NA> <NA>\n"),
    ("too few fields", "SPEAKER talk 1 0.0 1.0\n"),
    ("NaN", "SPEAKER talk 1 0.0 nan <NA> <NA> ann <NA> <NA>\n"),
]


@pytest.mark.field("recordings: RTTM", "refused")
@pytest.mark.parametrize(("name", "bad"), BAD_LINES, ids=[name for name, _ in BAD_LINES])
def test_a_line_that_is_none_is_refused_by_its_number_and_can_be_deleted(tmp_path: Path, name: str, bad: str) -> None:
    talk(tmp_path / "cohort")
    (tmp_path / "cohort" / "talk.rttm").write_text(TWO + bad)
    assert refusal(tmp_path / "cohort").startswith("talk.rttm, line 3: ")
    (tmp_path / "cohort" / "talk.rttm").write_text(TWO)
    assert people_of(read(tmp_path / "cohort")) == ["ann", "ben"]


@pytest.mark.field("recordings: RTTM", "refused")
def test_two_sounds_of_one_name_are_refused_until_one_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    talk(folder / "x")
    talk(folder / "y", low=130)
    (folder / "talk.rttm").write_text(TWO)
    assert "2 sound files are called talk: keep one of them" in refusal(folder)
    (folder / "y" / "talk.wav").unlink()
    assert people_of(read(folder)) == ["ann", "ben"]


@pytest.mark.field("recordings: RTTM", "read")
def test_a_sound_beside_its_rttm_is_the_one_that_is_meant(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    for day, names in (("mon", ("ann", "ben")), ("tue", ("cat", "dan"))):
        talk(folder / day, low=100 + 10 * len(names[0]) + 20 * (day == "mon"))
        (folder / day / "talk.rttm").write_text(line("talk", 0, 3, names[0]) + line("talk", 3, 3, names[1]))
    assert people_of(read(folder)) == ["ann", "ben", "cat", "dan"]


@pytest.mark.field("recordings: people", "read")
def test_names_within_recordings_of_one_name_are_of_several_people(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    for number, day in enumerate(("mon", "tue")):
        talk(folder / day, low=100 + 30 * number)
        turns = line("talk", 0, 3, "SPEAKER_00") + line("talk", 3, 3, "SPEAKER_01")
        (folder / day / "talk.rttm").write_text(turns)
    assert len(set(people_of(read(folder)))) == 4


@pytest.mark.field("recordings: RTTM", "counted")
def test_a_recording_in_two_formats_is_described_once(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    talk(folder)
    talk(folder, "talk.mp3")
    (folder / "talk.rttm").write_text(TWO)
    loaded = read(folder)
    assert people_of(loaded) == ["ann", "ben"]
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("the same recording in another format", 1)]


@pytest.mark.field("recordings: RTTM", "counted")
def test_the_same_turns_in_a_second_file_count_once(tmp_path: Path) -> None:
    talk(tmp_path / "cohort")
    for name in ("all.rttm", "talk.RTTM"):
        (tmp_path / "cohort" / name).write_text(TWO)
    loaded = read(tmp_path / "cohort")
    assert people_of(loaded) == ["ann", "ben"]
    assert [skip.reason for skip in loaded.skipped] == ["RTTM of a recording a second time"]


@pytest.mark.field("recordings: RTTM", "refused")
def test_other_turns_in_a_second_file_are_refused_until_one_is_kept(tmp_path: Path) -> None:
    talk(tmp_path / "cohort")
    (tmp_path / "cohort" / "system.rttm").write_text(line("talk", 0, 2.5, "SPEAKER_00"))
    (tmp_path / "cohort" / "talk.rttm").write_text(TWO)
    assert "talk.wav is described twice and differently, in system.rttm and in talk.rttm" in refusal(
        tmp_path / "cohort"
    )
    (tmp_path / "cohort" / "system.rttm").unlink()
    assert people_of(read(tmp_path / "cohort")) == ["ann", "ben"]


@pytest.mark.field("recordings: RTTM", "read")
def test_a_uem_says_what_is_annotated(tmp_path: Path) -> None:
    talk(tmp_path / "cohort")
    (tmp_path / "cohort" / "talk.rttm").write_text(TWO)
    (tmp_path / "cohort" / "talk.uem").write_text(";; regions\ntalk 1 1.0 5.0\n")
    loaded = read(tmp_path / "cohort")
    assert not samples_of(loaded, 0)[: round(0.99 * RATE)].any()
    assert not samples_of(loaded, 1)[round(5.01 * RATE) :].any()
    assert people_of(loaded) == ["ann", "ben"]


@pytest.mark.field("recordings: RTTM", "counted")
def test_who_never_speaks_alone_is_counted(tmp_path: Path) -> None:
    talk(tmp_path / "cohort")
    (tmp_path / "cohort" / "talk.rttm").write_text(TWO + line("talk", 4, 1, "cat"))
    loaded = read(tmp_path / "cohort")
    assert people_of(loaded) == ["ann", "ben"]
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("speaker who never speaks alone", 1)]


@pytest.mark.field("recordings: RTTM", "read")
def test_channels_in_rttm_of_a_mono_file_do_not_count(tmp_path: Path) -> None:
    talk(tmp_path / "cohort")
    turns = line("talk", 0, 3, "ann", "1") + line("talk", 3, 3, "ben", "2")
    (tmp_path / "cohort" / "talk.rttm").write_text(turns)
    assert pitches(read(tmp_path / "cohort")) == pytest.approx([100, 210], abs=20)


@pytest.mark.field("recordings: RTTM", "read")
@pytest.mark.parametrize("first", [0, 1])
def test_channels_in_rttm_of_a_call_are_those_of_the_file(tmp_path: Path, first: int) -> None:
    sound = np.column_stack([voice(100, 4.0), voice(210, 4.0, seed=2)])
    write(tmp_path / "cohort" / "talk.wav", sound)
    turns = line("talk", 0, 4, "ann", str(first)) + line("talk", 0, 4, "ben", str(first + 1))
    (tmp_path / "cohort" / "talk.rttm").write_text(turns)
    loaded = read(tmp_path / "cohort")
    assert people_of(loaded) == ["ann", "ben"]
    assert pitches(loaded) == pytest.approx([100, 210], abs=20)


def sessions(folder: Path, other: str, patients: tuple[str, ...] = ("P01", "P02", "P03")) -> Path:
    for number, patient in enumerate(patients):
        talk(folder, f"s{number}.wav", 90 + 10 * number)
        turns = line(f"s{number}", 0, 3, patient) + line(f"s{number}", 3, 3, other)
        (folder / f"s{number}.rttm").write_text(turns)
    return folder


@pytest.mark.field("recordings: people", "refused")
@pytest.mark.parametrize(
    "other",
    ["Therapist", "DOCTOR", "interviewer", "Therapeutin", "Arzt", "Ellie", "médecin", "counsellor", "psicóloga"],
)
def test_a_clinician_who_recurs_is_asked_for(tmp_path: Path, other: str) -> None:
    folder = sessions(tmp_path / "cohort", other)
    said = refusal(folder)
    assert said.startswith(f"{other} speaks in up to 3 recordings")
    one = read(folder, **advised(said, "recurring"))
    assert sorted(set(people_of(one))) == sorted(["P01", "P02", "P03", other])
    each = read(folder, **advised(said, "recurring", 1))
    assert sorted(set(people_of(each)) - {"P01", "P02", "P03"}) == [f"s{i}/{other}" for i in range(3)]
    by_cohort = read(folder, speaker_names="cohort")
    assert people_of(by_cohort) == people_of(one)


@pytest.mark.field("recordings: people", "read")
@pytest.mark.parametrize("setting", [{"recurring": ["therapist"]}, {"speaker_names": "cohort"}])
def test_a_patient_is_another_in_each_recording_whatever_holds_for_the_therapist(
    tmp_path: Path, setting: dict[str, Any]
) -> None:
    folder = sessions(tmp_path / "cohort", "Therapist", ("Patient", "Patient", "Patient"))
    notices = Notices()
    assert sorted(set(people_of(read(folder, notices, **setting)))) == [
        "Therapist",
        "s0/Patient",
        "s1/Patient",
        "s2/Patient",
    ]
    assert any("names of speakers recur and hold within their recording" in line for line in notices.lines)


@pytest.mark.field("recordings: people", "counted")
@pytest.mark.parametrize(
    "names", [("SPEAKER_00", "SPEAKER_01"), ("A", "B"), ("1", "2"), ("spk0", "spk1"), ("S1", "S2")]
)
def test_names_that_a_diariser_gave_hold_within_their_recording_and_this_is_said(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    folder = sessions(tmp_path / "cohort", names[1], (names[0],) * 3)
    notices = Notices()
    assert len(set(people_of(read(folder, notices)))) == 6
    assert any(line.startswith("2 names of speakers recur") for line in notices.lines)
    assert len(set(people_of(read(folder, speaker_names="cohort")))) == 2


@pytest.mark.field("recordings: people", "refused")
@pytest.mark.parametrize(
    "names", [("Patient 1", "Patient 2"), ("Participant_1", "Interviewer_1"), ("male 1", "female 1")]
)
def test_roles_with_a_number_that_recur_are_asked_for(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = sessions(tmp_path / "cohort", names[1], (names[0],) * 3)
    said = refusal(folder)
    assert "speaks in several recordings: set modality.cohort.speaker_names=" in said
    assert len(set(people_of(read(folder, **advised(said, "speaker_names"))))) == 6
    assert len(set(people_of(read(folder, **advised(said, "speaker_names", 1))))) == 2


BESIDE: list[tuple[str, str, list[str]]] = [
    ("the same name", TWO, ["ann", "ben", "cat"]),
    ("the name in other case", TWO.replace("ann", "ANN"), ["ann", "ben", "cat"]),
    ("roles", line("talk", 0, 3, "Patient") + line("talk", 3, 3, "Interviewer"), ["ann", "cat", "talk/Interviewer"]),
    ("one speaker", line("talk", 0, 3, "SPEAKER_00"), ["ann", "cat"]),
]


@pytest.mark.field("recordings: RTTM", "read")
@pytest.mark.parametrize(("name", "turns", "people"), BESIDE, ids=[name for name, _, _ in BESIDE])
def test_rttm_beside_a_table_tells_the_turns(tmp_path: Path, name: str, turns: str, people: list[str]) -> None:
    folder = tmp_path / "cohort"
    talk(folder)
    write(folder / "other.wav", voice(150))
    write_table(folder, [["file_name", "speaker_id"], ["talk.wav", "ann"], ["other.wav", "cat"]])
    (folder / "talk.rttm").write_text(turns)
    notices = Notices()
    loaded = read(folder, notices)
    assert sorted(people_of(loaded)) == people
    assert "the turns of 1 recordings are those of RTTM files beside the table" in notices.lines
    ann = people_of(loaded).index("ann")
    assert not samples_of(loaded, ann)[round(3.05 * RATE) :].any()


@pytest.mark.field("recordings: RTTM", "refused")
def test_rttm_that_contradicts_the_table_is_refused_until_one_is_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    talk(folder)
    write_table(folder, [["file_name", "speaker_id"], ["talk.wav", "zoe"]])
    (folder / "talk.rttm").write_text(TWO)
    said = refusal(folder)
    assert said.startswith("1 recordings have a speaker in the table whom their RTTM does not name")
    assert people_of(read(folder, **advised(said, "layout"))) == ["ann", "ben"]
    notices = Notices()
    assert people_of(read(folder, notices, **advised(said, "layout", 1))) == ["zoe"]
    assert any(line.startswith("1 RTTM files beside the table are not used") for line in notices.lines)


@pytest.mark.field("recordings: RTTM", "counted")
def test_rttm_of_recordings_that_the_table_does_not_name_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    talk(folder)
    write(folder / "other.wav", voice(150))
    write_table(folder, [["file_name", "speaker_id"], ["other.wav", "cat"]])
    (folder / "talk.rttm").write_text(TWO)
    notices = Notices()
    assert people_of(read(folder, notices)) == ["cat"]
    assert any("RTTM tells of 1 recordings that the table does not name" in line for line in notices.lines)


Change = Callable[[str], str]


@pytest.mark.parametrize("change", [str.upper, lambda text: text.replace(" ", "\t"), lambda text: f"; x\n{text}"])
def test_reading_turns_does_not_depend_on_layout(tmp_path: Path, change: Change) -> None:
    (tmp_path / "a.rttm").write_text(TWO)
    (tmp_path / "b.rttm").write_text(change(TWO))
    a, b = read_turns(tmp_path / "a.rttm"), read_turns(tmp_path / "b.rttm")
    assert [(t.start, t.end, t.speaker.lower()) for t in a] == [(t.start, t.end, t.speaker.lower()) for t in b]


@pytest.mark.field("recordings: RTTM", "counted")
@pytest.mark.parametrize("within", ["waveform", "audio"])
def test_rttm_that_a_program_made_without_a_name_is_of_the_sound_beside_it(tmp_path: Path, within: str) -> None:
    folder = tmp_path / "cohort"
    for name, low in (("a", 100), ("b", 130)):
        talk(folder, f"{name}.wav", low)
        (folder / f"{name}.rttm").write_text(line(within, 0, 3, f"{name}1") + line(within, 3, 3, f"{name}2"))
    notices = Notices()
    assert people_of(read(folder, notices)) == ["a1", "a2", "b1", "b2"]
    assert any(told.startswith("2 RTTM files have no name within") for told in notices.lines)


@pytest.mark.field("recordings: kaldi", "read")
def test_sides_of_calls_as_kaldi_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write(folder / "call.wav", np.stack([voice(100, 4.0), voice(210, 4.0)], axis=1))
    (folder / "wav.scp").write_text("call sph2pipe -f wav -p /d/call.wav |\n")
    (folder / "reco2file_and_channel").write_text("call-A call A\ncall-B call B\n")
    (folder / "segments").write_text("u1 call-A 0 4\nu2 call-B 0 4\n")
    (folder / "utt2spk").write_text("u1 ann\nu2 ben\n")
    assert pitches(read(folder)) == pytest.approx([100, 210], abs=25)


@pytest.mark.field("recordings: kaldi", "counted")
def test_utterances_without_a_speaker_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    talk(folder, "a.wav")
    (folder / "wav.scp").write_text("a a.wav\n")
    (folder / "segments").write_text("u1 a 0 3\nu2 a 3 6\n")
    (folder / "utt2spk").write_text("u1 ann\n")
    loaded = read(folder)
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("utterance without a speaker in utt2spk", 1)]
