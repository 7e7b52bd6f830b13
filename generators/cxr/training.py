"""Fitting the generator: autoencoder, then denoiser, into one model folder; a rerun of the same call resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from diffusers import AutoencoderDC, UNet2DConditionModel
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from torch import Tensor

from synthgen.digests import write_mark
from synthgen.errors import UserError
from synthgen.generators.cxr.augmentation import DRAWS, augment
from synthgen.generators.cxr.autoencoder import (
    Autoencoder,
    AutoencoderLoss,
    build_autoencoder,
    decode,
    encode,
    latent_shape,
    normalise_latents,
    read_autoencoder,
    to_images,
)
from synthgen.generators.cxr.base import Base, open_base
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.config import GeneratorConfig
from synthgen.generators.cxr.denoiser import (
    DenoiserLoss,
    build_denoiser,
    build_scheduler,
    with_additions,
    without_additions,
)
from synthgen.generators.cxr.model_folder import (
    Card,
    finish_folder,
    has_weights,
    is_finished,
    refuse_another,
    save_part,
)
from synthgen.generators.cxr.optimise import Schedule, batch_indices, optimise
from synthgen.generators.cxr.sample_grid import write_grid
from synthgen.generators.cxr.sampler import denoise, noise_of, solver_of
from synthgen.generators.cxr.training_images import latents_of, pixels_of
from synthgen.generators.cxr.transform_coding import start_as_transform_code
from synthgen.payloads.cxr import CxrReal
from synthgen.pretrained.precision import computes_in_bfloat16
from synthgen.progress import Progress

_AUTOENCODER, _COPIES, _DENOISER, _CODE = 1, 2, 3, 4  # streams of random numbers, beside the seed
_AUTOENCODER_DECAY = 0.99
_GRID = 16
_CODE_PIXELS = 2**21  # enough for the statistics of patches, little enough for any memory


Emphasis: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""From rows of the training set to weights [B, 1, h, w] of the places of their latents, or [B, 1, 1, 1]; of mean 1."""


