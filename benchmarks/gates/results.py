"""Tables of what the gates' benchmark wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.red_team.bench import kinds_of
from synthgen.estimates import proportion

Line = Mapping[str, Any]
_KERNEL = "kernel"


def gates(lines: Sequence[Line]) -> str:
    """Markdown: gates on samples, kinds on which ours is not the first, and alarms over whole releases."""
    groups = _groups(lines)
    return "\n\n".join((_samples(lines, groups), _behind(lines), _releases(lines, groups)))


def _groups(lines: Sequence[Line]) -> dict[str, list[str]]:
    """Kinds that were measured, by how far the gate's makers knew of them."""
    held_out = {kind.name: kind.held_out for kind in kinds_of(lines[0]["modality"])}
    measured = list(next(iter(lines[0]["samples"].values()))["n"])[1:]
    found: dict[str, list[str]] = defaultdict(list)
    for kind in measured:
        group = "kernels" if kind.startswith(_KERNEL) else "held out" if held_out[kind] else "named"
        found[group].append(kind)
    return dict(found)


def _sum(lines: Sequence[Line], gate: str, way: str, kinds: Sequence[str]) -> tuple[int, int] | None:
    """Rejected, and of how many, over all splits."""
    samples = [line["samples"][gate] for line in lines]
    if any(one[way] is None for one in samples):
        return None
    return sum(one[way].get(k, 0) for one in samples for k in kinds), sum(
        one["n"].get(k, 0) for one in samples for k in kinds
    )


def _percent(counts: tuple[int, int] | None) -> str:
    return "" if counts is None or not counts[1] else f"{100 * counts[0] / counts[1]:.1f}"


def _with_interval(counts: tuple[int, int] | None) -> str:
    if counts is None:
        return ""
    low, high = proportion("blocked", *counts, better="lower").ci95 or (0.0, 1.0)
    return f"{_percent(counts)} [{100 * low:.1f}, {100 * high:.1f}]"


def _samples(lines: Sequence[Line], groups: Mapping[str, Sequence[str]]) -> str:
    names = list(lines[0]["samples"])
    heads = ["own rule: people blocked, %", *(f"{group} caught" for group in groups)]
    equal = [f"at 1% of people: {group}" for group in groups]
    rows = [
        "| gate | " + " | ".join((*heads, *equal, "over splits")) + " |",
        "| --- |" + " ---: |" * (len(heads) + len(equal) + 1),
    ]
    for name in names:
        own = [_percent(_sum(lines, name, "own", kinds)) for kinds in groups.values()]
        caught = [_percent(_sum(lines, name, "equal", kinds)) for kinds in groups.values()]
        every = [kind for kinds in groups.values() for kind in kinds]
        spread = [_percent(_sum([line], name, "equal", every)) for line in lines]
        around = f"{min(spread, key=float)} to {max(spread, key=float)}"
        rows.append(
            f"| {name} | " + " | ".join((_with_interval(_sum(lines, name, "own", [""])), *own, *caught, around)) + " |"
        )
    return "\n".join(rows)


def _behind(lines: Sequence[Line]) -> str:
    """Kinds of which another gate catches more at equal specificity."""
    names, kinds = list(lines[0]["samples"]), list(next(iter(lines[0]["samples"].values()))["n"])[1:]
    found = []
    for kind in kinds:
        caught = {name: _sum(lines, name, "equal", [kind]) or (0, 0) for name in names}
        best = max(names, key=lambda name: (caught[name][0], name == names[0]))
        if best != names[0]:
            (ours, n), (theirs, _) = caught[names[0]], caught[best]
            found.append(f"- *{kind}*: {ours} of {n}, {theirs} by {best}")
    return "Kinds of which another catches more, at 1% of people:\n\n" + ("\n".join(found) or "- none")


def _releases(lines: Sequence[Line], groups: Mapping[str, Sequence[str]]) -> str:
    first = next(iter(lines[0]["releases"]["kinds"].values()))
    shares = list(first)
    alarms = list(first[shares[0]])
    columns = [(group, share) for group in groups for share in shares[1:]]
    rows = [
        "| alarm | no copy | " + " | ".join(f"{group}, {100 * float(share):g}%" for group, share in columns) + " |",
        "| --- |" + " ---: |" * (len(columns) + 1),
    ]
    for alarm in alarms:
        every = [kind for kinds in groups.values() for kind in kinds]
        cells = [_raised(lines, alarm, every, shares[0])]
        cells += [_raised(lines, alarm, groups[group], share) for group, share in columns]
        rows.append(f"| {alarm} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _raised(lines: Sequence[Line], alarm: str, kinds: Sequence[str], share: str) -> str:
    counts = [
        (line["releases"]["kinds"][kind][share][alarm], line["releases"]["draws"])
        for line in lines
        for kind in kinds
        if kind in line["releases"]["kinds"]
    ]
    return _percent((sum(raised for raised, _ in counts), sum(draws for _, draws in counts)))
