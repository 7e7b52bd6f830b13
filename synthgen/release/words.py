"""What the figures of a report say in words; the card, the page and Croissant share the wording."""

from __future__ import annotations

import math

from synthgen.records import Estimate
from synthgen.report import CalibrationFacts, GeneratorTest, Outcome, PlantedResult, PrivacyReport, ReleaseReport

MEANING = {
    Outcome.PASS: "Every check of the release gate held.",
    Outcome.REFUSE: "The generator memorises, the gate misses exact copies, or an attack on the samples succeeds.",
    Outcome.INCONCLUSIVE: "The checks ran, but what they measured does not settle whether the samples are safe.",
    Outcome.CALIBRATED_NOT_AUDITED: "The thresholds are calibrated, but no held-out patients were left to attack with.",
    Outcome.UNCALIBRATED: "There were too few patients to calibrate the thresholds: the error rates are unknown.",
    Outcome.NO_COHORT: "No real data was given: only the checks for identifiers and duplicates ran.",
}

NOT = (
    "It is not differential privacy. No ε bounds what one patient's data can change, and rejecting samples by their "
    "distance to patients is itself a query on private data.",
    "It is not anonymisation in the sense of the law. The measures here inform such an assessment; they do not "
    "replace it.",
    "The attacks that were run bound those attacks, not every attack. A stronger one may be found.",
    "The rates hold for patients who resemble the held-out ones. They are expectations, with the intervals stated.",
)

LIMITATIONS = (
    "A label is what the sample was generated for. No clinician has read the samples.",
    "The samples inherit the source's population, devices, labelling errors and biases, and rare findings are the "
    "least reliable.",
    "Screening removes the samples that lie nearest to real patients, so the least typical patients are represented "
    "less than in the source.",
    "Not for diagnosis, and not evidence about any person. Validate on real data whatever is trained on these samples.",
)

USES = (
    "Training and augmenting models for research; testing software and data pipelines; teaching.",
    "Not for clinical decisions, nor for estimating how often a finding occurs in a population.",
)


def percent(share: float) -> str:
    """A share as a percentage of two or three figures: ``0.0099`` is ``"0.99%"``."""
    if math.isnan(share):
        return "–"
    value = 100 * share
    return f"{value:.0f}%" if value in (0.0, 100.0) else f"{value:.2f}%" if value < 1 else f"{value:.1f}%"


def number(value: float) -> str:
    """Four significant figures; an en dash for NaN."""
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 1 else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """``"0.912 to 0.954"``; an en dash where there is none."""
    low, high = estimate.ci95
    return "–" if math.isnan(low) or math.isnan(high) else f"{number(low)} to {number(high)}"


def direction(better: str) -> str:
    """In which direction a metric is good."""
    return {"higher": "higher is better", "lower": "lower is better", "": "–"}.get(better, f"ideal: {better}")


def metric_name(metric: str) -> str:
    """A metric's identifier as words: ``"verification_auc"`` is ``"verification AUC"``."""
    upper = {
        "auc",
        "bleu",
        "der",
        "eer",
        "far",
        "frr",
        "gvd",
        "uar",
        "wer",
        "fid",
        "kid",
        "tpr",
        "fpr",
        "map",
        "ssim",
        "ms",
        "nn",
        "mia",
        "domias",
        "tstr",
        "trtr",
    }
    words = [word.upper() if word.lower() in upper else word for word in metric.replace("_", " ").split(" ")]
    return " ".join(words).replace("MAP", "mAP").replace("MS SSIM", "MS-SSIM")


def heading(report: ReleaseReport, *, quarantined: bool) -> str:
    """The verdict in one line."""
    outcome = report.privacy.outcome
    if outcome is Outcome.PASS:
        return "PASS"
    if outcome is Outcome.REFUSE:
        return "REFUSED – do not share"
    words = outcome.value.replace("_", " ")
    return (
        f"{words} – in quarantine, do not share" if quarantined else f"{words} – released by the publisher's decision"
    )


