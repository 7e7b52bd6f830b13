"""Life events retold in other words: how many retellings the gate catches.

    python benchmarks/dialogue_events.py --data dialogue --out dialogue_events.json [--only mts_dialog] [--seeds 3] \\
        [--encoder ""]

The events and their retellings are invented (``tests/privacy_filters/dialogue/retellings.yaml``), the transcripts real:
those of ``dialogue_filters.py``, ``--patients`` a seed, 40% protected, 35% calibrate at 1%, the rest are strangers.
Each event is put as one turn into the transcript of a protected patient, its retelling into that of a stranger whom the
gate lets through. "Retold by nobody protected" is the control: the same strangers tell events of the other half, which
nobody has told. The word list was made looking at the development half alone.

"alone" is a column by itself, calibrated at 1%.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from dialogue_filters import ALPHA, SOURCES, asks, linked, show, written
from numpy.typing import NDArray

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.estimates import mean, one_record_each
from synthgen.modalities.dialogue.binding import DIALOGUE
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.privacy_filters.calibration import calibrate
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.gate import calibrate_gate
from synthgen.records import Estimate, Loaded

RETELLINGS = Path(__file__).parent.parent / "tests" / "privacy_filters" / "dialogue" / "retellings.yaml"
COLUMNS = ("rare_facts", "told_events")
OTHER = {"development": "held_out", "held_out": "development"}


def with_turn(dialogue: Dialogue, text: str, rng: np.random.Generator) -> Dialogue:
    """One turn of the patient more, at a random place."""
    at = int(rng.integers(len(dialogue.turns) + 1))
    return replace(dialogue, turns=(*dialogue.turns[:at], Turn("patient", text), *dialogue.turns[at:]))


Found = defaultdict[str, list[tuple[bool, str]]]


def judge(records: Sequence[object], half: str, seed: int, config: DialogueConfig, found: Found) -> None:
    """One split, one half of the events."""
    rng = np.random.default_rng([seed, 0xE7E7])
    pairs = yaml.safe_load(RETELLINGS.read_text("utf-8"))
    split = SplitConfig(train=0.4, calibration=0.35, audit=0.25, seed=seed)
    cohort = split_by_patient(Loaded(tuple(records), "", ""), split)  # type: ignore[arg-type]
    train = one_record_each(cohort.train, seed)
    for i, pair in enumerate(pairs[half]):
        train[i] = replace(train[i], payload=with_turn(train[i].payload, pair["told"], rng))
    filters = DIALOGUE.filters.open(train, config, Path())
    gate = calibrate_gate(filters, train, cohort.calibration, ALPHA, seed)
    strangers = one_record_each(cohort.audit, seed)
    own = gate.calibration.rejects(filters.scores([r.payload for r in strangers]))
    found["strangers"] += zip(own.tolist(), (r.patient for r in strangers), strict=True)
    hosts = [r.payload for r, no in zip(strangers, own, strict=True) if not no]
    chosen = [hosts[i] for i in rng.choice(len(hosts), len(pairs[half]))]
    texts = {"retold": half, "retold by nobody protected": OTHER[half]}
    known = filters.scores([r.payload for r in one_record_each(cohort.calibration, seed)])
    for kind, which in texts.items():
        scores = filters.scores(
            [with_turn(host, pair["retold"], rng) for host, pair in zip(chosen, pairs[which], strict=True)]
        )
        names = [f"{which} {i}" for i in range(len(scores))]
        note(found, kind, gate.calibration.rejects(scores), names)
        for name in (name for name in COLUMNS if name in filters.names):
            column = [filters.names.index(name)]
            alone = calibrate([name], known[:, column], ALPHA)
            note(found, f"{kind}, {name} alone", alone.rejects(scores[:, column]), names)


def note(found: Found, kind: str, rejected: NDArray[np.bool_], names: Sequence[str]) -> None:
    found[kind] += zip(rejected.tolist(), names, strict=True)


def run(options: argparse.Namespace) -> dict[str, list[Estimate]]:
    config = DialogueConfig(near_duplicate=NearDuplicateConfig(encoder=options.encoder))
    results = {}
    for source in options.only or SOURCES:
        records, _ = linked(options.data, source)
        for half in OTHER:
            found: Found = defaultdict(list)
            started = time.process_time()
            for seed in range(options.seeds):
                order = np.random.default_rng([seed, 0xE7E8]).permutation(len(records))
                judge([records[i] for i in order[: options.patients]], half, seed, config, found)
            results[f"{source}, {half}"] = [
                mean(kind, np.array([r for r, _ in rows], np.float64), [n for _, n in rows], seed=0, bounded=True)
                for kind, rows in found.items()
            ]
            print(f"{source}, {half}: {options.seeds} splits, {time.process_time() - started:.0f} s of computing")
            show(results[f"{source}, {half}"])
    return results


def main() -> int:
    parser = asks(__doc__)
    parser.add_argument("--patients", type=int, default=300, help="patients of a split")
    parser.add_argument("--encoder", default="packaged", help="sentence encoder; empty: none")
    return written(parser, run)


if __name__ == "__main__":
    sys.exit(main())
