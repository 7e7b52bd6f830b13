"""The six stages on one page: cohort, fit, screen, generate, evaluate, release."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from synthgen import __version__
from synthgen.audit import write_audit
from synthgen.cohort import split_by_patient
from synthgen.config import RunConfig, Section
from synthgen.digests import keyed, keyed_seed
from synthgen.engines import Engine
from synthgen.evaluate import evaluate_release, far_from_all, generator_test
from synthgen.fit import fit_filters, fit_model
from synthgen.generate import Generated, duplicates, first_attempts, generate, kept_samples
from synthgen.last_pass import last_pass
from synthgen.modality import Modality
from synthgen.origin import Origin, check_origin
from synthgen.people import find_people
from synthgen.privacy_filters.gate import attempts_needed, first_limit
from synthgen.progress import Progress
from synthgen.records import C, Cohort, Estimate, Loaded, Skipped
from synthgen.release import Sealed, seal, staged
from synthgen.report import LinkedFacts, Outcome, PrivacyReport, Provenance, ReleaseReport
from synthgen.screen import Judgement, check_patients, open_screen
from synthgen.seeds import stage_seed
from synthgen.settings import CONFIG as SETTINGS
from synthgen.settings import public_yaml
from synthgen.tries import begin_try, end_try, level_for_try
from synthgen.verdict import RISK, Findings, claim, decide
from synthgen.workfolder import Workfolder

T = TypeVar("T")
M = TypeVar("M", bound=Section)

STAGES = 6
_FIRST_ATTEMPTS = 256
_PREVIEW = 64

CONFIG, MODEL = "configuration", "model"
"""What a public digest identifies, under the key of the run's work folder."""


@dataclass(frozen=True)
class Plan:
    """What the user asked for, beside the configuration."""

    data: Path | None
    model: Path | None
    out: Path
    preset: str
    formats: tuple[str, ...]
    accept: tuple[Outcome, ...]
    demo: bool
    vouched: bool = False


def split_cohort(
    modality: Modality[T, C, M], config: RunConfig[M], data: Path, work: Workfolder, progress: Progress
) -> tuple[Loaded[T, C], Cohort[T, C], LinkedFacts]:
    """Loads the cohort, counts linked patients as one, and splits; a work folder serves one split of one cohort."""
    loaded = modality.load_cohort(data, config.modality, work.cohort, progress)
    people = find_people(modality, loaded, config, work.cohort, progress)
    cohort = split_by_patient(people.loaded, config.split, people.person_of)
    work.claim_cohort(cohort.digest)
    return loaded, cohort, people.facts


def run(
    modality: Modality[T, C, M],
    config: RunConfig[M],
    plan: Plan,
    work: Workfolder,
    engine: Engine,
    progress: Progress,
) -> Sealed:
    """From a real cohort to a sealed release, or to quarantine. Run again after a crash, it resumes.

    Raises:
        UserError: for whatever the user must put right; nothing half-written is left outside the work folder.
    """
    if plan.data is None:
        return run_without_cohort(modality, config, plan, work, engine, progress)

    # 1. The cohort, split by patient before anything is fitted.
    progress.stage(1, STAGES, "cohort")
    loaded, cohort, linked = split_cohort(modality, config, plan.data, work, progress)
    check_patients(cohort, config.gate.alpha, plan.accept)
    origin = Origin.SAME if plan.model is None else origin_of(modality, plan.model, cohort, vouched=plan.vouched)
    condition = modality.conditions(cohort.train, config.modality)

    # 2. Fit the generator and what the filters learn, on the training patients alone.
    progress.stage(2, STAGES, "fit")
    work.begin()
    filters = fit_filters(modality, cohort, config, work.screen, progress)
    model = plan.model or fit_model(modality, cohort, config, work.model, work.key, progress)
    model_digest = modality.model_digest(model)
    work.claim_model(model_digest)
    tries = begin_try(loaded.records, (config.digest(), cohort.digest, model_digest), work, progress)

    # 3. Calibrate the gate on strangers, and measure what it blocks and what it misses.
    progress.stage(3, STAGES, "calibrate")
    screen = open_screen(modality, cohort, config, filters_folder=filters, model=model, progress=progress)

    # 4. Generate and screen, slot by slot; test the generator by as many first attempts as show what must be seen.
    progress.stage(4, STAGES, "generate and screen")
    risk = level_for_try(RISK, tries or 1)
    reads = modality.reads_cohort(model)
    mix = Counter(("stratum", condition(slot, config.seed).stratum) for slot in range(config.samples))
    probes = (
        attempts_needed(screen.gate, mix, config.gate.attempts, config.gate.detectable, config.samples, power=1 - risk)
        - config.samples
        if reads
        else 0
    )
    generated = generate(
        modality,
        config,
        model=model,
        judge=screen.judge,
        limit=first_limit(screen.gate, mix, config.samples + probes),
        probes=probes,
        condition=condition,
        engine=engine,
        work=work.folder,
        progress=progress,
    )
    first = first_attempts(modality, generated, _FIRST_ATTEMPTS)

    write_audit(modality, screen.gate, (*cohort.train, *cohort.calibration), generated, work.audit)

    # 5. Attack and evaluate what would be released, then protect those who were the yardstick too.
    progress.stage(5, STAGES, "evaluate")
    evaluation = evaluate_release(modality, cohort, model, config, generated, progress)
    seed = stage_seed(config.seed, "last pass")
    generated = last_pass(modality, screen.gate, cohort.audit, generated, seed, progress)

    # 6. The verdict, and the release that it seals.
    progress.stage(6, STAGES, "verdict and release")
    findings = Findings(
        calibration=screen.gate.calibration,
        calibrated_on_strangers=bool(cohort.calibration),
        facts=screen.facts,
        generator_test=generator_test(
            screen.gate, cohort, generated.first, first, screen.planted, config.seed, 1 - risk
        ),
        far_from_all=far_from_all(screen.gate, [sample.payload for sample in first]),
        planted=screen.planted,
        screening=generated.facts,
        attacks=evaluation.attacks,
        limits=config.gate.limits,
        audited=bool(cohort.audit),
        reads_cohort=reads,
        risk=risk,
    )
    outcome, reasons = decide(findings)
    names = screen.gate.calibration.names
    privacy = PrivacyReport(
        outcome=outcome,
        reasons=reasons,
        claim=claim(names, screen.facts, screen.planted, generated.facts),
        filters=names,
        calibration=screen.facts,
        generator_test=findings.generator_test,
        planted=screen.planted,
        screening=generated.facts,
        attacks=evaluation.attacks,
        limits=config.gate.limits,
        rules=screen.judge.rule_names,
        linked=linked,
        tries=tries,
    )
    sealed = release(
        modality,
        config,
        plan,
        generated,
        source=Source("simulated demo cohort" if plan.demo else loaded.layout, loaded.licence, loaded.skipped),
        model_digest=model_digest,
        privacy=privacy,
        quality=evaluation.quality,
        private={r.patient for r in loaded.records} | {r.record for r in loaded.records},
        work=work,
        reads_cohort=reads,
        model_note=str(origin) if origin is Origin.VOUCHED else "",
    )
    end_try(work, outcome)
    return sealed


