"""Trains the identity networks on the training patients alone, from the public base where it fits.

A batch shows every patient twice: two visits where there are any, else two augmented views of the one image. The
embedding learns by the supervised contrastive loss (Khosla et al. 2020, eq. 2; with two views it is NT-Xent of Chen et
al. 2020), the head by binary cross-entropy over the batch's pairs with the hardest strangers weighted up.
Every step draws from its own random stream, so a run that was killed continues to the same weights.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.payloads.cxr import CxrImage, CxrReal
from synthgen.pretrained.precision import computes_in_bfloat16
from synthgen.privacy_filters.cxr.augment import augment
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.identity import CARD, COHORT, FORMAT, WEIGHTS, Identity, Networks, resized
from synthgen.privacy_filters.cxr.identity_base import base_digest, start_from_base
from synthgen.progress import Progress

COHORT_LIMIT = 512  # training patients whose vectors the model keeps
_CHECKPOINT = "training.safetensors"


def fit_identity(
    train: Sequence[CxrReal], config: IdentityConfig, folder: Path, *, seed: int, progress: Progress
) -> None:
    """Fits the embedding and the verification head, and saves them under ``folder`` (safetensors and JSON).

    A finished folder of the same records, configuration and seed is left as it is; an unfinished one is continued
    from its last checkpoint, with the same final result.

    Args:
        train: records of the training patients; of calibration and audit patients none, ever.
        seed: determines initial weights, batches and augmentation.

    Raises:
        UserError: fewer than two patients; or the folder holds a model of other records, configuration or seed.
    """
    patients = _patients(train)
    if len(patients) < 2:
        raise UserError(f"the identity networks learn from at least 2 patients, got {len(patients)}: add patients")
    folder.mkdir(parents=True, exist_ok=True)
    run = _fingerprint(train, config, seed)
    if (folder / CARD).exists():
        _same_run(_card_run(folder / CARD), run, folder)
        return
    data = _Data.of(train, patients, config.size)
    state = _State.start(config, seed)
    if (folder / _CHECKPOINT).exists():
        state.restore(folder / _CHECKPOINT, run, folder)
    bar = progress.task("identity networks", config.steps, "step", done=state.step)
    while state.step < config.steps:
        loss = state.advance(data, config, seed)
        bar.advance(note=f"loss {loss:.3f}")
        if state.step % config.checkpoint_every == 0 and state.step < config.steps:
            state.save(folder / _CHECKPOINT, run)
    cohort = cohort_embeddings(state.averaged, config, [train[patient[0]].payload for patient in patients], seed)
    _write_tensors(state.averaged | {COHORT: cohort}, folder / WEIGHTS, {})
    card = {"format": FORMAT, "run": run, "config": config.model_dump(mode="json"), "patients": len(patients)}
    write_atomically(folder / CARD, json.dumps(card, indent=1).encode())
    (folder / _CHECKPOINT).unlink(missing_ok=True)


def cohort_embeddings(
    weights: dict[str, Tensor], config: IdentityConfig, images: Sequence[CxrImage], seed: int
) -> Tensor:
    """Unit vectors [M, D] of at most ``COHORT_LIMIT`` of the images (one per patient): whom a stranger resembles."""
    networks = Networks(config)
    networks.load_state_dict(weights)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:COHORT_LIMIT])
    identity = Identity(networks, config, torch.zeros(1, 1))
    return torch.from_numpy(np.concatenate([identity.embed(images[i][None]) for i in chosen]))


def _patients(train: Sequence[CxrReal]) -> list[list[int]]:
    """Indices of the records of each patient; order by patient and record, whatever the order of ``train``."""
    groups: dict[str, list[int]] = {}
    for index in sorted(range(len(train)), key=lambda i: (train[i].patient, train[i].record)):
        groups.setdefault(train[index].patient, []).append(index)
    return list(groups.values())


def _fingerprint(train: Sequence[CxrReal], config: IdentityConfig, seed: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{config.model_dump_json(exclude={'checkpoint_every'})}|{seed}|{base_digest(config)}".encode())
    for record in sorted(train, key=lambda r: (r.patient, r.record)):
        digest.update(f"|{record.patient}|{record.record}|".encode())
        digest.update(np.ascontiguousarray(record.payload).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Data:
    """Training images at network size and what is known of them.

    Attributes:
        images: float32 [M, 1, S, S], 0 to 1.
        attributes: float32 [M, 2]: sex (1 female, 0 male) and age in units of 20 years about 50; NaN where unknown.
        several, one: indices into ``images`` per patient: with two or more visits, and with one.
    """

    images: Tensor
    attributes: Tensor
    several: tuple[tuple[int, ...], ...]
    one: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, train: Sequence[CxrReal], patients: list[list[int]], size: int) -> _Data:
        images = torch.cat([resized(record.payload[None], size) for record in train])
        sex = [{"F": 1.0, "M": 0.0}.get(record.condition.sex, math.nan) for record in train]
        age = [math.nan if (a := record.condition.age) is None else (a - 50) / 20 for record in train]
        several = tuple(tuple(p) for p in patients if len(p) > 1)
        return cls(images, torch.tensor([sex, age]).T, several, tuple(tuple(p) for p in patients if len(p) == 1))

    def draw(self, config: IdentityConfig, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """First and second image of every patient of a batch; a place that visits cannot fill goes to singles."""
        want = config.pairs + config.singles
        some = min(len(self.several), max(config.pairs, want - len(self.one)))
        first, second = [], []
        for patient in rng.choice(len(self.several), some, replace=False) if some else ():
            a, b = rng.choice(self.several[patient], 2, replace=False)
            first.append(int(a))
            second.append(int(b))
        rest = min(len(self.one), want - some)
        for patient in rng.choice(len(self.one), rest, replace=False) if rest else ():
            first.append(self.one[patient][0])
            second.append(self.one[patient][0])
        return first, second


class _State:
    """Everything that a step changes: weights, their running average, the optimiser's moments, the step."""

    def __init__(self, networks: Networks, config: IdentityConfig) -> None:
        self.networks = networks
        self.step = 0
        self.averaged = {name: value.detach().clone() for name, value in networks.state_dict().items()}
        self.names = [name for name, _ in networks.named_parameters()]
        decay = [p for p in networks.parameters() if p.ndim > 1]
        plain = [p for p in networks.parameters() if p.ndim <= 1]
        groups = [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate)

    @classmethod
    def start(cls, config: IdentityConfig, seed: int) -> _State:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = Networks(config)
        start_from_base(networks, config)
        return cls(networks.to(memory_format=torch.channels_last), config)  # type: ignore[call-overload]

    def advance(self, data: _Data, config: IdentityConfig, seed: int) -> float:
        """One optimiser step; its batch and augmentation depend on the seed and the step's number only."""
        rng = np.random.default_rng([seed, self.step])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        first, second = data.draw(config, rng)
        images = augment(data.images[first + second], config.augmentation, generator)
        if config.mirror and rng.random() < 0.5:
            images = images.flip(-1)
        self.networks.train()
        rate = config.learning_rate * _schedule(self.step, config.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = _loss(self.networks, images, data.attributes[first + second], config)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.networks.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        decay = min(config.averaging, self.step / (self.step + 10))  # a short memory while there is little to remember
        for name, value in self.networks.state_dict().items():
            if value.is_floating_point():
                self.averaged[name].lerp_(value, 1 - decay)
            else:
                self.averaged[name].copy_(value)
        return float(loss.detach())

    def save(self, path: Path, run: str) -> None:
        tensors = {f"averaged/{name}": value for name, value in self.averaged.items()}
        tensors |= {f"networks/{name}": value for name, value in self.networks.state_dict().items()}
        for name, parameter in self.networks.named_parameters():
            for key, value in self.optimiser.state[parameter].items():
                tensors[f"optimiser/{key}/{name}"] = value
        _write_tensors(tensors, path, {"run": run, "step": str(self.step)})

    def restore(self, path: Path, run: str, folder: Path) -> None:
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path} is damaged or not safetensors: delete it and fit again") from error
        _same_run(about.get("run"), run, folder)
        self.networks.load_state_dict(_under("networks/", tensors))
        self.averaged = _under("averaged/", tensors)
        for name, parameter in self.networks.named_parameters():
            keys = {key.split("/")[1] for key in tensors if key.startswith("optimiser/") and key.endswith("/" + name)}
            self.optimiser.state[parameter] = {key: tensors[f"optimiser/{key}/{name}"] for key in keys}
        self.step = int(about["step"])


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up over a twentieth of the steps, then a cosine to zero."""
    return min(1.0, (step + 1) / (0.05 * steps + 1)) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _loss(networks: Networks, images: Tensor, attributes: Tensor, config: IdentityConfig) -> Tensor:
    """Contrastive + verification + attribute loss of a batch: [2P, 1, S, S], patients in the same order twice."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=in_bfloat16(config)):
        embeddings = networks.encoder(images)
    half = len(images) // 2
    loss = contrastive(embeddings, config.temperature)
    if config.verification_weight:
        # The head reads the embedding without pulling at it: it would fit the few training patients at its cost.
        first, second = embeddings.detach().split(half)
        logits = networks.verifier(first[:, None], second[None, :])
        loss = loss + config.verification_weight * _pair_loss(logits)
    if config.attributes_weight:
        loss = loss + config.attributes_weight * _attribute_loss(networks.attributes(embeddings * 8), attributes)
    return loss


