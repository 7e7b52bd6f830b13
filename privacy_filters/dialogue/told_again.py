"""What one patient told, said again in other words: stretches of what was said, aligned by a sentence encoder.

A dialogue as a whole, or a passage of it, means what its topic means; an event is told in a sentence or three, and told
again in another number of them. So every one, two and three sentences in a row of the patient's, of a dozen words and
more, are a unit, whoever spoke between them, and the closest pair of a candidate's and a protected patient's counts.
"Will I be asleep for this?" finds its like in every cohort: only units with two rare words, which at most one patient
in a hundred of T says, are read. And since "my mother died of a stroke" is close to many still, a cosine counts as far
as it exceeds what both units have with strangers,

    m = cos - (r + r') / 2,

r the mean cosine of a unit to the ten nearest of a bank of other patients' (the margin of Artetxe and Schwenk 2019,
Margin-based parallel corpus mining).

Details of an event (:mod:`events`) and its meaning lead to strangers for different reasons, and to the victim both. So
they are added up per patient, in one column,

    J = S + 40 m - log(number of the candidate's units),

which is as large as the summands' strangers are far: 40 m and S fall alike among them.

What it cannot see: an event in wholly other words, of which an encoder of this size makes another meaning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue
from synthgen.pretrained.sentence import Encode
from synthgen.privacy_filters.dialogue.events import ToldEvents, as_score
from synthgen.privacy_filters.dialogue.words import words

_SENTENCES, _LEAST, _MOST = 3, 12, 60  # sentences of a unit at most; words of it
_RARE_SHARE, _RARE_WORDS, _RARE_LETTERS = 0.01, 2, 4
_BANK, _NEAREST = 2_000, 10
_STEEPNESS = 40.0
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")

Scores = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rarity:
    """Which words few patients of T say.

    Attributes:
        spread: in how many patients' dialogues each word stands.
        most: of so many a word may be and count as rare.
    """

    spread: Mapping[str, int]
    most: int

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """``dialogues[i]`` belongs to ``patients[i]``."""
        who: defaultdict[str, set[str]] = defaultdict(set)
        for dialogue, patient in zip(dialogues, patients, strict=True):
            for word in set(words(dialogue.text)):
                who[word].add(patient)
        spread = {word: len(theirs) for word, theirs in who.items()}
        return cls(spread, max(1, int(_RARE_SHARE * len(set(patients)))))

    def tells(self, unit: str) -> bool:
        """Whether a unit says anything out of the ordinary."""
        rare = (len(word) >= _RARE_LETTERS and self.spread.get(word, 0) <= self.most for word in set(words(unit)))
        return sum(rare) >= _RARE_WORDS


def told(dialogue: Dialogue) -> list[str]:
    """The units of what the patient, or whoever came along, says."""
    return [unit for turn in dialogue.turns if turn.speaker != "clinician" for unit in _units(turn.text)]


def _units(text: str) -> Iterator[str]:
    sentences = [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]
    for first in range(len(sentences)):
        for last in range(first, min(first + _SENTENCES, len(sentences))):
            unit = " ".join(sentences[first : last + 1])
            if _LEAST <= len(unit.split()) <= _MOST:
                yield unit


@dataclass(frozen=True)
class Meanings:
    """What the protected patients told, as vectors.

    Attributes:
        encode: texts to unit vectors.
        rarity: of the words of T.
        vectors: shape [S, D], of all protected units, those of one patient in a row.
        owners: shape [S], whose each is, ascending.
        crowd: shape [S], r of each.
        bank, bank_owners: units of T by which r is told.
    """

    encode: Encode
    rarity: Rarity
    vectors: Floats
    owners: NDArray[np.str_]
    crowd: Scores
    bank: Floats
    bank_owners: NDArray[np.str_]

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str], encode: Encode) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        rarity = Rarity.of(dialogues, patients)
        vectors, place = _encoded(encode, rarity, dialogues)
        owners = np.asarray(patients)[place]
        chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[:_BANK])
        bare = cls(encode, rarity, vectors[:0], owners[:0], np.zeros(0), vectors[chosen], owners[chosen])
        return bare._with(vectors, owners)

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too; the bank and the rarity stay."""
        vectors, place = _encoded(self.encode, self.rarity, dialogues)
        return self._with(vectors, np.asarray(patients)[place])

    def _with(self, vectors: Floats, owners: NDArray[np.str_]) -> Self:
        if not len(vectors):
            return self
        theirs = np.concatenate([self.owners, owners])
        order = np.argsort(theirs, kind="stable")
        return replace(
            self,
            vectors=np.concatenate([self.vectors.reshape(-1, vectors.shape[1]), vectors])[order],
            owners=theirs[order],
            crowd=np.append(self.crowd, self._crowd(vectors, owners))[order],
        )

    def _crowd(self, vectors: Floats, owners: NDArray[np.str_]) -> Scores:
        """Mean cosine of each to the nearest of the bank, without its owner's, shape [S]."""
        found = np.zeros(len(vectors))
        for low in range(0, len(vectors) if len(self.bank) else 0, _BANK):
            rows = slice(low, low + _BANK)
            cosines = vectors[rows] @ self.bank.T
            cosines[owners[rows, None] == self.bank_owners[None, :]] = -1.0
            count = min(_NEAREST, cosines.shape[1])
            found[rows] = np.partition(cosines, -count, axis=1)[:, -count:].clip(min=0.0).mean(axis=1)
        return found

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """Who told anything, ascending."""
        return tuple(np.unique(self.owners).tolist())

    def margins(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> tuple[Scores, Scores]:
        """The largest m, at least 0, of each dialogue to each of ``patients`` [N, P], and its number of units [N].

        Args:
            exclude: for each dialogue a patient who is no stranger to it.
        """
        vectors, place = _encoded(self.encode, self.rarity, dialogues)
        own = np.asarray(exclude)[place] if exclude is not None else np.full(len(vectors), "")
        crowd, largest = self._crowd(vectors, own), np.zeros((len(dialogues), len(self.patients)))
        if not self.patients:
            return largest, np.bincount(place, minlength=len(dialogues)).astype(np.float64)
        firsts = np.searchsorted(self.owners, self.patients)
        for i in range(len(dialogues)):
            mine = place == i
            if mine.any():
                margins = vectors[mine] @ self.vectors.T - (crowd[mine, None] + self.crowd[None, :]) / 2.0
                largest[i] = np.maximum.reduceat(margins.max(axis=0), firsts).clip(min=0.0)
        return largest, np.bincount(place, minlength=len(dialogues)).astype(np.float64)


@dataclass(frozen=True)
class ToldAgain:
    """Events by their details and by their meaning; a column of the gate, in the place of details alone."""

    events: ToldEvents
    meanings: Meanings

    name = ToldEvents.name

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str], encode: Encode) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        return cls(ToldEvents.over(dialogues, patients), Meanings.over(dialogues, patients, encode))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too."""
        return type(self)(self.events.enrolled(dialogues, patients), self.meanings.enrolled(dialogues, patients))

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], in (0, 1], larger is safer: exp(-J^2 / 20), of the patient whom most points at.

        Args:
            exclude: for each dialogue a patient who is left out.
        """
        margins, units = self.meanings.margins(dialogues, exclude)
        meant = _STEEPNESS * margins - np.log(np.maximum(units, 1.0))[:, None]
        left_out = exclude if exclude is not None else [None] * len(dialogues)
        most = (
            self._most(d, dict(zip(self.meanings.patients, row, strict=True)), own)
            for d, row, own in zip(dialogues, meant.tolist(), left_out, strict=True)
        )
        return np.array([as_score(j) for j in most], np.float64)

    def _most(self, dialogue: Dialogue, meant: dict[str, float], own: str | None) -> float:
        told = self.events.agreements(dialogue)
        both = (told.get(patient, 0.0) + meant.get(patient, 0.0) for patient in told.keys() | meant if patient != own)
        return max(both, default=0.0)


def _encoded(encode: Encode, rarity: Rarity, dialogues: Sequence[Dialogue]) -> tuple[Floats, NDArray[np.intp]]:
    """Vectors of all units [S, D], and each one's dialogue."""
    units = [[unit for unit in told(dialogue) if rarity.tells(unit)] for dialogue in dialogues]
    texts = [unit for own in units for unit in own]
    place = np.repeat(np.arange(len(units)), [len(own) for own in units]).astype(np.intp)
    vectors = np.asarray(encode(texts), dtype=np.float32) if texts else np.zeros((0, 1), dtype=np.float32)
    return vectors, place
