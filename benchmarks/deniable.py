"""How many patients could explain what a private model draws, and how much of it passes: plausible deniability.

    python benchmarks/deniable.py cxr --data nih14 --half B
    python benchmarks/deniable.py dialogue --data osce_interviews.jsonl --half B --set generator.plan.sessions=1

Half of the patients of a cohort vote, by a seed; what the private model then draws is counted against them. The radius
and the limit were chosen on half A of these two, so that B is what may be told of. Counts are without noise.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthgen.config import DeniableConfig
from synthgen.dp.accounting import default_delta, epsilon_of
from synthgen.dp.evolution import Ballot, Voters
from synthgen.dp.screening import Deniability, explained, plausible
from synthgen.modality import Modality, load
from synthgen.progress import Silent
from synthgen.records import Real, Request, Synthetic

Record = Real[Any, Any]
_BATCH = 20


def half_of(records: Sequence[Record], half: str) -> list[Record]:
    """The records of half of the patients: A, or the others."""
    names = sorted({record.patient for record in records})
    first = {names[i] for i in np.random.default_rng(0).permutation(len(names))[: len(names) // 2]}
    return [record for record in records if (record.patient in first) == (half == "A")]


def drawn(
    kind: Modality[Any, Any, Any], train: Sequence[Record], config: Any, epsilon: float, count: int, scratch: Path
) -> list[Synthetic[Any, Any]]:
    """Samples of a private model of ``train``."""
    patients = len({record.patient for record in train})
    way, model = kind.generator.private_fits(config)[0], scratch / "model"
    way.fit(train, way.events(epsilon, default_delta(patients), patients), model, 1, Silent())
    condition = kind.generator.free_conditions(model, config)
    generator = kind.generator.open(model, config, _BATCH, scratch / "drawn")
    requests = [Request(7919 * slot + 1, condition(slot, 5)) for slot in range(count)]
    return [one for low in range(0, count, _BATCH) for one in generator(requests[low : low + _BATCH])]


def counted(kind: Modality[Any, Any, Any], train: Sequence[Record], samples: Sequence[Any], config: Any) -> list[Any]:
    """For 64 samples and all of them: how many could explain each, and what share passes."""
    space = kind.generator.public_space(config)
    if space is None:
        raise SystemExit(f"{kind.name} has no public space")
    asked = DeniableConfig()
    rule, radius = Deniability(asked.k, asked.nearest, asked.noise), space.radius(space.share)
    conditions = tuple(space.condition(record.condition) for record in train)
    voters = Voters(space.features([r.payload for r in train]), tuple(r.patient for r in train), conditions)
    features = space.features([one.payload for one in samples])
    rows = []
    for n in sorted({min(64, len(samples)), len(samples)}):
        ballot = Ballot(features[:n], tuple(space.condition(one.condition) for one in samples[:n]))
        counts = explained(voters, ballot, radius, rule.nearest)
        passed = plausible(np.tile(counts, 200), rule, np.random.default_rng(0)).mean()
        quartiles = np.quantile(counts, (0.25, 0.5, 0.75)).tolist()
        enough = float((counts >= rule.k).mean())
        rows.append({"samples": n, "quartiles": quartiles, "enough": round(enough, 3), "pass": round(float(passed), 3)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modality", choices=("cxr", "dialogue", "speech"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--half", choices=("A", "B"), default="B")
    parser.add_argument("--epsilon", type=float, default=8.0)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--cache", type=Path, help="a private folder in which the cohort is kept once it is read")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the modality's section")
    options = parser.parse_args()
    kind = load(options.modality)
    config = kind.config(kind.presets[1], [f"modality.{setting}" for setting in options.set]).modality
    with tempfile.TemporaryDirectory() as name:
        cache = options.cache or Path(name) / "cohort"
        train = half_of(kind.cohorts.load(options.data, config, cache, Silent()).records, options.half)
        samples = drawn(kind, train, config, options.epsilon, options.samples, Path(name))
        rows = counted(kind, train, samples, config)
    patients = len({record.patient for record in train})
    cost = epsilon_of([Deniability(10, 16, 4.0).event], default_delta(patients)).epsilon
    print(json.dumps({"modality": options.modality, "patients": patients, "cost_alone": round(cost, 2), "rows": rows}))


if __name__ == "__main__":
    main()
