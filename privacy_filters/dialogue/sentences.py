"""What one patient told, said again in other words: sentences aligned by a sentence encoder.

A dialogue as a whole, or a passage of it, means what its topic means; an event is told in a sentence or two. So every
sentence of the patient in which an event is told (see :mod:`events`), with those after it until there are a dozen
words, is a vector, and the closest pair of a candidate's and a protected patient's counts. With all sentences, "I take
twenty milligrams a day" finds its like in every cohort, and a third as many retellings were caught. "My mother had
cancer" is close to many still: a cosine counts as far as it exceeds what both sentences have with strangers,

    m = cos - (r + r') / 2,

r the mean cosine of a sentence to the ten nearest of a bank of other patients' (the margin of Artetxe and Schwenk 2019,
Margin-based parallel corpus mining). The score is exp(-10 m): its logarithm is linear in m.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue
from synthgen.pretrained.sentence import Encode
from synthgen.privacy_filters.dialogue.events import tells_event
from synthgen.privacy_filters.dialogue.words import words

_ENOUGH, _LEAST = 12, 6  # words of a unit where more follow, and of the last
_BANK, _NEAREST = 2_000, 10
_STEEPNESS = 10.0
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")

Scores = NDArray[np.float64]
Floats = NDArray[np.float32]


def told(dialogue: Dialogue) -> list[str]:
    """The units of what the patient, or whoever came along, tells: each sentence and enough of those after it."""
    said = (unit for turn in dialogue.turns if turn.speaker != "clinician" for unit in _units(turn.text))
    return [unit for unit in said if tells_event(words(unit))]


def _units(text: str) -> Iterator[str]:
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]
    for i in range(len(sentences)):
        unit: list[str] = []
        for sentence in sentences[i:]:
            unit += sentence.split()
            if len(unit) >= _ENOUGH:
                break
        if len(unit) >= _LEAST and (i == 0 or len(unit) >= _ENOUGH):
            yield " ".join(unit)


@dataclass(frozen=True)
class Sentences:
    """The sentences of the protected patients; a column of the gate.

    Attributes:
        encode: texts to unit vectors.
        vectors: shape [S, D], of all protected sentences.
        owners: shape [S], whose each is.
        crowd: shape [S], r of each.
        bank, bank_owners: sentences of T by which r is told.
    """

    encode: Encode
    vectors: Floats
    owners: NDArray[np.str_]
    crowd: Scores
    bank: Floats
    bank_owners: NDArray[np.str_]

    name = "sentence"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str], encode: Encode) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        vectors, place = _encoded(encode, dialogues)
        owners = np.asarray(patients)[place]
        chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[:_BANK])
        bare = cls(encode, vectors, owners, np.zeros(len(vectors)), vectors[chosen], owners[chosen])
        return replace(bare, crowd=bare._crowd(vectors, owners))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too; the bank stays."""
        vectors, place = _encoded(self.encode, dialogues)
        owners = np.asarray(patients)[place]
        return replace(
            self,
            vectors=np.concatenate([self.vectors, vectors]),
            owners=np.concatenate([self.owners, owners]),
            crowd=np.append(self.crowd, self._crowd(vectors, owners)),
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

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], > 0, larger is safer; e^10 where the patient says nothing of a sentence's length."""
        vectors, place = _encoded(self.encode, dialogues)
        own = np.asarray(exclude)[place] if exclude is not None else np.full(len(vectors), "")
        found = np.full(len(dialogues), -1.0)
        if len(vectors) and len(self.vectors):
            np.maximum.at(found, place, self._margins(vectors, own))
        return np.exp(-_STEEPNESS * found)

    def _margins(self, vectors: Floats, own: NDArray[np.str_]) -> Scores:
        """The largest margin of each sentence to a protected one of somebody else than ``own``, shape [S]."""
        crowd, found = self._crowd(vectors, own), np.empty(len(vectors))
        step = max(1, 2**24 // len(self.vectors))
        for low in range(0, len(vectors), step):
            rows = slice(low, low + step)
            margins = vectors[rows] @ self.vectors.T - (crowd[rows, None] + self.crowd[None, :]) / 2.0
            margins[own[rows, None] == self.owners[None, :]] = -1.0
            found[rows] = margins.max(axis=1)
        return found


def _encoded(encode: Encode, dialogues: Sequence[Dialogue]) -> tuple[Floats, NDArray[np.intp]]:
    """Vectors of all units [S, D], and each one's dialogue."""
    units = [told(dialogue) for dialogue in dialogues]
    texts = [unit for own in units for unit in own]
    place = np.repeat(np.arange(len(units)), [len(own) for own in units]).astype(np.intp)
    vectors = np.asarray(encode(texts), dtype=np.float32) if texts else np.zeros((0, 1), dtype=np.float32)
    return vectors, place
