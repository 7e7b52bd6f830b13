"""Words that a user chooses from a list: in any case of letters, with a suggestion where one is misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from synthgen.errors import UserError


def chosen(word: str, known: Iterable[str], refusal: str, more: str = "") -> str:
    """The one of ``known`` that ``word`` is, letters' case apart.

    Args:
        refusal: what is wrong with a word that is none of them, e.g. ``"no modality 'ct'"``.
        more: what else would do, e.g. ``", or a .yaml file"``.

    Raises:
        UserError: the refusal, the words that there are, and the one that is meant where it can be guessed.
    """
    words = list(known)
    for one in words:
        if one.casefold() == word.casefold():
            return one
    raise UserError(f"{refusal}: give one of {', '.join(words)}{more}{suggestion(word, words)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """``" (did you mean gate.alpha?)"``, or nothing where no word resembles it. Of a dotted key its end must.

    Another first letter is a slip only where the rest is much the same.
    """
    by_case = {one.casefold(): one for one in known}
    meant = word.casefold()
    ends = {one.rpartition(".")[2] for one in by_case}
    end = meant.rpartition(".")[2]
    near = {*get_close_matches(end, [one for one in ends if one[:1] == end[:1]], n=5, cutoff=0.6)}
    near.update(get_close_matches(end, ends, n=5, cutoff=0.75))
    found = [one for one in by_case if one.rpartition(".")[2] in near]
    if not found:
        return ""
    return f" (did you mean {by_case[max(found, key=lambda one: SequenceMatcher(None, meant, one).ratio())]}?)"
