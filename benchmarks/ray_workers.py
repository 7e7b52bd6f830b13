"""Two workers of Ray beside one, and one beside the engine in this process: samples a second of the same run, in turn.

    OMP_NUM_THREADS=1 python benchmarks/ray_workers.py --model MODEL --config tests/helpers/tiny_dialogue.yaml \
        --samples 384 --repeats 3 --work W --out ray_workers.json

    OMP_NUM_THREADS=1 python benchmarks/ray_workers.py --waiting 0.5 --samples 40 --repeats 3 --out ray_waiting.json

Sessions by the grammar, from a model that was fitted before; without a cohort, so that all that is measured is filling
shards. The rate is that of the samples after the first shard of every worker, whose time is Ray's own start and that
of opening the model; the whole time stands beside it. With ``--waiting`` an item is so many seconds of sleep: what the
engine adds to the work itself, however busy the machine is with other work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import synthgen
from synthgen.engines import Workers
from synthgen.progress import Silent, Task

_SHARD = 8  # samples
_FILLING = "generate ⇄ screen"


class _Clock(Silent):
    """Notes when each shard was done."""

    def __init__(self) -> None:
        self.done: list[tuple[float, int]] = []

    def task(self, name: str, total: int | None, unit: str, done: int = 0) -> Task:
        return self if name == _FILLING else super().task(name, total, unit, done)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done.append((time.perf_counter(), steps))


def rate(clock: _Clock, workers: int) -> float:
    """Samples a second, those of each worker's first shard left out."""
    began, later = clock.done[workers - 1][0], clock.done[workers:]
    return sum(steps for _, steps in later) / (later[-1][0] - began)


def waiting(seconds: float) -> Callable[[], Callable[[int], None]]:
    """Work that takes time and no processor."""
    return lambda: lambda item: time.sleep(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", default="dialogue")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--config")
    parser.add_argument("--waiting", type=float)
    parser.add_argument("--samples", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {"local": [], "ray 1": [], "ray 2": []}
    load = []
    for repeat in range(args.repeats):
        for name, engine, workers in (("local", "local", 0), ("ray 1", "ray", 1), ("ray 2", "ray", 2)):
            clock, began = _Clock(), time.perf_counter()
            if args.waiting:
                for _ in Workers(engine, count=workers).open(clock).map(waiting(args.waiting), range(args.samples)):
                    clock.advance()
            else:
                place = args.work / f"{name.replace(' ', '-')}-{repeat}"
                synthgen.generate(
                    args.modality, model=args.model, config=args.config, samples=args.samples, seed=0,
                    settings=(f"slots.rows={_SHARD}", "slots.depth=1"), accept=("NO_COHORT",), out=place / "release",
                    work=place / "work", engine=engine, workers=workers, progress=clock,
                )  # fmt: skip
            figures = {"rate": rate(clock, workers or 1), "whole": clock.done[-1][0] - began}
            found[name].append({key: round(value, 3) for key, value in figures.items()})
            load.append(round(os.getloadavg()[0], 1))
            print(f"{name}: {found[name][-1]}, load {load[-1]}", flush=True)
    rates = {name: [one["rate"] for one in runs] for name, runs in found.items()}
    ratios = {
        f"{a} / {b}": [round(x / y, 2) for x, y in zip(rates[a], rates[b], strict=True)]
        for a, b in (("ray 2", "ray 1"), ("ray 1", "local"))
    }
    medians = {name: round(statistics.median(values), 2) for name, values in ratios.items()}
    told = {"samples": args.samples, "load_average": load, "runs": found, "ratios": ratios, "median": medians}
    args.out.write_text(json.dumps(told, indent=1) + "\n")
    print(medians)


if __name__ == "__main__":
    main()
