"""What is said, where transcripts are known: the dialogue filters, on recordings.

A cohort that reads from a script (the same sentences by everybody) has transcripts that tell nobody apart: a stranger's
would be a verbatim copy of a patient's, and no threshold could be set. Such a cohort has no transcript columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import Speech
from synthgen.privacy_filters.dialogue.filters import DialogueFilters

Scores = NDArray[np.float64]

_WORDS = 12  # below, a transcript is an answer, not a record
_TRANSCRIBED = 0.5  # share of the records to protect that must have a transcript
_SCRIPTED = 0.05  # share of speakers with somebody else's very words, from which on a cohort is scripted


def dialogue_of(payload: Speech) -> Dialogue | None:
    """The turns of all tracks and sessions in order of time; None where fewer than twelve words are known."""
    turns = [
        Turn("patient" if track.role == "speaker" else track.role, segment.text)
        for recording in payload.recordings
        for segment, track in sorted(
            ((s, t) for t in recording.tracks for s in t.segments if s.text.strip()), key=lambda st: st[0].start
        )
    ]
    known = sum(len(turn.text.split()) for turn in turns)
    return Dialogue(tuple(turns)) if known >= _WORDS else None


@dataclass(frozen=True)
class Transcripts:
    """The dialogue filters over the transcripts of protected records."""

    filters: DialogueFilters

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"transcript_{name}" for name in self.filters.names)

    @classmethod
    def over(cls, payloads: Sequence[Speech], patients: Sequence[str]) -> Self | None:
        """None where too few records have a transcript, or the cohort is scripted."""
        found = [(dialogue_of(payload), patient) for payload, patient in zip(payloads, patients, strict=True)]
        known = [(dialogue, patient) for dialogue, patient in found if dialogue is not None]
        owners = [patient for _, patient in known]
        if len(known) < _TRANSCRIBED * len(payloads) or len(set(owners)) < 2:
            return None
        filters = DialogueFilters.over([dialogue for dialogue, _ in known], owners)
        zero = np.min(filters.scores([dialogue for dialogue, _ in known], owners), axis=1) <= 0.0
        sharing = {owner for owner, same in zip(owners, zero.tolist(), strict=True) if same}
        return None if len(sharing) > _SCRIPTED * len(set(owners)) else cls(filters)

    def enrolled(self, payloads: Sequence[Speech], patients: Sequence[str]) -> Self:
        found = [(dialogue_of(payload), patient) for payload, patient in zip(payloads, patients, strict=True)]
        known = [(dialogue, patient) for dialogue, patient in found if dialogue is not None]
        if not known:
            return self
        return type(self)(self.filters.enrolled([dialogue for dialogue, _ in known], [owner for _, owner in known]))

    def scores(self, payloads: Sequence[Speech], exclude: Sequence[str] | None = None) -> Scores:
        """Shape [N, F]; infinite where no transcript is known: nothing is said of nobody."""
        scores = np.full((len(payloads), len(self.names)), np.inf)
        found = [(row, dialogue) for row, payload in enumerate(payloads) if (dialogue := dialogue_of(payload))]
        if found:
            rows = [row for row, _ in found]
            own = None if exclude is None else [exclude[row] for row in rows]
            scores[rows] = self.filters.scores([dialogue for _, dialogue in found], own)
        return scores
