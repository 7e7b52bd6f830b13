"""What an attacker can represent text with: spaces fitted on the release and the reference population alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, NotMeasurableError
from synthgen.eval.attacks import unit
from synthgen.eval.dialogue.records import Dialogues, words

Embed = Callable[[Dialogues], Floats]
"""Dialogues to rows, [n, D]."""

TextEncoder = Callable[[Sequence[str]], NDArray[np.generic]]
"""Texts to rows, [n, D]: a sentence encoder that is handed in."""


def fit_tfidf(*sets: Dialogues, dimensions: int, seed: int) -> Embed:
    """TF-IDF of words and pairs of words, reduced by a singular value decomposition; rows have unit norm.

    Compare only sets that it was fitted on, or only such as it was not: those that it knows lie farther apart in it.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [text for one in sets for text in one.texts]
    if len(texts) < 16:
        raise NotMeasurableError("a text space needs 16 dialogues to be fitted on")
    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=50_000)
    weights = tfidf.fit_transform(texts)
    svd = TruncatedSVD(min(dimensions, len(texts) // 4, weights.shape[1] - 1), random_state=seed).fit(weights)

    def embed(x: Dialogues) -> Floats:
        rows = np.asarray(svd.transform(tfidf.transform(x.texts)), dtype=np.float64)
        return unit(rows)

    return embed


_FUNCTION_WORDS: Final = tuple(
    re.findall(
        r"\S+",
        """
        a about actually after again all also always am an and any anything are as at back be because been before but by
        can could did do does doing don't down even every feel few for from get go going gonna got guess had has have he
        her here him his how i i'd i'll i'm i've if in into is it it's its just kind know like little lot make maybe me
        mean more most much my myself never no not nothing now of off oh ok okay on one only or other our out over
        probably quite rather really right said say see she so some something sometimes sort still stuff than that
        that's the their them then there there's these they thing things think this those though time to too uh um up us
        usually very was wasn't we well were what when where which while who why will with would wouldn't yeah yes you
        your
        """,
    )
)
_MARKS: Final = (",", ".", "?", "!", ";", ":", "-", "…", "'", '"', "(", "...")


def fit_style(reference: Dialogues) -> Embed:
    """Stylometry of the patient's side, standardised on the reference: function words, marks and lengths, no content.

    No filter looks at these (Abbasi and Chen 2008, the lexical and syntactic part of Writeprints).
    """
    if len(reference) < 8:
        raise NotMeasurableError("the style of patients needs 8 reference dialogues")
    own = np.stack([_style(said) for said in _patient_side(reference)])
    centre, scale = own.mean(axis=0), np.maximum(own.std(axis=0), 1e-3)

    def embed(x: Dialogues) -> Floats:
        rows = (np.stack([_style(said) for said in _patient_side(x)]) - centre) / scale
        return np.asarray(np.clip(rows, -4, 4), dtype=np.float64)

    return embed


def _patient_side(x: Dialogues) -> list[tuple[str, ...]]:
    return [
        tuple(turn.text for turn in d.turns if turn.speaker != "clinician") or (d.turns[0].text,) for d in x.dialogues
    ]


def _style(said: tuple[str, ...]) -> Floats:
    text = " ".join(said)
    own = words(text)
    total = max(1, len(own))
    counts = dict.fromkeys(_FUNCTION_WORDS, 0)
    for word in own:
        if word in counts:
            counts[word] += 1
    frequent = [counts[word] / total for word in _FUNCTION_WORDS]
    marks = [text.count(mark) / max(1, len(text)) for mark in _MARKS]
    turns = np.array([len(words(turn)) for turn in said], dtype=np.float64)
    sizes = np.array([len(word) for word in own] or [0], dtype=np.float64)
    capitals = len(re.findall(r"\b[A-Z]", text)) / total
    lengths = [float(np.log1p(turns.mean())), float(np.log1p(turns.std())), float(sizes.mean()), float(sizes.std())]
    return np.array([*frequent, *marks, *lengths, capitals, len(set(own)) / total], dtype=np.float64)