def calibration(facts: CalibrationFacts) -> list[str]:
    """What the calibration attained, as sentences."""
    low, high = facts.block_rate_ci95
    lines = [
        f"{facts.patients_train:,} patients trained the generator and the filters; {facts.patients_calibration:,} "
        f"others set the thresholds; {facts.patients_audit:,} more were kept for the audit. No patient is in two "
        "groups.",
        f"A sample is rejected when it is as near to a training patient as the {_ordinal(facts.k)}closest of the "
        f"{facts.patients_calibration:,} calibration patients. A stranger would be rejected at "
        f"{percent(facts.expected_block_rate)} in expectation (95%: {percent(low)} to {percent(high)}); "
        f"{percent(facts.alpha)} was asked for.",
    ]
    if facts.alpha < facts.attainable_alpha:
        lines.append(f"So few calibration patients allow no level below {percent(facts.attainable_alpha)}.")
    if facts.audit_block_rate is not None:
        measured = facts.audit_block_rate
        lines.append(
            f"Measured on the audit patients, who set nothing: {percent(measured.value)} rejected "
            f"(95%: {percent(measured.ci95[0])} to {percent(measured.ci95[1])}, n = {measured.n:,})."
        )
    if len(facts.filter_shares) > 1:
        shares = ", ".join(f"{name} {percent(share)}" for name, share in facts.filter_shares)
        lines.append(f"Of the calibration patients that the gate rejects, each filter rejects: {shares}.")
    return lines


def generator_test(test: GeneratorTest) -> list[str]:
    """The test of the generator itself, as sentences."""
    seen = f"{percent(test.detectable_share)} or more" if test.detectable_share <= 1 else "no share at all"
    lines = [
        f"Before screening, the gate rejected {test.rejected:,} of {test.attempts:,} first attempts. A generator that "
        f"knows its patients no better than strangers stays at or below {test.limit:,} in 99% of runs.",
        f"The test would have seen, with 95% power, {seen} of copies among the samples; fewer it may overlook.",
    ]
    if test.conditions_tested:
        names = ", ".join(test.conditions_memorised) or "none"
        lines.append(f"{test.conditions_tested:,} conditions were tested by themselves; memorised: {names}.")
    if test.train_share is not None:
        share = test.train_share
        lines.append(
            f"{percent(share.value)} of first attempts lie nearer to the training patients than to as many held-out "
            f"ones (95%: {percent(share.ci95[0])} to {percent(share.ci95[1])}, n = {share.n:,}; ideal 50%)."
        )
    return lines


def screening(report: PrivacyReport) -> str:
    """The counts of the screening, as sentences."""
    facts = report.screening
    line = f"{facts.attempts:,} attempts for {facts.slots:,} samples; {facts.rejected:,} were rejected"
    if facts.rejected_by_rules:
        line += f" ({facts.rejected_by_rules:,} of them by a rule alone: {', '.join(report.rules)})"
    lines = [f"{line}, and drawn again with the same condition, after {_times(facts.close_rejections)} no more."]
    if facts.exhausted:
        lines.append(f"{facts.exhausted:,} found no acceptable sample and are missing.")
    if facts.withheld_for_audit:
        lines.append(f"{facts.withheld_for_audit:,} lay too close to an audit patient and were withheld.")
    if facts.persons:
        lines.append(
            f"{facts.persons:,} synthetic persons were judged by all their samples together; "
            f"{facts.withheld_persons:,} were withheld."
        )
    return " ".join(lines)


def _times(count: int) -> str:
    return "one sample too close to a patient" if count == 1 else f"{count} samples too close to a patient"


def caught(result: PlantedResult) -> str:
    """``"59 of 59 caught; misses at most 4.95% (95%)"``."""
    return f"{result.caught:,} of {result.planted:,} caught; misses at most {percent(result.miss_upper95)} (95%)"


def is_auc(attack: Estimate) -> bool:
    """True for the attacks that the limit speaks of."""
    return "auc" in attack.metric.lower().split("_")


def _ordinal(k: int) -> str:
    if k == 1:
        return ""
    suffix = "th" if 10 <= k % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k:,}{suffix} "
