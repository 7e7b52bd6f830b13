"""The stages of a session, and how its utterances are shared out among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from pydantic import ConfigDict

from synthgen.generators.dialogue.plan.compose import CONTENT
from synthgen.generators.dialogue.plan.types import Stage
from synthgen.wordlists import WordLists, word_lists


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage before its length is known.

    Attributes:
        usual: utterances in a session of about seventy; ``least`` those without which it makes no sense.
        facts: most facts that are disclosed in it.
        spare: whether a short session does without it.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    name: str
    usual: int
    goal: str = ""
    least: int = 2
    facts: int = 0
    spare: bool = False


class Parts(WordLists):
    """``content/stages.yaml``."""

    intake: tuple[StagePlan, ...]
    later: tuple[StagePlan, ...]
    risk: StagePlan
    risk_again: StagePlan
    alliance: tuple[StagePlan, ...]
    visit: tuple[StagePlan, ...]
    return_visit: tuple[StagePlan, ...]


@cache
def parts() -> Parts:
    """``content/stages.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(CONTENT, "stages", Parts)


def share_out(parts: tuple[StagePlan, ...], target: int) -> list[tuple[StagePlan, int]]:
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
    shares: list[tuple[StagePlan, int]], most: Mapping[str, int], into: Sequence[str]
) -> list[tuple[StagePlan, int]]:
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


def stage(part: StagePlan, length: int, goal: str = "", **values: object) -> Stage:
    """A stage of ``length`` utterances exactly, but the closing may be one longer."""
    return Stage(part.name, goal or part.goal, (length, length), **values)  # type: ignore[arg-type]
