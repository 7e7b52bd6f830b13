"""report.html: the report as one page that needs nothing else; no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from synthgen.records import Estimate
from synthgen.release import exposed as told
from synthgen.release import words
from synthgen.release.templating import web_template
from synthgen.report import AnonymisationReport, LinkFacts, Outcome, Preview, ReleaseReport
from synthgen.risks import LINE
from synthgen.verdict import successes

_LOWEST, _HIGHEST = 0.4, 1.0
_HIGHEST_RATE = 0.6
_TONES = {Outcome.PASS: "good", Outcome.REFUSE: "bad", Outcome.DIFFERENTIALLY_PRIVATE: "plain"}


@dataclass(frozen=True)
class Whisker:
    """An estimate on the axis of the attacks: everything in percent of the axis' length."""

    estimate: Estimate
    left: float
    width: float
    point: float
    succeeds: bool


def report_page(report: ReleaseReport, quarantined: bool, preview: Preview | None) -> str:
    """The page as text. The plots are plain HTML, so that the same report gives the same bytes on every machine.

    Args:
        preview: synthetic samples, embedded.
    """
    privacy = report.privacy
    succeed = successes(privacy.attacks, privacy.limits)
    return web_template("report.html.j2").render(
        report=report,
        words=words,
        heading=words.heading(report, quarantined=quarantined),
        fitness=_headed(words.fitness(report.evaluation)),
        meaning=words.MEANING[privacy.outcome],
        tone=_TONES.get(privacy.outcome, "unsure"),
        auc_attacks=[_whisker(attack, attack in succeed) for attack in privacy.attacks if words.is_auc(attack)],
        other_attacks=[attack for attack in privacy.attacks if not words.is_auc(attack)],
        limit_at=_position(privacy.limits.attack_auc),
        chance_at=_position(0.5),
        ticks=[(f"{tick / 10:.1f}", _position(tick / 10)) for tick in range(4, 11)],
        largest=max((count for _, count in report.dataset.counts), default=1),
        contact_sheet=base64.b64encode(preview.picture).decode() if preview and preview.picture else None,
        excerpt=preview.html if preview else "",
        exposed=told.exposed(privacy.exposure),
        told=told,
        line=f"{LINE:g}",
    )


def page_of_changed(report: AnonymisationReport, quarantined: bool) -> str:
    """The same for real records that were changed."""
    privacy = report.privacy
    return web_template("changed.html.j2").render(
        report=report,
        words=words,
        heading=words.changed_heading(privacy, quarantined=quarantined),
        meaning=words.MEANING_OF_CHANGED[privacy.outcome],
        tone=_TONES.get(privacy.outcome, "unsure"),
        rates=[(fact, _rate(fact, privacy.eer)) for fact in privacy.attacks],
        limit_at=_share(privacy.eer),
        chance_at=_share(0.5),
        ticks=[(f"{tick / 10:.1f}", _share(tick / 10)) for tick in range(7)],
        largest=max((count for _, count in report.dataset.counts), default=1),
    )


def _rate(fact: LinkFacts, least: float) -> Whisker:
    """An equal error rate on an axis from 0 to 0.6."""
    left, right = (_share(end) for end in fact.eer.ci95)
    return Whisker(fact.eer, left, round(right - left, 2), _share(fact.eer.value), fact.eer.ci95[0] < least)


def _share(value: float) -> float:
    return round(100 * min(1.0, max(0.0, value / _HIGHEST_RATE)), 2)


def _headed(line: str) -> tuple[str, str]:
    """``"Fitness for use: not measured"`` as a heading and a sentence."""
    head, _, rest = line.partition(": ")
    return head, f"{rest[:1].upper()}{rest[1:]}."


def _position(value: float) -> float:
    """Where a value stands on the axis, in percent; values beyond an end stand at the end, NaN at the start."""
    share = (value - _LOWEST) / (_HIGHEST - _LOWEST)
    return round(100 * min(1.0, max(0.0, share)), 2) if share == share else 0.0


def _whisker(attack: Estimate, succeeds: bool) -> Whisker:
    left, right = (_position(end) for end in attack.ci95)
    return Whisker(
        estimate=attack,
        left=left,
        width=round(right - left, 2),
        point=_position(attack.value),
        succeeds=succeeds,
    )
