"""Sentences that single a patient out, though no identifier is in them: what he says of himself and few others say.

"I restore lighthouse lamps at the quarry every Friday" names nobody and finds its patient in every session. A sentence
is left out where a word in it, or a pair of words beside each other, is told by fewer than k patients of T (k-anonymity
of what is said; Sweeney 2002), and it speaks of work, habits, places, kin or numbers of people. Sentences with a
clinical word stay, whatever they tell.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Self

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.clinical import clinical_facts
from synthgen.privacy_filters.dialogue.rare_facts import rare_words
from synthgen.wordlists import Phrases, WordLists, WordSet, alternatives, word_lists

Edit = tuple[int, int, str]
"""Start and end in a dialogue's text, and what stands there instead."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_END = re.compile(r"(?<=[.?!;])[\"'”’)]*\s+|\n")
_ABBREVIATED = re.compile(r"(?:\b(?:dr|mr|mrs|ms|prof|st|sr|sra|no|approx|vs|e\.g|i\.e)|\b[a-z])\.\s*$", re.IGNORECASE)
_SHARED = 0.5
"""A word that a larger share of the patients says does not separate two others: it is looked past."""


class Personal(WordLists):
    """``personal.yaml``."""

    work: Phrases
    habits: Phrases
    places: Phrases
    kin: Phrases
    counts: Phrases
    worker: str
    common_work: WordSet
    before_work: WordSet

    @cached_property
    def cue(self) -> re.Pattern[str]:
        groups = (self.work, self.habits, self.places, self.kin, self.counts)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(alternatives, groups))})(?!\w)", re.IGNORECASE)


@cache
def personal_words() -> Personal:
    """``personal.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "personal", Personal)


@dataclass(frozen=True)
class Shared:
    """What enough patients of T say.

    Attributes:
        common: words that more than half of them say.
        words: that at least k say; words that are written alike but for a plural or a capital are one.
        pairs: of neighbouring words, common ones looked past, that at least k say in one sentence.
    """

    common: frozenset[str]
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str], k: int) -> Self:
        """``dialogues[i]`` belongs to ``patients[i]``."""
        said: defaultdict[str, set[str]] = defaultdict(set)
        for dialogue, patient in zip(dialogues, patients, strict=True):
            said[patient].update(word for _, _, word in _words(dialogue.text))
        owners = Counter(word for words in said.values() for word in words)
        common = frozenset(word for word, count in owners.items() if count > _SHARED * len(said))
        paired: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for dialogue, patient in zip(dialogues, patients, strict=True):
            for start, end in sentences(dialogue.text):
                paired[patient].update(_pairs(_words(dialogue.text, start, end), common))
        pairs = Counter(pair for found in paired.values() for pair in found)
        return cls(
            common,
            frozenset(word for word, count in owners.items() if count >= k),
            frozenset(pair for pair, count in pairs.items() if count >= k),
        )

    def rare_parts(
        self, dialogues: Sequence[Dialogue], masked: Sequence[Iterable[tuple[int, int]]], *, everywhere: bool
    ) -> list[list[Edit]]:
        """Of each dialogue of one patient: sentences to leave out, and occupations to call by a wider word.

        Args:
            masked: what is replaced anyway, as ranges of each dialogue's text, and says nothing.
            everywhere: also what speaks of none of the listed matters: any sentence with a rare word, and any with a
                rare pair that the patient tells in two dialogues.
        """
        hidden = [_Mask(ranges) for ranges in masked]
        told = [
            Counter(
                pair
                for start, end in sentences(dialogue.text)
                for pair in set(_pairs(mask.seen(_words(dialogue.text, start, end)), self.common))
            )
            for dialogue, mask in zip(dialogues, hidden, strict=True)
        ]
        in_dialogues = Counter(pair for one in told for pair in one)
        again = frozenset(pair for pair, count in in_dialogues.items() if count > 1 and pair not in self.pairs)
        return [
            list(self._edits(dialogue.text, mask, again, everywhere))
            for dialogue, mask in zip(dialogues, hidden, strict=True)
        ]

    def _edits(self, text: str, mask: _Mask, again: frozenset[tuple[str, str]], everywhere: bool) -> Iterator[Edit]:
        for start, end in sentences(text):
            words = mask.seen(_words(text, start, end))
            rare = any(word not in self.words for _, _, word in words)
            pairs = set(_pairs(words, self.common))
            personal = bool(personal_words().cue.search(text, start, end))
            singles = personal and (rare or bool(pairs - self.pairs))
            singles = singles or (everywhere and (rare or bool(pairs & again)))
            if singles and not clinical_facts(text[start:end]):
                yield start, end, ""
            else:
                yield from self._wider(text, words)

    def _wider(self, text: str, words: Sequence[tuple[int, int, str]]) -> Iterator[Edit]:
        """Occupations that few have, where the sentence stays: "a fisherman" is "a worker"."""
        known, personal = rare_words(), personal_words()
        for (_, _, before), (start, end, word) in pairwise(words):
            written = text[start:end].casefold()
            rare = written in known.occupations - personal.common_work and word not in self.words
            if rare and before in personal.before_work:
                yield start, end, personal.worker


@dataclass(frozen=True)
class _Mask:
    """Ranges of a text that are replaced anyway."""

    ranges: Iterable[tuple[int, int]]

    @cached_property
    def _covered(self) -> frozenset[int]:
        return frozenset(i for start, end in self.ranges for i in range(start, end))

    def seen(self, words: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        return [word for word in words if word[0] not in self._covered]


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a dialogue's text begin and end, with the blanks after them; none crosses a turn."""
    start = 0
    for gap in _END.finditer(text):
        if gap[0] != "\n" and _ABBREVIATED.search(text, max(start, gap.start() - 8), gap.end()):
            continue
        end = gap.start() if gap[0] == "\n" else gap.end()
        if end > start:
            yield start, end
        start = gap.end()
    if start < len(text):
        yield start, len(text)


def _words(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int, str]]:
    found = _WORD.finditer(text, start, len(text) if end is None else end)
    return [(match.start(), match.end(), _plain(match[0])) for match in found]


@cache
def _plain(word: str) -> str:
    lower = re.sub(r"['’]s$", "", word.casefold())
    return lower.removesuffix("s") if len(lower) > 3 else lower


def _pairs(words: Iterable[tuple[int, int, str]], common: frozenset[str]) -> Iterator[tuple[str, str]]:
    yield from pairwise(word for _, _, word in words if word not in common)
