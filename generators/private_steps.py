"""What an unfinished fit by DP-SGD goes on from: weights, their moving average, the optimiser and the steps' state.

No randomness is in it, and nothing of a patient but the noisy weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from synthgen.files import write_atomically
from synthgen.generators.model_folder import restore_optimiser
from synthgen.records import JsonValue


def save_steps(
    path: Path,
    state: Mapping[str, JsonValue],
    weights: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    average: Sequence[Tensor],
    averaged: int,
) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        state: of :class:`synthgen.dp.sgd.PatientSGD`.
        average: the moving average of the weights, after ``averaged`` steps.
    """
    tensors = {f"weight.{name}": weight for name, weight in weights.items()}
    tensors |= {f"average.{i}": value for i, value in enumerate(average)}
    for i, own in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{key}": value for key, value in own.items()}
    content = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_atomically(path, save(content, {"state": json.dumps(state), "averaged": str(averaged)}))


def restore_steps(
    path: Path, weights: Mapping[str, Tensor], optimiser: torch.optim.Optimizer, average: Sequence[Tensor]
) -> tuple[dict[str, JsonValue], int]:
    """Loads what :func:`save_steps` wrote into these; the state of the steps, and how many are in the average."""
    with safe_open(path, "pt") as file:
        about, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[f"weight.{name}"])
    for i, value in enumerate(average):
        value.copy_(tensors[f"average.{i}"])
    restore_optimiser(optimiser, tensors)
    state: dict[str, JsonValue] = json.loads(about["state"])
    return state, int(about["averaged"])


def steps_in(checkpoint: Path) -> int:
    """How many private steps a checkpoint holds; 0 where there is none."""
    if not checkpoint.is_file():
        return 0
    with safe_open(checkpoint, "pt") as file:
        return int(json.loads(file.metadata()["state"])["step"])
