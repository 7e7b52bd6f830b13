"""The calibrated dialogue filters: each gives a dialogue one score, its distance to the nearest patient of T.

They are calibrated by the spine on held-out patients. For dialogues the honest stranger is one who came for the same
reason: two visits for back pain share questions, findings and plans, two visits for anything do not. The split is
stratified by the condition's stratum (the topic), so that nearly every calibration patient has patients of the same
topic in T; and since a score is the nearest over ALL of T, of which those of the same topic are a part, it is at least
as strict as a comparison with them alone. Where a topic is so rare that T has nobody else with it, its strangers score
far, and the threshold, a low quantile, is set by the common topics: on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synthgen.modalities.dialogue.types import Dialogue
from synthgen.privacy_filters.dialogue.config import NearDuplicateConfig
from synthgen.privacy_filters.dialogue.near_duplicate import NearDuplicate
from synthgen.privacy_filters.dialogue.runs import RunIndex
from synthgen.privacy_filters.dialogue.words import dialogue_words
from synthgen.privacy_filters.nearest import chord

Scores = NDArray[np.float64]


class Part(Protocol):
    """One column of the scores."""

    @property
    def name(self) -> str: ...

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], >= 0, larger is safer; NaN for what cannot be judged, which the gate rejects."""
        ...

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        """The same column, protecting these dialogues too."""
        ...


@dataclass(frozen=True)
class SharedRun:
    """One over the longest run of words that a training patient shares; zero for a copy of every word."""

    index: RunIndex

    name = "shared_run"

    @classmethod
    def over(cls, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        return cls(RunIndex.over([dialogue_words(dialogue) for dialogue in dialogues], patients))

    def enrolled(self, dialogues: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        return type(self)(self.index.enrolled([dialogue_words(dialogue) for dialogue in dialogues], patients))

    def scores(self, dialogues: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N], NaN for a dialogue without words."""
        texts = [dialogue_words(dialogue) for dialogue in dialogues]
        runs = self.index.longest(texts, exclude)
        return np.array([_of_run(run.length, len(text)) for run, text in zip(runs, texts, strict=True)])


def _of_run(length: int, words: int) -> float:
    if not words:
        return float("nan")
    return 0.0 if length == words else 1.0 / max(length, 0.5)


@dataclass(frozen=True)
class DialogueFilters:
    """The fitted filters over the training dialogues; see :class:`synthgen.privacy_filters.gate.Filters`.

    Attributes:
        retrieval: the near-duplicates, in whose vectors neighbours are looked up.
        parts: every column, in order.
    """

    retrieval: NearDuplicate
    others: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.others, self.retrieval)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)

    @classmethod
    def over(
        cls,
        dialogues: Sequence[Dialogue],
        patients: Sequence[str],
        config: NearDuplicateConfig | None = None,
        further: Sequence[Part] = (),
    ) -> Self:
        """Protects these dialogues: ``dialogues[i]`` belongs to ``patients[i]``.

        Args:
            further: columns beside those of this module.
        """
        config = config or NearDuplicateConfig()
        return cls(NearDuplicate.over(dialogues, patients, config), (SharedRun.over(dialogues, patients), *further))

    def enrolled(self, payloads: Sequence[Dialogue], patients: Sequence[str]) -> Self:
        return type(self)(
            self.retrieval.enrolled(payloads, patients),
            tuple(part.enrolled(payloads, patients) for part in self.others),
        )

    def scores(self, payloads: Sequence[Dialogue], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F], in the order of ``names``."""
        if not payloads:
            return np.empty((0, len(self.names)))
        return np.stack([part.scores(payloads, exclude) for part in self.parts], axis=1)

    def nearest_patients(self, payloads: Sequence[Dialogue]) -> list[str]:
        """By the vectors of whole dialogues."""
        numbers, _ = self.retrieval.neighbours.nearest(self.retrieval.vectors(payloads))
        return [self.retrieval.neighbours.patients[i] for i in numbers]

    def distances(self, payloads: Sequence[Dialogue], references: Sequence[Dialogue]) -> Scores:
        """Chord distance of the vectors of whole dialogues, shape [N, R]."""
        cosines = self.retrieval.vectors(payloads) @ self.retrieval.vectors(references).T
        return chord(cosines.toarray()).astype(np.float64)
