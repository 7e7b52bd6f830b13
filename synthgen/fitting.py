"""Fits the generator and the filters, on T alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from synthgen.config import Section
from synthgen.dp.accounting import Event
from synthgen.origin import write_origin
from synthgen.private_fit import fit_privately
from synthgen.records import C, Cohort
from synthgen.run import Run

T = TypeVar("T")
M = TypeVar("M", bound=Section)


def fit_model(run: Run[T, C, M], cohort: Cohort[T, C], folder: Path, reserved: Sequence[Event] = ()) -> Path:
    """Fits the generator into ``folder`` and returns it; resumes a fit that was cut short.

    The folder also says on whom it was fitted, under the run's own key: see :mod:`synthgen.origin`.

    Args:
        reserved: see :func:`synthgen.private_fit.fit_privately`.
    """
    kind, epsilon = run.modality.generator, run.config.privacy.epsilon
    if epsilon is None:
        kind.fit(cohort.train, run.settings, folder, run.seed("model"), run.progress)
    else:
        fit_privately(run, cohort.train, epsilon, folder, reserved)
    if kind.reads_cohort(folder):
        write_origin(folder, cohort.train, run.work.key)
    return folder


def fit_filters(run: Run[T, C, M], cohort: Cohort[T, C]) -> Path:
    """Fits what the filters learn into the work folder and returns where; resumes likewise."""
    folder = run.work.screen
    run.modality.filters.fit(cohort.train, run.settings, folder, run.seed("filters"), run.progress)
    return folder
