"""What the verdict makes of findings: a PASS needs evidence."""

import math
from dataclasses import replace

import numpy as np
import pytest

from synthgen.dp.accounting import Gaussian
from synthgen.dp.guarantee import guarantee
from synthgen.findings import Findings, upper_end
from synthgen.privacy_filters.calibration import calibrate
from synthgen.records import Estimate
from synthgen.report import (
    CalibrationFacts,
    DeniableFacts,
    Floor,
    GeneratorTest,
    Limits,
    Outcome,
    OutsideFacts,
    PlantedResult,
    ScreeningFacts,
)
from synthgen.verdict import attack_succeeds, claim, decide, privacy_report, successes

CALIBRATION = calibrate(("distance",), np.exp(np.random.default_rng(0).normal(size=(120, 1))), 0.05)
EXACT = PlantedResult("exact", "exact", 299, 299, 0.01)
ROUND = PlantedResult("autoencoder", "generator", 299, 299, 0.01)
VISIT = PlantedResult("another_visit", "beyond", 61, 20, 0.78)
TEST = GeneratorTest(400, 3, 12, 0.01, 0.04, 3, (), False, None)
FACTS = CalibrationFacts(
    360, 120, 80, 0.05, 6, 0.05, (0.02, 0.09), 0.01, (), (), Estimate("audit_block_rate", 0.05, (0.01, 0.12), 80), 9
)

OUTSIDE = OutsideFacts(80, unfiltered=True, labelled=True, held_out_p=0.4)
BLURRED = Floor(Estimate("neutral_coverage", 0.1, (0.05, 0.16), 80), 0.3, 0.9)
COVERED = Floor(Estimate("label_auc_macro", 0.6, (0.5, 0.7), 80), 0.65, 0.8)


def findings(**changes: object) -> Findings:
    base = Findings(
        calibration=CALIBRATION,
        calibrated_on_strangers=True,
        facts=FACTS,
        generator_test=TEST,
        far_from_all=False,
        planted=(EXACT, ROUND, VISIT),
        screening=ScreeningFacts(100, 103, 3, 0, close_rejections=3),
        attacks=(Estimate("membership_auc", 0.52, (0.44, 0.6), 80),),
        limits=Limits(),
        audited=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def outcome(**changes: object) -> Outcome:
    return decide(findings(**changes))[0]


def test_nothing_wrong_and_enough_seen_is_a_pass() -> None:
    assert decide(findings()) == (Outcome.PASS, ())


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"generator_test": replace(TEST, rejected=13, memorises=True)}, Outcome.REFUSE),
        ({"generator_test": replace(TEST, conditions_memorised=("view = AP",), memorises=True)}, Outcome.REFUSE),
        ({"planted": (replace(EXACT, caught=298), ROUND)}, Outcome.REFUSE),
        ({"planted": ()}, Outcome.REFUSE),
        ({"attacks": (Estimate("identity_auc", 0.7, (0.6, 0.8), 80),)}, Outcome.REFUSE),
        ({"attacks": (Estimate("nn_tpr_at_fpr_0.01", 0.4, (0.3, 0.5), 80),)}, Outcome.REFUSE),
        ({"screening": ScreeningFacts(100, 103, 3, 0, withheld_for_audit=3, outsider_limit=2)}, Outcome.REFUSE),
        ({"screening": ScreeningFacts(100, 103, 3, 0, withheld_persons=2, persons=9, person_limit=1)}, Outcome.REFUSE),
        ({"planted": (EXACT, replace(ROUND, caught=280, miss_upper95=0.09))}, Outcome.INCONCLUSIVE),
        ({"planted": (EXACT, PlantedResult("negative", "perturbed", 59, 58, 0.08))}, Outcome.INCONCLUSIVE),
        ({"planted": (EXACT, PlantedResult("negative", "perturbed", 20, 20, 0.14))}, Outcome.INCONCLUSIVE),
        ({"planted": (EXACT, ROUND, replace(VISIT, caught=0, miss_upper95=1.0))}, Outcome.PASS),
        ({"planted": (EXACT, replace(ROUND, caught=298)), "far_from_all": True}, Outcome.INCONCLUSIVE),
        ({"planted": (EXACT,), "far_from_all": True}, Outcome.INCONCLUSIVE),
        ({"generator_test": replace(TEST, detectable_share=0.19)}, Outcome.INCONCLUSIVE),
        ({"generator_test": replace(TEST, detectable_share=float("inf"))}, Outcome.INCONCLUSIVE),
        ({"generator_test": replace(TEST, detectable_share=0.19), "reads_cohort": False}, Outcome.PASS),
        ({"facts": replace(FACTS, audit_limit=3)}, Outcome.INCONCLUSIVE),
        (
            {"facts": replace(FACTS, audit_block_rate=Estimate("audit_block_rate", 0.0, (0.0, 0.2), 12))},
            Outcome.INCONCLUSIVE,
        ),
        ({"attacks": (Estimate("identity_auc", 0.6, (0.5, 0.7), 80),)}, Outcome.INCONCLUSIVE),
        ({"attacks": (Estimate("identity_auc", 0.5, (float("nan"), float("nan")), 80),)}, Outcome.INCONCLUSIVE),
        ({"attacks": (Estimate("authenticity", 0.9, (0.8, 1.0), 80),)}, Outcome.PASS),
        ({"attacks": ()}, Outcome.INCONCLUSIVE),
        ({"screening": ScreeningFacts(100, 150, 51, 1)}, Outcome.PASS),
        ({"screening": ScreeningFacts(100, 150, 51, 2)}, Outcome.INCONCLUSIVE),
        ({"screening": ScreeningFacts(100, 100, 0, 0, withheld_by_steward=1)}, Outcome.PASS),
        ({"screening": ScreeningFacts(100, 100, 0, 0, withheld_by_steward=2)}, Outcome.INCONCLUSIVE),
        ({"outside": OUTSIDE}, Outcome.PASS),
        ({"outside": replace(OUTSIDE, held_out=0, held_out_p=None)}, Outcome.CALIBRATED_NOT_AUDITED),
        ({"outside": replace(OUTSIDE, unfiltered=False)}, Outcome.INCONCLUSIVE),
        ({"outside": replace(OUTSIDE, labelled=False)}, Outcome.INCONCLUSIVE),
        ({"outside": replace(OUTSIDE, held_out_p=0.001)}, Outcome.INCONCLUSIVE),
        ({"outside": replace(OUTSIDE, copies=1)}, Outcome.REFUSE),
        ({"outside": OUTSIDE, "attacks": ()}, Outcome.INCONCLUSIVE),
        ({"outside": OUTSIDE, "attacks": (Estimate("identity_auc", 0.7, (0.6, 0.8), 80),)}, Outcome.REFUSE),
        ({"floors": (COVERED,)}, Outcome.PASS),
        ({"floors": (COVERED, BLURRED)}, Outcome.INCONCLUSIVE),
        ({"floors": (BLURRED,), "planted": ()}, Outcome.REFUSE),
        ({"floors": (BLURRED,), "audited": False}, Outcome.INCONCLUSIVE),
        ({"audited": False, "attacks": ()}, Outcome.CALIBRATED_NOT_AUDITED),
        ({"calibrated_on_strangers": False}, Outcome.CALIBRATED_NOT_AUDITED),
        ({"calibration": None}, Outcome.NO_COHORT),
        ({"calibration": replace(CALIBRATION, n=10)}, Outcome.UNCALIBRATED),
    ],
)
def test_the_verdicts(changes: dict[str, object], verdict: Outcome) -> None:
    assert outcome(**changes) is verdict


