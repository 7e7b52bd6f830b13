"""Cohorts of transcripts in every layout, read as the same dialogues."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from synthgen.generators.dialogue.candidates import load_candidates
from synthgen.generators.dialogue.cohort import CohortConfig, load_cohort
from synthgen.generators.dialogue.cohort.build import session_of
from synthgen.generators.dialogue.cohort.markup import stripped
from synthgen.generators.dialogue.cohort.roles import speaker_of
from synthgen.generators.dialogue.cohort.text import clean
from synthgen.generators.dialogue.encode import decode, encode
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.progress import Silent
from synthgen.records import Loaded

VISITS = [
    ("v1", "p1", 1, [("Doctor", "Good morning. What brings you in?"), ("Patient", "My knee hurts, mostly at night.")]),
    ("v2", "p1", 2, [("Doctor", "How is the knee?"), ("Patient", "Better, thank you."), ("Doctor", "Good.")]),
    ("v3", "p2", 1, [("Doctor", "Hello, both of you."), ("Patient", "Hi."), ("Mother", "He has had a fever.")]),
]
SIDES = {"Doctor": "clinician", "Patient": "patient", "Mother": "companion"}


class Notices(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def expected() -> list[tuple[str, str, int, tuple[Turn, ...]]]:
    return [
        (patient, record, session, tuple(Turn(SIDES[role], text) for role, text in turns))  # type: ignore[arg-type]
        for record, patient, session, turns in VISITS
    ]


def found(loaded: Loaded[Dialogue, DialogueCondition]) -> list[tuple[str, str, int, tuple[Turn, ...]]]:
    return [(r.patient, r.record, r.condition.session, r.payload.turns) for r in loaded.records]


def records(key: str, role: str, text: str) -> list[dict[str, object]]:
    return [
        {
            "dialogue_id": record,
            "patient_id": patient,
            "session": session,
            key: [{role: who, text: t} for who, t in turns],
        }
        for record, patient, session, turns in VISITS
    ]


def rows() -> list[dict[str, object]]:
    return [
        {"dialogue_id": record, "patient_id": patient, "session": session, "turn": i, "speaker": who, "text": text}
        for record, patient, session, turns in VISITS
        for i, (who, text) in enumerate(turns)
    ]


def write_jsonl(folder: Path) -> None:
    lines = [json.dumps(row) + "\n" for row in records("turns", "role", "text")]
    (folder / "a.jsonl").write_text("".join(lines[:2]))
    (folder / "b.jsonl").write_text(lines[2])
    (folder / "README.md").write_text("about")


def write_gzip(folder: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in records("turns", "speaker", "text"))
    (folder / "visits.jsonl.gz").write_bytes(gzip.compress(lines.encode()))


def write_array(folder: Path) -> None:
    (folder / "visits.json").write_text(json.dumps(records("conversations", "from", "value"), indent=2))


def write_messages(folder: Path) -> None:
    lines = []
    for row in records("messages", "role", "content"):
        for message in row["messages"]:  # type: ignore[attr-defined]
            message["role"] = {"Doctor": "assistant", "Patient": "user"}.get(message["role"], message["role"])
        row["messages"].insert(0, {"role": "system", "content": "You are a doctor."})  # type: ignore[attr-defined]
        lines.append(json.dumps(row) + "\r\n")
    (folder / "chat.jsonl").write_bytes("".join(lines).encode())


def write_csv(folder: Path) -> None:
    with (folder / "turns.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.DictWriter(file, ["dialogue_id", "patient_id", "session", "turn", "speaker", "text"])
        table.writeheader()
        table.writerows([*reversed(rows()[:2]), *reversed(rows()[2:])][:2])  # the column of turns orders them
        table.writerows([rows()[4], rows()[7], rows()[2], rows()[3], rows()[5], rows()[6]])


def write_tsv(folder: Path) -> None:
    with (folder / "turns.tsv").open("w", newline="", encoding="utf-16") as file:
        table = csv.DictWriter(
            file, ["dialogue_id", "patient_id", "session", "speaker", "text", "turn"], delimiter="\t"
        )
        table.writeheader()
        table.writerows(rows())


def write_parquet(folder: Path) -> None:
    (folder / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(records("turns", "role", "text")), folder / "data" / "train.parquet")


def write_saved_dataset(folder: Path) -> None:
    for split, part in (("train", slice(0, 2)), ("validation", slice(2, 3))):
        inner = folder / "saved" / split
        inner.mkdir(parents=True)
        table = pa.Table.from_pylist(records("turns", "role", "text")[part])
        with (
            pa.OSFile(str(inner / "data-00000-of-00001.arrow"), "wb") as file,
            pa.ipc.new_stream(file, table.schema) as stream,
        ):
            stream.write_table(table)
        (inner / "cache-1.arrow").write_bytes(b"not one of its own")
        (inner / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
        (inner / "dataset_info.json").write_text("{}")


def write_metadata(folder: Path, suffix: str) -> None:
    lines = ["file_name,patient_id,session,labels"]
    lines += [f"{record}{suffix},{patient},{session},knee" for record, patient, session, _ in VISITS]
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")


def write_webvtt(folder: Path) -> None:
    for record, _, _, turns in VISITS:
        blocks = ["WEBVTT - a visit", "NOTE\nnot a cue", "STYLE\n::cue { color: red }"]
        for i, (who, text) in enumerate(turns):
            first, last = text.rsplit(" ", 1) if " " in text else (text, "")
            blocks.append(f"{i}\n00:00:{i:02d}.000 --> 00:00:{i:02d}.400 align:start\n<v {who}><i>{first}</i></v>")
            if last:  # subtitles break an utterance; it is one turn all the same
                blocks.append(f"00:00:{i:02d}.500 --> 00:00:{i:02d}.900\n<v.loud {who}>{last}")
        (folder / f"{record}.vtt").write_text("\n\n".join(blocks) + "\n")
    write_metadata(folder, ".vtt")


def write_textgrid(folder: Path) -> None:
    for record, _, _, turns in VISITS:
        tiers = {who: [(i, text) for i, (other, text) in enumerate(turns) if other == who] for who, _ in turns}
        text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 9\ntiers? <exists>\n'
        text += f"size = {len(tiers)}\nitem []:\n"
        for number, (who, own) in enumerate(tiers.items(), start=1):
            text += f'    item [{number}]:\n        class = "IntervalTier"\n        name = "{who}"\n'
            text += f"        xmin = 0\n        xmax = 9\n        intervals: size = {2 * len(own)}\n"
            for i, (at, said) in enumerate(own):
                for part, start, end, content in ((1, at, at + 0.9, said), (2, at + 0.9, at + 1, "")):
                    text += f"        intervals [{2 * i + part}]:\n            xmin = {start}\n"
                    text += f'            xmax = {end}\n            text = "{content}"\n'
        (folder / f"{record}.TextGrid").write_text(text, encoding="utf-16" if record == "v2" else "utf-8")
    write_metadata(folder, ".TextGrid")


LAYOUTS = [
    (write_jsonl, "jsonl"), (write_gzip, "jsonl"), (write_array, "jsonl"), (write_messages, "jsonl"),
    (write_csv, "csv"), (write_tsv, "csv"), (write_parquet, "datasets"), (write_saved_dataset, "datasets"),
    (write_webvtt, "webvtt"), (write_textgrid, "textgrid"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "layout"), LAYOUTS, ids=lambda value: getattr(value, "__name__", value))
def test_every_layout_gives_the_same_dialogues(tmp_path: Path, write: Callable[[Path], None], layout: str) -> None:
    write(tmp_path)
    loaded = load_cohort(tmp_path, CohortConfig(), Silent())
    assert (found(loaded), loaded.layout, loaded.skipped) == (expected(), layout, ())
    assert [r.condition.sessions for r in loaded.records] == [2, 2, 1]
    assert load_candidates(tmp_path, CohortConfig(), Silent()) == [(r.record, r.payload) for r in loaded.records]


def test_one_file_is_a_cohort_too(tmp_path: Path) -> None:
    write_csv(tmp_path)
    assert found(load_cohort(tmp_path / "turns.csv", CohortConfig(), Silent())) == expected()


def test_the_user_may_be_the_clinician(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "What brings you in?"}, {"from": "gpt", "value": "A cough."}]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"conversations": turns}))
    (record,) = load_cohort(tmp_path, CohortConfig(clinician="user"), Silent()).records
    assert [turn.speaker for turn in record.payload.turns] == ["clinician", "patient"]


def test_labels_make_the_condition(tmp_path: Path) -> None:
    turns = [
        {"role": "therapist", "text": "Hello"},
        {"role": "client", "text": "Hi", "emotion": "sad", "stage": "intro"},
    ]
    labels: list[dict[str, object]] = [
        {"severity": "Moderately severe", "topic": "sleep", "setting": "Therapy", "note": "n" * 500},
        {"PHQ-9": 12, "topic": "sleep", "flag": True, "nested": [1], "absent": None},
        {"gad7_total": "15", "topic": "a thing that one patient has", "ratio": 0.5},
        {"severity": "unheard of", "topic": "sleep"},
    ]
    lines = [
        json.dumps({"dialogue_id": f"d{i}", "patient_id": i, "turns": turns, "labels": own})
        for i, own in enumerate(labels)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    loaded = load_cohort(tmp_path, CohortConfig(), Silent()).records
    assert [r.condition.severity for r in loaded] == ["moderately severe", "moderate", "severe", ""]
    assert [r.condition.disorder for r in loaded] == ["sleep", "sleep", "other", "sleep"]
    assert [r.condition.setting for r in loaded] == ["therapy", "", "", ""]
    assert [r.patient for r in loaded] == ["0", "1", "2", "3"]
    assert dict(loaded[0].payload.labels) == {"severity": "Moderately severe", "topic": "sleep", "setting": "Therapy"}
    assert dict(loaded[1].payload.labels) == {"PHQ-9": 12, "topic": "sleep", "flag": True}
    assert loaded[0].payload.turns[1] == Turn("patient", "Hi", "sad", "intro")


def test_dialogues_without_patients_are_patients_each_and_that_is_said(tmp_path: Path) -> None:
    turns = [{"role": "D", "text": "Hello"}, {"role": "P:", "text": "Hi"}]
    lines = [{"dialogue_id": "a", "turns": turns}, {"dialogue_id": "b", "patient_id": "a", "turns": turns}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    said = Notices()
    loaded = load_cohort(tmp_path, CohortConfig(), said)
    assert len({r.patient for r in loaded.records}) == 2 and loaded.records[1].patient == "a"
    assert "1 of 2 dialogues name no patient: each counts as a patient of its own" in said.lines


def test_a_pair_of_transcripts_is_one_visit(tmp_path: Path) -> None:
    head = '"ooTextFile"\n"TextGrid"\n0\n9\n<exists>\n1\n"IntervalTier"\n"utterances"\n0\n9\n'
    (tmp_path / "visit_01_doctor.TextGrid").write_text(head + '2\n0\n1\n"How are ""you""?"\n4\n5\n"Good."\n')
    (tmp_path / "visit_01_patient.TextGrid").write_text(head + '1\n2\n3\n"Fine."\n')
    (record,) = load_cohort(tmp_path, CohortConfig(), Silent()).records
    assert record.record == "visit_01"
    assert record.payload.turns == (
        Turn("clinician", 'How are "you"?'), Turn("patient", "Fine."), Turn("clinician", "Good.")
    )  # fmt: skip


def test_a_row_of_turns_may_be_merged(tmp_path: Path) -> None:
    turns = [("nurse", "One."), ("nurse_2", "Two."), ("pt", "Three.")]
    line = {"dialogue_id": "a", "patient_id": "a", "turns": [{"role": role, "text": text} for role, text in turns]}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    said = Notices()
    (kept,) = load_cohort(tmp_path, CohortConfig(), said).records
    (merged,) = load_cohort(tmp_path, CohortConfig(repeated_speaker="merge"), said).records
    assert len(kept.payload.turns) == 3 and merged.payload.turns[0] == Turn("clinician", "One.\nTwo.")
    assert "1 turns follow one of the same speaker, and stay as they are" in said.lines


@pytest.mark.parametrize(
    ("role", "side"),
    [
        ("Doctor", "clinician"), ("DR.", "clinician"), ("D:", "clinician"), ("doctor_2", "clinician"),
        ("Guest clinician", "clinician"), ("P", "patient"), ("client", "patient"), ("guest_family_1", "companion"),
        ("patient_guest", "companion"), ("Mary", ""), ("Dr. Smith", "clinician"), ("doctor_mother", ""),
        ("assistant", "clinician"), ("user", "patient"),
        ("system", "nobody"), ("Therapeutin", "clinician"), ("Patientin", "patient"), ("Dolmetscherin", "companion"),
        ("ÄRZTIN:", "clinician"), ("A", ""), ("SPEAKER_00", ""), ("Prof. Dr. Meyer", "clinician"),
        ("narrator", "nobody"),
    ],
)  # fmt: skip
def test_roles(role: str, side: str) -> None:
    assert speaker_of(role, {}, "assistant") == side
    assert speaker_of(role, {role: "companion"}, "assistant") == "companion"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        ("3", 3),
        ("S03", 3),
        ("session 12", 12),
        (2.0, 2),
        (True, None),
        (0, None),
        ("intake", None),
        (None, None),
    ],
)
def test_session_numbers(value: object, number: int | None) -> None:
    assert session_of(value) == number


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() not in {"", "nan", "NaN"}  # which pandas writes for an empty cell
)
turns = st.lists(
    st.builds(
        Turn,
        st.sampled_from(["clinician", "patient", "companion"]),
        texts,
        st.sampled_from(["", "sad", "calm"]),
        st.sampled_from(["", "opening"]),
    ),
    min_size=1,
    max_size=6,
)
labels = st.dictionaries(
    texts,
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    max_size=4,
)


@given(turns, labels)
def test_a_dialogue_survives_a_shard(said: list[Turn], own: dict[str, str | int | float | bool | None]) -> None:
    dialogue = Dialogue(tuple(said), tuple(sorted(own.items())))
    content = encode(dialogue)
    again = decode(content)
    assert again == dialogue and encode(again) == content
    assert [type(value) for _, value in again.labels] == [type(value) for _, value in dialogue.labels]


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"turns":[["doctor","x","",""]],"labels":[]}', b"\xff"])
def test_other_bytes_are_no_dialogue(content: bytes) -> None:
    with pytest.raises(ValueError):
        decode(content)


@given(st.text(st.characters()))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    once.encode()
    assert not any(ord(c) < 32 and c not in "\n\t" for c in once)


@given(st.text(st.sampled_from("ab [](){}<>*/.,_laughs UNIN xxx;"), max_size=40))
def test_taking_marks_off_only_takes(text: str) -> None:
    letters = iter(text)
    assert all(sign in letters for sign in stripped(text) if sign.isalnum())


@given(st.text(st.characters(exclude_characters="<[({*&_xX")))
def test_text_without_marks_stays(text: str) -> None:
    assert stripped(text) == text


@settings(max_examples=40)
@given(st.lists(turns, min_size=1, max_size=4), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, all_turns: list[list[Turn]], encoding: str
) -> None:
    kept = [
        [Turn(t.speaker, clean(t.text), t.emotion, t.stage) for t in own if clean(t.text)]
        + [Turn("clinician", "Goodbye."), Turn("patient", "Bye.")]
        for own in all_turns
    ]
    lines = [
        json.dumps(
            {
                "dialogue_id": f"d{i}",
                "patient_id": "p",
                "turns": [{"role": t.speaker, "text": t.text, "emotion": t.emotion, "stage": t.stage} for t in own],
            },
            ensure_ascii=False,
        )
        for i, own in enumerate(kept)
    ]
    file = tmp_path_factory.mktemp("cohort") / "visits.jsonl"
    file.write_bytes("\n".join(lines).encode(encoding))
    loaded = load_cohort(file, CohortConfig(markup="keep"), Silent())
    assert [list(r.payload.turns) for r in loaded.records] == kept
