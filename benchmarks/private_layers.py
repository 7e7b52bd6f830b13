"""Which weights of the public base DP-SGD should train: loss of the denoiser on held-out films, short private fits.

    python benchmarks/private_layers.py --data nih14 --set steps=15 batch=48 draws=1 --work layers --out layers.json

Fits read T, and the loss is that of films of C, one of each patient, at fixed timesteps and noise, as a share of the
base's own: in quarters of the schedule, from little noise to much. E is not read: it judges what comes of the choice.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel

from synthgen.cohort import split_by_patient
from synthgen.config import load_config
from synthgen.dp.accounting import default_delta
from synthgen.generators.cxr.base import Base, open_base
from synthgen.generators.cxr.cohort import load_cohort
from synthgen.generators.cxr.config import GeneratorConfig, PrivateSgdConfig
from synthgen.generators.cxr.denoiser import DenoiserLoss, build_scheduler
from synthgen.generators.cxr.private_sgd import PrivateSgd, few, vectors_of
from synthgen.generators.cxr.training_images import latents_of
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.payloads.cxr import CxrReal
from synthgen.progress import Silent

QUARTERS = 4
KINDS = ("low_rank", "normalisation", "scales")


@dataclass(frozen=True)
class Films:
    """Held-out films, and the timesteps and noise at which all are judged."""

    films: Sequence[CxrReal]
    base: Base
    config: GeneratorConfig

    def losses(self, unet: UNet2DConditionModel) -> list[float]:
        """Mean loss in each quarter of the schedule."""
        n, rng, config = len(self.films), np.random.default_rng(0), self.config
        loss = DenoiserLoss(unet.eval(), build_scheduler(config.denoiser).alphas_cumprod, config.denoiser.min_snr)
        vae = self.base.vae.eval()
        latents = latents_of(vae, self.films, config.augmentation, config.size, copies=1, seed=(0,))
        conditions, even = torch.from_numpy(vectors_of(self.films, self.base.encoding)), torch.ones(n, 1, 1, 1)
        found = []
        for quarter in range(QUARTERS):
            share = (quarter + rng.random(n)) / QUARTERS
            timesteps = torch.from_numpy((share * config.denoiser.train_timesteps).astype(np.int64))
            noise = torch.from_numpy(rng.standard_normal(latents.shape, np.float32))
            with torch.no_grad():
                found.append(float(loss.rows(latents, noise, timesteps, conditions, even).mean()))
        return found


def row(
    private: PrivateSgdConfig, judges: Films, train: Sequence[CxrReal], epsilon: float, work: Path
) -> dict[str, object]:
    """A fit, and what it is worth."""
    patients = len({record.patient for record in train})
    way = PrivateSgd(judges.config, private)
    (event,) = events = way.events(epsilon, default_delta(patients), patients)
    folder = work / f"{private.trained}-{private.learning_rate:g}-{private.steps}"
    begun = time.process_time()
    way.fit(train, events, folder, 0, Silent())
    seconds = time.process_time() - begun
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True)
    before, after = np.array(judges.losses(judges.base.unet)), np.array(judges.losses(unet))
    trained = few(judges.base.denoiser(judges.base.encoding), private, 0)
    return {
        **private.model_dump(mode="json"),
        "parameters": sum(p.numel() for p in trained.parameters() if p.requires_grad),
        "epsilon": epsilon,
        "sigma": round(event.sigma, 3),
        "loss": round(float(after.mean() / before.mean()), 4),
        "quarters": [round(float(q), 3) for q in after / before],
        "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the cohort")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--epsilon", type=float, default=8.0)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--set", nargs="+", default=[], dest="settings", metavar="KEY=VALUE", help="of private_sgd")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    rows = json.loads(given.out.read_text()) if given.out.exists() else []
    for kind in given.only:
        own = [f"modality.private_sgd.{setting}" for setting in (*given.settings, f"trained={kind}")]
        run = load_config(CxrConfig, "cxr", "cpu", ["modality.generator.augmentation.copies=1", *own])
        config, cache = run.modality.generator, given.work / "cohort"
        loaded = load_cohort(given.data, run.modality.cohort, size=config.size, cache=cache, progress=Silent())
        cohort, base = split_by_patient(loaded, run.split), open_base(config.base, config.size)
        if base is None:
            raise SystemExit("the preset has no base")
        films = list({record.patient: record for record in cohort.calibration}.values())[: given.films]
        judges = Films(films, base, config)
        rows.append(row(run.modality.private_sgd, judges, cohort.train, given.epsilon, given.work))
        print(rows[-1], flush=True)
        given.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
