"""One training loop for both networks: through accelerate, seeded by step, resumable at any kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from synthgen.files import write_atomically
from synthgen.generators.model_folder import restore_optimiser
from synthgen.progress import Progress

_BETAS = (0.9, 0.99)  # a short memory of squared gradients (Karras et al. 2024, table 5): trainings here are short


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        batch: examples per step over all processes; ``ema_decay`` 0 means that no average is kept.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int
    clip: float
    weight_decay: float
    ema_decay: float
    checkpoint_every: int

    def rate(self, step: int) -> float:
        """Learning rate at ``step``: linear warmup, then half a cosine down to a twentieth of the peak."""
        warm = min(1.0, (step + 1) / (self.warmup + 1))
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / max(1, self.steps)))
        return self.learning_rate * warm * (0.05 + 0.95 * cosine)


def batch_indices(n: int, batch: int, step: int, *, seed: int) -> NDArray[np.int64]:
    """Which of ``n`` examples step ``step`` sees, [batch]: a function of (seed, step) alone, each once per epoch."""
    positions = np.arange(step * batch, (step + 1) * batch)
    orders = {epoch: np.random.default_rng([seed, int(epoch)]).permutation(n) for epoch in np.unique(positions // n)}
    return np.array([orders[p // n][p % n] for p in positions], np.int64)


def optimise(
    accelerator: Accelerator,
    loss: nn.Module,
    batch_of: Callable[[int], tuple[Tensor, ...]],
    schedule: Schedule,
    *,
    name: str,
    checkpoint: Path,
    progress: Progress,
    after_step: Callable[[int, EMAModel], None] = lambda step, ema: None,
) -> None:
    """Trains the parameters of ``loss`` in place; at the end they are the moving average of the weights.

    Goes on from ``checkpoint`` where there is one. On a CPU, a run that was killed and goes on ends with the very
    weights of one that was not: whatever is random is a function of the step.

    Args:
        loss: ``loss(*batch_of(step))`` is the scalar loss of this process's share of the batch.
        after_step: called on the main process with the number of steps done and the moving average.
    """
    loss.to(accelerator.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster
    parameters = [p for p in loss.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, betas=_BETAS, weight_decay=schedule.weight_decay
    )
    ema = EMAModel(parameters, decay=schedule.ema_decay, use_ema_warmup=True, power=0.75, foreach=True)
    done = _restore(checkpoint, loss, optimiser, ema) if checkpoint.exists() else 0
    wrapped, prepared = accelerator.prepare(loss, optimiser)
    wrapped.train()

    task = progress.task(name, schedule.steps, "step", done)
    mean_loss, started, since = None, time.monotonic(), done
    for step in range(done, schedule.steps):
        for group in prepared.param_groups:
            group["lr"] = schedule.rate(step)
        with _dropout_stream(accelerator.device, step):
            value = wrapped(*batch_of(step))
            accelerator.backward(value)
        accelerator.clip_grad_norm_(parameters, schedule.clip)
        prepared.step()
        prepared.zero_grad()
        ema.step(parameters)

        now = float(value.detach())
        mean_loss = now if mean_loss is None else 0.98 * mean_loss + 0.02 * now
        rate = (step + 1 - since) * schedule.batch / max(1e-9, time.monotonic() - started)
        task.advance(1, f"loss {mean_loss:.4f}, {rate:.0f} images/s")
        if accelerator.is_main_process:
            if (step + 1) % schedule.checkpoint_every == 0 or step + 1 == schedule.steps:
                _save(checkpoint, loss, optimiser, ema, step + 1)
            after_step(step + 1, ema)
    accelerator.wait_for_everyone()
    ema.copy_to(parameters)
    accelerator.free_memory()
    loss.eval()


@contextmanager
def _dropout_stream(device: torch.device, step: int) -> Iterator[None]:
    """Dropout is the one draw that takes no generator: seeds the global one by the step, and puts it back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(step)
        yield


def _save(path: Path, loss: nn.Module, optimiser: torch.optim.AdamW, ema: EMAModel, step: int) -> None:
    tensors = {f"model.{key}": value for key, value in loss.state_dict().items()}
    tensors |= {f"ema.{i}": value for i, value in enumerate(ema.shadow_params)}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{key}": value for key, value in state.items()}
    contiguous = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_atomically(path, save(contiguous, {"step": str(step), "ema_step": str(ema.optimization_step)}))


def _restore(path: Path, loss: nn.Module, optimiser: torch.optim.AdamW, ema: EMAModel) -> int:
    with safe_open(path, "pt") as file:
        meta = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dictionary
    loss.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    for i, shadow in enumerate(ema.shadow_params):
        shadow.copy_(tensors[f"ema.{i}"])
    ema.optimization_step = int(meta["ema_step"])
    restore_optimiser(optimiser, tensors)
    return int(meta["step"])
