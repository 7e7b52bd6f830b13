"""The three risks and the subgroups in words and places on an axis, for the page and the card."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from synthgen.records import Estimate
from synthgen.release.words import interval, metric_name, number, percent
from synthgen.risks import KINDS, LINE, Exposure, Risk, SubgroupFigure, strongest

_SHOWN: Final = 12
ASKS: Final = {
    "singling_out": "Does what the release says fit one real patient alone?",
    "linkability": "Are two halves of what is known of a patient joined through the release?",
    "inference": "Does the release give away what an attacker does not know of a patient?",
}
CONVENTION: Final = (
    f"The line at {LINE:g} is what EMA (policy 0070) and Health Canada take for a small risk of re-identification in "
    "clinical reports. It is a convention, measured by other means, and no limit of this release: the verdict does not "
    "rest on these figures."
)


@dataclass(frozen=True)
class Drawn:
    """A risk on an axis from 0 to 1, in percent of its length.

    Attributes:
        of: attacks of this kind that were made.
    """

    risk: Risk
    left: float
    width: float
    point: float
    over: bool
    of: int = 1


@dataclass(frozen=True)
class Exposed:
    """What page one and the tables behind it show.

    Attributes:
        first: of each kind the attack that shows most.
        missing: kinds of which no attack was made.
        worst: the group that fares worst in privacy, and in utility, in a sentence each.
        groups: the worst figures by group; ``more`` stand in the report's JSON alone.
    """

    first: tuple[Drawn, ...]
    risks: tuple[Drawn, ...]
    missing: tuple[str, ...]
    worst: tuple[str, ...]
    groups: tuple[SubgroupFigure, ...]
    more: int
    hidden: str
    line_at: float


def exposed(found: Exposure) -> Exposed:
    """The account of what of patients is laid open, and of whom."""
    first = strongest(found.risks)
    counts = {kind: sum(one.kind == kind for one in found.risks) for kind in KINDS}
    groups = found.subgroups
    worst = [groups.worst(use=use) for use in (False, True)]
    return Exposed(
        first=tuple(_drawn(one, counts[one.kind]) for one in first),
        risks=tuple(_drawn(one) for one in found.risks),
        missing=tuple(kind for kind in KINDS if found.risks and kind not in {one.kind for one in first}),
        worst=tuple(_sentence(one, groups.count(use=one.use)) for one in worst if one is not None),
        groups=groups.figures[:_SHOWN],
        more=max(0, len(groups.figures) - _SHOWN),
        hidden=_hidden(groups.hidden, groups.floor),
        line_at=_place(LINE),
    )


def _drawn(risk: Risk, of: int = 1) -> Drawn:
    low, high = risk.risk.ci95
    left, right = _place(low), _place(high)
    return Drawn(risk, left, round(right - left, 2), _place(risk.risk.value), not math.isnan(low) and low > LINE, of)


def _place(value: float) -> float:
    return 0.0 if math.isnan(value) else round(100 * min(1.0, max(0.0, value)), 2)


def _sentence(one: SubgroupFigure, figures: int) -> str:
    where = "Use" if one.use else "Privacy"
    if one.worse_by <= 0:
        return f"{where}: no group fares worse than everybody."
    chance = "" if one.worse_by > 1 else ", which lies in that interval"
    figure = f"{metric_name(one.estimate.metric)} {with_interval(one.estimate)}"
    among = f" The worst of {figures:,} figures." if figures > 1 else ""
    return f"{where}: worst for {who(one)}: {figure}; for everybody {number(one.whole)}{chance}.{among}"


def who(one: SubgroupFigure) -> str:
    """``"sex F"``."""
    return f"{one.facet} {one.group}"


def with_interval(one: Estimate) -> str:
    """``"0.56 (95%: 0.48 to 0.64)"``."""
    return f"{number(one.value)} (95%: {interval(one)})"


def _hidden(groups: int, floor: int) -> str:
    if not groups:
        return ""
    verb = "group is" if groups == 1 else "groups are"
    return f"{groups} {verb} not shown: fewer than {floor} patients on a side."


def name(risk: Risk) -> str:
    """``"singling out"``."""
    return risk.kind.replace("_", " ")


def attack(risk: Risk) -> str:
    """``"several attributes"``, ``"guessing sex"``."""
    return f"guessing {risk.attack.replace('_', ' ')}" if risk.kind == "inference" else risk.attack


def share(one: Estimate) -> str:
    """A rate as a percentage."""
    return percent(one.value)
