"""Lines that refuse a command say what to do; done, the same command goes on."""

import csv
import shutil
from pathlib import Path

import pytest
from vitals_command import Vitals, last_line, options, words

pytestmark = pytest.mark.field("advice", "refused")
SMALL = ("--set", "gate.planted=20", "--set", "gate.alpha=0.05", "--set", "gate.attempts=60", "-n", "20")


@pytest.fixture
def clinic(vitals: Vitals, tmp_path: Path) -> Path:
    """Sixty patients."""
    assert vitals("demo-cohort", "--out", "clinic", "--set", "modality.patients=60").exit_code == 0
    return tmp_path / "clinic"


def refused(done: object, *told: str) -> str:
    line = last_line(done)  # type: ignore[arg-type]
    assert done.exit_code == 2, line  # type: ignore[attr-defined]
    for word in told:
        assert word in line, line
    return line


@pytest.mark.parametrize(
    ("asked", "told", "then"),
    [
        (["--set", "gate.alfa=0.02"], "did you mean gate.alpha?", ["--set", "gate.alpha=0.02"]),
        (["--set", "gate.alpha=0.2"], "less than or equal to 0.05", ["--set", "gate.alpha=0.05"]),
        (["--set", "gate.planted=many"], "valid integer", ["--set", "gate.planted=60"]),
        (["--set", "gate.alpha"], "--set takes key=value", ["--set", "gate.alpha=0.02"]),
        (["--set", "gate.alpha.x=1"], "gate.alpha: input should be a valid number", ["--set", "gate.alpha=0.02"]),
        (["--set", "gate={alpha: 0.02"], "quote it for the shell", ["--set", "gate={alpha: 0.02}"]),
        (["--config", "dmeo"], "give one of demo", ["--config", "demo"]),
        (["--config", "no.yaml"], "or a preset: demo", ["--config", "demo"]),
    ],
)
def test_settings(vitals: Vitals, asked: list[str], told: str, then: list[str]) -> None:
    refused(vitals("demo-cohort", "--out", "x", *asked), told)
    assert vitals("demo-cohort", "--out", "x", *then).exit_code == 0


def test_shares_are_set_together(vitals: Vitals) -> None:
    line = refused(vitals("demo-cohort", "--out", "x", "--set", "split.audit=0"), "must add up to 1", "set all three")
    assert vitals("demo-cohort", "--out", "x", *words(options(line))).exit_code == 0


def test_a_key_that_nothing_resembles_names_where_keys_are_listed(vitals: Vitals) -> None:
    line = refused(vitals("demo-cohort", "--out", "x", "--set", "qqqq=1"), "unknown key")
    assert "synthgen config --modality vitals lists them" in line


@pytest.mark.parametrize(
    ("option", "told", "then"),
    [
        (("--engine", "slurm"), "give one of local", ("--engine", "local")),
        (("--accept", "maybe"), "give one of INCONCLUSIVE", ("--accept", "INCONCLUSIVE")),
        (("--format", "nifti"), "give one of csv", ("--format", "csv")),
        (("--data", "clinik"), "there is no such file or folder", ("--data", "clinic")),
    ],
)
def test_options_of_generate(
    vitals: Vitals, clinic: Path, option: tuple[str, str], told: str, then: tuple[str, str]
) -> None:
    data = () if option[0] == "--data" else ("--data", clinic)
    refused(vitals("generate", *data, *SMALL, *option), told)
    assert vitals("generate", *data, *SMALL, *then).exit_code in {0, 3}


def split_file(clinic: Path, name: str, change: str) -> Path:
    with (clinic / "vitals.csv").open() as file:
        patients = [row["patient"] for row in csv.DictReader(file)]
    parts = ("train", "calibration", "audit")
    rows = [[patient, parts[number % 3]] for number, patient in enumerate(patients)]
    header = ["patient_id", "split"]
    match change:
        case "a patient is missing":
            rows = rows[1:]
        case "a patient twice":
            rows.append([rows[0][0], "audit"])
        case "another word":
            rows[0][1] = "test"
        case "other columns":
            header = ["id", "part"]
        case "semicolons":
            (clinic.parent / name).write_text("patient_id;split\n" + "".join(f"{p};{s}\n" for p, s in rows))
            return clinic.parent / name
    with (clinic.parent / name).open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return clinic.parent / name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("a patient is missing", "leaves 1 of the cohort's 60 patients without a split: give every patient a row"),
        ("a patient twice", "row 62: a patient stands in two splits; give each patient one"),
        ("another word", "row 2: split is 'test', it must be one of train, calibration, audit"),
        ("other columns", "needs the columns patient_id,split"),
        ("semicolons", "separated by a comma"),
    ],
)
def test_a_split_file(vitals: Vitals, clinic: Path, tmp_path: Path, change: str, told: str) -> None:
    wrong, right = split_file(clinic, "wrong.csv", change), split_file(clinic, "right.csv", "")
    asked = ("fit", "--data", clinic, "--out", "model")
    refused(vitals(*asked, "--set", f"split.file={wrong}"), told)
    assert not (tmp_path / "work").exists() and not (tmp_path / "model").exists()
    assert vitals(*asked, "--set", f"split.file={right}").exit_code == 0


