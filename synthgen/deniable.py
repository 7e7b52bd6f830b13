"""Plausible deniability of a release: who could explain each sample is counted with noise, and paid for beforehand."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from synthgen.config import Section
from synthgen.digests import keyed
from synthgen.dp.evolution import Ballot, Voters
from synthgen.dp.guarantee import Guarantee
from synthgen.dp.ledger import Entry, ledger_state, members, refuse_beyond, spend
from synthgen.dp.noise import private_rng
from synthgen.dp.screening import Deniability, explained, plausible
from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.modality import PublicSpace
from synthgen.records import C, Real, Synthetic
from synthgen.report import DeniableFacts
from synthgen.run import Run
from synthgen.sampling import Generated, kept_samples
from synthgen.state import State

T = TypeVar("T")
M = TypeVar("M", bound=Section)

DECIDED = "deniable.json"
"""Which slots passed, in the work folder. It is as public as the release; drawing it anew would be another release."""
MOST_LONE = 0.05
"""The largest chance by which a sample may pass that one patient alone could explain."""
COVERED = ("the model", "this release, with the choice of its samples", "whatever is made from both")


@dataclass(frozen=True)
class Judge(Generic[T, C]):
    """The rule, and the public space in which patients and samples meet."""

    rule: Deniability
    space: PublicSpace[T, C]
    share: float

    def counts(self, train: Sequence[Real[T, C]], samples: Sequence[Synthetic[T, C]]) -> NDArray[np.int64]:
        """How many patients could explain each sample, [samples]. Private."""
        space = self.space
        voters = Voters(
            space.features([record.payload for record in train]),
            tuple(record.patient for record in train),
            tuple(space.condition(record.condition) for record in train),
        )
        conditions = tuple(space.condition(sample.condition) for sample in samples)
        ballot = Ballot(space.features([sample.payload for sample in samples]), conditions)
        return explained(voters, ballot, space.radius(self.share), self.rule.nearest)


def open_judge(run: Run[T, C, M]) -> Judge[T, C]:
    """The rule as it was asked for.

    Raises:
        UserError: this kind of data has no public space, or the rule denies nothing.
    """
    space = run.modality.generator.public_space(run.settings)
    if space is None:
        raise UserError(
            "privacy.release=dp+deniable: this kind of data has no public distance between a sample and a record: "
            "choose dp or dp+screen"
        )
    asked = run.config.privacy.deniable
    share = space.share if asked.radius is None else asked.radius
    rule = Deniability(asked.k, asked.nearest, asked.noise)
    if rule.lone > MOST_LONE:
        raise UserError(
            f"privacy.deniable.k={rule.k} with a noise of {rule.noise:g} patients lets a sample that one patient alone "
            f"could explain pass with a chance of {rule.lone:.0%}, which denies nothing: set k to at least "
            f"{math.ceil(1 + special.ndtri(1 - MOST_LONE) * rule.noise)}, or less noise, which costs more"
        )
    return Judge(rule, space, share)


def check_size(rule: Deniability, patients: int, samples: int) -> None:
    """Refuses a release of which nearly nothing could pass, before anything is paid for.

    Raises:
        UserError: with the number of samples, and the settings, that go on.
    """
    most = rule.most_explained(patients, samples)
    if most >= rule.k:
        return
    fewer, wider = patients * rule.nearest // rule.k, math.ceil(rule.k * samples / patients)
    ways = [f"-n {fewer}"] if fewer >= 1 else []
    noise = math.floor(100 * rule.noise * math.sqrt(wider / rule.nearest)) / 100  # at the same cost
    if wider <= samples and Deniability(rule.k, wider, noise).lone <= MOST_LONE:
        ways.append(f"--set privacy.deniable.nearest={wider} --set privacy.deniable.noise={noise:g}")
    raise UserError(
        f"privacy.release=dp+deniable: {patients:,} patients who count for {rule.nearest} samples each explain "
        f"{samples:,} samples {most:.1f} times in the mean at best, and privacy.deniable.k={rule.k}: give "
        f"{', '.join([*ways, 'more patients, or --dp-release dp'])}"
    )


def check_budget(run: Run[T, C, M], judge: Judge[T, C], train: Sequence[Real[T, C]], promised: Guarantee) -> None:
    """Refuses, before anything is made, what :func:`judged` would have to refuse.

    Raises:
        UserError: model and choice come to more than ``privacy.budget``, alone or with what was spent before.
    """
    privacy = run.config.privacy
    whole = promised.with_further([judge.rule.event], COVERED)
    if whole.epsilon > privacy.budget:
        raise UserError(
            f"privacy.release=dp+deniable: the model has epsilon {promised.epsilon:.3g}, with the choice of "
            f"{run.config.samples:,} samples {whole.epsilon:.3g}, and privacy.budget is {privacy.budget:g}: more noise "
            "(--set privacy.deniable.noise=…) costs less, a smaller --dp-epsilon too, or raise privacy.budget"
        )
    if not (run.work.folder / DECIDED).exists():
        state = ledger_state()
        refuse_beyond(state, _entry(run, judge.rule, train, promised, state), privacy.budget)


def judged(
    run: Run[T, C, M],
    judge: Judge[T, C],
    train: Sequence[Real[T, C]],
    generated: Generated[T, C],
    promised: Guarantee,
) -> tuple[Generated[T, C], Guarantee, DeniableFacts]:
    """Withholds what too few patients could explain; its cost is in the ledger before anything is counted.

    Returns:
        What is left, what the release as a whole guarantees, and what is published of the rule.

    Raises:
        UserError: the budget of these patients does not allow it.
    """
    rule, samples = judge.rule, list(kept_samples(run.modality.cohorts, generated))
    path = run.work.folder / DECIDED
    if not path.exists():
        _pay(run, rule, train, promised)
        passed = plausible(judge.counts(train, [sample for _, sample in samples]), rule, private_rng())
        slots = [slot for (slot, _), passes in zip(samples, passed, strict=True) if passes]
        write_atomically(path, json.dumps(slots).encode())
    kept = _read(path)
    if samples and not kept:
        raise UserError(
            f"privacy.release=dp+deniable: none of {len(samples):,} samples could be explained by enough patients. It "
            "is paid for. With another --work: --dp-release dp at no cost, or at the same cost again a larger "
            "privacy.deniable.radius, a smaller privacy.deniable.k or fewer samples"
        )
    withheld = frozenset(slot for slot, _ in samples) - kept
    run.progress.say(f"plausible deniability: {len(samples) - len(withheld)} of {len(samples)} samples passed")
    whole = promised.with_further([rule.event], COVERED)
    facts = DeniableFacts(rule.k, rule.nearest, rule.noise, rule.lone, len(samples), promised.epsilon, judge.space.by)
    told = replace(generated.facts, withheld_undeniable=len(withheld))
    return replace(generated, facts=told, withheld=withheld), whole, facts


def _pay(run: Run[T, C, M], rule: Deniability, train: Sequence[Real[T, C]], promised: Guarantee) -> None:
    state, budget = ledger_state(), run.config.privacy.budget
    total = spend(state, _entry(run, rule, train, promised, state), budget)
    run.progress.say(
        f"plausible deniability: with all that was spent on these patients epsilon {total.epsilon:.2f} of a budget of "
        f"{budget:g}"
    )


def _entry(
    run: Run[T, C, M], rule: Deniability, train: Sequence[Real[T, C]], promised: Guarantee, state: State
) -> Entry:
    """One counting. Every draw of noise is an entry of its own: it is a release of its own."""
    named = keyed(run.work.key, "plausible deniability", secrets.token_hex(16))
    return Entry(named, members(train, state.key), (rule.event,), promised.delta)


def _read(path: Path) -> frozenset[int]:
    try:
        return frozenset(map(int, json.loads(path.read_text("utf-8"))))
    except (OSError, ValueError, TypeError):
        raise UserError(f"{path} cannot be read: use a new --work, which costs the patients once more") from None
