"""Records of different numbers that are one case: found before the split, so that no stranger is a copy.

Corpora hold a script that was acted twice, a visit that was exported under two numbers, a template that was filled in
again. If one such record is trained on and the other calibrates, the gate is told that copies are what strangers look
like, and its thresholds let copies through. The rule is that of what the gate claims to catch: a record of which half
of the words stand in runs of eight or more that one other patient shares is no stranger to that patient.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.modalities.dialogue.types import Dialogue
from synthgen.privacy_filters.dialogue.runs import Matches, RunIndex
from synthgen.privacy_filters.dialogue.words import dialogue_words

RUN = 8
SHARE = 0.5


def same_case(dialogues: Sequence[Dialogue], patients: Sequence[str]) -> list[str]:
    """For each dialogue the patient it counts as: the first, by name, of those who are linked by shared text.

    A dialogue of fewer than ``RUN`` words links nobody.
    """
    texts = [dialogue_words(dialogue) for dialogue in dialogues]
    if not texts:
        return []
    index = RunIndex.over(texts, patients)
    first = {patient: patient for patient in index.patients}

    def root(patient: str) -> str:
        while first[patient] != patient:
            patient = first[patient]
        return patient

    for patient, match in zip(patients, index.matches(texts, patients), strict=True):
        shared = _shared_words(match, len(index.patients))
        if shared.max() > 0 and shared.max() >= SHARE * len(match.lengths):
            one, other = sorted((root(patient), root(index.patients[int(shared.argmax())])))
            first[other] = one
    return [root(patient) for patient in patients]


def _shared_words(match: Matches, patients: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Words in runs of ``RUN`` or more, by patient, shape [P]; a word in two runs counts for the earlier."""
    shared = np.zeros(patients, dtype=np.int64)
    covered = 0
    for start in np.flatnonzero(match.lengths >= RUN):
        end = int(start + match.lengths[start])
        if end > covered:
            shared[match.owners[start]] += end - max(int(start), covered)
            covered = end
    return shared
