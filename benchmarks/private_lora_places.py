"""Where to add the few weights of a chat model that DP-SGD trains: what patients' gradients share, against the noise.

    python benchmarks/private_lora_places.py --base SMOLLM2 --data aci_bench.jsonl --work places --out places.json

At the start of a fit every patient has one mean gradient, of two windows of 256 tokens, at the second matrices of
additions to the ten last layers. Of each place and rank: how long the mean of patients' clipped gradients is (each of
length 1; without bias, from pairs of patients), how long the noise of a step is beside it (σ√d over the patients of a
step), and what a step of length 1 along the noisy mean would take off the loss, to first order. Nothing is fitted.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from synthgen.generators.dialogue.cohort import load_cohort
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.generators.dialogue.fit.examples import ChatLayout, Example, session_examples
from synthgen.generators.dialogue.fit.lora import open_base, padded
from synthgen.generators.dialogue.fit.private_lora import row_losses
from synthgen.payloads.dialogue import DialogueReal
from synthgen.progress import Silent

PATIENTS, LAYERS, TOKENS, RANK = 56, 10, 256, 16
SIGMA, BATCH = 0.9, 32
ATTENTION, FORWARD = ("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj")
PLACES: Mapping[str, Sequence[str]] = {
    "queries and values (peft's)": ("q_proj", "v_proj"),
    "values": ("v_proj",),
    "output of the attention": ("o_proj",),
    "gate and up": ("gate_proj", "up_proj"),
    "down": ("down_proj",),
    "all linear layers": (*ATTENTION, *FORWARD),
}
SHAPES = ((1, 4), (1, 16), (4, 16), (10, 16))  # last layers, rank


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found, seconds = gradients(given.base, given.data), time.process_time()
    depth = 1 + max(map(layer_of, found))
    rows = [row(name, layers, rank, found, depth) for name in PLACES for layers, rank in SHAPES]
    about = {"patients": PATIENTS, "sigma": SIGMA, "batch": BATCH, "seconds": round(seconds)}
    given.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


def gradients(base: Path, data: Path) -> dict[str, Tensor]:
    """Per added matrix the patients' mean gradients, [patients, out, rank]."""
    opened = open_base(str(base))
    layout, rng = ChatLayout(opened.tokenizer), np.random.default_rng(0)
    depth = opened.model.config.num_hidden_layers
    last, kinds = list(range(depth - LAYERS, depth)), [*ATTENTION, *FORWARD]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = get_peft_model(
            opened.model, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=kinds, layers_to_transform=last)
        )
    added = {name: p.requires_grad_("lora_B" in name) for name, p in model.named_parameters() if "lora_" in name}
    trained = {name: p for name, p in added.items() if p.requires_grad}
    records = load_cohort(data, CohortConfig(), Silent()).records
    chosen = [records[i] for i in rng.permutation(len(records))[:PATIENTS]]
    each = [of_patient(model, [*trained.values()], windows(layout, record, rng)) for record in chosen]
    return {name: torch.stack([one[i] for one in each]) for i, name in enumerate(trained)}


def windows(layout: ChatLayout, record: DialogueReal, rng: np.random.Generator) -> list[Example]:
    """One window from each half of a session's."""
    own = session_examples(layout, record, TOKENS).examples
    return [own[int((part + rng.random()) / 2 * len(own))] for part in range(2)]


def of_patient(model: nn.Module, parameters: Sequence[nn.Parameter], own: Sequence[Example]) -> list[Tensor]:
    losses = row_losses(model, *padded(own, 0, torch.device("cpu")))
    return [*torch.autograd.grad(losses.mean(), parameters)]


def layer_of(name: str) -> int:
    found = re.search(r"\.layers\.(\d+)\.", name)
    if found is None:
        raise ValueError(f"{name} is in no layer")
    return int(found[1])


def row(place: str, layers: int, rank: int, found: Mapping[str, Tensor], depth: int) -> dict[str, object]:
    """One place."""
    kinds = tuple(f".{kind}.lora_B" for kind in PLACES[place])
    some = [g for name, g in found.items() if layer_of(name) >= depth - layers and any(k in name for k in kinds)]
    each = torch.cat([g[:, :, :rank].double().flatten(1) for g in some], dim=1)
    n, weights = each.shape
    clipped = each / each.norm(dim=1, keepdim=True)
    shared = float((clipped.sum(0).square().sum() - n) / (n * (n - 1)))
    slope = float((each.sum(0) @ clipped.sum(0) - (each * clipped).sum()) / (n * (n - 1)))
    noise, drawn = SIGMA**2 * weights / BATCH**2, (1 - shared) / BATCH
    return {
        "place": place,
        "layers": layers,
        "rank": rank,
        "weights": weights,
        "shared": max(shared, 0.0) ** 0.5,
        "noise": noise**0.5,
        "gain": slope / (shared + drawn + noise) ** 0.5,
        "gain_without_noise": slope / (shared + drawn) ** 0.5,
    }


if __name__ == "__main__":
    main()
