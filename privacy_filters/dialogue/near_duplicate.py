"""Near-duplicates: how much of what a candidate says one training patient has said, in nearly the same words.

Three views, one measure. A dialogue, or a passage of it, is a unit vector: TF-IDF of its runs of three and four words,
or what a sentence encoder makes of it. Runs of three and four, because strangers with one complaint share its words,
and pairs of them, but not the phrasing; single words and letter n-grams make strangers of one topic look alike and
miss more paraphrases at the same rate of false alarms. Document frequencies are those of the training dialogues;
nothing else is fitted. Runs are hashed (2^20 places), so no list of private phrases exists, and a run that no training
dialogue has still counts as content of the candidate.

The distance to a patient is divided by that patient's distance to the nearest other one, with a floor, and the
smallest ratio r counts. It is then written as odds: with m the median patient's cosine to the nearest other one,
c = 1 - r² (1 - m) is the cosine that r stands for in a region of median density, and the score is (1 - c) / (c + 0.01).
That keeps the order of r. The gate puts filters on one scale by the spread of the strangers' logarithms; distances of
strangers crowd just below their largest value, so that in them one stranger who is somewhat close lies thirty spreads
away and loosens the thresholds of all other filters. Odds are as long-tailed as lengths of shared runs are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.errors import MissingExtraError, UserError
from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.words import dialogue_words, grams, words
from synthgen.privacy_filters.nearest import chord, local_scale

PLACES = 2**20
_SIZES = (3, 4)
_CELLS = 2**24  # cosines held at once: bounds memory
_SOFT, _NEAREST = 0.01, 1e-4
# Where passages begin, as a share of a passage. Those of T begin at every quarter, so that wherever a passage was cut
# out, one of T is at most an eighth of a passage off.
_HALF, _QUARTER = 0.5, 0.25

Scores = NDArray[np.float64]
Floats = NDArray[np.float32]
Texts = Sequence[Sequence[str]]
"""Normalised words of each text."""

Encode = Callable[[Sequence[str]], Floats]
"""Texts to unit vectors [N, D]."""


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
    """Unit vectors of training texts, sparse or dense, ordered by patient.

    Attributes:
        vectors: shape [N, D].
        patients: the P patients, sorted.
        starts: shape [P], the first row of each.
        owner: shape [N], the place of each row's patient.
        density: shape [P], 1 - cos of each patient to the nearest other one, floored at a quarter of the median.
        nearest_other: shape [P], the place of that other one.
        second: shape [P], the density without that other one: whoever is left out makes nobody's region dense.
    """

    vectors: Any
    patients: tuple[str, ...]
    starts: NDArray[np.intp]
    owner: NDArray[np.intp]
    density: Scores
    nearest_other: NDArray[np.intp]
    second: Scores

    @classmethod
    def over(cls, vectors: Any, patients: Sequence[str]) -> Self:
        order = np.argsort(np.asarray(patients), kind="stable")
        names, starts, owner = np.unique(np.asarray(patients)[order], return_index=True, return_inverse=True)
        ones, nobody = np.ones(len(names)), np.full(len(names), -1)
        bare = cls(vectors[order], tuple(str(n) for n in names), starts, owner, ones, nobody, ones)
        numbers, ratios = bare._nearest_two()
        density, nearest, second = crowding(numbers, ratios, owner, len(names))
        return cls(bare.vectors, bare.patients, starts, owner, density, nearest, second)

    def _nearest_two(self) -> tuple[NDArray[np.intp], Scores]:
        """The two nearest other patients of each row, nearest first, and how far they are, shape [N, 2] each."""
        numbers = np.full((len(self.owner), 2), -1, dtype=np.intp)
        far = np.full((len(self.owner), 2), np.inf)
        for rows, ratios in self._ratios(self.vectors, self.owners):
            count = min(2, ratios.shape[1])
            order = np.argsort(ratios, axis=1)[:, :count]
            numbers[rows, :count] = order
            far[rows, :count] = np.take_along_axis(ratios, order, axis=1)
        return numbers, far

    @property
    def owners(self) -> list[str]:
        """The patient of every row."""
        return [self.patients[i] for i in self.owner]

    def nearest(self, queries: Any, exclude: Sequence[str] | None = None) -> tuple[NDArray[np.intp], Scores]:
        """The patient with the smallest (1 - cos) / density of each query, and that ratio, shape [Q] each.

        Args:
            exclude: for each query a patient who is left out. The ratio is infinite where nobody is left.
        """
        numbers, ratios = np.zeros(queries.shape[0], dtype=np.intp), np.full(queries.shape[0], np.inf)
        for rows, far in self._ratios(queries, exclude):
            numbers[rows] = far.argmin(axis=1)
            ratios[rows] = far[np.arange(len(far)), numbers[rows]]
        return numbers, ratios

    def _ratios(self, queries: Any, exclude: Sequence[str] | None = None) -> Iterator[tuple[slice, Scores]]:
        """(1 - cos) / density of some queries at a time and every patient, shape [rows, P]."""
        place = {name: i for i, name in enumerate(self.patients)}
        columns = self.vectors.T.tocsr() if sparse.issparse(self.vectors) else self.vectors.T
        step = max(1, _CELLS // len(self.owner))
        for low in range(0, queries.shape[0], step):
            rows = slice(low, min(low + step, queries.shape[0]))
            cosines = queries[rows] @ columns
            dense = cosines.toarray() if sparse.issparse(cosines) else np.asarray(cosines)
            far = (1.0 - np.maximum.reduceat(dense, self.starts, axis=1)).clip(min=0.0) / self.density
            if exclude is not None:
                own = np.array([place.get(patient, -1) for patient in exclude[rows]])
                far = without(far, own, self.nearest_other, self.density / self.second)
                barred = np.flatnonzero(own >= 0)
                far[barred, own[barred]] = np.inf
            far[far < 1e-5] = 0.0  # equal up to rounding
            yield rows, far

    def scores(self, queries: Any, exclude: Sequence[str] | None = None) -> Scores:
        """Odds of the nearest ratio, shape [Q]; larger is farther."""
        _, ratios = self.nearest(queries, exclude)
        return odds(ratios, float(np.median(self.density)))


def crowding(
    numbers: NDArray[np.intp], far: Scores, owner: NDArray[np.intp], patients: int
) -> tuple[Scores, NDArray[np.intp], Scores]:
    """From the two nearest other patients of each row: each patient's density, nearest other, density without that one.

    Args:
        numbers, far: shape [N, 2], who they are and how far, nearest first.
        owner: shape [N].
    """
    first = np.full(patients, np.inf)
    np.minimum.at(first, owner, far[:, 0])
    nearest = np.full(patients, -1, dtype=np.intp)
    found = far[:, 0] == first[owner]
    nearest[owner[found]] = numbers[found, 0]
    another = np.where(numbers[:, 0] == nearest[owner], far[:, 1], far[:, 0])
    second = np.full(patients, np.inf)
    np.minimum.at(second, owner, another)
    density = local_scale(np.sqrt(first)) ** 2
    return density, nearest, np.maximum(local_scale(np.sqrt(second)) ** 2, density)


def without(far: Scores, own: NDArray[np.intp], nearest_other: NDArray[np.intp], change: Scores) -> Scores:
    """Ratios [Q, P] of candidates of whom patient ``own`` is left out: from his neighbours' densities too."""
    touched = (own[:, None] == nearest_other[None, :]) & (own[:, None] >= 0)
    return np.asarray(np.where(touched, far * change, far), dtype=np.float64)


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
        vectors = sparse.vstack([self.neighbours.vectors, self.vectors(dialogues)], format="csr")
        return type(self)(self.lexicon, Neighbours.over(vectors, [*self.neighbours.owners, *patients]))

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
        return [self.neighbours.patients[i] for i in numbers]

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
        vectors = sparse.vstack([self.neighbours.vectors, more], format="csr")
        owners = [*self.neighbours.owners, *(patients[i] for i in owner)]
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


