"""The calibrated dialogue filters: each gives a dialogue one score, its distance to the nearest patient of T.

They are calibrated by the spine on held-out patients. For dialogues the honest stranger is one who came for the same
reason: two visits for back pain share questions, findings and plans, two visits for anything do not. The split is
stratified by the condition's stratum (the topic), so that nearly every calibration patient has patients of the same
topic in T; and since a score is the nearest over ALL of T, of which those of the same topic are a part, it is at least
as strict as a comparison with them alone. Where a topic is so rare that T has nobody else with it, its strangers score
far, and the threshold, a low quantile, is set by the common topics: on the safe side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue
from synthgen.privacy_filters.dialogue.alignment import Alignment
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.coverage import Coverage
from synthgen.privacy_filters.dialogue.near_duplicate import NearDuplicate, Passages
from synthgen.privacy_filters.dialogue.runs import Matches, RunIndex
from synthgen.privacy_filters.dialogue.standard import Strangers, Stretches, lowest
from synthgen.privacy_filters.dialogue.words import dialogue_words
from synthgen.records import Filters

_SAMPLED = 40  # training dialogues that tell how long runs are shared by chance
_LEAST_BY_CHANCE = 3
_TO_SCALE = 300  # training patients, or a few more, who tell how strangers score
_LEAST_TO_SCALE = 20

Scores = NDArray[np.float64]


class Scorer(Protocol):
    """One column of the scores."""

    @property
    def name(self) -> str: ...

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], >= 0, larger is safer; NaN for what cannot be judged, which the gate rejects."""
        ...

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """The same column, protecting these dialogues too."""
        ...


Builder = Callable[[Sequence[Dialogue], Sequence[str]], Scorer]
"""Makes a column that protects these dialogues; the second argument is the patient of each."""


@dataclass(frozen=True)
class SharedWords:
    """Runs of words that a candidate shares with a training patient, in two columns.

    ``shared_run`` is one over the longest run, and zero for the very words of a record. ``shared_words`` adds up what
    one patient shares beyond ``chance`` words a run, n = sum of (length - chance), and is sqrt(L) / (1 + n) for a
    candidate of L words: a copy of which half of the turns were replaced has no long run, but many that lead to one
    patient.
    ``chance`` is the median length of the runs that the training patients share with each other; it grows with the
    cohort, as the runs that are shared by chance do.
    """

    index: RunIndex
    chance: int
    whole: Mapping[tuple[str, ...], frozenset[str]]

    names = ("shared_run", "shared_words")

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str], chance: int | None = None) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``."""
        texts = [dialogue_words(dialogue) for dialogue in dialogues]
        index = RunIndex.over(texts, patients)
        return cls(index, chance or _by_chance(index, texts, patients), _owners_of(texts, patients))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """Protects these dialogues too."""
        texts = [dialogue_words(dialogue) for dialogue in dialogues]
        whole = _owners_of(texts, patients, self.whole)
        return type(self)(self.index.enrolled(texts, patients), self.chance, whole)

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, 2], NaN for a dialogue without words."""
        texts = [dialogue_words(dialogue) for dialogue in dialogues]
        found = self.index.matches(texts, exclude)
        own = exclude if exclude is not None else [""] * len(texts)
        return np.array(
            [
                self._score(match, bool(self.whole.get(text, frozenset()) - {patient}))
                for match, text, patient in zip(found, texts, own, strict=True)
            ]
        )

    def _score(self, match: Matches, copied: bool) -> tuple[float, float]:
        count = len(match.lengths)
        if not count:
            return float("nan"), float("nan")
        longest = int(match.lengths.max())
        begin = _beginnings(match)
        beyond = np.maximum(match.lengths[begin] - self.chance, 0)
        shared = float(np.bincount(match.owners[begin], weights=beyond).max()) if len(begin) else 0.0
        return (0.0 if copied else 1.0 / max(longest, 1)), float(np.sqrt(count)) / (1.0 + shared)


