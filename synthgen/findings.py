"""What a verdict rests on, and the reasons that it can give: data, of which every reason has its advice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scipy.stats import norm

from synthgen.config import ReleaseMode
from synthgen.dp.guarantee import Guarantee
from synthgen.privacy_filters.calibration import Calibration
from synthgen.records import Estimate
from synthgen.report import (
    CalibrationFacts,
    DeniableFacts,
    Floor,
    GeneratorTest,
    Limits,
    OutsideFacts,
    PlantedResult,
    ScreeningFacts,
)
from synthgen.risks import NOT_MEASURED, Exposure
from synthgen.sizes import RISK

STANDARD_95 = 1.959964
"""Half of a normal distribution's central 95%, in standard deviations."""


class Why(StrEnum):
    """What kept a release from a PASS; the value is the heading in ``advice.yaml``."""

    COPIES_MISSED = "copies_missed"
    FEW_PLANTED = "few_planted"
    FAR_FROM_ALL = "far_from_all"
    NO_POWER = "no_power"
    AUDIT_BLOCKED = "audit_blocked"
    FEW_AUDITED = "few_audited"
    EMPTY_SLOTS = "empty_slots"
    WITHHELD = "withheld"
    NO_ATTACK = "no_attack"
    ATTACK_OPEN = "attack_open"
    MEMORISES = "memorises"
    MEMORISES_CONDITION = "memorises_condition"
    KNOWS_AUDIT = "knows_audit"
    DEALT_OUT = "dealt_out"
    NO_EXACT = "no_exact"
    EXACT_MISSED = "exact_missed"
    COPIED = "copied"
    ATTACK_SUCCEEDS = "attack_succeeds"
    TOO_FEW = "too_few"
    NOT_AUDITED = "not_audited"
    NOBODY_UNSEEN = "nobody_unseen"
    MAYBE_CHOSEN = "maybe_chosen"
    UNLABELLED = "unlabelled"
    HELD_OUT_DIFFER = "held_out_differ"
    NO_COHORT = "no_cohort"
    DOUBLES = "doubles"
    NOT_FIT = "not_fit"
    LINKED = "linked"
    LINK_OPEN = "link_open"
    LINK_POWERLESS = "link_powerless"
    LINK_MISSING = "link_missing"


@dataclass(frozen=True)
class Reason:
    """One reason of a verdict, with its figures."""

    why: Why
    text: str


@dataclass(frozen=True)
class Findings:
    """All that the verdict rests on.

    Attributes:
        reads_cohort: False where it is certain that no record of the cohort entered the generator.
        risk: probability of passing what is just as bad as the limits allow: of a bound, an upper end or a power. Tries
            on one cohort share it.
        floors: what the samples must reach to be fit for use, beside the gate.
        guarantee: of the model, where it was fitted with differential privacy; of the release, where that is too.
        release: what of the private model was to be released, by its name; None where the model is not private.
        deniable: how the samples of a private model were chosen, where a noisy count chose them.
        exposure: the three risks and the subgroups: they are passed on to the report, and no reason is made of them.
        outside: of samples that were made elsewhere, what is declared of them; None for a generator of this run.
    """

    calibration: Calibration | None
    calibrated_on_strangers: bool
    facts: CalibrationFacts | None
    generator_test: GeneratorTest | None
    far_from_all: bool
    planted: tuple[PlantedResult, ...]
    screening: ScreeningFacts
    attacks: tuple[Estimate, ...]
    limits: Limits
    audited: bool
    reads_cohort: bool = True
    risk: float = RISK
    floors: tuple[Floor, ...] = ()
    guarantee: Guarantee | None = None
    release: ReleaseMode | None = None
    deniable: DeniableFacts | None = None
    exposure: Exposure = NOT_MEASURED
    outside: OutsideFacts | None = None


def upper_end(attack: Estimate, risk: float = RISK) -> float:
    """One-sided upper end. A PASS needs every attack's below the limit, so attacks share nothing (Berger 1982)."""
    return attack.value + float(norm.isf(risk)) / STANDARD_95 * (attack.ci95[1] - attack.value)


def lower_end(figure: Estimate, risk: float = RISK) -> float:
    """Likewise the lower end."""
    return figure.value - float(norm.isf(risk)) / STANDARD_95 * (figure.value - figure.ci95[0])
