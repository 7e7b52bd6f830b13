"""Trains a deformer against those who would recognise a patient, on T alone, while findings stay readable.

Every step the attackers learn first, then the deformer. Attackers are a network that verifies (are two images of one
person?) and retrieves (which of these is it?), both by one embedding, as PriCheXy-Net's siamese network; and registered
correlation, which learns nothing and finds the very image. They look at changed against real, changed against changed,
and the same image changed twice. A classifier of findings learns on changed images too; what it loses is the price.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from synthgen.digests import agrees, write_mark
from synthgen.errors import UserError
from synthgen.files import private_folder, write_atomically
from synthgen.generators.cxr.augmentation import DRAWS, augment
from synthgen.generators.cxr.config import AugmentationConfig, DeformerConfig
from synthgen.generators.cxr.deformer import SECRETS, SIDE, Deformer, bent, local_contrast
from synthgen.generators.cxr.training_images import pixels_of
from synthgen.generators.model_folder import restore_optimiser
from synthgen.payloads.cxr import NO_FINDING, CxrReal
from synthgen.pretrained.threads import one_thread
from synthgen.progress import Progress

DEFORMER, CHECKPOINT, MARK = "deformer.safetensors", "checkpoint.safetensors", "run.json"

_DIMENSIONS = 128  # of an embedding
_TEMPERATURE = 0.1  # of the search: cosines are divided by it
_FARTHEST = 8  # pixels of 64, that correlation shifts
_AUGMENTATION = AugmentationConfig()
_STEP, _WEIGHTS = 1, 2  # streams of random numbers, beside the seed


class Ensemble(nn.Module):
    """Who would recognise a patient, and who reads findings, on images [B, 1, S, S] in 0 to 1."""

    def __init__(self, findings: int, width: int = 16) -> None:
        super().__init__()
        self.recognising, self.reading = _encoder(width), _encoder(width)
        self.placed = nn.Linear(4 * width * 16, _DIMENSIONS)
        self.verified = nn.Linear(_DIMENSIONS, 1)
        self.found = nn.Linear(4 * width * 16, findings)

    def embed(self, images: Tensor) -> Tensor:
        """[B, 128], each of norm one."""
        return F.normalize(self.placed(self.recognising(local_contrast(images))))

    def verify(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits [B] that two embeddings are of one person."""
        found: Tensor = self.verified((first - second).abs())[:, 0]
        return found

    def read(self, images: Tensor) -> Tensor:
        """Logits [B, findings]."""
        found: Tensor = self.found(self.reading(local_contrast(images)))
        return found


def _encoder(width: int) -> nn.Sequential:
    widths = (1, width, 2 * width, 4 * width, 4 * width)
    layers: list[nn.Module] = []
    for channels, out in pairwise(widths):
        layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.GroupNorm(8, out), nn.SiLU()]
    return nn.Sequential(*layers, nn.Flatten())


def registered_correlation(first: Tensor, second: Tensor) -> Tensor:
    """The largest correlation of local contrast over shifts, pair by pair, shape [B]."""
    a, b = (F.normalize(local_contrast(x).flatten(1)).view(len(x), SIDE, SIDE) for x in (first, second))
    size = (2 * SIDE, 2 * SIDE)
    shifts = torch.fft.irfft2(torch.fft.rfft2(a, s=size).conj() * torch.fft.rfft2(b, s=size), s=size)
    near = torch.cat([torch.arange(_FARTHEST + 1), torch.arange(-_FARTHEST, 0)])
    found: Tensor = shifts[:, near][:, :, near].amax(dim=(1, 2))
    return found


def _search(first: Tensor, second: Tensor) -> Tensor:
    """Cross-entropy of finding second[i] for first[i] among all of second."""
    return F.cross_entropy(first @ second.T / _TEMPERATURE, torch.arange(len(first)))


@dataclass(frozen=True)
class _Batch:
    """Images of patients [B, 1, S, S] in 0 to 1, another view or visit of each, secrets, and findings."""

    first: Tensor
    second: Tensor
    secrets: tuple[Tensor, Tensor, Tensor]
    findings: Tensor

    def changed(self, deformer: Deformer) -> tuple[Tensor, Tensor, Tensor]:
        """The first, the second, and the first again under another secret."""
        images = torch.cat([self.first, self.second, self.first])
        made = bent(images, deformer(images, torch.cat(self.secrets)))
        one, two, three = made.chunk(3)
        return one, two, three


