"""What synthetic radiographs are good for, in the arms that the literature uses, by the number of real patients.

    python benchmarks/utility_arms.py --data nih14 --release release --out arms.json

Real only; synthetic only; real and synthetic; synthetic first and then real; and, since the last has twice the steps,
real only for as many. One small residual network from nothing (``eval/cxr/classifier.py``), so many steps on each set,
whatever its size. Of T so many patients are drawn afresh for each training, with all their images; the macro AUC is on
patients of C and E, whom no generator of this split has seen. ``--split`` and ``--split-seed`` must be those of the run
that made the release.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.estimates import Floats
from synthgen.eval.cxr.classifier import Classifier, LabelledImages, label_matrix, train_classifier
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import stack
from synthgen.eval.utility import utility
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.generators.cxr.read import read_imagefolder
from synthgen.payloads.cxr import CxrReal
from synthgen.progress import Progress, bars
from synthgen.records import Estimate


@dataclass(frozen=True)
class Bench:
    """What all trainings share: names are the labels."""

    synthetic: LabelledImages
    test: LabelledImages
    names: tuple[str, ...]
    config: EvaluationConfig
    progress: Progress

    def train(self, images: LabelledImages, seed: int, name: str, start: Classifier | None = None) -> Classifier:
        truth = label_matrix(images.conditions, self.names)
        return train_classifier(images.images, truth, self.config, seed, self.progress, name, start)


def real_images(records: Sequence[CxrReal], size: int) -> LabelledImages:
    conditions, patients = tuple(r.condition for r in records), tuple(r.patient for r in records)
    return LabelledImages(stack([r.payload for r in records], size), conditions, patients)


def of_patients(images: LabelledImages, count: int, seed: int) -> LabelledImages:
    """All images of so many random patients."""
    chosen = np.random.default_rng(seed).permutation(sorted(set(images.patients)))[:count]
    return images.take(np.flatnonzero(np.isin(images.patients, chosen)))


def scores(bench: Bench, real: LabelledImages, synthetic: Classifier, seed: int) -> tuple[Floats, ...]:
    """On the test images, [n, L] of each arm; ``synthetic`` is the network trained on synthetic images alone."""
    alone = bench.train(real, seed, "real")
    trained = (
        alone,
        synthetic,
        bench.train(real.and_those_of(bench.synthetic), seed, "both"),
        bench.train(real, seed, "real after synthetic", synthetic),
        bench.train(real, seed + 1, "real, twice as long", alone),
    )
    return tuple(network.logits(bench.test.images) for network in trained)


def figures(bench: Bench, found: Sequence[tuple[Floats, ...]], seed: int) -> tuple[Estimate, ...]:
    """Of each arm with its interval, and the gain over real images alone."""
    real, synthetic, both, pretrained, longer = (np.stack(arm) for arm in zip(*found, strict=True))
    truth = label_matrix(bench.test.conditions, bench.names)
    compared = [
        utility(
            truth, bench.names, bench.test.patients,
            synthetic=synthetic, real=real, both=both, pretrained=further, seed=seed,
        )
        for further in (pretrained, longer)
    ]  # fmt: skip
    of_longer = [
        replace(e, metric={"pretrained_auc_macro": "longer_auc_macro", "pretraining_gain": "longer_gain"}[e.metric])
        for e in compared[1][-2:]
    ]
    return (*compared[0], *of_longer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the cohort")
    parser.add_argument("--release", type=Path, required=True, help="synthetic images with labels: a release")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patients", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--split", type=float, nargs=3, default=[0.6, 0.25, 0.15], help="as in the run's split")
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64, help="pixels a side of the network's input")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("runs/utility_arms"))
    arguments = parser.parse_args()
    config = EvaluationConfig(image_size=arguments.size, classifier_steps=arguments.steps)
    train, calibration, audit = arguments.split
    split = SplitConfig(train=train, calibration=calibration, audit=audit, seed=arguments.split_seed)
    with bars(Console(stderr=True)) as progress:
        loaded = load_cohort(arguments.data, CohortConfig(), size=128, cache=arguments.cache, progress=progress)
        cohort = split_by_patient(loaded, split)
        samples = read_imagefolder(arguments.release)
        synthetic = LabelledImages(
            stack([s.payload for s in samples], arguments.size), tuple(s.condition for s in samples)
        )
        pool = real_images(cohort.train, arguments.size)
        test = real_images((*cohort.calibration, *cohort.audit), arguments.size)
        names = tuple(sorted({label for c in (*pool.conditions, *test.conditions) for label in c.labels}))
        bench = Bench(synthetic, test, names, config, progress)
        seeds = [arguments.seed + 1000 * k for k in range(arguments.repeats)]
        alone = [bench.train(synthetic, seed, "synthetic") for seed in seeds]
        rows: list[dict[str, object]] = []
        for count in sorted(n for n in arguments.patients if n <= len(set(pool.patients))):
            found = [
                scores(bench, of_patients(pool, count, seed), network, seed)
                for seed, network in zip(seeds, alone, strict=True)
            ]
            told = figures(bench, found, arguments.seed)
            rows.append({"patients": count, "synthetic": len(samples), "figures": [e.as_dict() for e in told]})
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
            for e in told:
                print(
                    f"{count:4d} {e.metric:26s} {e.value:+.3f} [{e.ci95[0]:+.3f}, {e.ci95[1]:+.3f}] n={e.n}", flush=True
                )


if __name__ == "__main__":
    main()
