"""The arithmetic of the three risks: rates, their excess over the control, and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synthgen.records import Estimate
from synthgen.risks import KINDS, SubgroupFigure, Subgroups, excess, rate, risk_of, strongest, wilson


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_is_scipys(n: int, share: float) -> None:
    hits = round(share * n)
    theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_more_successes_than_trials_are_refused() -> None:
    for successes, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="successes must be in"):
            wilson(successes, n)


def risk(success: int, control: int, n: int = 100, m: int = 100, kind: str = "inference"):  # type: ignore[no-untyped-def]
    return risk_of(kind, "x", rate("s", success, n), rate("c", control, m), rate("g", 1, n))


@given(st.integers(0, 100), st.integers(0, 99))
def test_the_risk_lies_in_its_interval_and_never_above_one(success: int, control: int) -> None:
    found = risk(success, control).risk
    assert found.value == pytest.approx((success - control) / (100 - control))
    assert found.ci95[0] <= found.value + 1e-12 and found.value <= found.ci95[1] + 1e-12 <= 1 + 1e-9


def test_an_attack_that_always_succeeds_on_strangers_tells_nothing_and_is_no_strongest() -> None:
    blind, found = risk(100, 100), risk(60, 50)
    assert math.isnan(blind.risk.value) and all(map(math.isnan, blind.risk.ci95))
    assert strongest((blind, found)) == (found,)
    assert math.isnan(excess(0.2, 1.0))


def test_the_interval_covers_the_true_risk() -> None:
    rng, covered, true = np.random.default_rng(0), 0, excess(0.35, 0.2)
    for _ in range(400):
        found = risk(int(rng.binomial(120, 0.35)), int(rng.binomial(60, 0.2)), 120, 60).risk
        covered += found.ci95[0] <= true <= found.ci95[1]
    assert 0.92 <= covered / 400 <= 0.985


def test_of_each_kind_what_shows_most_stands_in_the_regulators_order() -> None:
    found = [risk(10, 5, kind="inference"), risk(30, 5, kind="linkability"), risk(20, 5, kind="linkability")]
    assert [(one.kind, one.success.value) for one in strongest(found)] == [("linkability", 0.3), ("inference", 0.1)]
    assert KINDS.index("linkability") < KINDS.index("inference")
    wide, weak = (
        risk(99, 98, kind="linkability"),
        risk_of("linkability", "x", *(rate("r", n, 100) for n in (40, 5, 50))),
    )
    assert wide.risk.value > found[1].risk.value and weak.weak and not found[1].weak
    assert strongest((wide, weak, found[1])) == (found[1],)


def group(value: float, half: float, whole: float, *, use: bool) -> SubgroupFigure:
    return SubgroupFigure("sex", "F", use, Estimate("auc", value, (value - half, value + half), 40), whole)


def test_worse_is_higher_for_an_attack_and_lower_for_a_use() -> None:
    assert group(0.6, 0.05, 0.5, use=False).worse_by == pytest.approx(2)
    assert group(0.6, 0.05, 0.7, use=True).worse_by == pytest.approx(2)
    assert group(0.4, 0.05, 0.5, use=False).worse_by < 0
    found = Subgroups((group(0.6, 0.05, 0.5, use=False), group(0.6, 0.1, 0.5, use=False)), 11)
    assert found.worst(use=False) == found.figures[0] and found.worst(use=True) is None
    assert found.count(use=False) == 2