def evenly(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Every place weighs as much."""
    return np.ones((len(rows), 1, 1, 1), np.float32)


@dataclass(frozen=True)
class _Run:
    accelerator: Accelerator
    train: Sequence[CxrReal]
    config: GeneratorConfig
    folder: Path
    seed: int
    progress: Progress
    emphasis: Emphasis
    base: Base | None

    def share(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """This process's rows of a batch, on its device. Every process draws the whole batch, so that the draws do not
        depend on how many processes there are.
        """
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        return tuple(tensor[rank::processes].to(self.accelerator.device) for tensor in batch)


def fit_generator(
    train: Sequence[CxrReal],
    config: GeneratorConfig,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
    emphasis: Emphasis = evenly,
) -> None:
    """Trains a generator on ``train`` and writes it to ``folder`` (see model_folder). Resumes what was begun there.

    Images of another side than ``config.size`` are resampled. Runs on a CPU, a GPU, or as many processes as
    ``accelerate launch`` starts; the order of the batches, their noise and their augmentation are functions of
    (seed, step) alone. A training that was killed at any time and is run again ends, on a CPU, with the very weights of
    one that was not.

    Args:
        emphasis: what of which image weighs more in the denoiser's loss; it does not move along with augmentation.

    Raises:
        UserError: no images; a folder that holds another training; a pretrained autoencoder that cannot be had; a batch
            smaller than the number of processes; a write that the system refuses.
    """
    if not train:
        raise UserError("the training split is empty: the generator needs images to train on")
    gpu = torch.cuda.is_available()
    # On a CPU the denoiser's loss casts by itself: a process has one precision of accelerate, for all that it trains.
    half = gpu and config.mixed_precision and computes_in_bfloat16(gpu=True)
    accelerator = Accelerator(cpu=not gpu, mixed_precision="bf16" if half else "no")
    if min(config.autoencoder.batch, config.denoiser.batch) < accelerator.num_processes:
        raise UserError(f"a batch must have at least one image for each of {accelerator.num_processes} processes")
    run = _Run(accelerator, train, config, folder, seed, progress, emphasis, open_base(config.base, config.size))
    _claim(run)
    if is_finished(folder):
        progress.say(f"model found in {folder}: nothing to train")
        return
    if not has_weights(folder / "vae"):
        _fit_autoencoder(run)
    vae = read_autoencoder(folder / "vae")
    vae = vae.eval().requires_grad_(False).to(accelerator.device, memory_format=torch.channels_last)
    encoding = Encoding.of(record.condition for record in train)
    encoding = run.base.covering(encoding) if run.base else encoding
    if not has_weights(folder / "unet"):
        _fit_denoiser(run, vae, encoding)
    if accelerator.is_main_process:
        save_part(build_scheduler(config.denoiser), folder / "scheduler")
        finish_folder(folder, _card(run, vae, encoding), config.sampler)
        for path in (folder / "checkpoints").glob("*.safetensors"):
            path.unlink()
    accelerator.wait_for_everyone()


def _fit_autoencoder(run: _Run) -> None:
    """Trains the autoencoder, normalises its latents, and writes it with a picture of originals above copies."""
    config, vae = run.config.autoencoder, _first_autoencoder(run)
    if run.base and run.config.tuning.autoencoder == "frozen":
        if run.accelerator.is_main_process:
            save_part(vae, run.folder / "vae")
        run.accelerator.wait_for_everyone()
        return
    shape = latent_shape(vae, run.config.size)

    def batch_of(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([run.seed, _AUTOENCODER, step])
        rows = batch_indices(len(run.train), config.batch, step, seed=run.seed)
        draws = torch.from_numpy(rng.uniform(-1, 1, (len(rows), DRAWS)))
        noise = torch.from_numpy(rng.standard_normal((len(rows), *shape), np.float32))
        places, draws, noise = run.share(torch.from_numpy(rows), draws, noise)
        pixels = pixels_of(run.train, places.cpu().numpy(), run.config.size).to(noise.device)
        return augment(pixels, run.config.augmentation, draws), noise

    optimise(
        run.accelerator,
        AutoencoderLoss(vae, config),
        batch_of,
        _schedule(run.config, config.steps, config.batch, config.learning_rate, _AUTOENCODER_DECAY),
        name="train autoencoder",
        checkpoint=run.folder / "checkpoints" / "autoencoder.safetensors",
        progress=run.progress,
    )
    if not run.base:  # whose denoiser knows the scale that its latents have
        size, seed = run.config.size, (run.seed, _COPIES)
        normalise_latents(vae, latents_of(vae, run.train, run.config.augmentation, size, copies=1, seed=seed))
    if run.accelerator.is_main_process:
        shown = np.arange(min(_GRID // 2, len(run.train)))
        with torch.inference_mode():
            pixels = pixels_of(run.train, shown, run.config.size)
            copies = decode(vae, encode(vae, pixels.to(vae.device)))
        write_grid(run.folder / "samples" / "autoencoder.png", to_images(pixels) + to_images(copies), len(shown))
        save_part(vae, run.folder / "vae")
    run.accelerator.wait_for_everyone()


def _first_autoencoder(run: _Run) -> Autoencoder:
    """What the training of the autoencoder starts from."""
    if run.base:
        vae = run.base.vae
        vae.requires_grad_(run.config.tuning.autoencoder == "full")
        vae.decoder.requires_grad_(True)
        return vae
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        vae = build_autoencoder(run.config.autoencoder, run.config.size)
    if isinstance(vae, AutoencoderDC):
        count = max(8, _CODE_PIXELS // run.config.size**2)
        some = np.random.default_rng([run.seed, _CODE]).permutation(len(run.train))[:count]
        start_as_transform_code(vae, pixels_of(run.train, some, run.config.size))
    return vae


def _first_denoiser(run: _Run, shape: tuple[int, int, int], encoding: Encoding) -> UNet2DConditionModel:
    """What the training of the denoiser starts from, its additions among it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        if run.base is None:
            channels, side, _ = shape
            return build_denoiser(run.config.denoiser, latent_size=side, latent_channels=channels, width=encoding.width)
        unet = run.base.denoiser(encoding)
        return with_additions(unet, run.config.tuning.rank) if run.config.tuning.denoiser == "low_rank" else unet


def _fit_denoiser(run: _Run, vae: Autoencoder, encoding: Encoding) -> None:
    """Trains the denoiser on cached latents and writes the moving average of its weights."""
    config, augmentation = run.config.denoiser, run.config.augmentation
    n, copies = len(run.train), augmentation.copies
    cached = latents_of(vae, run.train, augmentation, run.config.size, copies=copies, seed=(run.seed, _COPIES)).half()
    vectors = encoding.encode([record.condition for record in run.train])
    unet = _first_denoiser(run, latent_shape(vae, run.config.size), encoding)
    half = run.config.mixed_precision and computes_in_bfloat16(gpu=run.accelerator.device.type == "cuda")
    loss = DenoiserLoss(unet, build_scheduler(config).alphas_cumprod, config.min_snr, half=half)

    def batch_of(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([run.seed, _DENOISER, step])
        rows = batch_indices(n, config.batch, step, seed=run.seed)
        latents = cached[torch.from_numpy(rng.integers(copies, size=len(rows)) * n + rows)].float()
        noise = torch.from_numpy(rng.standard_normal(latents.shape, np.float32))
        # One timestep from each stratum of the schedule: the same marginal as independent ones, a steadier loss.
        strata = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
        timesteps = torch.from_numpy((strata * config.train_timesteps).astype(np.int64))
        kept = encoding.drop(vectors[rows], rng, whole=config.condition_dropout, field=config.field_dropout)
        return run.share(latents, noise, timesteps, torch.from_numpy(kept), _weights(run, rows, latents))

    def after_step(step: int, ema: EMAModel) -> None:
        if step % run.config.sample_every == 0 or step == config.steps:
            _sample_grid(run, vae, loss, ema, encoding, run.folder / "samples" / f"step-{step:06d}.png")

    optimise(
        run.accelerator,
        loss,
        batch_of,
        _schedule(run.config, config.steps, config.batch, config.learning_rate, config.ema_decay),
        name="train denoiser",
        checkpoint=run.folder / "checkpoints" / "denoiser.safetensors",
        progress=run.progress,
        after_step=after_step,
    )
    if run.accelerator.is_main_process:
        save_part(without_additions(unet), run.folder / "unet")
    run.accelerator.wait_for_everyone()


def _weights(run: _Run, rows: NDArray[np.int64], latents: Tensor) -> Tensor:
    """The emphasis, at the side of the latents."""
    weights = torch.from_numpy(run.emphasis(rows))
    return weights if weights.shape[-1] == 1 else F.interpolate(weights, latents.shape[-2:], mode="area")


def _sample_grid(
    run: _Run, vae: Autoencoder, loss: DenoiserLoss, ema: EMAModel, encoding: Encoding, path: Path
) -> None:
    """Draws samples from the moving average, under conditions from all over the training set, from fixed noise."""
    shown = np.linspace(0, len(run.train) - 1, min(_GRID, len(run.train))).astype(int)
    conditions = torch.from_numpy(encoding.encode([run.train[i].condition for i in shown])).to(vae.device)
    null = torch.from_numpy(encoding.null(len(shown))).to(vae.device)
    shape = latent_shape(vae, run.config.size)
    noise = torch.stack([noise_of((run.seed, j), shape) for j in range(len(shown))]).to(vae.device)
    solver = solver_of(build_scheduler(run.config.denoiser), run.config.sampler, vae.device)
    parameters = [p for p in loss.parameters() if p.requires_grad]
    ema.store(parameters)
    ema.copy_to(parameters)
    loss.eval()
    with torch.inference_mode():
        latents = denoise(loss.unet, solver, noise, conditions, null, run.config.sampler.guidance)
        images = to_images(decode(vae, latents))
    loss.train()
    ema.restore(parameters)
    write_grid(path, images, 4)


def _schedule(config: GeneratorConfig, steps: int, batch: int, learning_rate: float, ema_decay: float) -> Schedule:
    return Schedule(
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        warmup=config.warmup,
        clip=config.clip,
        weight_decay=config.weight_decay,
        ema_decay=ema_decay,
        checkpoint_every=config.checkpoint_every,
    )


def _card(run: _Run, vae: Autoencoder, encoding: Encoding) -> Card:
    base = (run.base.saw or run.base.digest) if run.base else ""
    return Card(encoding, run.config.size, config_digest(run.config), type(vae).__name__, base)


def config_digest(config: GeneratorConfig) -> str:
    """Of the settings that decide the weights; how samples are drawn and how often is free to change between reruns.

    Without the seed, because the model folder may be given away, and a seed is guessed from a digest.
    """
    settings = config.model_dump_json(exclude={"sampler", "sample_every", "checkpoint_every"})
    return hashlib.blake2b(settings.encode(), digest_size=16).hexdigest()


def _run_digest(run: _Run) -> str:
    """Identifies a training: its settings, its seed and its records. Private, because it depends on the images."""
    base = run.base.digest if run.base else ""
    digest = hashlib.blake2b(f"{config_digest(run.config)}|{run.seed}|{base}".encode(), digest_size=16)
    for record in run.train:
        digest.update(json.dumps([record.record, record.condition.as_dict()]).encode())
        digest.update(np.ascontiguousarray(record.payload).tobytes())
    return digest.hexdigest()


def _claim(run: _Run) -> None:
    """Marks the folder as this training's, or refuses one that is another's."""
    digest = _run_digest(run)
    mark = refuse_another(run.folder, digest)
    run.accelerator.wait_for_everyone()
    if run.accelerator.is_main_process and not mark.is_file():
        write_mark(mark, digest)
    run.accelerator.wait_for_everyone()
