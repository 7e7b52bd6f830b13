"""An attacker who tells by their words whether two transcripts are of one person.

Four views, each a cosine: words alone and in pairs, letters (three to five, which survive a changed ending), words that
few of the people have whom the attacker learnt on, and numbers. How much each counts is learnt from pairs, by logistic
regression: of untouched transcripts rare words and numbers give a person away; of changed ones what is left does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.payloads.dialogue import Dialogue
from synthgen.records import Matcher

Floats = NDArray[np.float64]

_PLACES = 2**20
_RARE = 0.03  # a word that a larger share of the people has is not rare
_RARE_LEAST = 2
_NUMBER = r"(?u)\b\w*\d\w*\b"
_WORD = r"(?u)\b\w[\w'-]*\b"
_MOST_PAIRS = 200_000  # of two people, that are learnt from

Vectors = Callable[[Sequence[str]], Any]
"""Texts to unit vectors, sparse, shape [N, D]; zero for a text that has nothing of the view."""


@dataclass(frozen=True)
class Words:
    """See :class:`synthgen.records.Attacker`."""

    name: str = "words, letters, rare words and numbers"
    learns: bool = True

    def trained(self, probes: Sequence[Dialogue], gallery: Sequence[Dialogue], seed: int) -> Matcher[Dialogue]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        first, second = _texts(probes), _texts(gallery)
        views = _views([*first, *second])
        pairs = _pairs(views, first, second)
        same = np.eye(len(first), dtype=np.bool_)
        positive, negative = pairs[same], pairs[~same]
        if len(negative) > _MOST_PAIRS:
            negative = negative[np.random.default_rng(seed).choice(len(negative), _MOST_PAIRS, replace=False)]
        scaler = StandardScaler().fit(negative)
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        labels = np.repeat([1, 0], [len(positive), len(negative)])
        model.fit(scaler.transform(np.concatenate([positive, negative])), labels)

        def match(probes: Sequence[Dialogue], gallery: Sequence[Dialogue]) -> Floats:
            found = _pairs(views, _texts(probes), _texts(gallery))
            flat = scaler.transform(found.reshape(-1, found.shape[-1]))
            return np.asarray(model.decision_function(flat).reshape(found.shape[:2]), dtype=np.float64)

        return match


def _texts(dialogues: Sequence[Dialogue]) -> list[str]:
    return [dialogue.text.casefold() for dialogue in dialogues]


def _views(texts: Sequence[str]) -> tuple[Vectors, ...]:
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    def hashed(**settings: Any) -> HashingVectorizer:
        return HashingVectorizer(n_features=_PLACES, norm=None, alternate_sign=False, dtype=np.float32, **settings)

    def weighted(counts: HashingVectorizer) -> Vectors:
        rarity = TfidfTransformer(sublinear_tf=True).fit(counts.transform(texts))
        return lambda texts: rarity.transform(counts.transform(texts))

    words = hashed(token_pattern=_WORD, binary=True)
    spread = np.asarray(words.transform(texts).sum(axis=0)).ravel()
    common = spread > max(_RARE_LEAST, _RARE * len(texts))

    def rare(texts: Sequence[str]) -> Any:
        found = words.transform(texts).tocsc()
        found = found @ sparse.diags_array(np.where(common, 0.0, 1.0).astype(np.float32))
        return _unit(found.tocsr())

    pairs = weighted(hashed(token_pattern=_WORD, ngram_range=(1, 2)))
    letters = weighted(hashed(analyzer="char_wb", ngram_range=(3, 5)))
    numbers = weighted(hashed(token_pattern=_NUMBER))
    return pairs, letters, rare, numbers


def _unit(rows: Any) -> Any:
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.diags_array(np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)) @ rows


def _pairs(views: Sequence[Vectors], first: Sequence[str], second: Sequence[str]) -> Floats:
    """The cosines of every pair, shape [P, G, views]."""
    found = [np.asarray((view(first) @ view(second).T).todense(), dtype=np.float64) for view in views]
    return np.stack(found, axis=-1)
