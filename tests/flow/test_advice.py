"""What a command says that is missing, and what to do: followed with the same command, a run goes on.

On the fast modality of the examples: a table of vital signs, a generator that reads it, one filter.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
from flow_command import contents
from vitals_command import Vitals, last_line, options, words


def reasons(folder: Path) -> list[str]:
    report = folder / "quarantine" / "privacy_report.json"
    return json.loads(report.read_text())["privacy"]["reasons"] if report.exists() else []


@pytest.fixture
def cohort(vitals: Vitals, tmp_path: Path) -> Path:
    """Sixty patients."""
    vitals("demo-cohort", "--out", "clinic", "--set", "modality.patients=60")
    return tmp_path / "clinic"


@pytest.mark.field("advice", "refused")
def test_too_few_patients_claim_nothing_and_every_way_out_goes_on(vitals: Vitals, cohort: Path, tmp_path: Path) -> None:
    asked = ("generate", "--data", cohort, "--set", "gate.planted=20")
    done = vitals(*asked)
    line = last_line(done)
    assert done.exit_code == 2 and "24 calibration patients attain" in line and "a PASS takes some 67" in line
    assert {path.name for path in tmp_path.iterdir()} <= {"clinic", "state"}, "no folder"
    assert not (tmp_path / "state" / "tries.jsonl").exists(), "no try"
    ways = [options(way) for way in line.rpartition("Give ")[2].split(", or ")[1:]]
    assert len(ways) == 3
    for number, way in enumerate(ways):
        folder = tmp_path / f"work-{number}"
        done = vitals(*asked, *words(way), "--work", folder, "--out", f"release-{number}")
        assert done.exit_code in {0, 3}, done.stderr
        assert (folder / "quarantine").exists() or (tmp_path / f"release-{number}").exists()


@pytest.mark.field("advice", "refused")
def test_the_same_work_folder_takes_the_advice(vitals: Vitals, cohort: Path, tmp_path: Path) -> None:
    asked = ("generate", "--data", cohort, "--set", "gate.planted=20")
    way = options(last_line(vitals(*asked)))[0]
    assert vitals(*asked, *words([way])).exit_code == 3
    assert (tmp_path / "work" / "quarantine").exists()


@pytest.mark.field("advice", "refused")
def test_a_demo_that_would_be_too_small_is_refused_before_it_is_simulated(vitals: Vitals, tmp_path: Path) -> None:
    done = vitals("generate", "--set", "modality.patients=60")
    assert done.exit_code == 2 and "24 calibration patients attain" in last_line(done)
    assert not {path.name for path in tmp_path.iterdir()} - {"state"}


@pytest.mark.field("advice", "refused")
def test_screening_counts_everybody_who_is_held_out_and_names_no_option_that_it_lacks(
    vitals: Vitals, cohort: Path, tmp_path: Path
) -> None:
    done = vitals("screen", cohort, "--data", cohort)
    line = last_line(done)
    assert done.exit_code == 2 and "36 calibration patients attain a level of 2.70%" in line
    assert "--accept" not in line
    assert {path.name for path in tmp_path.iterdir()} <= {"clinic", "state"}
    for number, way in enumerate(line.rpartition("Give ")[2].split(", or ")[1:]):
        more = words(options(way))
        done = vitals("screen", cohort, "--data", cohort, *more, "--work", f"w{number}", "--out", f"{number}.json")
        assert done.exit_code == 3, done.stderr
        assert "1. candidates are records of the cohort, byte for byte: 60 of 60" in done.stderr
        assert "2. the generator memorises" in done.stderr and "What helps: Fewer steps" in done.stderr


@pytest.mark.field("advice", "refused")
def test_fitting_says_what_will_be_missing_and_goes_on(vitals: Vitals, cohort: Path, tmp_path: Path) -> None:
    done = vitals("fit", "--data", cohort, "--out", "model")
    assert done.exit_code == 0, done.stderr
    assert "expect no PASS: 24 calibration patients attain" in done.stderr


@pytest.mark.field("advice", "refused")
def test_an_evaluation_needs_somebody_to_attack_with(vitals: Vitals, cohort: Path, tmp_path: Path) -> None:
    made = vitals("generate", "--data", cohort, "--set", "gate.planted=20", "--set", "gate.alpha=0.05")
    release = shutil.copytree(tmp_path / "work" / "quarantine", tmp_path / "their-release")
    assert made.exit_code == 3
    shares = ("--set", "split.train=0.6", "--set", "split.calibration=0.4", "--set", "split.audit=0")
    done = vitals("evaluate", release, "--data", cohort, "--config", "demo", *shares, "--work", "w2")
    assert done.exit_code == 2 and "no patient is left for the audit" in last_line(done)
    assert not (tmp_path / "w2").exists()
    way = words(options(last_line(done).rpartition("Give ")[2]))
    done = vitals("evaluate", release, "--data", cohort, "--config", "demo", *way, "--work", "w2")
    assert done.exit_code == 0, done.stderr


CASES = {
    "few planted": (("modality.patients=400", "gate.planted=20"), "planted copies of a kind"),
    "no power": (("modality.patients=300",), "the test of the generator would have seen"),
    "few audited": (
        ("modality.patients=400", "split.train=0.5", "split.calibration=0.46", "split.audit=0.04"),
        "audit patients are too few",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.field("advice", "refused")
def test_what_is_not_a_pass_says_what_to_do_and_doing_it_answers_the_reason(
    vitals: Vitals, tmp_path: Path, case: str
) -> None:
    settings, missed = CASES[case]
    given = [word for setting in settings for word in ("--set", setting)]
    done = vitals("generate", *given)
    assert done.exit_code == 3 and missed in done.stderr, done.stderr
    for line in ("What it means: ", "What helps: ", "Here: ", "All at once: the same command with --work NEW"):
        assert line in done.stderr
    assert any(missed in reason for reason in reasons(tmp_path / "work"))
    next_run = next(line for line in done.stderr.splitlines() if line.startswith("All at once: "))
    done = vitals("generate", *given, *words(options(next_run)), "--work", "again")
    assert done.exit_code in {0, 3}, done.stderr
    assert not any(missed in reason for reason in reasons(tmp_path / "again")), reasons(tmp_path / "again")


@pytest.mark.field("advice", "refused")
def test_too_small_a_cohort_is_told_how_large_a_larger_one_must_be(vitals: Vitals, tmp_path: Path) -> None:
    """Four reasons at once; a cohort of the size that is named, with the options that are named, is sealed."""
    done = vitals("generate", "--set", "modality.patients=60", "--set", "gate.alpha=0.05")
    assert done.exit_code == 3 and len(reasons(tmp_path / "work")) >= 3
    next_run = next(line for line in done.stderr.splitlines() if line.startswith("All at once: a cohort of some "))
    patients = int(re.findall(r"some (\d+) patients", next_run)[0])
    done = vitals("generate", *words(options(next_run)), "--work", "w2", "--set", f"modality.patients={patients}")
    assert done.exit_code == 0, done.stderr


@pytest.mark.field("advice", "refused")
def test_the_report_carries_the_words_of_the_terminal(vitals: Vitals, tmp_path: Path) -> None:
    done = vitals("generate", "--set", "modality.patients=300")
    quarantine = tmp_path / "work" / "quarantine"
    report = json.loads((quarantine / "privacy_report.json").read_text())["privacy"]
    assert len(report["reasons"]) == len(report["remedies"]) >= 1
    page = (quarantine / "report.html").read_text()
    for remedy in report["remedies"]:
        for text in filter(None, (remedy["means"], remedy["helps"], remedy["here"])):
            assert text in done.stderr and text.replace("'", "&#39;") in page
    assert report["next_run"] in page and report["next_run"] in (quarantine / "README.md").read_text()


def test_accepted_without_a_pass_says_it_too(vitals: Vitals, tmp_path: Path) -> None:
    done = vitals("generate", "--set", "modality.patients=300", "--accept", "INCONCLUSIVE")
    assert done.exit_code == 0 and "1. the test of the generator" in done.stderr
    assert contents(tmp_path / "release")
