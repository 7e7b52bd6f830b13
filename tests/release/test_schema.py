"""The published schema is that of the reports that are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from synthgen.records import Estimate
from synthgen.release.schema import SCHEMA, shipped, text
from synthgen.report import (
    AnonymisationReport,
    DatasetFacts,
    DeniableFacts,
    Floor,
    GuaranteeFacts,
    LinkageReport,
    LinkedFacts,
    LinkFacts,
    Outcome,
    ReleaseReport,
    Remedy,
    to_json,
)
from synthgen.steward import Steward, checklist

ROOT = Path(__file__).parents[2]
NOTHING = float("nan")
FIGURE = Estimate("figure", NOTHING, (NOTHING, NOTHING), 0, "0.5", "nothing could be had")
Make = Callable[..., ReleaseReport]


@pytest.fixture
def check() -> Callable[[object], None]:
    validator = Draft202012Validator(shipped())
    return lambda report: validator.validate(json.loads(json.dumps(to_json(report), allow_nan=False)))


def test_the_published_schema_is_that_of_the_report_and_a_schema() -> None:
    """Where it fails: python -m synthgen.release.schema > synthgen/release/privacy_report.schema.json"""
    assert (ROOT / "synthgen" / "release" / SCHEMA).read_text("utf-8") == text()
    assert (ROOT / "docs" / "schema" / SCHEMA).read_text("utf-8") == text()
    Draft202012Validator.check_schema(shipped())


@pytest.mark.parametrize("outcome", Outcome)
def test_a_report_of_every_verdict_fits(
    outcome: Outcome,
    check: Callable[[object], None],
    make_report: Make,
    write_data: Callable[[Path], DatasetFacts],
    tmp_path: Path,
) -> None:
    report = make_report(write_data(tmp_path), outcome, ("a reason",))
    check(report)
    bare = replace(report.privacy, calibration=None, generator_test=None, planted=(), attacks=(), filters=())
    full = replace(
        report.privacy,
        remedies=(Remedy("means", "helps"),),
        floors=(Floor(FIGURE, 0.3, float("inf")),),
        private=Outcome.PASS,
        tries=3,
        linked=LinkedFacts(4, 3, (("same film", 1),)),
        guarantee=GuaranteeFacts(
            8.0, 1e-5, 400, "votes", "In words.", True, deniable=DeniableFacts(10, 16, 4.0, 0.01, 64, 2.4, "pitch")
        ),
    )
    for privacy in (bare, full):
        check(replace(report, privacy=privacy, evaluation=(FIGURE,), checklist=checklist(Steward(holder="us"))))


def test_a_report_of_changed_records_fits(
    check: Callable[[object], None], make_report: Make, write_data: Callable[[Path], DatasetFacts], tmp_path: Path
) -> None:
    made = make_report(write_data(tmp_path))
    fact = LinkFacts("oracle", "ignorant", "pixels", FIGURE, FIGURE, FIGURE, FIGURE, FIGURE, 5, FIGURE)
    privacy = LinkageReport(
        Outcome.REFUSE, ("a reason",), (Remedy("means", "helps", "here"),), "claim", "warp", 1.0, ("oracle",), (),
        ("oracle",), (), (("same_record", "too few"),), (fact,), 0.45, (9, 4, 5),
    )  # fmt: skip
    check(AnonymisationReport(made.provenance, made.dataset, privacy, (FIGURE,), checklist(Steward(), changed=True)))


def test_what_is_missing_or_added_or_of_another_kind_does_not_fit(
    check: Callable[[object], None], make_report: Make, write_data: Callable[[Path], DatasetFacts], tmp_path: Path
) -> None:
    good = json.loads(json.dumps(to_json(make_report(write_data(tmp_path)))))
    bad = [
        {name: part for name, part in good.items() if name != "sealed"},
        {**good, "surprise": 1},
        {**good, "privacy": {**good["privacy"], "outcome": "FINE"}},
        {**good, "privacy": {**good["privacy"], "reasons": "none"}},
        {**good, "evaluation": [{**good["evaluation"][0], "ci95": [0.1]}]},
    ]
    for report in bad:
        with pytest.raises(ValidationError):
            check(report)
