"""Wrong transcripts end in one clear line that names what to put right, or are left out and counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from synthgen.errors import UserError
from synthgen.generators.dialogue.candidates import load_candidates
from synthgen.generators.dialogue.cohort import CohortConfig, load_cohort
from synthgen.payloads.dialogue import DialogueReal, Turn
from synthgen.progress import Silent
from synthgen.records import Skipped

PERSON = "Xylophonia"
GOOD = [{"role": "doctor", "text": f"Hello {PERSON}."}, {"role": "patient", "text": "Hi."}]


class Notices(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        assert PERSON not in line and "\n" not in line
        self.lines.append(line)


def line(number: int, turns: object = GOOD, **more: object) -> str:
    return json.dumps({"dialogue_id": f"{PERSON}{number}", "patient_id": f"{PERSON}{number}", "turns": turns, **more})


def load(file: Path, content: str | bytes, said: Silent | None = None, **config: object) -> list[DialogueReal]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(load_cohort(file, CohortConfig.model_validate(config), said or Silent()).records)


def refused(file: Path, content: str | bytes, *words: str, **config: object) -> None:
    """Refused in one line with ``words`` and without private text, as a cohort and as candidates."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    for load_it in (load_cohort, load_candidates):
        with pytest.raises(UserError) as caught:
            load_it(file, CohortConfig.model_validate(config), Silent())
        message = str(caught.value)
        assert "\n" not in message and PERSON not in message
        for word in words:
            assert word in message, message


def test_nothing_there(tmp_path: Path) -> None:
    for data, words in ((tmp_path / "absent", "does not exist"), (tmp_path, "is empty")):
        with pytest.raises(UserError, match=words):
            load_cohort(data, CohortConfig(), Silent())
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    with pytest.raises(UserError, match=r"no transcript in .* 1 × \.pdf.*save it as plain text"):
        load_cohort(tmp_path, CohortConfig(), Silent())
    with pytest.raises(UserError, match=r"scan\.pdf is no transcript"):
        load_cohort(tmp_path / "scan.pdf", CohortConfig(), Silent())


def test_two_kinds_of_files_need_a_choice(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line(1))
    (tmp_path / "b.csv").write_text("dialogue_id,speaker,text\n1,doctor,Hello\n1,patient,Hi\n")
    with pytest.raises(UserError, match=r"jsonl, csv.*--set modality\.cohort\.layout=jsonl"):
        load_cohort(tmp_path, CohortConfig(), Silent())
    (record,) = load_cohort(tmp_path, CohortConfig(layout="csv"), Silent()).records
    assert record.payload.turns[0] == Turn("clinician", "Hello")


