"""Do the attacks on dialogues find what is there, and nothing else? Real patients stand in for a release.

    python benchmarks/dialogue_attacks.py TRANSCRIPTS [--copies 0.1] [--splits 8]

Every split deals the patients out anew into a stand-in for the release, T, C and E, a quarter each. Without copies the
release is of strangers, and an attack that succeeds is a false alarm; ``--copies`` puts that share of T into it.

    python benchmarks/dialogue_attacks.py TRANSCRIPTS --release RELEASE [--splits 20]

holds a release that no transcript went into (of the grammar) against the patients, dealt out as the demo deals them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.eval.battery import Sets
from synthgen.eval.dialogue.attacks import attack_release
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.eval.dialogue.records import Dialogues
from synthgen.generators.dialogue.cohort import CohortConfig, load_cohort
from synthgen.generators.dialogue.read import read_release
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, DialogueSynthetic
from synthgen.progress import Silent
from synthgen.records import Estimate, Loaded, Synthetic
from synthgen.report import Limits
from synthgen.verdict import attack_succeeds

Found = tuple[Estimate, ...]


def against(release: Sequence[DialogueSynthetic], loaded: Loaded[Dialogue, DialogueCondition], seed: int) -> Found:
    """Attacks and statistics of copying on a given release, T, C and E dealt out by ``seed``."""
    cohort = split_by_patient(loaded, SplitConfig(train=0.5, calibration=0.35, audit=0.15, seed=seed))
    return attacked(release, cohort.train, cohort.audit, cohort.calibration, seed)


def one_split(records: tuple[DialogueReal, ...], copies: float, seed: int) -> Found:
    """Attacks and statistics of copying for one way of dealing the patients out."""
    patients = sorted({r.patient for r in records})
    order = np.random.default_rng(seed).permutation(len(patients))
    part = {patients[i]: place % 4 for place, i in enumerate(order)}
    release, train, reference, audit = ([r for r in records if part[r.patient] == number] for number in range(4))
    copied = int(copies * len(release))
    shown = [*train[:copied], *release[copied:]]
    samples = [Synthetic(0, replace(r.condition, case=i), r.payload) for i, r in enumerate(shown)]
    return attacked(samples, train, audit, reference, seed)


def attacked(
    samples: Sequence[DialogueSynthetic],
    train: Sequence[DialogueReal],
    audit: Sequence[DialogueReal],
    reference: Sequence[DialogueReal],
    seed: int,
) -> Found:
    """All attacks and statistics of copying."""
    config = EvaluationConfig()
    sets = Sets(
        Dialogues.synthetic(samples, config.max_samples, seed),
        *(Dialogues.real(x, config.max_samples, seed) for x in (train, audit, reference)),
    )
    attacks, copying = attack_release(sets, None, config, seed, Silent())
    return (*attacks, *copying)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transcripts", type=Path)
    parser.add_argument("--copies", type=float, default=0.0, help="share of the release that is copied from T")
    parser.add_argument("--release", type=Path, help="a release that knows nobody of the transcripts")
    parser.add_argument("--splits", type=int, default=8)
    asked = parser.parse_args()
    loaded = load_cohort(asked.transcripts, CohortConfig(), Silent())
    records = loaded.records
    release = read_release(asked.release) if asked.release else []
    values: dict[str, list[float]] = defaultdict(list)
    successes: Counter[str] = Counter()
    began = time.process_time()
    for seed in range(asked.splits):
        found = against(release, loaded, seed) if release else one_split(records, asked.copies, seed)
        for estimate in found:
            values[estimate.metric].append(estimate.value)
            successes[estimate.metric] += attack_succeeds(estimate, Limits())
    seconds = (time.process_time() - began) / asked.splits
    print(f"{len(records)} dialogues, {asked.splits} splits, {asked.copies:.0%} copies, {seconds:.1f} CPU s a split")
    print("| figure | mean | least | most | succeeded |\n| --- | ---: | ---: | ---: | ---: |")
    for metric, own in values.items():
        succeeded = f"{successes[metric]} of {len(own)}" if metric.endswith("_auc") else ""
        print(f"| {metric} | {np.mean(own):.3f} | {min(own):.3f} | {max(own):.3f} | {succeeded} |")


if __name__ == "__main__":
    main()
