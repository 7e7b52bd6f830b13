"""The validator on lines written by hand, good and bad: what it may get wrong by its rules alone.

What belongs to another subject or to the other side without saying so in words is not for the rules to find: see
``benchmarks.judged_lines``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hand_arc import hand_arc

from synthgen.generators.dialogue.conduct.repair import repaired
from synthgen.generators.dialogue.conduct.session import Brief, Session, begin
from synthgen.generators.dialogue.conduct.validate import complaint
from synthgen.generators.dialogue.realisers.protocol import Response
from synthgen.payloads.dialogue import Speaker, Turn

MOST_WORDS = 160


def before(line: dict[str, Any]) -> Session:
    """The session in which the line would be said next."""
    by: Speaker = line["by"]
    other: Speaker = "patient" if by == "clinician" else "clinician"
    turns: list[Turn] = []
    for number, own in enumerate(line.get("earlier", ())):
        turns += [Turn(by, own), Turn(other, f"And {number} what of that then?")]
    turns = [*turns[:-1], Turn(other, line["after"])]
    if turns[0].speaker == "patient":
        turns.insert(0, Turn("clinician", "Hello there."))
    return replace(begin(Brief(hand_arc(), 1, 1)), turns=tuple(turns))


def is_taken(line: dict[str, Any]) -> bool:
    session, response = before(line), Response(line["say"])
    assert session.speaker == line["by"]
    text = repaired(response, session.speaker, MOST_WORDS)
    return complaint(session, text, response, max_words=MOST_WORDS) is None


@pytest.mark.parametrize(("name", "missed"), [("first", 7), ("second", 13)])
def test_good_lines_are_taken_and_bad_ones_are_not(name: str, missed: int) -> None:
    lines = yaml.safe_load(Path(__file__).with_name(f"lines_{name}.yaml").read_text("utf-8"))
    assert [line["say"] for line in lines["good"] if not is_taken(line)] == []
    taken = [line for line in lines["bad"] if is_taken(line)]
    assert len(taken) <= missed
    meaning = {"off-topic", "role"}
    assert len([line for line in taken if line["kind"] not in meaning]) <= 2
