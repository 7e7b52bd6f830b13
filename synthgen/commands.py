"""Parts of the flow as commands of their own: fit a model, judge or evaluate what was made elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from synthgen.config import RunConfig, Section
from synthgen.digests import content_digest, keyed
from synthgen.errors import UserError
from synthgen.evaluate import catch_rate, far_from_all
from synthgen.files import write_atomically
from synthgen.fit import fit_filters, fit_model
from synthgen.modality import Modality
from synthgen.pipeline import split_cohort
from synthgen.privacy_filters.gate import EVERYBODY, FirstAttempts, judge_generator, share_nearer_to_train
from synthgen.progress import Progress
from synthgen.records import C
from synthgen.report import Evaluation, Outcome, PrivacyReport, ScreeningFacts, to_json
from synthgen.screen import check_patients, open_screen
from synthgen.seeds import stage_seed
from synthgen.tries import begin_try, end_try, level_for_try
from synthgen.verdict import RISK, Findings, claim, decide
from synthgen.workfolder import Workfolder

T = TypeVar("T")
M = TypeVar("M", bound=Section)


def fit(
    modality: Modality[T, C, M], config: RunConfig[M], data: Path, out: Path, work: Workfolder, progress: Progress
) -> None:
    """Fits a generator on the training part of a cohort into ``out``; resumes."""
    progress.stage(1, 2, "cohort")
    _, cohort, _ = split_cohort(modality, config, data, work, progress)
    progress.stage(2, 2, "fit")
    with work.made_elsewhere(out):
        fit_model(modality, cohort, config, out, work.key, progress)


def screen(
    modality: Modality[T, C, M],
    config: RunConfig[M],
    data: Path,
    candidates: Path,
    out: Path,
    work: Workfolder,
    progress: Progress,
) -> Outcome:
    """Judges somebody else's records with the same gate; every record counts as a first attempt.

    The coarse report goes to ``out``. Which records are kept stays in the work folder (``screen/kept.txt``): that a
    record was rejected says that it is close to a patient. No attack is run, so the verdict is never PASS.
    """
    progress.stage(1, 4, "records and cohort")
    named = modality.load_candidates(candidates, config.modality, progress)
    loaded, cohort, linked = split_cohort(modality, config, data, work, progress)
    check_patients(cohort, config.gate.alpha, (Outcome.CALIBRATED_NOT_AUDITED,))
    judged = keyed(work.key, *(content_digest(payload) for _, payload in named))
    tries = begin_try(loaded.records, (config.digest(), cohort.digest, judged), work, progress)
    progress.stage(2, 4, "fit filters")
    work.begin()
    folder = fit_filters(modality, cohort, config, work.screen, progress)
    # Whoever made the candidates may have seen everybody: no patient is an outsider, all are protected.
    everybody = replace(cohort, calibration=(*cohort.calibration, *cohort.audit), audit=())
    progress.stage(3, 4, "calibrate")
    opened = open_screen(modality, everybody, config, filters_folder=folder, model=None, progress=progress)
    progress.stage(4, 4, "screen")
    task = progress.task("screen", len(named), "record")
    kept: list[str] = []
    close = 0
    rows = config.slots.rows
    for low in range(0, len(named), rows):
        batch = named[low : low + rows]
        for (name, _), verdicts in zip(batch, opened.judge([payload for _, payload in batch]), strict=True):
            if all(verdict.keeps for verdict in verdicts):
                kept.append(name)
            close += any(not verdict.keeps for verdict in verdicts if not verdict.rule)
        task.advance(len(batch), f"{low + len(batch) - len(kept)} rejected")
    write_atomically(folder / "kept.txt", "".join(f"{name}\n" for name in kept).encode())
    payloads = [payload for _, payload in named]
    share = share_nearer_to_train(
        opened.gate.filters, payloads[:256], cohort.train, cohort.calibration, stage_seed(config.seed, "train_share")
    )
    rejected = len(named) - len(kept)
    risk = level_for_try(RISK, tries or 1)
    first = FirstAttempts(len(named), close, {EVERYBODY: len(named)}, {})
    findings = Findings(
        calibration=opened.gate.calibration,
        calibrated_on_strangers=bool(everybody.calibration),
        facts=opened.facts,
        generator_test=judge_generator(opened.gate, first, catch_rate(opened.planted), share, 1 - risk),
        far_from_all=far_from_all(opened.gate, payloads[:256]),
        planted=opened.planted,
        screening=ScreeningFacts(len(named), len(named), rejected, 0, rejected - close),
        attacks=(),
        limits=config.gate.limits,
        audited=False,
        risk=risk,
    )
    outcome, reasons = decide(findings)
    report = PrivacyReport(
        outcome=outcome,
        reasons=reasons,
        claim=claim(opened.gate.calibration.names, opened.facts, opened.planted, findings.screening),
        filters=opened.gate.calibration.names,
        calibration=opened.facts,
        generator_test=findings.generator_test,
        planted=opened.planted,
        screening=findings.screening,
        attacks=(),
        limits=findings.limits,
        rules=opened.judge.rule_names,
        linked=linked,
        tries=tries,
    )
    write_atomically(out, (json.dumps(to_json(report), indent=2, sort_keys=True) + "\n").encode())
    end_try(work, outcome)
    progress.say(f"{len(kept)} of {len(named)} records are kept; their names are in {folder / 'kept.txt'}")
    return outcome


def evaluate(
    modality: Modality[T, C, M], config: RunConfig[M], release: Path, data: Path, work: Workfolder, progress: Progress
) -> Evaluation:
    """Attacks and evaluates a release against the cohort behind it; the estimates also go to ``evaluation.json``.

    Raises:
        UserError: if the folder is no release of this modality.
    """
    progress.stage(1, 2, "release and cohort")
    samples = modality.read_release(release)
    if not samples:
        raise UserError(f"the release {release} holds no sample")
    _, cohort, _ = split_cohort(modality, config, data, work, progress)
    progress.stage(2, 2, "evaluate")
    work.begin()
    found = modality.evaluate(samples, cohort, None, config.modality, stage_seed(config.seed, "evaluation"), progress)
    write_atomically(work.folder / "evaluation.json", (json.dumps(to_json(found), indent=2) + "\n").encode())
    return found
