"""A fit with differential privacy: what it costs each patient is in the ledger before anything is trained."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from synthgen.config import PrivacyConfig, Section
from synthgen.digests import keyed
from synthgen.dp.accounting import Event, check_delta, default_delta
from synthgen.dp.begun import Begun, read_begun, write_begun
from synthgen.dp.guarantee import FILE, guarantee
from synthgen.dp.ledger import Entry, ledger_state, members, spend
from synthgen.errors import UserError
from synthgen.modality import PrivateFit
from synthgen.origin import ORIGIN
from synthgen.records import C, Real
from synthgen.run import Run

T = TypeVar("T")
M = TypeVar("M", bound=Section)

NOT_COVERED = (f"{ORIGIN}, a salted digest by which the holder of the cohort knows the model's patients again",)


def fit_privately(
    run: Run[T, C, M], train: Sequence[Real[T, C]], epsilon: float, folder: Path, reserved: Sequence[Event] = ()
) -> None:
    """Fits the generator on ``train`` into ``folder``, and writes what is guaranteed to each patient; resumes.

    Args:
        reserved: what the run will spend on the same patients after the fit: see :func:`synthgen.dp.ledger.spend`.

    Raises:
        UserError: there is no such fit, it cannot be made here, the budget of these patients is spent, or what they
            spent cannot be written.
    """
    privacy, patients = run.config.privacy, len({record.patient for record in train})
    delta = check_delta(privacy.delta or default_delta(patients), patients)
    way, because = chosen(run.modality.generator.private_fits(run.settings), privacy)
    events = way.events(epsilon, delta, patients)
    way.check(train, events, folder, run.seed("model"))
    state = ledger_state()
    begun = _begun(way, folder)
    if read_begun(folder) not in (None, begun):
        run.progress.say(
            f"{folder} lacks noise that was drawn for it: it is drawn anew, as another fit of these patients"
        )
    named = keyed(run.work.key, "private fit", run.config.digest(), begun.token)
    total = spend(state, Entry(named, members(train, state.key), events, delta), privacy.budget, reserved)
    run.progress.say(
        f"differential privacy by {way.method} ({because}): epsilon {epsilon:g} at delta {delta:.1e} for each of "
        f"{patients:,} patients, {total.epsilon:.2f} of a budget of {privacy.budget:g} with all fits on them"
    )
    write_begun(folder, begun)
    way.fit(train, events, folder, run.seed("model"), run.progress)
    guarantee(
        events, patients, way.mechanism, delta=delta, public=way.public, not_covered=(*NOT_COVERED, *way.not_covered)
    ).write(folder)


def _begun(way: PrivateFit[T, C], folder: Path) -> Begun:
    """The fit that goes on in ``folder``; another one where noise would be drawn anew, which has to be paid for anew.

    So it is where the folder is gone, where less lies in it than was drawn, and where a way cannot tell how much that
    is and did not come to its end.
    """
    begun = read_begun(folder)
    if begun is not None:
        whole = (folder / FILE).exists() if way.drawn is None else way.drawn(folder) >= begun.drawn
        if whole:
            return begun
    return Begun(secrets.token_hex(16))


def chosen(ways: Sequence[PrivateFit[T, C]], privacy: PrivacyConfig) -> tuple[PrivateFit[T, C], str]:
    """The way to fit, and why.

    Raises:
        UserError: there is none, or none by the method that was asked for.
    """
    if not ways:
        raise UserError("privacy.epsilon: this generator has no fit with differential privacy: leave it out")
    known = {way.method: way for way in ways}
    if privacy.method != "auto":
        if privacy.method not in known:
            raise UserError(f"privacy.method={privacy.method}: this generator has {', '.join(known)}")
        return known[privacy.method], "as asked for"
    return ways[0], "the default" if len(ways) > 1 else "its only private fit"
