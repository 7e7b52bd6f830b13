"""In which order a clinician makes the moves of a stage, as ``scripts.yaml`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Annotated

from synthgen.wordlists import WordLists, Words, with_keys, word_lists

Script = tuple[str, ...]
"""Moves in order. A question mark stands before those that may be left out."""


_ANY_TECHNIQUE = "Socratic questioning"


class Scripts(WordLists):
    """``scripts.yaml``."""

    stages: Mapping[str, Words]
    visit: Mapping[str, Words]
    techniques: Annotated[Mapping[str, Words], with_keys(_ANY_TECHNIQUE)]
    follow: Words
    deepen: Words
    further: Mapping[str, Words]
    visit_further: Words
    questions: Words
    told: Mapping[str, str]
    urgent: Words
    greetings: Words
    assess: Words
    plan: Words

    @cached_property
    def details(self) -> Mapping[str, str]:
        """Which further question each kind of detail answers."""
        return {kind: move for move, kind in self.told.items()}


@cache
def scripts() -> Scripts:
    """``scripts.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "scripts", Scripts)


def script(setting: str, stage: str, technique: str, number: int = 1) -> Script:
    """The moves of a stage, in order.

    Args:
        number: of the session; the first visit opens otherwise than those that follow.
    """
    if stage == "work":
        return scripts().techniques.get(technique, scripts().techniques[_ANY_TECHNIQUE])
    if setting == "visit":
        if stage == "assessment":
            return scripts().assess
        if stage in {"examination", "plan"}:
            return (*scripts().plan, "plan_repeat") if stage == "plan" else ()
        if stage == "opening" and number > 1:
            return ("greet_return", "?open_more")
        return scripts().visit.get(stage, ())
    return scripts().stages.get(stage, ())


def every(setting: str, stage: str, technique: str) -> tuple[str, ...]:
    """All moves that may have been made in a stage."""
    own = tuple(move.removeprefix("?") for move in script(setting, stage, technique))
    if setting != "visit":
        return own + scripts().follow + scripts().deepen + scripts().further.get(stage, ())
    return own + (("greet_return",) if stage == "opening" else ()) + scripts().visit_further
