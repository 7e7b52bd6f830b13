"""``synthgen anonymize --modality speech`` as a user types it: what is released, who finds whom, a kill, mistakes."""

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from click.testing import Result
from speech_people import says
from typer.testing import CliRunner

from synthgen.cli import app

SPLIT = ("split.train=0.3", "split.calibration=0.35", "split.audit=0.35", "modality.evaluation.wer_turns=0")


def typed(data: Path, folder: Path, *arguments: str) -> Result:
    settings = [part for setting in SPLIT for part in ("--set", setting)]
    asked = ["anonymize", "--modality", "speech", "--seed", "3", "--config", "cpu", "--data", str(data)]
    places = ["--out", str(folder / "release"), "--work", str(folder / "work")]
    return CliRunner().invoke(app, [*asked, *places, *settings, *arguments])


def written(folder: Path, people: int, recordings: int) -> Path:
    folder.mkdir(parents=True)
    rows = ["file_name,speaker_id,transcript"]
    for person in range(people):
        for number in range(recordings):
            soundfile.write(folder / f"s{person}-{number}.wav", says(person, number, 1.6), 16_000)
            rows.append(f"s{person}-{number}.wav,s{person},so we went home again")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anonymise-speech")
    written(folder / "cohort", 70, 2)
    result = typed(folder / "cohort", folder, "--operator", "world")
    assert result.exit_code == 3, result.output
    return folder


@pytest.mark.slow
def test_the_very_recording_is_found_by_its_rhythm_and_the_release_is_refused(refused: Path) -> None:
    quarantine = refused / "work" / "quarantine"
    privacy = json.loads((quarantine / "privacy_report.json").read_text())["privacy"]
    assert privacy["outcome"] == "REFUSE" and "same_record" in privacy["broken"]
    found = {(fact["attack"], fact["attacker"]): fact["rank1"]["value"] for fact in privacy["attacks"]}
    assert found["same_record", "levels over time, correlated"] > 0.9
    assert not privacy["missing"]
    rows = [json.loads(line) for line in (quarantine / "data/train/metadata.jsonl").read_text().splitlines()]
    assert len(rows) > 130 and {row["text"] for row in rows} == {"so we went home again"}
    for row in rows[:10]:
        samples, _ = soundfile.read(quarantine / "data/train" / row["file_name"])
        assert len(samples) == 25_600 and 0.01 < abs(samples).max() < 0.99


@pytest.mark.slow
def test_a_run_that_was_cut_short_ends_with_the_same_sound(refused: Path, tmp_path: Path) -> None:
    shutil.copytree(refused / "work", tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "quarantine")
    for path in sorted((tmp_path / "work" / "changed").iterdir())[::3]:
        path.unlink()
    assert typed(refused / "cohort", tmp_path, "--operator", "world").exit_code == 3
    for path in sorted((refused / "work/quarantine/data").rglob("*.flac")):
        again = tmp_path / "work" / path.relative_to(refused / "work")
        assert again.read_bytes() == path.read_bytes(), path.name


@pytest.mark.slow
def test_nothing_changed_is_refused_and_one_recording_each_is_said(tmp_path: Path) -> None:
    data = written(tmp_path / "cohort", 60, 1)
    result = typed(data, tmp_path, "--strength", "0")
    assert result.exit_code == 3, result.output
    privacy = json.loads((tmp_path / "work/quarantine/privacy_report.json").read_text())["privacy"]
    assert privacy["outcome"] == "REFUSE" and {"same_record", "oracle"} <= set(privacy["broken"])
    assert {name for name, _ in privacy["missing"]} == {"other_record", "within_release"}


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    data = written(tmp_path / "cohort", 12, 1)
    for arguments, line in (
        (("--operator", "warp"), "no operator 'warp': give one of world, both, mcadams"),
        (("--strength", "3"), "at most 2"),
        (("--set", "modality.pseudo_speaker=nobody"), "modality.pseudo_speaker"),
    ):
        result = typed(data, tmp_path, *arguments)
        assert result.exit_code == 2 and line in result.output, result.output
        assert "Traceback" not in result.output and not (tmp_path / "release").exists()
