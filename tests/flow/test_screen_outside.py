"""Somebody else's samples: what must be declared for a PASS, and that copies never have one."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from vitals_command import Vitals, last_line

ALL = ("--held-out", "unseen.txt", "--unfiltered")


@pytest.fixture
def clinic(vitals_data: Path) -> list[list[str]]:
    """The cohort's rows; the ids of 150 of its 500 patients, drawn by lot, lie in ``unseen.txt``."""
    with (vitals_data / "vitals.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    unseen = np.random.default_rng(0).choice(len(rows), 150, replace=False)
    Path("unseen.txt").write_text("".join(f"{rows[i][0]}\n" for i in sorted(unseen)))
    return rows


def seen(rows: Sequence[Sequence[str]]) -> list[list[float]]:
    """What a generator is given: everybody but those who are held out."""
    unseen = set(Path("unseen.txt").read_text().split())
    return [[float(value) for value in row[1:]] for row in rows if row[0] not in unseen]


def honest(rows: Sequence[Sequence[str]], count: int, seed: int) -> list[list[float]]:
    """A normal distribution with their mean and covariance."""
    known = np.array(seen(rows))
    drawn = np.random.default_rng(seed).multivariate_normal(known.mean(axis=0), np.cov(known.T), count)
    return drawn.round(4).tolist()  # type: ignore[no-any-return]


def screened(vitals: Vitals, name: str, samples: Sequence[Sequence[float]], *options: str) -> tuple[Result, Any]:
    folder = Path(name)
    folder.mkdir()
    with (folder / "vitals.csv").open("w", newline="") as file:
        head = ("patient", "heart_rate", "systolic", "diastolic", "breaths", "temperature", "saturation")
        csv.writer(file).writerows([head, *([f"s{i}", *row] for i, row in enumerate(samples))])
    places = ("--work", f"{name}-work", "--out", f"{name}.json")
    done = vitals("screen", folder, "--data", "data", *places, *options)
    return done, json.loads(Path(f"{name}.json").read_text()) if done.exit_code in {0, 3} else None


def test_honest_candidates_pass_where_all_is_declared(clinic: list[list[str]], vitals: Vitals) -> None:
    done, report = screened(vitals, "honest", honest(clinic, 600, 1), *ALL)
    assert done.exit_code == 0 and report["outcome"] == "PASS", (done.stderr, report["reasons"])
    assert report["reasons"] == [] and report["attacks"] and report["exposure"]["risks"]
    assert report["calibration"]["patients_audit"] == report["outside"]["held_out"] == 150
    assert "Declared, not verified: the generator has not seen the 150 held-out patients" in report["claim"]
    assert report["generator_test"]["train_share"] is None
    facts = report["screening"]
    kept = Path("honest-work/screen/kept.txt").read_text().splitlines()
    assert len(kept) == facts["slots"] - facts["rejected"] - facts["withheld_for_audit"]


@pytest.mark.parametrize("share", [0.002, 0.05, 1.0])
def test_copies_have_no_pass_whatever_is_declared(clinic: list[list[str]], vitals: Vitals, share: float) -> None:
    known, count = seen(clinic), 600
    copies = [known[i % len(known)] for i in range(round(share * count))]
    done, report = screened(vitals, "copies", [*copies, *honest(clinic, count - len(copies), 2)], *ALL)
    assert done.exit_code == 3 and report["outcome"] == "REFUSE"
    kept = set(Path("copies-work/screen/kept.txt").read_text().split("\n"))
    assert not kept & {f"row {i}" for i in range(len(copies))}


def test_copies_of_the_held_out_contradict_the_declaration(clinic: list[list[str]], vitals: Vitals) -> None:
    unseen = set(Path("unseen.txt").read_text().split())
    copies = [[float(value) for value in row[1:]] for row in clinic if row[0] in unseen][:30]
    done, report = screened(vitals, "known", [*copies, *honest(clinic, 570, 3)], *ALL)
    assert done.exit_code == 3 and "the generator has seen patients it was not given" in done.stderr
    assert report["screening"]["withheld_for_audit"] >= 25
    kept = Path("known-work/screen/kept.txt").read_text().split("\n")
    assert sum(f"row {i}" in kept for i in range(30)) == 0


def test_what_is_not_declared_is_named_and_is_no_pass(clinic: list[list[str]], vitals: Vitals) -> None:
    samples = honest(clinic, 600, 1)
    _, nothing = screened(vitals, "nothing", samples)
    assert nothing["outcome"] == "CALIBRATED_NOT_AUDITED" and nothing["attacks"] == []
    assert "nobody is declared whom the generator has not seen" in nothing["reasons"][0]
    assert "may have been chosen among more" in nothing["reasons"][1]
    assert "Everybody in the cohort may have been seen" in nothing["claim"]
    _, chosen = screened(vitals, "chosen", samples, *ALL[:2])
    assert chosen["outcome"] == "INCONCLUSIVE" and len(chosen["reasons"]) == 1
    assert "may have been chosen among more" in chosen["reasons"][0]


def test_held_out_patients_of_another_kind_are_no_yardstick(clinic: list[list[str]], vitals: Vitals) -> None:
    """Those with the fastest hearts are held out: attacks on them say nothing of the others."""
    fastest = sorted(clinic, key=lambda row: -float(row[1]))[:150]
    Path("unseen.txt").write_text("".join(f"{row[0]}\n" for row in fastest))
    _, report = screened(vitals, "fast", honest(clinic, 600, 4), *ALL)
    assert report["outcome"] in {"INCONCLUSIVE", "REFUSE"}
    assert any("do not lie as the others do" in reason for reason in report["reasons"])


def test_a_list_of_strangers_is_one_line(clinic: list[list[str]], vitals: Vitals) -> None:
    Path("unseen.txt").write_text("p1\nnobody\n")
    done, _ = screened(vitals, "wrong", honest(clinic, 20, 5), *ALL)
    assert done.exit_code == 2
    assert "1 of the 2 patient ids in unseen.txt are not in the cohort" in last_line(done)
    assert not Path("wrong-work").exists()
    done = vitals("screen", "wrong", "--data", "data", "--held-out", "nowhere.txt")
    assert done.exit_code == 2 and "--held-out nowhere.txt: there is no such file" in last_line(done)
