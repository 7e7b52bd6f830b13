"""What an autoencoder keeps of films that it never saw: PSNR, MS-SSIM, and detail by frequency.

    python benchmarks/autoencoder.py --data nih14 --phantoms 4000 --latent 8 12 16 32 --steps 0 300 --work runs/ae
    python benchmarks/autoencoder.py --data nih14 --phantoms 4000 --latent 16 --steps 300 --afresh --work runs/ae
    python benchmarks/autoencoder.py --data nih14 --phantoms 4000 --latent 16 --steps 300 --texture 0 --work runs/ae

Trained on phantoms, or, without --phantoms, on half A of the cohort's patients; judged on half B, whom nothing has
seen. 0 steps: the linear code that training starts from. ``--afresh``: without that start, from random weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderDC
from numpy.typing import NDArray
from torch import Tensor

from synthgen.eval.fidelity import ms_ssim, radial_spectra
from synthgen.generators.cxr.augmentation import DRAWS, augment
from synthgen.generators.cxr.autoencoder import (
    Autoencoder,
    AutoencoderLoss,
    build_autoencoder,
    decode,
    encode,
    latent_shape,
    to_images,
    to_tensor,
)
from synthgen.generators.cxr.cohort import load_cohort
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.generators.cxr.config import AugmentationConfig, AutoencoderConfig, DemoCohortConfig
from synthgen.generators.cxr.optimise import Schedule, batch_indices, optimise
from synthgen.generators.cxr.phantom_pool import rendered
from synthgen.generators.cxr.transform_coding import start_as_transform_code
from synthgen.payloads.cxr import CxrReal
from synthgen.progress import Silent

RINGS = (0.11, 0.19, 0.29, 0.39)  # cycles per pixel: middles of rings 0.02 wide


def halves(records: Sequence[CxrReal], seed: int) -> tuple[list[CxrReal], list[CxrReal]]:
    patients = sorted({record.patient for record in records})
    first = set(np.random.default_rng(seed).permutation(patients)[: len(patients) // 2].tolist())
    return [r for r in records if r.patient in first], [r for r in records if r.patient not in first]


def trained(config: AutoencoderConfig, images: NDArray[np.uint8], afresh: bool, seed: int, work: Path) -> Autoencoder:
    torch.manual_seed(seed)
    vae = build_autoencoder(config, images.shape[1])
    if isinstance(vae, AutoencoderDC) and not afresh:
        start_as_transform_code(vae, to_tensor(images[np.random.default_rng(seed).permutation(len(images))[:128]]))
    if not config.steps:
        return vae.eval()
    shape = latent_shape(vae, images.shape[1])

    def batch_of(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([seed, step])
        rows = batch_indices(len(images), config.batch, step, seed=seed)
        draws = torch.from_numpy(rng.uniform(-1, 1, (len(rows), DRAWS)))
        noise = torch.from_numpy(rng.standard_normal((len(rows), *shape), np.float32))
        return augment(to_tensor(images[rows]), AugmentationConfig(), draws), noise

    schedule = Schedule(
        steps=config.steps, batch=config.batch, learning_rate=config.learning_rate, warmup=50, clip=1.0,
        weight_decay=0.01, ema_decay=0.99, checkpoint_every=10**6,
    )  # fmt: skip
    optimise(
        Accelerator(cpu=True), AutoencoderLoss(vae, config), batch_of, schedule,
        name="train", checkpoint=work / "never.safetensors", progress=Silent(),
    )  # fmt: skip
    (work / "never.safetensors").unlink()
    return vae.eval()


@torch.inference_mode()
def judge(vae: Autoencoder, real: NDArray[np.uint8]) -> str:
    parts = [to_images(decode(vae, encode(vae, to_tensor(real[i : i + 20])))) for i in range(0, len(real), 20)]
    found = np.stack([image for part in parts for image in part])
    error = ((found.astype(np.float64) - real) ** 2).mean(axis=(1, 2))
    psnr = float(np.mean(10 * np.log10(255**2 / np.maximum(error, 1e-3))))
    (at, power), whole = radial_spectra(found), radial_spectra(real)[1]
    ratios = power.mean(axis=0) / whole.mean(axis=0)
    detail = ", ".join(f"{ratios[np.abs(at - ring).argmin()]:.2f} at {ring}" for ring in RINGS)
    return f"PSNR {psnr:.2f} dB, MS-SSIM {float(np.mean(ms_ssim(found, real))):.4f}, power {detail}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--phantoms", type=int, default=0, help="how many to train on, in place of half A")
    parser.add_argument("--latent", type=int, nargs="+", default=[16])
    parser.add_argument("--steps", type=int, nargs="+", default=[0])
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--texture", type=float, help="weight of the term of local power; as in the presets")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--most", type=int, default=200, help="films that are judged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    records = load_cohort(
        arguments.data, CohortConfig(), size=arguments.size, cache=arguments.work / "cohort", progress=Silent()
    ).records
    own, others = halves(records, arguments.seed)
    real = np.stack([record.payload for record in others[: arguments.most]])
    images = np.stack([record.payload for record in own])
    if arguments.phantoms:
        demo = DemoCohortConfig(size=arguments.size)
        folder = arguments.work / f"phantoms{arguments.phantoms}"
        images = np.asarray(rendered(folder, arguments.phantoms, arguments.size, demo, arguments.seed, Silent()).images)
    for latent in arguments.latent:
        for steps in arguments.steps:
            chosen = {} if arguments.texture is None else {"texture": arguments.texture}
            config = AutoencoderConfig(latent_channels=latent).model_copy(update={"steps": steps, **chosen})
            begun = time.process_time()
            vae = trained(config, images, arguments.afresh, arguments.seed, arguments.work)
            taken = time.process_time() - begun
            print(f"{latent} channels, {steps} steps, {taken:.0f} s: {judge(vae, real)}", flush=True)


if __name__ == "__main__":
    main()
