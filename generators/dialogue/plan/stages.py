"""The stages of a session, and how its utterances are shared out among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from synthgen.generators.dialogue.plan.types import Stage


@dataclass(frozen=True, slots=True)
class Part:
    """A stage before its length is known.

    Attributes:
        usual: utterances in a session of about seventy; ``least`` those without which it makes no sense.
        facts: most facts that are disclosed in it.
        spare: whether a short session does without it.
    """

    name: str
    goal: str
    usual: int
    least: int = 2
    facts: int = 0
    spare: bool = False


INTAKE: Final = (
    Part(
        "opening",
        "Welcome the client, say how the hour goes and that it is confidential, and ask what brings them.",
        6,
        4,
    ),
    Part("problem", "Let the client tell the difficulty: how it began, and what it is like now.", 12, 2, 3),
    Part("daily life", "Learn how sleep, the days, home and pleasures are affected.", 16, 2, 5),
    Part(
        "background",
        "Ask about earlier episodes, help in the past and the family; ask briefly about safety.",
        10,
        2,
        3,
        True,
    ),
    Part(
        "formulation",
        "Go through one recent situation: event, thought, feeling, body, behaviour; draw the circle.",
        16,
        2,
        0,
        True,
    ),
    Part("goals", "Find out what the client hopes for, and agree on goals.", 6, 2, 1, True),
    Part("homework", "Agree on a small task until next time, and on when and where it will be done.", 6, 2),
    Part("closing", "Sum up, ask how the session was, and say goodbye.", 5, 3),
)
LATER: Final = (
    Part("check-in", "Greet the client, ask about the week and the mood, and link to last time.", 10, 2, 2),
    Part("agenda", "Agree on what to do today.", 4, 2, 0, True),
    Part("homework review", "Ask how the homework went, what was noticed, and what got in the way.", 8, 2),
    Part("exploration", "Ask further about what matters, and understand it.", 14, 2, 4, True),
    Part("work", "", 26, 4),
    Part("homework", "Agree on a task until next time; foresee what may get in the way.", 8, 2),
    Part("closing", "Sum up, ask how the session was, and say goodbye.", 5, 3),
)
RISK: Final = Part(
    "risk check",
    "Ask openly about thoughts of death or self-harm: plans, means, what protects; agree what "
    "to do and whom to call if they grow stronger.",
    10,
    6,
)
RUPTURE: Final = Part(
    "rupture", "Notice that something is wrong between you, ask about it, and take it seriously.", 6, 4
)
REPAIR: Final = Part("repair", "Own your share of what went wrong, and agree how to go on together.", 6, 4)
VISIT: Final = (
    Part("opening", "Greet the patient and ask what brings them.", 4, 2),
    Part("history", "Take the history of the complaint.", 26, 4, 10),
    Part(
        "background",
        "Ask about past illnesses, medicines, allergies, family, smoking, alcohol, work and home.",
        14,
        2,
        6,
        True,
    ),
    Part("concerns", "Ask what the patient fears it is, and hopes for.", 6, 2, 2, True),
    Part("examination", "", 10, 2),
    Part("assessment", "", 6, 2),
    Part("plan", "", 10, 4),
    Part("closing", "Say what to watch for and when to come back, answer questions, and say goodbye.", 7, 3),
)
RETURN: Final = (
    Part("opening", "Greet the patient and ask how things have been since last time.", 4, 4, 1),
    Part("progress", "Ask how the complaint has been, and what has changed.", 18, 4, 9),
    Part(
        "treatment",
        "Ask how the treatment has gone: whether it is taken, what it does, what troubles.",
        8,
        2,
        5,
        True,
    ),
    Part("background", "Ask about the rest: sleep, appetite, mood, work, home, other medicines.", 10, 2, 9, True),
    Part("examination", "", 8, 2),
    Part("assessment", "", 6, 2),
    Part("plan", "", 12, 4),
    Part("closing", "Say what to watch for and when to come back, answer questions, and say goodbye.", 7, 3),
)


def share_out(parts: tuple[Part, ...], target: int) -> list[tuple[Part, int]]:
    """Parts with their utterances: even numbers, but for the closing's, that add up to ``target``, which must be odd.

    A session that is too short for all parts leaves out spare ones, the longest first.
    """
    kept = list(parts)
    while sum(part.least for part in kept) > target and any(part.spare for part in kept):
        kept.remove(max((part for part in kept if part.spare), key=lambda part: part.least * 100 + part.usual))
    usual = sum(part.usual for part in kept)
    lengths = [max(part.least, _even(part.usual * target / usual)) for part in kept]
    lengths[-1] += 1 - lengths[-1] % 2
    while sum(lengths) != target:
        step = 2 if sum(lengths) < target else -2
        open_to = [i for i, part in enumerate(kept) if lengths[i] + step >= part.least]
        if not open_to:
            break
        # The one that lies farthest from its share gives or takes.
        worst = max(open_to, key=lambda i: step * (kept[i].usual * target / usual - lengths[i]))
        lengths[worst] += step
    return list(zip(kept, lengths, strict=True))


def no_longer_than(
    shares: list[tuple[Part, int]], most: Mapping[str, int], into: Sequence[str]
) -> list[tuple[Part, int]]:
    """The same utterances, with what a stage has no use for given in turns to the stages ``into`` that are there.

    Args:
        most: even numbers of utterances that can be filled, by stage.
    """
    open_to = [name for name in into if any(part.name == name for part, _ in shares)]
    if not open_to:
        return shares
    lengths = {part.name: min(length, max(part.least, most.get(part.name, length))) for part, length in shares}
    spare = (sum(length for _, length in shares) - sum(lengths.values())) // 2
    for turn in range(spare):
        lengths[open_to[turn % len(open_to)]] += 2
    return [(part, lengths[part.name]) for part, _ in shares]


def _even(x: float) -> int:
    return 2 * round(x / 2)


def stage(part: Part, length: int, goal: str = "", **values: object) -> Stage:
    """A stage of ``length`` utterances exactly, but the closing may be one longer."""
    return Stage(part.name, goal or part.goal, (length, length), **values)  # type: ignore[arg-type]
