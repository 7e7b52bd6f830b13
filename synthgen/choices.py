"""Words that a user chooses from a list: in any case of letters, with a suggestion where one is misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from synthgen.errors import UserError


def chosen(word: str, known: Iterable[str], refusal: str) -> str:
    """The one of ``known`` that ``word`` is, letters' case apart.

    Args:
        refusal: what is wrong with a word that is none of them, e.g. ``"no modality 'ct'"``.

    Raises:
        UserError: the refusal, the words that there are, and the one that is meant where it can be guessed.
    """
    words = list(known)
    for one in words:
        if one.casefold() == word.casefold():
            return one
    raise UserError(f"{refusal}: give one of {', '.join(words)}{suggestion(word, words)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """``" (did you mean gate.alpha?)"``, or nothing where no word resembles it. Dotted keys match by their end too."""
    by_case = {one.casefold(): one for one in known}
    near = get_close_matches(word.casefold(), by_case, n=1, cutoff=0.7)
    if not near:
        ends: dict[str, str] = {}
        for one in by_case:
            ends.setdefault(one.rpartition(".")[2], one)
        near = [ends[end] for end in get_close_matches(word.casefold().rpartition(".")[2], ends, n=1, cutoff=0.75)]
    return f" (did you mean {by_case[near[0]]}?)" if near else ""
