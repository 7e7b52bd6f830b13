"""A finished run of dialogues, as its user finds it; and a user's mistakes with transcripts."""

import json
from pathlib import Path

import pytest
from flow_command import TINY_DIALOGUE, Run, contents, result_of

from synthgen.ledger import read_ledger

GENERATE = ("generate", "--modality", "dialogue", "--config", TINY_DIALOGUE)


def test_the_release_is_read_by_datasets_and_feeds_a_chat(
    finished_dialogue: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    read = datasets.load_dataset(str(result_of(finished_dialogue)), cache_dir=str(tmp_path / "cache"))
    rows = [row for split in read.values() for row in split]
    assert len(rows) == 12
    assert len({row["patient_id"] for row in rows}) == 3
    for row in rows:
        assert 24 <= len(row["turns"]) <= 30
        assert [turn["speaker"] for turn in row["turns"][:2]] == ["clinician", "patient"]
        roles = [message["role"] for message in row["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2)


def test_nobody_of_the_cohort_is_named_in_the_release(finished_dialogue: Path) -> None:
    planted = json.loads((finished_dialogue / "work" / "demo-cohort" / "identifiers.json").read_text())
    assert len(planted) == 60
    released = b"".join(contents(result_of(finished_dialogue)).values()).decode("utf-8", "replace")
    for known in planted:
        assert not [known[key] for key in ("name", "born", "address", "phone", "rare_fact") if known[key] in released]


def test_the_cohort_does_hold_what_was_planted(finished_dialogue: Path) -> None:
    """Otherwise the test above could not fail."""
    cohort = finished_dialogue / "work" / "demo-cohort"
    told = {json.loads(line)["patient_id"]: line for line in (cohort / "dialogues.jsonl").read_text().splitlines()}
    for known in json.loads((cohort / "identifiers.json").read_text()):
        for key in ("name", "born", "address", "phone", "rare_fact"):
            assert known[key] in told[known["patient_id"]]


def test_the_report_states_filters_rules_and_misses(finished_dialogue: Path) -> None:
    privacy = json.loads((result_of(finished_dialogue) / "privacy_report.json").read_text())["privacy"]
    assert {*privacy["filters"], *privacy["calibration"]["dropped_filters"]} == {
        *(
            "shared_run",
            "shared_words",
            "near_duplicate",
            "passage",
            "coverage",
            "alignment",
            "rare_facts",
            "told_events",
        ),
    }
    assert privacy["rules"] == ["unfinished", "identifiers"]
    planted = {p["perturbation"]: p for p in privacy["planted"]}
    assert planted["exact"]["caught"] == planted["exact"]["planted"] == 12
    assert {"half_of_turns_replaced", "synonyms", "within_a_generated_session"} <= set(planted)
    entries, _ = read_ledger(finished_dialogue / "work" / "ledger.jsonl")
    assert len(entries) == privacy["screening"]["attempts"]
    assert all(len(entry["verdicts"]) == len(privacy["filters"]) + 2 for entry in entries)


def test_a_released_session_that_is_a_patients_own_is_found(
    finished_dialogue: Path, synthgen: Run, tmp_path: Path
) -> None:
    """Half of somebody else's dialogues are sessions of the cohort: screening keeps none of them."""
    cohort = finished_dialogue / "work" / "demo-cohort"
    lines = (cohort / "dialogues.jsonl").read_text().splitlines()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "dialogues.jsonl").write_text("\n".join(lines[:20]) + "\n")
    done = synthgen(
        "screen", theirs, "--modality", "dialogue", "--config", TINY_DIALOGUE, "--data", cohort, cwd=tmp_path
    )
    assert done.returncode == 3, done.stderr
    assert "exact" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--set", "modality.generator.realiser=transformers"), "base must name a chat model"),
        (("--set", "base=/nowhere/at/all", "--set", "realiser=transformers"), "/nowhere/at/all"),
        (
            (
                "--set",
                "realiser=openai",
                "--set",
                "base=m",
                "--set",
                "modality.generator.server.url=http://example.org/v1",
            ),
            "example.org",
        ),
        (("--set", "modality.generator.plan.sessions=13"), "sessions"),
        (("--set", "modality.demo.utterances=[10,12]"), "utterances must be two different numbers"),
        (("--set", "modality.generator.plan.therapy.moon_sickness=1"), "moon_sickness"),
    ],
)
def test_settings_that_cannot_work(synthgen: Run, tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    done = synthgen(*GENERATE, *arguments, cwd=tmp_path)
    _refused(done, word)
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ('{"turns": [{"speaker": "doctor", "text": "Hello PRIVATE"}]\n', "line 1 is not valid JSON"),
        ('{"patient_id": "a", "turns": [{"speaker": "wizard", "text": "Hello PRIVATE"}]}\n', "wizard"),
        ('{"patient_id": "a", "turns": [{"speaker": "doctor", "text": "Hello PRIVATE"}]}\n', "one-sided"),
        ('{"patient_id": "a", "turns": []}\n', "without any text"),
        ("", "no "),
    ],
)
def test_transcripts_that_cannot_be_read(synthgen: Run, tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "theirs.jsonl").write_text(content)
    done = synthgen(*GENERATE, "--data", tmp_path / "theirs.jsonl", cwd=tmp_path)
    _refused(done, "", private="PRIVATE")
    assert word in done.stderr + done.stdout


def _refused(done: object, word: str, private: str = "") -> None:
    stderr = getattr(done, "stderr")  # noqa: B009
    last = [line for line in stderr.splitlines() if line.startswith("synthgen: ")]
    assert getattr(done, "returncode") == 2, stderr  # noqa: B009
    assert len(last) == 1, stderr
    assert word in last[0], last[0]
    assert "Traceback" not in stderr
    assert not private or private not in stderr
