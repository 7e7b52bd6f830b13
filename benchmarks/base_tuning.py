"""What a base is worth: a generator fitted from nothing, and from the base by each way of tuning, judged alike.

    python benchmarks/base_tuning.py --data nih14 --base BASE --work runs/tuning --out tuning.json
    python benchmarks/base_tuning.py --data nih14 --base BASE --only full --seeds 0 1 2 --work runs/tuning --out t.json

Patients are split as in a run of the preset; fitting reads T alone, all figures are of C and E. Every way has the same
number of steps. The figures are those of a release's own report, of so many images as they are drawn; the gate is not
asked.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from synthgen.cohort import split_by_patient
from synthgen.config import RunConfig, load_config
from synthgen.eval.cxr.evaluate import evaluate
from synthgen.eval.fidelity import ms_ssim
from synthgen.generators.cxr.cohort import load_cohort
from synthgen.generators.cxr.conditions import condition_sampler
from synthgen.generators.cxr.config import SamplerConfig
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.generators.cxr.training import fit_generator
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.payloads.cxr import CxrCondition, CxrImage, CxrReal, CxrSynthetic
from synthgen.progress import Silent
from synthgen.records import Cohort, Request
from synthgen.slots import BySeed

SHOWN = ("fid", "kid", "coverage", "neutral_", "radial_", "label_auc", "tstr", "auc_macro", "gain", "mia", "membership")
WAYS = {
    "nothing": ("base=none",),
    "base, untuned": ("base={base}", "tuning.autoencoder=frozen", "denoiser.steps=1", "denoiser.learning_rate=1e-9"),
    "full": ("base={base}", "tuning.autoencoder=decoder", "tuning.denoiser=full"),
    "full, autoencoder frozen": ("base={base}", "tuning.autoencoder=frozen", "tuning.denoiser=full"),
    "full, autoencoder too": ("base={base}", "tuning.autoencoder=full", "tuning.denoiser=full"),
    "low rank": ("base={base}", "tuning.autoencoder=decoder", "tuning.denoiser=low_rank"),
}


def config_of(way: str, base: Path, seed: int, settings: list[str]) -> RunConfig[CxrConfig]:
    own = [f"modality.generator.{setting.format(base=base)}" for setting in WAYS[way]]
    return load_config(CxrConfig, "cxr", "cpu", (*settings, *own), seed=seed)


def draw(
    generator: CxrGenerator, train: tuple[CxrReal, ...], config: RunConfig[CxrConfig], n: int
) -> list[CxrSynthetic]:
    """As a run draws them: conditions from the marginals of T, one seed each."""
    conditions = BySeed(condition_sampler(train, config.modality.conditions))
    requests = [Request(config.seed * 1_000_000 + slot, conditions(slot, config.seed)) for slot in range(n)]
    return [sample for start in range(0, n, 20) for sample in generator(requests[start : start + 20])]


def copies(generator: CxrGenerator, images: list[CxrImage]) -> tuple[float, float]:
    """PSNR, dB, and MS-SSIM of images through the autoencoder, means."""
    found, real = np.stack(generator.autoencoder_round_trip(images)), np.stack(images)
    error = ((found.astype(np.float64) - real) ** 2).mean(axis=(1, 2))
    return float(np.mean(10 * np.log10(255**2 / error))), float(np.mean(ms_ssim(found, real)))


def judged(
    way: str, cohort: Cohort[CxrImage, CxrCondition], config: RunConfig[CxrConfig], folder: Path, n: int
) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Name, value and interval of each figure."""
    begun = time.process_time()
    fit_generator(cohort.train, config.modality.generator, folder, seed=config.seed, progress=Silent())
    fitted = time.process_time() - begun
    sampler: SamplerConfig = config.modality.generator.sampler
    generator = open_generator(folder, sampler, 20)
    samples = draw(generator, cohort.train, config, n)
    np.save(folder.parent / f"{folder.name}.npy", np.stack([sample.payload for sample in samples]))
    psnr, structure = copies(generator, [record.payload for record in cohort.audit[:100]])
    yield "fit, CPU s", fitted, (fitted, fitted)
    yield "PSNR, E", psnr, (psnr, psnr)
    yield "MS-SSIM, E", structure, (structure, structure)
    found = evaluate(
        samples=samples, cohort=cohort, config=config.modality.evaluation, seed=config.seed, progress=Silent()
    )
    for estimate in (*found.quality, *found.attacks):
        if any(word in estimate.metric for word in SHOWN):
            yield estimate.metric, estimate.value, estimate.ci95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the cohort")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for seed in arguments.seeds:
        for way in arguments.only:
            config = config_of(way, arguments.base, seed, arguments.settings)
            loaded = load_cohort(
                arguments.data,
                config.modality.cohort,
                size=config.modality.generator.size,
                cache=arguments.work / "cohort",
                progress=Silent(),
            )
            cohort = split_by_patient(loaded, config.split)
            folder = arguments.work / f"{way.replace(', ', '-').replace(' ', '_')}-{seed}"
            print(f"== {way}, seed {seed}", flush=True)
            figures = {}
            for name, value, (low, high) in judged(way, cohort, config, folder, arguments.samples):
                figures[name] = (value, low, high)
                print(f"   {name:32s} {value:9.3f} [{low:.3f}, {high:.3f}]", flush=True)
            rows.append({"way": way, "seed": seed, "figures": figures})
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
