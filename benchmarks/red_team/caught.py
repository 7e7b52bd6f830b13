"""What the gate catches of kinds of copies, without a generator and without a verdict: minutes, not hours.

    python -m benchmarks.red_team.caught --modality cxr --data NIH --parts 200 100 100 --copies 50 --out caught.json

The gate is opened as users open it (:func:`synthgen.gate.gate`): filters on T, calibrated on C, every preset's level.
One copy each of patients of T is put through its calibrated filters; strangers are the patients of E, whose images are
also what copies are pasted onto. Rules are left out. For every kind stand beside the rate the filter that comes nearest
and how far from its threshold the copies lie, on the gate's common scale: log probabilities, negative is caught.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
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
from synthgen.gate import OpenGate, gate
from synthgen.modality import Modality, load
from synthgen.privacy_filters.calibration import common_scale
from synthgen.progress import Silent
from synthgen.records import Real

Records = tuple[Real[Any, Any], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", required=True)
    parser.add_argument("--data", default="demo", help="a cohort, or demo")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="key=value, as for generate")
    parser.add_argument("--parts", type=int, nargs=3, default=(200, 100, 100), help="patients of T, C and E")
    parser.add_argument("--copies", type=int, default=50, help="copies of a kind, of as many patients")
    parser.add_argument("--kinds", nargs="*", help="names; default: all of the second adversary; 'listed' adds others")
    parser.add_argument("--planted", type=int, default=1, help="planted copies of a listed kind")
    parser.add_argument("--wordnet", type=Path, help="folder of WordNet's files, for synonyms of every word")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the copies")
    parser.add_argument("--work", type=Path, required=True, help="private folder for cohort and filters")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kind = load(given.modality)
    preset = kind.presets[given.data != "demo"]
    settings = ("threads=1", f"gate.planted={given.planted}", *given.settings)
    parts = parts_of(_cohort(kind, preset, settings, given), given.parts, given.seed)
    folder = given.work / f"{Path(given.data).stem}-{given.seed}"
    with gate(kind, **parts, config=preset, settings=settings, work=folder) as opened:
        found = measured(opened, _chosen(given), given)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _cohort(kind: Modality[Any, Any, Any], preset: str, settings: Sequence[str], given: argparse.Namespace) -> Records:
    config = kind.config(preset, settings, seed=0)
    folder = given.work / "cohort" if given.data == "demo" else Path(given.data)
    if not folder.exists():
        given.work.mkdir(parents=True, exist_ok=True)
        kind.cohorts.write_demo(folder, config.modality, 0, Silent())
    records = kind.cohorts.load(folder, config.modality, given.work / "cache", Silent()).records
    linked = {link.second for link in kind.cohorts.links(records, config.modality, Silent())}
    return tuple(record for i, record in enumerate(records) if i not in linked)


def parts_of(records: Records, sizes: Sequence[int], seed: int) -> dict[str, Records]:
    """So many patients at random for T, C and E, with all their records."""
    patients = sorted({record.patient for record in records})
    order = [patients[i] for i in np.random.default_rng(number("parts", seed)).permutation(len(patients))]
    edges = np.cumsum([0, *sizes])
    if edges[-1] > len(order):
        raise SystemExit(f"{len(order)} patients: ask for fewer than {edges[-1]}")
    chosen = [set(order[low:high]) for low, high in pairwise(edges)]
    names = ("train", "calibration", "audit")
    return {n: tuple(r for r in records if r.patient in part) for n, part in zip(names, chosen, strict=True)}


def _chosen(given: argparse.Namespace) -> list[AnyKind]:
    new: Sequence[AnyKind] = {"cxr": IMAGES, "speech": SOUNDS}.get(given.modality) or with_wordnet(given.wordnet)
    listed = kinds_of(given.modality)
    wanted = set(given.kinds or [kind.name for kind in new])
    found = [k for k in (*new, *listed) if k.name in wanted or (k in listed and "listed" in wanted)]
    if unknown := wanted - {kind.name for kind in found} - {"listed"}:
        raise SystemExit(f"no kind {sorted(unknown)[0]!r}")
    return [kind for kind in found if kind.sessions == 1]


def measured(opened: OpenGate[Any, Any, Any], kinds: Sequence[AnyKind], given: argparse.Namespace) -> dict[str, Any]:
    """Kinds by what is caught of them, with strangers first."""
    gated, rng = opened.screen.gate, np.random.default_rng(number("victims", given.seed))
    level = gated.calibration
    strangers = one_record_each(opened.cohort.audit, given.seed)
    victims = one_record_each(opened.cohort.train, given.seed)
    victims = [victims[i] for i in rng.permutation(len(victims))]
    table: dict[str, Any] = {
        "parts": {"T": len(opened.cohort.train), "C": level.n, "E": len(strangers)}, "k": level.k, "alpha": level.alpha,
        "filters": list(level.names), "left_out": [n for n in gated.filters.names if n not in level.names],
        "strangers": row_of(level.names, margins(opened, [r.payload for r in strangers])),
        "planted": {p.perturbation: [p.caught, p.planted, p.domain] for p in opened.planted},
    }  # fmt: skip
    print(f"k {level.k} of {level.n} at {level.alpha}; left out {table['left_out']}")
    print("strangers", told(table["strangers"]), flush=True)
    for name, copies in _copies(kinds, victims, strangers, given):
        row = row_of(level.names, margins(opened, copies))
        table.setdefault("kinds", {})[name] = row
        print(name, told(row), flush=True)
    return table


def _copies(
    kinds: Sequence[AnyKind], victims: Sequence[Any], strangers: Sequence[Any], given: argparse.Namespace
) -> Iterator[tuple[str, list[Any]]]:
    for kind in kinds:
        with TemporaryDirectory(prefix="synthgen-copies-") as scratch:
            made = []
            chosen = [v for v in victims if kind.applies(v.record, v.payload)][: given.copies]
            for victim in chosen:
                rng = np.random.default_rng(number(kind.name, victim.record, given.seed))
                second = victims[(victims.index(victim) + 1 + int(rng.integers(len(victims) - 1))) % len(victims)]
                stranger = strangers[int(rng.integers(len(strangers)))]
                material = Material(
                    victim.payload, victim.record, second.payload, stranger.payload, 0, 1, Path(scratch), rng
                )
                made.append(kind.change(material))
            yield kind.name, made


def margins(opened: OpenGate[Any, Any, Any], payloads: Sequence[Any]) -> NDArray[np.float64]:
    """By how much each record lies above the gate's threshold in each filter, [N, F]: zero and below is caught."""
    gated = opened.screen.gate
    scores = np.concatenate([gated.scores(payloads[low : low + 16]) for low in range(0, len(payloads), 16)])
    return np.asarray(common_scale(scores, gated.calibration.scales) - gated.calibration.threshold)


def row_of(names: Sequence[str], found: NDArray[np.float64]) -> dict[str, Any]:
    """How many are caught, by which filters, and how near those who are not come."""
    found = np.where(np.isnan(found), -np.inf, found)
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
