"""Records of different patients that are one case: found before the split, so that no stranger is a copy.

Corpora hold a script that was acted twice, a visit that was exported under two numbers, a transcript that somebody
typed again. If one such record is trained on and the other calibrates, the gate is told that copies are what strangers
look like, and its thresholds let copies through. Three rules link two records, each being what the gate claims to
catch:

- the same words in the same order;
- half of the words of one stand in runs of eight or more that the other has too;
- the TF-IDF vectors of runs of three and four words have a cosine of 0.5 or more: misspelt, reworded here and there.

Text that many patients share (an intake form that is read out, a script of questions) counts on neither side of the
second rule, and for little in the third: a template links nobody. Of records of a few words, which small talk makes
alike, the third asks more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.near_duplicate import Lexicon
from synthgen.privacy_filters.dialogue.words import dialogue_words
from synthgen.records import Link

RUN = 8
SHARE = 0.5
COSINE = 0.5
_SHORT, _LEAST, _COSINE_OF_SHORT = 20, 10, 0.8  # words
_LEAST_OWN = 40  # words beside a template: half of fewer are shared in a sentence that anybody says
_TEMPLATE = 0.02  # a run of eight words that a larger share of the patients,
_TEMPLATE_LEAST = 5  # and more patients than these, have too is a template's
_ROWS = 512  # records compared with all others at a time: bounds memory

Words = tuple[str, ...]


def same_cases(dialogues: Sequence[Dialogue], patients: Sequence[str]) -> list[Link]:
    """Pairs of records of different patients that are one case, sorted; ``dialogues[i]`` is of ``patients[i]``.

    Of records with the same words each is linked to the one before, and the first stands for all in the other rules.
    """
    texts = [dialogue_words(dialogue) for dialogue in dialogues]
    found: dict[tuple[int, int], str] = {}
    before: dict[Words, int] = {}
    kept: list[int] = []
    for i, text in enumerate(texts):
        if not text:
            continue
        if text in before:
            found[before[text], i] = "same transcript"
        else:
            kept.append(i)
        before[text] = i
    for first, second, kind in _alike([texts[i] for i in kept], [patients[i] for i in kept]):
        found[kept[first], kept[second]] = kind
    return [Link(*pair, kind) for pair, kind in sorted(found.items()) if patients[pair[0]] != patients[pair[1]]]


def same_case(dialogues: Sequence[Dialogue], patients: Sequence[str]) -> list[str]:
    """For each dialogue the patient it counts as: the first, by name, of those who are linked."""
    first = {patient: patient for patient in patients}

    def root(patient: str) -> str:
        while first[patient] != patient:
            patient = first[patient]
        return patient

    for link in same_cases(dialogues, patients):
        one, other = sorted((root(patients[link.first]), root(patients[link.second])))
        first[other] = one
    return [root(patient) for patient in patients]


def _alike(texts: Sequence[Words], patients: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Pairs by shared runs and by vectors, of texts that are all different."""
    if not texts:
        return
    yield from ((a, b, "near copy") for a, b in _near(texts))
    yield from ((a, b, "half of the words in shared runs") for a, b in _overlapping(texts, patients))


def _near(texts: Sequence[Words]) -> Iterator[tuple[int, int]]:
    lengths = np.array([len(text) for text in texts])
    vectors = Lexicon.of(texts).vectors(texts)
    for first, second, cosines in _products(_of_several(vectors), COSINE):
        shorter = np.minimum(lengths[first], lengths[second])
        needed = np.where(shorter >= _SHORT, COSINE, np.where(shorter >= _LEAST, _COSINE_OF_SHORT, np.inf))
        close = cosines >= needed
        yield from zip(first[close].tolist(), second[close].tolist(), strict=True)


def _overlapping(texts: Sequence[Words], patients: Sequence[str]) -> Iterator[tuple[int, int]]:
    places, counts = _runs_of(texts)
    common = _of_templates(counts, patients)
    own = [np.where(common[row], -1, row) for row in places]
    sizes = np.array([_covered(row >= 0) for row in own])  # words that no template covers alone
    shared = _of_several(counts[:, ~common])
    for first, second, number in _products(shared, 1.0):
        least = np.minimum(sizes[first], sizes[second])
        enough = (least >= _LEAST_OWN) & (RUN * number >= SHARE * least)  # a run covers eight words at most
        for a, b in zip(first[enough].tolist(), second[enough].tolist(), strict=True):
            if _share(own[a], own[b], sizes[a]) >= SHARE or _share(own[b], own[a], sizes[b]) >= SHARE:
                yield a, b


def _runs_of(texts: Sequence[Words]) -> tuple[list[NDArray[np.int64]], Any]:
    """The number of the run of ``RUN`` words at each word of each text, and which text has which, shape [N, runs]."""
    numbers: dict[Words, int] = {}
    places = [
        np.array([numbers.setdefault(text[i : i + RUN], len(numbers)) for i in range(len(text) - RUN + 1)], np.int64)
        for text in texts
    ]
    distinct = [np.unique(row) for row in places]
    ends = np.cumsum([0, *map(len, distinct)])
    columns = np.concatenate([*distinct, np.zeros(0, dtype=np.int64)])
    shape = (len(texts), max(1, len(numbers)))
    return places, sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, ends), shape=shape)


def _of_templates(counts: Any, patients: Sequence[str]) -> NDArray[np.bool_]:
    """Which runs many patients have, shape [runs]."""
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    every = sparse.csr_matrix((np.ones(len(owner)), (owner, np.arange(len(owner)))), shape=(len(names), len(owner)))
    have = np.asarray(((every @ counts) > 0).sum(axis=0)).ravel()
    return np.asarray(have > max(_TEMPLATE_LEAST, _TEMPLATE * len(names)))


def _covered(begins: NDArray[np.bool_]) -> int:
    """Words in runs that begin at the marked places."""
    marks = np.zeros(len(begins) + RUN, dtype=np.int64)
    np.add.at(marks, np.flatnonzero(begins), 1)
    np.add.at(marks, np.flatnonzero(begins) + RUN, -1)
    return int((np.cumsum(marks) > 0).sum())


def _share(one: NDArray[np.int64], other: NDArray[np.int64], size: int) -> float:
    """Share of ``size`` words of one that stand in runs of the other."""
    return _covered((one >= 0) & np.isin(one, other)) / size


def _of_several(counts: Any) -> Any:
    """Without the columns that one row alone has: they make no product."""
    return counts.tocsc()[:, np.flatnonzero(np.diff(counts.tocsc().indptr) > 1)].tocsr()


def _products(rows: Any, least: float) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
    """Pairs of rows, first < second, whose product is at least ``least``."""
    columns = rows.T.tocsr()
    for low in range(0, rows.shape[0], _ROWS):
        found = (rows[low : low + _ROWS] @ columns).tocoo()
        chosen = (found.row + low < found.col) & (found.data >= least)
        yield (found.row[chosen] + low).astype(np.intp), found.col[chosen].astype(np.intp), found.data[chosen]
