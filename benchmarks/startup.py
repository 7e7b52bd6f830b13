"""CPU seconds, user and system, of commands that do nothing but answer: help, and arguments that are wrong.

    python benchmarks/startup.py --repeats 5

Each command runs in a process of its own, in an empty folder; the median is printed. PYTHONPATH chooses the version.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile

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
    repeats = parser.parse_args().repeats
    for command in COMMANDS:
        print(f"{statistics.median(seconds(command) for _ in range(repeats)):6.2f} s  synthgen {command}", flush=True)


if __name__ == "__main__":
    main()
