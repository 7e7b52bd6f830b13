"""Whether the audit tells a private fit from a broken one: many one-run audits of both mechanisms as they are run.

    python -m benchmarks.dp_audit --runs 200 --out docs/results/data/dp_audit.json
    python -m benchmarks.dp_audit --mechanism votes --runs 200 --out docs/results/data/dp_audit_votes.json

Noisy steps (``synthgen.dp.sgd``): each canary patient pulls one weight of a linear model of its own, harder than
clipping allows, and the attacker sees the model. Noisy votes (``synthgen.dp.evolution``): each canary lies on a
candidate of its own and spends all its votes there, and the attacker sees the votes of all rounds. These are the
strongest canaries, and the strongest attacks on them. The broken variants fit by another plan than the one that is
claimed, or take each image for a patient. The claim is the plan's ε at the audit's δ.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synthgen.dp.accounting import Gaussian, epsilon_of
from synthgen.dp.audit import audit, tossed
from synthgen.dp.evolution import Ballot, EvolutionSettings, Voters, noisy_votes
from synthgen.dp.sgd import PatientSGD, Plan
from synthgen.estimates import clopper_pearson

DELTA = 1e-5
CANARIES = 400
PULL = 10.0
MANY = 100
BROKEN_NOISE = 1e-6
RIGHT = "as it is"
MANY_EACH, NO_NOISE, NO_CLIPPING = f"{MANY} images each", "noise off", "clipping off"
BY_IMAGE = f"{MANY} images each, clipped one by one"

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Canaries:
    """Who is in, and the images of those, with the patient of each as the fit is told."""

    coins: NDArray[np.bool_]
    images: NDArray[np.intp]
    owners: tuple[str, ...]

    @classmethod
    def drawn(cls, variant: str, rng: np.random.Generator) -> Self:
        coins = tossed(CANARIES, rng)
        images = np.repeat(np.flatnonzero(coins), MANY if variant in (MANY_EACH, BY_IMAGE) else 1)
        owners = (f"image {n}" if variant == BY_IMAGE else f"canary {who}" for n, who in enumerate(images))
        return cls(coins, images, tuple(owners))


class Audited(Protocol):
    """A mechanism at one setting."""

    @property
    def event(self) -> Gaussian: ...

    @property
    def variants(self) -> tuple[str, ...]:
        """What is audited of it: as it is, and broken."""
        ...

    def scores(self, variant: str, canaries: Canaries, rng: np.random.Generator) -> Scores:
        """What the attacker makes of every canary, shape [CANARIES]: the larger, the likelier it is in."""
        ...


@dataclass(frozen=True)
class Steps:
    """Noisy steps."""

    plan: Plan

    @property
    def event(self) -> Gaussian:
        return self.plan.event

    @property
    def variants(self) -> tuple[str, ...]:
        many = () if self.plan.steps > 1 else (MANY_EACH, BY_IMAGE)  # in each of twenty steps: ten minutes a cell
        return (RIGHT, NO_NOISE, NO_CLIPPING, *many)

    def scores(self, variant: str, canaries: Canaries, rng: np.random.Generator) -> Scores:
        model = nn.Linear(CANARIES, 1, bias=False)
        nn.init.zeros_(model.weight)

        def losses(model: nn.Module, records: Sequence[int]) -> Tensor:
            places = torch.from_numpy(canaries.images[list(records)])
            out: Tensor = -PULL * model(nn.functional.one_hot(places, CANARIES).float()).squeeze(1)
            return out

        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        private = PatientSGD(model, optimizer, canaries.owners, losses, self._followed(variant), rng=rng)
        for _ in range(self.plan.steps):
            private.step()
        return np.asarray(model.weight.detach().numpy().ravel(), dtype=np.float64)

    def _followed(self, variant: str) -> Plan:
        """The plan that a variant follows while it claims another."""
        if variant == NO_NOISE:
            return replace(self.plan, sigma=BROKEN_NOISE)
        if variant == NO_CLIPPING:
            return replace(self.plan, clip=1e6, sigma=self.plan.sigma * self.plan.clip / 1e6)
        return self.plan


@dataclass(frozen=True)
class Rounds:
    """Noisy votes, in so many rounds on the same candidates."""

    sigma: float
    rounds: int = 1

    @property
    def event(self) -> Gaussian:
        return Gaussian(self.sigma, steps=self.rounds)

    variants = (RIGHT, MANY_EACH, NO_NOISE, BY_IMAGE)

    def scores(self, variant: str, canaries: Canaries, rng: np.random.Generator) -> Scores:
        everywhere = ("",) * CANARIES
        ballot = Ballot(np.arange(CANARIES, dtype=np.float64)[:, None], everywhere)
        places = canaries.images.astype(np.float64)[:, None]
        voters = Voters(places, canaries.owners, ("",) * len(places))
        settings = EvolutionSettings(candidates=CANARIES, rounds=self.rounds, spread=1 / CANARIES)
        sigma = BROKEN_NOISE if variant == NO_NOISE else self.sigma
        seen = [noisy_votes(voters, ballot, settings, sigma, rng) for _ in range(self.rounds)]
        return np.asarray(np.sum(seen, axis=0))


STEPS = {
    "1 step, every patient": Steps(Plan(clip=1.0, sigma=1.5, rate=1.0, steps=1, rows=1024)),
    "20 steps, half of them": Steps(Plan(clip=1.0, sigma=4.0, rate=0.5, steps=20, rows=1024)),
}
VOTES = {"1 round, σ 1.5": Rounds(1.5), "3 rounds, σ 1.5": Rounds(1.5, 3)}
MECHANISMS: dict[str, Mapping[str, Audited]] = {"steps": STEPS, "votes": VOTES}


def bounds(variant: str, audited: Audited, seed: int) -> tuple[float, float]:
    """One audit: coins, a fit on the canaries that are in, their scores, lower bounds on ε.

    By (ε, δ) alone, and by the trade-off of a Gaussian, which is the claim where nobody is sampled (NaN elsewhere).
    """
    rng = np.random.default_rng(seed)
    canaries = Canaries.drawn(variant, rng)
    scores = audited.scores(variant, canaries, rng)
    whole = audited.event.rate == 1
    gaussian = audit(scores, canaries.coins, DELTA, gaussian=True).epsilon if whole else np.nan
    return audit(scores, canaries.coins, DELTA).epsilon, gaussian


def cell(variant: str, name: str, audited: Audited, runs: int) -> dict[str, object]:
    """How often the bound of ``runs`` audits exceeded the claim."""
    claimed = epsilon_of([audited.event], DELTA).epsilon
    found = np.array([bounds(variant, audited, seed) for seed in range(runs)])
    by = {"by epsilon and delta": found[:, 0], "by the Gaussian trade-off": found[:, 1]}
    told = {way: _summary(values, claimed) for way, values in by.items() if not np.isnan(values).any()}
    return {"variant": variant, "plan": name, "claimed": round(claimed, 3), "runs": runs, "bounds": told}


def _summary(values: NDArray[np.float64], claimed: float) -> dict[str, object]:
    above = int((values > claimed).sum())
    return {
        "median": round(float(np.median(values)), 3),
        "largest": round(float(values.max()), 3),
        "above": above,
        "ci95": [round(end, 4) for end in clopper_pearson(above, len(values))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mechanism", choices=MECHANISMS, default="steps")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start, found = time.process_time(), []
    for name, audited in MECHANISMS[given.mechanism].items():
        for variant in audited.variants:
            found.append(cell(variant, name, audited, given.runs))
            print(found[-1], f"{time.process_time() - start:.0f} s", flush=True)
    if given.out:
        given.out.write_text(json.dumps({"delta": DELTA, "canaries": CANARIES, "cells": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