@dataclass(frozen=True)
class Meanings:
    """Whole dialogues by a sentence encoder, the mean over their passages."""

    encode: Encode
    neighbours: Neighbours
    least: int

    name = "meaning"

    @classmethod
    def over(
        cls, dialogues: Sequence[Dialogue], patients: Sequence[str], encode: Encode, config: NearDuplicateConfig
    ) -> Self:
        vectors = _pooled(encode, dialogues, config.passage_words)
        return cls(encode, Neighbours.over(vectors, patients), config.passage_words)

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too."""
        vectors = np.concatenate([self.neighbours.vectors, _pooled(self.encode, dialogues, self.least)])
        return type(self)(self.encode, Neighbours.over(vectors, [*self.neighbours.owners, *patients]), self.least)

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N]."""
        return self.neighbours.scores(_pooled(self.encode, dialogues, self.least), exclude)


def _pooled(encode: Encode, dialogues: Sequence[Dialogue], least: int) -> Floats:
    """Mean of the passages' vectors, scaled to norm one, shape [N, D]."""
    spans = [passages(dialogue, least) for dialogue in dialogues]
    texts = [
        "\n".join(turn.text for turn in dialogue.turns[start:end])
        for dialogue, own in zip(dialogues, spans, strict=True)
        for start, end in own
    ]
    firsts = np.cumsum([0, *(len(own) for own in spans[:-1])])
    pooled = np.add.reduceat(np.asarray(encode(texts), dtype=np.float32), firsts, axis=0)
    unit: Floats = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return unit


def sentence_encoder(config: NearDuplicateConfig) -> Encode:
    """Opens ``config.encoder``, a name or a folder, on the machine's best device.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        UserError: there is no such encoder.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError("the filter by a sentence encoder", "dialogue") from None
    try:
        model = SentenceTransformer(config.encoder)
    except (OSError, ValueError):
        raise UserError(
            f"near_duplicate.encoder: cannot open {config.encoder!r}: give a sentence-transformers name or folder"
        ) from None

    def encode(texts: Sequence[str]) -> Floats:
        found = model.encode(
            list(texts), batch_size=config.encoder_batch, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(found, dtype=np.float32)

    return encode


def remembered(encode: Encode, most: int = 2**16) -> Encode:
    """The same encoder, which keeps the vectors of the last texts: every training sentence is read twice."""
    known: dict[str, Floats] = {}

    def encoded(texts: Sequence[str]) -> Floats:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        fresh = dict(zip(new, encode(new), strict=True)) if new else {}
        found = np.stack([fresh[text] if text in fresh else known[text] for text in texts])
        known.update(fresh)
        while len(known) > most:
            known.pop(next(iter(known)))
        return found

    return encoded
