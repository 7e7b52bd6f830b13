"""Visits of invented people: a common order of questions, everybody's own answers."""

from __future__ import annotations

import numpy as np

from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.records import Real

_QUESTIONS = (
    "What brings you in today?",
    "How long has this been going on for?",
    "Have you tried anything for it?",
    "Any fever or chills?",
    "Do you take any medications?",
    "Who do you live with?",
    "How have you been sleeping?",
    "Is there anything else you would like to tell me?",
)
_THINGS = [
    "knee",
    "shoulder",
    "back",
    "chest",
    "throat",
    "elbow",
    "ankle",
    "stomach",
    "head",
    "hip",
    "neck",
    "wrist",
    "ear",
    "eye",
    "tooth",
    "skin",
]
_DEEDS = [
    "gardening",
    "swimming",
    "driving",
    "cooking",
    "painting",
    "lifting",
    "cycling",
    "reading",
    "sewing",
    "climbing",
    "dancing",
    "fishing",
]
_PEOPLE = [
    "husband",
    "daughter",
    "neighbour",
    "cousin",
    "sister",
    "landlord",
    "friend",
    "nephew",
    "grandson",
    "flatmate",
    "uncle",
    "mother",
]
_WHEN = [
    "morning",
    "evening",
    "winter",
    "weekend",
    "Tuesday",
    "holiday",
    "lunch",
    "night",
    "shift",
    "breakfast",
    "week",
    "journey",
]


def visit(seed: int) -> Dialogue:
    """One visit of 16 turns."""
    rng = np.random.default_rng(seed)

    def one(words: list[str]) -> str:
        return words[rng.integers(len(words))]

    turns: list[Turn] = []
    for question in _QUESTIONS:
        parts = [
            f"my {one(_THINGS)} hurts when I go {one(_DEEDS)} in the {one(_WHEN)}",
            f"I told my {one(_PEOPLE)} about the {one(_THINGS)} and {one(_DEEDS)} after {one(_WHEN)}",
            f"it was {rng.integers(2, 90)} days before the {one(_WHEN)} that my {one(_PEOPLE)} went {one(_DEEDS)}",
            f"I stopped {one(_DEEDS)} because of the {one(_THINGS)}, and so did my {one(_PEOPLE)}",
        ]
        chosen = [parts[i] for i in rng.permutation(len(parts))[:2]]
        turns += [Turn("clinician", question), Turn("patient", f"Well, {chosen[0]}. And {chosen[1]}.")]
    return Dialogue(tuple(turns))


def people(count: int, first: int = 0) -> list[DialogueReal]:
    """Records of ``count`` people, one each."""
    return [
        Real(f"p{i:03d}", f"v{i:03d}", DialogueCondition("visit", "pain"), visit(i))
        for i in range(first, first + count)
    ]
