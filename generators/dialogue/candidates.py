"""Somebody else's synthetic dialogues, to be judged by the same gate: any layout that a cohort can have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthgen.generators.dialogue.cohort import CohortConfig, find_dialogues
from synthgen.payloads.dialogue import Dialogue, DialogueCondition
from synthgen.progress import Progress, Silent


def load_candidates(folder: Path, config: CohortConfig, progress: Progress) -> list[tuple[str, Dialogue]]:
    """Every dialogue of a file or a folder with its name, in the order of the files; patients are not asked for.

    Raises:
        UserError: see :func:`synthgen.generators.dialogue.cohort.load_cohort`.
    """
    found, _, _ = find_dialogues(folder, config, progress)
    return [(one.record, one.dialogue) for one in found]


def candidate_conditions(folder: Path, names: Sequence[str], config: CohortConfig) -> list[DialogueCondition] | None:
    """What each dialogue is labelled with: setting, topic, severity; None where that is said of fewer than all."""
    found, _, _ = find_dialogues(folder, config, Silent())
    told = {
        one.record: DialogueCondition(one.labels.setting, one.labels.topic, one.labels.severity)
        for one in found
        if one.labels.topic or one.labels.severity
    }
    return [told[name] for name in names] if told.keys() >= set(names) else None
