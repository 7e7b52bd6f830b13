"""What the two sides listen for in each other's words, as ``listening.yaml`` has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property

from synthgen.generators.dialogue.plan.compose import content
from synthgen.wordlists import Lines, Phrases, WordLists, alternatives, word_lists


class Listening(WordLists):
    """``listening.yaml``."""

    undone: Lines
    good: Lines
    bad: Phrases
    tender: Lines
    comfort: Phrases
    praise: Phrases
    next_time: Phrases
    not_to_do: Phrases
    opened: Phrases
    lower: Mapping[str, str]

    @cached_property
    def undone_said(self) -> re.Pattern[str]:
        return re.compile(alternatives(self.undone))

    @cached_property
    def good_said(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{alternatives(self.good)})\b")

    @cached_property
    def bad_said(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{alternatives(self.bad)})\b")

    @cached_property
    def next_time_said(self) -> re.Pattern[str]:
        return re.compile(rf"(?:{alternatives(self.next_time)})\b")

    @cached_property
    def to_do_said(self) -> re.Pattern[str]:
        """How a proposal begins that is for the patient to do."""
        return re.compile(rf"(?!(?:{alternatives(self.not_to_do)})\b)")

    @cached_property
    def opened_said(self) -> re.Pattern[str]:
        return re.compile(rf"(?:{alternatives(self.opened)})\b")


@cache
def listening() -> Listening:
    """``listening.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "listening", Listening)


@cache
def technique_spoken(technique: str) -> str:
    """How a technique is spoken of; its name where the plan's content does not say."""
    rules = content("techniques").rules
    return str(rules[f"{technique}.spoken"][0].parts[0]) if f"{technique}.spoken" in rules else technique