def attackers_loss(ensemble: Ensemble, batch: _Batch, changed: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Verification and search over all kinds of pairs, and reading, of images real and changed."""
    real_a, real_b, made_a, made_b, again = ensemble.embed(torch.cat([batch.first, batch.second, *changed])).chunk(5)
    total = torch.zeros(())
    for one, two in ((real_a, real_b), (made_a, real_b), (made_a, made_b), (made_a, again)):
        same, others = ensemble.verify(one, two), ensemble.verify(one, two.roll(1, 0))
        total = total + (F.softplus(-same) + F.softplus(others)).mean() / 2 + _search(one, two)
    read = ensemble.read(torch.cat([batch.first, changed[0]]))
    return total / 4 + F.binary_cross_entropy_with_logits(read, batch.findings.repeat(2, 1))


def deformers_loss(
    ensemble: Ensemble, batch: _Batch, changed: tuple[Tensor, Tensor, Tensor], config: DeformerConfig
) -> Tensor:
    """What the attackers still tell, each weighted, and what the reader loses.

    Verification is PriCheXy-Net's −log(1 − p); a search that is no better than guessing costs nothing, nor does a
    correlation below 0.
    """
    made, other, again = changed
    with torch.no_grad():
        real = ensemble.embed(batch.second)
    one, two, three = ensemble.embed(torch.cat([made, other, again])).chunk(3)
    pairs = ((one, real), (one, two), (one, three))
    verified = sum((F.softplus(ensemble.verify(*pair)).mean() for pair in pairs), torch.zeros(())) / 3
    guessing = float(np.log(len(made)))
    found = sum(((guessing - _search(*pair)).clamp(min=0) for pair in pairs), torch.zeros(())) / 3
    correlated = sum(
        (registered_correlation(made, x).clamp(min=0).mean() for x in (batch.first, again)), torch.zeros(())
    )
    lost = F.binary_cross_entropy_with_logits(ensemble.read(made), batch.findings)
    return (
        config.verification * verified
        + config.retrieval * found
        + config.correlation * correlated / 2
        + config.findings * lost
    )


def fit_deformer(
    train: Sequence[CxrReal], config: DeformerConfig, bound: float, folder: Path, *, seed: int, progress: Progress
) -> None:
    """Trains on T and writes the deformer into ``folder``; resumes there, and ends with the weights of one run.

    Args:
        bound: the farthest that a pixel moves, as a share of the image's side.

    Raises:
        UserError: fewer than two patients; the folder holds another training.
    """
    if len({record.patient for record in train}) < 2:
        raise UserError("a deformer learns from at least 2 training patients: raise split.train, in a new --work")
    private_folder(folder)
    _claim(folder, train, config, bound, seed)
    if (folder / DEFORMER).exists():
        return
    batches = _Batches.of(train, config, seed)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.default_rng([seed, _WEIGHTS]).integers(2**31)))
        deformer, ensemble = Deformer(config.nodes, bound), Ensemble(batches.findings.shape[1])
        _train(deformer, ensemble, batches, config, folder / CHECKPOINT, progress)
    write_atomically(folder / DEFORMER, save(deformer.state_dict()))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def open_deformer(config: DeformerConfig, bound: float, folder: Path) -> Deformer:
    """The deformer that :func:`fit_deformer` wrote.

    Raises:
        UserError: its file is missing or damaged.
    """
    deformer = Deformer(config.nodes, bound)
    try:
        deformer.load_state_dict(load_file(folder / DEFORMER))
    except (OSError, SafetensorError, RuntimeError):
        raise UserError(f"{folder / DEFORMER} is missing or damaged: delete {folder} and run the same again") from None
    return deformer.eval()


def _train(
    deformer: Deformer,
    ensemble: Ensemble,
    batches: _Batches,
    config: DeformerConfig,
    checkpoint: Path,
    progress: Progress,
) -> None:
    nets = {"deformer": deformer, "ensemble": ensemble}
    optimisers = {name: torch.optim.AdamW(net.parameters(), lr=config.learning_rate) for name, net in nets.items()}
    done = _restored(checkpoint, nets, optimisers)
    task = progress.task("train deformer", config.steps, "step", done)
    for step in range(done, config.steps):
        batch = batches(step)
        for optimiser in optimisers.values():
            optimiser.param_groups[0]["lr"] = config.learning_rate * _rate(step, config.steps)
        with torch.no_grad():
            before = batch.changed(deformer)
        told = attackers_loss(ensemble, batch, before)
        _update(optimisers["ensemble"], told)
        lost = torch.zeros(())
        if step >= config.warmup:
            lost = deformers_loss(ensemble, batch, batch.changed(deformer), config)
            _update(optimisers["deformer"], lost)
        task.advance(1, f"attackers' loss {told.item():.2f}, deformer's {lost.item():.2f}")
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            _save(checkpoint, nets, optimisers, step + 1)


def _rate(step: int, steps: int) -> float:
    """Half a cosine, down to a twentieth."""
    return float(0.05 + 0.95 * (0.5 + 0.5 * np.cos(np.pi * step / steps)))


def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 1.0)
    optimiser.step()


@dataclass(frozen=True)
class _Batches:
    """What step s sees: a function of the seed and s alone.

    Attributes:
        images: [N, 1, 64, 64] in 0 to 1; findings: [N, F].
        own: rows of each patient; those who came twice first.
        twice: how many came twice: half of a batch is of them, where there are any.
    """

    images: Tensor
    findings: Tensor
    own: tuple[tuple[int, ...], ...]
    twice: int
    config: DeformerConfig
    seed: int

    @classmethod
    def of(cls, train: Sequence[CxrReal], config: DeformerConfig, seed: int) -> _Batches:
        images = pixels_of(train, np.arange(len(train)), SIDE) / 2 + 0.5
        names = sorted({name for record in train for name in record.condition.findings}) or [NO_FINDING]
        findings = [[name in record.condition.labels for name in names] for record in train]
        rows: dict[str, list[int]] = {}
        for row, record in enumerate(train):
            rows.setdefault(record.patient, []).append(row)
        own = sorted((tuple(found) for found in rows.values()), key=lambda found: len(found) == 1)
        twice = sum(len(found) > 1 for found in own)
        return cls(images, torch.tensor(findings).float(), tuple(own), twice, config, seed)

    def __call__(self, step: int) -> _Batch:
        rng = np.random.default_rng([self.seed, _STEP, step])
        half = min(self.config.batch // 2, self.twice)
        again = rng.permutation(self.twice)[:half]
        others = np.setdiff1d(np.arange(len(self.own)), again)
        chosen = [*again, *rng.permutation(others)[: self.config.batch - half]]
        pairs = [self._two(self.own[i], rng) for i in chosen]
        nodes = (3, len(pairs), SECRETS, self.config.nodes, self.config.nodes)
        one, two, three = torch.from_numpy(rng.standard_normal(nodes, np.float32))
        first, second = (self._seen([pair[side] for pair in pairs], rng) for side in (0, 1))
        return _Batch(first, second, (one, two, three), self.findings[[a for a, _ in pairs]])

    def _two(self, own: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int]:
        chosen = rng.permutation(len(own))
        return own[chosen[0]], own[chosen[-1]]

    def _seen(self, rows: Sequence[int], rng: np.random.Generator) -> Tensor:
        """As another positioning and exposure show them: most patients came once."""
        draws = torch.from_numpy(rng.uniform(-1, 1, (len(rows), DRAWS)))
        return augment(self.images[list(rows)] * 2 - 1, _AUGMENTATION, draws) / 2 + 0.5


def _save(path: Path, nets: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.AdamW], step: int) -> None:
    tensors = {f"{name}/{key}": value for name, net in nets.items() for key, value in net.state_dict().items()}
    for name, optimiser in optimisers.items():
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/optimiser.{number}.{key}": value for key, value in state.items()}
    write_atomically(path, save({k: v.detach().contiguous() for k, v in tensors.items()}, {"step": str(step)}))


def _restored(path: Path, nets: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.AdamW]) -> int:
    """How many steps are done; the networks and their optimisers stand as they stood then."""
    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        step = int(file.metadata()["step"])
    tensors = load_file(path)
    for name, net in nets.items():
        own = {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
        net.load_state_dict({key: value for key, value in own.items() if not key.startswith("optimiser.")})
        restore_optimiser(optimisers[name], own)
    return step


def _claim(folder: Path, train: Sequence[CxrReal], config: DeformerConfig, bound: float, seed: int) -> None:
    """Marks the folder as this training's, or refuses one that is another's."""
    settings = config.model_dump_json(exclude={"checkpoint_every"})
    digest = hashlib.blake2b(f"{settings}|{bound}|{seed}".encode(), digest_size=16)
    for record in train:
        digest.update(json.dumps([record.patient, record.record, record.condition.as_dict()]).encode())
        digest.update(np.ascontiguousarray(record.payload).tobytes())
    mark = folder / MARK
    if not mark.exists():
        write_mark(mark, digest.hexdigest())
    elif not agrees(mark, digest.hexdigest()):
        raise UserError(f"{folder} holds a deformer of other images or settings: use a new --work")