def _by_chance(index: RunIndex, texts: Sequence[tuple[str, ...]], patients: Sequence[str]) -> int:
    """The median length of the runs that the patients share with each other."""
    every = max(1, len(texts) // _SAMPLED)
    found = index.matches(texts[::every], patients[::every])
    lengths = np.concatenate([match.lengths[_beginnings(match)] for match in found])
    return max(_LEAST_BY_CHANCE, int(np.median(lengths))) if len(lengths) else _LEAST_BY_CHANCE


def _owners_of(
    texts: Sequence[tuple[str, ...]],
    patients: Sequence[str],
    before: Mapping[tuple[str, ...], frozenset[str]] = MappingProxyType({}),
) -> Mapping[tuple[str, ...], frozenset[str]]:
    """Who said exactly these words in a record: few words may be a part of many records, and a copy of none."""
    whole = dict(before)
    for text, patient in zip(texts, patients, strict=True):
        whole[text] = whole.get(text, frozenset()) | {patient}
    return whole


def _beginnings(match: Matches) -> NDArray[np.intp]:
    """Where runs begin that are not the rest of the run before."""
    lengths = match.lengths
    if not len(lengths):
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero((lengths > 0) & np.append(True, lengths[1:] >= lengths[:-1]))


def _scores_of_the_other_half(
    dialogues: Sequence[Dialogue],
    patients: Sequence[str],
    fitted: Callable[[Sequence[Dialogue], Sequence[str]], DialogueFilters],
) -> Scores:
    """How the patients of each half score against the other, shape [about _TO_SCALE, F]; none below four patients.

    Not against all but themselves: the density around each would know them, and nearest neighbours would lie at a
    ratio of one.
    """
    order = {patient: i for i, patient in enumerate(sorted(set(patients)))}
    halves = [[i for i, patient in enumerate(patients) if order[patient] % 2 == parity] for parity in (0, 1)]
    if len(order) < _LEAST_TO_SCALE:
        return np.empty((0, 0))
    found = []
    for own, others in (halves, halves[::-1]):
        filters = fitted([dialogues[i] for i in others], [patients[i] for i in others])
        found.append(filters.scores([dialogues[i] for i in own[:: max(1, 2 * len(own) // _TO_SCALE)]]))
    return np.concatenate(found)


@dataclass(frozen=True)
class DialogueFilters(Filters[Dialogue]):
    """The fitted filters over the training dialogues; see :class:`synthgen.privacy_filters.gate.Filters`.

    Attributes:
        shared: two columns, by runs of words.
        near: near-duplicates, in whose vectors neighbours are looked up.
        local: other columns that look for a place of resemblance: asked of each stretch of a long candidate.
        whole: columns that judge all that a candidate says, however long it is.
        stretches: how long candidates are cut.
        strangers: for each column how one half of the training patients scores against the other.
    """

    shared: SharedWords
    near: NearDuplicate
    local: tuple[Scorer, ...]
    whole: tuple[Scorer, ...]
    stretches: Stretches
    strangers: tuple[Strangers, ...] = ()

    @classmethod
    def over(
        cls,
        dialogues: Sequence[Dialogue],
        patients: Sequence[str],
        config: NearDuplicateConfig | None = None,
        further: Sequence[Builder] = (),
    ) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``.

        Args:
            further: what makes columns beside those of this module, which judge all that a candidate says.
        """
        config = config or NearDuplicateConfig()
        bare = cls._bare(dialogues, patients, config, further)
        chance = bare.shared.chance  # a half has a shorter one, and would count runs that the whole does not
        known = _scores_of_the_other_half(
            dialogues, patients, lambda some, theirs: cls._bare(some, theirs, config, further, chance)
        )
        return replace(bare, strangers=tuple(Strangers.among(column) for column in known.T))

    @classmethod
    def _bare(
        cls,
        dialogues: Sequence[Dialogue],
        patients: Sequence[str],
        config: NearDuplicateConfig,
        further: Sequence[Builder],
        chance: int | None = None,
    ) -> Self:
        """Without a scale."""
        near = NearDuplicate.over(dialogues, patients)
        local = (Passages.over(dialogues, patients, near.lexicon, config),)
        builders: tuple[Builder, ...] = (Coverage.over, Alignment.over, *further)
        whole = tuple(build(dialogues, patients) for build in builders)
        return cls(SharedWords.over(dialogues, patients, chance), near, local, whole, Stretches.of(dialogues))

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.shared.names, *(part.name for part in (self.near, *self.local, *self.whole)))

    def enrolled(self, payloads: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """The same filters, protecting these dialogues too; nothing is fitted on them."""
        return replace(
            self,
            shared=self.shared.enrolled(payloads, patients),
            near=self.near.enrolled(payloads, patients),
            local=tuple(part.enrolled(payloads, patients) for part in self.local),
            whole=tuple(part.enrolled(payloads, patients) for part in self.whole),
        )

    def scores(self, payloads: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F], in the order of ``names``."""
        if not payloads:
            return np.empty((0, len(self.names)))
        cut = [self.stretches(dialogue) for dialogue in payloads]
        parts = [stretch for stretches in cut for stretch in stretches]
        own = exclude and [patient for patient, some in zip(exclude, cut, strict=True) for _ in some]
        local = [self.shared.scores(parts, own), *(part.scores(parts, own) for part in (self.near, *self.local))]
        whole = [part.scores(payloads, exclude) for part in self.whole]
        found = self._shares(np.column_stack(local), 0)
        return np.column_stack([lowest(found, [*map(len, cut)]), self._shares(np.column_stack(whole), found.shape[1])])

    def _shares(self, scores: Scores, first: int) -> Scores:
        """Columns from the ``first`` on, on the scale of strangers."""
        if not self.strangers:
            return scores
        return np.column_stack([self.strangers[first + f](column) for f, column in enumerate(scores.T)])

    def nearest_patients(self, payloads: Sequence[Dialogue]) -> list[str]:
        """By the near-duplicates of whole dialogues."""
        return self.near.nearest_patients(payloads)

    def distances(self, payloads: Sequence[Dialogue], references: Sequence[Dialogue]) -> Scores:
        """Chord distance in the vectors of whole dialogues, shape [N, R]."""
        return self.near.distances(payloads, references)