def test_the_gravest_reason_comes_first_and_none_is_lost() -> None:
    blind = replace(ROUND, caught=280, miss_upper95=0.09)
    verdict, reasons = decide(findings(planted=(replace(EXACT, caught=0), blind)))
    assert verdict is Outcome.REFUSE
    assert "exact copies" in reasons[0].text
    assert "autoencoder" in reasons[1].text


def test_fitness_is_a_second_statement_beside_privacy() -> None:
    report = privacy_report(findings(floors=(COVERED, BLURRED)))
    assert report.outcome is Outcome.INCONCLUSIVE and report.private is Outcome.PASS
    assert report.reasons == (
        "the samples are not fit for use: neutral_coverage 0.100, 95% interval 0.050 to 0.160, at least 0.300 is asked "
        "for",
    )
    assert report.remedies[0].here == "as many real records have neutral_coverage 0.900"
    assert report.next_run == "", "no setting is sure to mend it"
    both = privacy_report(findings(floors=(BLURRED,), attacks=()))
    assert both.private is Outcome.INCONCLUSIVE and len(both.reasons) == 2 and "not fit" in both.reasons[1]


def test_a_figure_that_is_not_known_misses_no_floor() -> None:
    assert not Floor(Estimate("neutral_coverage", 0.1, (float("nan"), float("nan")), 0), 0.3, 0.9).missed


def test_reasons_say_what_would_help() -> None:
    report = privacy_report(findings(generator_test=replace(TEST, detectable_share=0.19)))
    assert "19.0% of copies" in report.reasons[0]
    assert "gate.attempts" in report.remedies[0].helps


@pytest.mark.parametrize(
    ("metric", "interval", "succeeds"),
    [
        ("a_auc", (0.58, 0.8), True),
        ("a_auc", (0.55, 0.8), False),
        ("a_tpr_at_fpr_0.01", (0.6, 0.8), True),
        ("a_tpr_at_fpr_0.01", (0.05, 0.8), False),
        ("a_gain", (0.6, 0.8), False),
        ("a_auc", (float("nan"), float("nan")), False),
    ],
)
def test_success_is_about_the_lower_end(metric: str, interval: tuple[float, float], succeeds: bool) -> None:
    assert attack_succeeds(Estimate(metric, 0.7, interval, 10), Limits()) is succeeds


