"""Near-duplicates: how much of what a candidate says, in which words, one training patient has said.

A dialogue is a vector: TF-IDF of its words and of their runs of two and three, of letter n-grams (which survive
misspellings and other endings), and, where an encoder is named, the mean of its sentence embeddings (which survives
synonyms). The parts are unit vectors, weighted and concatenated, so that one cosine adds up their evidence: a
paraphrase that is only fairly close in each is closer in the sum than any stranger. Document frequencies are those of
the training dialogues; nothing else is fitted. n-grams are hashed (2^20 places), so no vocabulary of private words
exists, and an n-gram that no training dialogue has still counts as content of the candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.errors import MissingExtraError
from synthgen.modalities.dialogue.types import Dialogue
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.words import dialogue_words, grams
from synthgen.privacy_filters.nearest import local_scale

_PLACES = 2**20
_CHUNK = 256  # candidates compared at once: bounds memory

Scores = NDArray[np.float64]
Floats = NDArray[np.float32]
Texts = Sequence[Sequence[str]]
"""Normalised words of each text."""


@dataclass(frozen=True)
class Lexicon:
    """How rare n-grams are among the training dialogues."""

    letters_weight: float
    word_rarity: Any
    letter_rarity: Any

    @classmethod
    def of(cls, texts: Texts, letters_weight: float) -> Self:
        """Counts in how many of ``texts`` each n-gram stands."""
        try:
            from sklearn.feature_extraction.text import TfidfTransformer
        except ImportError:
            raise MissingExtraError("the filter of near-duplicates", "dialogue") from None
        return cls(
            letters_weight,
            TfidfTransformer(sublinear_tf=True).fit(_word_counts(texts)),
            TfidfTransformer(sublinear_tf=True).fit(_letter_counts(texts)) if letters_weight else None,
        )

    def vectors(self, texts: Texts) -> sparse.csr_matrix:
        """One unit vector per text, shape [N, 2^20 or 2^21]; zero for a text without words."""
        said = self.word_rarity.transform(_word_counts(texts))
        if self.letter_rarity is None:
            return said.tocsr().astype(np.float32)
        spelt = self.letter_rarity.transform(_letter_counts(texts))
        parts = [said * np.sqrt(1 - self.letters_weight), spelt * np.sqrt(self.letters_weight)]
        return sparse.hstack(parts, format="csr", dtype=np.float32)


def _word_counts(texts: Texts) -> sparse.csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    analyser = HashingVectorizer(
        analyzer=lambda tokens: grams(tokens, (1, 2, 3)), n_features=_PLACES, norm=None, alternate_sign=False
    )
    return analyser.transform(texts)


def _letter_counts(texts: Texts) -> sparse.csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    analyser = HashingVectorizer(
        analyzer="char_wb", ngram_range=(4, 4), lowercase=False, n_features=_PLACES, norm=None, alternate_sign=False
    )
    return analyser.transform(" ".join(tokens) for tokens in texts)


@dataclass(frozen=True)
class Neighbours:
    """Unit vectors of training texts, ordered by patient; the sparse counterpart of ``PatientIndex``.

    Attributes:
        vectors: shape [N, D].
        patients: the P patients, sorted.
        starts: shape [P], the first row of each.
        owner: shape [N], the place of each row's patient.
    """

    vectors: sparse.csr_matrix
    patients: tuple[str, ...]
    starts: NDArray[np.intp]
    owner: NDArray[np.intp]

    @classmethod
    def over(cls, vectors: sparse.csr_matrix, patients: Sequence[str]) -> Self:
        order = np.argsort(np.asarray(patients), kind="stable")
        names, starts, owner = np.unique(np.asarray(patients)[order], return_index=True, return_inverse=True)
        return cls(vectors[order], tuple(str(name) for name in names), starts, owner)

    @property
    def owners(self) -> list[str]:
        return [self.patients[i] for i in self.owner]

    def nearest(
        self, queries: sparse.csr_matrix, exclude: Sequence[str] | None = None
    ) -> tuple[NDArray[np.intp], Scores]:
        """The nearest patient of each query and the distance, shape [Q] each; infinite where nobody is left."""
        numbers, distances = np.zeros(queries.shape[0], dtype=np.intp), np.full(queries.shape[0], np.inf)
        place = {name: i for i, name in enumerate(self.patients)}
        columns = self.vectors.T.tocsr()
        for low in range(0, queries.shape[0], _CHUNK):
            rows = slice(low, min(low + _CHUNK, queries.shape[0]))
            best = np.maximum.reduceat((queries[rows] @ columns).toarray(), self.starts, axis=1)
            if exclude is not None:
                own = np.array([place.get(patient, -1) for patient in exclude[rows]])
                barred = np.flatnonzero(own >= 0)
                best[barred, own[barred]] = -np.inf
            numbers[rows] = best.argmax(axis=1)
            cosines = best[np.arange(len(best)), numbers[rows]]
            distances[rows] = np.where(np.isfinite(cosines), odds(cosines), np.inf)
        return numbers, distances


def odds(cosines: Floats) -> Scores:
    """(1 - cos) / cos: a distance in [0, inf) whose logarithm is as long-tailed as that of a run of words.

    The gate puts filters on one scale by the spread of their logarithms. Chord distances of strangers crowd just below
    their largest value, so that in them a stranger who is somewhat close is thirty spreads away, and would loosen the
    thresholds of all other filters. What is equal up to rounding has distance zero.
    """
    close = np.clip(cosines.astype(np.float64), 1e-3, 1.0)
    return np.where(close > 1 - 2e-6, 0.0, (1 - close) / close)


@dataclass(frozen=True)
class NearDuplicate:
    """Whole dialogues: distance to the nearest patient over that patient's distance to the nearest other one."""

    lexicon: Lexicon
    neighbours: Neighbours
    scale: Scores

    name = "near_duplicate"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str], config: NearDuplicateConfig) -> Self:
        texts = [dialogue_words(dialogue) for dialogue in dialogues]
        lexicon = Lexicon.of(texts, config.letters_weight)
        return cls._built(lexicon, lexicon.vectors(texts), patients)

    @classmethod
    def _built(cls, lexicon: Lexicon, vectors: sparse.csr_matrix, patients: Sequence[str]) -> Self:
        neighbours = Neighbours.over(vectors, patients)
        _, distances = neighbours.nearest(neighbours.vectors, neighbours.owners)
        return cls(lexicon, neighbours, local_scale(np.minimum.reduceat(distances, neighbours.starts)))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too; the document frequencies stay."""
        vectors = sparse.vstack([self.neighbours.vectors, self.vectors(dialogues)], format="csr")
        return self._built(self.lexicon, vectors, [*self.neighbours.owners, *patients])

    def vectors(self, dialogues: Sequence[Dialogue]) -> sparse.csr_matrix:
        """Unit vectors, shape [N, D]."""
        return self.lexicon.vectors([dialogue_words(dialogue) for dialogue in dialogues])

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], NaN for a dialogue without words."""
        vectors = self.vectors(dialogues)
        numbers, distances = self.neighbours.nearest(vectors, exclude)
        return np.where(np.diff(vectors.indptr) > 0, distances / self.scale[numbers], np.nan)
