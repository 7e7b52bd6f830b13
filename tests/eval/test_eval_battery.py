"""The battery over a modality of plain rows: one record per patient, the same seeds, what lacks data is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.estimates import Floats, Indices
from synthgen.eval import battery
from synthgen.eval.battery import Sets, Space
from synthgen.progress import Silent
from synthgen.records import Cohort, Estimate, Real
from synthgen.report import Limits
from synthgen.verdict import attack_succeeds

D = 12


@dataclass(frozen=True)
class Rows:
    """Points of patients; the colour is an attribute that lies in the first coordinate's sign."""

    points: Floats
    patients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: Indices, /) -> Rows:
        return Rows(self.points[rows], tuple(self.patients[i] for i in rows))

    @property
    def colours(self) -> list[str]:
        return ["red" if x > 0 else "blue" for x in self.points[:, 0]]


class Notices(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def rows(name: str, patients: int, seed: int, visits: int = 2) -> Rows:
    rng = np.random.default_rng(seed)
    points = np.repeat(rng.normal(size=(patients, D)), visits, axis=0) + 0.05 * rng.normal(size=(patients * visits, D))
    return Rows(points, tuple(f"{name}{i // visits}" for i in range(patients * visits)))


def sets(reference: int = 60) -> Sets[Rows]:
    train = rows("t", 60, 0)
    return Sets(Rows(train.points + 0.01, ()), train, rows("e", 40, 1), rows("c", reference, 2))


def points(x: Rows) -> Floats:
    return x.points


def by_name(found: Sequence[Estimate]) -> dict[str, Estimate]:
    return {e.metric: e for e in found}


def test_every_space_is_attacked_in_the_same_way_and_a_copied_release_is_found() -> None:
    each = sets().one_each(3)
    assert len(each.train) == 60 and len(each.audit) == 40 and len(each.reference) == 120
    space = Space.of(each, points, "plain", "as they are")
    found = by_name(battery.membership(space, dimensions=8, seed=3, progress=Silent()))
    assert [name for name in found if name.endswith("_auc")] == [
        "membership_nn_plain_auc",
        "hole_plain_auc",
        "membership_domias_plain_auc",
    ]
    assert attack_succeeds(found["membership_nn_plain_auc"], Limits())
    assert found["membership_nn_plain_auc"].value == pytest.approx(1 - found["hole_plain_auc"].value)
    assert attack_succeeds(by_name(battery.identity(space, seed=3))["identity_auc"], Limits())
    assert all(e.n == 100 for e in found.values())


def test_who_is_copied_and_far_from_the_others_stands_out() -> None:
    each = sets().one_each(3)
    for one in battery.patient_exposure(Space.of(each, points, "plain")):
        assert one.patient.startswith("t") and one.to_sample < 0.3 < one.to_other and one.ratio < 0.5


def test_without_a_reference_population_density_ratios_are_left_out_and_that_is_said() -> None:
    heard = Notices()
    space = Space.of(sets(reference=0).one_each(0), points, "plain")
    found = battery.membership(space, dimensions=8, seed=0, progress=heard)
    assert not [e for e in found if "domias" in e.metric] and len(found) == 4
    assert heard.lines == ["domias is not measured: DOMIAS needs at least 4 synthetic and 4 reference records"]


def test_an_attribute_is_inferred_from_rows_that_do_not_hold_it() -> None:
    found = by_name(
        battery.attribute_inference(
            sets().one_each(1), lambda x: x.points[:, 1:], lambda x: x.colours, "colour", seed=1
        ).estimates()
    )
    assert attack_succeeds(found["attribute_inference_colour_auc"], Limits())
    assert found["attribute_inference_colour_gain"].value > 0.2


def test_copies_are_described_as_copies_and_cells_can_be_left_out() -> None:
    whole = by_name(battery.described(sets(), points, seed=0, progress=Silent(), note="plain"))
    assert whole["authenticity"].value == 0
    assert whole["dcr_share"].ci95[0] > 0.5
    assert whole["data_copying_c_t"].ci95[1] < -1.96
    part = by_name(battery.described(sets(), points, seed=0, progress=Silent(), note="plain", cells=False))
    assert part == {name: e for name, e in whole.items() if name != "data_copying_c_t"}


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000))
def test_size_matched_sets_hold_as_many_patients_once_each(t: int, e: int, visits: int, seed: int) -> None:
    found = Sets(rows("s", 1, 0), rows("t", t, 1, visits), rows("e", e, 2, visits), rows("c", 1, 3)).size_matched(seed)
    assert len(found.train) == len(found.audit) == len(set(found.train.patients)) == min(t, e)


@pytest.mark.parametrize(("audit", "calibration", "want"), [(8, 0, True), (0, 8, True), (7, 9, False), (0, 0, False)])
def test_too_few_patients_are_said(audit: int, calibration: int, want: bool) -> None:
    def some(name: str, count: int) -> tuple[Real[int, int], ...]:
        return tuple(Real(f"{name}{i}", f"{name}{i}", 0, 0) for i in range(count))

    heard = Notices()
    cohort = Cohort(some("t", 9), some("c", calibration), some("e", audit), "CC0", "0")
    assert battery.enough(8, cohort, heard) is want and bool(heard.lines) is not want
    assert not battery.enough(7, cohort, heard)


def test_who_stands_in_for_audit_patients_is_read_with_seeds_of_its_own() -> None:
    drawn: list[tuple[str, int]] = []

    def real(records: Sequence[Real[int, int]], seed: int) -> Rows:
        drawn.append((records[0].patient, seed))
        return rows("x", 1, seed)

    one = tuple((Real(name, name, 0, 0),) for name in ("t", "c", "e"))
    Sets.of([], Cohort(*one, "CC0", "0"), lambda _, seed: rows("s", 1, seed), real, 5)
    Sets.of([], Cohort(*one[:2], (), "CC0", "0"), lambda _, seed: rows("s", 1, seed), real, 5)
    assert drawn == [("t", 6), ("e", 7), ("c", 8), ("t", 6), ("c", 7), ("c", 8)]
