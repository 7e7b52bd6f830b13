"""The words of an utterance, freed of what differs between two typists, two recognisers, or a copy and its disguise.

One function, used by every filter: two texts that differ only in case, accents, punctuation, contractions, spacing as
speech recognisers write it ("i 'm", "do n't"), fillers, stutters, the spelling of small numbers or letters of another
script that look alike have the same words. Words that are run together are parted where a capital letter begins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from synthgen.english import ONES, TENS
from synthgen.lookalikes import latin
from synthgen.payloads.dialogue import Dialogue
from synthgen.wordlists import WordLists, Words, WordSet, word_lists

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ＇`´", "'"))
_CLITICS = "s|m|d|re|ve|ll"
_DETACHED = re.compile(rf"(?<=\w)\s+'\s?({_CLITICS})\b|(?<=\w)\s+(n't)\b")
# A letter run, a digit run, or one ideograph: scripts written without spaces have a word per character.
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|\d+|[^\W\d_{_IDEOGRAPH}]+(?:'[^\W\d_]+)*")
_ACCENTS = re.compile("[\u0300-\u036f]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_RUN_TOGETHER = re.compile(r"[A-Za-z]{10,}")  # and not McDonald
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_SMALL = {name: i for i, name in enumerate(ONES)}
_TENS = {name: 10 * i for i, name in enumerate(TENS, start=2)}


class Spellings(WordLists):
    """``words.yaml``."""

    whole: Mapping[str, Words]
    endings: Mapping[str, str]
    before_is: WordSet
    fillers: WordSet


@cache
def _spellings() -> Spellings:
    return word_lists(__package__, "words", Spellings)


_UTTERANCE = 400  # characters


def words(text: str) -> tuple[str, ...]:
    """The normalised words of ``text``, in order; empty where there are none.

    Those of an utterance are remembered: a copy shares most of its utterances with its origin.
    """
    return _remembered(text) if len(text) <= _UTTERANCE else _words(text)


@lru_cache(maxsize=2**16)
def _remembered(text: str) -> tuple[str, ...]:
    return _words(text)


def _words(text: str) -> tuple[str, ...]:
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)))
    plain = unicodedata.normalize("NFKC", plain)
    plain = _RUN_TOGETHER.sub(lambda match: _CAPITAL.sub(" ", match[0]), plain)
    plain = latin(plain.casefold()).translate(_APOSTROPHES)
    plain = _DETACHED.sub(lambda match: f"'{match[1]}" if match[1] else match[2], plain)
    return tuple(_without_stutter(_with_digits([w for token in _WORD.findall(plain) for w in _expanded(token)])))


@lru_cache(maxsize=2**9)
def dialogue_words(dialogue: Dialogue) -> tuple[str, ...]:
    """The words of all turns, in order, without the speakers: a shared run may cross from one turn to the next.

    Those of the last few hundred dialogues are remembered, since every filter asks.
    """
    return words(dialogue.text)


def turn_words(dialogue: Dialogue) -> list[tuple[str, ...]]:
    """The words of each turn; a turn of nothing but fillers has none."""
    return [words(turn.text) for turn in dialogue.turns]


def grams(tokens: Sequence[str], sizes: Iterable[int]) -> Iterator[str]:
    """Every run of ``sizes`` words, joined by spaces."""
    for size in sizes:
        if size == 1:
            yield from tokens
        else:
            yield from (" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1))


def _expanded(token: str) -> tuple[str, ...]:
    known = _spellings()
    if token in known.fillers:
        return ()
    if token in known.whole:
        return known.whole[token]
    if "'" not in token:
        return (token,)
    if token.endswith("n't") and len(token) > 3:
        return (token[:-3], "not")
    stem, _, ending = token.rpartition("'")
    if ending == "s":
        return (stem, "is") if stem in known.before_is else (stem,)
    if ending in known.endings:
        return (stem, known.endings[ending])
    return tuple(token.split("'"))


def _with_digits(tokens: list[str]) -> Iterator[str]:
    """Number words below one hundred become digits: "seventy six" and "76" are the same word."""
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token in _TENS:
            unit = _SMALL.get(tokens[i + 1], 0) if i + 1 < len(tokens) else 0
            joined = 0 < unit < 10
            yield str(_TENS[token] + (unit if joined else 0))
            i += 2 if joined else 1
        else:
            yield str(_SMALL[token]) if token in _SMALL else token
            i += 1


def _without_stutter(tokens: Iterator[str]) -> Iterator[str]:
    """A word that repeats the one before it is dropped ("i i just"); digits are kept, for 5 5 is not 5."""
    listed = list(tokens)
    yield from listed[:1]
    yield from (b for a, b in pairwise(listed) if a != b or b.isdigit())
