"""Parts of the flow as commands of their own: fit a model, judge or evaluate what was made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen.config import Section
from synthgen.digests import content_digest, keyed
from synthgen.errors import UserError
from synthgen.estimates import drawn
from synthgen.evaluation import MOST_SAMPLES
from synthgen.files import write_atomically
from synthgen.fitting import fit_filters, fit_model
from synthgen.gate import Judged, OpenGate, open_gate
from synthgen.patient_exposure import write_patient_exposure
from synthgen.pipeline import split_cohort
from synthgen.records import C, Cohort, Synthetic
from synthgen.report import Evaluation, Outcome, OutsideFacts, json_object, to_json
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


def screen(
    run: Run[T, C, M],
    data: Path,
    candidates: Path,
    out: Path,
    *,
    held_out: Path | None = None,
    unfiltered: bool = False,
) -> Outcome:
    """Judges somebody else's records with the same gate, attacks and verdict; each counts as a first attempt.

    Whoever made them may have seen everybody in the cohort, so that everybody is protected from the start but those of
    whom it is declared that the generator has not seen them: they are who it is attacked with, and are protected after.
    Without them no attack can be run, and the verdict is never PASS.

    The report goes to ``out``. Which records are kept stays in the work folder (``screen/kept.txt``): that a record was
    rejected says that it is close to a patient.

    Args:
        held_out: file of ids of patients whom the generator has not seen, as is declared.
        unfiltered: declared: the candidates are all that was made.
    """
    config, work, progress, cohorts = run.config, run.work, run.progress, run.modality.cohorts
    stages = 5 if held_out else 4
    progress.stage(1, stages, "records and cohort")
    named = cohorts.load_candidates(candidates, run.settings, progress)
    names = [name for name, _ in named]
    told = cohorts.candidate_conditions(candidates, names, run.settings, progress)
    split = None if held_out else config.split
    check = SizeCheck(config.gate, split, may_accept=False, audits=held_out is not None)
    loaded, cohort, linked = split_cohort(run, data, check, outside=True, held_out=held_out)
    judged = keyed(work.key, *(content_digest(payload) for _, payload in named))
    tries = begin_try(loaded.records, (config.digest(), cohort.digest, judged), work, progress)
    progress.stage(2, stages, "fit filters")
    work.begin()
    fit_filters(run, cohort)
    progress.stage(3, stages, "calibrate")
    opened = open_gate(run, cohort)
    progress.stage(4, stages, "screen")
    found = opened.judge([payload for _, payload in named])
    evaluation = Evaluation()
    if held_out is not None:
        progress.stage(5, stages, "evaluate")
        evaluation = evaluate_candidates(opened, found, told)
        write_patient_exposure(evaluation.patients, work.audit)
        found = opened.last_pass(found)
    kept = [name for name, keeps in zip(names, found.kept, strict=True) if keeps]
    write_atomically(work.screen / "kept.txt", "".join(f"{name}\n" for name in kept).encode())
    report = opened.report(
        found,
        risk=level_for_try(RISK, tries or 1),
        linked=linked,
        tries=tries,
        conditions=told,
        evaluation=evaluation,
        outside=OutsideFacts(
            held_out=len({record.patient for record in cohort.audit}),
            unfiltered=unfiltered,
            labelled=told is not None,
            held_out_p=opened.held_out_p(),
            copies=copies_among([payload for _, payload in named], cohort),
        ),
    )
    written = {**json_object(report), "quality": to_json(evaluation.quality)}
    write_atomically(out, (json.dumps(written, indent=2, sort_keys=True) + "\n").encode())
    end_try(work, report.outcome)
    progress.say(f"{len(kept)} of {len(named)} records are kept; their names are in {work.screen / 'kept.txt'}")
    return report.outcome


def copies_among(payloads: Sequence[T], cohort: Cohort[T, C]) -> int:
    """How many payloads are records of the cohort, byte for byte; 0 where two patients share one: chance may then."""
    owner: dict[bytes, str] = {}
    for record in (*cohort.train, *cohort.calibration, *cohort.audit):
        if owner.setdefault(content_digest(record.payload), record.patient) != record.patient:
            return 0
    return sum(content_digest(payload) in owner for payload in payloads)


def evaluate_candidates(opened: OpenGate[T, C, M], found: Judged[T], told: Sequence[C] | None) -> Evaluation:
    """The evaluation of the kept candidates, or of some drawn among them where they are many.

    Where their conditions are not known, what rests on them is left out: the attacks on attributes, the three risks,
    the floors and all quality.
    """
    run = opened.run
    (kept,) = np.nonzero(found.kept)
    some = [int(kept[i]) for i in drawn(len(kept), MOST_SAMPLES, run.seed("evaluation"))]
    if not some:
        return Evaluation()
    conditions = [told[i] for i in some] if told is not None else [opened.cohort.train[0].condition] * len(some)
    samples = [Synthetic(0, c, found.payloads[i]) for c, i in zip(conditions, some, strict=True)]
    evaluation = opened.evaluate(samples)
    if told is not None:
        return evaluation
    blind = tuple(attack for attack in evaluation.attacks if not attack.metric.startswith("attribute_inference"))
    return Evaluation(blind, patients=evaluation.patients)


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
