"""Results of runs: a file of JSON lines that grows, and the tables that are made of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.estimates import proportion

Line = dict[str, Any]

ORDER = ("PASS", "INCONCLUSIVE", "REFUSE")


@dataclass(frozen=True)
class Results:
    """A file of JSON lines: what stands in it is done and is not done again."""

    path: Path

    def lines(self) -> list[Line]:
        """All finished runs; a last line that was cut short is left out."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines() if line.endswith("}")]

    def has(self, key: Line) -> bool:
        return any(all(line.get(name) == value for name, value in key.items()) for line in self.lines())

    def append(self, line: Line) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = not self.path.exists() or self.path.read_bytes()[-1:] in {b"", b"\n"}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + json.dumps(line) + "\n")


def leaks(lines: Iterable[Line]) -> list[Line]:
    """One row for each modality, data set, kind and share: verdicts over the seeds, and what became of the copies."""
    groups: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in lines:
        if "share" in line:
            groups[tuple(line[name] for name in _BY)].append(line)
    return [{**dict(zip(_BY, key, strict=True)), **_summary(group)} for key, group in groups.items()]


_BY = ("modality", "data", "preset", "mode", "victims", "sticks", "kind", "held_out", "share", "n")


def _summary(group: Sequence[Line]) -> Line:
    tried, rejected = (sum(line[name] for line in group) for name in ("copies_tried", "copies_rejected"))
    slots, kept = (sum(line[name] for line in group) for name in ("slots_with_copies", "copies_kept"))
    passed = [line for line in group if line["outcome"] == "PASS"]
    return {
        "runs": len(group),
        "verdicts": {name: sum(line["outcome"] == name for line in group) for name in _verdicts(group)},
        "first_rejected": sum(line["first_rejected"] for line in group) / len(group),
        "caught_per_attempt": proportion("caught_per_attempt", rejected, tried, better="higher").as_dict()
        if tried
        else None,
        "kept_of_copying_slots": proportion("released_copies", min(kept, slots), slots, better="lower").as_dict()
        if slots
        else None,
        "passed_with_a_copy": sum(line["copies_kept"] > 0 for line in passed),
        "copies_in_passed": sum(line["copies_kept"] for line in passed),
    }


def _verdicts(group: Sequence[Line]) -> list[str]:
    found = {line["outcome"] for line in group}
    return [*(name for name in ORDER if name in found), *sorted(found - set(ORDER))]


def page(rows: Sequence[Line], honest_rows: Sequence[Line]) -> str:
    """Markdown of both kinds of rows, with the kinds that passed by name."""
    through = "\n".join(passing(rows)) or "- none"
    parts = [leak_table(rows), f"Passed with a copy in it, at 5% and more:\n\n{through}\n"] if rows else []
    return "\n".join([*parts, *([honest_table(honest_rows)] if honest_rows else [])])


def leak_table(rows: Sequence[Line]) -> str:
    """Markdown: kinds down, shares across; PASS / other / REFUSE over the seeds, and copies in what passed."""
    text = []
    heads = dict.fromkeys(tuple(row[name] for name in _BY[:6]) for row in rows)
    for head in heads:
        mine = [row for row in rows if tuple(row[name] for name in _BY[:6]) == head]
        text += [f"### {_title(head)}", "", *_leak_rows(mine), ""]
    return "\n".join(text)


def passing(rows: Sequence[Line], least: float = 0.05) -> list[str]:
    """One line for each kind of copy that stood in a release that passed, among runs with at least that share."""
    found = [row for row in rows if row["share"] >= least and row["passed_with_a_copy"]]
    return [
        f"- {row['modality']}, {row['data']}, {row['mode']}, records of {row['victims']}: "
        f"{row['kind']}{' (held out)' if row['held_out'] else ''} at {row['share']:.1%}: "
        f"{row['passed_with_a_copy']} of {row['runs']} runs, {row['copies_in_passed']} copies"
        for row in found
    ]


def agreement(lines: Iterable[Line]) -> str:
    """How often the two modes give the same runs the same verdict, and the same answer to the generator's test.

    Copies made of one patient alone are the same in both; hosts and chance differ for the others.
    """
    runs: dict[tuple[Any, ...], dict[str, Line]] = defaultdict(dict)
    for line in lines:
        key = [line.get(name) for name in (*_BY, "seed", "cohort") if name != "mode"]
        runs[tuple(key)][line["mode"]] = line
    both = [(pair["full"], pair["gate-only"]) for pair in runs.values() if len(pair) == 2]
    if not both:
        return ""
    same = sum(a["outcome"] == b["outcome"] for a, b in both)
    tested = sum((a["first_rejected"] > a["limit"]) == (b["first_rejected"] > b["limit"]) for a, b in both)
    milder = sum(a["outcome"] != "PASS" and b["outcome"] == "PASS" for a, b in both)
    return (
        f"Modes compared on {len(both)} runs: same verdict {same}, same answer of the generator's test {tested}, "
        f"passed by gate-only alone {milder}."
    )


