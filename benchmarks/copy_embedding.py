"""A learned copy embedding beside the filters that are not learned: caught per kind at the closest stranger of C.

    python benchmarks/copy_embedding.py --data nih14 --layout nih --phantoms W/phantoms --out e.json
    … --loss ssim           # Scardace et al. 2025 (DeepSSIM): cosines follow the structural similarity
    … --share-of-cohort 0.5 # half of every batch are training images

The default loss is that of Pizzi et al. 2022 (SSCD): every heavily changed copy is told from all others of its batch,
blends and pastes belong to both of their images, and the nearest embeddings are driven apart (KoLeo). The network is
the encoder of the identity networks, trained on phantoms; it sees no patient of C or E. Similarities are taken plain
and with the mean of each candidate's 50 next taken off (section 4.4 of Pizzi et al.). Nothing of it is in the package.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.console import Console
from scipy import ndimage
from torch import Tensor

from benchmarks.image_copies import beyond, one_each
from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.generators.cxr.cohort import CohortConfig, load_cohort
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.phantom_pool import rendered
from synthgen.payloads.cxr import CxrImage, CxrReal
from synthgen.pretrained.precision import computes_in_bfloat16
from synthgen.privacy_filters.cxr.config import IdentityConfig
from synthgen.privacy_filters.cxr.identity import Encoder, resized
from synthgen.privacy_filters.cxr.planted import planted_copies
from synthgen.progress import bars

_TEMPERATURE = 0.06
_KOLEO = 0.2
_BACKGROUND = slice(10, 60)
_ENCODED = 64


@dataclass(frozen=True)
class Draw:
    """Random numbers for a batch of N."""

    n: int
    generator: torch.Generator

    def between(self, low: float, high: float) -> Tensor:
        return torch.empty(self.n).uniform_(low, high, generator=self.generator)

    def maybe(self, chance: float) -> Tensor:
        return (self.between(0, 1) < chance).float()


def pasted(images: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """A third of the images blended with or pasted onto their neighbour in the batch, and the share of their own."""
    other = images.roll(-1, dims=0)
    size = images.shape[-1]
    y, x = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    blend = draw.between(0.35, 0.65).view(-1, 1, 1, 1).expand_as(images)
    half = ((x < 0.5)[None, None] == (draw.maybe(0.5) > 0).view(-1, 1, 1, 1)).float()
    centre = [draw.between(*ends).view(-1, 1, 1, 1) for ends in ((0.2, 0.8), (0.3, 0.7), (0.12, 0.27), (0.2, 0.4))]
    lung = (((x - centre[0]) / centre[2]) ** 2 + ((y - centre[1]) / centre[3]) ** 2 < 1).float()
    kind = draw.between(0, 1)
    masks, shares = torch.ones_like(images), torch.ones(draw.n)
    for low, mask, share in ((0.0, blend, 0.5), (0.16, half, 0.5), (0.26, lung, 0.35)):
        chosen = (kind >= low) & (kind < low + (0.16 if low == 0 else 0.1))
        masks[chosen], shares[chosen] = mask[chosen], share
    return masks * images + (1 - masks) * other, shares


def moved(images: Tensor, draw: Draw, hard: bool) -> Tensor:
    """Turned, zoomed, shifted, mirrored and bent; ``hard`` as a copy may be, else as little as another export."""
    on = draw.maybe(0.7) * hard
    quarter = torch.randint(0, 4, (draw.n,), generator=draw.generator) * (math.pi / 2) * draw.maybe(0.3) * hard
    angle = draw.between(-0.4, 0.4) * on + quarter + draw.between(-0.05, 0.05)
    zoom = torch.exp(draw.between(-0.45, 0.45) * on + draw.between(-0.05, 0.05))
    aspect = torch.exp(draw.between(-0.1, 0.1) * on)
    mirror = 1 - 2 * draw.maybe(0.3) * hard
    right, down = (draw.between(-0.22, 0.22) * on + draw.between(-0.03, 0.03) for _ in "xy")
    rows = [
        torch.stack([zoom * aspect * angle.cos() * mirror, -zoom * aspect * angle.sin(), right], 1),
        torch.stack([zoom / aspect * angle.sin() * mirror, zoom / aspect * angle.cos(), down], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    bend = 0.04 * hard * draw.maybe(0.4).view(-1, 1, 1, 1)
    coarse = torch.randn(draw.n, 2, 6, 6, generator=draw.generator) * bend
    field = F.interpolate(coarse, size=images.shape[-2:], mode="bicubic", align_corners=True)
    margin = "zeros" if draw.maybe(0.5)[0] else "border"
    return F.grid_sample(images, grid + field.permute(0, 2, 3, 1), padding_mode=margin, align_corners=False)


def exposed(images: Tensor, draw: Draw, hard: bool) -> Tensor:
    """Blurred by up to 4% of the side, of another exposure and polarity, noisy."""
    size = images.shape[-1]
    out = images.clone()
    for share in (0.01, 0.02, 0.03, 0.04):
        chosen = draw.maybe(0.12 * hard) > 0
        blurred = ndimage.gaussian_filter(images[chosen].numpy(), (0, 0, share * size, share * size), mode="nearest")
        out[chosen] = torch.from_numpy(blurred)
    column = lambda low, high: draw.between(low, high).view(-1, 1, 1, 1)  # noqa: E731
    out = out.clamp(1e-4, 1) ** torch.exp(column(-0.4, 0.4))
    mean = out.mean((2, 3), keepdim=True)
    out = (out - mean) * torch.exp(column(-0.5 * hard - 0.1, 0.2)) + mean + column(-0.1, 0.1)
    out = torch.where(draw.maybe(0.3 * hard).view(-1, 1, 1, 1) > 0, 1 - out, out)
    return (out + torch.randn(out.shape, generator=draw.generator) * column(0, 0.04)).clamp(0, 1)


def told_apart(changed: Tensor, plain: Tensor, shares: Tensor) -> Tensor:
    """The loss of SSCD for unit vectors [N, D]; row i is made of image i, and by 1 - ``shares`` of the next."""
    log = F.log_softmax(changed @ plain.T / _TEMPERATURE, dim=1)
    mixed = -(shares * log.diagonal() + (1 - shares) * log.roll(-1, dims=1).diagonal()).mean()
    nearest = (plain @ plain.T - 2 * torch.eye(len(plain))).max(dim=1).values
    return mixed - _KOLEO * ((2 - 2 * nearest).clamp_min(1e-6).sqrt() + 1e-4).log().mean()


def as_similar(changed: Tensor, plain: Tensor, images: Tensor) -> Tensor:
    """The loss of DeepSSIM: cosines of all pairs of a batch follow the similarity of the images before any change."""
    return (changed @ plain.T - similarity(images)).square().mean()


def similarity(images: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of all pairs of images [N, 1, S, S], 0 to 1, shape [N, N]."""

    def local(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, stride=2)

    mean, square = local(images), local(images.square())
    rows = []
    for i in range(len(images)):
        both, means = local(images * images[i]), mean * mean[i]
        spread = square - mean.square() + square[i] - mean[i].square()
        top = (2 * means + 1e-4) * (2 * (both - means) + 9e-4)
        rows.append((top / ((mean.square() + mean[i].square() + 1e-4) * (spread + 9e-4))).mean((1, 2, 3)))
    return torch.stack(rows)


