"""What a private generator of chest X-rays is worth: DP-SGD, Private Evolution, the base as it is, and a fit without.

    python benchmarks/private_fits.py --data nih14 --only untuned sgd evolution --work runs/private --out private.json

Patients are split as in a run of the preset; fitting reads T alone, and figures are a release's own, of C and E. Every
way draws as many images as are asked for, under conditions that its own model knows (all findings of a diffusion model
equally often, the prior's own for evolution): as a release does that is not screened. The gate is not asked.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from base_tuning import SHOWN

from synthgen.cohort import split_by_patient
from synthgen.config import RunConfig, load_config
from synthgen.dp.accounting import Event, default_delta
from synthgen.eval.cxr.evaluate import evaluate
from synthgen.generators.cxr.cohort import load_cohort
from synthgen.modalities.cxr.binding import CXR
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrSynthetic
from synthgen.progress import Silent
from synthgen.records import Cohort, Request

UNTUNED = ("tuning.autoencoder=frozen", "denoiser.steps=1", "denoiser.learning_rate=1e-9")
T = TypeVar("T")
WAYS = ("untuned", "sgd", "evolution", "full")
PRIVATE, BATCH = ("sgd", "evolution"), 20


@dataclass(frozen=True)
class Fit:
    """One way, at one ε and seed."""

    way: str
    epsilon: float | None
    cohort: Cohort[CxrImage, CxrCondition]
    config: RunConfig[CxrConfig]
    folder: Path

    def run(self) -> tuple[Event, ...]:
        """Fits the model; the events that it cost the patients, none for a fit without privacy."""
        config, seed, train = self.config.modality, self.config.seed, self.cohort.train
        if self.epsilon is None:
            CXR.generator.fit(train, config, self.folder, seed, Silent())
            return ()
        (way,) = (found for found in CXR.generator.private_fits(config) if found.method == self.way)
        patients = len({record.patient for record in train})
        events = way.events(self.epsilon, default_delta(patients), patients)
        way.fit(train, events, self.folder, seed, Silent())
        return events

    def draw(self, n: int) -> list[CxrSynthetic]:
        """Images under conditions that the model knows."""
        config, seed = self.config.modality, self.config.seed
        conditions = CXR.generator.free_conditions(self.folder, config)
        generator = CXR.generator.open(self.folder, config, BATCH, self.folder.parent / "scratch")
        requests = [Request(seed * 1_000_000 + slot, conditions(slot, seed)) for slot in range(n)]
        return [sample for start in range(0, n, BATCH) for sample in generator(requests[start : start + BATCH])]

    def judged(self, n: int) -> Iterator[tuple[str, float, tuple[float, float]]]:
        """Name, value and interval of each figure."""
        seconds, _ = timed(self.run)
        yield "fit, CPU s", seconds, (seconds, seconds)
        seconds, samples = timed(lambda: self.draw(n))
        yield "draw, CPU s", seconds, (seconds, seconds)
        np.save(self.folder.parent / f"{self.folder.name}.npy", np.stack([s.payload for s in samples]))
        config = self.config.modality.evaluation
        found = evaluate(samples=samples, cohort=self.cohort, config=config, seed=self.config.seed, progress=Silent())
        for estimate in (*found.quality, *found.attacks):
            if any(word in estimate.metric for word in SHOWN):
                yield estimate.metric, estimate.value, estimate.ci95


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """CPU seconds, and the result."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the cohort")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--epsilons", nargs="+", type=float, default=[8.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = json.loads(given.out.read_text()) if given.out.exists() else []
    for seed, way in ((seed, way) for seed in given.seeds for way in given.only):
        own = [f"modality.generator.{setting}" for setting in UNTUNED] if way == "untuned" else []
        config = load_config(CxrConfig, "cxr", "cpu", (*given.settings, *own), seed=seed)
        loaded = load_cohort(
            given.data,
            config.modality.cohort,
            size=config.modality.generator.size,
            cache=given.work / "cohort",
            progress=Silent(),
        )
        cohort = split_by_patient(loaded, config.split)
        for epsilon in given.epsilons if way in PRIVATE else [None]:
            print(f"== {way}, epsilon {epsilon}, seed {seed}", flush=True)
            fit = Fit(way, epsilon, cohort, config, given.work / f"{way}-{epsilon}-{seed}")
            figures = {}
            for name, value, (low, high) in fit.judged(given.samples):
                figures[name] = (value, low, high)
                print(f"   {name:32s} {value:9.3f} [{low:.3f}, {high:.3f}]", flush=True)
            rows.append({"way": way, "epsilon": epsilon, "seed": seed, "figures": figures})
            given.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
