"""What the gate catches of kinds of copies, without a generator and without a verdict: minutes, not hours.

    python -m benchmarks.red_team.caught --modality cxr --data NIH --parts 200 100 100 --copies 50 --out caught.json

The gate is calibrated as users' is (:func:`synthgen.privacy_filters.gate.calibrate_gate`, the preset's level), but that
no filter is left out after a trial, and without rules. One copy each of patients of T is put through it; strangers are
the patients of E, whose records are also what copies are pasted onto. For every kind stand beside the rate the filter
that comes nearest and how far from its threshold the copies lie, on the gate's common scale: log probabilities,
negative is caught.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.red_team.bench import kinds_of
from benchmarks.red_team.kinds import AnyKind, Material, number
from benchmarks.red_team.unlisted import IMAGES
from benchmarks.red_team.unlisted_sounds import SOUNDS
from benchmarks.red_team.unlisted_transcripts import with_wordnet
from synthgen.estimates import one_record_each
from synthgen.fitting import fit_filters
from synthgen.modality import Modality, load
from synthgen.privacy_filters.calibration import common_scale
from synthgen.privacy_filters.gate import Gate, calibrate_gate
from synthgen.progress import Silent
from synthgen.records import Cohort, Planting, Real
from synthgen.run import Run
from synthgen.workfolder import opened, recorded_seed

Records = tuple[Real[Any, Any], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options_of_cohort(parser)
    parser.add_argument("--kinds", nargs="*", help="names; default: all of the second adversary; 'listed' adds others")
    parser.add_argument("--planted", action="store_true", help="the planted copies of the gate itself too")
    parser.add_argument("--wordnet", type=Path, help="folder of WordNet's files, for synonyms of every word")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the copies")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kind = load(given.modality)
    preset = kind.presets[given.data != "demo"]
    settings = ("threads=1", *given.settings)
    parts = parts_of(nobody_twice(kind, given.data, preset, settings, given.work), given.parts, given.seed)
    folder = given.work / f"{Path(given.data).stem}-{given.seed}"
    config = kind.config(preset, settings, seed=recorded_seed(folder))
    with opened(folder, modality=kind.name, config_digest=config.digest(), seed=config.seed) as work:
        run: Run[Any, Any, Any] = Run(kind, config, work, Silent())
        filters = kind.filters.open(parts.train, run.settings, fit_filters(run, parts))
        seed = run.seed("calibration")
        gated = calibrate_gate(filters, parts.train, parts.calibration, config.gate.alpha, seed)
        with TemporaryDirectory(prefix="synthgen-copies-") as scratch:
            copies = chain(
                _planted(run, parts, Path(scratch), given) if given.planted else (),
                copies_of(_chosen(given), parts, Path(scratch), given.copies, given.seed),
            )
            found = measured(gated, parts, copies, given.seed)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def options_of_cohort(parser: argparse.ArgumentParser) -> None:
    """Which cohort is dealt into how large parts, and how many of T are copied."""
    parser.add_argument("--modality", required=True)
    parser.add_argument("--data", default="demo", help="a cohort, or demo")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="key=value, as for generate")
    parser.add_argument("--parts", type=int, nargs=3, default=(200, 100, 100), help="patients of T, C and E")
    parser.add_argument("--copies", type=int, default=50, help="copies of a kind, of as many patients")
    parser.add_argument("--work", type=Path, required=True, help="private folder for cohort and filters")


def nobody_twice(kind: Modality[Any, Any, Any], data: str, preset: str, settings: Sequence[str], work: Path) -> Records:
    """The records of a cohort, or of the simulated one for ``demo``, without those that link to an earlier patient."""
    config = kind.config(preset, settings, seed=0)
    folder = work / "cohort" if data == "demo" else Path(data)
    if not folder.exists():
        work.mkdir(parents=True, exist_ok=True)
        kind.cohorts.write_demo(folder, config.modality, 0, Silent())
    records = kind.cohorts.load(folder, config.modality, work / "cache", Silent()).records
    links = kind.cohorts.links(records, config.modality, Silent())
    linked = {records[link.second].patient for link in links}
    return tuple(record for record in records if record.patient not in linked)


def parts_of(records: Records, sizes: Sequence[int], seed: int) -> Cohort[Any, Any]:
    """So many patients at random for T, C and E, with all their records."""
    patients = sorted({record.patient for record in records})
    order = [patients[i] for i in np.random.default_rng(number("parts", seed)).permutation(len(patients))]
    edges = np.cumsum([0, *sizes])
    if edges[-1] > len(order):
        raise SystemExit(f"{len(order)} patients: ask for fewer than {edges[-1]}")
    chosen = [set(order[low:high]) for low, high in pairwise(edges)]
    train, calibration, audit = (tuple(r for r in records if r.patient in part) for part in chosen)
    return Cohort(train, calibration, audit, "at random", "")


def _chosen(given: argparse.Namespace) -> list[AnyKind]:
    every: dict[str, Sequence[AnyKind]] = {"cxr": IMAGES, "speech": SOUNDS, "dialogue": with_wordnet(given.wordnet)}
    new = every[given.modality]
    listed = kinds_of(given.modality)
    wanted = set(given.kinds or [kind.name for kind in new])
    found = [k for k in (*new, *listed) if k.name in wanted or (k in listed and "listed" in wanted)]
    if unknown := wanted - {kind.name for kind in found} - {"listed"}:
        raise SystemExit(f"no kind {sorted(unknown)[0]!r}")
    return [kind for kind in found if kind.sessions == 1]


def measured(
    gated: Gate[Any], parts: Cohort[Any, Any], copies: Iterable[tuple[str, Sequence[Any]]], seed: int
) -> dict[str, Any]:
    """Kinds by what is caught of them, with strangers first."""
    level, strangers = gated.calibration, one_record_each(parts.audit, seed)
    table: dict[str, Any] = {
        "parts": {"T": len(parts.train), "C": level.n, "E": len(strangers)}, "k": level.k, "alpha": level.alpha,
        "strangers": row_of(level.names, margins(gated, [r.payload for r in strangers])), "kinds": {},
    }  # fmt: skip
    print(f"T {len(parts.train)} records, k {level.k} of {level.n}; blockers", level.blockers)
    print("strangers", told(table["strangers"]), flush=True)
    for name, payloads in copies:
        table["kinds"][name] = row_of(level.names, margins(gated, payloads))
        print(name, told(table["kinds"][name]), flush=True)
    return table


def victims_of(parts: Cohort[Any, Any], seed: int) -> list[Real[Any, Any]]:
    """One record of each patient of T, in random order."""
    each = one_record_each(parts.train, seed)
    return [each[i] for i in np.random.default_rng(number("victims", seed)).permutation(len(each))]


def copies_of(
    kinds: Sequence[AnyKind], parts: Cohort[Any, Any], scratch: Path, most: int, seed: int
) -> Iterator[tuple[str, list[Any]]]:
    """Copies of ``most`` patients of T at most, by kind; what is pasted onto is a record of a patient of E."""
    victims, strangers = victims_of(parts, seed), one_record_each(parts.audit, seed)
    for kind in kinds:
        made = []
        for i, victim in enumerate(v for v in victims if kind.applies(v.record, v.payload)):
            if i == most:
                break
            rng = np.random.default_rng(number(kind.name, victim.record, seed))
            second = victims[(victims.index(victim) + 1 + int(rng.integers(len(victims) - 1))) % len(victims)]
            stranger = strangers[int(rng.integers(len(strangers)))]
            of = (victim.payload, victim.record, second.payload, stranger.payload)
            made.append(kind.change(Material(*of, 0, 1, scratch, rng)))
        yield kind.name, made


def _planted(
    run: Run[Any, Any, Any], parts: Cohort[Any, Any], scratch: Path, given: argparse.Namespace
) -> Iterator[tuple[str, Sequence[Any]]]:
    chosen = victims_of(parts, given.seed)[: given.copies]
    planting = Planting(chosen, (), one_record_each(parts.audit, given.seed), run.seed("planted"), scratch)
    for planted in run.modality.filters.planted(planting, run.settings):
        yield planted.perturbation, planted.payloads


def margins(gated: Gate[Any], payloads: Sequence[Any]) -> NDArray[np.float64]:
    """By how much each record lies above the gate's threshold in each filter, [N, F]: zero and below is caught.

    As in the gate, what one part rejects the next does not see: infinite there.
    """
    level, first = gated.calibration, 0
    found = np.full((len(payloads), len(level.names)), np.inf)
    for part in gated.filters.parts:
        left = np.flatnonzero(~(found.min(axis=1) <= 0)).tolist()
        columns = slice(first, first + len(part.names))
        first += len(part.names)
        if left:
            scores = part.scores([payloads[i] for i in left])
            scaled = common_scale(scores, level.scales[columns]) - level.threshold
            found[left, columns] = np.where(np.isnan(scaled), -np.inf, scaled)
    return found


def row_of(names: Sequence[str], found: NDArray[np.float64]) -> dict[str, Any]:
    """How many are caught, by which filters first, and how near those who are not come."""
    least = found.min(axis=1)
    missed = np.flatnonzero(least > 0)
    nearest = Counter(names[int(i)] for i in found[missed].argmin(axis=1))
    return {
        "n": len(found),
        "caught": int((least <= 0).sum()),
        "by": {name: int((found[:, f] <= 0).sum()) for f, name in enumerate(names)},
        "missed_nearest": dict(nearest.most_common()),
        "missed_margin": None if not len(missed) else round(float(np.median(least[missed])), 2),
    }


def told(row: dict[str, Any]) -> str:
    by = ", ".join(f"{name} {count}" for name, count in row["by"].items() if count)
    missed = (
        "" if row["missed_margin"] is None else f"; missed by {row['missed_margin']}, nearest {row['missed_nearest']}"
    )
    return f"{row['caught']} of {row['n']} ({by}){missed}"


if __name__ == "__main__":
    main()