def test_unknown_roles_are_all_named_at_once_with_the_cure(tmp_path: Path) -> None:
    strange = [*GOOD, {"role": "docotr_2", "text": PERSON}, {"role": "Tante Frieda", "text": PERSON}]
    content = f"{line(1)}\n{line(2, strange)}\n"
    refused(
        tmp_path / "a.jsonl",
        content,
        "a.jsonl, line 2, turn 3",
        "'docotr_2' and 1 more",
        """--set modality.cohort.roles='{docotr_2: clinician, "Tante Frieda": companion}'""",
    )
    records = load(tmp_path / "a.jsonl", content, roles={"docotr_2": "clinician", "Tante Frieda": "companion"})
    assert [turn.speaker for turn in records[1].payload.turns] == ["clinician", "patient", "clinician", "companion"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{line(1)}\n{line(2)[:-9]}\n", ("a.jsonl, line 2 is not valid JSON",)),
        (f"{line(1)}\n[1]\n", ("a.jsonl is not valid JSON",)),
        (f"{line(1)}\n\n7\n", ("a.jsonl, line 3", "JSON object")),
        (f"[{line(1)}, 7]", ("a.jsonl, item 2", "JSON object")),
        (f"[{line(1)},\n{line(2)[:-5]}]", ("a.jsonl is not valid JSON (line 2)",)),
        ("[" * 100_000, ("a.jsonl is not valid JSON",)),
        (json.dumps({"dialogue_id": PERSON, "note": PERSON}), ("line 1", "turns", "messages or conversations")),
        (line(1, PERSON), ("line 1", "turns must be a list")),
        (line(1, [PERSON]), ("line 1, turn 1", "role and a text")),
        (line(1, [{"role": "doctor"}]), ("line 1, turn 1", "needs a text")),
        (line(1, [{"text": PERSON}]), ("line 1, turn 1", "needs a role")),
        (line(1, [{"role": "", "text": PERSON}]), ("line 1, turn 1", "the role must be a name")),
        (line(1, [{"role": "doctor", "text": 7}]), ("line 1, turn 1", "the text must be a string")),
        (f"{line(1)}\n{line(1, [*GOOD, *GOOD])}\n", ("line 2", "another dialogue", "line 1")),
        ("", ("no dialogue is left",)),
        ("\x00\x00", ("not valid JSON",)),
    ],
)
def test_broken_lines(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    refused(tmp_path / "a.jsonl", content, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ("is empty",)),
        ("dialogue_id,speaker,speaker,text\n", ("stands twice",)),
        ("dialogue_id,remark\n1,x\n", ("line 2", "dialogue_id, speaker, text")),
        (f"dialogue_id,speaker,text\n1,doctor,{PERSON}, and so on\n", ("line 2", "double quotes")),
        (f"dialogue_id,speaker,text,turn\n1,doctor,{PERSON},one\n1,patient,x,2\n", ("line 2", "turn must be a number")),
        (f"dialogue_id,patient_id,speaker,text\n1,{PERSON},doctor,x\n1,b,patient,x\n", ("line 2", "2 patients")),
        ("dialogue_id,speaker,text\n", ("no dialogue is left",)),
    ],
)
def test_broken_tables(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    refused(tmp_path / "a.csv", content, *words)


def test_broken_files(tmp_path: Path) -> None:
    refused(tmp_path / "a.jsonl.gz", gzip.compress(line(1).encode())[:-12], "damaged gzip file")
    refused(tmp_path / "b.jsonl.gz", line(1), "damaged gzip file")
    refused(tmp_path / "c.parquet", line(1), "not a readable Parquet file")
    refused(tmp_path / "d.vtt", line(1), "does not begin with WEBVTT")
    refused(tmp_path / "e.vtt", f"WEBVTT\n\n00:00.000 --> 00:01.000\n{PERSON}\n", "e.vtt, line 3", "no speaker")
    refused(tmp_path / "f.TextGrid", line(1), "is no TextGrid")
    refused(
        tmp_path / "g.TextGrid", '"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n1\n"IntervalTier"\n', "damaged TextGrid"
    )
    endless = '"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n1\n"IntervalTier"\n"ann"\n0\n1\n1e999\n'
    refused(tmp_path / "g2.TextGrid", endless, "damaged TextGrid")
    refused(tmp_path / "h.jsonl", b"\xff\xfe" + line(1).encode("utf-16-le")[:-1], "damaged")
    pq.write_table(pa.table({"remark": [PERSON]}), tmp_path / "i.parquet")
    refused(tmp_path / "i.parquet", (tmp_path / "i.parquet").read_bytes(), "i.parquet, row 1", "turns")
    (tmp_path / "arrows").mkdir()
    (tmp_path / "arrows" / "data.arrow").write_bytes(b"")
    with pytest.raises(UserError, match=r"without a valid state\.json"):
        load_cohort(tmp_path / "arrows", CohortConfig(), Silent())


def test_transcripts_and_their_table_must_agree(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\n<v Dr>Hello\n<v Pt>Hi\n")
    for rows, words in (
        ("a.vtt,1\nb.vtt,2", "names 1 files that are not there"),
        (",1", "file_name is empty"),
        ("a.vtt,1\na.vtt,2", "line 3: the file is described twice"),
    ):
        (tmp_path / "metadata.csv").write_text(f"file_name,patient_id\n{rows}\n")
        with pytest.raises(UserError, match=words):
            load_cohort(tmp_path, CohortConfig(), Silent())


def test_dialogues_that_do_not_serve_are_left_out_and_counted(tmp_path: Path) -> None:
    monologue = [{"role": "doctor", "text": PERSON}]
    silence: list[dict[str, object]] = [{"role": "doctor", "text": None}, {"role": "patient", "text": " \u200b\x00"}]
    silence[1]["text"] = " \x00\t"
    long = [{"role": "doctor", "text": PERSON * 1_000_000}, *GOOD]
    content = "\n".join([line(1), line(1), line(2, monologue), line(3, silence), line(4, []), line(5, long)])
    said = Notices()
    file = tmp_path / "a.jsonl"
    file.write_text(content)
    loaded = load_cohort(file, CohortConfig(), said)
    assert len(loaded.records) == 1
    assert loaded.skipped == (
        Skipped("dialogue with a turn of more than 20,000 characters", 1),
        Skipped("dialogue without any text", 2),
        Skipped("one-sided dialogue", 1),
        Skipped("the same dialogue a second time", 1),
    )
    assert "left out 2 × dialogue without any text" in said.lines
    assert "2 turns hold no text and are left out" in said.lines
    refused(file, f"{line(2, monologue)}\n{line(4, [])}", "no dialogue is left", "1 × one-sided dialogue")


def test_a_patient_who_is_spoken_for_is_no_monologue(tmp_path: Path) -> None:
    turns = [{"role": "doctor", "text": "Hello"}, {"role": "mother", "text": "He has a fever."}]
    assert len(load(tmp_path / "a.jsonl", line(1, turns))) == 1


def test_a_long_cell_of_a_table(tmp_path: Path) -> None:
    content = f"dialogue_id,speaker,text\n1,doctor,{'word ' * 60_000}\n1,patient,x\n2,doctor,Hello\n2,patient,Hi\n"
    assert [r.record for r in load(tmp_path / "a.csv", content)] == ["2"]


@pytest.mark.parametrize(
    ("encoding", "notice"),
    [
        ("utf-8-sig", ""),
        ("utf-16", "a.jsonl is read as UTF-16"),
        ("utf-16-le", "a.jsonl is read as UTF-16-LE"),
        ("cp1252", "a.jsonl: 1 of 1 lines are not UTF-8 and are read as Windows-1252"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, notice: str) -> None:
    text = "Müde, „très“ – fiévreux"
    content = json.dumps(
        {"patient_id": "1", "turns": [{"role": "doctor", "text": text}, GOOD[1]]}, ensure_ascii=False
    ).encode(encoding)
    said = Notices()
    (record,) = load(tmp_path / "a.jsonl", content, said)
    assert record.payload.turns[0].text == text
    assert notice in said.lines if notice else not said.lines


def test_two_encodings_in_one_file(tmp_path: Path) -> None:
    first = json.dumps(
        {"patient_id": "1", "turns": [{"role": "doctor", "text": "fiévreux"}, GOOD[1]]}, ensure_ascii=False
    )
    content = first.encode("utf-8") + b"\r\n" + first.encode("latin-1") + b"\r\n"
    records = load(tmp_path / "a.jsonl", content)
    assert [r.payload.turns[0].text for r in records] == ["fiévreux", "fiévreux"]


def test_control_characters_are_stripped_and_counted(tmp_path: Path) -> None:
    turns = [
        {"role": "doctor", "text": "He\x00llo\x07,\r\nyou\u202e \ud800there\ufeff"},
        {"role": "patient", "text": "Hi"},
    ]
    said = Notices()
    (record,) = load(tmp_path / "a.jsonl", line(1, turns), said)
    assert record.payload.turns[0].text == "Hello,\nyou there"
    assert "1 turns held control characters, which are stripped" in said.lines


def test_a_folder_that_cannot_be_read_beyond_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    (tmp_path / "a.jsonl" / "b.jsonl").write_text(line(1))
    (tmp_path / ".hidden.jsonl").write_text("broken")
    (tmp_path / "croissant.json").write_text("{}")
    assert len(load_cohort(tmp_path, CohortConfig(), Silent()).records) == 1


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"phq9_total": 31}, ("phq9_total is 31", "PHQ-9 goes from 0 to 27")),
        ({"GAD-7": -1}, ("GAD-7 is -1", "from 0 to 21")),
        ({"ybocs_total": "41"}, ("Y-BOCS goes from 0 to 40",)),
        ({"pcl5_score": 81}, ("PCL-5 goes from 0 to 80",)),
    ],
)
def test_a_total_beyond_its_scale_is_refused(tmp_path: Path, labels: dict[str, object], words: tuple[str, ...]) -> None:
    refused(tmp_path / "d.jsonl", "\n".join([line(1), line(2, labels=labels)]), "line 2", *words)


def test_totals_within_their_scale_and_other_tables_words_stay(tmp_path: Path) -> None:
    labels = {"phq9_total": 27, "gad7_total": 0, "audit": 2024}
    (record,) = load(tmp_path / "d.jsonl", line(1, labels=labels))
    assert dict(record.payload.labels) == labels
