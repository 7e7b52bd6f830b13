"""The command line of the red team: see :mod:`benchmarks.red_team`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.red_team import honest, results
from benchmarks.red_team.bench import Cell, Ground, kinds_of, prepare, run_cell, slots_of
from benchmarks.red_team.uneven import Cohorts
from synthgen.modality import load

SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 1.0)


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    options = _parser().parse_args()
    if options.command == "table":
        write_tables(options)
        return
    finished = results.Results(options.out)
    for key, job in _leaks(options) if options.command == "run" else _honest(options):
        if finished.has(key):
            continue
        line = job()
        if line is None:
            print(f"no copy can be made: {key['kind']}", flush=True)
            continue
        finished.append(line)
        print(_said(line), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="leaky generators: kinds by shares by seeds")
    check = commands.add_parser("honest", help="honest generators, even and uneven cohorts")
    for command in (run, check):
        command.add_argument("--modality", required=True)
        command.add_argument("--data", default="demo", help="a cohort, or demo")
        command.add_argument("--preset", help="default: the modality's own for such data")
        command.add_argument("--set", dest="settings", action="append", default=[], help="key=value, as for generate")
        command.add_argument("--base", type=Path, required=True, help="private folder for cohort and filters")
        command.add_argument("--out", type=Path, required=True, help="JSON lines; finished runs are not run again")
        command.add_argument("-n", "--samples", type=int, default=64)
        command.add_argument("--aside", type=float, default=0.25, help="share of the patients set aside as strangers")
        command.add_argument("--full", action="store_true", help="the pipeline as it is; default: filters remember")
    run.add_argument("--kinds", nargs="*", help="names; default: all. 'named' and 'held-out' choose a group")
    run.add_argument("--shares", type=float, nargs="*", default=SHARES)
    run.add_argument("--seeds", type=int, nargs="*", default=range(5))
    run.add_argument("--sticks", action="store_true", help="slots that keep copying, whatever is tried in them")
    run.add_argument("--victims", choices=("train", "calibration", "audit"), default="train")
    run.add_argument("--most", type=int, help="copies of so many patients at most; default: of all")
    run.add_argument("--paraphrases", type=Path, help="transcripts with the label origin_id")
    check.add_argument("--runs", type=int, default=40)
    check.add_argument("--cohorts", nargs="*", default=honest.COHORTS, choices=honest.COHORTS)
    table = commands.add_parser("table", help="Markdown and JSON of results")
    table.add_argument("results", type=Path, nargs="+")
    table.add_argument("--markdown", type=Path)
    table.add_argument("--json", type=Path)
    return parser


def _ground(options: argparse.Namespace, cohorts: Cohorts = "even") -> Ground:
    presets = load(options.modality).presets
    ground = prepare(
        options.modality,
        options.data,
        base=options.base.resolve(),
        preset=options.preset or presets[options.data != "demo"],
        settings=options.settings,
        samples=options.samples,
        aside=options.aside,
        cohorts=cohorts,
    )
    people, slots = len(ground.strangers), slots_of(ground.config(options.samples))
    if people < slots:
        print(
            f"{people} strangers stand for up to {slots} first attempts, so that some come again: set more patients "
            "aside, or ask for fewer first attempts (--set gate.attempts=…)",
            flush=True,
        )
    return ground


def _leaks(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Any]]:
    ground = _ground(options)
    mode = "full" if options.full else "gate-only"
    for kind in _chosen(options, ground):
        for share in sorted(options.shares, reverse=True):
            for seed in options.seeds:
                cell = Cell(kind, share, seed, mode, options.sticks, options.victims, options.most)  # type: ignore[arg-type]
                yield cell.key(ground), lambda cell=cell: run_cell(ground, cell)


def _chosen(options: argparse.Namespace, ground: Ground) -> list[Any]:
    kinds = kinds_of(ground.name, options.paraphrases)
    wanted = set(options.kinds or (kind.name for kind in kinds))
    groups = {"named": False, "held-out": True}
    unknown = wanted - set(groups) - {kind.name for kind in kinds}
    if unknown:
        raise SystemExit(f"no kind {sorted(unknown)[0]!r}: give {', '.join(kind.name for kind in kinds)}")
    return [
        kind
        for kind in kinds
        if kind.name in wanted or any(name in wanted and kind.held_out is held for name, held in groups.items())
    ]


def _honest(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Any]]:
    for cohorts in options.cohorts:
        ground = _ground(options, cohorts)
        for number in range(options.runs):
            case = honest.Case(number, "full" if options.full else "gate-only")
            yield case.key(ground), lambda case=case, ground=ground: honest.run_case(ground, case)


def _said(line: dict[str, Any]) -> str:
    what = line.get("kind") or line["cohort"]
    kept = f", {line['copies_kept']} copies kept" if "copies_kept" in line else ""
    share = f" {line['share']:.1%}" if "share" in line else ""
    return (
        f"{what}{share} seed {line['seed']}: {line['outcome']}, {line['first_rejected']} of {line['first_attempts']} "
        f"first attempts rejected{kept}, {line['cpu_seconds']} s"
    )


def write_tables(options: argparse.Namespace) -> None:
    """Markdown to the screen or a file, and the rows as JSON."""
    lines = [line for path in options.results for line in results.Results(path).lines()]
    rows, honest_rows = results.leaks(lines), results.honest(lines)
    text = "\n".join(part for part in (results.page(rows, honest_rows), results.agreement(lines)) if part)
    if options.json:
        options.json.write_text(json.dumps({"leaks": rows, "honest": honest_rows}, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
