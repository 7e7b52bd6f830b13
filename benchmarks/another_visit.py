"""How many other visits of protected patients the person filter catches, against the strangers that it blocks.

    python benchmarks/another_visit.py --data nih14 --layout nih --split 0 --work work/visits --out visits.json

The cohort is split as a run would split it. The embedding is learnt on T. One record of every patient of C and E is
enrolled beside T; another of their records (the same, where there is no other) is scored with its own patient left out:
a stranger. Then those who have two return, with nobody left out. At each level the threshold is the k-th smallest of
the strangers' scores, k / n at most the level.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.errors import SynthgenError
from synthgen.estimates import proportion
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.payloads.cxr import CxrReal
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.filters import People
from synthgen.privacy_filters.cxr.identity import fit_identity, open_identity
from synthgen.progress import Progress, bars
from synthgen.records import Estimate

LEVELS = (0.006, 0.01, 0.02)
LOADED = 128

Scores = NDArray[np.float64]


def scored(train: list[CxrReal], held: list[CxrReal], folder: Path, seed: int) -> tuple[Scores, Scores]:
    """Scores of strangers and of those who return."""
    rng = np.random.default_rng(seed)
    owners = np.array([record.patient for record in held])
    orders = [rng.permutation(np.flatnonzero(owners == patient)) for patient in np.unique(owners)]
    enrolled = [*train, *(held[order[0]] for order in orders)]
    new = [held[order[-1]] for order in orders]
    people = People.over(open_identity(folder), [r.payload for r in enrolled], [r.patient for r in enrolled])
    strangers = people.scores([r.payload for r in new], [r.patient for r in new])[:, 0]
    again = [record.payload for record, order in zip(new, orders, strict=True) if len(order) > 1]
    return strangers, people.scores(again)[:, 0]


def caught_at(level: float, strangers: Scores, returning: Scores) -> Estimate:
    """The share of those who return at or below the threshold that blocks ``level`` of the strangers."""
    k = max(1, int(level * len(strangers) + 1e-9))
    caught = int((returning <= np.sort(strangers)[k - 1]).sum())
    note = f"{k} of {len(strangers)} strangers blocked"
    return proportion(f"another_visit_caught_at_{level:g}", caught, len(returning), better="higher", note=note)


def run(arguments: argparse.Namespace, progress: Progress) -> list[Estimate]:
    """Fits the networks, where they are not fitted yet, and judges them."""
    torch.set_num_threads(arguments.threads)
    cohort_config = CohortConfig(layout=arguments.layout)
    cache = arguments.work / "cache"
    loaded = load_cohort(arguments.data, cohort_config, size=LOADED, cache=cache, progress=progress)
    cohort = split_by_patient(loaded, SplitConfig(seed=arguments.split))
    config = IdentityConfig.model_validate(dict(pair.split("=", 1) for pair in arguments.set))
    folder = arguments.work / f"split{arguments.split}"
    fit_identity(cohort.train, config, folder, seed=arguments.seed, progress=progress)
    held = [*cohort.calibration, *cohort.audit]
    strangers, returning = scored(list(cohort.train), held, folder, arguments.seed)
    return [caught_at(level, strangers, returning) for level in LEVELS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layout", default="auto", help="nih, plain, ... (default: recognised)")
    parser.add_argument("--split", type=int, default=0, help="seed of the split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of IdentityConfig")
    parser.add_argument("--work", type=Path, required=True, help="private: models and cache")
    parser.add_argument("--out", type=Path, required=True, help="JSON of the estimates")
    arguments = parser.parse_args()
    try:
        with bars(Console(stderr=True)) as progress:
            figures = run(arguments, progress)
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for e in figures:
        print(f"{e.metric:<32}{e.value:7.4f}  [{e.ci95[0]:.4f}, {e.ci95[1]:.4f}]  n = {e.n}  {e.note}")
    arguments.out.write_text(json.dumps([figure.as_dict() for figure in figures], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
