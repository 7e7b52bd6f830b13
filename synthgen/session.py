"""A command at work: its modality is loaded, its work folder is held, and its progress is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from synthgen import modality
from synthgen.anonymising import ChangePlan
from synthgen.anonymising import anonymise as change_and_release
from synthgen.arguments import Asked
from synthgen.comparing import ComparePlan
from synthgen.comparing import compare as compare_ways
from synthgen.digests import keyed
from synthgen.engines import Workers
from synthgen.engines.local import LocalEngine
from synthgen.files import disk_errors
from synthgen.forecast import costs, forecast, people_of
from synthgen.modality import Modality
from synthgen.pipeline import CONFIG, Plan, release_from
from synthgen.private_release import release_mode
from synthgen.progress import Progress, bars
from synthgen.release import Sealed, check_new, check_output, plots
from synthgen.report import Comparison
from synthgen.run import Run
from synthgen.seeds import stage_seed
from synthgen.sizes import SizeCheck, parts_of_cohort
from synthgen.workfolder import key_of, opened


@contextmanager
def session(
    asked: Asked, work: Path, progress: Progress | None = None, kind: Modality[Any, Any, Any] | None = None
) -> Iterator[Run[Any, Any, Any]]:
    """Loads the modality, then makes or reopens the work folder; a full disk anywhere becomes one line.

    Args:
        progress: where long work reports to; None shows it on standard error.
        kind: the modality, where it is not one that is loaded by name.

    Raises:
        MissingExtraError: before any folder is made.
        UserError: see :func:`synthgen.workfolder.opened`.
    """
    config = asked.config
    if config.threads:
        os.environ["OMP_NUM_THREADS"] = str(config.threads)  # before torch is loaded, which reads it once
    kind = kind or modality.load(asked.offer.name)
    with (
        disk_errors(work),
        opened(work, modality=kind.name, config_digest=config.digest(), seed=config.seed, config=config) as folder,
        shown(progress) as told,
    ):
        yield Run(kind, config, folder, told)


@contextmanager
def shown(progress: Progress | None = None) -> Iterator[Progress]:
    """``progress``; progress on standard error where it is None."""
    if progress is not None:
        yield progress
        return
    with bars(Console(stderr=True)) as progress:
        yield progress


def generate(
    asked: Asked,
    plan: Plan,
    work: Path,
    progress: Progress | None = None,
    kind: Modality[Any, Any, Any] | None = None,
    workers: Workers | None = None,
) -> Sealed:
    """From what was asked to a sealed release, or to quarantine; without data, of a simulated cohort."""
    people = people_of(asked.config) if plan.demo else 0
    if people and (parts := parts_of_cohort(map(str, range(people)), asked.config.split)):
        SizeCheck(asked.config.gate, asked.config.split, plan.accept)(parts)  # before a cohort is simulated
    release_mode(asked.config.privacy, plan.model, cohort=plan.demo or plan.data is not None)  # likewise
    key = key_of(work, modality=asked.offer.name, config_digest=asked.config.digest())
    check_output(plan.out, config_digest=keyed(key or b"", CONFIG, asked.config.digest()))
    with session(asked, work, progress, kind) as at:
        at.progress.say(forecast(asked, plan, costs()))
        if plan.demo:
            plan = replace(plan, data=_demo(at))
        return release_from(at, plan, (workers or Workers()).open(at.progress))


def anonymise(
    asked: Asked,
    plan: ChangePlan,
    work: Path,
    progress: Progress | None = None,
    kind: Modality[Any, Any, Any] | None = None,
) -> Sealed:
    """From a cohort to a sealed release of its records, changed, or to quarantine."""
    check_output(plan.out)
    with session(asked, work, progress, kind) as run:
        return change_and_release(run, plan)


def compare(
    asked: Asked,
    plan: ComparePlan,
    work: Path,
    progress: Progress | None = None,
    kind: Modality[Any, Any, Any] | None = None,
) -> Comparison:
    """One cohort as it is, changed and synthesised, in one table."""
    plots.needed()
    check_new(plan.out)
    with session(asked, work, progress, kind) as run:
        return compare_ways(run, plan, LocalEngine())


def write_demo_cohort(asked: Asked, out: Path, progress: Progress | None = None) -> None:
    """Writes the simulated cohort; the same one every time, unless a seed is given: it is nobody's secret."""
    seed = asked.config.seed if "seed" in asked.config.model_fields_set else 0
    kind = modality.load(asked.offer.name)
    with shown(progress) as told:
        kind.cohorts.write_demo(out, asked.config.modality, stage_seed(seed, "demo"), told)


def _demo(at: Run[Any, Any, Any]) -> Path:
    data = at.work.demo
    if not data.exists():
        at.modality.cohorts.write_demo(data, at.settings, at.seed("demo"), at.progress)
    at.progress.say(f"no --data: using the demo cohort, simulated and free of any patient ({data})")
    return data