def in_bfloat16(config: IdentityConfig) -> bool:
    """Whether training convolves in bfloat16."""
    return computes_in_bfloat16() if config.precision == "auto" else config.precision == "bfloat16"


def contrastive(embeddings: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss of unit vectors [2P, D], of which i and i + P show the same patient."""
    similarity = embeddings @ embeddings.T / temperature
    similarity = similarity.masked_fill(torch.eye(len(embeddings), dtype=torch.bool), -torch.inf)
    half = len(embeddings) // 2
    target = torch.arange(2 * half).roll(half)
    return F.cross_entropy(similarity, target)


def _pair_loss(logits: Tensor) -> Tensor:
    """Binary cross-entropy of [P, P] logits, same patient on the diagonal; strangers weighted by their hardness."""
    stranger = ~torch.eye(len(logits), dtype=torch.bool)
    negative = F.softplus(logits[stranger])
    weight = torch.softmax(logits[stranger].detach() / 2, dim=0) + 1 / len(negative)
    return F.softplus(-logits.diagonal()).mean() + (weight * negative).sum() / 2


def _attribute_loss(predicted: Tensor, known: Tensor) -> Tensor:
    """Sex by cross-entropy and age by smooth L1: what stays the same between a patient's visits. [N, 2] twice."""
    present = ~known.isnan()
    sex, age = present[:, 0], present[:, 1]
    loss = predicted.sum() * 0
    if sex.any():
        loss = loss + F.binary_cross_entropy_with_logits(predicted[sex, 0], known[sex, 0])
    if age.any():
        loss = loss + F.smooth_l1_loss(predicted[age, 1], known[age, 1])
    return loss


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _card_run(path: Path) -> object:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card.get("run") if isinstance(card, dict) else None


def _same_run(found: object, expected: str, folder: Path) -> None:
    if found != expected:
        raise UserError(
            f"{folder} holds identity networks of other records, settings or seed: name another folder or delete it"
        )


def _write_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    write_atomically(path, save({name: value.contiguous() for name, value in tensors.items()}, metadata))