def test_verdicts_are_not_rounded() -> None:
    """A lower end of 0.5499 that a report rounds to 0.55, or to one decimal, would change its verdict."""
    level = 0.62 - (0.62 - 0.561) / 1.959964 * 2.326348
    assert not attack_succeeds(Estimate("a_auc", 0.62, (0.561, 0.65), 10), Limits(attack_auc=level + 1e-6))
    assert attack_succeeds(Estimate("a_auc", 0.62, (0.561, 0.65), 10), Limits(attack_auc=level - 1e-6))


def test_attacks_share_one_level() -> None:
    alone = Estimate("a_auc", 0.62, (0.565, 0.675), 90)
    others = [Estimate(f"b{i}_auc", 0.5, (0.45, 0.55), 90) for i in range(30)]
    assert attack_succeeds(alone, Limits())
    assert successes([alone], Limits()) == (alone,)
    assert successes([alone, *others], Limits()) == ()
    assert not attack_succeeds(Estimate("a_gain", 0.9, (0.8, 1.0), 90), Limits())
    assert upper_end(alone) < alone.ci95[1]


def test_the_level_of_the_attacks_holds_for_honest_releases() -> None:
    """Twenty attacks on nothing: normal estimates around one half, refused or unsettled rarely."""
    rng = np.random.default_rng(3)
    refused = unsettled = 0
    for _ in range(1000):
        values = 0.5 + 0.034 * rng.normal(size=8)
        attacks = tuple(Estimate(f"a{i}_auc", v, (v - 0.0666, v + 0.0666), 90) for i, v in enumerate(values))
        verdict = outcome(attacks=attacks)
        refused += verdict is Outcome.REFUSE
        unsettled += verdict is Outcome.INCONCLUSIVE
    assert refused <= 20
    assert unsettled <= 40


def test_the_claim_says_what_is_caught_and_what_is_not() -> None:
    text = claim(("distance",), FACTS, [EXACT, VISIT], ScreeningFacts(100, 103, 3, 0, close_rejections=3))
    assert "all 480 training and calibration patients than the 6th closest of 120 held-out patients" in text
    assert "80 audit patients" in text
    assert "≤ 1.0% (95%) an attempt, ≤ 3.0% in the up to 3 attempts" in text
    assert "Not claimed: another visit (20 of 61 caught), kinds of copies that nobody listed." in text
    assert "not DP and not anonymity" in text
    unmeasured = claim(("distance",), FACTS, [EXACT], ScreeningFacts(100, 103, 3, 0))
    assert "another visit of a protected patient (not measured)" in unmeasured


PRIVATE = guarantee((Gaussian(1.5),), 409, "votes", delta=1e-3)
DENIABLE = DeniableFacts(10, 16, 4.0, 0.0122, 100, 2.0, "pitch")


def by_guarantee(**changes: object) -> Findings:
    unseen = {
        "calibration": None,
        "facts": None,
        "generator_test": None,
        "planted": (),
        "attacks": (),
        "audited": False,
    }
    return findings(**{**unseen, "guarantee": PRIVATE, "release": "dp", **changes})


def test_a_release_by_its_guarantee_has_a_verdict_of_its_own() -> None:
    report = privacy_report(by_guarantee())
    assert (report.outcome, report.reasons, report.next_run) == (Outcome.DIFFERENTIALLY_PRIVATE, (), "")
    facts = report.guarantee
    assert facts is not None and facts.release == "dp" and not facts.screened
    assert facts.most_caught == pytest.approx(math.exp(facts.epsilon) * 0.01 + 1e-3)
    assert report.claim.startswith("The model is differentially private, epsilon")
    assert "nothing is known but what ε bounds" in report.claim


def test_a_choice_that_was_counted_is_told_with_its_cost() -> None:
    report = privacy_report(by_guarantee(release="dp+deniable", deniable=DENIABLE))
    assert report.outcome is Outcome.DIFFERENTIALLY_PRIVATE
    assert "its model (epsilon 2), and which of its samples are here" in report.claim
    assert "at least 10 patients could explain it" in report.claim and "compared was pitch" in report.claim


def test_without_a_guarantee_or_where_the_gate_decided_the_verdict_is_the_gates() -> None:
    assert decide(by_guarantee(guarantee=None))[0] is Outcome.NO_COHORT
    screened = privacy_report(findings(guarantee=PRIVATE, release="dp+screen"))
    assert screened.outcome is Outcome.PASS
    assert screened.guarantee is not None and screened.guarantee.screened
    assert "That screening kept these samples is not covered" in screened.claim
