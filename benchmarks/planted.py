"""What the gate of a cohort blocks and catches, as `synthgen generate` opens it, without a generator.

    python benchmarks/planted.py --modality cxr --data nih14 --config cpu --set gate.planted=150 --work W --out p.json

Filters are fitted on T, the gate is calibrated on C, audit patients are the strangers who set nothing, and copies of T
are planted: every kind that the modality lists but those in a generator's own domain, and other visits of patients of
C and E.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from synthgen import modality
from synthgen.fitting import fit_filters
from synthgen.pipeline import split_cohort
from synthgen.progress import bars
from synthgen.report import to_json
from synthgen.run import Run
from synthgen.screening import open_screen
from synthgen.workfolder import opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--config", required=True, help="preset or YAML file")
    parser.add_argument("--set", action="append", default=[], help="key=value")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kind = modality.load(given.modality)
    config = kind.config(given.config, given.set, seed=given.seed)
    with opened(given.work, modality=kind.name, config_digest=config.digest()) as work, bars(Console()) as progress:
        run = Run(kind, config, work, progress)
        _, cohort, _ = split_cohort(run, given.data)
        folder = fit_filters(run, cohort)
        started = time.process_time()
        screen = open_screen(run, cohort, folder=folder, model=None)
        seconds = time.process_time() - started
    scored = sum(result.planted for result in screen.planted)
    found = {
        "calibration": to_json(screen.facts),
        "planted": to_json(screen.planted),
        "cpu_seconds": round(seconds),
        "cpu_ms_per_candidate_at_most": round(1000 * seconds / max(1, scored)),
    }
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    for result in screen.planted:
        print(f"| {result.perturbation} | {result.domain} | {result.caught}/{result.planted} |", flush=True)


if __name__ == "__main__":
    main()
