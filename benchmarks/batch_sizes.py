"""The same run in batches of 1, 7 and 64: the same noise, images within one grey level, the same verdicts.

    python benchmarks/batch_sizes.py --work WORK --data COHORT --config demo --out docs/figures/batch_sizes.json

``WORK`` is the work folder of a finished run of ``synthgen generate``, whose model and filters are used as they are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from synthgen.cohort import split_by_patient
from synthgen.config import load_config
from synthgen.modalities.cxr.binding import CXR, CxrConfig
from synthgen.privacy_filters.gate import calibrate_gate
from synthgen.progress import Silent
from synthgen.seeds import stage_seed
from synthgen.slots import Attempt, fill, shards


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--config", required=True)
    options.add_argument("--samples", type=int, default=64)
    options.add_argument("--out", type=Path, required=True)
    arguments = options.parse_args()
    config = load_config(CxrConfig, "cxr", arguments.config)
    loaded = CXR.cohorts.load(arguments.data, config.modality, arguments.work / "cohort", Silent())
    cohort = split_by_patient(loaded, config.split)
    filters = CXR.filters.open(cohort.train, config.modality, arguments.work / "screen")
    gate = calibrate_gate(
        filters, cohort.train, cohort.calibration, config.gate.alpha, stage_seed(config.seed, "calibration")
    )
    draw = CXR.conditions(cohort.train, config.modality)
    runs = {}
    for rows in (1, 7, 64):
        generator = CXR.generator.open(arguments.work / "model", config.modality, rows, arguments.work)
        made: list[Attempt] = []
        for shard in shards(arguments.samples, rows, -(-64 // rows)):
            made += fill(
                shard,
                generator,
                gate,
                lambda slot: draw(slot, config.seed),
                run_seed=config.seed,
                attempts=config.slots.attempts,
            )
        runs[rows] = {(attempt.slot, attempt.number): attempt for attempt in made}
    reference = runs[64]
    report = []
    for rows, run in runs.items():
        shared = sorted(run.keys() & reference.keys())
        differences = [
            np.abs(run[key].sample.payload.astype(int) - reference[key].sample.payload.astype(int)) for key in shared
        ]
        report.append(
            {
                "rows": rows,
                "attempts": len(run),
                "attempts_in_common": len(shared),
                "same_seeds": sum(run[key].sample.seed == reference[key].sample.seed for key in shared),
                "largest_grey_level_difference": int(max(d.max() for d in differences)),
                "share_of_pixels_that_differ": float(np.mean([np.mean(d > 0) for d in differences])),
                "verdicts_that_differ": sum(run[key].kept != reference[key].kept for key in shared),
            }
        )
    print(json.dumps(report, indent=1))
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
