"""Time and peak memory of ``generate`` as the release grows, and the exponent of each between sizes.

    OMP_NUM_THREADS=1 python benchmarks/growth.py --samples 100 1000 10000 --work W --out growth.json -- \
        --modality vitals --seed 1

Every size is a process of its own; memory is its largest resident set, time its CPU seconds, user and system. What
stands after ``--`` goes to ``synthgen generate``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path


def run(samples: int, place: Path, arguments: list[str]) -> dict[str, float]:
    """CPU seconds, peak memory in MB, exit status."""
    out, work = place / f"release-{samples}", place / f"work-{samples}"
    command = [sys.executable, "-m", "synthgen", "generate", "-n", str(samples), "--out", str(out), "--work", str(work)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    return {"seconds": round(seconds, 1), "megabytes": usage.ru_maxrss // 1024, "status": process.returncode}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("arguments", nargs="*")
    args = parser.parse_args()
    found: dict[int, dict[str, float]] = {}
    for samples in args.samples:
        found[samples] = run(samples, args.work, args.arguments)
        print(f"{samples:,}: {found[samples]}", flush=True)
    exponents = {
        f"{a} to {b}": {
            what: round(math.log(found[b][what] / found[a][what]) / math.log(b / a), 2)
            for what in ("seconds", "megabytes")
        }
        for a, b in pairwise(args.samples)
    }
    told = {"arguments": args.arguments, "samples": found, "exponents": exponents, "load_average": os.getloadavg()[0]}
    args.out.write_text(json.dumps(told, indent=1) + "\n")
    print(exponents)


if __name__ == "__main__":
    main()
