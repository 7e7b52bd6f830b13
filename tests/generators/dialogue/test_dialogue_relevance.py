from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_arc import Puppet, hand_arc
from tiny_chat import save_tiny_chat

from synthgen.generators.dialogue.conduct.lockstep import conduct_sessions
from synthgen.generators.dialogue.conduct.prompts import OPENING
from synthgen.generators.dialogue.conduct.relevance import Line, Relevance, calibrated, line_of
from synthgen.generators.dialogue.conduct.session import Brief, begin
from synthgen.generators.dialogue.conduct.validate import words
from synthgen.generators.dialogue.config import ConductConfig, InProcessConfig
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Response, Weighing
from synthgen.generators.dialogue.realisers.transformers import open_transformers
from synthgen.generators.dialogue.sampler import grammar_lines
from synthgen.payloads.dialogue import Dialogue

TOPICS = (
    "my garden is wet",
    "our kitchen is cold",
    "that street is loud",
    "this night was long",
    "a brother of mine left",
)
LINES = [
    Line("therapy", "patient", f"Tell me, how about {topic} {n}?", f"Well, {topic} {n}, to be sure.")
    for n in range(6)
    for topic in TOPICS
]


class Overlap:
    """Finds an answer likely by the words that it shares with what was said."""

    def log_likelihoods(self, answers: Sequence[tuple[tuple[Message, ...], str]]) -> list[float]:
        return [
            len({*words(text)} & {*words(messages[-1].content)}) / len(words(text)) - 1.0 for messages, text in answers
        ]


class NoRevenue:
    """Finds talk of revenue unlikely behind anything but the beginning of a session."""

    def log_likelihoods(self, answers: Sequence[tuple[tuple[Message, ...], str]]) -> list[float]:
        return [-float("revenue" in text and messages[-1].content != OPENING) for messages, text in answers]


class Deaf:
    """Finds every answer likely by its length alone, whatever was said."""

    def log_likelihoods(self, answers: Sequence[tuple[tuple[Message, ...], str]]) -> list[float]:
        return [-float(len(text)) for _, text in answers]


def test_likelihoods_are_those_of_the_model_alone_and_in_company(tmp_path: Path) -> None:
    folder = save_tiny_chat(tmp_path / "tiny", hidden=32, spread=30.0, seed=1)
    realiser = open_transformers(str(folder), InProcessConfig(device="cpu", dtype="float32"))
    assert isinstance(realiser, Weighing)
    asked = [
        ((Message("system", "you are a doctor"), Message("user", f"i feel {word} " * n)), f"{word} and tired , yes")
        for n, word in enumerate(("sad", "calm", "worried", "quiet", "alone"), 1)
    ]
    together = realiser.log_likelihoods(asked)
    assert together == pytest.approx([realiser.log_likelihoods([one])[0] for one in asked], abs=1e-4)
    messages, text = asked[2]
    prompt = realiser._encode(messages).tolist()
    said = realiser._tokenizer(text, add_special_tokens=False)["input_ids"]
    logits = realiser._model(torch.tensor([prompt + said])).logits[0].log_softmax(-1)
    by_hand = [float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(said)]
    assert together[2] == pytest.approx(np.mean(by_hand), abs=1e-4)


def test_a_model_that_hears_tells_answers_from_other_words() -> None:
    judge = calibrated(Overlap(), LINES)
    assert judge.auc > 0.9 and math.isfinite(judge.limit)
    session = begin(Brief(hand_arc(), 1, 1)).with_turn("Tell me, how about that garden of yours?", ())
    good, bad = "That garden of mine? Me, how?", "Quarterly revenue rose by four per cent."
    assert judge.limit > 0.2
    judge = replace(judge, limit=0.2)
    assert judge.reasons([(session, good), (session, bad)]) == [None, "does not answer what was said"]
    assert judge.reasons([(session, "Not really."), (session, good)]) == [None, None]  # too short to be judged


def test_a_model_that_does_not_hear_is_not_asked() -> None:
    judge = calibrated(Deaf(), LINES)
    assert judge.auc == pytest.approx(0.5) and judge.limit == -math.inf
    session = begin(Brief(hand_arc(), 1, 1)).with_turn("How are you?", ())
    assert judge.reasons([(session, "Quarterly revenue rose by four per cent.")]) == [None]
    assert calibrated(Overlap(), LINES[:19]).limit == -math.inf


def test_farewells_and_facts_that_are_due_need_not_answer() -> None:
    session = begin(Brief(hand_arc(), 1, 1))
    assert line_of(session, "Good morning, how have you been?") is None  # nothing was said before
    while not session.due or session.speaker != "patient":
        session = session.with_turn(f"Filler {len(session.turns)} of this turn.", ())
    assert line_of(session, "It was tractor number 1, you know.") is None
    assert line_of(session, "I slept in the garden again.") is not None
    last = replace(session, turns=(*session.turns, *session.turns[-1:] * (len(session.slots) - len(session.turns) - 2)))
    assert line_of(last, "Goodbye then, and thank you.") is None


def test_what_does_not_answer_is_tried_again() -> None:
    spoilt: list[int] = []

    def spoil(request: Prompt, text: str) -> Response:
        assert request.view is not None
        if len(request.view.transcript) == 3 and len(spoilt) < 2:
            spoilt.append(request.seed)
            return Response(f"Quarterly revenue rose by {len(spoilt)} per cent.")
        return Response(f"Well, things and so on. {text}")

    judge = Relevance(NoRevenue(), -0.5, 1.0)
    (made,) = conduct_sessions([Brief(hand_arc(), 1, 3)], Puppet(spoil), ConductConfig(), relevance=judge)
    assert isinstance(made, Dialogue) and len(spoilt) == 2 and "revenue" not in made.text


def test_the_grammars_lines_are_the_same_whoever_asks() -> None:
    lines = grammar_lines()
    assert lines == grammar_lines() and 20 <= len(lines) <= 48
    assert {line.speaker for line in lines} == {"clinician", "patient"}
