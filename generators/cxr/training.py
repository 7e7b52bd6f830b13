"""Fitting the generator: autoencoder, then denoiser, into one model folder; a rerun of the same call resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from synthgen.errors import UserError
from synthgen.generators.cxr.augmentation import augment
from synthgen.generators.cxr.autoencoder import (
    AutoencoderLoss,
    build_autoencoder,
    decode,
    downsampling,
    encode,
    normalise_latents,
    to_images,
    to_tensor,
)
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.config import GeneratorConfig
from synthgen.generators.cxr.denoiser import DenoiserLoss, build_denoiser, build_scheduler
from synthgen.generators.cxr.files import write_file
from synthgen.generators.cxr.model_folder import Card, finish_folder, is_finished, save_part
from synthgen.generators.cxr.optimise import Schedule, batch_indices, has_weights, optimise
from synthgen.generators.cxr.sampler import denoise, noise_of, solver_of
from synthgen.modalities.cxr.types import CxrImage, CxrReal
from synthgen.progress import Progress

_AUTOENCODER, _LATENTS, _DENOISER = 1, 2, 3  # streams of random numbers, beside the seed
_ENCODE_BATCH = 16


def fit_generator(
    train: Sequence[CxrReal], config: GeneratorConfig, folder: Path, *, seed: int, progress: Progress
) -> None:
    """Trains a generator on ``train`` and writes it to ``folder`` (see model_folder). Resumes what was begun there.

    Images of another side than ``config.size`` are resampled. Runs on one CPU, one GPU, or as many processes as
    ``accelerate launch`` starts; the batch, its noise and its augmentation are functions of (seed, step) alone.

    Raises:
        UserError: no images; a folder that holds another training; a pretrained autoencoder that cannot be had; a write
            that the system refuses.
    """
    if not train:
        raise UserError("the training split is empty: the generator needs images to train on")
    accelerator = Accelerator(mixed_precision="bf16" if config.mixed_precision and _has_bf16() else "no")
    _claim(folder, _run_digest(train, config, seed), accelerator)
    if is_finished(folder):
        progress.say(f"model found in {folder}: nothing to train")
        return
    encoding = Encoding.of(record.condition for record in train)
    vae = _fit_autoencoder(accelerator, train, config, folder, seed=seed, progress=progress)
    _fit_denoiser(accelerator, vae, train, encoding, config, folder, seed=seed, progress=progress)
    if accelerator.is_main_process:
        save_part(build_scheduler(config.denoiser), folder / "scheduler")
        finish_folder(folder, Card(encoding, config.size, _config_digest(config, seed)), config.sampler)
        for path in (folder / "checkpoints").glob("*.safetensors"):
            path.unlink()
    accelerator.wait_for_everyone()


def _fit_autoencoder(
    accelerator: Accelerator,
    train: Sequence[CxrReal],
    config: GeneratorConfig,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
) -> AutoencoderKL:
    """The trained autoencoder, its latents normalised; read back from ``folder`` when an earlier run finished it."""
    chosen = config.autoencoder
    if not has_weights(folder / "vae"):
        torch.manual_seed(seed)
        vae = build_autoencoder(chosen, config.size)
        loss = AutoencoderLoss(vae, chosen)
        side = config.size // downsampling(vae)

        def batch_of(step: int) -> tuple[Tensor, ...]:
            mine = _share(accelerator, chosen.batch)
            rows = batch_indices(len(train), chosen.batch, step, seed=seed)[mine]
            rng = np.random.default_rng([seed, _AUTOENCODER, step, accelerator.process_index])
            pixels = augment(_pixels(train, rows, config.size), config.augmentation, rng)
            noise = torch.from_numpy(
                rng.standard_normal((len(rows), vae.config.latent_channels, side, side), np.float32)
            )
            return pixels.to(accelerator.device), noise.to(accelerator.device)

        schedule = _schedule(config, chosen.steps, chosen.batch, chosen.learning_rate, 0.99)
        optimise(
            accelerator,
            loss,
            batch_of,
            schedule,
            name="train autoencoder",
            checkpoint=folder / "checkpoints" / "autoencoder.safetensors",
            progress=progress,
        )
        latents = _encode_all(vae, train, config, copies=1, seed=seed)
        normalise_latents(vae, latents.mean((0, 2, 3)), latents.std((0, 2, 3)).clamp_min(1e-4))
        if accelerator.is_main_process:
            save_part(vae.cpu(), folder / "vae")
            rows = np.arange(min(8, len(train)))
            with torch.inference_mode():
                pixels = _pixels(train, rows, config.size)
                pairs = to_images(pixels) + to_images(decode(vae, encode(vae, pixels)))
            _write_grid(folder / "samples" / "autoencoder.png", pairs, columns=len(rows))
        accelerator.wait_for_everyone()
    vae = AutoencoderKL.from_pretrained(folder / "vae", use_safetensors=True, local_files_only=True)
    return vae.eval().requires_grad_(False).to(accelerator.device)


def _fit_denoiser(
    accelerator: Accelerator,
    vae: AutoencoderKL,
    train: Sequence[CxrReal],
    encoding: Encoding,
    config: GeneratorConfig,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
) -> None:
    """Trains the denoiser on cached latents and writes the moving average of its weights."""
    chosen = config.denoiser
    copies = config.augmentation.copies
    latents = _encode_all(vae, train, config, copies=copies, seed=seed).half()
    vectors = encoding.encode([record.condition for record in train])
    torch.manual_seed(seed + 1)
    unet = build_denoiser(
        chosen, latent_size=latents.shape[-1], latent_channels=latents.shape[1], width=encoding.width
    )
    scheduler = build_scheduler(chosen)
    loss = DenoiserLoss(unet, scheduler.alphas_cumprod, chosen.min_snr)

    def batch_of(step: int) -> tuple[Tensor, ...]:
        mine = _share(accelerator, chosen.batch)
        rows = batch_indices(len(train), chosen.batch, step, seed=seed + 1)[mine]
        rng = np.random.default_rng([seed, _DENOISER, step, accelerator.process_index])
        clean = latents[torch.from_numpy(rng.integers(copies, size=len(rows)) * len(train) + rows)].float()
        noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32))
        # One timestep per stratum of the schedule: the same marginal, less variance of the loss.
        strata = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
        timesteps = torch.from_numpy((strata * chosen.train_timesteps).astype(np.int64))
        conditions = encoding.drop(
            vectors[rows], rng, whole=chosen.condition_dropout, field=chosen.field_dropout
        )
        batch = (clean, noise, timesteps, torch.from_numpy(conditions))
        return tuple(tensor.to(accelerator.device) for tensor in batch)

    optimise(
        accelerator,
        loss,
        batch_of,
        _schedule(config, chosen.steps, chosen.batch, chosen.learning_rate, chosen.ema_decay),
        name="train denoiser",
        checkpoint=folder / "checkpoints" / "denoiser.safetensors",
        progress=progress,
        after_step=_grids(vae, loss, encoding, train, config, folder / "samples", seed=seed),
    )
    if accelerator.is_main_process:
        save_part(unet.cpu(), folder / "unet")


def _grids(
    vae: AutoencoderKL,
    loss: DenoiserLoss,
    encoding: Encoding,
    train: Sequence[CxrReal],
    config: GeneratorConfig,
    folder: Path,
    *,
    seed: int,
) -> Callable[[int, EMAModel], None]:
    """What draws a grid of samples from the moving average every ``sample_every`` steps."""
    places = np.linspace(0, len(train) - 1, min(16, len(train))).astype(int)
    conditions = torch.from_numpy(encoding.encode([train[i].condition for i in places]))

    def after_step(step: int, ema: EMAModel) -> None:
        if step % config.sample_every and step != config.denoiser.steps:
            return
        device = loss.alphas_cumprod.device
        parameters = [p for p in loss.parameters() if p.requires_grad]
        ema.store(parameters)
        ema.copy_to(parameters)
        loss.unet.eval()
        with torch.inference_mode():
            side = config.size // downsampling(vae)
            noise = torch.stack([noise_of((seed, j), (vae.config.latent_channels, side, side)) for j in range(len(places))])
            null = torch.from_numpy(encoding.null(len(places))).to(device)
            solver = solver_of(build_scheduler(config.denoiser), config.sampler, device)
            latents = denoise(
                loss.unet, solver, noise.to(device), conditions.to(device), null, config.sampler.guidance
            )
            images = to_images(decode(vae, latents))
        loss.unet.train()
        ema.restore(parameters)
        _write_grid(folder / f"step-{step:06d}.png", images, columns=4)

    return after_step


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


def _share(accelerator: Accelerator, batch: int) -> slice:
    """The rows of a batch that this process computes."""
    if batch < accelerator.num_processes:
        raise UserError(f"a batch of {batch} cannot be shared by {accelerator.num_processes} processes")
    return slice(accelerator.process_index, None, accelerator.num_processes)


def _pixels(train: Sequence[CxrReal], rows: NDArray[np.int64], size: int) -> Tensor:
    """The images of ``rows``, [B, 1, size, size], -1 to 1."""
    return to_tensor(np.stack([_resized(train[i].payload, size) for i in rows]))


def _resized(image: CxrImage, size: int) -> CxrImage:
    if image.shape == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def _encode_all(
    vae: AutoencoderKL, train: Sequence[CxrReal], config: GeneratorConfig, *, copies: int, seed: int
) -> Tensor:
    """Latents of every image and of its augmented copies, [copies * N, C, h, w]; copy k of image i stands at k * N + i."""
    device = next(vae.parameters()).device
    out = []
    with torch.inference_mode():
        for copy in range(copies):
            for start in range(0, len(train), _ENCODE_BATCH):
                rows = np.arange(start, min(start + _ENCODE_BATCH, len(train)))
                pixels = _pixels(train, rows, config.size)
                if copy:
                    rng = np.random.default_rng([seed, _LATENTS, copy, start])
                    pixels = augment(pixels, config.augmentation, rng)
                out.append(encode(vae, pixels.to(device)).cpu())
    return torch.cat(out).clone()


def _write_grid(path: Path, images: Sequence[CxrImage], columns: int) -> None:
    size = images[0].shape[0]
    rows = -(-len(images) // columns)
    sheet = np.zeros((rows * size, columns * size), np.uint8)
    for i, image in enumerate(images):
        y, x = divmod(i, columns)
        sheet[y * size : (y + 1) * size, x * size : (x + 1) * size] = image
    buffer = BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG")
    write_file(path, buffer.getvalue())


def _has_bf16() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _config_digest(config: GeneratorConfig, seed: int) -> str:
    return hashlib.blake2b(f"{config.model_dump_json()}|{seed}".encode(), digest_size=16).hexdigest()


def _run_digest(train: Sequence[CxrReal], config: GeneratorConfig, seed: int) -> str:
    """Identifies a training: its settings, its seed and its records. Private, because it depends on the images."""
    digest = hashlib.blake2b(_config_digest(config, seed).encode(), digest_size=16)
    for record in train:
        digest.update(json.dumps([record.record, record.condition.as_dict()]).encode())
        digest.update(np.ascontiguousarray(record.payload).tobytes())
    return digest.hexdigest()


def _claim(folder: Path, digest: str, accelerator: Accelerator) -> None:
    """Marks ``folder`` as this training's, or refuses one that is another's."""
    mark = folder / "checkpoints" / "run.json"
    if mark.is_file():
        if json.loads(mark.read_text(encoding="utf-8")).get("digest") != digest:
            raise UserError(f"{folder} holds a training with other settings or images; choose another folder or remove it")
    elif folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty and was not made by this training; choose another folder")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process and not mark.is_file():
        write_file(mark, json.dumps({"digest": digest}).encode())
    accelerator.wait_for_everyone()
