"""Records of different patients that are one case: found before the split, so that no stranger is a copy.

Corpora hold a script that was acted twice, a visit that was exported under two numbers, a transcript that somebody
typed again. If one such record is trained on and the other calibrates, the gate is told that copies are what strangers
look like, and its thresholds let copies through. Four rules link two records, each being what the gate claims to
catch:

- the same words in the same order;
- half of the words of one stand in runs of eight or more that the other has too;
- the TF-IDF vectors of runs of three and four words have a cosine of 0.5 or more: misspelt, reworded here and there;
- the words of each stand in the other in the same order, twelve standard deviations more of them than in others'
  records: one visit told turn by turn in other words. Copies of which words were dropped or replaced stand out by ten
  to forty; of two visits to one clinic for one complaint the closest stood out by ten (three corpora, 2,100 visits).

Text that many patients share (an intake form that is read out, a script of questions) counts on neither side of the
second rule, and for little in the third; whoever stands out for more patients than a template has is passed over in
the fourth: a template links nobody. Of records of a few words, which small talk makes alike, the third asks more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.alignment import one_character_a_word, standing_out
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
_STANDS_OUT = 12.0  # standard deviations
_COSINE_TO_ALIGN = 0.1  # two records that tell one visit share some runs of words
_USUAL, _LEAST_USUAL = 100, 30  # others' records, which tell how many words any two have in one order
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
    vectors = _of_several(Lexicon.of(texts).vectors(texts))
    yield from ((a, b, "the same course of words") for a, b in _aligned(texts, patients, vectors))
    yield from ((a, b, "near copy") for a, b in _near(texts, vectors))
    yield from ((a, b, "half of the words in shared runs") for a, b in _overlapping(texts, patients))


def _near(texts: Sequence[Words], vectors: Any) -> Iterator[tuple[int, int]]:
    lengths = np.array([len(text) for text in texts])
    for first, second, cosines in _products(vectors, COSINE):
        shorter = np.minimum(lengths[first], lengths[second])
        needed = np.where(shorter >= _SHORT, COSINE, np.where(shorter >= _LEAST, _COSINE_OF_SHORT, np.inf))
        close = cosines >= needed
        yield from zip(first[close].tolist(), second[close].tolist(), strict=True)


def _aligned(texts: Sequence[Words], patients: Sequence[str], vectors: Any) -> Iterator[tuple[int, int]]:
    """Pairs that stand out for each other; asked of those alone whose runs of words make them likely."""
    as_text = [one_character_a_word(text) for text in texts]
    every = max(1, len(texts) // _USUAL)
    stands_out: dict[int, set[int]] = {}
    for record, likely in _likeliest(patients, vectors).items():
        owners = {patients[record], *(patients[other] for other in likely)}
        usual = [as_text[i] for i in range(record % every, len(texts), every) if patients[i] not in owners]
        if len(usual) >= _LEAST_USUAL:
            found = standing_out(as_text[record], [*(as_text[other] for other in likely), *usual])[: len(likely)]
            stands_out[record] = {other for other, z in zip(likely, found, strict=True) if z >= _STANDS_OUT}
    for record, others in stands_out.items():
        if len({patients[other] for other in others}) <= _TEMPLATE_LEAST:
            yield from ((record, other) for other in others if record < other and record in stands_out.get(other, ()))


def _likeliest(patients: Sequence[str], vectors: Any) -> dict[int, list[int]]:
    """For each record those of other patients that it shares most with, one more than make a template."""
    cosines: dict[int, list[tuple[float, int]]] = {}
    for first, second, found in _products(vectors, _COSINE_TO_ALIGN):
        for a, b, cosine in zip(first.tolist(), second.tolist(), found.tolist(), strict=True):
            if patients[a] != patients[b]:
                cosines.setdefault(a, []).append((-cosine, b))
                cosines.setdefault(b, []).append((-cosine, a))
    return {record: [other for _, other in sorted(near)[: _TEMPLATE_LEAST + 1]] for record, near in cosines.items()}


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
