"""Dialogues per hour in lock-step against one at a time, and what the filters add: one model, the same sessions.

The model has random weights and the proportions of a chat model: Phi's architecture, 8 layers of width 512, 8 heads
with 2 of keys and values, 8,192 between, 32,000 tokens, bfloat16: 105 million parameters, and keys and values of 4 kB a
token, which is the share of the weights that a model of four billion has. So a token costs what it costs; the words
mean nothing, and the planned disclosures are left out, for it could not tell them. Sessions, prompts, validation and
retries are those of a real run.

    python benchmarks/lockstep.py --sessions 32 --alone 1 --utterances 12
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.session import Brief
from synthgen.generators.dialogue.config import ConductConfig, GeneratorConfig, InProcessConfig
from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.generators.dialogue.realisers.protocol import Prompt, Response, Sampling
from synthgen.generators.dialogue.realisers.template import TemplateRealiser
from synthgen.generators.dialogue.realisers.transformers import TransformersRealiser, open_transformers
from synthgen.generators.dialogue.sampler import DialogueGenerator, planner
from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.filters import DialogueFilters
from synthgen.privacy_filters.dialogue.identifiers import IdentifierConfig, IdentifierRule
from synthgen.privacy_filters.dialogue.rare_facts import RareFacts
from synthgen.records import Request

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from tiny_chat import save_tiny_chat


class Counted:
    """Counts the answers that a realiser gives."""

    def __init__(self, realiser: TransformersRealiser) -> None:
        self.realiser, self.answers, self.batches = realiser, 0, 0

    def generate(self, requests: Sequence[Prompt]) -> list[Response]:
        self.answers, self.batches = self.answers + len(requests), self.batches + 1
        return self.realiser.generate(requests)


def brief(seed: int, utterances: int) -> Brief:
    """A session of therapy without disclosures, ``utterances`` to ``utterances`` + 4 long."""
    config = PlanConfig(utterances=(utterances, utterances + 4))
    arc = plan_case(seed, setting="therapy", disorder="panic", severity="moderate", sessions=4, config=config)
    first = arc.sessions[0]
    plan = replace(first, stages=tuple(replace(stage, disclosures=()) for stage in first.stages))
    return Brief(CaseArc(replace(arc.patient, facts=()), (plan, *arc.sessions[1:])), 1, seed)


def timed(groups: Sequence[Sequence[Brief]], realiser: TransformersRealiser, tokens: int) -> float:
    """Seconds of CPU per dialogue when each group advances together: the clock counts what else the machine does."""
    counted, utterances, dialogues = Counted(realiser), 0, 0
    start, cpu = time.perf_counter(), time.process_time()
    for group in groups:
        realiser.forget()
        for result in conduct_sessions(group, counted, ConductConfig(tries=60), sampling=Sampling(tokens, 1.0, 1.0)):
            if not isinstance(result, Dialogue):
                raise SystemExit(f"a session was given up: {dict(result.reasons)}")
            utterances, dialogues = utterances + len(result.turns), dialogues + 1
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{len(groups)} × {len(groups[0])} sessions: {cpu:.1f} s of CPU ({seconds:.1f} s by the clock), {utterances} "
        f"utterances, {counted.answers} answers in {counted.batches} batches; "
        f"{3600 * dialogues / cpu:.0f} dialogues per hour of CPU",
        flush=True,
    )
    return cpu / dialogues


def judging(count: int) -> float:
    """Seconds of CPU to judge a session, over 240 training patients with a session of equal length each.

    All filters and the rule of identifiers; what is loaded once, and indexed once, is not counted.
    """
    plan = PlanConfig(utterances=(62, 90), sessions=1)
    condition = condition_sampler(plan)
    generator = DialogueGenerator(
        realiser=TemplateRealiser(), plan=planner(plan), config=GeneratorConfig(plan=plan), segment=0
    )
    asked = [Request(slot, condition(slot, 1)) for slot in range(240 + 2 * count)]
    dialogues = [sample.payload for sample in generator(asked)]
    train, patients = dialogues[:240], [str(i) for i in range(240)]
    filters = DialogueFilters.over(train, patients, None, (RareFacts.over,))
    rule = IdentifierRule(IdentifierConfig())
    for part in (dialogues[240 : 240 + count], dialogues[240 + count :]):  # the first loads what is loaded once
        cpu = time.process_time()
        filters.scores(part)
        rule(part)
        seconds = time.process_time() - cpu
    return seconds / count


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--sessions", type=int, default=32, help="sessions in lock-step")
    arguments.add_argument("--alone", type=int, default=1, help="of these, sessions that also run one at a time")
    arguments.add_argument("--utterances", type=int, default=12, help="utterances of a session, about")
    arguments.add_argument("--layers", type=int, default=8)
    arguments.add_argument("--width", type=int, default=512)
    arguments.add_argument("--vocabulary", type=int, default=32_000)
    arguments.add_argument("--no-reuse", action="store_true", help="compute the whole prompt at every turn")
    given = arguments.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        base = save_tiny_chat(
            Path(folder),
            say=("thanks",),
            hidden=given.width,
            layers=given.layers,
            length=22,
            vocabulary=given.vocabulary,
            heads=(given.width // 64, max(1, given.width // 256)),
            feedforward=16 * given.width,
            dtype=torch.bfloat16,
        )
        config = InProcessConfig(device="cpu", dtype="bfloat16", reuse_cache=not given.no_reuse)
        realiser = open_transformers(str(base), config, sessions=given.sessions)
    size = sum(weight.numel() for weight in realiser._model.parameters()) / 1e6
    print(
        f"{given.layers} layers × {given.width}, {size:.0f} million parameters, bfloat16; "
        f"torch {torch.__version__}, 1 thread"
    )
    briefs = [brief(seed, given.utterances) for seed in range(given.sessions)]
    together = timed([briefs], realiser, 60)
    alone = timed([[one] for one in briefs[: given.alone]], realiser, 60)
    print(f"lock-step gives {alone / together:.2f} × the dialogues per hour of one at a time")
    filters = judging(40)
    share = filters / (filters + together)
    print(
        f"judging takes {filters:.3f} s of CPU per session of 62 to 90 utterances, "
        f"{share:.1%} of such a run, though its "
        f"sessions have {given.utterances} to {given.utterances + 4}"
    )


if __name__ == "__main__":
    main()
