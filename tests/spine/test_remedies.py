"""Every reason has its advice, and what a remedy names can be set."""

import re
from dataclasses import replace

import pytest
from test_verdict import BLURRED, EXACT, FACTS, ROUND, TEST, findings

from synthgen.advice import advice, next_run, remedy
from synthgen.config import load_config
from synthgen.findings import Findings, Reason, Why
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.records import Estimate
from synthgen.report import OutsideFacts, PlantedResult
from synthgen.verdict import decide, privacy_report

FEW = replace(FACTS, patients_train=40, patients_calibration=60, patients_audit=12)
CASES: dict[str, Findings] = {
    "misses": findings(facts=FEW, planted=(EXACT, replace(ROUND, planted=20, caught=12, miss_upper95=0.6))),
    "misses, read nothing": findings(planted=(EXACT, replace(ROUND, caught=250)), reads_cohort=False),
    "one miss of sixty": findings(planted=(EXACT, PlantedResult("negative", "perturbed", 60, 59, 0.08))),
    "few planted": findings(planted=(EXACT, PlantedResult("negative", "perturbed", 20, 20, 0.14))),
    "no power": findings(generator_test=replace(TEST, detectable_share=0.19)),
    "few audited": findings(
        facts=replace(FEW, audit_block_rate=Estimate("audit_block_rate", 0.0, (0.0, 0.2), 12)), attacks=()
    ),
    "attack open": findings(facts=FEW, attacks=(Estimate("identity_auc", 0.6, (0.45, 0.75), 12),)),
    "attack near its limit": findings(attacks=(Estimate("identity_auc", 0.649, (0.51, 0.79), 80),)),
    "attack unknown": findings(attacks=(Estimate("identity_auc", 0.5, (float("nan"), float("nan")), 80),)),
    "not fit for use": findings(floors=(BLURRED,)),
    "withheld by hand": findings(screening=replace(findings().screening, withheld_by_steward=9)),
    "outside, nothing declared": findings(audited=False, attacks=(), outside=OutsideFacts(0, False, False)),
    "outside, others held out": findings(outside=OutsideFacts(60, False, False, 0.002)),
    "outside, no power": findings(
        generator_test=replace(TEST, detectable_share=0.19), outside=OutsideFacts(60, True, True, 0.5)
    ),
    "empty slots": findings(screening=replace(findings().screening, exhausted=9)),
}


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_words_and_a_remedy(why: Why) -> None:
    told = remedy(why, findings())
    assert told.means.endswith(".") and told.helps.endswith(".")
    assert "\n" not in str(told) and len(advice()[why].reason) > 20


@pytest.mark.parametrize("case", CASES)
@pytest.mark.field("advice", "refused")
def test_what_a_remedy_names_can_be_set(case: str) -> None:
    """Settings of each remedy, and those of all together, are accepted as the command line accepts them."""
    report = privacy_report(CASES[case])
    assert report.reasons and len(report.reasons) == len(report.remedies)
    named = re.findall(r"--set ([\w.]+=[\d.]*\d)", report.next_run)
    for remedy_told in report.remedies:
        for setting in re.findall(r"--set ([\w.]+=[\d.]*\d)", remedy_told.here):
            load_config(CxrConfig, "cxr", "demo", [setting])
    load_config(CxrConfig, "cxr", "demo", named)
    assert all(pattern_of(why).fullmatch(text) for why, text in told(CASES[case]))


def told(found: Findings) -> list[tuple[Why, str]]:
    return [(reason.why, reason.text) for reason in decide(found)[1]]


def pattern_of(why: Why) -> re.Pattern[str]:
    """The reason as the documents print it, … standing for its figures."""
    return re.compile(".+".join(re.escape(part) for part in advice()[why].reason.split("…")) + ".*")


def test_nothing_to_change_is_said_where_no_setting_helps() -> None:
    assert next_run([Reason(Why.MEMORISES, "")], findings()) == ""
    assert next_run([Reason(Why.FEW_PLANTED, "")], findings()).startswith(
        "the same command with --work NEW --set gate."
    )
