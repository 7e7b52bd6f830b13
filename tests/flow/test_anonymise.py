"""``synthgen anonymize`` as a user types it: the verdict, the seal, a kill, a lost key, and mistakes in one line."""

import json
import shutil
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from flow_command import Run, contents, killed, result_of
from typer.testing import CliRunner

import synthgen as package
from synthgen import Outcome
from synthgen.cli import app
from synthgen.errors import UserError
from synthgen.modality import load

ARGUMENTS = ("--modality", "dialogue", "--seed", "3")
SESSIONS = ("--set", "modality.demo.patients=140", "--set", "modality.demo.sessions=2")
SPLIT = ("--set", "split.train=0.4", "--set", "split.calibration=0.3", "--set", "split.audit=0.3")


def typed(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["anonymize", *ARGUMENTS, *SPLIT, *map(str, arguments)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anonymise") / "cohort"
    short = "modality.demo.utterances=[20,24]"
    made = CliRunner().invoke(
        app, ["demo-cohort", "--modality", "dialogue", "--out", str(folder), *SESSIONS, "--set", short]
    )
    assert made.exit_code == 0, made.output
    return folder


@pytest.fixture(scope="module")
def refused(data: Path) -> Path:
    """The folder of a run that ended in quarantine: transcripts give their patients away."""
    folder = data.parent
    result = typed("--data", data, "--out", folder / "release", "--work", folder / "work")
    assert result.exit_code == 3, result.output
    assert not (folder / "release").exists()
    return folder


def told(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "privacy_report.json").read_text())["privacy"]
    return found


def test_the_release_says_who_finds_whom(refused: Path) -> None:
    quarantine = refused / "work" / "quarantine"
    report = told(quarantine)
    assert report["outcome"] == "REFUSE" and report["operator"] == "surrogates"
    assert "same_record" in report["broken"]  # type: ignore[operator]
    card = (quarantine / "README.md").read_text()
    assert "Same record succeeds" in card and "REFUSED – do not share" in card
    page = (quarantine / "report.html").read_text()
    assert "whom attackers learnt on" in page and "<script" not in page
    assert json.loads((quarantine / "croissant.json").read_text())["rai:dataCollectionType"] == "Anonymised"


def test_what_is_refused_is_whole_and_no_release(refused: Path) -> None:
    (problem,) = package.verify(refused / "work" / "quarantine").problems
    assert "was not sealed (REFUSE)" in problem


def test_hardly_a_known_identifier_stands_in_what_would_be_released(refused: Path, data: Path) -> None:
    import pyarrow.parquet as pq

    known = json.loads((data / "identifiers.json").read_text())
    texts = {one[key] for one in known for key in ("name", "address", "phone")}
    assert len(texts) > 400
    said = "\n".join(
        turn["text"]
        for path in sorted((refused / "work/quarantine/data").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
        for turn in row["turns"]
    )
    assert sum(one in said for one in texts) <= 2


def test_records_of_one_patient_are_no_neighbours_in_the_release(refused: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(refused / "work/quarantine/data/train-00000-of-00001.parquet").to_pylist()
    patients = [row["patient_id"] for row in rows]
    assert len(set(patients)) * 2 == len(patients) > 200  # two sessions each
    assert sum(a == b for a, b in pairwise(patients)) < 0.1 * len(set(patients))


def test_a_run_that_was_cut_short_ends_with_the_same_bytes(refused: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(refused / "work", tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "quarantine")
    for path in sorted((tmp_path / "work" / "changed").iterdir())[::3]:
        path.unlink()
    assert typed("--data", data, "--out", tmp_path / "release", "--work", tmp_path / "work").exit_code == 3
    for path in sorted(p for p in (refused / "work/quarantine").rglob("*") if p.is_file()):
        again = tmp_path / "work/quarantine" / path.relative_to(refused / "work/quarantine")
        if path.suffix == ".parquet":
            assert again.read_bytes() == path.read_bytes(), path.name


@pytest.mark.slow
@pytest.mark.parametrize("operator", [("cxr", "warp", "1"), ("dialogue", "surrogates", "1")], ids=lambda one: one[0])
def test_killed_twenty_times_it_ends_with_the_same_bytes(tmp_path: Path, operator: tuple[str, str, str]) -> None:
    """Each kill strikes at a random moment of what a whole run takes; a run that ends before begins a new folder."""
    name, *changes = operator
    size = ("modality.demo.size=64",) if name == "cxr" else ("modality.demo.utterances=[20,24]",)
    settings = [word for one in (*size, "modality.demo.patients=120") for word in ("--set", one)]
    made = ["demo-cohort", "--modality", name, "--config", "demo", *settings, "--out", str(tmp_path / "cohort")]
    assert CliRunner().invoke(app, made).exit_code == 0
    asked = ["anonymize", "--modality", name, "--config", "demo", *settings, "--seed", "3", *SPLIT]
    asked += ["--data", tmp_path / "cohort", "--operator", changes[0], "--strength", changes[1]]
    (tmp_path / "0").mkdir()
    started = time.monotonic()
    assert not killed(asked, tmp_path / "0", 600)
    whole, rng = time.monotonic() - started, np.random.default_rng(20)
    folders, struck = [tmp_path / "0", tmp_path / "1"], 0
    folders[1].mkdir()
    while struck < 20:
        if result_of(folders[-1]).exists():
            folders.append(tmp_path / str(len(folders)))
            folders[-1].mkdir()
        struck += killed(asked, folders[-1], rng.uniform(0.05, 0.95) * whole)
    assert not killed(asked, folders[-1], 600)
    for folder in folders[1:]:
        assert contents(result_of(folder)) == contents(result_of(folders[0]))
        assert contents(folder / "work" / "changed") == contents(folders[0] / "work" / "changed")


def test_a_lost_key_is_one_line(refused: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(refused / "work", tmp_path / "work")
    (tmp_path / "work" / "key").unlink()
    monkeypatch.setenv("SYNTHGEN_STATE", str(tmp_path / "state"))
    result = typed("--data", data, "--out", tmp_path / "release", "--work", tmp_path / "work")
    assert result.exit_code == 2 and "begun with another key, which is lost" in result.output
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--strength", "7"), "--strength of surrogates is 0"),
        (("--strength", "-1"), "anonymise.strength"),
        (("--operator", "mcadams"), "no operator 'mcadams': give one of surrogates"),
        (("--set", "anonymise.hold=[everything]"), "anonymise.hold"),
        (("--set", "anonymise.eer=0.1"), "anonymise.eer"),
        (("--accept", "REFUSE"), "REFUSE"),
    ],
)
def test_mistakes_are_one_line(data: Path, tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    result = typed("--data", data, "--out", tmp_path / "release", "--work", tmp_path / "work", *arguments)
    assert result.exit_code == 2 and line in result.output
    assert len(result.output.strip().splitlines()[-1]) < 400 and "Traceback" not in result.output
    assert not (tmp_path / "release").exists() and not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("modality", "strength", "line"),
    [("dialogue", "7", "--strength of surrogates is 0"), ("cxr", "5.5", "--strength of warp is at most 5, got 5.5")],
)
def test_a_wrong_strength_is_told_before_the_cohort_is_read(
    synthgen: Run, tmp_path: Path, modality: str, strength: str, line: str
) -> None:
    (tmp_path / "data").mkdir()  # holds no cohort: reading it would be refused
    places = ("--data", tmp_path / "data", "--out", tmp_path / "r", "--work", tmp_path / "w")
    result = synthgen("anonymize", "--modality", modality, *places, "--strength", strength)
    assert result.returncode == 2 and line in result.stderr
    assert not (tmp_path / "w").exists()


def test_what_was_changed_is_not_evaluated_as_synthetic(refused: Path, data: Path, tmp_path: Path) -> None:
    asked = ["evaluate", str(refused / "work/quarantine"), "--data", str(data), "--work", str(tmp_path / "work")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2 and "real records that were changed" in result.output
    assert not (tmp_path / "work").exists()


def test_a_modality_without_an_operator_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    without = replace(load("dialogue"), anonymiser=None)
    with pytest.raises(UserError, match="cannot be anonymised"):
        package.anonymize(without, data=tmp_path / "data", out=tmp_path / "r", work=tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_from_python_a_verdict_is_a_value(data: Path, tmp_path: Path) -> None:
    sealed = package.anonymize(
        "dialogue",
        data=data,
        out=tmp_path / "release",
        work=tmp_path / "work",
        seed=1,
        settings=["anonymise.strength=0", "split.train=0.4", "split.calibration=0.3", "split.audit=0.3"],
    )
    assert sealed.outcome is Outcome.REFUSE and sealed.quarantined
    assert len(sealed.reasons) == 1 and "rank-1 100.0%" in sealed.reasons[0]


def test_what_cannot_pass_is_said_before_anything_is_changed(data: Path, tmp_path: Path) -> None:
    few = ("--set", "split.train=0.8", "--set", "split.calibration=0.1", "--set", "split.audit=0.1")
    asked = ["anonymize", *ARGUMENTS, *few, "--data", str(data), "--out", str(tmp_path / "r"), "--work"]
    result = CliRunner().invoke(app, [*asked, str(tmp_path / "w")])
    told = [line for line in result.stderr.splitlines() if line.startswith("expect no PASS")]
    assert told and "other record" in told[0] and result.stderr.index(told[0]) < result.stderr.index("change")


def test_nothing_is_written_into_the_cohort(data: Path, tmp_path: Path) -> None:
    for place in (("--work", data / "w", "--out", tmp_path / "r"), ("--work", tmp_path / "w", "--out", data / "r")):
        result = typed("--data", data, *place)
        assert result.exit_code == 2 and "lies within --data" in result.output
    assert not (data / "w").exists() and not (tmp_path / "w").exists()
