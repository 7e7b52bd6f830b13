"""What a run is, for every stage of it: the kind of data, the settings, the private folder, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from synthgen.config import RunConfig, Section
from synthgen.modality import Modality
from synthgen.progress import Progress
from synthgen.records import C
from synthgen.seeds import stage_seed
from synthgen.workfolder import Workfolder

T = TypeVar("T")
M = TypeVar("M", bound=Section)


@dataclass(frozen=True)
class Run(Generic[T, C, M]):
    """The context of a run."""

    modality: Modality[T, C, M]
    config: RunConfig[M]
    work: Workfolder
    progress: Progress

    @property
    def settings(self) -> M:
        """The modality's own section."""
        return self.config.modality

    def seed(self, stage: str) -> int:
        """The seed of a stage."""
        return stage_seed(self.config.seed, stage)
