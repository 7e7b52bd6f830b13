"""Dialogues per hour in lock-step against one at a time: the same model, the same sessions, one process.

The model has random weights and the shape of a small chat model (Phi's architecture, 8 layers of width 512, 32,000
tokens: 58 million parameters), so that a token costs what it costs; its words mean nothing, and the planned disclosures
are left out, for it could not tell them. Sessions, prompts, validation and retries are those of a real run.

    python benchmarks/lockstep.py --sessions 16 --alone 2
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

from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.session import Brief
from synthgen.generators.dialogue.config import ConductConfig, InProcessConfig
from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.generators.dialogue.realisers.protocol import Request, Response, Sampling
from synthgen.generators.dialogue.realisers.transformers import TransformersRealiser, open_transformers
from synthgen.modalities.dialogue.types import Dialogue

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "generators" / "dialogue"))
from tiny_chat import save_tiny_chat


class Counted:
    """Counts the answers that a realiser gives."""

    def __init__(self, realiser: TransformersRealiser) -> None:
        self.realiser, self.answers, self.batches = realiser, 0, 0

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.answers, self.batches = self.answers + len(requests), self.batches + 1
        return self.realiser.generate(requests)


def brief(seed: int, utterances: int) -> Brief:
    """A session of therapy without disclosures, ``utterances`` to ``utterances`` + 4 long."""
    config = PlanConfig(utterances=(utterances, utterances + 4))
    arc = plan_case(seed, setting="therapy", disorder="panic", severity="moderate", sessions=4, config=config)
    first = arc.sessions[0]
    plan = replace(first, stages=tuple(replace(stage, disclosures=()) for stage in first.stages))
    return Brief(CaseArc(replace(arc.patient, facts=()), (plan, *arc.sessions[1:])), 1, seed)


def timed(groups: Sequence[Sequence[Brief]], realiser: TransformersRealiser, tokens: int) -> tuple[float, int]:
    """Seconds per dialogue, and utterances per dialogue, when each group advances together."""
    counted, utterances, dialogues = Counted(realiser), 0, 0
    start = time.perf_counter()
    for group in groups:
        realiser.forget()
        for result in conduct_sessions(group, counted, ConductConfig(tries=60), sampling=Sampling(tokens, 1.0, 1.0)):
            if not isinstance(result, Dialogue):
                raise SystemExit(f"a session was given up: {dict(result.reasons)}")
            utterances, dialogues = utterances + len(result.turns), dialogues + 1
    seconds = time.perf_counter() - start
    print(
        f"{len(groups)} × {len(groups[0])} sessions: {seconds:.1f} s, {utterances} utterances, {counted.answers} answers "
        f"in {counted.batches} batches; {3600 * dialogues / seconds:.0f} dialogues per hour",
        flush=True,
    )
    return seconds / dialogues, utterances // dialogues


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--sessions", type=int, default=16, help="sessions in lock-step")
    arguments.add_argument("--alone", type=int, default=2, help="of these, sessions that also run one at a time")
    arguments.add_argument("--utterances", type=int, default=62, help="utterances of a session, about")
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
            length=20,
            vocabulary=given.vocabulary,
        )
        config = InProcessConfig(device="cpu", dtype="float32", reuse_cache=not given.no_reuse)
        realiser = open_transformers(str(base), config, sessions=given.sessions)
    print(f"{given.layers} layers × {given.width}, {given.vocabulary} tokens; torch {torch.__version__}, 1 thread")
    briefs = [brief(seed, given.utterances) for seed in range(given.sessions)]
    together, _ = timed([briefs], realiser, 60)
    alone, _ = timed([[one] for one in briefs[: given.alone]], realiser, 60)
    print(f"lock-step gives {alone / together:.2f} × the dialogues per hour of one at a time")


if __name__ == "__main__":
    main()
