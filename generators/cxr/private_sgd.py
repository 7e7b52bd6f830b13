"""A diffusion model with differential privacy: DP-SGD, patient by patient, on few parameters of a public base.

The base's autoencoder, its scale of latents, its vocabulary and its encoding of conditions stay as they are: of the
patients nothing is used but clipped gradients. Findings that the base does not know are left out of a record's
condition, for their names would be the patients' own. Whatever is random comes from the system, anew in every session;
what a row draws depends on nothing but the row.

The folder that is made is that of any other fit: see model_folder. What an unfinished fit goes on from lies in
``checkpoints/`` and is deleted at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from torch import Tensor, nn

from synthgen.digests import content_digest, write_mark
from synthgen.dp.accounting import Event, Gaussian, rate_of, sigma_for
from synthgen.dp.begun import note_drawn
from synthgen.dp.noise import private_rng
from synthgen.dp.sgd import PatientSGD, Plan
from synthgen.errors import MissingExtraError, UserError
from synthgen.files import private_folder
from synthgen.generators.cxr.base import NONE, Base, open_base
from synthgen.generators.cxr.conditioning import Encoding
from synthgen.generators.cxr.config import GeneratorConfig, PrivateSgdConfig
from synthgen.generators.cxr.denoiser import DenoiserLoss, build_scheduler, without_additions
from synthgen.generators.cxr.model_folder import (
    Card,
    finish_folder,
    has_weights,
    is_finished,
    refuse_another,
    save_part,
)
from synthgen.generators.cxr.training import config_digest
from synthgen.generators.cxr.training_images import latents_of
from synthgen.generators.private_steps import restore_steps, save_steps, steps_in
from synthgen.payloads.cxr import NO_FINDING, CxrReal
from synthgen.progress import Progress

METHOD = "sgd"
PUBLIC = (
    "the base: autoencoder, scale of latents, vocabulary of findings and encoding of conditions",
    "the settings of the fit",
)
NOT_COVERED = (
    "checkpoints/ of the model's folder, which is private: a salted digest by which a fit knows its cohort again, and "
    "the state of an unfinished fit",
)
_WHAT = {
    "scales": "the scales of normalisations",
    "normalisation": "normalisation layers",
    "low_rank": "low-rank additions to the attention",
}
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_BETAS = (0.9, 0.99)
_CHECKPOINT = Path("checkpoints", "private_sgd.safetensors")


@dataclass(frozen=True)
class PrivateSgd:
    """A way to fit: what is checked before anything is spent, what it costs, and the fit."""

    config: GeneratorConfig
    private: PrivateSgdConfig

    @property
    def mechanism(self) -> str:
        """In words, for the guarantee."""
        return f"DP-SGD on {_WHAT[self.private.trained]} of a public base"

    def events(self, epsilon: float, delta: float, patients: int) -> tuple[Event, ...]:
        """All steps, at the least noise that keeps to ε.

        Raises:
            UserError: fewer patients than a batch.
        """
        rate, steps = rate_of(self.private.batch, patients), self.private.steps
        return (Gaussian(sigma_for(epsilon, delta, rate=rate, steps=steps), rate, steps),)

    def check(self, train: Sequence[CxrReal], noise: tuple[Event, ...], folder: Path, seed: int) -> None:
        """Refuses what :meth:`fit` would refuse, and writes nothing.

        Raises:
            UserError: there is no base, or it is not what it should be; a layer that cannot be trained privately; a
                folder that holds something else.
            MissingExtraError: Opacus, or peft, is not installed.
        """
        base = self._base()
        self._sgd(base, train, noise, seed)
        refuse_another(folder, self._digest(base, train, noise, seed))

    def fit(
        self, train: Sequence[CxrReal], noise: tuple[Event, ...], folder: Path, seed: int, progress: Progress
    ) -> None:
        """Fits into ``folder``; resumes, and returns at once when it is finished.

        Args:
            noise: as :meth:`events` gives it.
            seed: of the first weights of additions, and of nothing else: nobody knows the noise.

        Raises:
            UserError: as :meth:`check`.
        """
        base = self._base()
        digest = self._digest(base, train, noise, seed)
        mark = refuse_another(folder, digest)
        if not is_finished(folder):
            if not mark.is_file():
                private_folder(folder)
                write_mark(mark, digest)
            unet = self._trained(base, train, noise, folder, seed, progress)
            self._finish(base, unet, folder)
        (folder / _CHECKPOINT).unlink(missing_ok=True)

    def drawn(self, folder: Path) -> int:
        """Steps that lie in a model's folder: all of them where it is finished."""
        return self.private.steps if is_finished(folder) else steps_in(folder / _CHECKPOINT)

    def _base(self) -> Base:
        base = open_base(self.config.base, self.config.size)
        if base is None:
            raise UserError(
                f"privacy.method=sgd needs a public base, and modality.generator.base is {NONE!r}: noisy steps from "
                "nothing teach nothing; say --set modality.generator.base=packaged, or --dp-method evolution"
            )
        return base

    def _digest(self, base: Base, train: Sequence[CxrReal], noise: tuple[Event, ...], seed: int) -> str:
        """Identifies a fit. Private, because it depends on the images."""
        private = self.private.model_dump_json(exclude={"rows"})
        records = [(r.record, r.patient, r.condition, r.payload) for r in train]
        return content_digest((config_digest(self.config), private, list(noise), seed, base.digest, records)).hex()

    def _sgd(
        self, base: Base, train: Sequence[CxrReal], noise: tuple[Event, ...], seed: int, checkpoint: Path | None = None
    ) -> _Fit:
        """The fit as it stands: at its beginning, or at a checkpoint."""
        (event,) = noise
        if not isinstance(event, Gaussian):
            raise TypeError("DP-SGD needs the noise of a Gaussian mechanism")
        p = self.private
        plan = Plan(p.clip, event.sigma, event.rate, event.steps, p.rows, p.records, p.draws)
        unet = few(base.denoiser(base.encoding), p, seed)
        loss = DenoiserLoss(unet, build_scheduler(self.config.denoiser).alphas_cumprod, self.config.denoiser.min_snr)
        loss.to("cuda" if torch.cuda.is_available() else "cpu")
        parameters = {name: p for name, p in unet.named_parameters() if p.requires_grad}
        optimiser = torch.optim.Adam([*parameters.values()], lr=p.learning_rate, betas=_BETAS)
        ema = EMAModel([*parameters.values()], decay=p.ema_decay, use_ema_warmup=True, power=0.75)
        state = None
        if checkpoint and checkpoint.exists():
            state, ema.optimization_step = restore_steps(checkpoint, parameters, optimiser, ema.shadow_params)
        rows = _Rows(loss, base.encoding, self.config, p.draws)
        owners = [record.patient for record in train]
        sgd = PatientSGD(loss, optimiser, owners, rows, plan, resumed=state)
        return _Fit(sgd, rows, unet, parameters, optimiser, ema)

    def _trained(
        self,
        base: Base,
        train: Sequence[CxrReal],
        noise: tuple[Event, ...],
        folder: Path,
        seed: int,
        progress: Progress,
    ) -> UNet2DConditionModel:
        """The denoiser after all steps: the moving average of its weights. Nothing is told but how many are done."""
        checkpoint = folder / _CHECKPOINT
        fit = self._sgd(base, train, noise, seed, checkpoint)
        sgd, count = fit.sgd, sum(fit.sgd.parameters.values())
        whole = sum(p.numel() for p in base.unet.parameters())
        progress.say(
            f"trained privately: {count:,} parameters beside the {whole:,} of the base ({_WHAT[self.private.trained]})"
        )
        if sgd.done < sgd.plan.steps:
            fit.rows.read(base, train)
        task = progress.task("private training", sgd.plan.steps, "step", sgd.done)
        while sgd.done < sgd.plan.steps:
            sgd.step()
            fit.ema.step(fit.parameters.values())
            fit.save(checkpoint)
            note_drawn(folder, sgd.done)
            task.advance()
        fit.ema.copy_to(fit.parameters.values())
        return without_additions(fit.unet).cpu().requires_grad_(False).eval()

    def _finish(self, base: Base, unet: UNet2DConditionModel, folder: Path) -> None:
        """Writes the model's folder, as that of any other fit."""
        if not has_weights(folder / "vae"):
            save_part(base.vae, folder / "vae")
        if not has_weights(folder / "unet"):
            save_part(unet, folder / "unet")
        save_part(build_scheduler(self.config.denoiser), folder / "scheduler")
        digest, kind = config_digest(self.config), type(base.vae).__name__
        card = Card(base.encoding, self.config.size, digest, kind, base.saw or base.digest)
        finish_folder(folder, card, self.config.sampler, private=True)


