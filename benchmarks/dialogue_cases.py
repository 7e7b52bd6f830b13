"""Cases judged as one record: real transcripts dealt over the sessions of one synthetic patient, and honest cases.

    python benchmarks/dialogue_cases.py --data dialogue --out dialogue_cases.json [--only mts_dialog] [--seeds 5]

Sources and patients are those of ``dialogue_filters.py`` (40 words and more, linked records one patient); at most
``--patients`` of them a seed, drawn anew. The gate is fitted on 40%, calibrated at 1% on 35%; the rest are strangers.
All sessions of a case are joined, as the pipeline joins them, and put through that gate.

- "dealt over n": a protected patient's transcript, its turns in order in n parts, a part at a random place of each of n
  sessions of a synthetic patient of the grammar;
- "dealt over n, sessions alone": how many of those cases have a session that the gate rejects by itself;
- "stranger dealt over n": the same with a stranger's transcript, "grammar n" with nobody's;
- "n strangers", "n strangers, one topic": transcripts of n strangers, each of whom the gate lets through, as sessions
  of one case. A case of real strangers is harsher than any generator's: it has the corpus's own wording throughout.

Intervals resample patients (cases, where no patient is protected).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from dialogue_filters import ALPHA, SOURCES, asks, linked, show, written

from synthgen.cohort import split_by_patient
from synthgen.config import SplitConfig
from synthgen.estimates import mean, one_record_each
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.model_folder import write_model_folder
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.sampler import open_generator
from synthgen.modalities.dialogue.binding import DIALOGUE
from synthgen.modalities.dialogue.settings import DialogueConfig
from synthgen.payloads.dialogue import Dialogue, DialogueReal
from synthgen.privacy_filters.gate import Gate, calibrate_gate
from synthgen.records import Estimate, Loaded, Request

SESSIONS = 12  # of a case of the grammar, the most it makes; longer cases are several of them in a row
DEALT = (8, 12, 20, 30)
HONEST = (4, 8, 20)


def grammar_cases(count: int, folder: Path) -> list[list[Dialogue]]:
    """Cases of the grammar, each of ``SESSIONS`` sessions."""
    config = GeneratorConfig(plan=PlanConfig(sessions=SESSIONS))
    write_model_folder(folder, config)
    condition = condition_sampler(config.plan)
    requests = [Request(slot, condition(slot, 5)) for slot in range(count * SESSIONS)]
    made = [sample.payload for sample in open_generator(folder, config, len(requests), None)(requests)]
    return [made[i : i + SESSIONS] for i in range(0, len(made), SESSIONS)]


@dataclass
class Table:
    """Who was rejected, by kind of case."""

    rejected: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, rejected: Sequence[bool], people: Sequence[str]) -> None:
        self.rejected[kind] += rejected
        self.people[kind] += people

    def estimates(self) -> list[Estimate]:
        return [
            mean(kind, np.array(found, dtype=np.float64), self.people[kind], seed=0, better="", bounded=True)
            for kind, found in self.rejected.items()
        ]


@dataclass(frozen=True)
class Trial:
    """One split: the gate, the protected, the strangers, and synthetic sessions to hide in."""

    gate: Gate[Dialogue]
    protected: list[DialogueReal]
    strangers: list[DialogueReal]
    grammar: list[list[Dialogue]]
    table: Table
    cases: int
    rng: np.random.Generator

    def rejects(self, dialogues: Sequence[Dialogue]) -> list[bool]:
        found: list[bool] = self.gate.calibration.rejects(self.gate.filters.scores(dialogues)).tolist()
        return found

    def synthetic(self, count: int) -> list[Dialogue]:
        sessions: list[Dialogue] = []
        while len(sessions) < count:
            sessions += self.grammar[self.rng.integers(len(self.grammar))]
        return [replace(session, labels=()) for session in sessions[:count]]

    def dealt(self, dialogue: Dialogue, count: int) -> list[Dialogue]:
        found = []
        for part, host in zip(
            np.array_split(np.arange(len(dialogue.turns)), count), self.synthetic(count), strict=True
        ):
            at = int(self.rng.integers(len(host.turns) + 1))
            found.append(replace(host, turns=(*host.turns[:at], *(dialogue.turns[i] for i in part), *host.turns[at:])))
        return found

    def some(self, records: Sequence[DialogueReal]) -> list[DialogueReal]:
        return [records[i] for i in self.rng.permutation(len(records))[: self.cases]]

    def run(self, seed: int) -> None:
        self.table.add(
            "strangers", self.rejects([r.payload for r in self.strangers]), [r.patient for r in self.strangers]
        )
        for count in DEALT:
            for who, records in (("", self.protected), ("stranger ", self.strangers)):
                chosen = self.some(records)
                cases = [self.dealt(record.payload, count) for record in chosen]
                names = [record.patient for record in chosen]
                self.table.add(f"{who}dealt over {count}", self.rejects([*map(DIALOGUE.cohorts.joined, cases)]), names)
                alone = [any(self.rejects(case)) for case in cases]
                self.table.add(f"{who}dealt over {count}, sessions alone", alone, names)
        for count in HONEST:
            names = [f"{seed} {i}" for i in range(self.cases)]
            made = [DIALOGUE.cohorts.joined(self.synthetic(count)) for _ in range(self.cases)]
            self.table.add(f"grammar {count}", self.rejects(made), names)
            self._honest(count, seed)

    def _honest(self, count: int, seed: int) -> None:
        kept = [
            r for r, no in zip(self.strangers, self.rejects([r.payload for r in self.strangers]), strict=True) if not no
        ]
        topics: dict[str, list[DialogueReal]] = defaultdict(list)
        for record in kept:
            topics[record.condition.disorder].append(record)
        crowded = [some for some in topics.values() if len(some) >= count]
        for kind, groups in ((f"{count} strangers", [kept]), (f"{count} strangers, one topic", crowded)):
            cases = []
            for _ in range(self.cases if groups and len(kept) >= count else 0):
                group = groups[self.rng.integers(len(groups))]
                cases.append(
                    DIALOGUE.cohorts.joined(
                        [group[i].payload for i in self.rng.choice(len(group), count, replace=False)]
                    )
                )
            self.table.add(kind, self.rejects(cases), [f"{seed} {i}" for i in range(len(cases))])


def run(options: argparse.Namespace) -> dict[str, list[Estimate]]:
    grammar = grammar_cases(6, options.out.parent / "dialogue_cases_grammar")
    results = {}
    for source in options.only or SOURCES:
        records, _ = linked(options.data, source)
        table, started = Table(), time.process_time()
        for seed in range(options.seeds):
            rng = np.random.default_rng([seed, 0xCA5E])
            chosen = tuple(records[i] for i in rng.permutation(len(records))[: options.patients])
            split = SplitConfig(train=0.4, calibration=0.35, audit=0.25, seed=seed)
            cohort = split_by_patient(Loaded(chosen, "", ""), split)
            filters = DIALOGUE.filters.open(cohort.train, DialogueConfig(), options.out.parent)
            gate = calibrate_gate(filters, cohort.train, cohort.calibration, ALPHA, seed)
            people = (one_record_each(part, seed) for part in (cohort.train, cohort.audit))
            Trial(gate, *people, grammar, table, options.cases, rng).run(seed)
            print(f"{source}, seed {seed}: {time.process_time() - started:.0f} s of computing", flush=True)
        results[source] = table.estimates()
        show(results[source])
    return results


def main() -> int:
    parser = asks(__doc__)
    parser.add_argument("--patients", type=int, default=300, help="patients of a split")
    parser.add_argument("--cases", type=int, default=12, help="cases of each kind and split")
    return written(parser, run)


if __name__ == "__main__":
    sys.exit(main())
