"""The verdict on a release: what was measured, held against its limits, and the claim that a release carries.

A PASS needs evidence, not only the absence of alarms: where a check had too little power to see what it looks for, the
verdict is INCONCLUSIVE and says what would help.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scipy.stats import norm

from synthgen.advice import next_run, remedy
from synthgen.dp.guarantee import FALSE_ALARMS, rounded_up
from synthgen.dp.screening import most_caught
from synthgen.findings import STANDARD_95, Findings, Reason, Why, upper_end
from synthgen.privacy_filters.calibration import attainable_alpha
from synthgen.privacy_filters.power import miss_upper, released_share
from synthgen.records import Estimate
from synthgen.report import (
    CalibrationFacts,
    DeniableFacts,
    GuaranteeFacts,
    Limits,
    LinkedFacts,
    Outcome,
    OutsideFacts,
    PlantedResult,
    PrivacyReport,
    ScreeningFacts,
)
from synthgen.sizes import LEAST_AUDITED

ATTACK_LEVEL = 0.01  # probability at which any attack on an honest release may succeed; the attacks share it
HELD_OUT_LEVEL = 0.01  # at which held-out patients are taken to differ from the others
_EMPTY_SHARE = 0.01
_NO_CLAIM = "Nothing is claimed: no real cohort was given, so no sample was compared with a patient."
_UNSCREENED = (
    "No sample was compared with a patient, and no filter and no attack stands behind this: of copies nothing is known "
    "but what ε bounds."
)


def privacy_report(
    found: Findings, *, rules: tuple[str, ...] = (), linked: LinkedFacts | None = None, tries: int | None = None
) -> PrivacyReport:
    """What is published of the findings: verdict, reasons, claim and the figures behind them."""
    outcome, reasons = decide(found)
    private, _ = decide(replace(found, floors=()))
    names = found.calibration.names if found.calibration else ()
    promised = guarantee_facts(found)
    return PrivacyReport(
        outcome=outcome,
        reasons=tuple(reason.text for reason in reasons),
        remedies=tuple(remedy(reason.why, found) for reason in reasons),
        next_run=next_run(reasons, found),
        claim=" ".join(_claimed(found, names, guarantee_in_claim(promised))).strip(),
        filters=names,
        calibration=found.facts,
        generator_test=found.generator_test,
        planted=found.planted,
        screening=found.screening,
        attacks=found.attacks,
        limits=found.limits,
        rules=rules,
        tries=tries,
        linked=linked,
        floors=found.floors,
        private=private,
        guarantee=promised,
        exposure=found.exposure,
        outside=found.outside,
    )


def by_guarantee(found: Findings) -> bool:
    """True where differential privacy is what a release rests on, and no filter and no attack decides anything."""
    return found.guarantee is not None and found.release in ("dp", "dp+deniable")


def _claimed(found: Findings, names: Sequence[str], promised: str) -> tuple[str, str]:
    """The claim in two parts: what a release rests on stands first."""
    if by_guarantee(found):
        return promised, _UNSCREENED if found.deniable is None else _counted(found.deniable)
    told = claim(names, found.facts, found.planted, found.screening) if found.facts else _NO_CLAIM
    return told, promised or _declared(found.outside)


def _declared(outside: OutsideFacts | None) -> str:
    """What a claim on samples that were made elsewhere rests on beside what was measured."""
    if outside is None:
        return ""
    told = []
    if outside.held_out:
        told.append(f"the generator has not seen the {outside.held_out} held-out patients")
    if outside.unfiltered:
        told.append("the candidates are all that it made, and nobody chose among them")
    declared = f"Declared, not verified: {'; '.join(told)}. " if told else ""
    unseen = "" if outside.held_out else "Everybody in the cohort may have been seen by the generator. "
    return (
        f"The samples were made elsewhere. {declared}{unseen}Whom of the others it has seen is not known: if few, the "
        "attacks are weaker than their figures. No copies in its own domain could be planted."
    )


def guarantee_facts(found: Findings) -> GuaranteeFacts | None:
    """What is published of the guarantee."""
    one = found.guarantee
    if one is None:
        return None
    return GuaranteeFacts(
        one.epsilon,
        one.delta,
        one.patients,
        one.mechanism,
        one.sentence(),
        screened=found.calibration is not None,
        release=found.release or ("dp" if found.calibration is None else "dp+screen"),
        most_caught=most_caught(one.epsilon, one.delta, FALSE_ALARMS),
        deniable=found.deniable,
    )


def guarantee_in_claim(promised: GuaranteeFacts | None) -> str:
    """What of a release is differentially private, in a sentence; empty where the model is not."""
    if promised is None:
        return ""
    epsilon = rounded_up(promised.epsilon)
    what = f"differentially private, epsilon {epsilon} at delta {promised.delta:.1e} for each patient"
    if promised.deniable is not None:
        alone = rounded_up(promised.deniable.model_epsilon)
        return f"This release is {what}: its model (epsilon {alone}), and which of its samples are here."
    if not promised.screened:
        return f"The model is {what}, and no patient decided which of its samples are here: that holds for all of them."
    return (
        f"The model, and its samples before screening, are {what}. That screening kept these samples is not covered: "
        "it was decided by patients' records."
    )


def _counted(deniable: DeniableFacts) -> str:
    """What plausible deniability says of a sample, and what not."""
    return (
        f"A sample is here when, by a noisy count, at least {deniable.k} patients could explain it (standard deviation "
        f"{deniable.noise:g} patients; compared was {deniable.by}); one that a single patient could explain passes "
        f"with a chance of {deniable.lone:.1%}. No sample was screened for copies, and no attack stands behind this."
    )


def decide(found: Findings) -> tuple[Outcome, tuple[Reason, ...]]:
    """The verdict on a release and its reasons, the gravest first. Only an empty list of reasons is a PASS."""
    if by_guarantee(found):
        return Outcome.DIFFERENTIALLY_PRIVATE, ()
    if found.calibration is None:
        told = "no real cohort was given: only duplicate checks ran, nothing is known of copies"
        return Outcome.NO_COHORT, (Reason(Why.NO_COHORT, told),)
    refuse = [*_copies_seen(found), *_exact_copies_missed(found.planted), *_attacks_that_succeed(found)]
    slots = (*_empty_slots(found.screening), *_withheld_by_hand(found.screening))
    doubt = [*_blind_spots(found), *_no_power(found), *slots, *_attacks_unsettled(found)]
    undeclared = [*_undeclared(found)]
    doubt += undeclared if found.audited else []
    unfit = [*_not_fit(found)]
    if refuse:
        return Outcome.REFUSE, (*refuse, *doubt, *unfit)
    if not found.calibration.attained:
        n = found.calibration.n
        level = (
            f"{n} calibration patients attain a level of {attainable_alpha(n):.2%}, not {found.calibration.alpha:.2%}"
        )
        return Outcome.UNCALIBRATED, (Reason(Why.TOO_FEW, level), *doubt, *unfit)
    if doubt:
        return Outcome.INCONCLUSIVE, (*doubt, *unfit)
    if found.outside is not None and not found.outside.held_out:
        told = "no attack was run: nobody is declared whom the generator has not seen"
        return Outcome.CALIBRATED_NOT_AUDITED, (Reason(Why.NOBODY_UNSEEN, told), *undeclared, *unfit)
    if not found.audited or not found.calibrated_on_strangers:
        told = "no attack was run: there are no audit patients, or the conditions are unknown"
        outcome = Outcome.INCONCLUSIVE if unfit else Outcome.CALIBRATED_NOT_AUDITED
        return outcome, (Reason(Why.NOT_AUDITED, told), *unfit)
    return (Outcome.INCONCLUSIVE if unfit else Outcome.PASS), tuple(unfit)


def _undeclared(found: Findings) -> Iterator[Reason]:
    """What is not known of samples that were made elsewhere, without which a PASS would say more than was measured."""
    outside = found.outside
    if outside is None:
        return
    if outside.held_out_p is not None and outside.held_out_p < HELD_OUT_LEVEL:
        yield Reason(
            Why.HELD_OUT_DIFFER,
            f"the {outside.held_out} held-out patients do not lie as the others do (p = {outside.held_out_p:.1g}): "
            "that an attack fails on them says little",
        )
    if not outside.unfiltered:
        yield Reason(
            Why.MAYBE_CHOSEN,
            "the candidates may have been chosen among more: how many of them are close says nothing of the generator",
        )
    if not outside.labelled:
        yield Reason(
            Why.UNLABELLED,
            "the candidates' conditions are not known: what the samples tell of patients' attributes, and what they "
            "are good for, was not measured",
        )


def _copies_seen(found: Findings) -> Iterator[Reason]:
    test, screening = found.generator_test, found.screening
    if found.outside is not None and found.outside.copies:
        yield Reason(
            Why.COPIED,
            f"candidates are records of the cohort, byte for byte: {found.outside.copies} of {screening.slots}",
        )
    if test is not None and test.rejected > test.limit:
        yield Reason(
            Why.MEMORISES,
            f"the generator memorises: {test.rejected} of its {test.attempts} first attempts lie too close to a "
            f"patient, an honest generator stays at or below {test.limit}",
        )
    if test is not None and test.conditions_memorised:
        names = ", ".join(test.conditions_memorised)
        told = f"the generator memorises under some conditions: too many first attempts lie too close with {names}"
        yield Reason(Why.MEMORISES_CONDITION, told)
    if screening.withheld_for_audit > screening.outsider_limit:
        yield Reason(
            Why.KNOWS_AUDIT,
            f"{screening.withheld_for_audit} samples lie too close to an audit patient, strangers would at most "
            f"{screening.outsider_limit} times: the generator has seen patients it was not given",
        )
    if screening.withheld_persons > screening.person_limit:
        yield Reason(
            Why.DEALT_OUT,
            f"the sessions of {screening.withheld_persons} of {screening.persons} synthetic persons, taken together, "
            f"lie too close to a patient, an honest generator's at most {screening.person_limit}",
        )


def _exact_copies_missed(planted: Sequence[PlantedResult]) -> Iterator[Reason]:
    exact = [result for result in planted if result.domain == "exact"]
    if not exact:
        yield Reason(Why.NO_EXACT, "no exact copies were planted, so nothing is known of what the gate misses")
    for result in exact:
        if result.caught < result.planted:
            missed = result.planted - result.caught
            told = f"the gate misses {missed} of {result.planted} exact copies ({result.perturbation})"
            yield Reason(Why.EXACT_MISSED, told)


def _blind_spots(found: Findings) -> Iterator[Reason]:
    """Claimed kinds of copies of which the gate may miss more than it claims."""
    limit = found.limits.miss
    claimed = [r for r in found.planted if r.domain != "beyond"]
    unsure = [r for r in claimed if miss_upper(r.planted, r.caught, 1 - found.risk) > limit]
    missed = [r for r in unsure if r.caught < r.planted]
    if missed:
        told = ", ".join(f"{r.perturbation} {r.planted - r.caught} of {r.planted}" for r in missed)
        yield Reason(
            Why.COPIES_MISSED,
            f"the gate misses more copies than it may claim ({told}; the limit is an upper bound of {limit:.0%})",
        )
    if len(unsure) > len(missed):
        few = min(r.planted for r in unsure if r.caught == r.planted)
        yield Reason(
            Why.FEW_PLANTED,
            f"{few} planted copies of a kind, all of them caught, bound the misses at "
            f"{miss_upper(few, few, 1 - found.risk):.1%}, {limit:.0%} is asked for",
        )
    own = [result for result in found.planted if result.domain == "generator"]
    if found.far_from_all and (not own or any(result.caught < result.planted for result in own)):
        yield Reason(
            Why.FAR_FROM_ALL,
            "the samples lie farther from every real record than strangers do, and not every copy in the generator's "
            "own domain is known to be caught",
        )


def _no_power(found: Findings) -> Iterator[Reason]:
    facts, test = found.facts, found.generator_test
    if test is not None and found.reads_cohort and test.detectable_share > found.limits.detectable:
        seen = f"{test.detectable_share:.1%}" if test.detectable_share <= 1 else "no share at all"
        yield Reason(
            Why.NO_POWER,
            f"the test of the generator would have seen {seen} of copies among its samples, "
            f"{found.limits.detectable:.0%} is asked for",
        )
    if facts is None or facts.audit_block_rate is None or facts.audit_limit is None:
        return
    blocked = round(facts.audit_block_rate.value * facts.audit_block_rate.n)
    if blocked > facts.audit_limit:
        yield Reason(
            Why.AUDIT_BLOCKED,
            f"the gate blocks {blocked} of {facts.audit_block_rate.n} audit patients, its calibration allows "
            f"{facts.audit_limit}: the calibration patients do not stand for the others",
        )
    if facts.audit_block_rate.n < LEAST_AUDITED:
        yield Reason(Why.FEW_AUDITED, f"{facts.audit_block_rate.n} audit patients are too few to attack with")


def _empty_slots(screening: ScreeningFacts) -> Iterator[Reason]:
    if screening.exhausted > _EMPTY_SHARE * screening.slots:
        yield Reason(
            Why.EMPTY_SLOTS,
            f"{screening.exhausted} of {screening.slots} slots found no sample that the gate keeps within their "
            "attempts",
        )


def _withheld_by_hand(screening: ScreeningFacts) -> Iterator[Reason]:
    """A few are a person's caution; more say that the gate does not see what a person sees."""
    if screening.withheld_by_steward > _EMPTY_SHARE * screening.slots:
        yield Reason(
            Why.WITHHELD,
            f"the data steward withheld {screening.withheld_by_steward} of {screening.slots} samples by hand, at most "
            f"{_EMPTY_SHARE:.0%} is a few",
        )


