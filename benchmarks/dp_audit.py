"""Whether the audit tells a private fit from a broken one: many one-run audits of DP-SGD as it is run.

    python -m benchmarks.dp_audit --runs 200 --out docs/results/data/dp_audit.json

Each canary patient pulls one weight of a linear model of its own, harder than clipping allows, and the attacker sees
the model: the strongest canary, and the strongest attack on it. What is audited is ``synthgen.dp.sgd``; the broken
variants fit by another plan than the one that is claimed, or take each image for a patient. The claim is the plan's ε
at the audit's δ.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synthgen.dp.accounting import epsilon_of
from synthgen.dp.audit import audit, tossed
from synthgen.dp.sgd import PatientSGD, Plan
from synthgen.estimates import clopper_pearson

DELTA = 1e-5
CANARIES = 400
PULL = 10.0
PLANS = {
    "1 step, every patient": Plan(clip=1.0, sigma=1.5, rate=1.0, steps=1, rows=1024),
    "20 steps, half of them": Plan(clip=1.0, sigma=4.0, rate=0.5, steps=20, rows=1024),
}
MANY = 100
VARIANTS = ("as it is", f"{MANY} images each", "noise off", "clipping off", f"{MANY} images each, clipped one by one")


def broken(variant: str, plan: Plan) -> Plan:
    """The plan that a variant follows while it claims ``plan``."""
    if variant == "noise off":
        return replace(plan, sigma=1e-6)
    if variant == "clipping off":
        return replace(plan, clip=1e6, sigma=plan.sigma * plan.clip / 1e6)
    return plan


def bounds(variant: str, plan: Plan, seed: int) -> tuple[float, float]:
    """One audit: coins, a fit on the canaries that are in, their scores, lower bounds on ε.

    By (ε, δ) alone, and by the trade-off of a Gaussian, which is the claim where nobody is sampled (NaN elsewhere).
    """
    rng = np.random.default_rng(seed)
    coins = tossed(CANARIES, rng)
    images = np.repeat(np.flatnonzero(coins), MANY if "images" in variant else 1)
    owners = [f"image {n}" if "one by one" in variant else f"canary {who}" for n, who in enumerate(images)]
    model = nn.Linear(CANARIES, 1, bias=False)
    nn.init.zeros_(model.weight)

    def losses(model: nn.Module, records: Sequence[int]) -> Tensor:
        shown = nn.functional.one_hot(torch.from_numpy(images[list(records)]), CANARIES).float()
        out: Tensor = -PULL * model(shown).squeeze(1)
        return out

    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    private = PatientSGD(model, optimizer, owners, losses, broken(variant, plan), rng=rng)
    for _ in range(plan.steps):
        private.step()
    scores = model.weight.detach().numpy().ravel()
    gaussian = audit(scores, coins, DELTA, gaussian=True).epsilon if plan.rate == 1 else np.nan
    return audit(scores, coins, DELTA).epsilon, gaussian


def cell(variant: str, name: str, runs: int) -> dict[str, object]:
    """How often the bound of ``runs`` audits exceeded the claim."""
    plan = PLANS[name]
    claimed = epsilon_of([plan.event], DELTA).epsilon
    found = np.array([bounds(variant, plan, seed) for seed in range(runs)])
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
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start, found = time.process_time(), []
    for variant in VARIANTS:
        for name, plan in PLANS.items():
            if "images" in variant and plan.steps > 1:
                continue  # a hundred images in each of twenty steps: ten minutes a cell
            found.append(cell(variant, name, given.runs))
            print(found[-1], f"{time.process_time() - start:.0f} s", flush=True)
    if given.out:
        given.out.write_text(json.dumps({"delta": DELTA, "canaries": CANARIES, "cells": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
