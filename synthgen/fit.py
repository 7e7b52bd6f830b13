"""Fits the generator and the filters, on T alone."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from synthgen.config import RunConfig, Section
from synthgen.modality import Modality
from synthgen.origin import write_origin
from synthgen.progress import Progress
from synthgen.records import C, Cohort
from synthgen.seeds import stage_seed

T = TypeVar("T")
M = TypeVar("M", bound=Section)


def fit_model(
    modality: Modality[T, C, M],
    cohort: Cohort[T, C],
    config: RunConfig[M],
    folder: Path,
    key: bytes,
    progress: Progress,
) -> Path:
    """Fits the generator into ``folder`` and returns it; resumes a fit that was cut short.

    The folder also says on whom it was fitted, under ``key``, the run's own: see :mod:`synthgen.origin`.
    """
    modality.fit(cohort.train, config.modality, folder, stage_seed(config.seed, "model"), progress)
    if modality.reads_cohort(folder):
        write_origin(folder, cohort.train, key)
    return folder


def fit_filters(
    modality: Modality[T, C, M], cohort: Cohort[T, C], config: RunConfig[M], folder: Path, progress: Progress
) -> Path:
    """Fits what the filters learn into ``folder`` and returns it; resumes likewise."""
    modality.fit_filters(cohort.train, config.modality, folder, stage_seed(config.seed, "filters"), progress)
    return folder
