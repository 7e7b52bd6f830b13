"""``--exclude``: people left out before the split; strangers are counted, not named; a changed list is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vitals_command import Vitals, last_line

from synthgen.errors import UserError
from synthgen.excluding import REASON, read_patients, without
from synthgen.patient_exposure import write_patient_exposure
from synthgen.records import Loaded, Real
from synthgen.risks import PatientExposure


@pytest.fixture
def cohort(vitals: Vitals, tmp_path: Path) -> Path:
    assert vitals("demo-cohort", "--out", "clinic", "--set", "modality.patients=60").exit_code == 0
    return tmp_path / "clinic"


def split(work: Path) -> str:
    return str(json.loads((work / "run.json").read_text())["cohort"])


def test_a_list_is_left_out_and_stands_in_the_runs_settings(vitals: Vitals, cohort: Path, tmp_path: Path) -> None:
    listed = tmp_path / "out.txt"
    listed.write_text("patient_id\np3\n P7\n\n")
    asked = ("fit", "--data", cohort, "--out", "model", "--exclude", listed)
    done = vitals(*asked)
    assert done.exit_code == 0, done.stderr
    assert f"2 {REASON}" in done.stderr + done.output
    assert str(listed) in (tmp_path / "work" / "config.yaml").read_text()
    first = split(tmp_path / "work")

    listed.write_text("p3\np8\n")  # the same name, other people
    again = vitals(*asked)
    assert again.exit_code == 2 and "another cohort or split (or --exclude list)" in last_line(again)
    refused = vitals(*asked[:-2])
    assert refused.exit_code == 2 and "people.exclude was" in last_line(refused)
    assert split(tmp_path / "work") == first


def test_strangers_in_a_list_are_counted_and_nobody_is_named(vitals: Vitals, cohort: Path, tmp_path: Path) -> None:
    listed = tmp_path / "out.txt"
    listed.write_text("p3\nnobody-1\nnobody-2\n")
    asked = ("generate", "--data", cohort, "--out", "release", "--set", "gate.alpha=0.05", "--accept", "UNCALIBRATED")
    done = vitals(*asked, "--exclude", listed)
    assert done.exit_code == 2 and "2 of the 3 patient ids in" in last_line(done) and "nobody" not in done.stderr
    assert not (tmp_path / "work").exists()
    listed.write_text("p3\n")
    assert vitals("fit", "--data", cohort, "--exclude", listed, "--out", "model").exit_code == 0


@pytest.mark.parametrize(
    ("content", "told"), [("", "names nobody"), ("patient_id\n", "names nobody"), (None, "no such")]
)
def test_a_list_of_nobody_is_refused(
    vitals: Vitals, cohort: Path, tmp_path: Path, content: str | None, told: str
) -> None:
    listed = tmp_path / "out.txt"
    if content is not None:
        listed.write_text(content)
    done = vitals("fit", "--data", cohort, "--out", "model", "--exclude", listed)
    assert done.exit_code == 2 and told in last_line(done)


def test_a_person_under_two_numbers_is_left_out_with_both(tmp_path: Path) -> None:
    listed = tmp_path / "out.csv"
    listed.write_bytes(b'\xef\xbb\xbf"ID"\n"b"\n')
    records = tuple(Real(patient, f"r{i}", 0, 0) for i, patient in enumerate(("a", "a", "c")))  # b is a
    kept, told = without(Loaded(records, "table", "CC0"), listed, {"a": "a", "b": "a", "c": "c"})
    assert [r.patient for r in kept.records] == ["c"] and told.count == 1
    with pytest.raises(UserError, match="cannot read"):
        read_patients(tmp_path, "--exclude")


def test_the_private_list_of_who_stands_out_is_a_list_to_leave_out(tmp_path: Path) -> None:
    found = [
        PatientExposure("near, by", 1.0, 2.0),
        PatientExposure("far", 9.0, 3.0),
        PatientExposure("copied", 0.0, 5.0),
    ]
    path = write_patient_exposure(found, tmp_path / "audit")
    assert path is not None and path.stat().st_mode & 0o777 == 0o600
    rows = path.read_text().splitlines()
    assert [row.rsplit(",", 3)[0] for row in rows] == ["patient_id", "copied", '"near, by"', "far"]
    path.write_text("\n".join(rows[:3]) + "\n")
    assert len(read_patients(path, "--exclude")) == 2
    kept, told = without(
        Loaded(tuple(Real(one.patient, "r", 0, 0) for one in found), "table", "CC0"), path,
        {key: key for key in ("near, by", "far", "copied")},
    )  # fmt: skip
    assert [r.patient for r in kept.records] == ["far"] and told.count == 2
    assert write_patient_exposure((), tmp_path / "none") is None