def _not_fit(found: Findings) -> Iterator[Reason]:
    """Figures of quality whose whole interval lies below what is asked for."""
    for figure, least in ((floor.estimate, floor.least) for floor in found.floors if floor.missed):
        yield Reason(
            Why.NOT_FIT,
            f"the samples are not fit for use: {figure.metric} {figure.value:.3f}, 95% interval {figure.ci95[0]:.3f} "
            f"to {figure.ci95[1]:.3f}, at least {least:.3f} is asked for",
        )


def _attacks_that_succeed(found: Findings) -> Iterator[Reason]:
    for attack in successes(found.attacks, found.limits):
        yield Reason(
            Why.ATTACK_SUCCEEDS,
            f"an attack succeeds: {attack.metric} {attack.value:.3f}, 95% interval {attack.ci95[0]:.3f} to "
            f"{attack.ci95[1]:.3f}, limit {attack_limit(attack, found.limits)}",
        )


def _attacks_unsettled(found: Findings) -> Iterator[Reason]:
    if found.audited and not found.attacks:
        yield Reason(Why.NO_ATTACK, "no attack could be measured: too few samples or audit patients")
    for attack in found.attacks:
        high = upper_end(attack, found.risk)
        if attack.metric.endswith("_auc") and not high < found.limits.attack_upper:
            yield Reason(
                Why.ATTACK_OPEN,
                f"an attack is not ruled out: {attack.metric} {attack.value:.3f} may be as high as {high:.3f} "
                f"({1 - found.risk:.0%}), the limit is {found.limits.attack_upper}",
            )


