"""The split: disjoint by patient, stratified, seeded, or as a file says."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.errors import UserError
from synthgen.records import Loaded, Real


@dataclass(frozen=True)
class Label:
    stratum: str

    def as_dict(self) -> dict[str, object]:
        return {"label": self.stratum}


def loaded(patients: int, visits: int = 2, strata: int = 2) -> Loaded[None, Label]:
    records = tuple(
        Real(f"p{i:04d}", f"p{i:04d}_{v}", Label(f"s{i % strata}"), None)
        for i in range(patients)
        for v in range(1 + (i + visits) % 3)
    )
    return Loaded(records, "test", "none")


def parts(cohort: object) -> dict[str, set[str]]:
    return {name: {r.patient for r in getattr(cohort, name)} for name in ("train", "calibration", "audit")}


@given(patients=st.integers(2, 200), strata=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_nobody_is_in_two_parts_and_nobody_is_lost(patients: int, strata: int, seed: int) -> None:
    data = loaded(patients, strata=strata)
    cohort = split_by_patient(data, SplitConfig(seed=seed))
    found = parts(cohort)
    assert sum(len(p) for p in found.values()) == patients
    assert set.union(*found.values()) == {r.patient for r in data.records}
    assert len(cohort.train) + len(cohort.calibration) + len(cohort.audit) == len(data.records)
    for name, share in (("train", 0.6), ("calibration", 0.25), ("audit", 0.15)):
        assert abs(len(found[name]) - share * patients) <= 1.5


def test_strata_are_shared_out_evenly() -> None:
    cohort = split_by_patient(loaded(400, strata=4), SplitConfig())
    for part in (cohort.train, cohort.calibration, cohort.audit):
        counts = Counter(r.condition.stratum for r in {r.patient: r for r in part}.values())
        assert max(counts.values()) - min(counts.values()) <= 4


def test_seeded_and_recorded() -> None:
    data = loaded(60)
    once, again, other = (split_by_patient(data, SplitConfig(seed=s)) for s in (1, 1, 2))
    assert once == again
    assert once.digest == again.digest != other.digest


def write(path: Path, rows: list[str]) -> SplitConfig:
    path.write_text("patient_id,split\n" + "".join(f"{row}\n" for row in rows))
    return SplitConfig(file=path)


def test_a_split_file_is_obeyed(tmp_path: Path) -> None:
    names = ("train", "calibration", "audit")
    config = write(tmp_path / "s.csv", [f"p{i:04d},{names[i % 3]}" for i in range(9)])
    found = parts(split_by_patient(loaded(9), config))
    assert found["audit"] == {"p0002", "p0005", "p0008"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["p0000,train", "p0001,audit", "p0000,audit"], "row 4: a patient stands in two splits"),
        (["p0000,train", "p0001,test"], "row 3: split is 'test'"),
        (["p0000,train"], "leaves 2 of the cohort's 3 patients"),
        ([], "needs the columns patient_id,split"),
    ],
)
def test_a_bad_split_file_is_refused_without_naming_anybody(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        split_by_patient(loaded(3), write(tmp_path / "s.csv", rows))
    assert "p000" not in str(error.value)


def test_one_patient_cannot_be_split() -> None:
    with pytest.raises(UserError, match="1 patient"):
        split_by_patient(loaded(1), SplitConfig())
