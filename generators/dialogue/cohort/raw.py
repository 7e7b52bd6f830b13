"""A dialogue as a file holds it, before roles are mapped and text is cleaned; and what reading is told and tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthgen.generators.dialogue.cohort.columns import Columns
from synthgen.generators.dialogue.cohort.roles import speaker_of
from synthgen.generators.dialogue.cohort.tally import Tally
from synthgen.generators.dialogue.cohort_config import CohortConfig
from synthgen.progress import Progress, Silent

RawRow = tuple[str, Mapping[str, Any]]
"""Where a row stands, for messages (``"visits.jsonl, line 12"``), and its values by column."""


@dataclass(frozen=True, slots=True)
class RawTurn:
    """One turn; ``text`` is what the file holds, None included."""

    role: str
    text: object
    where: str
    emotion: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """One dialogue. Empty strings where the file does not say; ``labels`` as they are, scalars or not."""

    where: str
    record: str
    patient: str
    session: object
    turns: tuple[RawTurn, ...]
    labels: Mapping[str, Any]
    file: str = ""
    date: str = ""


@dataclass(frozen=True)
class Reading:
    """What every reader needs: the settings, where to count, where to speak."""

    config: CohortConfig
    tally: Tally
    progress: Progress
    columns: Columns = field(default_factory=Columns)

    @classmethod
    def of(cls, config: CohortConfig, tally: Tally, progress: Progress) -> Reading:
        return cls(config, tally, progress, Columns.of(config.columns))

    def quietly(self) -> Reading:
        """For a look at a file, of which nothing is counted nor said."""
        return replace(self, tally=Tally(self.tally.key, self.tally.offered), progress=Silent())

    def knows(self, name: str) -> bool:
        """True for a name of a speaker that stands for a side."""
        return bool(speaker_of(name, self.config.roles, self.config.clinician))

    def notice(self, what: str, count: int = 1) -> None:
        if count:
            self.tally.noticed[what] += count


def name_of(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()
