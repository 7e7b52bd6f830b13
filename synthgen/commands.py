"""Parts of the flow as commands of their own: fit a model, judge or evaluate what was made elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from synthgen.config import Section
from synthgen.digests import content_digest, keyed
from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.fitting import fit_filters, fit_model
from synthgen.gate import open_gate
from synthgen.patient_exposure import write_patient_exposure
from synthgen.pipeline import split_cohort
from synthgen.records import C
from synthgen.report import Evaluation, Outcome, to_json
from synthgen.run import Run
from synthgen.sizes import RISK, SizeCheck
from synthgen.tries import begin_try, end_try, level_for_try

T = TypeVar("T")
M = TypeVar("M", bound=Section)


def fit(run: Run[T, C, M], data: Path, out: Path) -> None:
    """Fits a generator on the training part of a cohort into ``out``; resumes."""
    run.modality.generator.check(run.settings)
    run.progress.stage(1, 2, "cohort")
    _, cohort, _ = split_cohort(run, data, SizeCheck(run.config.gate, run.config.split, binding=False))
    run.progress.stage(2, 2, "fit")
    with run.work.made_elsewhere(out):
        fit_model(run, cohort, out)


def pretrain(run: Run[T, C, M], out: Path) -> None:
    """Trains a base on what belongs to nobody, and writes it to ``out``; resumes."""
    run.modality.generator.check(run.settings)
    run.progress.stage(1, 1, "pretrain")
    with run.work.made_elsewhere(run.work.model):
        run.modality.generator.pretrain(run.settings, out, run.work.model, run.seed("base"), run.progress)


def screen(run: Run[T, C, M], data: Path, candidates: Path, out: Path) -> Outcome:
    """Judges somebody else's records with the same gate; every record counts as a first attempt.

    The coarse report goes to ``out``. Which records are kept stays in the work folder (``screen/kept.txt``): that a
    record was rejected says that it is close to a patient. No attack is run, so the verdict is never PASS.
    """
    config, work, progress = run.config, run.work, run.progress
    progress.stage(1, 4, "records and cohort")
    named = run.modality.cohorts.load_candidates(candidates, run.settings, progress)
    check = SizeCheck(config.gate, config.split, may_accept=False, audits=False)
    loaded, cohort, linked = split_cohort(run, data, check)
    judged = keyed(work.key, *(content_digest(payload) for _, payload in named))
    tries = begin_try(loaded.records, (config.digest(), cohort.digest, judged), work, progress)
    progress.stage(2, 4, "fit filters")
    work.begin()
    fit_filters(run, cohort)
    progress.stage(3, 4, "calibrate")
    # Whoever made the candidates may have seen everybody: no patient is an outsider, all are protected.
    opened = open_gate(run, replace(cohort, calibration=(*cohort.calibration, *cohort.audit), audit=()))
    progress.stage(4, 4, "screen")
    found = opened.judge([payload for _, payload in named])
    kept = [name for (name, _), keeps in zip(named, found.kept, strict=True) if keeps]
    write_atomically(work.screen / "kept.txt", "".join(f"{name}\n" for name in kept).encode())
    risk = level_for_try(RISK, tries or 1)
    report = opened.report(found, risk=risk, linked=linked, tries=tries)
    write_atomically(out, (json.dumps(to_json(report), indent=2, sort_keys=True) + "\n").encode())
    end_try(work, report.outcome)
    progress.say(f"{len(kept)} of {len(named)} records are kept; their names are in {work.screen / 'kept.txt'}")
    return report.outcome


def evaluate(run: Run[T, C, M], release: Path, data: Path) -> Evaluation:
    """Attacks and evaluates a release against the cohort behind it; the estimates also go to ``evaluation.json``.

    Raises:
        UserError: if the folder is no release of this modality.
    """
    run.progress.stage(1, 2, "release and cohort")
    samples = run.modality.releases.read(release)
    if not samples:
        raise UserError(f"the release {release} holds no sample")
    check = SizeCheck(run.config.gate, run.config.split, (Outcome.UNCALIBRATED,), may_accept=False)
    _, cohort, _ = split_cohort(run, data, check)
    run.progress.stage(2, 2, "evaluate")
    run.work.begin()
    found = run.modality.releases.evaluate(samples, cohort, run.settings, run.seed("evaluation"), run.progress)
    write_patient_exposure(found.patients, run.work.audit)
    write_atomically(run.work.folder / "evaluation.json", (json.dumps(to_json(found), indent=2) + "\n").encode())
    return found
