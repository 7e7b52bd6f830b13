"""A generator's first attempts before the gate, as in every run; what two benchmarks of memorisation share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.privacy_filters.gate import EVERYBODY, FirstAttempts, Gate, judge_generator
from synthgen.records import JsonValue

FIRST_ATTEMPTS = 64
T = TypeVar("T")


def against(gate: Gate[T], payloads: Sequence[T]) -> dict[str, JsonValue]:
    """How many are too close, how many may be, and whether the generator is refused."""
    scores = gate.scores(payloads)
    close = int(gate.calibration.rejects(scores).sum())
    test = judge_generator(gate, FirstAttempts(len(payloads), close, {EVERYBODY: len(payloads)}, {}), 1.0, None)
    return {
        "rejected": test.rejected,
        "attempts": test.attempts,
        "limit": test.limit,
        "refused": test.memorises,
        "median_score": round(float(np.median(gate.calibration.common(scores))), 3),
        "threshold": round(gate.calibration.threshold, 3),
    }


def asks(description: str | None, seeds: int) -> argparse.ArgumentParser:
    """Where to work and to write, and which seeds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--first", type=int, default=0)
    return parser
