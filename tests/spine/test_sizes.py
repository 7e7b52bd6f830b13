"""How many patients a run needs, said before anything is read; and ways out that lead on when they are followed."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.cohort import parts_of
from synthgen.config import GateConfig, SplitConfig
from synthgen.errors import UserError
from synthgen.privacy_filters.calibration import attainable_alpha, k_for
from synthgen.privacy_filters.power import BlockRate, miss_upper
from synthgen.report import Limits, Outcome
from synthgen.sizes import (
    LEAST_AUDITED,
    Parts,
    SizeCheck,
    attempts_for_test,
    copies_needed,
    needs,
    parts_of_cohort,
    patients_for_attacks,
    patients_for_test,
    shares_for,
    shares_of,
    shows,
)

ROOT = Path(__file__).parents[2]


def parts(patients: int, split: SplitConfig) -> Parts:
    count = Counter(parts_of(patients, split))
    return Parts(count["train"], count["calibration"], count["audit"])


def test_what_a_level_and_a_pass_need() -> None:
    wanted = needs(GateConfig())
    assert wanted.level == 99 and attainable_alpha(99) <= 0.01
    assert miss_upper(wanted.passing.train - 8, wanted.passing.train - 8) <= 0.05
    assert wanted.passing.calibration > wanted.level
    assert wanted.passing.audit >= LEAST_AUDITED
    whole = wanted.split(SplitConfig())
    enough = parts(whole, SplitConfig())
    assert all(getattr(enough, name) >= getattr(wanted.passing, name) for name in ("train", "calibration", "audit"))


@pytest.mark.parametrize(("missed", "bound"), [(0.0, 59), (1 / 60, 153)])
def test_copies_that_bound_the_misses(missed: float, bound: int) -> None:
    assert copies_needed(0.05, missed=missed) == bound


def test_patients_and_attempts_for_the_test_of_the_generator_are_enough_and_not_many_more() -> None:
    n = patients_for_test(0.01, 1000, 0.05)
    assert shows(BlockRate(k_for(0.01, n), n), 1000, 0.05, 0.05, 0.95)
    assert not shows(BlockRate(k_for(0.01, 105), 105), 1000, 0.05, 0.05, 0.95)
    rate = BlockRate(1, 120)
    attempts = attempts_for_test(rate, 0.05)
    assert attempts is not None and shows(rate, attempts, 0.05, 0.05, 0.95)
    assert attempts_for_test(BlockRate(5, 100), 0.05) is None


def test_attacks_on_nothing_are_ruled_out_with_so_many_audit_patients() -> None:
    """Simulated: an AUC of nothing, its upper end by its own variance."""
    members, limits = 200, Limits()
    n = patients_for_attacks(members, limits)
    rng = np.random.default_rng(0)
    spread = np.sqrt((members + n + 1) / (12 * members * n))
    upper = 0.5 + spread * rng.standard_normal(4000) + 1.645 * spread
    assert 0.93 < float((upper < limits.attack_upper).mean()) < 0.97


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 900), st.sampled_from([0.01, 0.02, 0.05]))
def test_the_ways_out_of_too_few_patients_lead_on(patients: int, alpha: float) -> None:
    """Each way that is printed, followed alone, is accepted by the same check."""
    split, gate = SplitConfig(), GateConfig(alpha=alpha)
    try:
        SizeCheck(gate, split)(parts(patients, split))
        return
    except UserError as error:
        told = str(error)
    assert "\n" not in told and "a larger cohort" in told
    ways = told.rpartition("Give ")[2].split(", or ")
    assert len(ways) >= 2
    for way in ways[1:]:
        given_settings = dict(re.findall(r"--set ([\w.]+)=([\d.]+)", way))
        accept = tuple(Outcome(word) for word in re.findall(r"--accept (\w+)", way))
        level = GateConfig(alpha=float(given_settings.pop("gate.alpha", alpha)))
        shares = {key.removeprefix("split."): float(value) for key, value in given_settings.items()}
        other = SplitConfig(**shares) if shares else split
        SizeCheck(level, other, accept)(parts(patients, other))


@pytest.mark.parametrize(
    ("parts_given", "check", "words"),
    [
        (Parts(60, 25, 15), {}, ("25 calibration patients attain a level of 3.85% at best", "gate.alpha=0.0385")),
        (Parts(200, 200, 0), {}, ("no patient is left for the audit", "--accept CALIBRATED_NOT_AUDITED")),
        (Parts(10, 5, 0), {}, ("attain a level of 16.67%", "no patient is left", "--accept UNCALIBRATED --accept CAL")),
        (Parts(60, 25, 15), {"audits": False, "may_accept": False}, ("40 calibration patients", "gate.alpha=0.0244")),
        (Parts(1, 0, 0), {}, ("1 patient(s): nobody can be held out",)),
    ],
)
@pytest.mark.field("advice", "refused")
def test_all_that_is_needed_is_said_at_once(parts_given: Parts, check: dict[str, bool], words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as error:
        SizeCheck(GateConfig(), SplitConfig(), **check)(parts_given)
    for word in words:
        assert word in str(error.value)
    assert check.get("may_accept", True) or "--accept" not in str(error.value)


def test_what_may_miss_a_pass_is_said_and_not_refused() -> None:
    said = SizeCheck(GateConfig(), SplitConfig())(Parts(60, 110, 25))
    assert said.startswith("expect no PASS: 60 training patients are too few to plant copies of")
    assert "110 calibration patients may be too few" in said and "25 audit patients may be too few" in said
    assert SizeCheck(GateConfig(), SplitConfig())(needs(GateConfig()).passing) == ""
    assert "expect no PASS" in SizeCheck(GateConfig(), SplitConfig(), binding=False)(Parts(5, 5, 0))


def test_the_parts_of_a_cohort_are_those_of_its_split(tmp_path: Path) -> None:
    names = [f"p{n}" for n in range(10)]
    assert parts_of_cohort([*names, *names], SplitConfig()) == Parts(6, 3, 1)
    file = tmp_path / "split.csv"
    file.write_text("patient_id,split\n" + "".join(f"p{n},{'train' if n % 2 else 'audit'}\n" for n in range(10)))
    assert parts_of_cohort(names, SplitConfig(file=file)) == Parts(5, 0, 5)
    assert parts_of_cohort([*names, "p10"], SplitConfig(file=file)) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 600), st.integers(5, 60), st.integers(5, 60), st.integers(5, 60))
def test_shares_give_every_part_what_was_wanted(patients: int, train: int, calibration: int, audit: int) -> None:
    wanted = Parts(train, calibration, audit)
    shares = shares_of(patients, wanted)
    if shares is None:
        assert wanted.all > 0.9 * patients
        return
    got = parts(patients, SplitConfig(train=shares[0], calibration=shares[1], audit=shares[2]))
    assert got.train >= train and got.calibration >= calibration and got.audit >= audit
    assert shares_for(30, needs(GateConfig())) is None


def test_the_table_of_sizes_in_the_documents_is_what_the_code_says() -> None:
    """Rows ``| alpha | C for the level | T | C | E | all |`` of README and tutorial, for both kinds of generator."""
    for name in ("README.md", "docs/tutorial.md"):
        text = (ROOT / name).read_text("utf-8")
        rows = re.findall(r"^\| (0\.\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([\d,]+) \| ([\d,]+) \|$", text, re.M)
        assert len(rows) == 3, name
        for alpha, level, train, calibration, audit, whole, unread in rows:
            wanted = needs(GateConfig(alpha=float(alpha)))
            need = wanted.passing
            assert (int(level), int(train), int(calibration), int(audit)) == (
                wanted.level, need.train, need.calibration, need.audit,
            )  # fmt: skip
            assert int(whole.replace(",", "")) == need.all
            assert int(unread.replace(",", "")) == need.train + wanted.level + need.audit


def test_a_generator_that_reads_no_record_needs_no_power_against_itself() -> None:
    parts = Parts(96, 96, 128)
    gate = GateConfig(alpha=0.05)
    assert "too few to test a generator" in SizeCheck(gate, SplitConfig())(parts)
    assert "too few to test a generator" not in SizeCheck(gate, SplitConfig(), reads_cohort=False)(parts)
