"""Dialogues as the evaluation takes them: text, condition, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from synthgen.estimates import Indices, drawn
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
