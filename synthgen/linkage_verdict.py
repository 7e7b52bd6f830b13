"""From what attackers made of changed records to a verdict: which attacks hold, which succeed, and what is not known.

An attack succeeds when the whole interval of an equal error rate lies below the least that is asked for, or when more
probes are found first in the gallery than guessing would. It fails when the intervals of all equal error rates lie at
or above that. What lies between is not shown, and no PASS is given on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

from scipy import stats

from synthgen.advice import advice
from synthgen.config import AnonymiseConfig
from synthgen.findings import Reason, Why, lower_end
from synthgen.linking import ATTACKS, Attacked
from synthgen.report import LinkageReport, LinkedFacts, LinkFacts, Outcome, Remedy
from synthgen.sizes import RISK
from synthgen.tries import level_for_try
from synthgen.verdict import ATTACK_LEVEL


class Status(StrEnum):
    """What is known of an attack."""

    HELD = "held"
    BROKEN = "broken"
    OPEN = "open"
    POWERLESS = "powerless"
    MISSING = "missing"


def linkage_report(
    attacked: Attacked,
    settings: AnonymiseConfig,
    operator: str,
    people: tuple[int, int, int],
    linked: LinkedFacts | None = None,
    tries: int | None = None,
) -> LinkageReport:
    """What is published: verdict, reasons, claim and the figures behind them.

    Args:
        people: patients in the release, of C and of E.
        tries: which try on the cohort this is; tries share the risk of a PASS by chance.
    """
    risk = level_for_try(RISK, tries or 1)
    status = {attack: status_of(attack, attacked, settings.eer, risk) for attack in ATTACKS}
    reasons = [reason for kind, why in _WHY.items() if (reason := _reason(kind, why, status, attacked, settings, risk))]
    refused = any(status[attack] is Status.BROKEN for attack in settings.hold)
    outcome = Outcome.REFUSE if refused else Outcome.INCONCLUSIVE if reasons else Outcome.PASS

    def of(*kinds: Status) -> tuple[str, ...]:
        return tuple(attack for attack in ATTACKS if status[attack] in kinds)

    return LinkageReport(
        outcome=outcome,
        reasons=tuple(reason.text for reason in reasons),
        remedies=tuple(Remedy(advice()[reason.why].means, advice()[reason.why].helps) for reason in reasons),
        claim=_claim(status, attacked, settings, operator, people),
        operator=operator,
        strength=settings.strength,
        asked=settings.hold,
        held=of(Status.HELD),
        broken=of(Status.BROKEN),
        open=of(Status.OPEN, Status.POWERLESS),
        missing=attacked.missing,
        attacks=attacked.facts,
        eer=settings.eer,
        people=people,
        linked=linked,
        tries=tries,
    )


def status_of(attack: str, attacked: Attacked, eer: float, risk: float = RISK) -> Status:
    """What is known of one attack, over all attackers and levels."""
    facts = [fact for fact in attacked.facts if fact.attack == attack]
    if not facts:
        return Status.MISSING
    if any(succeeds(fact, eer, len(attacked.facts)) for fact in facts):
        return Status.BROKEN
    able = [fact for fact in facts if has_power(fact)]
    if not able:
        return Status.POWERLESS
    return Status.HELD if all(lower_end(fact.eer, risk) >= eer for fact in able) else Status.OPEN


def has_power(fact: LinkFacts) -> bool:
    """Whether the attacker tells people apart where nothing is changed."""
    return fact.untouched.ci95[0] > 0.5


def succeeds(fact: LinkFacts, eer: float, attacks: int) -> bool:
    """Whether an attack is better than the limit allows, or finds more than guessing at the level that all share."""
    hits = math.floor(fact.rank1.value * fact.rank1.n + 1e-9)
    guessed = float(stats.binom.sf(hits - 1, fact.rank1.n, 1 / fact.gallery))
    return fact.eer.ci95[1] < eer or guessed < ATTACK_LEVEL / attacks


def _worst(facts: Sequence[LinkFacts]) -> LinkFacts:
    return min(facts, key=lambda fact: (fact.eer.value, -fact.rank1.value))


_WHY = {
    Status.BROKEN: Why.LINKED,
    Status.MISSING: Why.LINK_MISSING,
    Status.POWERLESS: Why.LINK_POWERLESS,
    Status.OPEN: Why.LINK_OPEN,
}
"""The reason for each kind of doubt, the gravest first."""


def _reason(
    kind: Status,
    why: Why,
    status: Mapping[str, Status],
    attacked: Attacked,
    settings: AnonymiseConfig,
    risk: float,
) -> Reason | None:
    """One reason for all attacks that must fail and of which this is known."""
    told = []
    for attack in (attack for attack in settings.hold if status[attack] is kind):
        name = _spoken(attack)
        facts = [fact for fact in attacked.facts if fact.attack == attack]
        if kind is Status.MISSING:
            told.append(f"{name} ({dict(attacked.missing)[attack]})")
        elif kind is Status.POWERLESS:
            told.append(f"{name} ({facts[0].attacker})")
        elif kind is Status.BROKEN:
            one = _worst([fact for fact in facts if succeeds(fact, settings.eer, len(attacked.facts))])
            rates = f"equal error rate {one.eer.value:.1%}, rank-1 {one.rank1.value:.1%} of {one.gallery}"
            told.append(f"{name} ({rates}, {one.level})")
        else:
            least = min(lower_end(fact.eer, risk) for fact in facts if has_power(fact))
            told.append(f"{name} (equal error rate perhaps {least:.1%})")
    return Reason(why, _SAID[why].format("; ".join(told), f"{settings.eer:.0%}")) if told else None


_SAID = {
    Why.LINKED: "changed records are linked to their patients: {0}; an equal error rate of {1} is asked for",
    Why.LINK_OPEN: "not shown that attacks fail: {0}; an equal error rate of {1} is asked for",
    Why.LINK_POWERLESS: "an attacker does no better than guessing on untouched records, and shows nothing: {0}",
    Why.LINK_MISSING: "attacks that must fail could not be made: {0}",
}


def _spoken(attack: str) -> str:
    return attack.replace("_", " ")


def _claim(
    status: Mapping[str, Status],
    attacked: Attacked,
    settings: AnonymiseConfig,
    operator: str,
    people: tuple[int, int, int],
) -> str:
    """The sentences that every release of changed records carries."""
    released, learnt, judged = people
    parts = [
        f"Records of {released} patients, changed one by one by {operator} at strength {settings.strength:g} under a "
        f"secret that is not released. Attackers who know the operator learnt on {learnt} patients and were judged on "
        f"{judged} others."
    ]
    for attack in ATTACKS:
        asked = "" if attack in settings.hold else " (not asked to fail)"
        facts = [fact for fact in attacked.facts if fact.attack == attack]
        if not facts:
            parts.append(f"Not run: {_spoken(attack)}{asked}.")
            continue
        one = _worst(facts)
        told = {
            Status.HELD: "fails",
            Status.BROKEN: "succeeds",
            Status.OPEN: "is not shown to fail",
            Status.POWERLESS: "says nothing",
        }[status[attack]]
        parts.append(
            f"{_spoken(attack).capitalize()} {told}{asked}: equal error rate {one.eer.value:.1%} (95%: "
            f"{one.eer.ci95[0]:.1%} to {one.eer.ci95[1]:.1%}), rank-1 {one.rank1.value:.1%} of {one.gallery}."
        )
    parts.append(
        "Whoever knows more of a patient than these attackers may find more. This is not differential privacy."
    )
    return " ".join(parts)
