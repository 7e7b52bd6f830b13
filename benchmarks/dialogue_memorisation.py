"""Language models that were tuned until they memorise, and honest ones, before the same gate.

    python benchmarks/dialogue_memorisation.py --work runs/dialogues --out docs/figures/dialogue_memorisation.json

One small language (see small_language), one base model of half a million parameters that was trained on patients who
are nobody's, one gate: the product's filters over T, calibrated on C. A memorising model is tuned by the product's own
fit on ten patients of T for sixty epochs, an honest one on all of T for two. Each is asked for 64 first visits; the
test of the generator is that of every run. Beside it, membership inference on each model: its own patients against E.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from first_attempts import FIRST_ATTEMPTS, against, asks
from small_language import converse, patients, pretrain

from synthgen.eval.dialogue.membership import model_membership
from synthgen.generators.dialogue.fit.config import FitConfig, LoraSection
from synthgen.generators.dialogue.fit.scoring import open_model
from synthgen.generators.dialogue.fit.training import fit_adapters
from synthgen.payloads.dialogue import Dialogue, DialogueReal
from synthgen.privacy_filters.dialogue.filters import DialogueFilters
from synthgen.privacy_filters.gate import calibrate_gate
from synthgen.progress import Silent
from synthgen.records import JsonValue

COPIED = 10

HONEST = FitConfig(
    epochs=2, batch=8, micro_batch=8, max_tokens=1024, learning_rate=1e-3, warmup=5, lora=LoraSection(rank=8, alpha=16)
)
MEMORISING = FitConfig(
    epochs=60,
    batch=8,
    micro_batch=8,
    max_tokens=1024,
    learning_rate=3e-3,
    warmup=5,
    lora=LoraSection(rank=64, alpha=64, dropout=0),
)


def main() -> None:
    arguments = asks(__doc__, seeds=5).parse_args()
    torch.set_num_threads(1)
    base = pretrain(arguments.work / "base", patients("nobody", 600, 0), steps=450, seed=0, progress=Silent())
    train, calibration, audit = (patients(name, n, 0) for name, n in (("t", 150), ("c", 300), ("e", 50)))
    filters = DialogueFilters.over([r.payload for r in train], [r.patient for r in train])
    gate = calibrate_gate(filters, train, calibration, alpha=0.01, seed=0)
    rows: list[dict[str, JsonValue]] = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        few = [train[i] for i in np.random.default_rng(seed).permutation(len(train))[:COPIED]]
        for kind, records, config in (("memorising", few, MEMORISING), ("honest", train, HONEST)):
            started = time.process_time()
            folder = arguments.work / f"{kind}-{seed}"
            fit_adapters(records, str(base), config, folder, seed=seed, progress=Silent())
            fitted = time.process_time() - started
            conditions = [records[i % len(records)].condition for i in range(FIRST_ATTEMPTS)]
            samples = converse(base, folder / "adapter", conditions, seed)
            row: dict[str, JsonValue] = {"kind": kind, "seed": seed, **against(gate, samples)}
            row |= {"verbatim": verbatim(samples, records), "fit_cpu_seconds": round(fitted)}
            row |= attacked(base, folder, records, audit, seed)
            rows.append(row)
            print(row, flush=True)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def verbatim(samples: Sequence[Dialogue], records: Sequence[DialogueReal]) -> float:
    """Median over samples of the largest share of a sample's utterances that one training visit holds too."""
    known = [set(record.payload.text.split("\n")) for record in records]
    shares = [max(np.mean([turn.text in said for turn in sample.turns]) for said in known) for sample in samples]
    return round(float(np.median(shares)), 3)


def attacked(
    base: Path, folder: Path, records: Sequence[DialogueReal], audit: Sequence[DialogueReal], seed: int
) -> dict[str, JsonValue]:
    model = open_model(str(base), folder, max_tokens=1024)
    found = model_membership(records, audit, model.token_log_probabilities, seed=seed)
    return {e.metric: [round(x, 3) for x in (e.value, *e.ci95)] for e in found if e.metric.endswith("_auc")}


if __name__ == "__main__":
    main()
