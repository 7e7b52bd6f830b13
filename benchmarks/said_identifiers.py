"""Identifiers as they are said, and organisations and numbers: how many are found, half by half.

    python -m benchmarks.said_identifiers --out said_identifiers.json

``said_identifiers.jsonl`` has 200 sentences of each kind and 200 without an identifier, in the style of transcripts of
speech, a third in small letters without punctuation. Somebody wrote them who had not seen the recognisers; its halves
differ in carriers and in ways of saying. Names, numbers and addresses in it are invented. Found is what a hit of any
kind that is removed by default overlaps; *whole* what hits cover but for a leading "the". Intervals: Clopper–Pearson;
carriers recur, so that sentences are not independent.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from synthgen.estimates import proportion
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, find_identifiers
from synthgen.privacy_filters.dialogue.identifiers.types import Identifier

SENTENCES = Path(__file__).with_suffix(".jsonl")
NONE = "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON")
    parser.add_argument("--missed", action="store_true", help="prints what is missed")
    given = parser.parse_args()
    counts: dict[tuple[str, str], list[int]] = {}
    config = IdentifierConfig()
    for line in SENTENCES.read_text("utf-8").splitlines():
        row = json.loads(line)
        hits = [hit for hit in find_identifiers(row["text"], config) if hit.entity in config.reject]
        own = counts.setdefault((row["half"], row["kind"]), [0, 0, 0])
        for n, found, whole in judged(row, hits):
            own[:] = own[0] + n, own[1] + found, own[2] + whole
            if given.missed and found == (row["kind"] == NONE):
                print(row["half"], row["kind"], row["text"])
    table = [row_of(half, kind, *own) for (half, kind), own in sorted(counts.items())]
    given.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    for row in table:
        print(row["half"], row["kind"], row["found"]["value"])


def judged(row: dict[str, Any], hits: list[Identifier]) -> list[tuple[int, bool, bool]]:
    """One, whether it is found and whether it is found whole, of each span; of a sentence without, any hit."""
    if row["kind"] == NONE:
        return [(1, bool(hits), bool(hits))]
    told = []
    for start, end in row["spans"]:
        first = start + 4 if row["text"][start:end].lower().startswith("the ") else start
        covered = all(any(h.start <= i < h.end for h in hits) for i in range(first, end))
        told.append((1, any(h.start < end and start < h.end for h in hits), covered))
    return told


def row_of(half: str, kind: str, n: int, found: int, whole: int) -> dict[str, Any]:
    better = "lower" if kind == NONE else "higher"
    return {
        "half": half, "kind": kind, "n": n,
        "found": proportion("found", found, n, better=better).as_dict(),
        "whole": proportion("whole", whole, n, better=better).as_dict(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
