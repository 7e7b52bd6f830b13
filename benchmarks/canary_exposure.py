"""Exposure of canaries against how often they were said in the transcripts that a model was tuned on.

    python benchmarks/canary_exposure.py --work runs/canary-exposure --out docs/figures/canary_exposure.json

One small language and base model (see small_language); per seed one cohort of sixty patients, 24 canaries of nine
random digits, four each said 0, 1, 2, 4, 8 and 16 times, one fit by the product's own code for six epochs. A canary
that was said 0 times is drawn like the others and never planted: it is what chance looks like. The base model, which
has seen no canary, is asked for all of them too.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from first_attempts import asks
from small_language import patients, pretrain

from synthgen.estimates import Floats, mean
from synthgen.eval.dialogue.exposure import chance_exposure, exposures, extrapolated_exposures, rank_correlation
from synthgen.generators.dialogue.fit.canaries import read_canaries
from synthgen.generators.dialogue.fit.config import CanaryConfig, FitConfig, LoraSection
from synthgen.generators.dialogue.fit.scoring import open_model
from synthgen.generators.dialogue.fit.training import fit_adapters
from synthgen.progress import Silent
from synthgen.records import JsonValue

REPETITIONS, EACH, REFERENCES = (0, 1, 2, 4, 8, 16), 4, 1023
FIT = FitConfig(
    epochs=6,
    batch=8,
    micro_batch=8,
    max_tokens=1024,
    learning_rate=3e-3,
    warmup=5,
    lora=LoraSection(rank=32, alpha=32, dropout=0),
    canaries=CanaryConfig(count=len(REPETITIONS) * EACH, repetitions=REPETITIONS, references=REFERENCES),
)


def main() -> None:
    arguments = asks(__doc__, seeds=5).parse_args()
    torch.set_num_threads(1)
    base = pretrain(arguments.work / "base", patients("nobody", 600, 0), steps=450, seed=0, progress=Silent())
    runs = [
        one_fit(base, arguments.work / f"canaries-{seed}", seed)
        for seed in range(arguments.first, arguments.first + arguments.seeds)
    ]
    table = summary(runs)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    for row in table:
        print(row)


def one_fit(base: Path, folder: Path, seed: int) -> dict[str, Floats]:
    """Exposures of the 24 canaries of one training, bits [24], with their repetitions and the base model's."""
    started = time.process_time()
    fit_adapters(patients("t", 60, seed), str(base), FIT, folder, seed=seed, progress=Silent())
    fitted = time.process_time() - started
    canaries = read_canaries(folder)
    if canaries is None:
        raise RuntimeError("the fit planted no canaries")
    model = open_model(str(base), folder, max_tokens=1024)
    secrets = [c.secret for c in canaries.planted]
    condition = patients("t", 1, seed)[0].condition
    found: dict[str, Floats] = {"repetitions": np.array([float(c.repetitions) for c in canaries.planted])}
    for name, adapted in (("tuned", True), ("base", False)):
        asked = model.secret_log_probabilities(canaries, [*secrets, *canaries.references], condition, adapted=adapted)
        planted, references = asked[: len(secrets)], asked[len(secrets) :]
        found[name] = exposures(planted, references)
        found[f"{name}_extrapolated"] = extrapolated_exposures(planted, references, most=9 * np.log2(10))
    print(f"seed {seed}: fit {fitted:.0f} CPU-seconds, all {time.process_time() - started:.0f}", flush=True)
    return found


def summary(runs: list[dict[str, Floats]]) -> list[dict[str, JsonValue]]:
    """Means over the canaries of all trainings, which are what is resampled: canaries of one share its references."""
    columns = {key: np.concatenate([run[key] for run in runs]) for key in runs[0]}
    owners = np.repeat([str(seed) for seed in range(len(runs))], len(runs[0]["tuned"]))
    rows: list[dict[str, JsonValue]] = []
    for times in REPETITIONS:
        some = columns["repetitions"] == times
        row: dict[str, JsonValue] = {"repetitions": times, "canaries": int(some.sum()), "trainings": len(runs)}
        for name in ("tuned", "tuned_extrapolated", "base"):
            estimate = mean(name, columns[name][some], owners[some].tolist())
            row[name] = [round(x, 2) for x in (estimate.value, *estimate.ci95)]
        rows.append(row)
    trend = rank_correlation(columns["tuned"], columns["repetitions"].tolist())
    rows.append({"kendall_tau": [round(x, 3) for x in (trend.value, *trend.ci95)], "canaries": trend.n})
    rows.append({"chance_bits": round(chance_exposure(REFERENCES), 3), "most_bits": float(np.log2(REFERENCES + 1))})
    return rows


if __name__ == "__main__":
    main()
