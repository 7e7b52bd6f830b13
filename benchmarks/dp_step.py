"""What a step of DP-SGD costs beside the same step without: ratios of one run, on a small U-Net of diffusers.

    python -m benchmarks.dp_step --out docs/results/data/dp_step.json

Both take the same rows through the same trainable parameters and the same optimiser, in turn; medians of CPU time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from synthgen.dp.sgd import PatientSGD, Plan, RowLosses, trainable

SIZE = 32
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
CONVOLUTIONS = ["conv1", "conv2"]


def network(kind: str) -> nn.Module:
    """A U-Net of 64-channel blocks at 32 px; ``kind`` says what of it is trained."""
    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    model: nn.Module = UNet2DModel(
        sample_size=SIZE, in_channels=1, out_channels=1, block_out_channels=(32, 64), layers_per_block=1, **blocks
    )
    if kind == "all weights":
        return model
    model.requires_grad_(False)
    if kind != "normalisation layers":
        targets = ATTENTION if kind == "adapters on attention" else [*ATTENTION, *CONVOLUTIONS]
        model = inject_adapter_in_model(LoraConfig(r=4, target_modules=targets), model)
    for layer in model.modules():
        if isinstance(layer, nn.GroupNorm) and kind in {"normalisation layers", "adapters everywhere, normalisation"}:
            layer.requires_grad_(True)
    return model


KINDS = ("normalisation layers", "adapters on attention", "adapters everywhere, normalisation", "all weights")


def losses_of(images: Tensor) -> RowLosses:
    """The loss of a denoiser, a row each."""

    def losses(model: nn.Module, records: Sequence[int]) -> Tensor:
        clean = images[list(records)]
        noise, level = torch.randn_like(clean), torch.rand(len(records))
        wide = level[:, None, None, None]
        guess = model((1 - wide) * clean + wide * noise, level * 1000).sample
        each: Tensor = (guess - noise).square().mean((1, 2, 3))
        return each

    return losses


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def row(kind: str, patients: int, records: int, steps: int) -> dict[str, object]:
    """Median seconds of both kinds of step, with every patient drawn."""
    model = network(kind)
    images = torch.randn(patients * records, 1, SIZE, SIZE)
    owners = [f"p{n // records}" for n in range(len(images))]
    losses = losses_of(images)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    private = PatientSGD(model, optimizer, owners, losses, Plan(1.0, 1.0, 1.0, steps + 1, rows=len(images)))

    def plain() -> None:
        losses(model, range(len(images))).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    plain()
    private.step()
    both = [(seconds(plain), seconds(private.step)) for _ in range(steps)]
    without, with_it = (statistics.median(times) for times in zip(*both, strict=True))
    ratios = np.array([b / a for a, b in both])
    return {
        "trained": kind,
        "parameters": sum(trainable(model).values()),
        "patients": patients,
        "records": records,
        "without": round(without, 3),
        "with": round(with_it, 3),
        "ratio": round(with_it / without, 2),
        "quartiles": [round(float(q), 2) for q in np.quantile(ratios, [0.25, 0.75])],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row(kind, *shape, given.steps) for kind in KINDS for shape in ((16, 1), (4, 4))]
    for one in rows:
        print(one)
    if given.out:
        given.out.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
