"""Counts the inputs in the shapes of real exports that the tests try, by kind and by what becomes of them.

    python -m benchmarks.field_inputs --out docs/results/field_inputs.md

Each is a test with the marker ``field(kind, outcome)``: ``read`` right; ``counted``: left out or merged, with a count;
``refused`` in one line whose advice works. A test that fails is an input that went wrong.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

OUTCOMES: Final = ("read", "counted", "refused")


class Tally:
    """A plug-in of pytest that counts the marked tests. One process only: markers do not travel between workers."""

    def __init__(self) -> None:
        self.passed: Counter[tuple[str, str]] = Counter()
        self.failed: Counter[str] = Counter()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]):
        report = (yield).get_result()
        marker = item.get_closest_marker("field")
        if marker is None or (report.when != "call" and report.passed):
            return
        kind, outcome = marker.args
        if outcome not in OUTCOMES:
            raise ValueError(f"{item.nodeid}: {outcome} is none of {OUTCOMES}")
        if report.passed:
            self.passed[kind, outcome] += 1
        else:
            self.failed[kind] += 1


def table(tally: Tally) -> str:
    """Markdown: a row for each kind, and the sum."""
    kinds = sorted({kind for kind, _ in tally.passed} | set(tally.failed))
    rows = [[tally.passed[kind, outcome] for outcome in OUTCOMES] + [tally.failed[kind]] for kind in kinds]
    sums = [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * 4
    lines = ["| inputs | tried | read right | left out, counted | refused, advice works | wrong |", "|" + " --- |" * 6]
    for kind, row in [*zip(kinds, rows, strict=True), ("all", sums)]:
        lines.append(f"| {kind} | {sum(row)} | " + " | ".join(str(count) for count in row) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where the table is written; printed in any case")
    told = parser.parse_args()
    tally = Tally()
    code = pytest.main(["-m", "field", "-n", "0", "-q", "tests"], plugins=[tally])
    written = table(tally)
    print(written)
    if told.out:
        told.out.write_text(written, encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())
