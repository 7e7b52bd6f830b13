"""Page one and the card say the three risks, the convention for what it is, and the worst group first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthgen.records import Estimate
from synthgen.release.card import dataset_card
from synthgen.release.exposed import CONVENTION, exposed
from synthgen.release.report_page import report_page
from synthgen.report import DatasetFacts, ReleaseReport
from synthgen.risks import Exposure, Risk, SubgroupFigure, Subgroups, rate, risk_of


def risk(kind: str, attack: str, success: int) -> Risk:
    return risk_of(kind, attack, rate("s", success, 100), rate("c", 10, 100), rate("g", 3, 100))


def by_group(facet: str, group: str, value: float, *, use: bool = False) -> SubgroupFigure:
    metric = "tstr_auc_macro" if use else "membership_nn_pixels_auc"
    return SubgroupFigure(facet, group, use, Estimate(metric, value, (value - 0.04, value + 0.04), 40, "0.5"), 0.5)


FOUND = Exposure(
    (risk("linkability", "halves", 40), risk("inference", "sex", 12), risk("inference", "<b>age</b>", 15)),
    Subgroups((by_group("sex", "F", 0.62), by_group("age", "80 and over", 0.45, use=True)), 11, 3),
)


@pytest.fixture
def report(
    tmp_path: Path, write_data: Callable[[Path], DatasetFacts], make_report: Callable[..., ReleaseReport]
) -> ReleaseReport:
    made = make_report(write_data(tmp_path))
    return replace(made, privacy=replace(made.privacy, exposure=FOUND))


def test_the_first_table_after_the_claim_has_a_row_for_each_kind(report: ReleaseReport) -> None:
    page = report_page(report, False, None)
    assert (
        page.index("The claim") < page.index("Three risks") < page.index("Who answers") if "Who answers" in page else 1
    )
    table = page[page.index("Three risks") :].split("</table>")[0]
    kinds = re.findall(r"<b>(Singling out|Linkability|Inference)\.</b>", table)
    assert sorted(kinds) == ["Inference", "Linkability", "Singling out"]
    assert "not measured: too little is known" in table  # singling out
    for told in ("40.0%", "10.0%", "3.0%", "0.333"):
        assert told in table
    assert "of 2 attacks" in table and "guessing &lt;b&gt;age&lt;/b&gt;" in table and "<b>age</b>" not in page


def test_the_convention_is_told_as_one_and_drawn(report: ReleaseReport) -> None:
    page = report_page(report, False, None)
    assert CONVENTION in page and "0.09" in CONVENTION and "no limit of this release" in CONVENTION
    assert 'class="limit" style="left:9.0%"' in page
    assert [one.over for one in exposed(FOUND).first] == [True, False]


def test_the_worst_group_is_named_on_page_one_and_in_the_card(report: ReleaseReport) -> None:
    page, card = report_page(report, False, None), dataset_card(report, False, None)
    for told in (page, card):
        assert "Privacy: worst for sex F: membership NN pixels AUC 0.620" in told
        assert "Use: worst for age 80 and over" in told
    assert "3 groups are not shown: fewer than 11 patients on a side." in page
    assert "| linkability | halves | 40.0% | 10.0% | 3.0% | 0.333 |" in card


def test_nothing_measured_is_no_table(report: ReleaseReport) -> None:
    bare = replace(report, privacy=replace(report.privacy, exposure=Exposure()))
    assert "Three risks" not in report_page(bare, False, None) and "Three risks" not in dataset_card(bare, False, None)


def test_a_group_that_fares_no_worse_is_not_accused() -> None:
    found = exposed(Exposure((), Subgroups((by_group("sex", "F", 0.45),), 11)))
    assert found.worst == ("Privacy: no group fares worse than everybody.",)
