"""The three risks in the regulator's words, and who bears them: figures that a report states, and their arithmetic.

Singling out, linkability, inference (Article 29 Working Party, opinion 05/2014, WP216, section 3), each measured as
Anonymeter does (Giomi et al. 2023, A Unified Framework for Quantifying Privacy Risk in Synthetic Data): what
an attack gets out of people who are in the data, less what the same attack gets out of people who are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from synthgen.records import Estimate

KINDS: Final = ("singling_out", "linkability", "inference")
LINE: Final = 0.09
"""One in eleven: what EMA (policy 0070, 2016) and Health Canada (2019) take for a small risk. A convention."""


@dataclass(frozen=True)
class Risk:
    """One attack of one of the three kinds.

    Attributes:
        kind: one of ``KINDS``.
        attack: what the attacker does, in a word or two: ``"several attributes"``, ``"sex"``.
        success: share of the attacks on people of T that succeed.
        control: the same attack on people of E, who are not in the data.
        naive: a guess without the release's help, on people of T.
        risk: (success − control) / (1 − control); below 0 where the attack does better on people of E.
    """

    kind: str
    attack: str
    success: Estimate
    control: Estimate
    naive: Estimate
    risk: Estimate

    @property
    def weak(self) -> bool:
        """True for an attack that does no better than the naive guess: it says nothing of what a stronger one would."""
        return self.success.value <= self.naive.value


@dataclass(frozen=True)
class SubgroupFigure:
    """A figure for some of the patients.

    Attributes:
        facet, group: what they have in common: ``"sex"``, ``"F"``.
        use: False for a figure of privacy, True for one of utility.
        estimate: of them; its metric is that of the figure for everybody.
        whole: the figure for everybody.
    """

    facet: str
    group: str
    use: bool
    estimate: Estimate
    whole: float

    @property
    def worse_by(self) -> float:
        """How much worse than everybody the group fares, in half-widths of its own interval; below 0 is better.

        So a group of few patients is not named for its chance alone.
        """
        low, high = self.estimate.ci95
        half = (high - low) / 2
        away = self.estimate.value - self.whole
        return (-away if self.use else away) / half if half > 0 else 0.0


@dataclass(frozen=True)
class Subgroups:
    """Figures by subgroup, the worst first.

    Attributes:
        figures: of privacy and of utility.
        floor: fewer patients than this on a side, and a group is not shown.
        hidden: groups that are not shown.
    """

    figures: tuple[SubgroupFigure, ...] = ()
    floor: int = 0
    hidden: int = 0

    def worst(self, *, use: bool) -> SubgroupFigure | None:
        """The group that fares worst in privacy, or in utility."""
        return next((one for one in self.figures if one.use is use), None)

    def count(self, *, use: bool) -> int:
        """How many figures there are of privacy, or of utility."""
        return sum(one.use is use for one in self.figures)


@dataclass(frozen=True)
class Exposure:
    """What of the patients is laid open, and of whom: reported beside the attacks that a verdict rests on."""

    risks: tuple[Risk, ...] = ()
    subgroups: Subgroups = Subgroups()


@dataclass(frozen=True)
class PatientExposure:
    """How one patient of T stands out, for the data steward alone: it names him, so it never leaves the work folder.

    Attributes:
        to_sample, to_other: distance of one record of his to the nearest sample, and to the nearest other patient of T.
    """

    patient: str
    to_sample: float
    to_other: float

    @property
    def ratio(self) -> float:
        """Below 1 a sample is nearer to him than any other patient is: small for an outlier who is in the release."""
        return self.to_sample / self.to_other if self.to_other > 0 else math.inf


NOT_MEASURED: Final = Exposure()


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927). ``successes`` may be a sum of shares in [0, 1].

    >>> [round(end, 3) for end in wilson(3, 60)]
    [0.017, 0.137]
    """
    if n < 1 or not 0 <= successes <= n + 1e-9:
        raise ValueError(f"successes must be in 0 to n, and n at least 1, got {successes} of {n}")
    z, share = NormalDist().inv_cdf(0.5 + level / 2), min(1.0, successes / n)
    centre, scale = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def rate(metric: str, successes: float, n: int, *, better: str = "lower", note: str = "") -> Estimate:
    """A share with its Wilson interval."""
    return Estimate(metric, successes / n, wilson(successes, n), n, better, note)


def excess(success: float, control: float) -> float:
    """(success − control) / (1 − control): Giomi et al. 2023. NaN where the control always succeeds."""
    return (success - control) / (1 - control) if control < 1 else math.nan


def risk_of(kind: str, attack: str, success: Estimate, control: Estimate, naive: Estimate, note: str = "") -> Risk:
    """The risk, with an interval from those of both rates by squaring and adding (Newcombe 1998, method 10).

    The risk rises with the success and falls with the control, so that each rate's own ends are put in.
    """
    value = excess(success.value, control.value)
    down = math.hypot(
        value - excess(success.ci95[0], control.value), value - excess(success.value, control.ci95[1])
    )  # fmt: skip
    up = math.hypot(excess(success.ci95[1], control.value) - value, excess(success.value, control.ci95[0]) - value)
    ends = (math.nan, math.nan) if math.isnan(down) or math.isnan(up) else (value - down, min(1.0, value + up))
    metric = f"{kind}_risk"
    return Risk(kind, attack, success, control, naive, Estimate(metric, value, ends, success.n, "0", note))


def strongest(risks: Sequence[Risk]) -> tuple[Risk, ...]:
    """Of each kind the attack that shows most, in the order of ``KINDS``; a kind without one is left out.

    That is the one whose interval begins highest, of those that beat the naive guess: the largest value alone would be
    that of the widest interval.
    """
    found = []
    for kind in KINDS:
        own = [risk for risk in risks if risk.kind == kind and not math.isnan(risk.risk.value)]
        if own:
            found.append(max(own, key=lambda risk: (not risk.weak, risk.risk.ci95[0])))
    return tuple(found)
