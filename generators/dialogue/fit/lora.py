"""LoRA on a chat model: opened without running a stranger's code, trained through accelerate, resumable at any kill.

Whatever is random is a function of (seed, step), so a checkpoint holds weights, the optimiser's state and the step, and
no state of a random generator: a run that was killed and goes on ends, on one CPU thread, with the very bytes of one
that was not.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from synthgen.errors import UserError
from synthgen.files import disk_errors, write_atomically
from synthgen.generators.dialogue.fit.config import FitConfig, LoraSection
from synthgen.generators.dialogue.fit.examples import IGNORED, Example
from synthgen.generators.model_folder import restore_optimiser
from synthgen.pretrained.bars import no_bars
from synthgen.progress import Progress

State = dict[str, Tensor]


@dataclass(frozen=True)
class Base:
    """A base model that was opened.

    Attributes:
        revision: the hub's, empty for a folder.
        context: most tokens that the model takes.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    name: str
    revision: str
    context: int


def open_base(name: str, *, half: bool = False) -> Base:
    """Opens a chat model by hub name or folder, weights in safetensors only, no code of its own.

    Args:
        half: weights in bfloat16; else in float32.

    Raises:
        UserError: there is no such model, its weights are pickled, or it needs code of its own.
    """
    with no_bars():
        try:
            return _opened(name, half)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise UserError(_unopened(name)) from error


def _opened(name: str, half: bool) -> Base:
    tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(
        name, use_safetensors=True, trust_remote_code=False, dtype=torch.bfloat16 if half else torch.float32
    )
    if tokenizer.pad_token_id is None:  # never seen by the loss: padding is masked
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return Base(model, tokenizer, name, getattr(model.config, "_commit_hash", None) or "", context or 2**31)


def half_precision(config: FitConfig) -> bool:
    """True where the training is to run in bfloat16: asked for, and on a GPU that has it. Adapters stay in float32."""
    return config.mixed_precision and torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _unopened(name: str) -> str:
    folder = Path(name)
    if folder.is_dir() and not any(folder.glob("*.safetensors")) and any(folder.glob("*.bin")):
        return f"the base model {name} has pickled weights, which can run code: convert them to safetensors"
    if folder.is_dir():
        return f"the folder {name} holds no chat model that transformers can open with safetensors weights"
    return f"no base model {name} on this machine or the hub opens without code of its own: check the name"


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a model folder's JSON, template and safetensors files."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".json", ".jinja", ".safetensors", ".model", ".txt"}:
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while chunk := file.read(1 << 22):
                    digest.update(chunk)
    return digest.hexdigest()


def with_adapters(model: PreTrainedModel, config: LoraSection, seed: int) -> PeftModel:
    """The model with fresh adapters at every linear layer but the output's; only they are trained."""
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft divides it, whole or not
        lora_dropout=config.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, lora)
    if not isinstance(adapted, PeftModel):
        raise TypeError("peft gave no PeftModel")
    return adapted


def adapter_state(model: nn.Module) -> State:
    """A copy of the adapters' weights on the CPU, by name."""
    state = get_peft_model_state_dict(model)
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(state.items())}


def movements(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, float]:
    """The Frobenius norm of the change of every adapter matrix.

    Raises:
        UserError: a matrix did not move, or is no longer finite: then nothing, or nothing of use, was learnt.
    """
    moved = {name: float(torch.linalg.vector_norm(after[name].double() - before[name].double())) for name in before}
    still = [name for name, change in moved.items() if change == 0.0]
    if not moved or still:
        raise UserError(
            f"the training moved {len(moved) - len(still)} of {len(moved)} adapter matrices: raise epochs or "
            "learning_rate, or choose a base model whose linear layers peft can adapt"
        )
    if not all(math.isfinite(change) for change in moved.values()):
        raise UserError("the training diverged: lower learning_rate and fit into a new folder")
    return moved


@dataclass(frozen=True)
class Trained:
    """What a training came to: the adapters' movements, and the mean loss of the last tenth of its steps."""

    moved: Mapping[str, float]
    steps: int
    loss: float


def steps_of(config: FitConfig, sequences: int) -> int:
    """Steps of a whole training, at least 2: the first moves one half of the adapters only (the other starts at 0)."""
    return max(2, math.ceil(config.epochs * sequences / config.batch))


