"""Verdicts of ``synthgen screen`` on samples made elsewhere, whose truth is known: honest ones, and those that leak.

    python -m benchmarks.screen_outside --seeds 10

On the vital signs of ``examples/vitals``: 500 simulated patients, 150 of them held out by lot, 600 candidates. A leak
puts records of those who were seen among draws of a normal distribution with their mean and covariance.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from synthgen import commands
from synthgen.progress import Silent
from synthgen.report import Outcome
from synthgen.run import Run
from synthgen.state import VARIABLE
from synthgen.workfolder import opened

PATIENTS, HELD_OUT, CANDIDATES = 500, 150, 600
LEAKS = (
    ("honest", 0.0, 0.0),
    *(("copies", share, 0.0) for share in (0.01, 0.02, 0.05, 1.0)),
    *(("noisy copies", share, noise) for share, noise in ((0.01, 0.05), (0.05, 0.1), (0.3, 0.3), (1.0, 0.3))),
)
"""Name, share of the candidates, and noise in standard deviations of each sign."""


def verdict(share: float, noise: float, seed: int, folder: Path) -> Outcome:
    """One cohort, one set of candidates, a first try."""
    from synthgen_vitals import VITALS

    kind: Any = VITALS
    os.environ[VARIABLE] = str(folder / "state")
    config = kind.config("demo", (), seed=seed)
    data, theirs, unseen = folder / "data", folder / "theirs", folder / "unseen.txt"
    kind.cohorts.write_demo(data, config.modality, seed, Silent())
    with (data / "vitals.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    rng = np.random.default_rng(seed)
    held_out = set(rng.choice(len(rows), HELD_OUT, replace=False).tolist())
    unseen.write_text("".join(f"{rows[i][0]}\n" for i in sorted(held_out)))
    seen = np.array([[float(v) for v in row[1:]] for i, row in enumerate(rows) if i not in held_out])
    leaked = rng.permutation(np.resize(np.arange(len(seen)), CANDIDATES))[: round(share * CANDIDATES)]
    copies = seen[leaked] + noise * seen.std(axis=0) * rng.normal(size=(len(leaked), seen.shape[1]))
    honest = rng.multivariate_normal(seen.mean(axis=0), np.cov(seen.T), CANDIDATES - len(copies))
    theirs.mkdir()
    with (theirs / "vitals.csv").open("w", newline="") as file:
        made = np.concatenate([copies, honest]).round(4).tolist()
        csv.writer(file).writerows([head, *([f"s{i}", *row] for i, row in enumerate(made))])
    with opened(folder / "work", modality=kind.name, config_digest=config.digest(), seed=seed) as work:
        run: Run[Any, Any, Any] = Run(kind, config, work, Silent())
        return commands.screen(run, data, theirs, folder / "report.json", held_out=unseen, unfiltered=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "vitals"))
    print("| candidates | PASS | INCONCLUSIVE | REFUSE |\n| --- | --- | --- | --- |")
    for name, share, noise in LEAKS:
        found: Counter[Outcome] = Counter()
        for seed in range(seeds):
            with TemporaryDirectory(prefix="synthgen-outside-") as folder:
                found[verdict(share, noise, seed, Path(folder))] += 1
        about = name if not share else f"{share:.0%} {name}" + (f", {noise:g} σ" if noise else "")
        counts = " | ".join(str(found[one]) for one in (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.REFUSE))
        print(f"| {about} | {counts} |", flush=True)


if __name__ == "__main__":
    main()
