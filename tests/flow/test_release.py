"""A finished run, as its user finds it."""

import json
from pathlib import Path

import pytest
from flow_command import TINY, Run, contents, result_of

from synthgen.ledger import read_ledger


def test_the_result_is_complete_and_readable(finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = result_of(finished)
    names = set(contents(result))
    for name in ("README.md", "croissant.json", "privacy_report.json", "report.html", "SHA256SUMS"):
        assert name in names
    assert {f"data/train/{i:06d}.png" for i in range(12)} <= names
    assert {f"dicom/{i:06d}.dcm" for i in range(12)} <= names
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    read = datasets.load_dataset(str(result), cache_dir=str(tmp_path / "cache"), split="train")
    assert len(read) == 12
    assert read[0]["image"].size == (32, 32)


def test_the_report_states_what_the_gate_did(finished: Path) -> None:
    report = json.loads((result_of(finished) / "privacy_report.json").read_text())
    privacy = report["privacy"]
    assert {*privacy["filters"], *privacy["calibration"]["dropped_filters"]} == {
        *("near_copy", "keypoints", "overlay", "regions", "coarse", "blurred", "person"),
    }
    assert privacy["calibration"]["patients_train"] == 24
    assert privacy["calibration"]["patients_calibration"] == 24
    assert privacy["calibration"]["k"] == 1
    assert privacy["screening"]["slots"] == 12
    planted = {p["perturbation"]: p for p in privacy["planted"]}
    assert planted["exact"]["caught"] == planted["exact"]["planted"] == 4
    assert {"jpeg_q50", "horizontal_flip", "autoencoder", "noised_5%_and_denoised", "another_visit"} <= set(planted)
    assert privacy["outcome"] != "PASS" or not privacy["reasons"]


def test_fitness_for_use_is_held_against_its_floors(finished: Path) -> None:
    privacy = json.loads((result_of(finished) / "privacy_report.json").read_text())["privacy"]
    floors = {floor["estimate"]["metric"]: floor for floor in privacy["floors"]}
    assert any(name.startswith("radial_power") and floor["least"] == 0.2 for name, floor in floors.items())
    missed = [name for name, floor in floors.items() if floor["estimate"]["ci95"][1] < floor["least"]]
    told = [reason for reason in privacy["reasons"] if "not fit for use" in reason]
    assert len(told) == len(missed) and all(any(name in reason for reason in told) for name in missed)
    assert ("Not fit for use: " in (result_of(finished) / "README.md").read_text()) is bool(missed)


def test_the_ledger_tells_every_attempt(finished: Path) -> None:
    entries, _ = read_ledger(finished / "work" / "ledger.jsonl")
    privacy = json.loads((result_of(finished) / "privacy_report.json").read_text())["privacy"]
    report = privacy["screening"]
    assert len(entries) == report["attempts"]
    assert sum(not e["kept"] for e in entries) == report["rejected"]
    assert {e["slot"] for e in entries if e["kept"]} == set(range(12))
    assert all(len(e["verdicts"]) == len(privacy["filters"]) for e in entries)


def test_private_stays_private(finished: Path) -> None:
    work = finished / "work"
    assert work.stat().st_mode & 0o777 == 0o700
    calibration = json.loads((work / "screen" / "calibration.json").read_text())
    text = b"".join(contents(result_of(finished)).values())
    numbers = [str(n) for n in (*calibration["strangers"], calibration["threshold"]) if len(str(n)) > 8]
    assert len(numbers) >= 10
    assert not [n for n in numbers if n.encode() in text]
    assert str(finished).encode() not in text
    for image in (work / "demo-cohort" / "images").iterdir():
        assert image.stem.encode() not in text


def test_what_is_to_be_reviewed_is_private_and_shows_pairs(finished: Path, synthgen: Run) -> None:
    assert synthgen("review", "work", "--static", cwd=finished).returncode == 0
    for name in ("pairs.parquet", "index.html"):
        assert (finished / "work" / "audit" / name).stat().st_mode & 0o077 == 0
    page = (finished / "work" / "audit" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3 * page.count("<article") >= 3 * 12
    assert not list(result_of(finished).rglob("audit*"))


def test_again_is_a_no_op_and_other_settings_are_refused(finished: Path, synthgen: Run) -> None:
    before = contents(finished)
    again = synthgen("generate", "--modality", "cxr", "--config", TINY, "--format", "dicom", cwd=finished)
    assert again.returncode in {0, 3}, again.stderr
    assert contents(result_of(finished)) == {
        name.split("/", 1 if (finished / "release").exists() else 2)[-1]: data
        for name, data in before.items()
        if name.startswith(("release/", "work/quarantine/"))
    }
    other = synthgen("generate", "--modality", "cxr", "--config", TINY, "--seed", "1", cwd=finished)
    assert other.returncode == 2
    assert "other settings" in other.stderr or "another run" in other.stderr
    assert "Traceback" not in other.stderr