def successes(attacks: Sequence[Estimate], limits: Limits) -> tuple[Estimate, ...]:
    """The attacks that succeed, at the level that all figures with a limit share."""
    deciding = [attack for attack in attacks if attack_limit(attack, limits) is not None]
    return tuple(attack for attack in deciding if attack_succeeds(attack, limits, len(deciding)))


def attack_limit(attack: Estimate, limits: Limits) -> float | None:
    """The limit of an attack's figure; None for one that decides nothing."""
    if attack.metric.endswith("_auc"):
        return limits.attack_auc
    return limits.attack_tpr if "_tpr_at_fpr" in attack.metric else None


def attack_succeeds(attack: Estimate, limits: Limits, attacks: int = 1) -> bool:
    """True when an attack's interval lies above its limit as a whole, at the level that ``attacks`` figures share.

    Figures without a limit decide nothing. One success refuses a release, so the attacks share ``ATTACK_LEVEL``
    (Bonferroni). The 95% interval's lower half is stretched to that level as a normal distribution's would be.
    """
    limit = attack_limit(attack, limits)
    below = (attack.value - attack.ci95[0]) / STANDARD_95
    return limit is not None and attack.value - float(norm.isf(ATTACK_LEVEL / attacks)) * below > limit


def claim(
    filters: Sequence[str], facts: CalibrationFacts, planted: Sequence[PlantedResult], screening: ScreeningFacts
) -> str:
    """The sentences that every release carries: what is caught at which rate, and what is not."""
    listed = [r for r in planted if r.domain != "beyond"]
    worst = max((r.miss_upper95 for r in listed), default=1.0)
    names = ", ".join(r.perturbation.replace("_", " ") for r in listed)
    told = ", ".join(filters).replace("_", " ")
    tries = screening.close_rejections
    held_out = facts.patients_calibration or facts.patients_train
    known = facts.patients_train + facts.patients_calibration
    return (
        f"Under filters {told}, every released record scores farther from all {known} training and "
        f"calibration patients than the {_ordinal(facts.k)} of {held_out} held-out patients, and no released record is "
        f"that close to one of {facts.patients_audit} audit patients. Planted copies of the listed kinds ({names}) are "
        f"missed at a rate ≤ {worst:.1%} (95%) an attempt, ≤ {released_share(worst, tries):.1%} in the up to {tries} "
        f"attempts of a slot. {_by_hand(screening)}Not claimed: {_not_claimed(planted)}. This is screening, not DP and "
        "not anonymity."
    )


def _by_hand(screening: ScreeningFacts) -> str:
    if not screening.withheld_by_steward:
        return ""
    return (
        f"The data steward withheld {screening.withheld_by_steward} of the samples that the gate kept; privacy and "
        "quality were measured with them. "
    )


def _not_claimed(planted: Sequence[PlantedResult]) -> str:
    """The kinds that pass too often to be claimed, another visit first, with the rate at which they are caught."""
    beyond = sorted(
        (r for r in planted if r.domain == "beyond"), key=lambda r: (r.perturbation != "another_visit", r.perturbation)
    )
    told = [f"{r.perturbation.replace('_', ' ')} ({r.caught} of {r.planted} caught)" for r in beyond]
    if not any(r.perturbation == "another_visit" for r in beyond):
        told.insert(0, "another visit of a protected patient (not measured)")
    return ", ".join([*told, "kinds of copies that nobody listed"])


def _ordinal(k: int) -> str:
    if k == 1:
        return "closest"
    suffix = "th" if 10 <= k % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k}{suffix} closest"
