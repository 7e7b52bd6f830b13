"""A release of dialogues: read back as it was, by datasets and Croissant, by chat templates; and split by patient."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from synthgen.errors import ReleaseRefusedError, UserError
from synthgen.generators.dialogue import write as writer
from synthgen.generators.dialogue.read import read_release
from synthgen.generators.dialogue.write import OPENING, held_out_patients, messages, write_release
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueSynthetic, Turn
from synthgen.records import Synthetic
from synthgen.release.card import dataset_card
from synthgen.release.checks import assert_public
from synthgen.release.croissant import croissant
from synthgen.report import DatasetFacts, Outcome, PrivacyReport, Provenance, ReleaseReport, ScreeningFacts

CASE_SEED = 987_654_321


def sample(index: int, sessions: int = 4) -> DialogueSynthetic:
    condition = DialogueCondition(
        "therapy" if index % 2 else "visit",
        "panic",
        "mild" if index % 3 else "",
        index % sessions + 1,
        sessions,
        index // sessions,
        CASE_SEED,
    )
    labels: tuple[tuple[str, str | int | float | bool], ...] = (("homework", "a diary"), ("phq9_total", index))
    turns = (
        Turn("clinician", f"Hello, number {index}.", "neutral", "check-in"),
        Turn("patient", "Hi. Ünsure.\nTwo lines.", "anxious"),
        Turn("companion", "I am with them."),
    )
    return Synthetic(CASE_SEED + index, condition, Dialogue(turns, labels if index % 2 else labels[1:]))


SAMPLES = [(index, sample(index)) for index in range(48)]


def stream() -> Iterator[tuple[int, DialogueSynthetic]]:
    return iter(SAMPLES)


def report(facts: DatasetFacts) -> ReleaseReport:
    privacy = PrivacyReport(
        Outcome.NO_COHORT, (), "A claim.", ("runs",), None, None, (), ScreeningFacts(48, 48, 0, 0), (), 0.55
    )
    source = Provenance("0.1.0", "demo", "c0ffee", "decaf", "demo", "CC0-1.0", "grammar over a plan")
    return ReleaseReport(source, facts, privacy, ())


def payloads(samples: list[DialogueSynthetic]) -> list[Dialogue]:
    return [one.payload for one in samples]


def test_it_is_read_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_ROW_GROUP", 5)
    monkeypatch.setattr(writer, "_ROWS_PER_FILE", 15)
    facts = write_release(tmp_path, stream)
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names[0] == "test-00000-of-00001.parquet" and "train-00002-of-00003.parquet" in names
    back = read_release(tmp_path)
    assert payloads(back) == [one.payload for _, one in SAMPLES]
    for again, (_, before) in zip(back, SAMPLES, strict=True):
        assert again.seed == 0
        assert again.condition.as_dict() == {**before.condition.as_dict(), "case_seed": 0}
    assert facts.samples == 48 and dict(facts.counts) == {"panic": 48, "severity: mild": 32}
    for name in names:
        assert str(CASE_SEED).encode() not in (tmp_path / "data" / name).read_bytes()
        assert pq.ParquetFile(tmp_path / "data" / name).metadata.num_rows <= 15


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_release(tmp_path / name, stream)
    for path in (tmp_path / "a" / "data").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "data" / path.name).read_bytes()


def test_no_patient_is_in_both_splits(tmp_path: Path) -> None:
    write_release(tmp_path, stream)
    owners = {
        split: set(pq.read_table(tmp_path / "data" / f"{split}-00000-of-00001.parquet")["patient_id"].to_pylist())
        for split in ("train", "test")
    }
    assert owners["train"] and owners["test"] and not owners["train"] & owners["test"]
    assert owners["train"] | owners["test"] == {f"SYNTHETIC-P{case:05d}" for case in range(12)}


@given(st.sets(st.integers(0, 10_000), max_size=60))
def test_a_part_of_the_patients_is_held_out(cases: set[int]) -> None:
    test = held_out_patients(cases)
    assert test < cases or len(cases) < 1
    assert bool(test) == (len(cases) > 1)


def test_a_tenth_is_held_out_and_stays_so_as_a_release_grows() -> None:
    small, large = held_out_patients(range(500)), held_out_patients(range(5000))
    assert small == {case for case in large if case < 500}
    assert 440 <= len(large) <= 560


SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text("ab é", min_size=1)


@settings(max_examples=30)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b b", "c"]), SCALARS), min_size=1, max_size=5))
def test_labels_of_any_kind_have_one_type_in_a_release(
    tmp_path_factory: pytest.TempPathFactory, labels: list[dict[str, str | int | float | bool]]
) -> None:
    folder = tmp_path_factory.mktemp("release")
    turns = (Turn("patient", "Hi"), Turn("clinician", "Hello"))
    samples = [
        (i, Synthetic(0, DialogueCondition(case=i), Dialogue(turns, tuple(sorted(own.items())))))
        for i, own in enumerate(labels)
    ]
    write_release(folder, lambda: iter(samples))
    back = [dict(one.payload.labels) for one in read_release(folder)]
    assert [set(own) for own in back] == [set(own) for own in labels]
    for name in ("a", "b b", "c"):
        assert len({type(own[name]) for own in back if name in own}) <= 1
    kinds = {type(value) for own in labels for value in own.values()}
    if len(kinds) == 1:
        assert back == labels


def test_nothing_to_write(tmp_path: Path) -> None:
    facts = write_release(tmp_path, lambda: iter(()))
    assert facts.samples == 0 and facts.tables == (("train", "data/train-*.parquet"),)
    assert read_release(tmp_path) == []
    assert croissant(tmp_path, report(facts))["name"] == facts.title


def test_datasets_reads_both_splits_offline(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "release").mkdir()
    facts = write_release(tmp_path / "release", stream)
    (tmp_path / "release" / "README.md").write_text(dataset_card(report(facts), quarantined=False, contact_sheet=None))
    script = (
        "import sys; from datasets import load_dataset\n"
        "data = load_dataset(sys.argv[1], cache_dir=sys.argv[2])\n"
        "assert sorted(data) == ['test', 'train'] and sum(map(len, data.values())) == 48, data\n"
        "row = data['train'][1]\n"
        "assert row['turns'][1] == {'speaker': 'patient', 'text': 'Hi. Ünsure.\\nTwo lines.', 'emotion': 'anxious', "
        "'stage': None}, row\n"
        "assert row['labels'] == {'homework': 'a diary', 'phq9_total': 1} and row['severity'] == 'mild', row\n"
        "assert [m['role'] for m in row['messages']] == ['user', 'assistant', 'user'], row\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", script, str(tmp_path / "release"), str(tmp_path / "cache")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_the_card_and_croissant_describe_it(tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    facts = write_release(tmp_path, stream)
    (tmp_path / "croissant.json").write_text(json.dumps(croissant(tmp_path, report(facts))))
    dataset = mlc.Dataset(str(tmp_path / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    found = {record["samples/dialogue_id"]: record for record in dataset.records("samples")}
    assert len(found) == 48
    row = found[b"SYNTHETIC-000001"]
    assert row["samples/turns"][0]["samples/turns/text"] == b"Hello, number 1."
    assert row["samples/messages"][0] == {
        "samples/messages/role": b"user",
        "samples/messages/content": OPENING.encode(),
    }
    assert row["samples/labels"] == {"samples/labels/homework": b"a diary", "samples/labels/phq9_total": 1}
    assert {record["samples/split"] for record in found.values()} == {b"train", b"test"}
    _, header, _ = dataset_card(report(facts), quarantined=False, contact_sheet=None).split("---\n", 2)
    assert yaml.safe_load(header)["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train-*.parquet"},
        {"split": "test", "path": "data/test-*.parquet"},
    ]


def test_the_last_look_reads_inside_the_tables(tmp_path: Path) -> None:
    write_release(tmp_path, stream)
    assert_public(tmp_path, ["Waldemar Quux"])
    for private in ("a diary", "Two lines"):  # a label, and words after a line end
        with pytest.raises(ReleaseRefusedError):
            assert_public(tmp_path, [private])


TEMPLATES = {
    # Each in the manner of the family's own template, as strict as it is: what they refuse is what matters here.
    "gemma": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}"
        "<end_of_turn>\n"
        "{% endfor %}"
    ),
    "mistral": (
        "{% set rest = messages[1:] if messages[0]['role'] == 'system' else messages %}{{ bos_token }}"
        "{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% elif m['role'] == 'assistant' %}"
        " {{ m['content'] }}{{ eos_token }}{% else %}{{ raise_exception('unknown role') }}{% endif %}{% endfor %}"
    ),
    "chatml": "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}",
    "llama3": (
        "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}"
        "<|eot_id|>{% endfor %}"
    ),
}
said_turns = st.lists(
    st.builds(
        Turn, st.sampled_from(["clinician", "patient", "companion"]), st.text("xyz .", min_size=1).map("w{}".format)
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def tokenizer() -> object:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))  # noqa: S106 - no password
    return transformers.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>")  # noqa: S106


@pytest.mark.parametrize("family", TEMPLATES)
def test_messages_feed_chat_templates_unchanged(tokenizer: object, family: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(said_turns)
    def check(turns: list[Turn]) -> None:
        text = tokenizer.apply_chat_template(  # type: ignore[attr-defined]
            messages(turns), chat_template=TEMPLATES[family], tokenize=False
        )
        at = 0
        for turn in turns:  # everything is said, in order
            at = text.index(turn.text.strip(), at)
            at += 1

    check()


def test_messages_of_one_side_are_one() -> None:
    turns = [Turn("clinician", "A"), Turn("clinician", "B"), Turn("patient", "C"), Turn("companion", "D")]
    assert messages(turns) == [
        {"role": "user", "content": OPENING},
        {"role": "assistant", "content": "A\nB"},
        {"role": "user", "content": "C\nCompanion: D"},
    ]
    assert messages(turns[2:])[0] == {"role": "user", "content": "C\nCompanion: D"}


def test_no_release(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a release of dialogues"):
        read_release(tmp_path)
    write_release(tmp_path, stream)
    train = tmp_path / "data" / "train-00000-of-00001.parquet"
    whole = train.read_bytes()
    train.write_bytes(whole[:-20])
    with pytest.raises(UserError, match="damaged"):
        read_release(tmp_path)
    table = pa.table({"dialogue_id": ["SYNTHETIC-000000"], "turns": [[{"speaker": "nobody"}]]})
    pq.write_table(table, train)
    with pytest.raises(UserError, match="row 1: the sample cannot be read"):
        read_release(tmp_path)
    train.rename(train.with_name("train-00000-of-00002.parquet"))
    with pytest.raises(UserError, match=r"train-00001-of-00002\.parquet is missing"):
        read_release(tmp_path)
