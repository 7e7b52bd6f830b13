"""A small residual network for findings, trained from nothing on whatever set it is given, and TSTR with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from synthgen.estimates import Indices, NotMeasurableError
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import Floats, Images, random_views, standardised
from synthgen.eval.utility import utility
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress
from synthgen.records import Estimate

Labels = NDArray[np.bool_]


def label_matrix(conditions: Sequence[CxrCondition], names: Sequence[str]) -> Labels:
    """[n, L]: which of ``names`` each condition has. ``"No Finding"`` is a label like the others."""
    return np.array([[name in c.labels for name in names] for c in conditions], dtype=np.bool_).reshape(-1, len(names))


class _Block(nn.Module):
    """Two 3 × 3 convolutions with a projected shortcut; halves the side."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels, out, 1, bias=False)
        self.norm_first, self.norm_second = nn.GroupNorm(8, out), nn.GroupNorm(8, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm_second(self.second(F.relu(self.norm_first(self.first(x)))))
        return F.relu(y + self.shortcut(F.avg_pool2d(x, 2)))


class FindingsNet(nn.Module):
    """[n, 1, s, s] standardised images to logits [n, labels]; ``features`` gives the penultimate [n, 8·width]."""

    def __init__(self, labels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False)
        self.norm = nn.GroupNorm(8, width)
        self.stages = nn.Sequential(
            _Block(width, 2 * width), _Block(2 * width, 4 * width), _Block(4 * width, 8 * width)
        )
        self.head = nn.Linear(8 * width, labels)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.stages(F.relu(self.norm(self.stem(x)))).mean(dim=(2, 3))  # type: ignore[no-any-return]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Classifier:
    """A trained network. Images are [n, s, s] uint8."""

    net: FindingsNet

    @torch.no_grad()
    def _batches(self, images: Images, features: bool) -> Floats:
        device = next(self.net.parameters()).device
        run = self.net.features if features else self.net
        parts = []
        for start in range(0, len(images), 256):
            x = torch.from_numpy(standardised(images[start : start + 256])).float().unsqueeze(1)
            parts.append(run(x.to(device)).double().cpu().numpy())
        return np.concatenate(parts)

    def logits(self, images: Images) -> Floats:
        """Scores [n, L]."""
        return self._batches(images, features=False)

    def features(self, images: Images) -> Floats:
        """Penultimate features [n, d]."""
        return self._batches(images, features=True)


def _initialise(net: nn.Module, generator: torch.Generator) -> None:
    """Weights from ``generator`` alone, not from the global state."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def train_classifier(
    images: Images,
    labels: Labels,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
    name: str,
    start: Classifier | None = None,
) -> Classifier:
    """Binary cross-entropy per label, AdamW, cosine rate. Batches are drawn with replacement, so any size trains alike.

    Args:
        images: [n, s, s], s a multiple of 16. labels: [n, L].
        start: a classifier of the same labels whose weights are trained on; None starts from nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng(devices=()):  # constructors draw weights of their own, from the global state
        net = FindingsNet(labels.shape[1], config.width)
    _initialise(net, generator)
    if start is not None:
        net.load_state_dict(start.net.state_dict())
    net.to(device).train()
    x = torch.from_numpy(standardised(images)).float().unsqueeze(1)
    y = torch.from_numpy(labels).float()
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=0.02)
    warm = max(1, config.classifier_steps // 10)

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / config.classifier_steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    task = progress.task(f"classifier: {name}", config.classifier_steps, "step")
    for _ in range(config.classifier_steps):
        rows = torch.randint(len(x), (config.batch_size,), generator=generator)
        logits = net(random_views(x[rows], generator).to(device))
        loss = F.binary_cross_entropy_with_logits(logits, y[rows].to(device))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        task.advance()
    return Classifier(net.eval())


@dataclass(frozen=True)
class LabelledImages:
    """Images [n, s, s] with their conditions; ``patients`` is empty for synthetic ones.

    Attributes:
        images: at the size of the classifiers.
        whole: at the size that they have; None where that is the same.
    """

    images: Images
    conditions: tuple[CxrCondition, ...]
    patients: tuple[str, ...] = ()
    whole: Images | None = None

    @property
    def films(self) -> Images:
        """At the size they have, [n, S, S]: what a network of a fixed input and a spectrum look at."""
        return self.images if self.whole is None else self.whole

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Indices) -> LabelledImages:
        return LabelledImages(
            self.images[rows],
            tuple(self.conditions[i] for i in rows),
            tuple(self.patients[i] for i in rows) if self.patients else (),
            None if self.whole is None else self.whole[rows],
        )

    def and_those_of(self, other: LabelledImages) -> LabelledImages:
        """Both together, of one size."""
        return LabelledImages(
            np.concatenate([self.images, other.images]),
            (*self.conditions, *other.conditions),
            (*self.patients, *other.patients),
            np.concatenate([self.films, other.films]),
        )