def trained(phantoms: NDArray[np.uint8], own: NDArray[np.uint8], args: argparse.Namespace) -> Encoder:
    """The network after ``args.steps`` batches."""
    torch.manual_seed(args.seed)
    network = Encoder(IdentityConfig(size=args.size, width=args.width, depth=1, dimensions=128))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=args.steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(args.seed)
    draw, rng, start = Draw(args.batch, generator), np.random.default_rng(args.seed), time.process_time()
    mine = round(args.share_of_cohort * args.batch)
    for step in range(args.steps):
        rows = [pool[rng.integers(len(pool), size=n)] for pool, n in ((phantoms, args.batch - mine), (own, mine))]
        images = resized(np.concatenate(rows), args.size)
        blended, shares = pasted(images, draw) if args.loss == "sscd" else (images, torch.ones(draw.n))
        changed, plain = (exposed(moved(x, draw, hard), draw, hard) for x, hard in ((blended, True), (images, False)))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=computes_in_bfloat16()):
            first, second = network(torch.cat([changed, plain])).float().chunk(2)
        loss = told_apart(first, second, shares) if args.loss == "sscd" else as_similar(first, second, images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: loss {loss.item():.3f}, {time.process_time() - start:.0f} s of CPU", flush=True)
    return network.eval()


@torch.inference_mode()
def similarities(
    network: Encoder, images: Sequence[CxrImage], known: Tensor, size: int
) -> dict[str, NDArray[np.float64]]:
    """Of each image with the nearest of ``known`` [M, D], plain and with its usual similarity taken off."""
    cosines = encoded(network, images, size) @ known.T
    ordered = cosines.sort(dim=1, descending=True).values
    return {
        "plain": ordered[:, 0].double().numpy(),
        "normalised": (ordered[:, 0] - ordered[:, _BACKGROUND].mean(dim=1)).double().numpy(),
    }


@torch.inference_mode()
def encoded(network: Encoder, images: Sequence[CxrImage], size: int) -> Tensor:
    parts = [np.stack(images[i : i + _ENCODED]) for i in range(0, len(images), _ENCODED)]
    return torch.cat([network(resized(part, size)).float() for part in parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layout", default=CohortConfig().layout)
    parser.add_argument("--phantoms", type=Path, required=True, help="a folder for them, which is filled once")
    parser.add_argument("--pool", type=int, default=16_000)
    parser.add_argument("--loss", choices=("sscd", "ssim"), default="sscd")
    parser.add_argument("--share-of-cohort", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--split-seed", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copies", type=int, default=120)
    parser.add_argument("--cache", type=Path, default=Path("work/cache"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with bars(Console(stderr=True)) as progress:
        config = CohortConfig(layout=args.layout)
        loaded = load_cohort(args.data, config, size=128, cache=args.cache, progress=progress)
        phantoms = rendered(args.phantoms, args.pool, 128, _AS_THE_BASE, 0, progress).images
    cohort = split_by_patient(loaded, SplitConfig(seed=args.split_seed))
    torch.set_num_threads(1)
    network = trained(phantoms, np.stack([r.payload for r in cohort.train]), args)
    args.out.write_text(json.dumps(judged(network, cohort.train, cohort.calibration, cohort.audit, args), indent=1))


def judged(
    network: Encoder,
    train: Sequence[CxrReal],
    calibration: Sequence[CxrReal],
    audit: Sequence[CxrReal],
    args: argparse.Namespace,
) -> dict[str, object]:
    """Caught per kind at the similarity of the closest calibration patient, and audit patients above it."""
    rng = np.random.default_rng(args.seed)
    known = encoded(network, [r.payload for r in train], args.size)
    strangers, outside = ([r.payload for r in one_each(part, rng)] for part in (calibration, audit))
    limits = {name: float(s.max()) for name, s in similarities(network, strangers, known, args.size).items()}
    chosen = one_each(train, rng, args.copies)
    kinds = {p.perturbation: list(p.payloads) for p in planted_copies(chosen, (), args.seed, outside)}
    kinds |= dict(beyond([r.payload for r in chosen], outside, rng))
    table = {}
    for name, copies in {"strangers of E": outside, **kinds}.items():
        found = similarities(network, copies, known, args.size)
        table[name] = {"m": len(copies), **{key: float((found[key] >= limits[key]).mean()) for key in limits}}
        print(f"| {name} | {table[name]['plain']:.0%} | {table[name]['normalised']:.0%} |", flush=True)
    return {"arguments": {key: str(value) for key, value in vars(args).items() if key not in _PATHS}, "kinds": table}


_AS_THE_BASE = DemoCohortConfig(size=128, share_ap=0.45, share_no_finding=0.3)  # preset base
_PATHS = ("data", "phantoms", "cache", "out")

if __name__ == "__main__":
    main()
