"""What the validator gets wrong on the lines written by hand, by its rules alone and with a model's judgement.

    python -m benchmarks.judged_lines --base MODEL

MODEL is a chat model in safetensors; without one the rules are measured alone. ``--data FILE`` (JSON lines of real
interviews) adds how often the rules turn down what real people said; nothing of it is printed but counts.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import yaml

from synthgen.generators.dialogue.conduct.relevance import Relevance, calibrated
from synthgen.generators.dialogue.conduct.repair import repaired
from synthgen.generators.dialogue.conduct.validate import (
    complaint,
    empty,
    enumerated,
    leaked_instruction,
    leaked_machinery,
    leaked_role,
    looping,
    not_said,
    other_role,
    placeholder,
    repeated,
    stage_direction,
)
from synthgen.generators.dialogue.config import InProcessConfig
from synthgen.generators.dialogue.realisers.protocol import Response
from synthgen.generators.dialogue.realisers.transformers import open_transformers
from synthgen.generators.dialogue.sampler import grammar_lines
from synthgen.payloads.dialogue import Speaker, Turn

TESTS = Path(__file__).parents[1] / "tests" / "generators" / "dialogue"
sys.path[:0] = [str(TESTS), str(TESTS.parents[1] / "helpers")]
from test_dialogue_lines import MOST_WORDS, before  # noqa: E402 (of the tests)

_ROLES: dict[str, Speaker] = {"doctor": "clinician", "patient": "patient"}


def is_taken(line: dict[str, Any], judge: Relevance | None) -> bool:
    """Whether the line is said: by the rules, and by the model where there is one."""
    session, response = before(line), Response(line["say"])
    text = repaired(response, session.speaker, MOST_WORDS)
    if complaint(session, text, response, max_words=MOST_WORDS) is not None:
        return False
    return judge is None or judge.reasons([(session, text)]) == [None]


def errors(name: str, judge: Relevance | None) -> str:
    """One line on a list of lines: good ones turned down, bad ones taken, by kind."""
    lines = yaml.safe_load((TESTS / f"lines_{name}.yaml").read_text("utf-8"))
    lost = sum(not is_taken(line, judge) for line in lines["good"])
    taken = Counter(line["kind"] for line in lines["bad"] if is_taken(line, judge))
    return (
        f"{name}: {lost} of {len(lines['good'])} good lines turned down, "
        f"{taken.total()} of {len(lines['bad'])} bad ones taken {dict(taken)}"
    )


def of_real_people(file: Path) -> str:
    """How often the rules that need no plan turn down an utterance of a real interview."""
    reasons: Counter[str] = Counter()
    utterances = 0
    for one in file.read_text("utf-8").splitlines():
        turns: list[Turn] = []
        for turn in json.loads(one)["turns"]:
            side = _ROLES.get(turn["role"])
            if side is None:
                continue
            text = repaired(Response(turn["text"]), side, 10_000)
            checks = (empty, leaked_machinery, leaked_role, placeholder, stage_direction, enumerated, not_said, looping)
            found = [reason for check in checks if (reason := check(text))]
            found += [r for r in (leaked_instruction(text), other_role(text, side), repeated(text, turns, side)) if r]
            reasons.update(found[:1])
            utterances += 1
            turns.append(Turn(side, turn["text"]))
    return f"{file.name}: {reasons.total()} of {utterances} utterances turned down {dict(reasons.most_common())}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--base", default="", help="chat model: folder or name")
    arguments.add_argument("--data", type=Path, nargs="*", default=[], help="JSON lines of real interviews")
    given = arguments.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for name in ("first", "second"):
        print("by rules,", errors(name, None), flush=True)
    for file in given.data:
        print(of_real_people(file), flush=True)
    if given.base:
        judge = calibrated(open_transformers(given.base, InProcessConfig(device="cpu")), grammar_lines())
        print(f"relevance: AUC {judge.auc:.2f} on the grammar's lines, limit {judge.limit:.2f}", flush=True)
        for name in ("first", "second"):
            print("with the model,", errors(name, judge), flush=True)


if __name__ == "__main__":
    main()
