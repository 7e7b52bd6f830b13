"""Attackers on records that are single numbers: what an operator does to them decides what they find."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from synthgen.config import AnonymiseConfig
from synthgen.linkage_verdict import linkage_report
from synthgen.linking import ATTACKS, Attacked, attack_all, people_of, trial
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Silent
from synthgen.records import Anonymised, Matcher, Operator, Real
from synthgen.report import LinkageReport, Outcome

Change = Callable[[np.random.Generator, float], float]
Record = Real[float, CxrCondition]


@dataclass(frozen=True)
class Distance:
    """An attacker to whom near numbers are one person's."""

    blind: bool = False
    name: str = "distance"
    learns: bool = True

    def trained(self, probes: Sequence[float], gallery: Sequence[float], seed: int) -> Matcher[float]:
        def match(probes: Sequence[float], gallery: Sequence[float]) -> np.ndarray:
            found = -np.abs(np.subtract.outer(np.array(probes), np.array(gallery)))
            return np.random.default_rng(seed).normal(size=found.shape) if self.blind else found

        return match


def cohort(people: int, records: int, seed: int) -> list[Record]:
    """Numbers that are one's own up to a little noise from record to record."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=people)
    return [
        Real(f"{seed}-{i:03d}", f"{seed}-{i:03d}-{j}", CxrCondition(), float(centres[i] + rng.normal() / 100))
        for i in range(people)
        for j in range(records)
    ]


def operator(change: Change, secret: int) -> Operator[float, CxrCondition]:
    def run(person: int, records: Sequence[Record]) -> list[Anonymised[float, CxrCondition]]:
        made = []
        for record in records:
            rng = np.random.default_rng([secret, *record.record.encode()])
            made.append(Anonymised("noise", record.condition, change(rng, record.payload)))
        return made

    return run


def attacked(change: Change, *, people: int = 150, records: int = 2, blind: bool = False) -> Attacked:
    parts = [people_of(cohort(people, records, seed), operator(change, 1), operator(change, 2), 0) for seed in (1, 2)]
    return attack_all((Distance(blind),), *parts, 0, Silent())


def report(found: Attacked, **settings: object) -> LinkageReport:
    return linkage_report(found, AnonymiseConfig.model_validate(settings), "noise", (300, 150, 150))


def nothing(rng: np.random.Generator, value: float) -> float:
    return value


def everything(rng: np.random.Generator, value: float) -> float:
    return float(rng.normal())


def test_where_nothing_is_changed_every_attack_succeeds() -> None:
    told = report(attacked(nothing))
    assert told.outcome is Outcome.REFUSE
    assert told.broken == ATTACKS and not told.held
    assert len(told.reasons) == len(told.remedies) == 1 and "same record" in told.reasons[0]
    assert "Same record succeeds" in told.claim


def test_where_everything_is_lost_every_attack_fails() -> None:
    found = attacked(everything)
    told = report(found)
    assert told.outcome is Outcome.PASS and told.held == ATTACKS and not told.reasons
    assert {fact.level for fact in found.facts} == {"ignorant", "lazy-informed", "semi-informed"}
    assert all(fact.untouched.value > 0.9 for fact in found.facts)


def test_an_attack_that_is_not_asked_to_fail_refuses_nothing_and_is_told() -> None:
    rest, broken = attacked(everything).facts, attacked(nothing).facts
    mixed = tuple(f for f in broken if f.attack == "same_record") + tuple(f for f in rest if f.attack != "same_record")
    told = report(Attacked(mixed, ()), hold=["other_record", "within_release", "oracle"])
    assert told.outcome is Outcome.PASS and told.broken == ("same_record",)
    assert "Same record succeeds (not asked to fail)" in told.claim
    assert report(Attacked(mixed, ())).outcome is Outcome.REFUSE


def test_patients_with_one_record_cannot_show_what_needs_two() -> None:
    told = report(attacked(everything, records=1))
    assert told.outcome is Outcome.INCONCLUSIVE
    assert [attack for attack, _ in told.missing] == ["other_record", "within_release"]
    assert "0 calibration and 0 audit patients with two records" in told.reasons[0]
    assert report(attacked(everything, records=1), hold=["same_record", "oracle"]).outcome is Outcome.PASS


def test_few_people_show_nothing() -> None:
    told = report(attacked(everything, people=8))
    assert told.outcome is Outcome.INCONCLUSIVE and len(told.missing) == 4
    open_still = report(attacked(everything, people=24))
    assert open_still.outcome is Outcome.INCONCLUSIVE and open_still.open


def test_an_attacker_without_power_shows_nothing() -> None:
    told = report(attacked(everything, blind=True))
    assert told.outcome is Outcome.INCONCLUSIVE
    assert "no better than guessing on untouched records" in told.reasons[0]


def test_an_attacker_who_learns_nothing_has_one_level() -> None:
    part = people_of(cohort(30, 2, 1), operator(everything, 1), operator(everything, 2), 0)
    found = attack_all((Distance(learns=False),), part, part, 0, Silent())
    assert [fact.level for fact in found.facts] == ["ignorant", "ignorant", "lazy-informed", "lazy-informed"]


def test_later_tries_are_judged_more_strictly() -> None:
    found = attacked(everything, people=60)
    ends = [linkage_report(found, AnonymiseConfig(), "noise", (1, 1, 1), tries=n) for n in (1, 50)]
    assert len(ends[1].open) >= len(ends[0].open)
    with pytest.raises(ValueError, match="no attack"):
        trial("guess", [])
