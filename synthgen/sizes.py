"""How many patients a run needs, counted before a single record is read: for training, calibration and audit.

What a level needs is arithmetic: n calibration patients attain 1 / (n + 1). What a PASS needs beside it is an estimate
for an honest generator and a cohort that is composed like the release; with rare conditions it is more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from scipy import stats

from synthgen.cohort import PARTS, parts_of, read_split
from synthgen.config import LARGEST_ALPHA, GateConfig, SplitConfig
from synthgen.errors import UserError
from synthgen.patient_ids import one_spelling
from synthgen.privacy_filters.calibration import attainable_alpha, k_for, patients_needed
from synthgen.privacy_filters.gate import FIRST_LEVEL, PLANNED_CATCH
from synthgen.privacy_filters.power import BlockRate, miss_upper
from synthgen.records import C, Cohort
from synthgen.report import Limits, Outcome

T = TypeVar("T")

RISK = 0.05
"""Of a wrong PASS at each limit, for the first try on a cohort."""
LEAST_AUDITED = 20
TRIAL = 8
"""Training patients whose copies tell which filters are worth their level; they are planted no more."""
_LIKELY = 0.95  # that one attack on an honest release is ruled out
_CLEARLY = 0.98  # of the share that must show: the share that a test would have seen is told to 0.05%
_MOST = 20_000


@dataclass(frozen=True)
class Parts:
    """So many patients in each part of the split."""

    train: int
    calibration: int
    audit: int

    @property
    def all(self) -> int:
        return self.train + self.calibration + self.audit


@dataclass(frozen=True)
class Needs:
    """What a level and a PASS take.

    Attributes:
        level: calibration patients that attain ``alpha``.
        passing: patients for a PASS of a generator that has read records of the cohort; one that has read none needs
            ``level`` calibration patients.
    """

    alpha: float
    level: int
    passing: Parts

    def split(self, config: SplitConfig) -> int:
        """The patients in all that give every part enough, with the shares of ``config``."""
        shares = (config.train, config.calibration, config.audit)
        wanted = (self.passing.train, self.passing.calibration, self.passing.audit)
        return max(math.ceil(count / share) if share else 0 for count, share in zip(wanted, shares, strict=True))


@cache
def needs(gate: GateConfig, risk: float = RISK, *, reads_cohort: bool = True) -> Needs:
    """What a level and a PASS take, for the first try unless ``risk`` is a later one's.

    Args:
        reads_cohort: False for a generator that reads no record, whose test needs no power.
    """
    level = patients_needed(gate.alpha)
    calibration = patients_for_test(gate.alpha, gate.attempts, gate.detectable, risk) if reads_cohort else level
    copies = copies_needed(gate.miss, risk)
    train = copies + TRIAL
    audit = patients_for_attacks(max(train, calibration), gate.limits, risk)
    return Needs(gate.alpha, level, Parts(train, calibration, audit))


def copies_needed(limit: float, risk: float = RISK, missed: float = 0.0) -> int:
    """The fewest planted copies of a kind that bound its misses at ``limit``, where the share ``missed`` is missed.

    >>> copies_needed(0.05), copies_needed(0.05, missed=1 / 60)
    (59, 181)
    """
    for planted in range(1, _MOST):
        caught = planted - math.ceil(missed * planted - 1e-9)
        if miss_upper(planted, caught, 1 - risk) <= limit:
            return planted
    return _MOST


def patients_for_test(
    alpha: float, attempts: int, share: float, risk: float = RISK, catch: float = PLANNED_CATCH
) -> int:
    """The fewest calibration patients with which ``attempts`` first attempts show a ``share`` of copies."""
    n = patients_needed(alpha)
    while n < _MOST and not shows(BlockRate(k_for(alpha, n), n), attempts, _CLEARLY * share, risk, catch):
        n = math.ceil(1.01 * n) + 1
    return n


def attempts_for_test(rate: BlockRate, share: float, risk: float = RISK, catch: float = PLANNED_CATCH) -> int | None:
    """First attempts that show a ``share`` of copies, a tenth more than the fewest; None where 100,000 do not."""
    draws = 100
    while draws <= 90_000:
        if shows(rate, draws, _CLEARLY * share, risk, catch):
            return math.ceil(1.1 * draws)
        draws = math.ceil(1.1 * draws)
    return None


def shows(rate: BlockRate, draws: int, share: float, risk: float, catch: float) -> bool:
    """True where the test of the generator refuses so many copies with probability 1 - ``risk``."""
    limit = rate.limit(draws, FIRST_LEVEL)
    block = stats.beta.ppf(np.linspace(0.0025, 0.9975, 200), rate.k, rate.n + 1 - rate.k)
    return float(stats.binom.sf(limit, draws, share * catch + (1 - share) * block).mean()) >= 1 - risk


def patients_for_attacks(members: int, limits: Limits, risk: float = RISK) -> int:
    """Audit patients with whom an attack on an honest release is ruled out 19 times in 20.

    By the variance of a Mann-Whitney AUC of nothing, (m + n + 1) / (12 m n), with as many members as there are.
    """
    reach = float(stats.norm.isf(risk) + stats.norm.ppf(_LIKELY))
    spread = 12 * ((limits.attack_upper - 0.5) / reach) ** 2
    if spread * members <= 1:  # with so few members no number is enough: as for as many as there are audit patients
        return max(LEAST_AUDITED, math.ceil(2 / spread))
    return max(LEAST_AUDITED, math.ceil((members + 1) / (spread * members - 1)))


def parts_of_cohort(patients: Iterable[str], config: SplitConfig) -> Parts | None:
    """How many patients the split would give each part; None where only the whole cohort shows whether it fits."""
    names = sorted(set(one_spelling(list(patients))))
    if config.file is None:
        count = Counter(parts_of(len(names), config))
    else:
        try:
            count = Counter(read_split(config.file, names)[name] for name in names)
        except UserError:
            return None
    return Parts(*(count[name] for name in PARTS))


def parts_in(cohort: Cohort[T, C]) -> Parts:
    """How many patients a split cohort has in each part."""
    return Parts(*(len({r.patient for r in part}) for part in (cohort.train, cohort.calibration, cohort.audit)))


@dataclass(frozen=True)
class SizeCheck:
    """Holds the sizes of a cohort against what a command needs.

    Attributes:
        split: how the cohort is split; None where the caller has split it.
        accept: verdicts that are sealed too.
        may_accept: whether the command takes ``--accept``.
        audits: False where no audit is meant: audit patients set thresholds too.
        binding: False where too few patients are said and not refused.
        reads_cohort: False where no record enters the generator.
    """

    gate: GateConfig
    split: SplitConfig | None
    accept: tuple[Outcome, ...] = ()
    may_accept: bool = True
    audits: bool = True
    binding: bool = True
    reads_cohort: bool = True

    def __call__(self, given: Parts) -> str:
        """What a PASS lacks, in one line; empty where nothing is known to be missing.

        Raises:
            UserError: the level cannot be attained, or nobody is left to audit with, unless the verdict that follows is
                accepted. The line says all that is needed at once, and what goes on with the same command.
        """
        if given.all < 2:
            raise UserError(f"the cohort has {given.all} patient(s): nobody can be held out; give a larger cohort")
        parts = given if self.audits else Parts(given.train, given.calibration + given.audit, 0)
        wanted = needs(self.gate, reads_cohort=self.reads_cohort)
        refusals = list(self._refusals(parts, wanted))
        lacking = refusals or (list(_lacking(parts, wanted)) if self.audits else [])
        if not lacking:
            return ""
        told = f"{'; '.join(lacking)}: {self._has(parts)} {self._needed(wanted)}"
        if refusals and self.binding:
            raise UserError(f"{told} {self._ways_out(given, parts, wanted)}")
        return f"expect no PASS: {told}"

    def _refusals(self, parts: Parts, wanted: Needs) -> Iterator[str]:
        setting = parts.calibration or parts.train
        if setting < wanted.level and Outcome.UNCALIBRATED not in self.accept:
            yield (
                f"{setting} calibration patients attain a level of {attainable_alpha(setting):.2%} at best, "
                f"{wanted.alpha:.2%} is asked for"
            )
        if self.audits and not parts.audit and Outcome.CALIBRATED_NOT_AUDITED not in self.accept:
            yield "no patient is left for the audit, and without one nothing can be passed"

    def _has(self, parts: Parts) -> str:
        audit = f" and {parts.audit} for the audit" if self.audits else ""
        middle = ", " if self.audits else " and "
        return (
            f"of {parts.all} patients {parts.train} are for training{middle}{parts.calibration} for calibration{audit}."
        )

    def _needed(self, wanted: Needs) -> str:
        level = f"gate.alpha={wanted.alpha:g} needs {wanted.level} for calibration"
        if not self.audits:
            return f"{level}."
        need = wanted.passing
        whole = "" if self.split is None or self.split.file else f": {wanted.split(self.split)} in all with this split"
        less = f" ({wanted.level} where the generator reads no record)" if self.reads_cohort else ""
        return (
            f"{level}; a PASS takes some {need.train} for training, {need.calibration} for calibration{less} "
            f"and {need.audit} for the audit{whole}."
        )

    def _ways_out(self, given: Parts, parts: Parts, wanted: Needs) -> str:
        """What goes on with the same command, each way by itself."""
        ways = ["a larger cohort"]
        setting = parts.calibration or parts.train
        heard = bool(parts.audit) or not self.audits or Outcome.CALIBRATED_NOT_AUDITED in self.accept
        if given.train and heard and 0 < attainable_level(setting) <= LARGEST_ALPHA:
            ways.append(f"--set gate.alpha={attainable_level(setting):g} (a measurement: expect INCONCLUSIVE)")
        if self.split is not None:
            ways += ["another split.file"] if self.split.file else _other_split(given.all, wanted)
        if self.may_accept:
            verdicts = [Outcome.UNCALIBRATED] if setting < wanted.level else []
            verdicts += [] if parts.audit else [Outcome.CALIBRATED_NOT_AUDITED]
            ways.append(" ".join(f"--accept {verdict}" for verdict in verdicts if verdict not in self.accept))
        return f"Give {', or '.join(ways)}"


def _lacking(parts: Parts, wanted: Needs) -> Iterator[str]:
    need = wanted.passing
    if parts.train < need.train:
        yield f"{parts.train} training patients are too few to plant copies of"
    if parts.calibration < wanted.level:
        yield f"{parts.calibration} calibration patients are too few for the level"
    elif parts.calibration < need.calibration:
        yield f"{parts.calibration} calibration patients may be too few to test a generator that reads records"
    if parts.audit < LEAST_AUDITED:
        yield f"{parts.audit} audit patients are too few to attack with"
    elif parts.audit < need.audit:
        yield f"{parts.audit} audit patients may be too few to rule attacks out"


def _other_split(patients: int, wanted: Needs) -> list[str]:
    """Another split of so many patients that attains the level, or with the largest level one that attains that."""
    if shares := shares_for(patients, wanted):
        enough = _enough(patients, shares, wanted.passing)
        return [split_settings(shares) + ("" if enough else " (a measurement: expect INCONCLUSIVE)")]
    if shares := shares_for(patients, needs_of(LARGEST_ALPHA)):
        return [f"{split_settings(shares)} --set gate.alpha={LARGEST_ALPHA:g} (a measurement: expect INCONCLUSIVE)"]
    return []


def split_settings(shares: tuple[float, float, float]) -> str:
    """All three at once, for they must add up to 1."""
    return " ".join(f"--set split.{name}={share:g}" for name, share in zip(PARTS, shares, strict=True))


def needs_of(alpha: float) -> Needs:
    """The least that a level takes: no PASS is meant."""
    level = patients_needed(alpha)
    return Needs(alpha, level, Parts(level, level, LEAST_AUDITED))


def attainable_level(n: int) -> float:
    """The smallest level that n calibration patients attain, rounded up to four places."""
    return math.ceil(attainable_alpha(n) * 1e4 - 1e-9) / 1e4


def shares_for(patients: int, wanted: Needs) -> tuple[float, float, float] | None:
    """Shares of a split that give every part what a PASS needs, else what the level needs; None where none do."""
    need = wanted.passing
    for least in (need, Parts(2, wanted.level, 1)):
        for calibration in (share / 100 for share in range(1, 99)):
            train = round((1 - calibration) * need.train / (need.train + need.audit), 2)
            audit = round(1 - calibration - train, 2)
            if train <= 0 or audit <= 0:
                continue
            if _enough(patients, (train, calibration, audit), least):
                return train, calibration, audit
    return None


def shares_of(patients: int, wanted: Parts) -> tuple[float, float, float] | None:
    """Shares that give each part at least ``wanted`` of so many patients, what is left over in proportion; or None."""
    whole = max(1, wanted.all)
    for step in (0, 1, -1, 2, -2):  # shares are told to two places, which may cost a part a patient
        for other in (0, 1, -1, 2, -2):
            train, audit = (round(n / whole + d / 100, 2) for n, d in ((wanted.train, step), (wanted.audit, other)))
            shares = (train, round(1 - train - audit, 2), audit)
            if min(shares) > 0 and _enough(patients, shares, wanted):
                return shares
    return None


def _enough(patients: int, shares: tuple[float, float, float], wanted: Parts) -> bool:
    train, calibration, audit = shares
    least = (wanted.train, wanted.calibration, wanted.audit)
    if any(share * patients < count - 1 for share, count in zip(shares, least, strict=True)):
        return False  # no need to deal them out
    count = Counter(parts_of(patients, SplitConfig(train=train, calibration=calibration, audit=audit)))
    return all(count[name] >= getattr(wanted, name) for name in PARTS)