def test_a_file_of_records_set_apart(vitals: Vitals, clinic: Path, tmp_path: Path) -> None:
    apart = tmp_path / "apart.csv"
    apart.write_text("a,b\n1,2\n")
    asked = ("fit", "--data", clinic, "--out", "model", "--set", f"people.apart={apart}")
    refused(vitals(*asked), "needs the columns first,second")
    apart.write_text("first,second\nrow 1,row 2\n")
    assert vitals(*asked).exit_code == 0


def test_a_model_needs_the_cohort_that_it_was_fitted_on(vitals: Vitals, clinic: Path, tmp_path: Path) -> None:
    assert vitals("fit", "--data", clinic, "--out", "model").exit_code == 0
    refused(vitals("generate", "--model", "model", "--work", "w1", *SMALL), "give --data")
    assert not (tmp_path / "w1").exists()
    assert vitals("demo-cohort", "--out", "other", "--set", "modality.patients=70").exit_code == 0
    asked = ("generate", "--model", "model", "--work", "w2", *SMALL)
    refused(
        vitals(*asked, "--data", "other"), "was not fitted on the training patients of this run", "leave out --model"
    )
    assert vitals(*asked, "--data", clinic).exit_code in {0, 3}
    bare = Path(shutil.copytree(tmp_path / "model", tmp_path / "bare"))
    (bare / "cohort.json").unlink()
    asked = ("generate", "--model", bare, "--data", clinic, "--work", "w3", *SMALL)
    refused(vitals(*asked), "--vouch-for-model")
    assert vitals(*asked, "--vouch-for-model").exit_code in {0, 3}


def test_folders_that_are_taken(vitals: Vitals, clinic: Path, tmp_path: Path) -> None:
    refused(vitals("demo-cohort", "--out", clinic), "choose another place")
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "thesis.tex").write_text("mine")
    asked = ("generate", "--data", clinic, *SMALL)
    refused(vitals(*asked), "choose another folder")
    assert vitals(*asked, "--out", "other").exit_code in {0, 3}
    refused(vitals(*asked, "--out", "other", "--set", "gate.miss=0.06"), "use a new --work", "gate.miss was 0.05")
    assert vitals(*asked, "--out", "third", "--set", "gate.miss=0.06", "--work", "w2").exit_code in {0, 3}


def test_damaged_work_is_made_again(vitals: Vitals, clinic: Path, tmp_path: Path) -> None:
    asked = ("generate", "--data", clinic, *SMALL)
    assert vitals(*asked).exit_code in {0, 3}
    shard = min((tmp_path / "work" / "shards").iterdir())
    shard.write_bytes(b"cut")
    line = refused(vitals(*asked), "delete it and run the same command again")
    assert str(shard) in line
    shard.unlink()
    assert vitals(*asked).exit_code in {0, 3}
    ledger = tmp_path / "work" / "ledger.jsonl"
    ledger.write_text(
        ledger.read_text().replace('"kept":true', '"kept":false', 1).replace('"kept": true', '"kept": false', 1)
    )
    refused(vitals(*asked), "use a new --work")
    assert vitals(*asked, "--work", "w2").exit_code in {0, 3}


def test_screening_into_a_file_that_is_there(vitals: Vitals, clinic: Path, tmp_path: Path) -> None:
    (tmp_path / "screening.json").write_text("{}")
    asked = ("screen", clinic, "--data", clinic, "--set", "gate.alpha=0.05", "--set", "gate.planted=20")
    refused(vitals(*asked), "choose another name")
    assert vitals(*asked, "--out", "new.json").exit_code == 3


def test_copies_among_the_strangers_are_listed_and_can_be_mended(vitals: Vitals, clinic: Path, tmp_path: Path) -> None:
    """One person under two numbers, whom this modality does not link by itself."""
    table, split = clinic / "vitals.csv", split_file(clinic, "split.csv", "")
    split.write_text(split.read_text() + "twin,calibration\n")
    header, *rows = table.read_text().splitlines()
    known, _, signs = rows[0].partition(",")
    asked = ("generate", "--data", clinic, *SMALL, "--set", f"split.file={split}")
    table.write_text("\n".join([header, *rows, f"twin,{signs}"]) + "\n")
    done = vitals(*asked)
    assert "look at the private list" in refused(done, "are copies of another") and "twin" not in last_line(done)
    with (tmp_path / "work" / "screen" / "copies.csv").open() as file:
        pair = next(csv.DictReader(file))
    assert {pair["first_patient"], pair["second_patient"]} == {"twin", known}
    table.write_text("\n".join([header, *rows, f"{known},{signs}"]) + "\n")
    refused(vitals(*asked), "use a new --work")
    assert vitals(*asked, "--work", "w2").exit_code in {0, 3}
