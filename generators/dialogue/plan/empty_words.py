"""The words of a statement that tell it from another, without those that say nothing by themselves."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import Final

from synthgen.wordlists import WordLists, WordSet, word_lists

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class EmptyWords(WordLists):
    """``empty_words.yaml``."""

    empty: WordSet
    when_compared: WordSet
    when_chosen: WordSet
    telling: WordSet

    @cached_property
    def compared(self) -> frozenset[str]:
        return self.empty | self.when_compared

    @cached_property
    def chosen(self) -> frozenset[str]:
        return (self.compared | self.when_chosen) - self.telling


@cache
def empty_words() -> EmptyWords:
    """``empty_words.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "empty_words", EmptyWords)


def words_of(text: str) -> frozenset[str]:
    """The words of content, lower case."""
    return frozenset(_WORD.findall(text.lower())) - empty_words().chosen


def telling_words(text: str) -> frozenset[str]:
    """More of them, so that what is alike by these is alike for every reader."""
    return frozenset(_WORD.findall(text.lower())) - empty_words().compared
