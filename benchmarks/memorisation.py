"""Ten generators that were made to memorise and ten honest ones, before the same gate.

    python benchmarks/memorisation.py --work runs/memorisation --out docs/figures/memorisation.json

One phantom cohort, one split, one gate (networks fitted on T, thresholds set on C). A memorising generator is trained
on 20 patients of T, one image each, without augmentation, until it copies; an honest one is trained on all of T. Each
is asked for 64 first attempts, and the test of the generator is that of every run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from first_attempts import FIRST_ATTEMPTS, against, asks

from synthgen.cohort import split_by_patient
from synthgen.config import RunConfig, load_config
from synthgen.estimates import one_record_each
from synthgen.modalities.cxr.binding import CXR
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.payloads.cxr import CxrReal
from synthgen.privacy_filters.gate import Gate, calibrate_gate
from synthgen.progress import Silent
from synthgen.records import Request
from synthgen.seeds import attempt_seed

HERE = Path(__file__).parent
PATIENTS = 20


def main() -> None:
    arguments = asks(__doc__, seeds=10).parse_args()
    config = load_config(CxrConfig, "cxr", str(HERE / "memorisation.yaml"))
    work: Path = arguments.work
    if not (work / "cohort").exists():
        work.mkdir(parents=True, exist_ok=True)
        CXR.cohorts.write_demo(work / "cohort", config.modality, 0, Silent())
    loaded = CXR.cohorts.load(work / "cohort", config.modality, work / "cache", Silent())
    cohort = split_by_patient(loaded, config.split)
    CXR.filters.fit(cohort.train, config.modality, work / "filters", 0, Silent())
    filters = CXR.filters.open(cohort.train, config.modality, work / "filters")
    gate = calibrate_gate(filters, cohort.train, cohort.calibration, config.gate.alpha, 0)
    few = load_config(CxrConfig, "cxr", str(HERE / "memorisation.yaml"), MEMORISE)
    rows = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        chosen = np.random.default_rng(seed).permutation(len(one_record_each(cohort.train, seed)))[:PATIENTS]
        copied = [one_record_each(cohort.train, seed)[i] for i in chosen]
        for kind, records, settings in (("memorising", copied, few), ("honest", cohort.train, config)):
            row = judged(gate, records, settings, work / f"{kind}-{seed}", seed)
            rows.append({"kind": kind, "seed": seed, **row})
            print(rows[-1], flush=True)
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n")


MEMORISE = (
    "modality.conditions.least_patients=1",
    "modality.generator.augmentation.copies=1",
    "modality.generator.sampler.guidance=1",
    "modality.generator.denoiser.condition_dropout=0",
    "modality.generator.denoiser.field_dropout=0",
    "modality.generator.denoiser.steps=1600",
)


def judged(
    gate: Gate, records: Sequence[CxrReal], config: RunConfig[CxrConfig], model: Path, seed: int
) -> dict[str, object]:
    """Fits a generator on ``records`` and holds its first attempts against the gate."""
    started = time.process_time()
    CXR.generator.fit(records, config.modality, model, seed, Silent())
    fitted = time.process_time() - started
    generator = CXR.generator.open(model, config.modality, config.slots.rows, model)
    condition = CXR.cohorts.conditions(records, config.modality)
    requests = [Request(attempt_seed(seed, slot, 0), condition(slot, seed)) for slot in range(FIRST_ATTEMPTS)]
    samples = generator(requests)
    return {**against(gate, [sample.payload for sample in samples]), "fit_cpu_seconds": round(fitted)}


if __name__ == "__main__":
    main()
