"""What the figures of a report say in words; the card, the page and Croissant share the wording."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from synthgen.dp.guarantee import FALSE_ALARMS, rounded_up
from synthgen.records import Estimate
from synthgen.report import (
    CalibrationFacts,
    Checklist,
    DeniableFacts,
    GeneratorTest,
    GuaranteeFacts,
    LinkageReport,
    LinkedFacts,
    Outcome,
    PlantedResult,
    PrivacyReport,
    Provenance,
    ReleaseReport,
    Remedy,
)

MEANING = {
    Outcome.PASS: "Every check of the release gate held.",
    Outcome.REFUSE: "The generator memorises, the gate misses exact copies, or an attack on the samples succeeds.",
    Outcome.INCONCLUSIVE: (
        "The checks ran, but what they measured does not settle whether the samples are safe, or shows that they are "
        "not fit for use."
    ),
    Outcome.CALIBRATED_NOT_AUDITED: "The thresholds are calibrated, but no held-out patients were left to attack with.",
    Outcome.UNCALIBRATED: "There were too few patients to calibrate the thresholds: the error rates are unknown.",
    Outcome.NO_COHORT: "No real data was given: only the checks for identifiers and duplicates ran.",
    Outcome.DIFFERENTIALLY_PRIVATE: (
        "ε holds for everything that is released here: a differentially private model made the samples, and which of "
        "them are here is within the same ε. They were not screened for copies, and no attack was run."
    ),
}

_NO_EPSILON = (
    "It is not differential privacy. No ε bounds what one patient's data can change, and rejecting samples by their "
    "distance to patients is itself a query on private data."
)
_EPSILON_UNSCREENED = (
    "It is not differential privacy. The model's ε holds for all that it makes; that screening kept just these samples "
    "was decided by patients' records, and no ε covers it."
)

_NOT_ANONYMOUS = (
    "It is not anonymisation in the sense of the law. The measures here inform such an assessment; they do not "
    "replace it."
)
_NOT = (
    _NOT_ANONYMOUS,
    "The attacks that were run bound those attacks, not every attack. A stronger one may be found.",
    "The rates hold for patients who resemble the held-out ones. They are expectations, with the intervals stated.",
)
_NOT_SCREENED = (
    "It is not screening. A sample may resemble a patient, by chance or within what ε allows; how often was not "
    "measured.",
    _NOT_ANONYMOUS,
    "ε bounds what is released here. Whatever else is released of the same patients adds to it.",
)


def what_it_is_not(privacy: PrivacyReport) -> tuple[str, ...]:
    """What a release must not be taken for."""
    if privacy.outcome is Outcome.DIFFERENTIALLY_PRIVATE:
        return _NOT_SCREENED
    if privacy.guarantee is None:
        return (_NO_EPSILON, *_NOT)
    return (_EPSILON_UNSCREENED, *_NOT) if privacy.guarantee.screened else _NOT


def held_against_patients(privacy: PrivacyReport) -> bool:
    """False for a release that rests on its guarantee: no filter read a patient, and none was meant to."""
    return privacy.outcome is not Outcome.DIFFERENTIALLY_PRIVATE


def guaranteed(privacy: PrivacyReport) -> tuple[str, ...]:
    """What the model guarantees to each patient, and whether that holds for these samples; nothing without an ε."""
    promised = privacy.guarantee
    if promised is None:
        return ()
    if promised.screened:
        held = "These samples were screened by patients' records: the guarantee is the model's and not this choice's."
        return (promised.sentence, held)
    if promised.deniable is not None:
        return (promised.sentence, *_deniable(promised.deniable), _most_caught(promised))
    held = "No patient's record decided which samples are here: the guarantee holds for all of them."
    return (promised.sentence, held, _most_caught(promised))


def _deniable(facts: DeniableFacts) -> tuple[str, ...]:
    """Plausible deniability, and what it cost."""
    return (
        f"Which samples are here was decided by a noisy count of the patients who could explain each: at least "
        f"{facts.k}, with noise of {facts.noise:g} patients, where a patient counts for {facts.nearest} samples at "
        f"most. Compared was {facts.by}, and nothing else. A sample that one patient alone could explain passes with "
        f"a chance of {percent(facts.lone)}.",
        f"All {facts.judged:,} samples that were judged are paid for, whether they passed or not: the model alone has "
        f"ε = {rounded_up(facts.model_epsilon)}, with the choice of samples it is what is stated above.",
    )


def _most_caught(promised: GuaranteeFacts) -> str:
    """What any screen within this guarantee could do: whether a sample passes is an output too."""
    at = f"that blocks {FALSE_ALARMS:.0%} of strangers"
    if promised.most_caught >= 1:
        return (
            f"This ε sets no limit to how many copies of a patient's records a screen within it could catch {at} "
            "(e^ε · FPR + δ is 100% or more): it is too weak to say so."
        )
    return (
        f"No screen within this ε and δ {at} could catch more than {percent(promised.most_caught)} of the copies of a "
        "patient's records (e^ε · FPR + δ): one that catches more, as a gate does, would be outside the guarantee."
    )


LIMITATIONS = (
    "A label is what the sample was generated for. No clinician has read the samples.",
    "The samples inherit the source's population, devices, labelling errors and biases, and rare findings are the "
    "least reliable.",
    "Screening removes the samples that lie nearest to real patients, so the least typical patients are represented "
    "less than in the source.",
    "Not for diagnosis, and not evidence about any person. Validate on real data whatever is trained on these samples.",
)

_NOISE = (
    "The noise that protects patients hides what few of them have: rare findings and untypical patients are "
    "represented less than in the source, and how often anything occurs is only roughly the source's."
)

_OWN_RULES = (
    "No record of a patient entered the generator: the samples follow its own rules and vocabulary, and how often "
    "anything occurs in them measures nothing."
)

FORMS = (
    "Headings of forms in our words, for whoever signs them to fill. Beside each stands where to look; that is "
    "no answer and no legal advice."
)

USES = (
    "Training and augmenting models for research; testing software and data pipelines; teaching.",
    "Not for clinical decisions, nor for estimating how often a finding occurs in a population.",
)

MEANING_OF_CHANGED = {
    Outcome.PASS: "Every attack that was asked to fail failed.",
    Outcome.REFUSE: "An attack that was asked to fail links changed records to their patients.",
    Outcome.INCONCLUSIVE: "No attack that was asked to fail is known to succeed, but not all are shown to fail.",
}
LIMITATIONS_OF_CHANGED = (
    "Labels are the source's, but for those that too few patients have.",
    "The records are the source's in population, devices, labelling errors and biases.",
    "What was changed is lost to research: names, places, dates, or what else the operator takes.",
    "Not for diagnosis, and not evidence about any person.",
)
CHANGED_IS_NOT = (
    "It is not synthesis: every record is one of a person, and what was not changed is as it was.",
    _NOT_ANONYMOUS,
    "The attacks that were made bound those attacks, not every attack: one who knows more, or a stronger one, may link "
    "records.",
)


AGAIN = "A further run on this cohort is judged more strictly: change all of it at once, and give it a new --work."
"""For whoever makes a release that did not pass."""


def what_next(reasons: Sequence[str], remedies: Sequence[Remedy], next_run: str) -> list[str]:
    """Each reason with what it means and what to do next, as lines for the terminal; none where nothing is missing."""
    lines = []
    for number, reason in enumerate(reasons, start=1):
        lines.append(f"{number}. {reason}.")
        remedy = remedies[number - 1] if number <= len(remedies) else None
        if remedy:
            lines += [f"   What it means: {remedy.means}", f"   What helps: {remedy.helps}"]
            lines += [f"   Here: {remedy.here}."] if remedy.here else []
    lines += [f"All at once: {next_run}."] if next_run else []
    return [*lines, AGAIN] if lines else []


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
    written = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 1 else f"{value:.3f}"
    return written.replace("-", "−")


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
    """The verdict in one line. It speaks of privacy, and where that holds, of samples that are not fit for use."""
    outcome = report.privacy.outcome
    if outcome is Outcome.PASS:
        return "Privacy: PASS"
    if outcome is Outcome.REFUSE:
        return "Privacy: REFUSED – do not share"
    if outcome is Outcome.DIFFERENTIALLY_PRIVATE and not quarantined:
        return verdict(report.privacy)
    words = verdict(report.privacy).replace("_", " ")
    return (
        f"{words} – in quarantine, do not share" if quarantined else f"{words} – released by the publisher's decision"
    )


def verdict(report: PrivacyReport) -> str:
    """The outcome in a few words, and on what it is where privacy is not the fault."""
    promised = report.guarantee
    if report.outcome is Outcome.DIFFERENTIALLY_PRIVATE and promised is not None:
        chosen = "not screened" if promised.deniable is None else "plausibly deniable"
        return f"Privacy: DIFFERENTIALLY PRIVATE, epsilon {rounded_up(promised.epsilon)}, {chosen}"
    unfit_alone = report.private is Outcome.PASS and report.outcome is not Outcome.PASS
    return f"{'Privacy: PASS. Not fit for use' if unfit_alone else 'Privacy'}: {report.outcome.value}"


def unfit(report: PrivacyReport) -> list[str]:
    """Each figure of quality that misses what is asked for, as a sentence."""
    return [
        f"Not fit for use: {metric_name(floor.estimate.metric)} {_with_interval(floor.estimate)}, at least "
        f"{number(floor.least)} is asked for; as many real records have {number(floor.real)}."
        for floor in report.floors
        if floor.missed
    ]


def fitness(estimates: Sequence[Estimate]) -> str:
    """What the samples are good for, in one line: train on synthetic, test on real. No verdict stands behind it."""
    synthetic, real = _named(estimates, "tstr_auc"), _named(estimates, "trtr_auc")
    if synthetic is None or math.isnan(synthetic.value):
        return "Fitness for use: not measured"
    line = (
        f"Fitness for use: a classifier trained on the samples alone has AUC {_with_interval(synthetic)} on real data"
    )
    if real is None:
        return line
    if _at_chance(real):
        return (
            f"Fitness for use: not shown: on as much real data a classifier does no better than chance (AUC "
            f"{_with_interval(real)}), on the samples alone {_with_interval(synthetic)}"
        )
    return f"{line}; trained on as much real data, {_with_interval(real)}"


def _at_chance(auc: Estimate) -> bool:
    return not auc.ci95[0] > 0.5


def fitness_details(estimates: Sequence[Estimate]) -> list[str]:
    """What else the figures of utility say in words, each by its own interval."""
    gap, gain = _named(estimates, "tstr_gap"), _named(estimates, "augmentation_gain")
    first = _named(estimates, "pretraining_gain")
    lines = []
    if _named(estimates, "tstr_auc") is None:
        lines.append(
            "No classifier was trained on the samples and tested on real data; try them before you rely on them."
        )
    real = _named(estimates, "trtr_auc")
    if real is not None and _at_chance(real):
        lines.append("What cannot be learnt from so many real records cannot be lost: a larger release would tell.")
    elif gap is not None:
        lines.append(f"Lost against real data: {_with_interval(gap)} of AUC.")
    if gain is not None and not math.isnan(gain.ci95[1]):
        lines.append(_compared("Adding the samples to real data", "on both", gain))
    if first is not None and not math.isnan(first.ci95[1]):
        lines.append(_compared("Training on the samples first and on real data then", "so", first))
    return lines


def changed_verdict(report: LinkageReport) -> str:
    """The outcome in a few words."""
    return f"Privacy: {report.outcome.value}"


def changed_heading(report: LinkageReport, *, quarantined: bool) -> str:
    """The verdict in one line."""
    if report.outcome is Outcome.PASS:
        return "Privacy: PASS"
    if report.outcome is Outcome.REFUSE:
        return "Privacy: REFUSED – do not share"
    end = "in quarantine, do not share" if quarantined else "released by the publisher's decision"
    return f"{changed_verdict(report)} – {end}"


def attacks_held(report: LinkageReport) -> list[str]:
    """What became of the attacks, each group as a sentence."""
    groups = (
        ("Failed", report.held),
        ("Succeeded", report.broken),
        ("Not shown to fail", report.open),
        ("Not made", tuple(f"{attack} ({why})" for attack, why in report.missing)),
        ("Not asked to fail", tuple(a for a in (*report.held, *report.broken, *report.open) if a not in report.asked)),
    )
    return [f"{head}: {', '.join(name.replace('_', ' ') for name in names)}." for head, names in groups if names]


def harms(estimates: Sequence[Estimate]) -> bool:
    """True when adding the samples to real data makes a classifier worse, by the interval of the difference."""
    gain = _named(estimates, "augmentation_gain")
    return gain is not None and gain.ci95[1] < 0


def tries(report: PrivacyReport) -> list[str]:
    """Which try on the cohort the release is: a sentence, or none where there was no cohort."""
    return [] if report.calibration is None else told_tries(report.tries)


def told_tries(tries: int | None) -> list[str]:
    """The same, of a number."""
    if tries is None:
        return ["How many runs were tried on this cohort before this one is not known."]
    return [f"This is try {tries:,} on this cohort; runs with other seeds, settings and splits are counted."]


def source_label(provenance: Provenance) -> str:
    """What the source was to the generator."""
    if provenance.counts and not provenance.reads_cohort:
        return "held against (the generator read none of it beyond counts)"
    return "source" if provenance.reads_cohort else "held against (the generator read none of it)"


def collection(provenance: Provenance) -> str:
    """How the data came to be, for Croissant."""
    end = "Nothing was collected from a person."
    if provenance.reads_cohort:
        return f"Generated by {provenance.generator}, fitted to: {provenance.source}. {end}"
    if provenance.counts:
        return (
            f"Generated by {provenance.generator}, which read no record beyond counts: {provenance.counts}; held "
            f"against: {provenance.source}. {end}"
        )
    return f"Generated by {provenance.generator}, which read no record; held against: {provenance.source}. {end}"


def whose_records(provenance: Provenance) -> str:
    """Whether records of patients entered the generator."""
    if provenance.reads_cohort:
        return "No sample is a record of a person; the generator was fitted to records of patients."
    if provenance.counts:
        return (
            "No sample is a record of a person. No record of a patient was read to make them beyond counts: "
            f"{provenance.counts}."
        )
    return "No sample is a record of a person, and no record of a patient entered the generator."


def limitations(provenance: Provenance, privacy: PrivacyReport) -> tuple[str, ...]:
    """``LIMITATIONS``, where the samples inherit the source, or what holds of a generator that read none of it."""
    if privacy.outcome is Outcome.DIFFERENTIALLY_PRIVATE:
        return (*LIMITATIONS[:2], _NOISE, *LIMITATIONS[3:])
    if provenance.reads_cohort:
        return LIMITATIONS
    return (LIMITATIONS[0], _OWN_RULES, *LIMITATIONS[2:])


def calibration(facts: CalibrationFacts, *, reads_cohort: bool = True) -> list[str]:
    """What the calibration attained, as sentences."""
    low, high = facts.block_rate_ci95
    fitted = (
        f"{facts.patients_train:,} patients trained the generator and the filters;"
        if reads_cohort
        else f"No patient's record trained the generator. {facts.patients_train:,} patients stand behind the filters;"
    )
    lines = [
        f"{fitted} {facts.patients_calibration:,} others set the thresholds; {facts.patients_audit:,} more were kept "
        "for the audit. No patient is in two groups.",
        f"A sample is rejected when it is as near to a protected patient as the {_ordinal(facts.k)}closest of the "
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


def linked(facts: LinkedFacts) -> list[str]:
    """Who counts as one person, as sentences; none where nobody was linked."""
    lines = []
    merged = facts.patients_before - facts.patients
    if merged:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in facts.links)
        lines.append(
            f"{merged:,} of {facts.patients_before:,} patient ids were linked to another and count as one person"
            + (f" (pairs of records: {kinds})." if kinds else " (written in several ways).")
        )
    if facts.set_apart:
        lines.append(f"{facts.set_apart:,} linked pairs of records were set apart by the data steward.")
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
    again = ", and drawn again with the same condition"
    if report.calibration is not None:
        again += f", after {_times(facts.close_rejections)} no more"
    lines = [f"{line}{again if facts.rejected else ''}."]
    if facts.exhausted:
        lines.append(f"{facts.exhausted:,} found no acceptable sample and are missing.")
    if facts.withheld_undeniable:
        lines.append(f"Withheld, since too few patients could explain them: {facts.withheld_undeniable:,}.")
    if facts.withheld_by_steward:
        told = "their places stay empty; privacy and quality were measured with them"
        lines.append(f"Withheld by the data steward by hand: {facts.withheld_by_steward:,}; {told}.")
    if facts.withheld_for_audit:
        lines.append(f"Withheld, since they lay too close to an audit patient: {facts.withheld_for_audit:,}.")
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


def stated(checklist: Checklist) -> str:
    """What the checklist is worth, as a sentence or two."""
    if not any(line.answer for line in checklist.lines):
        return "Nothing was stated (--steward FILE): every line is left open."
    return "As the data steward states it; nothing of it was checked, and the verdict does not rest on it."


def literal(text: str) -> str:
    """Somebody's text for Markdown, in which nothing of it is a link, a picture or an emphasis."""
    return re.sub(r"([\\`*_\[\]()!#~$])", r"\\\1", text)


def _named(estimates: Sequence[Estimate], metric: str) -> Estimate | None:
    return next((estimate for estimate in estimates if estimate.metric.startswith(metric)), None)


def _with_interval(estimate: Estimate) -> str:
    return f"{number(estimate.value)} (95%: {interval(estimate)})"


def _compared(what: str, how: str, gain: Estimate) -> str:
    """In words, by the interval of the difference to training on real data alone."""
    low, high = gain.ci95
    if high < 0:
        verdict = f"harms: a classifier trained {how} is worse than one trained on the real data alone"
    elif low > 0:
        verdict = f"helps: a classifier trained {how} is better than one trained on the real data alone"
    else:
        verdict = "makes no difference that could be shown"
    value, low_end, high_end = (f"{figure:+.3f}".replace("-", "−") for figure in (gain.value, low, high))
    return f"{what} {verdict} (AUC {value}, 95%: {low_end} to {high_end})."


def _ordinal(k: int) -> str:
    if k == 1:
        return ""
    suffix = "th" if 10 <= k % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k:,}{suffix} "
