"""What to do about each reason of a verdict: the words of ``advice.yaml``, and what they come to for this run.

A further run on a cohort is a further try, which is judged more strictly, so what is asked for is what that one needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from synthgen.config import LARGEST_ALPHA
from synthgen.findings import Findings, Reason, Why, upper_end
from synthgen.privacy_filters.calibration import patients_needed
from synthgen.privacy_filters.gate import PLANNED_CATCH
from synthgen.privacy_filters.power import BlockRate
from synthgen.records import Estimate
from synthgen.report import Remedy
from synthgen.sizes import (
    LEAST_AUDITED,
    RISK,
    TRIAL,
    Parts,
    attainable_level,
    attempts_for_test,
    copies_needed,
    patients_for_attacks,
    patients_for_test,
    shares_of,
    split_settings,
)
from synthgen.wordlists import WordLists, word_lists

_MOST_COPIES: Final = 5_000
_MOST_PATIENTS: Final = 10_000
_ATTEMPTS: Final = 1_000


class Advice(WordLists):
    """A reason as it is printed, with … for figures; what it means; what helps."""

    reason: str
    means: str
    helps: str


@dataclass(frozen=True)
class Wish:
    """What would answer a reason: so many patients at least in a part (0: whatever there are), and settings."""

    text: str
    train: int = 0
    calibration: int = 0
    audit: int = 0
    settings: tuple[tuple[str, float], ...] = ()

    @property
    def asks(self) -> bool:
        return bool(self.train or self.calibration or self.audit or self.settings)


@cache
def advice() -> Mapping[Why, Advice]:
    """The words for every reason."""
    return word_lists("synthgen", "advice", dict[Why, Advice])


def remedy(why: Why, found: Findings) -> Remedy:
    """What a reason means, what helps, and what that comes to here."""
    told, wish = advice()[why], _wish(why, found)
    return Remedy(told.means, told.helps, wish.text if wish else "")


def next_run(reasons: Iterable[Reason], found: Findings) -> str:
    """What answers all reasons at once, as options of the same command; empty where no setting and no number does."""
    wishes = [wish for reason in reasons if (wish := _wish(reason.why, found)) is not None]
    if not any(wish.asks for wish in wishes) or found.facts is None:
        return ""
    settings = {key: value for wish in wishes for key, value in wish.settings}
    told = [f"--set {key}={value:g}" for key, value in settings.items()]
    if found.outside is not None:  # no setting makes more patients, or moves them to the held-out ones
        alone = told and not any(wish.train or wish.calibration or wish.audit for wish in wishes)
        return " ".join(["the same command with --work NEW", *told]) if alone else ""
    wanted = _together(wishes, found, settings.get("gate.alpha", found.facts.alpha))
    has = _parts(found)
    if wanted is None:
        return " ".join(["the same command with --work NEW", *told])
    if wanted.all <= has.all and (shares := shares_of(has.all, wanted)):
        return " ".join(["the same command with --work NEW", *told, split_settings(shares)])
    options = " ".join([*told, split_settings(_shares(wanted))])
    return f"a cohort of some {math.ceil(1.02 * wanted.all)} patients instead of {has.all}, with --work NEW {options}"


def next_risk(risk: float) -> float:
    """The risk of the next try on the cohort; see :func:`synthgen.tries.level_for_try`."""
    return RISK / (round(math.sqrt(RISK / risk)) + 1) ** 2


def audited_for(attack: Estimate, found: Findings) -> int | None:
    """With how many audit patients an attack would be ruled out; None where that is more than ten thousand.

    One whose interval holds one half is taken for nothing that was measured too coarsely; another for what it shows.
    """
    has, limit, risk = _parts(found), found.limits.attack_upper, next_risk(found.risk)
    if not has.audit or math.isnan(attack.ci95[0]) or math.isnan(attack.ci95[1]):
        return None
    if attack.ci95[0] <= 0.5:
        return max(patients_for_attacks(_members(found), found.limits, risk), math.ceil(1.5 * has.audit))
    room, reach = limit - attack.value, upper_end(attack, risk) - attack.value
    patients = math.ceil(has.audit * max(1.0, (reach / room) ** 2)) + 1 if room > 0 else _MOST_PATIENTS + 1
    return patients if patients <= _MOST_PATIENTS else None


def _wish(why: Why, found: Findings) -> Wish | None:
    made = _WISHES.get(why)
    return made(found) if made else None


def _together(wishes: Iterable[Wish], found: Findings, alpha: float) -> Parts | None:
    """What all wishes take, beside the least that the other parts must keep; None where no patients are wished for."""
    wished = list(wishes)
    train, calibration, audit = (max(getattr(w, part) for w in wished) for part in ("train", "calibration", "audit"))
    if not (train or calibration or audit):
        return None
    has, risk, limits = _parts(found), next_risk(found.risk), found.limits
    tested = patients_for_test(alpha, _ATTEMPTS, limits.detectable, risk) if found.reads_cohort else 0
    return Parts(
        max(train, min(has.train, copies_needed(limits.miss, risk) + TRIAL)),
        max(calibration, patients_needed(alpha), min(has.calibration, tested)),
        max(audit, min(has.audit, patients_for_attacks(max(_members(found), train), limits, risk))),
    )


def _parts(found: Findings) -> Parts:
    facts = found.facts
    return Parts(facts.patients_train, facts.patients_calibration, facts.patients_audit) if facts else Parts(0, 0, 0)


def _shares(parts: Parts) -> tuple[float, float, float]:
    train, audit = round(parts.train / parts.all, 2), round(parts.audit / parts.all, 2)
    return train, round(1 - train - audit, 2), audit


def _members(found: Findings) -> int:
    """Training patients to attack: what there are, but enough to plant copies of, and no more than matter."""
    planted = copies_needed(found.limits.miss, next_risk(found.risk)) + TRIAL
    return max(min(_parts(found).train, 2 * planted), planted)


def _more_members(found: Findings) -> int:
    """The same where there are fewer; 0 where there are as many."""
    return _members(found) if _members(found) > _parts(found).train else 0


def _alpha(found: Findings) -> float:
    return found.facts.alpha if found.facts else 0.01


def _catch(found: Findings) -> float:
    """The share of copies that the gate catches, of the claimed kind it catches least."""
    return min((r.caught / r.planted for r in found.planted if r.domain != "beyond" and r.planted), default=0.0)


def _copies_missed(found: Findings) -> Wish:
    rate, limit = 1 - _catch(found), found.limits.miss
    planted = copies_needed(limit, next_risk(found.risk), rate) if rate < limit else 0
    if 0 < planted <= _MOST_COPIES:
        told = f"{rate:.1%} are missed of the worst kind; if that is the rate, {planted} copies of each show it"
        return Wish(told, train=planted + TRIAL, settings=(("gate.planted", planted),))
    patients = 2 * (_parts(found).calibration or _parts(found).train)
    alpha = min(LARGEST_ALPHA, 2 * _alpha(found))
    if alpha == _alpha(found):
        return Wish(f"some {patients} calibration patients, twice as many", calibration=patients)
    if not found.reads_cohort:
        return Wish(f"--set gate.alpha={alpha:g}", settings=(("gate.alpha", alpha),))
    tested = patients_for_test(alpha, _ATTEMPTS, found.limits.detectable, next_risk(found.risk))
    told = f"some {patients} calibration patients, twice as many; gate.alpha={alpha:g} catches more too"
    return Wish(f"{told}, but testing the generator at that level takes some {tested}", calibration=patients)


def _few_planted(found: Findings) -> Wish:
    planted = copies_needed(found.limits.miss, next_risk(found.risk))
    told = f"--set gate.planted={planted}, of at least {planted + TRIAL} training patients"
    return Wish(
        f"{told} (there are {_parts(found).train})", train=planted + TRIAL, settings=(("gate.planted", planted),)
    )


def _no_power(found: Findings) -> Wish | None:
    test, facts, catch = found.generator_test, found.facts, min(PLANNED_CATCH, _catch(found))
    if test is None or facts is None or not catch:
        return None
    n, risk, share = facts.patients_calibration or facts.patients_train, next_risk(found.risk), found.limits.detectable
    rate = BlockRate(max(1.0, test.expected_block_rate * (n + 1)), n)  # of strangers composed like the release
    mended = "once copies are caught as they must be, " if 1 - _catch(found) > found.limits.miss else ""
    catch = PLANNED_CATCH if mended else catch
    attempts = attempts_for_test(rate, share, risk, catch)
    if attempts:
        attempts = max(attempts, math.ceil(1.2 * test.attempts))
        if found.outside is not None:
            return Wish(f"{mended}{attempts} candidates instead of {test.attempts}")
        return Wish(f"{mended}--set gate.attempts={attempts}", settings=(("gate.attempts", attempts),))
    levels = [alpha for alpha in (facts.alpha, 0.02, 0.01) if alpha <= facts.alpha]
    patients = {alpha: patients_for_test(alpha, _ATTEMPTS, share, risk, catch) for alpha in levels}
    alpha = min(levels, key=lambda level: (patients[level], -level))
    if patients[alpha] > _MOST_PATIENTS:
        return None
    told = f"{mended}some {max(patients[alpha], n + 1)} calibration patients instead of {n}"
    level = () if alpha == facts.alpha else (("gate.alpha", alpha),)
    told += f", and --set gate.alpha={alpha:g}" if level else ""
    return Wish(told, calibration=max(patients[alpha], n + 1), settings=level)


def _few_audited(found: Findings) -> Wish:
    likely = patients_for_attacks(_members(found), found.limits, next_risk(found.risk))
    told = f"at least {LEAST_AUDITED} audit patients instead of {_parts(found).audit}"
    return Wish(f"{told}, and some {likely} to rule attacks out", train=_more_members(found), audit=likely)


def _attack_open(found: Findings) -> Wish | None:
    limit = found.limits.attack_upper
    left = [a for a in found.attacks if a.metric.endswith("_auc") and not upper_end(a, found.risk) < limit]
    wanted = {attack.metric: audited_for(attack, found) for attack in left}
    most = max((n for n in wanted.values() if n), default=0)
    has, members = _parts(found), _members(found)
    told = [f"some {most} audit patients instead of {has.audit}"] if most else []
    if most and members > has.train:
        told = [f"{told[0]}, and {members} training patients instead of {has.train}, who are attacked"]
    if hopeless := [metric for metric, n in wanted.items() if not n]:
        told.append(
            f"of {', '.join(hopeless)} no number is sure to help, the value itself being near the limit or unknown"
        )
    return Wish("; ".join(told), train=_more_members(found) if most else 0, audit=most) if told else None


def _empty_slots(found: Findings) -> Wish:
    close = min(5, found.screening.close_rejections + 1)
    told = f"--set slots.attempts=60 where rules reject, --set slots.close={close} where patients are close"
    return Wish(told, settings=(("slots.attempts", 60), ("slots.close", close)))


def _not_fit(found: Findings) -> Wish | None:
    """What real records have: nothing that a setting would give."""
    missed = [f"{floor.estimate.metric} {floor.real:.3f}" for floor in found.floors if floor.missed]
    return Wish(f"as many real records have {', '.join(missed)}") if missed else None


def _too_few(found: Findings) -> Wish:
    n = found.calibration.n if found.calibration else 0
    needed, level = patients_needed(_alpha(found)), attainable_level(n) if n else 1.0
    way = f", or --set gate.alpha={level:g} for a measurement" if level <= LARGEST_ALPHA else ""
    return Wish(f"{needed} calibration patients instead of {n}{way}", calibration=needed)


_WISHES: Final[Mapping[Why, Callable[[Findings], Wish | None]]] = {
    Why.COPIES_MISSED: _copies_missed,
    Why.FEW_PLANTED: _few_planted,
    Why.NO_POWER: _no_power,
    Why.FEW_AUDITED: _few_audited,
    Why.NO_ATTACK: _few_audited,
    Why.ATTACK_OPEN: _attack_open,
    Why.EMPTY_SLOTS: _empty_slots,
    Why.TOO_FEW: _too_few,
    Why.NOT_AUDITED: _few_audited,
    Why.NOT_FIT: _not_fit,
}