def train_adapters(
    base: Base,
    batch_of: Callable[[int], Sequence[Example]],
    steps: int,
    config: FitConfig,
    *,
    checkpoint: Path,
    folder: Path,
    seed: int,
    progress: Progress,
) -> Trained:
    """Trains adapters of ``base`` and writes them to ``folder`` as peft reads them. Goes on from ``checkpoint``.

    The loss of a step is the mean over all its trained tokens, however they are spread over micro-batches and
    processes. Runs on a CPU, a GPU, or as many processes as ``accelerate launch`` starts.

    Raises:
        UserError: the adapters did not move, or the loss is no longer finite.
    """
    precision = "bf16" if half_precision(config) else "no"
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=precision)
    if config.batch % accelerator.num_processes:
        raise UserError(f"fit.batch ({config.batch}) must be a multiple of the {accelerator.num_processes} processes")
    model = with_adapters(base.model, config.lora, seed)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    before = adapter_state(model)
    model.to(accelerator.device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
    )
    done, losses = _restore(checkpoint, model, optimiser) if checkpoint.exists() else (0, [])
    wrapped, prepared = accelerator.prepare(model, optimiser)
    wrapped.train()
    padding = int(base.tokenizer.pad_token_id or 0)

    task = progress.task("fine-tune", steps, "step", done)
    started, tokens = time.monotonic(), 0
    for step in range(done, steps):
        for group in prepared.param_groups:
            group["lr"] = config.learning_rate * _rate(step, steps, config.warmup)
        batch = batch_of(step)
        mine = list(batch)[accelerator.process_index :: accelerator.num_processes]
        total = sum(example.trained for example in batch)
        parts = [mine[i : i + config.micro_batch] for i in range(0, len(mine), config.micro_batch)]
        summed = torch.zeros((), device=accelerator.device)
        with _dropout_stream(accelerator.device, seed, step, accelerator.process_index):
            for i, part in enumerate(parts):
                last = i + 1 == len(parts)
                with nullcontext() if last else accelerator.no_sync(wrapped):
                    loss = _loss_sum(wrapped, *padded(part, padding, accelerator.device)) / max(1, total)
                    # Processes' gradients are averaged, and their losses are parts of a sum.
                    accelerator.backward(loss * accelerator.num_processes)
                summed += loss.detach()
        accelerator.clip_grad_norm_(parameters, config.clip)
        prepared.step()
        prepared.zero_grad()

        losses.append(float(accelerator.reduce(summed, reduction="sum")))
        if not math.isfinite(losses[-1]):
            raise UserError(f"the training diverged at step {step + 1}: lower learning_rate and fit into a new folder")
        tokens += sum(len(example.tokens) for example in batch)
        if accelerator.is_main_process and ((step + 1) % config.checkpoint_every == 0 or step + 1 == steps):
            _save(checkpoint, model, optimiser, step + 1, losses)
        pace = tokens / max(1e-9, time.monotonic() - started)
        recent = losses[-20:]
        task.advance(1, f"loss {sum(recent) / len(recent):.4f}, {pace:.0f} tokens/s")
    accelerator.wait_for_everyone()
    after = adapter_state(model)
    moved = movements(before, after)
    if accelerator.is_main_process:
        save_adapter(model, base.name, folder)
    accelerator.wait_for_everyone()
    accelerator.free_memory()
    tail = losses[-max(1, len(losses) // 10) :]
    return Trained(moved, steps, sum(tail) / len(tail))


def padded(examples: Sequence[Example], padding: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, mask and labels of a batch, each [B, longest], padded on the right."""
    longest = max(len(example.tokens) for example in examples)
    tokens = torch.full((len(examples), longest), padding)
    labels = torch.full((len(examples), longest), IGNORED)
    mask = torch.zeros((len(examples), longest), dtype=torch.int64)
    for row, example in enumerate(examples):
        size = len(example.tokens)
        tokens[row, :size] = torch.tensor(example.tokens)
        labels[row, :size] = torch.tensor(example.labels)
        mask[row, :size] = 1
    return tokens.to(device), mask.to(device), labels.to(device)


def _loss_sum(model: nn.Module, tokens: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """Sum of −log p over the trained tokens of a batch."""
    logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, :-1]
    trained = labels[:, 1:] != IGNORED  # the vocabulary is large: only the rows that count are made float32
    return nn.functional.cross_entropy(logits[trained].float(), labels[:, 1:][trained], reduction="sum")


def _rate(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate: linear warmup, then half a cosine down to a twentieth."""
    return min(1.0, (step + 1) / (warmup + 1)) * (0.525 + 0.475 * math.cos(math.pi * step / max(1, steps)))


@contextmanager
def _dropout_stream(device: torch.device, seed: int, step: int, process: int) -> Iterator[None]:
    """Dropout takes no generator of its own: the global one is seeded by the step, and put back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        digest = hashlib.blake2b(f"{seed}|{step}|{process}".encode(), digest_size=7).digest()
        torch.manual_seed(int.from_bytes(digest, "big"))
        yield


def _save(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, step: int, losses: list[float]) -> None:
    tensors = {f"adapter.{name}": tensor for name, tensor in adapter_state(model).items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{key}": value.detach().cpu().contiguous() for key, value in state.items()}
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    write_atomically(path, save(tensors, {"step": str(step)}))


def _restore(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, list[float]]:
    with safe_open(path, "pt") as file:
        step = int(file.metadata()["step"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dictionary
    set_peft_model_state_dict(
        model, {k.removeprefix("adapter."): v for k, v in tensors.items() if k.startswith("adapter.")}
    )
    restore_optimiser(optimiser, tensors)
    return step, [float(loss) for loss in tensors["losses"]]


def save_adapter(model: PeftModel, base: str, folder: Path) -> None:
    """Writes ``adapter_model.safetensors`` and ``adapter_config.json`` to ``folder``, whole or not at all; the same
    bytes for the same weights.
    """
    temporary = folder.with_name(folder.name + ".tmp")
    with disk_errors(folder.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True, mode=0o700)
        settings = model.peft_config["default"].to_dict()
    settings |= {"inference_mode": True, "base_model_name_or_path": base}
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
    write_atomically(temporary / "adapter_config.json", (json.dumps(plain, indent=1, sort_keys=True) + "\n").encode())
    write_atomically(temporary / "adapter_model.safetensors", save(adapter_state(model), {"format": "pt"}))
    with disk_errors(folder.parent):
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)


def open_adapted(base: str, adapter: Path) -> tuple[PeftModel, Base]:
    """The base model with trained adapters, in evaluation mode on the CPU; ``disable_adapter`` gives the base.

    Raises:
        UserError: see :func:`open_base`; or the adapters belong to another model.
    """
    opened = open_base(base)
    try:
        model = PeftModel.from_pretrained(opened.model, str(adapter), use_safetensors=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"the adapters in {adapter} do not fit the base model {base}: fit the model again") from error
    return model.eval(), opened