@dataclass(frozen=True)
class _Fit:
    """A fit that is under way."""

    sgd: PatientSGD
    rows: _Rows
    unet: UNet2DConditionModel
    parameters: dict[str, nn.Parameter]
    optimiser: torch.optim.Adam
    ema: EMAModel

    def save(self, path: Path) -> None:
        """Everything that a resumed fit needs; no randomness is in it, and no patient."""
        save_steps(
            path,
            self.sgd.state,
            self.parameters,
            self.optimiser,
            self.ema.shadow_params,
            self.ema.optimization_step,
        )


def few(unet: UNet2DConditionModel, private: PrivateSgdConfig, seed: int) -> UNet2DConditionModel:
    """The denoiser, of which few parameters are trained.

    Raises:
        UserError: it has none of the kind.
        MissingExtraError: peft is not installed.
    """
    unet.requires_grad_(False)
    for layer in unet.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # it would draw from a stream that others know
    if private.trained == "low_rank":
        _add(unet, private.rank, seed)
    else:
        for layer in unet.modules():
            if isinstance(layer, nn.GroupNorm | nn.LayerNorm) and layer.weight is not None:
                layer.weight.requires_grad_(True)
                layer.bias.requires_grad_(private.trained == "normalisation")
    return unet


def _add(unet: UNet2DConditionModel, rank: int, seed: int) -> None:
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingExtraError("low-rank tuning", "cxr") from error
    if not any(name.endswith(_ATTENTION[0]) for name, _ in unet.named_modules()):
        raise UserError("the base has no attention to add to: say --set modality.private_sgd.trained=normalisation")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(_ATTENTION)))


