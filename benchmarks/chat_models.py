"""Sessions of a real chat model: how many come to an end, and for what its answers are turned down.

    python -m benchmarks.chat_models --base MODEL --sessions 24 --out chat_models.json
    python -m benchmarks.chat_models --base NAME --url http://127.0.0.1:8000/v1 --sessions 24

MODEL is a folder with a chat model in safetensors, or a hub name; ``--adapter`` is what ``synthgen fit`` has put into
``adapter/`` of its model folder. Plans, prompts, checks, further tries and new starts are those of a run; the sessions
are short, so that a CPU can hold them. A run that was stopped goes on where it was: its answers lie in ``--work``,
which is private where the model was tuned on transcripts.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import time
from dataclasses import asdict
from pathlib import Path

import torch

from synthgen.estimates import clopper_pearson
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.conduct.tally import ACCEPTED, Tally
from synthgen.generators.dialogue.config import ConductConfig, GeneratorConfig, InProcessConfig, ServerConfig
from synthgen.generators.dialogue.config import SamplingConfig as Drawn
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.realisers.protocol import Realiser
from synthgen.generators.dialogue.sampler import DialogueGenerator, is_failed, planner
from synthgen.payloads.dialogue import Dialogue
from synthgen.records import JsonValue, Request


def opened(given: argparse.Namespace) -> Realiser:
    """The chat model: behind a server where one is named, in this process otherwise."""
    if given.url:
        from synthgen.generators.dialogue.realisers.openai import open_openai

        return open_openai(given.base, ServerConfig(url=given.url, concurrency=given.concurrency, draws=given.draws))
    from synthgen.generators.dialogue.realisers.transformers import open_transformers

    adapter = None if given.adapter is None else Path(given.adapter)
    return open_transformers(given.base, InProcessConfig(device="cpu"), adapter, sessions=given.sessions)


def conducted(realiser: Realiser, given: argparse.Namespace) -> tuple[list[Dialogue], Tally]:
    """The finished sessions, and the counts of the run."""
    low, high = given.utterances
    settings = {"therapy": 1.0, "visit": 1.0} if given.setting == "both" else {given.setting: 1.0}
    plan = PlanConfig(utterances=(low, high), sessions=1, settings=settings)
    config = GeneratorConfig(
        plan=plan,
        sampling=Drawn(max_tokens=given.tokens, temperature=given.temperature),
        conduct=ConductConfig(
            tries=given.tries, restarts=given.restarts, batch=given.sessions, relevance=not given.no_relevance
        ),
    )
    work = Path(given.work) if given.work else None
    generator = DialogueGenerator(
        realiser=realiser,
        plan=planner(plan),
        config=config,
        identity=f"{given.base} {given.adapter}",
        scratch=work,
        segment=1 if given.url else config.in_process.segment,
    )
    condition = condition_sampler(plan)
    made = generator([Request(slot, condition(slot, given.seed)) for slot in range(given.sessions)])
    return [one.payload for one in made if not is_failed(one.payload)], generator.tally


def report(sessions: list[Dialogue], tally: Tally, seconds: float) -> dict[str, JsonValue]:
    """What is written down: no word of a session."""
    answers = sum(tally.answers.values())
    lengths = sorted(len(session.turns) for session in sessions)
    low, high = clopper_pearson(tally.answers[ACCEPTED], answers)
    return {
        "started": tally.started,
        "finished": len(sessions),
        "utterances": sum(lengths),
        "shortest": lengths[0] if lengths else 0,
        "answers": dict(tally.answers.most_common()),
        "accepted": tally.answers[ACCEPTED] / max(1, answers),
        "accepted_interval": [low, high],
        "cpu_seconds": round(seconds, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def table(found: dict[str, JsonValue], tally: Tally) -> str:
    """The report as lines of a Markdown table."""
    answers = sum(tally.answers.values())
    rows = [f"| {reason} | {count} | {count / answers:.1%} |" for reason, count in tally.answers.most_common()]
    head = (
        f"{found['started']} starts, {found['finished']} finished sessions of {found['shortest']} utterances and more, "
        f"{found['utterances']} utterances; {answers} answers in {found['cpu_seconds']} s of CPU, "
        f"{found['peak_gib']} GiB"
    )
    return "\n".join([head, "", "| answer | n | share |", "| --- | ---: | ---: |", *rows])


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--base", required=True, help="chat model: folder or name")
    arguments.add_argument("--adapter", help="folder of a PEFT adapter")
    arguments.add_argument("--url", default="", help="of an OpenAI-compatible server")
    arguments.add_argument("--draws", action="store_true", help="the server is transformers serve: have it draw")
    arguments.add_argument("--concurrency", type=int, default=8, help="requests under way at once, with --url")
    arguments.add_argument("--sessions", type=int, default=24)
    arguments.add_argument("--utterances", type=int, nargs=2, default=(16, 20), metavar=("LEAST", "MOST"))
    arguments.add_argument("--setting", choices=["therapy", "visit", "both"], default="both")
    arguments.add_argument("--tries", type=int, default=8)
    arguments.add_argument("--restarts", type=int, default=2)
    arguments.add_argument("--tokens", type=int, default=60, help="most tokens of an answer")
    arguments.add_argument("--temperature", type=float, default=0.8)
    arguments.add_argument("--no-relevance", action="store_true", help="do not ask whether utterances are answers")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--work", default="", help="private folder for answers and traces; a run goes on from it")
    arguments.add_argument("--out", default="", help="JSON with the counts")
    arguments.add_argument("--texts", default="", help="file for the sessions' words: private where the model is tuned")
    given = arguments.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    realiser = opened(given)
    cpu = time.process_time()
    sessions, tally = conducted(realiser, given)
    found = report(sessions, tally, time.process_time() - cpu)
    print(table(found, tally), flush=True)
    if given.out:
        Path(given.out).write_text(json.dumps({"arguments": vars(given), **found}, indent=1) + "\n")
    if given.texts:
        Path(given.texts).write_text("".join(json.dumps(asdict(one)) + "\n" for one in sessions))


if __name__ == "__main__":
    main()