def origin_of(modality: Modality[T, C, M], model: Path, cohort: Cohort[T, C], *, vouched: bool) -> Origin:
    """Whom a model that was given is fitted on, held against T of this run, before anything is fitted.

    Raises:
        UserError: it is no model, was fitted on others, or does not say on whom.
    """
    modality.model_digest(model)
    return check_origin(model, cohort.train, reads_cohort=modality.reads_cohort(model), vouched=vouched)


def run_without_cohort(
    modality: Modality[T, C, M], config: RunConfig[M], plan: Plan, work: Workfolder, engine: Engine, progress: Progress
) -> Sealed:
    """Generates from a fitted model with no real data at hand: nothing can be screened, and the verdict says so.

    Only doubles within the release are counted. The verdict NO_COHORT seals nothing unless the user accepts it.
    """
    if plan.model is None:
        raise ValueError("a run without a cohort needs a model")
    progress.stage(1, 2, "generate")
    model_digest = modality.model_digest(plan.model)
    work.claim_model(model_digest)
    judge = Judgement(None, modality.rules(config.modality, plan.model))
    condition = modality.free_conditions(plan.model, config.modality)
    work.begin()
    generated = generate(
        modality,
        config,
        model=plan.model,
        judge=judge,
        limit=None,
        probes=0,
        condition=condition,
        engine=engine,
        work=work.folder,
        progress=progress,
    )
    progress.stage(2, 2, "release")
    doubles = duplicates(generated)
    found = Findings(None, False, None, None, False, (), generated.facts, (), config.gate.limits, False)
    outcome, reasons = decide(found)
    privacy = PrivacyReport(
        outcome=outcome,
        reasons=(*reasons, f"{doubles} of {generated.facts.slots} samples are doubles of another"),
        claim="Nothing is claimed: no real cohort was given, so no sample was compared with a patient.",
        filters=(),
        calibration=None,
        generator_test=None,
        planted=(),
        screening=generated.facts,
        attacks=(),
        limits=config.gate.limits,
        rules=judge.rule_names,
    )
    return release(
        modality,
        config,
        plan,
        generated,
        source=Source("unknown", "as stated by the data holder", ()),
        model_digest=model_digest,
        privacy=privacy,
        quality=(),
        private=set(),
        work=work,
    )


@dataclass(frozen=True)
class Source:
    """What may be said in public of where the model's training data came from."""

    name: str
    licence: str
    skipped: tuple[Skipped, ...]


def release(
    modality: Modality[T, C, M],
    config: RunConfig[M],
    plan: Plan,
    generated: Generated[T, C],
    *,
    source: Source,
    model_digest: str,
    privacy: PrivacyReport,
    quality: tuple[Estimate, ...],
    private: set[str],
    work: Workfolder,
    reads_cohort: bool = True,
    model_note: str = "",
) -> Sealed:
    """Writes the kept samples and everything that is said of them, and seals or quarantines it.

    Args:
        private: patients and records of the cohort, none of which may stand anywhere in the release.
    """
    provenance = Provenance(
        synthgen_version=__version__,
        preset=plan.preset,
        config_digest=keyed(work.key, CONFIG, config.digest()),
        model_digest=keyed(work.key, MODEL, model_digest),
        source=source.name,
        source_licence=source.licence,
        generator=modality.describe(config.modality),
        skipped=source.skipped,
        reads_cohort=reads_cohort,
        model_note=model_note,
    )
    paths = {str(work.folder), *([] if plan.data is None else [str(plan.data.resolve())])}
    seed = keyed_seed(work.key, "release", model_digest, config.digest())  # DICOM's UIDs show what depends on it
    with staged(plan.out) as staging:
        (staging.folder / SETTINGS).write_text(public_yaml(config, modality.name), "utf-8")
        dataset = modality.write(staging.folder, lambda: kept_samples(modality, generated), plan.formats, seed)
        shown = [sample for _, sample in islice(kept_samples(modality, generated), _PREVIEW)]
        return seal(
            staging,
            ReleaseReport(provenance, dataset, privacy, quality),
            work=work.folder,
            accept=plan.accept,
            forbidden=sorted(private | paths),
            preview=modality.preview(shown) if shown else None,
        )
