"""What a voice says once, neutrally, to be measured: three phrases with the fall of F0 that phrases of a turn have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from synthgen.generators.speech.text import script_of
from synthgen.wordlists import Lines, word_lists


@cache
def _by_script() -> Mapping[str, Lines]:
    return word_lists(__package__, "calibration", dict[str, Lines])


def phrases(language: str) -> tuple[str, ...]:
    """The phrases in the script of a language (BCP-47); together they are a sentence."""
    return _by_script()[script_of(language)]
