"""Near-duplicates: how much of what a candidate says one training patient has said, in nearly the same words.

Two views, one measure. A dialogue, or a passage of it, is a unit vector: TF-IDF of its runs of three and four words.
Runs of three and four, because strangers with one complaint share its words, and pairs of them, but not the phrasing;
single words and letter n-grams make strangers of one topic look alike and miss more paraphrases at the same rate of
false alarms. Document frequencies are those of the training dialogues; nothing else is fitted. Runs are hashed (2^20
places), so no list of private phrases exists, and a run that no training dialogue has still counts as content of the
candidate.

The distance to a patient is divided by that patient's distance to the nearest other one, with a floor, and the
smallest ratio r counts. It is then written as odds: with m the median patient's cosine to the nearest other one,
c = 1 - r² (1 - m) is the cosine that r stands for in a region of median density, and the score is (1 - c) / (c + 0.01).
That keeps the order of r. The gate puts filters on one scale by the spread of the strangers' logarithms; distances of
strangers crowd just below their largest value, so that in them one stranger who is somewhat close lies thirty spreads
away and loosens the thresholds of all other filters. Odds are as long-tailed as lengths of shared runs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.errors import MissingExtraError
from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.words import dialogue_words, grams, words
from synthgen.privacy_filters.nearest import LocalScale, PatientIndex, chord

PLACES = 2**20
_SIZES = (3, 4)
_SOFT, _NEAREST = 0.01, 1e-4
# Where passages begin, as a share of a passage. Those of T begin at every quarter, so that wherever a passage was cut
# out, one of T is at most an eighth of a passage off.
_HALF, _QUARTER = 0.5, 0.25

Scores = NDArray[np.float64]
Floats = NDArray[np.float32]
Texts = Sequence[Sequence[str]]
"""Normalised words of each text."""


@dataclass(frozen=True)
class Lexicon:
    """How rare runs of three and four words are among the training dialogues."""

    rarity: Any

    @classmethod
    def of(cls, texts: Texts) -> Self:
        """Counts in how many of ``texts`` each run stands."""
        try:
            from sklearn.feature_extraction.text import TfidfTransformer
        except ImportError:
            raise MissingExtraError("the filter of near-duplicates", "dialogue") from None
        return cls(TfidfTransformer(sublinear_tf=True).fit(_counts(texts)))

    def vectors(self, texts: Texts) -> sparse.csr_matrix:
        """One unit vector per text, shape [N, 2^20]; zero for a text of no word."""
        return self.rarity.transform(_counts(texts)).astype(np.float32).tocsr()


def _counts(texts: Texts) -> sparse.csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    vectoriser = HashingVectorizer(analyzer=runs, n_features=PLACES, norm=None, alternate_sign=False)
    return vectoriser.transform(texts)


def runs(tokens: Sequence[str]) -> list[str]:
    """Runs of three and four words; of a text that is shorter, the whole."""
    return list(grams(tokens, _SIZES)) if len(tokens) >= min(_SIZES) else [" ".join(tokens)] * bool(tokens)


@dataclass(frozen=True)
class Neighbours:
    """Unit vectors of training texts, and how near each patient's nearest other one is.

    Attributes:
        scale: of sqrt(1 - cos), a distance.
    """

    index: PatientIndex
    scale: LocalScale

    @classmethod
    def over(cls, vectors: Any, patients: Sequence[str]) -> Self:
        index = PatientIndex.build(vectors, patients)
        numbers, cosines = index.nearest(index.vectors, 2, index.owners)
        return cls(index, LocalScale.over(np.sqrt(_rounded(1.0 - cosines)), numbers, index.owner))

    @property
    def density(self) -> Scores:
        """1 - cos of each patient to the nearest other one, floored at a quarter of the median, shape [P]."""
        return self.scale.nearest**2

    def nearest(self, queries: Any, exclude: Sequence[str] | None = None) -> tuple[NDArray[np.intp], Scores]:
        """The patient with the smallest (1 - cos) / density of each query, and that ratio, shape [Q] each.

        Args:
            exclude: for each query a patient who is left out. The ratio is infinite where nobody is left.
        """
        numbers, ratios = np.zeros(queries.shape[0], dtype=np.intp), np.full(queries.shape[0], np.inf)
        everybody, own = np.arange(len(self.index.patients)), self.index.numbers(exclude)
        for rows, cosines in self.index.some_similarities(queries, exclude):
            density = self.scale.of(everybody, None if own is None else own[rows, None]) ** 2
            far = _rounded((1.0 - cosines).clip(min=0.0) / density)
            numbers[rows] = far.argmin(axis=1)
            ratios[rows] = far[np.arange(len(far)), numbers[rows]]
        return numbers, ratios

    def scores(self, queries: Any, exclude: Sequence[str] | None = None) -> Scores:
        """Odds of the nearest ratio, shape [Q]; larger is farther."""
        _, ratios = self.nearest(queries, exclude)
        return odds(ratios, float(np.median(self.density)))


def _rounded(far: NDArray[np.floating]) -> Scores:
    """With zero for what is equal up to rounding."""
    return np.where(far < 1e-5, 0.0, far).astype(np.float64)


def odds(ratios: Scores, density: float) -> Scores:
    """(1 - c) / (c + 0.01) for 1 - c = ratio x median density, larger is farther, at least 1e-4.

    Zero is kept for what is the same word for word: two strangers may share all of a passage or of a short visit.
    """
    far = np.minimum(ratios, 1e6) * density
    return np.asarray(np.maximum(far / ((1.0 - far).clip(0.0, 1.0) + _SOFT), _NEAREST), dtype=np.float64)


@dataclass(frozen=True)
class NearDuplicate:
    """Whole dialogues by their runs of words.

    A reworded copy is a little like its original everywhere, which no single passage shows: the longer the
    dialogue, the less do strangers reach by chance.
    """

    lexicon: Lexicon
    neighbours: Neighbours

    name = "near_duplicate"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        texts = [dialogue_words(dialogue) for dialogue in dialogues]
        lexicon = Lexicon.of(texts)
        return cls(lexicon, Neighbours.over(lexicon.vectors(texts), patients))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too; the document frequencies stay."""
        vectors = sparse.vstack([self.neighbours.index.vectors, self.vectors(dialogues)], format="csr")
        return type(self)(self.lexicon, Neighbours.over(vectors, [*self.neighbours.index.owners, *patients]))

    def vectors(self, dialogues: Sequence[Dialogue]) -> sparse.csr_matrix:
        """Unit vectors, shape [N, D]; zero for a dialogue without words."""
        return self.lexicon.vectors([dialogue_words(dialogue) for dialogue in dialogues])

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], NaN for a dialogue without words."""
        vectors = self.vectors(dialogues)
        return np.where(np.diff(vectors.indptr) > 0, self.neighbours.scores(vectors, exclude), np.nan)

    def nearest_patients(self, dialogues: Sequence[Dialogue]) -> list[str]:
        """The training patient nearest to each dialogue."""
        numbers, _ = self.neighbours.nearest(self.vectors(dialogues))
        return [self.neighbours.index.patients[i] for i in numbers]

    def distances(self, dialogues: Sequence[Dialogue], references: Sequence[Dialogue]) -> Scores:
        """Chord distance, shape [N, R], in [0, sqrt 2]."""
        cosines = self.vectors(dialogues) @ self.vectors(references).T
        return chord(cosines.toarray()).astype(np.float64)


@dataclass(frozen=True)
class Passages:
    """Passages of whole turns by their runs of words: the nearest of a candidate's passages counts.

    A passage that was lifted into another dialogue, reworded, is a small part of the whole and has no long run left.
    """

    lexicon: Lexicon
    neighbours: Neighbours
    least: int

    name = "passage"

    @classmethod
    def over(
        cls, dialogues: Sequence[Dialogue], patients: Sequence[str], lexicon: Lexicon, config: NearDuplicateConfig
    ) -> Self:
        vectors, owner = _passage_vectors(lexicon, dialogues, config.passage_words, _QUARTER)
        return cls(lexicon, Neighbours.over(vectors, [patients[i] for i in owner]), config.passage_words)

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too."""
        more, owner = _passage_vectors(self.lexicon, dialogues, self.least, _QUARTER)
        vectors = sparse.vstack([self.neighbours.index.vectors, more], format="csr")
        owners = [*self.neighbours.index.owners, *(patients[i] for i in owner)]
        return type(self)(self.lexicon, Neighbours.over(vectors, owners), self.least)

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], NaN for a dialogue without words."""
        vectors, owner = _passage_vectors(self.lexicon, dialogues, self.least, _HALF)
        own = None if exclude is None else [exclude[i] for i in owner]
        found = np.full(len(dialogues), np.inf)
        np.minimum.at(found, owner, self.neighbours.scores(vectors, own))
        return np.where(np.isfinite(found), found, np.nan)


def passages(dialogue: Dialogue, least: int, step: float = _HALF) -> list[tuple[int, int]]:
    """First turns and ends of passages of ``least`` words or more, each beginning a ``step`` of one after the last.

    Passages are whole turns, so that a step is rounded up to one turn at least. A shorter dialogue is one passage.
    """
    counts = [len(turn.text.split()) for turn in dialogue.turns]
    total = np.concatenate([[0], np.cumsum(counts)])
    last = max(0, int(np.searchsorted(total, total[-1] - least, side="right")) - 1)  # the latest that is long enough
    spans: list[tuple[int, int]] = []
    start = 0
    while start < last:
        spans.append((start, int(np.searchsorted(total, total[start] + least))))
        start = max(start + 1, int(np.searchsorted(total, total[start] + least * step)))
    return [*spans, (last, len(counts))]


def _passage_vectors(
    lexicon: Lexicon, dialogues: Sequence[Dialogue], least: int, step: float
) -> tuple[sparse.csr_matrix, NDArray[np.intp]]:
    """Unit vectors of all passages that have words, and each one's dialogue."""
    texts, owner = [], []
    for i, dialogue in enumerate(dialogues):
        said = [words(turn.text) for turn in dialogue.turns]
        for start, end in passages(dialogue, least, step):
            tokens = [word for turn in said[start:end] for word in turn]
            if tokens:
                texts.append(tokens)
                owner.append(i)
    return lexicon.vectors(texts or [[]]), np.array(owner, dtype=np.intp)
