"""Longest runs of words shared with the training patients: exact, by a suffix array over all their words.

The array is built by libdivsufsort (pydivsufsort) over word numbers. Every position of a candidate is looked up by
binary search (Manber and Myers 1993, Suffix arrays: a new method for on-line string searches), all positions at once
in numpy, and words are compared with words: nothing is hashed, so nothing can collide. The two neighbours of a
position in the array hold its longest match; leaving a patient out means walking on to the next neighbour who is
somebody else.

Memory is 8 bytes a word once built, 4 for the words and 4 for the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.errors import MissingExtraError

_BLOCK = 8  # words compared at a time
_BATCH = 1 << 16  # candidate positions looked up together: bounds memory

Numbers = NDArray[np.int64]
Ids = NDArray[np.uint32]


@dataclass(frozen=True)
class Run:
    """A run of words that a candidate shares with a training patient: ``length`` words from word ``start`` on."""

    length: int
    start: int
    patient: str


@dataclass(frozen=True)
class Matches:
    """What one candidate shares, at each of its words.

    Attributes:
        lengths: int64 [L], the longest run from this word on that any patient (but the one left out) shares.
        owners: int64 [L], a patient who shares it, as a place in ``RunIndex.patients``; -1 where nobody does.
    """

    lengths: Numbers
    owners: Numbers


@dataclass(frozen=True)
class RunIndex:
    """The words of the training records, searchable for shared runs.

    Attributes:
        text: word numbers of all records, each record followed by a zero, then ``_BLOCK`` zeros.
        suffixes: int32 or int64, the positions of ``text`` in the order of the words that follow.
        starts: shape [R], the first position of each record.
        owner: shape [R], the patient of each record as a place in ``patients``.
        patients: sorted.
        vocabulary: word numbers, from 1; an unheard word is one more than the largest.
        firsts: shape [largest number + 3], how many suffixes begin with a smaller word number.
    """

    text: Ids
    suffixes: NDArray[np.signedinteger]
    starts: Numbers
    owner: Numbers
    patients: tuple[str, ...]
    vocabulary: dict[str, int]
    firsts: Numbers

    @classmethod
    def over(cls, records: Sequence[Sequence[str]], patients: Sequence[str]) -> Self:
        """Indexes ``records[i]``, the words of a record of ``patients[i]``.

        Raises:
            ValueError: if the numbers of records and patients differ or there are none.
        """
        if len(records) != len(patients) or not len(records):
            raise ValueError(f"need one patient per record, got {len(records)} records and {len(patients)} patients")
        vocabulary: dict[str, int] = {}
        pieces = [
            np.fromiter((vocabulary.setdefault(w, len(vocabulary) + 1) for w in record), np.uint32, len(record))
            for record in records
        ]
        return cls._built(pieces, patients, vocabulary)

    def enrolled(self, records: Sequence[Sequence[str]], patients: Sequence[str]) -> Self:
        """The index over these records too."""
        vocabulary = dict(self.vocabulary)
        ends = np.append(self.starts[1:], len(self.text) - _BLOCK)
        pieces = [self.text[a : b - 1] for a, b in zip(self.starts, ends, strict=True)]
        pieces += [
            np.fromiter((vocabulary.setdefault(w, len(vocabulary) + 1) for w in record), np.uint32, len(record))
            for record in records
        ]
        return self._built(pieces, [*(self.patients[i] for i in self.owner), *patients], vocabulary)

    @classmethod
    def _built(cls, pieces: Sequence[Ids], patients: Sequence[str], vocabulary: dict[str, int]) -> Self:
        lengths = np.array([len(piece) + 1 for piece in pieces])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        text = np.zeros(int(lengths.sum()) + _BLOCK, dtype=np.uint32)
        for start, piece in zip(starts, pieces, strict=True):
            text[start : start + len(piece)] = piece
        names, owner = np.unique(np.asarray(patients), return_inverse=True)
        return cls(
            text=text,
            suffixes=_suffix_array(text[:-_BLOCK]),
            starts=starts,
            owner=owner.astype(np.int64),
            patients=tuple(str(name) for name in names),
            vocabulary=vocabulary,
            firsts=np.concatenate([[0], np.cumsum(np.bincount(text[:-_BLOCK], minlength=len(vocabulary) + 2))]),
        )

    def longest(self, candidates: Sequence[Sequence[str]], exclude: Sequence[str] | None = None) -> list[Run]:
        """The longest shared run of each candidate; length 0 and no patient where no word is shared.

        Args:
            exclude: for each candidate a patient who is left out.
        """
        found = []
        for match in self.matches(candidates, exclude):
            if not len(match.lengths) or not match.lengths.max():
                found.append(Run(0, 0, ""))
                continue
            start = int(match.lengths.argmax())
            found.append(Run(int(match.lengths[start]), start, self.patients[match.owners[start]]))
        return found

    def matches(self, candidates: Sequence[Sequence[str]], exclude: Sequence[str] | None = None) -> list[Matches]:
        """The longest shared run from every word of each candidate on; ``exclude`` as in :meth:`longest`."""
        unknown = len(self.vocabulary) + 1
        found: list[Matches] = []
        at = 0
        while at < len(candidates):
            size, until = 0, at
            while until < len(candidates) and (until == at or size + len(candidates[until]) < _BATCH):
                size += len(candidates[until]) + 1
                until += 1
            batch = candidates[at:until]
            ends = np.cumsum([len(words) + 1 for words in batch])
            query = np.full(int(ends[-1]) + _BLOCK, unknown, dtype=np.uint32)
            barred = np.full(int(ends[-1]), -1, dtype=np.int64)
            for row, (end, words) in enumerate(zip(ends, batch, strict=True)):
                start = int(end) - len(words) - 1
                query[start : end - 1] = [self.vocabulary.get(w, unknown) for w in words]
                if exclude is not None:
                    barred[start:end] = self._number(exclude[at + row])
            lengths, owners = self._matched(query, barred)
            for end, words in zip(ends, batch, strict=True):
                part = slice(int(end) - len(words) - 1, int(end) - 1)
                found.append(Matches(lengths[part], owners[part]))
            at = until
        return found

    def _number(self, patient: str) -> int:
        place = int(np.searchsorted(np.asarray(self.patients), patient))
        return place if place < len(self.patients) and self.patients[place] == patient else -1

    def _matched(self, query: Ids, barred: Numbers) -> tuple[Numbers, Numbers]:
        """Lengths and owners of the longest matches of every position of ``query`` but its last block."""
        count = len(query) - _BLOCK
        place = self._places(query, count)
        lengths, owners = np.zeros(count, dtype=np.int64), np.full(count, -1, dtype=np.int64)
        for step in (-1, 1):
            rank = place - 1 if step < 0 else place.copy()
            inside = (rank >= 0) & (rank < len(self.suffixes))
            while True:  # past the suffixes of the patient who is left out
                own = np.flatnonzero(inside & (barred >= 0))
                own = own[self._owners(rank[own]) == barred[own]]
                if not len(own):
                    break
                rank[own] += step
                inside[own] = (rank[own] >= 0) & (rank[own] < len(self.suffixes))
            rows = np.flatnonzero(inside)
            shared = self._common(query, rows, self.suffixes[rank[rows]].astype(np.int64), np.zeros_like(rows))
            better = shared > lengths[rows]
            lengths[rows[better]] = shared[better]
            owners[rows[better]] = self._owners(rank[rows[better]])
        return lengths, owners

    def _places(self, query: Ids, count: int) -> Numbers:
        """Where each of the first ``count`` suffixes of ``query`` would stand in the suffix array."""
        rows = np.arange(count)
        first = query[:count].astype(np.int64)
        low, high = self.firsts[first] - 1, self.firsts[first + 1]
        # Between the ends every suffix begins with the same word.
        with_low, with_high = np.ones(count, dtype=np.int64), np.ones(count, dtype=np.int64)
        while True:
            open_ = rows[high - low > 1]
            if not len(open_):
                return high
            middle = (low[open_] + high[open_]) // 2
            position = self.suffixes[middle].astype(np.int64)
            # What both ends share with the query, everything between them shares: start comparing there.
            shared = self._common(query, open_, position, np.minimum(with_low[open_], with_high[open_]))
            below = self.text[position + shared] < query[open_ + shared]
            low[open_[below]], with_low[open_[below]] = middle[below], shared[below]
            high[open_[~below]], with_high[open_[~below]] = middle[~below], shared[~below]

    def _common(self, query: Ids, rows: Numbers, positions: Numbers, known: Numbers) -> Numbers:
        """Words that ``query`` from ``rows`` on and ``text`` from ``positions`` on share, the first ``known`` given.

        It ends at the query's unknown words and the text's zeros, which are equal to nothing on the other side.
        """
        shared = known.copy()
        active = np.arange(len(rows))
        ahead = np.arange(_BLOCK)
        while len(active):
            left = query[(rows[active] + shared[active])[:, None] + ahead]
            right = self.text[(positions[active] + shared[active])[:, None] + ahead]
            differ = left != right
            some = differ.any(axis=1)
            shared[active] += np.where(some, differ.argmax(axis=1), _BLOCK)
            active = active[~some]
        return shared

    def _owners(self, ranks: Numbers) -> Numbers:
        return np.asarray(self.owner[np.searchsorted(self.starts, self.suffixes[ranks], side="right") - 1])


def _suffix_array(text: Ids) -> NDArray[np.signedinteger]:
    try:
        from pydivsufsort import divsufsort  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise MissingExtraError("the filter of shared runs of words", "dialogue") from None
    narrow = text.astype(np.uint16) if text.max(initial=0) < 2**16 else text  # half the bytes to sort
    return np.asarray(divsufsort(narrow))
