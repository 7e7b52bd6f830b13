"""Dialogues as the evaluation takes them: text, condition, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from synthgen.estimates import Indices, one_per_patient
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, DialogueSynthetic

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """Lower-case words, contractions whole."""
    return _WORD.findall(text.lower().replace("’", "'"))


@dataclass(frozen=True)
class Dialogues:
    """A set of dialogues. ``patients`` are the units that are resampled: for synthetic ones, the cases."""

    dialogues: tuple[Dialogue, ...]
    conditions: tuple[DialogueCondition, ...]
    patients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.dialogues)

    @cached_property
    def texts(self) -> list[str]:
        return [dialogue.text for dialogue in self.dialogues]

    @cached_property
    def turn_words(self) -> list[list[list[str]]]:
        """Words by dialogue and turn."""
        return [[words(turn.text) for turn in dialogue.turns] for dialogue in self.dialogues]

    def take(self, rows: Indices | Sequence[int]) -> Dialogues:
        return Dialogues(
            tuple(self.dialogues[i] for i in rows),
            tuple(self.conditions[i] for i in rows),
            tuple(self.patients[i] for i in rows),
        )

    @staticmethod
    def real(records: Sequence[DialogueReal], limit: int, seed: int) -> Dialogues:
        """At most ``limit`` records, drawn at random."""
        kept = [records[i] for i in drawn(len(records), limit, seed)]
        return Dialogues(
            tuple(r.payload for r in kept), tuple(r.condition for r in kept), tuple(r.patient for r in kept)
        )

    @staticmethod
    def synthetic(samples: Sequence[DialogueSynthetic], limit: int, seed: int) -> Dialogues:
        """The same of a release. Where all samples are of one case (somebody's without cases), each is its own unit."""
        kept = [samples[i] for i in drawn(len(samples), limit, seed)]
        cases = {s.condition.case for s in kept}
        owners = (str(s.condition.case if len(cases) > 1 else i) for i, s in enumerate(kept))
        return Dialogues(tuple(s.payload for s in kept), tuple(s.condition for s in kept), tuple(owners))


def drawn(count: int, limit: int, seed: int) -> list[int]:
    """Sorted indices of at most ``limit`` of ``count`` records, drawn without replacement."""
    if count <= limit:
        return list(range(count))
    return sorted(int(i) for i in np.random.default_rng(seed).choice(count, limit, replace=False))


def one_each(x: Dialogues, seed: int) -> Dialogues:
    """One random record of every patient."""
    return x.take(one_per_patient(x.patients, seed))


def size_matched(a: Dialogues, b: Dialogues, seed: int) -> tuple[Dialogues, Dialogues]:
    """One random record per patient, of as many patients on either side."""
    n = min(len(set(a.patients)), len(set(b.patients)))
    return a.take(one_per_patient(a.patients, seed, n)), b.take(one_per_patient(b.patients, seed + 1, n))
