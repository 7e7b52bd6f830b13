"""What a model guarantees to each patient, as numbers, as ``privacy.json`` in its folder, and in words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synthgen.dp.accounting import (
    Event,
    check_delta,
    check_epsilon,
    default_delta,
    epsilon_of,
    event_as_dict,
    event_from,
    largest_tpr,
)
from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.records import JsonValue

FILE = "privacy.json"
UNIT = "patient"
FALSE_ALARMS = 0.01
"""At which the guarantee in words says what an attack can find."""

WITHOUT = (
    "Without differential privacy there is no such bound: a model may give a record back, and of attacks on it only "
    "those are known that were tried."
)


@dataclass(frozen=True)
class Guarantee:
    """Differential privacy of a model: adding or removing one patient, with all records, changes it by (ε, δ) at most.

    Attributes:
        epsilon, delta: at what the events compose to; δ is below 1/N.
        patients: N, of the cohort that the model was fitted on; declared public.
        mechanism: in words: ``"DP-SGD on low-rank adapters"``.
        events: every use of the patients.
        bound: of ``epsilon``, as of :class:`synthgen.dp.accounting.Spent`; ``rdp``: the same by Rényi accounting.
        covered: what the guarantee holds for, in phrases.
        public: what was set without it because it is declared public.
        not_covered: what of the patients' data is used outside it.
    """

    epsilon: float
    delta: float
    patients: int
    mechanism: str
    events: tuple[Event, ...]
    bound: str
    rdp: float
    covered: tuple[str, ...] = ("the model", "whatever is made from the model without the patients' records")
    public: tuple[str, ...] = ("the number of patients",)
    not_covered: tuple[str, ...] = ()
    unit: str = UNIT

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        check_delta(self.delta, self.patients)

    def with_further(self, events: Sequence[Event], covered: Sequence[str]) -> Guarantee:
        """The guarantee of this and of further events, which were chosen when this was there to be seen."""
        whole = (*self.events, *events)
        spent = epsilon_of(whole, self.delta, adaptive=True)
        return replace(
            self, epsilon=spent.epsilon, events=whole, bound=spent.bound, rdp=spent.rdp, covered=tuple(covered)
        )

    def as_dict(self) -> dict[str, JsonValue]:
        """JSON form, which :func:`guarantee_from` reads."""
        return {
            "unit": self.unit,
            "adjacency": "one patient added or removed, with all records",
            "epsilon": self.epsilon,
            "delta": self.delta,
            "patients": self.patients,
            "mechanism": self.mechanism,
            "events": [event_as_dict(event) for event in self.events],
            "bound": self.bound,
            "epsilon_rdp": self.rdp,
            "covered": list(self.covered),
            "public": list(self.public),
            "not_covered": list(self.not_covered),
        }

    def write(self, folder: Path) -> None:
        """Writes ``privacy.json`` into a model's folder."""
        write_atomically(folder / FILE, (json.dumps(self.as_dict(), indent=2) + "\n").encode())

    @property
    def findable(self) -> float:
        """The largest share of its patients that any attack on the model finds at 1% false alarms."""
        return largest_tpr(self.events, FALSE_ALARMS)

    def sentence(self) -> str:
        """What is guaranteed, as a data office says it."""
        found, rate = math.ceil(round(100 * self.findable, 6)), f"{FALSE_ALARMS:.0%}"
        bounded = (
            f"an attack that raises {rate} false alarms finds at most {found}% of the patients"
            if found < 100
            else f"this is too weak to bound an attack that raises {rate} false alarms"
        )
        lists = f"Covered: {_listed(self.covered)}. Declared public: {_listed(self.public)}. "
        return (
            f"Differentially private with the patient as the unit, ε = {rounded_up(self.epsilon)} at "
            f"δ = {self.delta:.1e} ({self.patients:,} patients): with or without all records of any one patient, every "
            f"outcome would have been as likely within a factor of {rounded_up(math.exp(self.epsilon))}, but for a "
            f"chance of δ; {bounded}. "
            f"{lists}Not covered: {_listed(self.not_covered)}."
        )


def guarantee(
    events: Sequence[Event],
    patients: int,
    mechanism: str,
    *,
    delta: float | None = None,
    public: Sequence[str] = (),
    not_covered: Sequence[str] = (),
) -> Guarantee:
    """The guarantee of a model that came of ``events``, at 1/(N ln N) unless a ``delta`` is given.

    Raises:
        UserError: δ is not in (0, 1/N), or there are too few patients.
    """
    at = check_delta(default_delta(patients) if delta is None else delta, patients)
    spent = epsilon_of(events, at)
    named = (*Guarantee.public, *public)
    return Guarantee(
        spent.epsilon,
        at,
        patients,
        mechanism,
        tuple(events),
        spent.bound,
        spent.rdp,
        public=named,
        not_covered=tuple(not_covered),
    )


def read_guarantee(folder: Path) -> Guarantee | None:
    """The guarantee in a model's folder; None where there is none: a model that was fitted without.

    Raises:
        UserError: the file is damaged, or states a smaller ε than its events come to.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        found = guarantee_from(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, UserError):
        raise UserError(f"{path} is damaged: fit the model again") from None
    if epsilon_of(found.events, found.delta).epsilon > found.epsilon * 1.01:
        raise UserError(f"{path} states a smaller epsilon than its events come to: fit the model again")
    return found


def guarantee_from(value: dict[str, JsonValue]) -> Guarantee:
    """The guarantee that :meth:`Guarantee.as_dict` wrote.

    Raises:
        KeyError, TypeError, ValueError, UserError: it is none.
    """
    if value["unit"] != UNIT:
        raise ValueError("the unit is not the patient")
    return Guarantee(
        epsilon=_number(value["epsilon"]),
        delta=_number(value["delta"]),
        patients=int(_number(value["patients"])),
        mechanism=str(value["mechanism"]),
        events=tuple(map(event_from, _list(value["events"]))),
        bound=str(value["bound"]),
        rdp=_number(value["epsilon_rdp"]),
        covered=tuple(map(str, _list(value["covered"]))),
        public=tuple(map(str, _list(value["public"]))),
        not_covered=tuple(map(str, _list(value["not_covered"]))),
    )


def rounded_up(bound: float) -> str:
    """A bound in three digits, rounded up: a bound that is rounded down is none.

    >>> rounded_up(7.9812), rounded_up(2922.4)
    ('7.99', '2,930')
    """
    unit = 10.0 ** (math.floor(math.log10(bound)) - 2)
    up = math.ceil(round(bound / unit, 6)) * unit
    return f"{up:,.0f}" if up >= 100 else f"{up:.3g}"


def _listed(phrases: Sequence[str]) -> str:
    return "; ".join(phrases) or "nothing"


def _number(value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    return float(value)


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value
