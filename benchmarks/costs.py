"""Measures what a run costs, stage by stage: CPU seconds, peak memory and disk, for configs/costs.yaml.

    python -m benchmarks.costs --modality dialogue --preset demo --work RUN
    python -m benchmarks.costs --modality cxr --preset cpu --data NIH --work RUN --set gate.planted=150

The run is ``synthgen generate`` in a process of its own, on one thread. Its CPU time is read whenever it says that a
stage begins, so that other work on the machine does not count. Prints an entry of configs/costs.yaml.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from synthgen.arguments import asked
from synthgen.forecast import Stages, people_of, size_of

_STAGE = re.compile(r"^stage (\d) of \d, ([\w ]+)$")
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of a process that runs, and of those that it has started and that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def stages(process: subprocess.Popen[str]) -> Iterator[tuple[str, float]]:
    """The CPU time at which each stage begins; everything that is said goes on to standard error."""
    for line in process.stderr or ():
        sys.stderr.write(line)
        if found := _STAGE.match(line.strip()):
            yield found[2], cpu_seconds(process.pid)


def disk(folder: Path) -> int:
    """MiB of all files below ``folder``."""
    return round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", required=True)
    parser.add_argument("--preset", required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--work", type=Path, required=True, help="a folder that does not exist")
    given = parser.parse_args()
    config = asked(given.modality, given.preset, given.set).config
    given.work.mkdir(parents=True)
    arguments = ["--modality", given.modality, "--config", given.preset, "--seed", "0"]
    arguments += [part for setting in given.set for part in ("--set", setting)]
    arguments += ["--data", str(given.data.resolve())] if given.data else []
    process = subprocess.Popen(
        [sys.executable, "-m", "synthgen", "generate", *arguments],
        cwd=given.work,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SYNTHGEN_STATE": str(given.work.resolve() / "state")},
        stderr=subprocess.PIPE,
        text=True,
    )
    began = time.monotonic()
    marks = list(stages(process))
    _, status, usage = os.wait4(process.pid, 0)
    whole = usage.ru_utime + usage.ru_stime
    ends = [at for _, at in marks[1:]] + [whole]
    starts = [0.0, *(at for _, at in marks[1:])]  # what comes before the first stage is loading and the demo cohort
    cohort = given.data or given.work / "work" / "demo-cohort"
    cache = disk(given.work / "work" / "cohort")
    entry = {
        "people": 0 if given.data else people_of(config),
        "size": size_of(given.modality, cohort),
        "samples": config.samples,
        "planted": config.gate.planted,
        "seconds": {
            name: round(end - start) for name, start, end in zip(Stages.model_fields, starts, ends, strict=True)
        },
        "memory_mib": round(usage.ru_maxrss / 1024),
        "cohort_mib": cache,
        "rest_mib": disk(given.work) - cache,
    }
    print(yaml.safe_dump({given.modality: {given.preset: entry}}, sort_keys=False))
    print(f"# exit status {os.waitstatus_to_exitcode(status)}, {time.monotonic() - began:.0f} s by the clock")


if __name__ == "__main__":
    main()
