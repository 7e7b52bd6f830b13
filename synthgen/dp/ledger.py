"""What the patients of one cohort have spent: every private fit on them, in the user's state folder.

A fit is entered before anything is trained, and counts from then on: what was computed may have been seen. Patients and
records stand in the ledger as keyed digests. Two cohorts share patients where they share the content of one record, or
half of the smaller one's names (the same files read in another way); then their fits compose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from synthgen.digests import content_digest, keyed
from synthgen.dp.accounting import Event, Spent, check_delta, epsilon_of, event_as_dict, event_from
from synthgen.errors import UserError
from synthgen.files import disk_errors, private_folder, write_atomically
from synthgen.records import C, JsonValue, Real
from synthgen.state import VARIABLE, State, locked, open_state, state_folder

T = TypeVar("T")

FILE = "privacy_ledger.json"
_SHARED = 0.5  # of the names of the smaller cohort


@dataclass(frozen=True)
class Members:
    """Who is in a cohort, as keyed digests of 64 bits: of (patient, record, condition), and of what records hold."""

    names: frozenset[str]
    contents: frozenset[str]
    patients: int

    def share(self, other: Members) -> bool:
        """True when a patient may be in both."""
        if self.contents & other.contents:
            return True
        fewer = min(len(self.names), len(other.names))
        return bool(fewer) and len(self.names & other.names) >= _SHARED * fewer


@dataclass(frozen=True)
class Entry:
    """One private fit: a keyed digest of what determines it, on whom, and what it costs them."""

    run: str
    members: Members
    events: tuple[Event, ...]
    delta: float


def ledger_state() -> State:
    """The user's state folder, in which the ledger lies.

    Raises:
        UserError: there is none and none can be made: what is spent could not be kept.
    """
    state = open_state()
    if state is None:
        raise UserError(
            f"a private fit is entered in a ledger, which cannot be kept in {state_folder() or 'a home folder'}: name "
            f"a folder with the environment variable {VARIABLE}"
        )
    return state


def members(records: Sequence[Real[T, C]], key: bytes) -> Members:
    """Who is among ``records``, whatever their order and folder."""
    names = (json.dumps([r.patient, r.record, r.condition.as_dict()], sort_keys=True) for r in records)
    contents = (content_digest(r.payload) for r in records)
    return Members(_digests(names, key), _digests(contents, key), len({r.patient for r in records}))


def spend(state: State, entry: Entry, budget: float, reserved: Sequence[Event] = ()) -> Spent:
    """Enters a fit before it trains, and says what its patients will have spent with it.

    Call it last of all checks: what is refused later has been spent. A fit that is resumed is the entry that it was.

    Args:
        budget: the largest ε that fits on one cohort may come to together.
        reserved: what will be spent after it by the same run, and must not be refused then; it is not entered.

    Returns:
        ε of this fit and of all others that share a patient with it, at the smallest δ of them all.

    Raises:
        UserError: the budget would be exceeded; the run was begun on another cohort or with other settings; the ledger
            is damaged or cannot be written. Nothing is entered then.
    """
    check_delta(entry.delta, entry.members.patients)
    private_folder(state.folder)
    with disk_errors(state.folder), locked(state.folder):
        entries = read_ledger(state)
        begun = next((one for one in entries if one.run == entry.run), None)
        if begun is not None:
            return _resumed(entries, begun, entry)
        _refuse_beyond(entries, replace(entry, events=(*entry.events, *reserved)), budget)
        _write(state, [*entries, entry])
        return spent([*entries, entry], entry.members)


def refuse_beyond(state: State, entry: Entry, budget: float) -> None:
    """Refuses what :func:`spend` would refuse for want of budget, and enters nothing.

    Raises:
        UserError: the budget would be exceeded.
    """
    _refuse_beyond(read_ledger(state), entry, budget)


def _refuse_beyond(entries: Sequence[Entry], entry: Entry, budget: float) -> None:
    total = spent([*entries, entry], entry.members)
    if total.epsilon > budget:
        raise UserError(_over(spent(entries, entry.members), total, budget))


def spent(entries: Sequence[Entry], cohort: Members) -> Spent:
    """What the fits that share a patient with ``cohort`` come to, at the smallest of their deltas.

    Later fits may have been chosen after earlier ones were seen, which the composition allows for. An upper bound for
    each patient: one who was in few of them has spent less.
    """
    shared = [entry for entry in entries if entry.members.share(cohort)]
    delta = min((entry.delta for entry in shared), default=1 / (2 * cohort.patients))
    return epsilon_of([event for entry in shared for event in entry.events], delta, adaptive=len(shared) > 1)


def read_ledger(state: State) -> list[Entry]:
    """All entries, in their order.

    Raises:
        UserError: the file is damaged: what was spent cannot be told, so nothing more may be.
    """
    path = state.folder / FILE
    if not path.exists():
        return []
    try:
        return [_entry_from(value) for value in json.loads(path.read_bytes())["entries"]]
    except (ValueError, KeyError, TypeError, UserError):
        raise UserError(f"{path} is damaged: restore it from a backup, for it holds what was spent") from None


def _resumed(entries: Sequence[Entry], begun: Entry, entry: Entry) -> Spent:
    if begun.members != entry.members:
        raise UserError("the cohort has changed since this private fit was begun: fit anew, into another folder")
    if begun != entry:
        raise UserError("this private fit was begun with other settings: use them, or fit anew into another folder")
    return spent(entries, entry.members)


def _over(before: Spent, total: Spent, budget: float) -> str:
    smaller = "ask for a smaller epsilon, or " if before.epsilon < budget else ""
    return (
        f"the patients of this cohort have spent epsilon {before.epsilon:.2f} of a budget of {budget:g}, and this run "
        f"would bring it to {total.epsilon:.2f} (delta {total.delta:.1e}): {smaller}raise privacy.budget"
    )


def _write(state: State, entries: Sequence[Entry]) -> None:
    value = {"version": 1, "entries": [_as_dict(entry) for entry in entries]}
    write_atomically(state.folder / FILE, json.dumps(value).encode())


def _as_dict(entry: Entry) -> dict[str, JsonValue]:
    return {
        "run": entry.run,
        "names": list[JsonValue](sorted(entry.members.names)),
        "contents": list[JsonValue](sorted(entry.members.contents)),
        "patients": entry.members.patients,
        "events": [event_as_dict(event) for event in entry.events],
        "delta": entry.delta,
    }


def _entry_from(value: dict[str, JsonValue]) -> Entry:
    names, contents, events = value["names"], value["contents"], value["events"]
    patients, delta = value["patients"], value["delta"]
    if not (isinstance(names, list) and isinstance(contents, list) and isinstance(events, list)):
        raise TypeError("not an entry")
    if not (isinstance(patients, int) and isinstance(delta, float)):
        raise TypeError("not an entry")
    who = Members(frozenset(map(str, names)), frozenset(map(str, contents)), patients)
    return Entry(str(value["run"]), who, tuple(map(event_from, events)), delta)


def _digests(values: Iterable[str | bytes], key: bytes) -> frozenset[str]:
    return frozenset(keyed(key, value)[:16] for value in values)
