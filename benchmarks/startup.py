"""CPU seconds, user and system, of commands that do nothing but answer: help, and arguments that are wrong.

    python benchmarks/startup.py --repeats 5 --out startup.json

Each command runs in a process of its own, in an empty folder; the median is printed. PYTHONPATH chooses the version.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = (
    "--help",
    "generate --help",
    "generate --modalty cxr",
    "generate --modality ct",
    "generate --modality cxr --set gate.alfa=0.02",
    "generate --modality dialogue --config dmeo",
    "generate --modality speech --data nowhere",
)


def seconds(command: str) -> float:
    """CPU time of ``synthgen <command>`` and of what it starts."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SYNTHGEN_STATE": folder}
        subprocess.run(
            [sys.executable, "-m", "synthgen", *command.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
        )
    return used() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = {}
    for command in COMMANDS:
        found[command] = round(statistics.median(seconds(command) for _ in range(options.repeats)), 3)
        print(f"{found[command]:6.2f} s  synthgen {command}", flush=True)
    text = json.dumps({"repeats": options.repeats, "load_average": os.getloadavg()[0], "seconds": found}, indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
