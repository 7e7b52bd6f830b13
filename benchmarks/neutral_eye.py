"""What the neutral eye, the spectrum and the floors make of real films, spoilt ones, wrong labels and phantoms.

    python benchmarks/neutral_eye.py --data nih14 --size 128 --out neutral.json
    python benchmarks/neutral_eye.py --data nih14 --size 128 --release release --out neutral.json

Patients are dealt into T (45%), C (15%), E (15%) and R (25%). "Releases" are made of R, whom nobody else has seen:
images as they are, blurred, under grain, eight of them repeated, with each other's labels; and phantoms under R's
labels. Everything is measured as in a run, by ``eval/cxr/evaluate.py``; the reader of labels is trained on T.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage

from synthgen.eval.cxr.config import EvaluationConfig, FloorConfig
from synthgen.eval.cxr.evaluate import evaluate
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.generators.cxr.phantom import FINDINGS, render, sample_patient, sample_visit
from synthgen.generators.cxr.read import read_imagefolder
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.progress import Silent
from synthgen.records import Cohort, Synthetic

SHARES = (0.45, 0.15, 0.15)
SHOWN = ("fid", "kid", "coverage", "neutral_", "radial_", "label_auc")


def dealt(records: Sequence[CxrReal], seed: int) -> list[tuple[CxrReal, ...]]:
    """Records of T, C, E and R."""
    patients = sorted({r.patient for r in records})
    order = np.random.default_rng(seed).permutation(len(patients))
    ends = [0, *accumulate(int(share * len(patients)) for share in SHARES), len(patients)]
    parts = [{patients[i] for i in order[a:b]} for a, b in pairwise(ends)]
    return [tuple(r for r in records if r.patient in part) for part in parts]


def blurred(image: CxrImage, sigma: float) -> CxrImage:
    return np.asarray(np.rint(ndimage.gaussian_filter(image.astype(np.float32), sigma)).clip(0, 255), dtype=np.uint8)


def phantom(condition: CxrCondition, size: int, rng: np.random.Generator) -> CxrSynthetic:
    """Of the findings that phantoms can show."""
    patient = sample_patient(int(rng.integers(2**62)))
    visit = sample_visit(int(rng.integers(2**62)), patient)
    condition = replace(condition, findings=tuple(f for f in condition.findings if f in FINDINGS))
    return Synthetic(0, condition, render(patient, visit, condition.findings, condition.view or "PA", size))


def releases(apart: Sequence[CxrReal], size: int, seed: int) -> Iterator[tuple[str, list[CxrSynthetic]]]:
    """Each with its name."""
    rng = np.random.default_rng(seed)
    images, conditions = [r.payload for r in apart], [r.condition for r in apart]

    def made(changed: Sequence[CxrImage]) -> list[CxrSynthetic]:
        return [Synthetic(0, c, x) for c, x in zip(conditions, changed, strict=True)]

    yield "real, other patients", made(images)
    for sigma in (0.5, 1.0, 2.0, 4.0):
        yield f"blurred, σ {sigma:g} px", made([blurred(x, sigma) for x in images])
    grain = [np.clip(x + rng.normal(0, 12, x.shape), 0, 255).astype(np.uint8) for x in images]
    yield "grain of σ 12 added", made(grain)
    yield "eight images repeated", [made(images)[i % 8] for i in range(len(images))]
    yield "labels of each other", [replace(made(images)[i], condition=conditions[j])
                                   for i, j in enumerate(rng.permutation(len(images)))]  # fmt: skip
    yield "phantom", [phantom(c, size, rng) for c in conditions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the cohort")
    parser.add_argument("--release", type=Path, help="a release to judge instead, made without C and E of this seed")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300, help="of the reader")
    parser.add_argument("--only", nargs="+", help="releases by the beginnings of their names")
    parser.add_argument("--cache", type=Path, default=Path("runs/neutral_eye"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    cache, size = arguments.cache / str(arguments.size), arguments.size
    records = load_cohort(arguments.data, CohortConfig(), size=size, cache=cache, progress=Silent()).records
    train, calibration, audit, apart = dealt(records, arguments.seed)
    cohort = Cohort(train, calibration, audit, "", "")
    config = EvaluationConfig(classifier_steps=arguments.steps, classifier_repeats=1, floor=FloorConfig(coverage=0.3))
    made = (
        [(arguments.release.name, read_imagefolder(arguments.release))]
        if arguments.release
        else releases(apart[: arguments.samples], size, arguments.seed)
    )
    rows: list[dict[str, object]] = []
    for name, samples in made:
        if arguments.only and not name.startswith(tuple(arguments.only)):
            continue
        found = evaluate(samples=samples, cohort=cohort, config=config, seed=arguments.seed, progress=Silent())
        missed = [f.estimate.metric for f in found.floors if f.missed]
        shown = [e.as_dict() for e in found.quality if e.metric.startswith(SHOWN)]
        rows.append({"release": name, "samples": len(samples), "missed": missed, "figures": shown})
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"== {name}: {len(samples)} images; missed: {', '.join(missed) or 'none'}")
        for e in found.quality:
            if e.metric.startswith(SHOWN):
                print(f"   {e.metric:28s} {e.value:8.3f} [{e.ci95[0]:.3f}, {e.ci95[1]:.3f}] n={e.n}", flush=True)


if __name__ == "__main__":
    main()
