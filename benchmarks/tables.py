"""Tables of the documentation from files that benchmarks wrote.

    python -m benchmarks.tables            # writes them into docs/
    python -m benchmarks.tables --check    # exits with 1 where a page says something else than its file

A page names the file and what is made of it, and ends the table:

    <!-- table: planted data/planted_nih14.json -->
    <!-- end of table -->
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.red_team import results

DOCS = Path(__file__).parents[1] / "docs"
_PLACE = re.compile(r"(<!-- table: (\w+) (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_CLAIMED = {"exact": "yes", "perturbed": "yes", "generator": "yes", "beyond": "no"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [page for page in sorted(DOCS.rglob("*.md")) if not write(page, check)]
    if stale:
        raise SystemExit(f"tables that are not those of their files: {', '.join(page.name for page in stale)}")


def write(page: Path, check: bool = False) -> bool:
    """Writes the tables of a page, or says only whether they stand as their files have them."""
    text = page.read_text("utf-8")
    new = _PLACE.sub(lambda place: f"{place[1]}{table(place[2], page.parent / place[3])}\n{place[4]}", text)
    if not check and new != text:
        page.write_text(new, encoding="utf-8")
    return not check or new == text


def table(kind: str, path: Path) -> str:
    """Markdown of what a benchmark wrote: ``planted`` or ``red_team``."""
    found = json.loads(path.read_text("utf-8"))
    if kind == "planted":
        return planted(found)
    if kind == "red_team":
        return results.page(found["leaks"], found["honest"]).strip()
    raise SystemExit(f"no table of the kind {kind!r}: planted or red_team")


def planted(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/planted.py`` found: a line on the calibration, then caught per kind."""
    facts = found["calibration"]
    audit = facts["audit_block_rate"]
    blocked = "not measured" if audit is None else f"{audit['value']:.2%} of {audit['n']} audit patients"
    dropped = ", ".join(facts["dropped_filters"]) or "none"
    split = "/".join(str(facts[f"patients_{part}"]) for part in ("train", "calibration", "audit"))
    head = (
        f"{split} patients, k = {facts['k']}, strangers expected {facts['expected_block_rate']:.2%}, "
        f"blocked {blocked}; filters left out: {dropped}; {found['cpu_seconds']} s of one core."
    )
    rows = [
        f"| {row['perturbation']} | {row['caught']} of {row['planted']} | {row['caught'] / row['planted']:.1%} | "
        f"{_CLAIMED[row['domain']]} |"
        for row in found["planted"]
    ]
    return "\n".join([head, "", "| kind | caught | rate | claimed |", "| --- | ---: | ---: | --- |", *rows])


if __name__ == "__main__":
    main()
