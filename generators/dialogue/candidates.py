"""Somebody else's synthetic dialogues, to be judged by the same gate: any layout that a cohort can have."""

from __future__ import annotations

from pathlib import Path

from synthgen.generators.dialogue.cohort import CohortConfig, find_dialogues
from synthgen.payloads.dialogue import Dialogue
from synthgen.progress import Progress


def load_candidates(folder: Path, config: CohortConfig, progress: Progress) -> list[tuple[str, Dialogue]]:
    """Every dialogue of a file or a folder with its name, in the order of the files; patients are not asked for.

    Raises:
        UserError: see :func:`synthgen.generators.dialogue.cohort.load_cohort`.
    """
    found, _, _ = find_dialogues(folder, config, progress)
    return [(one.record, one.dialogue) for one in found]