def _title(head: tuple[Any, ...]) -> str:
    modality, data, preset, mode, victims, sticks = head
    how = "slots that keep copying" if sticks else "copies by attempt"
    return f"{modality}, {data} ({preset}), {mode}, records of {victims}, {how}"


def _leak_rows(rows: Sequence[Line]) -> list[str]:
    shares = sorted({row["share"] for row in rows})
    kinds = dict.fromkeys((row["held_out"], row["kind"]) for row in rows)
    lines = [
        "| kind | caught per attempt | " + " | ".join(f"{share:.1%}" for share in shares) + " |",
        "| --- | --- |" + " --- |" * len(shares),
    ]
    for held_out, kind in sorted(kinds, key=lambda pair: pair[0]):
        mine = {row["share"]: row for row in rows if row["kind"] == kind}
        cells = [_cell(mine[share]) if share in mine else "" for share in shares]
        lines.append(f"| {kind}{' (held out)' if held_out else ''} | {_caught(mine.values())} | {' | '.join(cells)} |")
    return lines


def _caught(rows: Iterable[Line]) -> str:
    """Of the row with most copies, which has the least noise."""
    known = [row["caught_per_attempt"] for row in rows if row["caught_per_attempt"]]
    best = max(known, key=lambda estimate: estimate["n"], default=None)
    return "" if best is None else f"{best['value']:.2f} of {best['n']}"


def _cell(row: Line) -> str:
    """``PASS p, other o, REFUSE r``, with the copies in what passed."""
    verdicts = row["verdicts"]
    named = ", ".join(f"{name} {count}" for name, count in verdicts.items())
    leaked = f"; **{row['copies_in_passed']} copies passed**" if row["copies_in_passed"] else ""
    return named + leaked


def honest(lines: Iterable[Line]) -> list[Line]:
    """One row for each modality, data set and kind of cohort: verdicts, samples rejected, and for what reasons."""
    groups: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in lines:
        if "cohort" in line:
            groups[tuple(line[name] for name in _HONEST_BY)].append(line)
    return [{**dict(zip(_HONEST_BY, key, strict=True)), **_honest_summary(group)} for key, group in groups.items()]


_HONEST_BY = ("modality", "data", "preset", "mode", "cohort", "n")


def _honest_summary(group: Sequence[Line]) -> Line:
    tried, rejected = (sum(line[name] for line in group) for name in ("first_attempts", "first_rejected"))
    rates = [line["expected_block_rate"] for line in group if line["expected_block_rate"] is not None]
    reasons: dict[str, int] = defaultdict(int)
    for line in group:
        for reason in line["reasons"]:
            reasons[_without_figures(reason)] += 1
    return {
        "runs": len(group),
        "refused": sum(line["outcome"] == "REFUSE" for line in group),
        "not_passed": sum(line["outcome"] != "PASS" for line in group),
        "rejected": rejected / max(1, tried),
        "expected": sum(rates) / max(1, len(rates)),
        "reasons": dict(reasons),
    }


def honest_table(rows: Sequence[Line]) -> str:
    """Markdown: how often an honest generator was not passed, with its interval, and for what reasons."""
    text = [
        "| modality | data | mode | cohort | runs | refused | not passed | samples rejected | expected |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        shown = [_share(row[name], row["runs"]) for name in ("refused", "not_passed")]
        text.append(
            f"| {row['modality']} | {row['data']} | {row['mode']} | {row['cohort']} | {row['runs']} | {shown[0]} | "
            f"{shown[1]} | {row['rejected']:.2%} | {row['expected']:.2%} |"
        )
    reasons = [
        f"- {row['modality']}, {row['cohort']}: {count} × {reason}"
        for row in rows
        for reason, count in row["reasons"].items()
    ]
    return "\n".join([*text, *([""] if reasons else []), *reasons])


def _share(count: int, n: int) -> str:
    estimate = proportion("share", count, n, better="lower")
    return f"{estimate.value:.1%} ({estimate.ci95[0]:.1%} to {estimate.ci95[1]:.1%})"


def _without_figures(reason: str) -> str:
    """A reason with its figures replaced, so that the same reason of two runs is counted together."""
    return "".join("0" if letter.isdigit() else letter for letter in reason).replace("00", "0").replace("00", "0")
