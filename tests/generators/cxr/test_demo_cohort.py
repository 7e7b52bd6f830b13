import csv
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.errors import UserError
from synthgen.generators.cxr.demo_cohort import DemoCohortConfig, draw_findings, write_demo_cohort
from synthgen.generators.cxr.phantom import FINDINGS, sample_patient
from synthgen.progress import Silent

SMALL = DemoCohortConfig(patients=14, size=32, share_second_visit=0.5, share_third_visit=0.5)


def _digest(folder: Path) -> str:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return sha256(b"".join(str(p.relative_to(folder)).encode() + p.read_bytes() for p in files)).hexdigest()


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_is_the_plain_layout(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    write_demo_cohort(folder, SMALL, 3, Silent())
    assert (folder / "metadata.csv").read_text().splitlines()[0] == "file_name,patient_id,labels,view,sex,age"
    assert "Free of any patient" in (folder / "README.txt").read_text()
    rows = _rows(folder)
    assert {r["file_name"] for r in rows} == {str(p.relative_to(folder)) for p in folder.glob("images/*.png")}
    assert len({r["patient_id"] for r in rows}) == SMALL.patients < len(rows)
    for row in rows:
        assert set(row["labels"].split("|")) <= {*FINDINGS, "No Finding"}
        assert row["view"] in {"PA", "AP"} and row["sex"] in {"F", "M"} and 18 <= int(row["age"]) <= 95
        image = np.asarray(Image.open(folder / row["file_name"]))
        assert image.shape == (32, 32) and image.dtype == np.uint8
    assert list(tmp_path.iterdir()) == [folder]


def test_same_seed_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    few = DemoCohortConfig(patients=4, size=32)
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_demo_cohort(tmp_path / name, few, seed, Silent())
    assert _digest(tmp_path / "a") == _digest(tmp_path / "b") != _digest(tmp_path / "c")


def test_a_larger_cohort_begins_with_the_smaller(tmp_path: Path) -> None:
    write_demo_cohort(tmp_path / "small", DemoCohortConfig(patients=3, size=32), 1, Silent())
    write_demo_cohort(tmp_path / "large", DemoCohortConfig(patients=5, size=32), 1, Silent())
    small = _rows(tmp_path / "small")
    assert _rows(tmp_path / "large")[: len(small)] == small


def test_an_empty_folder_is_used_and_a_full_one_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    folder.mkdir()
    write_demo_cohort(folder, DemoCohortConfig(patients=1, size=32), 0, Silent())
    before = _digest(folder)
    with pytest.raises(UserError, match="not an empty folder"):
        write_demo_cohort(folder, SMALL, 0, Silent())
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        write_demo_cohort(file, SMALL, 0, Silent())
    assert _digest(folder) == before and file.read_text() == "mine"


def test_nothing_remains_of_an_interrupted_one(tmp_path: Path) -> None:
    class Interrupt:
        def __init__(self) -> None:
            self.done = 0

        def task(self, name: str, total: int, unit: str, done: int = 0) -> "Interrupt":
            return self

        def say(self, line: str) -> None:
            pass

        def advance(self, steps: int = 1, note: str = "") -> None:
            self.done += steps
            if self.done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo_cohort(tmp_path / "cohort", SMALL, 0, Interrupt())
    assert list(tmp_path.iterdir()) == []


def test_chronic_findings_persist_more_than_acute_ones() -> None:
    rng, config = np.random.default_rng(5), DemoCohortConfig(mean_findings=2.0, share_no_finding=0.0)
    kept = {True: [0, 0], False: [0, 0]}
    for seed in range(300):
        patient = sample_patient(seed)
        first = draw_findings(rng, patient, config, None)
        second = draw_findings(rng, patient, config, first)
        for finding in first:
            chronic = finding in {"Cardiomegaly", "Emphysema", "Nodule"}
            kept[chronic][0] += finding in second
            kept[chronic][1] += 1
    assert kept[True][0] / kept[True][1] > kept[False][0] / kept[False][1] + 0.15