@dataclass(frozen=True)
class Tstr:
    """The figures, and the networks trained on the way (their features are reused, and what they read).

    Attributes:
        names: the labels, in the order of the networks' scores.
        readers: trained on all real images of T.
        told: what those trained on the release read in the images of E, [K, n, L]; None where nothing is measured.
    """

    estimates: tuple[Estimate, ...]
    on_synthetic: Classifier
    on_real: Classifier
    readers: tuple[Classifier, ...]
    names: tuple[str, ...]
    told: NDArray[np.generic] | None = None

    def read(self, images: Images) -> Floats:
        """Mean score [n, L] of the readers."""
        return np.asarray(np.mean([reader.logits(images) for reader in self.readers], axis=0), dtype=np.float64)


def tstr(
    synthetic: LabelledImages,
    real_train: LabelledImages,
    real_test: LabelledImages,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> Tstr:
    """Trains on synthetic, on as many real images of T, on both, and on one after the other; tests on the audit images.

    Labels are those of T and of E. Real images are drawn at random where there are more than synthetic ones; where
    there are fewer, all are used, and the note gives both sizes. Without a label to measure by there are no estimates.
    """
    names = sorted({label for c in (*real_train.conditions, *real_test.conditions) for label in c.labels})
    x_s, y_s = synthetic.images, label_matrix(synthetic.conditions, names)
    runs = [_four(x_s, y_s, real_train, names, config, seed + k, progress) for k in range(config.classifier_repeats)]
    used = min(len(real_train), len(synthetic))
    told = None
    try:
        scores = [np.stack([run[i].logits(real_test.images) for run in runs]) for i in range(4)]
        estimates = utility(
            label_matrix(real_test.conditions, names),
            names,
            real_test.patients,
            synthetic=scores[0],
            real=scores[1],
            both=scores[2],
            pretrained=scores[3],
            seed=seed,
            note=f"trained on {len(x_s)} synthetic, {used} real images, {config.classifier_steps} steps",
        )
        told = scores[0]
    except NotMeasurableError as error:
        progress.say(f"utility is not measured: {error}")
        estimates = ()
    readers = tuple(run[1] for run in runs)
    if used < len(real_train):
        whole = label_matrix(real_train.conditions, names)
        readers = (train_classifier(real_train.images, whole, config, seed, progress, "all real"),)
    return Tstr(estimates, runs[0][0], runs[0][1], readers, tuple(names), told)


def _four(
    images: Images,
    labels: Labels,
    real: LabelledImages,
    names: Sequence[str],
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Classifier, Classifier, Classifier, Classifier]:
    """One training each on synthetic images, on a fresh draw of as many real ones, on both, and on first S, then T."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(real))[: len(images)])
    x, y = real.images[rows], label_matrix([real.conditions[i] for i in rows], names)
    sets = (
        ("synthetic", images, labels),
        ("real", x, y),
        ("both", np.concatenate([images, x]), np.concatenate([labels, y])),
    )
    first, second, third = (train_classifier(a, b, config, seed, progress, name) for name, a, b in sets)
    return first, second, third, train_classifier(x, y, config, seed, progress, "real after synthetic", first)
