"""Tables of recordings as hospitals and corpora write them: names of files, people, emotions, and what they lack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    write_voices,
)

Rows = list[list[str]]


def clips(folder: Path, rows: Rows, **options: Any) -> Path:
    """A voice for each row that names a file, and the table."""
    write_voices(folder, dict.fromkeys(row[0] for row in rows[1:]))
    write_table(folder, rows, **options)
    return folder


PLAIN: Rows = [["file_name", "speaker_id"], ["a.wav", "p1"], ["b.wav", "p2"]]

FORMS: list[tuple[str, str, Callable[[str], bytes]]] = [
    ("semicolons", "metadata.csv", lambda text: text.replace(",", ";").encode()),
    ("tabs in a csv", "metadata.csv", lambda text: text.replace(",", "\t").encode()),
    ("bars", "metadata.csv", lambda text: text.replace(",", "|").encode()),
    ("a byte order mark", "metadata.csv", lambda text: b"\xef\xbb\xbf" + text.encode()),
    ("UTF-16", "metadata.csv", lambda text: text.encode("utf-16")),
    ("letters of Windows", "metadata.csv", lambda text: (text + "ü.wav,p3\n").encode("cp1252")),
    ("lines of Windows", "metadata.csv", lambda text: text.replace("\n", "\r\n").encode()),
    ("quotes", "metadata.csv", lambda text: text.replace("a.wav", '"a.wav"').encode()),
    (
        "upper case columns",
        "metadata.csv",
        lambda text: text.replace("file_name,speaker_id", "File_Name,SPEAKER_ID").encode(),
    ),
    (
        "columns of Common Voice",
        "metadata.csv",
        lambda text: text.replace("file_name,speaker_id", "path,client_id").encode(),
    ),
    (
        "columns of a clinic",
        "metadata.csv",
        lambda text: text.replace("file_name,speaker_id", "Datei,Patient").encode(),
    ),
    ("columns of NeMo", "metadata.csv", lambda text: text.replace("file_name", "audio_filepath").encode()),
    ("another name of the table", "recordings.csv", lambda text: text.encode()),
    ("splits", "train.csv", lambda text: text.encode()),
    ("a table in a folder below", "meta/list.csv", lambda text: text.encode()),
    ("a separator told first", "metadata.csv", lambda text: ("sep=;\n" + text.replace(",", ";")).encode()),
    ("remarks first", "metadata.csv", lambda text: ("# by hand\n# 2021\n" + text).encode()),
    ("a title above the header", "metadata.csv", lambda text: ("Recordings of 2021,\n\n" + text).encode()),
    ("an array", "metadata.json", lambda text: json.dumps(_objects(text), indent=1).encode()),
    ("an array of another name", "clips.json", lambda text: json.dumps(_objects(text)).encode()),
    ("an index without a name", "metadata.csv", lambda text: "\n".join(f",{line}" for line in text.split()).encode()),
    ("JSON lines", "metadata.jsonl", lambda text: _json_lines(text, {}).encode()),
    ("JSON lines with numbers", "metadata.jsonl", lambda text: _json_lines(text, {"age": 40, "path2": None}).encode()),
    (
        "a manifest of NeMo",
        "manifest.jsonl",
        lambda text: _json_lines(text, {}).replace("file_name", "audio_filepath").encode(),
    ),
]


def _objects(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in _json_lines(text, {}).splitlines()]


def _json_lines(text: str, more: dict[str, Any]) -> str:
    header, *rows = [line.split(",") for line in text.split()]
    return "".join(json.dumps({**dict(zip(header, row, strict=True)), **more}) + "\n" for row in rows)


@pytest.mark.field("recordings: tables", "read")
@pytest.mark.parametrize(("name", "table", "form"), FORMS, ids=[name for name, _, _ in FORMS])
def test_every_form_of_table_is_read(tmp_path: Path, name: str, table: str, form: Callable[[str], bytes]) -> None:
    folder = tmp_path / "cohort"
    content = form("\n".join(",".join(row) for row in PLAIN) + "\n")
    write_voices(
        folder, ["a.wav", "b.wav", *(["ü.wav"] if b"\xfc" in content and name == "letters of Windows" else [])]
    )
    (folder / table).parent.mkdir(exist_ok=True)
    (folder / table).write_bytes(content)
    assert people_of(read(folder))[:2] == ["p1", "p2"]
    assert len(read(folder).records) == (3 if name == "letters of Windows" else 2)


NAMES: list[tuple[str, str, str, str]] = [
    ("decomposed on disk", "M\u00fcller.wav", "Mu\u0308ller.wav", "another spelling"),
    ("decomposed in the table", "Mu\u0308ller.wav", "M\u00fcller.wav", "another spelling"),
    ("case of the ending", "a.wav", "a.WAV", "another spelling"),
    ("case of a folder", "Audio/a.wav", "audio/a.wav", "another spelling"),
    ("backslashes", "wavs\\a.wav", "wavs/a.wav", ""),
    ("a leading ./", "./a.wav", "a.wav", ""),
    ("a path of another machine", "/home/anna/set/wavs/a.wav", "wavs/a.wav", "another folder"),
    ("a path of Windows", "D:\\set\\wavs\\a.wav", "wavs/a.wav", "another folder"),
    ("all files moved into one folder", "/data/p1/a.wav", "a.wav", "another folder"),
    ("a space as in a web address", "wavs/my%20voice.wav", "wavs/my voice.wav", "another spelling"),
    ("a web address on disk", "wavs/my voice.wav", "wavs/my%20voice.wav", "another spelling"),
    ("an address of a file", "file:///data/wavs/my%20voice.wav", "wavs/my voice.wav", "another folder"),
    ("no folder", "a.wav", "clips/a.wav", "another folder"),
    ("no ending", "a", "a.wav", "another ending"),
    ("converted since", "a.mp3", "a.flac", "another ending"),
]


@pytest.mark.field("recordings: tables", "read")
@pytest.mark.parametrize(("name", "written", "there", "said"), NAMES, ids=[row[0] for row in NAMES])
def test_a_file_is_found_under_the_name_that_the_table_has(
    tmp_path: Path, name: str, written: str, there: str, said: str
) -> None:
    folder = tmp_path / "cohort"
    write(folder / there, voice(150))
    write(folder / "b.wav", voice(110))
    write_table(folder, [["file_name", "speaker_id"], [written, "p1"], ["b.wav", "p2"]])
    notices = Notices()
    loaded = read(folder, notices)
    assert sorted(people_of(loaded)) == ["p1", "p2"]
    assert any(said in line for line in notices.lines if "were found under" in line) == bool(said)


ABSENT: list[tuple[str, str, list[str]]] = [
    ("another person's file of that name", "/data/p1/x.wav", ["p2/x.wav"]),
    ("two files that fit", "x.wav", ["p1/x.wav", "p2/x.wav"]),
    ("converted, and in another folder", "/data/set/x.mp3", ["wavs/x.flac"]),
    ("another stem", "x1.wav", ["x.wav"]),
    ("a machine that has it", "/mnt/big/y.wav", ["x.wav"]),
]


@pytest.mark.field("recordings: tables", "refused")
@pytest.mark.parametrize(("name", "written", "there"), ABSENT, ids=[row[0] for row in ABSENT])
def test_a_file_that_may_be_another_is_absent(tmp_path: Path, name: str, written: str, there: list[str]) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, [*there, "b.wav", "c.wav"])
    rows = [["file_name", "speaker_id"], [written, "p1"], ["b.wav", "p2"], ["c.wav", "p3"]]
    write_table(folder, rows)
    said = refusal(folder)
    assert said.startswith("1 of 3 recordings are absent")
    assert people_of(read(folder, **advised(said, "absent"))) == ["p2", "p3"]


NOBODY = ["ANONYMOUS", "", "nan", "NA", "unknown", "None", "-", "N/A", "unbekannt"]


@pytest.mark.field("recordings: people", "refused")
@pytest.mark.parametrize("word", NOBODY)
def test_a_row_without_a_person_is_refused_and_may_be_left_out(tmp_path: Path, word: str) -> None:
    folder = clips(tmp_path / "cohort", [*PLAIN, ["c.wav", word]])
    said = refusal(folder)
    assert "metadata.csv, row 4: the speaker_id is empty or unknown, in 1 of 3 rows" in said
    loaded = read(folder, **advised(said, "unknown"))
    assert people_of(loaded) == ["p1", "p2"]
    assert ("row without a speaker", 1) in [(skip.reason, skip.count) for skip in loaded.skipped]


ROLES: list[tuple[str, str]] = [
    ("patient", "doctor"),
    ("Patientin", "Ärztin"),
    ("client", "therapist"),
    ("Participant", "Ellie"),
    ("paciente", "terapeuta"),
    ("PATIENT", "INTERVIEWER"),
]


@pytest.mark.field("recordings: people", "refused")
@pytest.mark.parametrize(("patient", "doctor"), ROLES)
def test_roles_in_the_column_of_speakers_hold_within_the_session(tmp_path: Path, patient: str, doctor: str) -> None:
    rows = [["file_name", "speaker", "session"]]
    for session in ("s1", "s2", "s3"):
        rows += [[f"{session}_p.wav", patient, session], [f"{session}_d.wav", doctor, session]]
    folder = clips(tmp_path / "cohort", rows)
    said = refusal(folder)
    assert said.startswith(f"{doctor} speaks in up to 3 recordings")
    patients = [f"s{i}/{patient}" for i in (1, 2, 3)]
    assert sorted(set(people_of(read(folder, **advised(said, "recurring"))))) == sorted([doctor, *patients])
    assert len(set(people_of(read(folder, **advised(said, "recurring", 1))))) == 6


@pytest.mark.field("recordings: people", "refused")
@pytest.mark.parametrize(
    "words",
    [
        ("patient", "doctor"),
        ("male", "female"),
        ("F", "M"),
        ("Speaker", "Other"),
        ("MDD", "control"),
        ("Patient:", "Doctor:"),
    ],
)
def test_roles_without_a_session_are_refused_until_a_column_tells_people_apart(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    rows = [["file_name", "speaker", "who"]]
    for i in range(3):
        rows += [[f"{i}_p.wav", words[0], f"p{i}"], [f"{i}_d.wav", words[1], "d1"]]
    folder = clips(tmp_path / "cohort", rows)
    said = refusal(folder)
    assert said.startswith("the column of speakers holds roles or groups")
    mapped = advised(said, "columns")["columns"]
    assert mapped == {"speaker_id": "NAME"}
    assert sorted(set(people_of(read(folder, columns={"speaker_id": "who"})))) == ["d1", "p0", "p1", "p2"]


@pytest.mark.field("recordings: people", "refused")
def test_a_role_beside_a_patient_says_whose_voice_it_is_not(tmp_path: Path) -> None:
    rows = [["file_name", "patient_id", "role"]]
    for i in range(3):
        rows += [[f"{i}_p.wav", f"p{i}", "patient"], [f"{i}_d.wav", f"p{i}", "doctor"]]
    folder = clips(tmp_path / "cohort", rows)
    said = refusal(folder)
    assert said.startswith("doctor speaks in up to 3 recordings")
    loaded = read(folder, **advised(said, "recurring"))
    assert people_of(loaded) == ["doctor", "p0", "doctor", "p1", "doctor", "p2"]
    roles = [record.payload.recordings[0].tracks[0].role for record in loaded.records]
    assert roles == ["clinician", "patient"] * 3


@pytest.mark.field("recordings: people", "read")
def test_a_patient_in_a_column_of_his_own_is_known_under_a_role(tmp_path: Path) -> None:
    rows = [
        ["file_name", "speaker", "patient_id"],
        ["a.wav", "patient", "p1"],
        ["b.wav", "patient", "p1"],
        ["c.wav", "patient", "p2"],
    ]
    assert people_of(read(clips(tmp_path / "cohort", rows))) == ["p1", "p1", "p2"]


@pytest.mark.field("recordings: people", "refused")
def test_names_of_a_diariser_in_sessions_are_asked_for(tmp_path: Path) -> None:
    rows = [["file_name", "speaker", "session"]]
    rows += [[f"{s}_{n}.wav", f"SPEAKER_0{n}", f"s{s}"] for s in range(3) for n in range(2)]
    folder = clips(tmp_path / "cohort", rows)
    said = refusal(folder)
    assert said.startswith("3 sessions have 2 speakers with names as a diariser gives them")
    assert len(set(people_of(read(folder, **advised(said, "speaker_names"))))) == 6
    assert len(set(people_of(read(folder, **advised(said, "speaker_names", 1))))) == 2


WORDS: list[tuple[str, str]] = [
    ("sadness", "sad"),
    ("Trauer", "sad"),
    ("traurig", "sad"),
    ("TRISTEZA", "sad"),
    ("Freude", "happy"),
    ("joy", "happy"),
    ("excited", "happy"),
    ("fröhlich", "happy"),
    ("neutral state", "neutral"),
    ("Neutral", "neutral"),
    ("fearful", "anxious"),
    ("Angst", "anxious"),
    ("Ängstlich", "anxious"),
    ("peur", "anxious"),
    ("hot anger", "angry"),
    ("Ärger", "angry"),
    ("wütend", "angry"),
    ("colère", "angry"),
    ("03_angry", "angry"),
    ("hot-anger", "angry"),
    ("ruhig", "calm"),
    ("relaxed", "calm"),
    ("hopeless", "depressed"),
    ("niedergeschlagen", "depressed"),
    ("n/a", ""),
    ("unknown", ""),
    ("disgust", ""),
    ("pleasant_surprise", ""),
    ("Ekel", ""),
    ("boredom", ""),
]


@pytest.mark.field("recordings: emotions", "read")
@pytest.mark.parametrize(("word", "ours"), WORDS)
def test_common_words_for_emotions_are_known(tmp_path: Path, word: str, ours: str) -> None:
    folder = clips(tmp_path / "cohort", [["file_name", "speaker_id", "emotion"], ["a.wav", "p1", word]])
    assert [record.condition.emotion for record in read(folder).records] == [ours]


@pytest.mark.field("recordings: emotions", "counted")
def test_emotions_that_have_no_name_here_are_counted_and_can_be_mapped(tmp_path: Path) -> None:
    rows = [["file_name", "speaker_id", "emotion"], ["a.wav", "p1", "disgust"], ["b.wav", "p2", "surprised"]]
    folder = clips(tmp_path / "cohort", [*rows, ["c.wav", "p3", "sad"]])
    notices = Notices()
    read(folder, notices)
    assert any(
        line.startswith("2 recordings of emotions that have no name here (disgust, surp") for line in notices.lines
    )
    loaded = read(folder, emotions={"disgust": "angry"})
    assert [record.condition.emotion for record in loaded.records] == ["angry", "", "sad"]


@pytest.mark.field("recordings: emotions", "refused")
@pytest.mark.parametrize(
    "words", [("MDD", "control"), ("0", "1"), ("F32.1", "F41.0"), ("it's", 'say "x"'), ("e: f", "[g]")]
)
def test_unknown_emotions_are_all_named_with_a_map_that_works(tmp_path: Path, words: tuple[str, str]) -> None:
    rows = [["file_name", "speaker_id", "emotion"], ["a.wav", "p1", words[0]], ["b.wav", "p2", words[1]]]
    folder = clips(tmp_path / "cohort", rows)
    said = refusal(folder)
    assert "2 recordings of unknown emotion" in said
    if "'" not in words[0]:
        loaded = read(folder, **advised(said, "emotions"))
        assert [record.condition.emotion for record in loaded.records] == ["", ""]
    notices = Notices()
    assert len(read(folder, notices, **advised(said, "unknown")).records) == 2
    assert "2 recordings of unknown emotions count as not labelled" in notices.lines


@pytest.mark.field("recordings: emotions", "refused")
def test_a_column_of_texts_where_emotions_should_be_can_be_left_out(tmp_path: Path) -> None:
    rows = [["file_name", "speaker_id", "emotion"], *[[f"{i}.wav", f"p{i}", f"text {i}"] for i in range(14)]]
    folder = clips(tmp_path / "cohort", rows)
    said = refusal(folder)
    assert "14 different words stand where emotions should" in said
    assert len(read(folder, **advised(said, "columns")).records) == 14


@pytest.mark.field("recordings: emotions", "read")
@pytest.mark.parametrize("column", ["label", "diagnosis", "class", "Group", "condition"])
def test_a_diagnosis_is_no_emotion_and_the_column_can_be_named(tmp_path: Path, column: str) -> None:
    rows = [["file_name", "speaker_id", column], ["a.wav", "p1", "MDD"], ["b.wav", "p2", "control"]]
    folder = clips(tmp_path / "cohort", rows)
    notices = Notices()
    assert [record.condition.emotion for record in read(folder, notices).records] == ["", ""]
    (line,) = [line for line in notices.lines if "is not read" in line]
    said = refusal(folder, **advised(line, "columns"))
    assert "2 recordings of unknown emotion" in said
    loaded = read(folder, **advised(line, "columns"), **advised(said, "emotions"))
    assert people_of(loaded) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "refused")
def test_a_missing_column_can_be_named(tmp_path: Path) -> None:
    folder = clips(tmp_path / "cohort", [["file_name", "Kennung"], ["a.wav", "p1"], ["b.wav", "p2"]])
    said = refusal(folder)
    assert "missing column: speaker_id" in said
    assert people_of(read(folder, **advised(said, "columns"))) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "refused")
def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    folder = clips(tmp_path / "cohort", PLAIN)
    said = refusal(folder, columns={"speaker_id": "Kennung"})
    assert "metadata.csv has no column Kennung (modality.cohort.columns): it has file_name, speaker_id" in said
    assert people_of(read(folder, columns={"speaker_id": "speaker_id"})) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "refused")
def test_two_tables_are_refused_until_one_is_kept(tmp_path: Path) -> None:
    folder = clips(tmp_path / "cohort", PLAIN, name="one.csv")
    write_table(folder, PLAIN, "two.csv")
    assert "has one.csv and two.csv: keep one of them, called metadata.csv" in refusal(folder)
    (folder / "one.csv").rename(folder / "metadata.csv")
    assert people_of(read(folder)) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "read")
def test_a_table_in_a_folder_of_its_own_names_files_beside_that_folder(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["wav/a.wav", "wav/b.wav"])
    write_table(folder / "meta", [["file_name", "speaker_id"], ["../wav/a.wav", "p1"], ["../wav/b.wav", "p2"]])
    notices = Notices()
    assert people_of(read(folder, notices)) == ["p1", "p2"]
    assert not any("were found under" in line for line in notices.lines)


@pytest.mark.field("recordings: tables", "read")
def test_a_table_for_each_person_in_his_folder_is_one_cohort(tmp_path: Path) -> None:
    for person in ("p1", "p2"):
        write_voices(tmp_path / "cohort" / person, ["a.wav"])
        write_table(tmp_path / "cohort" / person, [["file", "subject"], ["a.wav", person]], "list.csv")
    write(tmp_path / "cohort" / "p2" / "a.wav", voice(200))
    assert people_of(read(tmp_path / "cohort")) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "read")
def test_common_voice_as_it_is_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    header = ["client_id", "path", "sentence", "up_votes", "age", "gender"]
    names = [f"common_voice_en_{i}.mp3" for i in range(4)]
    write_voices(folder / "clips", names)
    rows = [["ab12" if i < 2 else "cd34", name, "words, words", "2", "", ""] for i, name in enumerate(names)]
    write_table(folder, [header, *rows[:3]], "validated.tsv", "\t")
    write_table(folder, [header, *rows[:2]], "train.tsv", "\t")
    write_table(folder, [header, rows[3]], "other.tsv", "\t")
    write_table(folder, [["sentence_id", "reason"], ["1", "x"]], "reported.tsv", "\t")
    loaded = read(folder)
    assert people_of(loaded) == ["ab12", "ab12", "cd34"]
    assert [(skip.reason, skip.count) for skip in loaded.skipped] == [("recording without a row in the table", 1)]
    assert loaded.records[0].payload.recordings[0].tracks[0].segments[0].text == "words, words"


def _session(folder: Path) -> None:
    write(folder / "s1.wav", np.concatenate([voice(100, 3.0, seed=1), voice(210, 3.0, seed=2)]))


@pytest.mark.field("recordings: tables", "read")
@pytest.mark.parametrize("names", [("start", "end"), ("start_time", "end_time"), ("Onset", "Stop")])
def test_rows_may_be_stretches_of_a_file(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = tmp_path / "cohort"
    _session(folder)
    rows = [["s1.wav", "ann", "0.0", "3.0"], ["s1.wav", "ben", "3.0", "6.0"]]
    write_table(folder, [["file_name", "speaker_id", *names], *rows])
    notices = Notices()
    loaded = read(folder, notices)
    assert people_of(loaded) == ["ann", "ben"]
    assert [pitch_of(samples_of(loaded, i)) for i in (0, 1)] == pytest.approx([100, 210], abs=25)
    assert "2 rows are the stretch of their file from start to end" in notices.lines


@pytest.mark.field("recordings: tables", "read")
def test_times_of_a_clip_in_something_longer_are_not_those_of_its_file(tmp_path: Path) -> None:
    rows = [["file_name", "speaker_id", "start", "end"], ["a.wav", "p1", "10.0", "12.0"], ["b.wav", "p2", "0.0", "2.0"]]
    loaded = read(clips(tmp_path / "cohort", rows))
    assert [len(samples_of(loaded, i)) for i in (0, 1)] == [2 * RATE, 2 * RATE]
    assert samples_of(loaded, 0)[RATE:].any()


@pytest.mark.field("recordings: tables", "refused")
def test_stretches_beyond_a_file_are_refused_until_they_are_in_seconds(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    _session(folder)
    write(folder / "s2.wav", voice(150))
    rows = [["s1.wav", "ann", "0", "3000"], ["s1.wav", "ben", "3000", "6000"], ["s2.wav", "cat", "0", "2000"]]
    write_table(folder, [["file_name", "speaker_id", "start", "end"], *rows])
    assert "metadata.csv, row 2: the row ends at 3000 s in a recording of 6 s" in refusal(folder)
    seconds = [[name, who, str(float(start) / 1000), str(float(end) / 1000)] for name, who, start, end in rows]
    write_table(folder, [["file_name", "speaker_id", "start", "end"], *seconds])
    assert people_of(read(folder)) == ["ann", "ben", "cat"]


STRETCHES: list[tuple[str, list[str], tuple[list[str], list[str]]]] = [
    ("h:mm:ss", ["start", "end"], (["0:00:00", "0:00:03"], ["00:00:03.0", "00:00:06"])),
    ("m:ss", ["start", "end"], (["0:00", "0:03"], ["0:03", "0:06"])),
    ("decimal commas", ["start", "end"], (["0,0", "3,0"], ["3,0", "6,0"])),
    ("milliseconds, which the columns say", ["start_ms", "end_ms"], (["0", "3000"], ["3000", "6000"])),
    ("a duration", ["start", "duration"], (["0", "3"], ["3", "3"])),
    ("the offset and duration of NeMo", ["offset", "duration"], (["0", "3"], ["3.0", "3.0"])),
]


@pytest.mark.field("recordings: tables", "read")
@pytest.mark.parametrize(("name", "columns", "times"), STRETCHES, ids=[row[0] for row in STRETCHES])
def test_stretches_are_read_however_their_times_are_written(
    tmp_path: Path, name: str, columns: list[str], times: tuple[list[str], list[str]]
) -> None:
    folder = tmp_path / "cohort"
    _session(folder)
    rows = [["s1.wav", "ann", *times[0]], ["s1.wav", "ben", *times[1]]]
    write_table(folder, [["file_name", "speaker_id", *columns], *rows])
    loaded = read(folder)
    assert [pitch_of(samples_of(loaded, i)) for i in (0, 1)] == pytest.approx([100, 210], abs=25)


@pytest.mark.field("recordings: tables", "refused")
@pytest.mark.parametrize(
    ("times", "words"),
    [
        pytest.param(["0", "1000"], "ends at 1000 s in a recording of 6 s", id="beyond the only file of a row"),
        pytest.param(["early", "late"], "must be seconds, or h:mm:ss", id="words"),
        pytest.param(["3", "1"], "must end after it starts", id="an end before the start"),
    ],
)
def test_times_that_are_none_of_the_file_are_refused_until_they_are_ignored(
    tmp_path: Path, times: list[str], words: str
) -> None:
    folder = tmp_path / "cohort"
    write(folder / "a.wav", voice(100, 6.0))
    write_table(folder, [["file_name", "speaker_id", "start", "end"], ["a.wav", "ann", *times]])
    message = refusal(folder)
    assert words in message
    assert len(samples_of(read(folder, **advised(message, "columns")))) == 6 * RATE


@pytest.mark.field("recordings: tables", "counted")
def test_where_rows_of_two_speakers_overlap_neither_is_heard(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    _session(folder)
    rows = [["s1.wav", "ann", "0", "4"], ["s1.wav", "ben", "2", "6"], ["s1.wav", "cat", "2.5", "3.5"]]
    write_table(folder, [["file_name", "speaker_id", "start", "end"], *rows])
    notices = Notices()
    loaded = read(folder, notices)
    spans = [record.payload.recordings[0].tracks[0].segments for record in loaded.records]
    assert people_of(loaded) == ["ann", "ben"]
    assert [[(s.start // RATE, s.end // RATE) for s in own] for own in spans] == [[(0, 2)], [(4, 6)]]
    assert any(line.startswith("3 rows overlap") for line in notices.lines)


@pytest.mark.field("recordings: tables", "refused")
def test_a_file_of_two_speakers_is_refused_until_their_times_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    _session(folder)
    write_table(folder, [["file_name", "speaker_id"], ["s1.wav", "ann"], ["s1.wav", "ben"]])
    assert "1 sound files stand in rows of several speakers" in refusal(folder)
    rows = [["s1.wav", "ann", "0", "3"], ["s1.wav", "ben", "3", "6"]]
    write_table(folder, [["file_name", "speaker_id", "start", "end"], *rows])
    assert people_of(read(folder)) == ["ann", "ben"]


@pytest.mark.field("recordings: releases", "refused")
@pytest.mark.parametrize("by_card", [True, False])
def test_a_release_of_synthetic_speech_is_told_as_such(tmp_path: Path, by_card: bool) -> None:
    folder = tmp_path / "cohort"
    clips(folder, PLAIN)
    card = {"keywords": ["synthetic", "medical"], "rai:dataCollectionType": "Synthetic"}
    if by_card:
        (folder / "README.md").write_text("---\ntags:\n- synthetic\n- speech\n---\n# Speech\n")
    else:
        (folder / "croissant.json").write_text(json.dumps(card))
    said = refusal(folder)
    assert " is synthetic speech, as " in said
    assert people_of(read(folder, **advised(said, "synthetic"))) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "counted")
def test_a_title_above_the_header_is_counted(tmp_path: Path) -> None:
    folder = clips(tmp_path / "cohort", PLAIN)
    (folder / "metadata.csv").write_text("Recordings of 2021\n" + (folder / "metadata.csv").read_text())
    notices = Notices()
    assert people_of(read(folder, notices)) == ["p1", "p2"]
    assert "1 lines above the header of a table are left out" in notices.lines


@pytest.mark.field("recordings: tables", "read")
def test_a_metadata_json_about_the_whole_set_is_no_table(tmp_path: Path) -> None:
    write_voices(tmp_path / "cohort", ["p1/a.wav", "p2/a.wav"])
    (tmp_path / "cohort" / "metadata.json").write_text(json.dumps({"name": "set", "file": "x", "speaker": "many"}))
    assert people_of(read(tmp_path / "cohort")) == ["p1", "p2"]


@pytest.mark.field("recordings: tables", "refused")
def test_an_array_that_is_cut_off_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_voices(folder, ["a.wav", "b.wav"])
    rows = json.dumps([{"file_name": "a.wav", "speaker_id": "p1"}, {"file_name": "b.wav", "speaker_id": "p2"}])
    (folder / "metadata.json").write_text(rows[:-1])
    assert "metadata.json, line 1: not valid JSON" in refusal(folder)
    (folder / "metadata.json").write_text(rows)
    assert people_of(read(folder)) == ["p1", "p2"]
