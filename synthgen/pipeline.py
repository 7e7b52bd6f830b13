"""The six stages on one page: cohort, fit, screen, generate, evaluate, release."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from synthgen import __version__
from synthgen.cohort import split_by_patient
from synthgen.config import RunConfig, Section
from synthgen.engines import Engine
from synthgen.evaluate import evaluate_release, far_from_all, generator_test
from synthgen.fit import fit_filters, fit_model
from synthgen.generate import first_attempts, generate, kept_samples
from synthgen.modality import Modality
from synthgen.privacy_filters.gate import Findings, claim, decide
from synthgen.progress import Progress
from synthgen.records import C, Cohort, Loaded
from synthgen.release import Sealed, seal, staged
from synthgen.report import Outcome, PrivacyReport, Provenance, ReleaseReport
from synthgen.screen import check_patients, open_screen
from synthgen.slots import stage_seed
from synthgen.workfolder import Workfolder

T = TypeVar("T")
M = TypeVar("M", bound=Section)

_FIRST_ATTEMPTS = 256
_PREVIEW = 64


@dataclass(frozen=True)
class Plan:
    """What the user asked for, beside the configuration."""

    data: Path
    model: Path | None
    out: Path
    preset: str
    formats: tuple[str, ...]
    accept: tuple[Outcome, ...]
    demo: bool


def split_cohort(
    modality: Modality[T, C, M], config: RunConfig[M], data: Path, work: Workfolder, progress: Progress
) -> tuple[Loaded[T, C], Cohort[T, C]]:
    """Loads and splits the cohort; a work folder serves one split of one cohort only."""
    loaded = modality.load_cohort(data, config.modality, work.cohort, progress)
    cohort = split_by_patient(loaded, config.split)
    work.claim_cohort(cohort.digest)
    return loaded, cohort


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
    # 1. The cohort, split by patient before anything is fitted.
    loaded, cohort = split_cohort(modality, config, plan.data, work, progress)
    check_patients(cohort, config.gate.alpha, plan.accept)
    condition = modality.conditions(cohort.train, config.modality)

    # 2. Fit the generator and what the filters learn, on the training patients alone.
    filters = fit_filters(modality, cohort, config, work.screen, progress)
    model = plan.model or fit_model(modality, cohort, config, work.model, progress)
    model_digest = modality.model_digest(model)
    work.claim_model(model_digest)

    # 3. Calibrate the gate on strangers, and measure what it blocks and what it misses.
    screen = open_screen(modality, cohort, config, filters_folder=filters, model=model, progress=progress)

    # 4. Generate and screen, slot by slot.
    generated = generate(
        modality,
        config,
        model=model,
        gate=screen.gate,
        condition=condition,
        engine=engine,
        work=work.folder,
        progress=progress,
    )
    first = first_attempts(modality, generated, _FIRST_ATTEMPTS)

    # 5. Attack and evaluate what would be released.
    evaluation = evaluate_release(modality, cohort, config, generated, progress)

    # 6. The verdict, and the release that it seals.
    findings = Findings(
        calibration=screen.gate.calibration,
        calibrated_on_strangers=bool(cohort.calibration),
        generator_test=generator_test(screen.gate, cohort, generated, first, config.seed),
        far_from_all=far_from_all(screen.gate, [sample.payload for sample in first]),
        planted=screen.planted,
        screening=generated.facts,
        attacks=evaluation.attacks,
        attack_limit=config.gate.attack_auc,
        audited=bool(cohort.audit),
    )
    outcome, reasons = decide(findings)
    names = screen.gate.filters.names
    privacy = PrivacyReport(
        outcome=outcome,
        reasons=reasons,
        claim=claim(names, screen.facts, screen.planted),
        filters=names,
        calibration=screen.facts,
        generator_test=findings.generator_test,
        planted=screen.planted,
        screening=generated.facts,
        attacks=evaluation.attacks,
        attack_limit=config.gate.attack_auc,
    )
    provenance = Provenance(
        synthgen_version=__version__,
        preset=plan.preset,
        config_digest=config.digest(),
        model_digest=model_digest,
        source="demo phantom" if plan.demo else loaded.layout,
        source_licence=loaded.licence,
        generator=modality.describe(config.modality),
        skipped=loaded.skipped,
    )
    with staged(plan.out) as staging:
        dataset = modality.write(
            staging.folder,
            lambda: kept_samples(modality, generated),
            plan.formats,
            stage_seed(config.seed, "release"),
        )
        shown = [sample for _, sample in islice(kept_samples(modality, generated), _PREVIEW)]
        private = {r.patient for r in loaded.records} | {r.record for r in loaded.records}
        return seal(
            staging,
            ReleaseReport(provenance, dataset, privacy, evaluation.quality),
            work=work.folder,
            accept=plan.accept,
            forbidden=sorted(private | {str(work.folder), str(plan.data.resolve())}),
            contact_sheet=modality.preview(shown) if shown else None,
        )
