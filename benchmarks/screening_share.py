"""What screening costs beside generating, for a preset's networks and numbers of protected records.

    OMP_NUM_THREADS=1 python benchmarks/screening_share.py --preset full --records 500 2000 --work W --out share.json

The networks are of the preset's size, after one step of training: what they show does not change their time. Protected
records and candidates are phantoms. One sample is generated at a time and one candidate is judged at a time, in CPU
seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from synthgen.config import load_config
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.model_folder import open_generator
from synthgen.generators.cxr.phantom_pool import PhantomPool, rendered
from synthgen.generators.cxr.sampler import CxrGenerator
from synthgen.generators.cxr.training import fit_generator
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.privacy_filters.cxr.filters import CxrFilters
from synthgen.privacy_filters.cxr.identity import fit_identity, open_identity
from synthgen.progress import Progress, bars
from synthgen.records import Request

_CANDIDATES = 8
_TRAINED_ON = 32
_ONE_STEP = (
    "modality.generator.autoencoder.steps=1",
    "modality.generator.autoencoder.batch=2",
    "modality.generator.denoiser.steps=1",
    "modality.generator.denoiser.batch=2",
    "modality.generator.warmup=0",
)


def seconds_each(work: Callable[[int], object]) -> float:
    """CPU seconds of one call, the mean of several after a first."""
    work(0)
    start = time.process_time()
    for i in range(_CANDIDATES):
        work(i)
    return (time.process_time() - start) / _CANDIDATES


def fitted(preset: str, work: Path, pool: PhantomPool, progress: Progress) -> tuple[CxrConfig, CxrGenerator]:
    config = load_config(CxrConfig, "cxr", preset, _ONE_STEP, seed=0).modality
    some = pool[:_TRAINED_ON]
    fit_generator(some, config.generator, work / "model", seed=0, progress=progress)
    fit_identity(some, config.identity, work / "identity", seed=0, progress=progress)
    return config, open_generator(work / "model", config.generator.sampler, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="full")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--records", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    most = max(args.records) + _CANDIDATES
    with bars(Console(stderr=True)) as progress:
        phantoms = DemoCohortConfig(size=args.size)
        pool = rendered(args.work / "phantoms", most, args.size, phantoms, 0, progress)
        _, generator = fitted(args.preset, args.work, pool, progress)
    found = {"preset": args.preset, "generating": seconds_each(lambda i: generator([Request(i, pool[i].condition)]))}
    print(f"generating: {found['generating']:.2f} s a sample", flush=True)
    identity = open_identity(args.work / "identity")
    for count in args.records:
        protected = pool[:count]
        filters = CxrFilters.over(identity, [r.payload for r in protected], [r.patient for r in protected])
        found[str(count)] = seconds_each(lambda i, f=filters, c=count: f.scores([pool[c + i % _CANDIDATES].payload]))
        print(f"screening against {count:,}: {found[str(count)]:.2f} s a candidate", flush=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
