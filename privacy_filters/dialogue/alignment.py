"""The longest common subsequence: how many of a candidate's words one record has in the same order.

Words that were dropped or put between others break every run of words, and leave the order of the rest: a transcript of
which a third of the words are missing shares hardly a run of four words, and is a subsequence of its origin as a whole.
Two people's visits have many words in the same order too, the more the longer the record is. So a record is held
against the others: by how many standard deviations its share of the candidate's words exceeds what the logarithm of its
length lets expect, by least squares over all records but the best three. The score is exp(-that): a copy stands out by
ten to forty where the closest strangers stand out by seven, and must lie as much deeper as it does on the gate's common
scale, where a stranger who is close in another column may set the threshold.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.words import dialogue_words

_FIRST, _PLACES = 0x10000, 0x100000  # a word becomes one of the characters beyond the first plane
_LEAST_SPREAD = 0.01
_OTHERS = 10  # records from which what is usual can be told
_APART = 3  # the best records, which say nothing of what is usual

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """The words of every protected record in their order; a column of the gate.

    Attributes:
        texts: a record each, one character a word.
        patients: of each record.
    """

    texts: tuple[str, ...]
    patients: NDArray[np.str_]

    name = "alignment"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        return cls(tuple(map(_text, dialogues)), np.asarray(patients, dtype=np.str_))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too."""
        owners = np.concatenate([self.patients, np.asarray(patients, dtype=np.str_)])
        return type(self)((*self.texts, *map(_text, dialogues)), owners)

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N]: exp(-the largest standing out); NaN for a dialogue without words."""
        own = [None] * len(dialogues) if exclude is None else list(exclude)
        return np.array(
            [self._score(_text(dialogue), patient) for dialogue, patient in zip(dialogues, own, strict=True)]
        )

    def _score(self, text: str, own: str | None) -> float:
        if not text:
            return float("nan")
        rows = np.flatnonzero(self.patients != own) if own is not None else np.arange(len(self.texts))
        if not len(rows):
            return float("inf")
        return float(np.exp(-standing_out(text, [self.texts[row] for row in rows]).max()))


def standing_out(text: str, records: Sequence[str]) -> Scores:
    """By how many standard deviations each record's share of the words of ``text`` lies above the others', shape [R].

    With fewer than 13 records: above no share at all.

    Args:
        text, records: as from :func:`one_character_a_word`; ``text`` is not empty.
    """
    common = process.cdist([text], records, scorer=LCSseq.similarity, dtype=np.int32)[0]
    shares = common / len(text)
    if len(records) < _OTHERS + _APART:
        return np.asarray(shares / _LEAST_SPREAD)
    lengths = np.log([max(1, len(record)) for record in records])
    design = np.stack([np.ones_like(lengths), lengths], axis=1)
    beyond = shares - design @ np.linalg.lstsq(design, shares, rcond=None)[0]
    usual = np.argsort(beyond)[:-_APART]
    beyond = shares - design @ np.linalg.lstsq(design[usual], shares[usual], rcond=None)[0]
    return np.asarray(beyond / (beyond[usual].std() + _LEAST_SPREAD))


def one_character_a_word(words: Sequence[str]) -> str:
    """As a string, which a kept library aligns; two words share a character once in a million."""
    return "".join(chr(_FIRST + zlib.crc32(word.encode()) % _PLACES) for word in words)


def _text(dialogue: Dialogue) -> str:
    return one_character_a_word(dialogue_words(dialogue))
