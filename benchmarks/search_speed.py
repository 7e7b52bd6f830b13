"""What share of the machine's own sgemm the exact search reaches: product alone and search in turn, in CPU seconds.

    OMP_NUM_THREADS=1 python benchmarks/search_speed.py --records 100000 --dimensions 512 --out search_speed.json

Vectors are random and of unit length: what they are does not change the time. Records are dealt to patients one each,
and, in a second table, as in a hospital: most have one or two, some have dozens.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.privacy_filters.nearest import PatientIndex

_QUERIES = 512


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process; what others do on the machine is not counted, though it still slows memory down."""
    start = time.process_time()
    work()
    return time.process_time() - start


def unit(rng: np.random.Generator, count: int, dimensions: int) -> NDArray[np.float32]:
    drawn = rng.standard_normal((count, dimensions), dtype=np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def owners(rng: np.random.Generator, records: int, many: bool) -> list[str]:
    if not many:
        return [f"p{i:07d}" for i in range(records)]
    counts = np.minimum(rng.geometric(0.4, records), 60)
    return [f"p{i:07d}" for i in np.repeat(np.arange(records), counts)[:records]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng, args.records, args.dimensions), unit(rng, _QUERIES, args.dimensions)
    found: dict[str, object] = {"load_average": os.getloadavg()[0], "queries": _QUERIES, "records": args.records}
    step = max(1, 2**24 // args.records)

    def product() -> None:
        for low in range(0, _QUERIES, step):
            queries[low : low + step] @ vectors.T

    for name, many in (("one record each", False), ("one to sixty each", True)):
        index = PatientIndex.build(vectors, owners(rng, args.records, many))
        for k in (1, 3):
            pairs = [
                (seconds(product), seconds(lambda k=k, index=index: index.nearest(queries, k)))
                for _ in range(args.repeats + 1)
            ][1:]
            shares = sorted(alone / search for alone, search in pairs)
            flops = 2 * _QUERIES * args.records * args.dimensions
            found[f"{name}, k={k}"] = {
                "patients": len(index.patients),
                "share": [round(share, 3) for share in shares],
                "median": round(statistics.median(shares), 3),
                "sgemm_gflops": round(flops / min(alone for alone, _ in pairs) / 1e9, 1),
            }
            print(f"{name}, k={k}: {found[f'{name}, k={k}']}", flush=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