class _Rows:
    """One loss for each row that is asked for; its timestep, noise and dropped conditions are its own.

    A record is asked for ``draws`` times on end, and each time is given a timestep from another stratum of the
    schedule. All strata together are drawn as independent timesteps are, with a steadier mean.
    """

    def __init__(self, loss: DenoiserLoss, encoding: Encoding, config: GeneratorConfig, draws: int) -> None:
        self._loss, self._encoding, self._config, self._draws = loss, encoding, config, draws
        self._rng, self._asked = private_rng(), 0
        self._latents, self._vectors = torch.zeros(0), np.zeros((0, encoding.width), np.float32)

    def read(self, base: Base, train: Sequence[CxrReal]) -> None:
        """Encodes the records, each by itself, with augmented copies that nobody knows either."""
        config, seed = self._config, (int(self._rng.integers(2**62)),)
        vae, device = base.vae.eval().requires_grad_(False), self._loss.alphas_cumprod.device
        copies = config.augmentation.copies
        self._latents = latents_of(vae.to(device), train, config.augmentation, config.size, copies=copies, seed=seed)
        vae.cpu()
        self._vectors = vectors_of(train, self._encoding)

    def __call__(self, model: nn.Module, records: Sequence[int]) -> Tensor:
        rng, n, rows = self._rng, len(self._vectors), np.array(records)
        copies = len(self._latents) // n
        latents = self._latents[torch.from_numpy(rng.integers(copies, size=len(rows)) * n + rows)]
        noise = torch.from_numpy(rng.standard_normal(latents.shape, np.float32))
        strata = (self._asked + np.arange(len(rows))) % self._draws
        self._asked += len(rows)
        share = (strata + rng.random(len(rows))) / self._draws
        timesteps = torch.from_numpy((share * self._config.denoiser.train_timesteps).astype(np.int64))
        whole, field = self._config.denoiser.condition_dropout, self._config.denoiser.field_dropout
        kept = torch.from_numpy(self._encoding.drop(self._vectors[rows], rng, whole=whole, field=field))
        device, weights = self._loss.alphas_cumprod.device, torch.ones(len(rows), 1, 1, 1)
        return self._loss.rows(*(part.to(device) for part in (latents, noise, timesteps, kept, weights)))


def vectors_of(train: Sequence[CxrReal], encoding: Encoding) -> NDArray[np.float32]:
    """Condition vectors [N, width], in which findings that the encoding lacks are left out.

    A record that has only such findings has none at all in its vector: it is not "No Finding".
    """
    known, none = set(encoding.findings), encoding.fields.index(f"finding:{NO_FINDING}")
    kept = [replace(r.condition, findings=tuple(f for f in r.condition.findings if f in known)) for r in train]
    vectors = encoding.encode(kept)
    vectors[[i for i, r in enumerate(train) if r.condition.findings], none] = 0
    return vectors
