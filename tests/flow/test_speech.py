"""A finished run of speech, as its user finds it; and a user's mistakes with recordings."""

import json
from pathlib import Path

import numpy as np
import pytest
from flow_command import TINY_SPEECH, Run, contents, result_of

from synthgen.ledger import read_ledger

soundfile = pytest.importorskip("soundfile")
GENERATE = ("generate", "--modality", "speech", "--config", TINY_SPEECH)


def test_the_release_is_an_audiofolder(finished_speech: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = result_of(finished_speech)
    names = set(contents(result))
    assert {"README.md", "croissant.json", "privacy_report.json", "report.html", "SHA256SUMS"} <= names
    for ending in (".flac", ".rttm", ".vtt", ".TextGrid"):
        assert any(name.endswith(ending) for name in names), ending
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    tables = [str(path) for path in sorted((result / "data").glob("*/metadata.jsonl"))]
    turns = list(datasets.load_dataset("json", data_files=tables, split="train", cache_dir=str(tmp_path / "cache")))
    assert {"file_name", "session", "turn", "speaker", "emotion", "intensity", "text"} <= set(turns[0])
    folders = {path.parent for path in map(Path, tables)}
    assert all(any((folder / turn["file_name"]).is_file() for folder in folders) for turn in turns)


def test_the_report_states_filters_rules_and_misses(finished_speech: Path) -> None:
    privacy = json.loads((result_of(finished_speech) / "privacy_report.json").read_text())["privacy"]
    assert {"speaker", "speaker_narrow", "spectrum", "recording", "recording_passage"} <= set(privacy["filters"])
    planted = {p["perturbation"]: p for p in privacy["planted"]}
    assert planted["exact"]["caught"] == planted["exact"]["planted"] > 0
    assert {"world_round_trip", "band_8khz", "mp3_64kbit", "noise_20db"} <= set(planted)
    entries, _ = read_ledger(finished_speech / "work" / "ledger.jsonl")
    assert len(entries) == privacy["screening"]["attempts"]


def test_private_stays_private(finished_speech: Path) -> None:
    text = b"".join(contents(result_of(finished_speech)).values())
    assert str(finished_speech).encode() not in text
    assert (finished_speech / "work").stat().st_mode & 0o777 == 0o700


def test_recordings_that_cannot_be_heard(synthgen: Run, tmp_path: Path) -> None:
    """Every clip is silent, or no sound at all: one line, and nothing is written."""
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    rows = ["file_name,speaker_id"]
    for i in range(4):
        soundfile.write(cohort / f"{i}.wav", np.zeros(16_000), 16_000)
        rows.append(f"{i}.wav,s{i}")
    (cohort / "broken.wav").write_bytes(b"RIFF")
    (cohort / "metadata.csv").write_text("\n".join([*rows, "broken.wav,s9"]) + "\n")
    done = synthgen(*GENERATE, "--data", cohort, cwd=tmp_path)
    last = [line for line in done.stderr.splitlines() if line.startswith("synthgen: ")]
    assert done.returncode == 2, done.stderr
    assert len(last) == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "release").exists()
