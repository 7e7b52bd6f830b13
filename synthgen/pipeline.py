"""The six stages on one page: cohort, fit, screen, generate, evaluate, release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from synthgen import __version__
from synthgen.advice import remedy
from synthgen.audit import write_audit
from synthgen.cohort import split_by_patient
from synthgen.config import ReleaseMode, Section
from synthgen.deniable import check_budget, check_size, judged, open_judge
from synthgen.digests import keyed, keyed_seed
from synthgen.dp.guarantee import read_guarantee
from synthgen.engines import Engine
from synthgen.evaluation import catch_rate, evaluate_release, far_from_all, generator_test
from synthgen.excluding import people_in, without
from synthgen.findings import Findings, Why
from synthgen.fitting import fit_filters, fit_model
from synthgen.last_pass import last_pass
from synthgen.modality import GeneratorKind
from synthgen.origin import Origin, check_origin
from synthgen.patient_exposure import write_patient_exposure
from synthgen.people import find_people
from synthgen.privacy_filters.gate import PLANNED_CATCH, Facet, attempts_needed, first_limit
from synthgen.private_release import guarantee_of, release_mode
from synthgen.records import C, Cohort, Estimate, Loaded, Real, Skipped
from synthgen.release import Sealed, seal, staged
from synthgen.report import LinkedFacts, Outcome, PrivacyReport, Provenance, ReleaseReport
from synthgen.run import Run
from synthgen.sampling import Generated, duplicates, first_attempts, generate, kept_samples
from synthgen.screening import Judgement, open_screen, rules_of
from synthgen.seconds import timed
from synthgen.settings import CONFIG as SETTINGS
from synthgen.settings import public_yaml
from synthgen.sizes import RISK, Parts, SizeCheck, parts_in, parts_of_cohort
from synthgen.steward import NOTHING_STATED, Steward, checklist
from synthgen.tries import begin_try, end_try, level_for_try
from synthgen.verdict import privacy_report
from synthgen.withholding import read_withheld, withhold

DEMO = "simulated demo cohort, made by synthgen: nobody is in it"

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
    steward: Steward = NOTHING_STATED


def split_cohort(
    run: Run[T, C, M],
    data: Path,
    check: Callable[[Parts], str] | None = None,
    *,
    outside: bool = False,
    held_out: Path | None = None,
) -> tuple[Loaded[T, C], Cohort[T, C], LinkedFacts]:
    """Loads the cohort, counts linked patients as one, leaves out who is to be, and splits.

    A work folder serves one split of one cohort.

    There are enough patients, or too few, by the listing already, then by what was read, then by who is one person.

    Args:
        outside: the samples were made elsewhere: nobody is the audit but whom ``held_out`` lists.
        held_out: file of patient ids.
    """
    config, work, progress = run.config, run.work, run.progress
    cohorts, told = run.modality.cohorts, set[str]()

    def checked(parts: Parts | None) -> None:
        line = check(parts) if check and parts else ""
        if line and line not in told:
            progress.say(line)
        told.add(line)

    if held_out is None and (listed := cohorts.listed(data, run.settings, work.cohort, progress)) is not None:
        checked(parts_of_cohort(listed, config.split))
    loaded = cohorts.load(data, run.settings, work.cohort, progress)
    if held_out is None:
        checked(parts_of_cohort([record.patient for record in loaded.records], config.split))
    people = find_people(cohorts, loaded, config, work.cohort, progress)
    split_from = people.loaded
    if config.people.exclude is not None:
        split_from, left_out = without(split_from, config.people.exclude, people.person_of)
        loaded = replace(loaded, skipped=(*loaded.skipped, left_out))  # they stay private, and may not be named
        progress.say(f"{left_out.count} {left_out.reason}")
    unseen = people_in(held_out, "--held-out", people.person_of) if held_out else frozenset[str]()
    cohort = split_by_patient(split_from, config.split, people.person_of, unseen if outside else None)
    checked(parts_in(cohort))
    work.claim_cohort(cohort.digest)
    return loaded, cohort, people.facts


def release_from(run: Run[T, C, M], plan: Plan, engine: Engine) -> Sealed:
    """From a real cohort to a sealed release, or to quarantine. Run again after a crash, it resumes.

    Raises:
        UserError: for whatever the user must put right; nothing half-written is left outside the work folder.
    """
    with timed(run) as watched:
        return _release_from(watched, plan, engine)


def _release_from(run: Run[T, C, M], plan: Plan, engine: Engine) -> Sealed:
    mode = release_mode(run.config.privacy, plan.model, cohort=plan.data is not None)
    if mode == "dp" or mode == "dp+deniable":
        return release_by_guarantee(run, plan, engine, mode)
    if plan.data is None:
        return release_without_cohort(run, plan, engine)
    kind, config, work = run.modality, run.config, run.work
    if plan.model is None:
        kind.generator.check(run.settings)

    # 1. The cohort, split by patient before anything is fitted.
    run.progress.stage(1, STAGES, "cohort")
    asked = run.config.privacy.epsilon is not None or kind.generator.will_read(run.settings)
    will_read = kind.generator.reads_cohort(plan.model) if plan.model else asked
    check = SizeCheck(config.gate, config.split, plan.accept, reads_cohort=will_read)
    loaded, cohort, linked = split_cohort(run, plan.data, check)
    origin = Origin.SAME if plan.model is None else origin_of(kind.generator, plan.model, cohort, vouched=plan.vouched)

    # 2. Fit the generator and what the filters learn, on the training patients alone.
    run.progress.stage(2, STAGES, "fit")
    work.begin()
    filters = fit_filters(run, cohort)
    model = plan.model or fit_model(run, cohort, work.model)
    model_digest = kind.generator.digest(model)
    work.claim_model(model_digest)
    promised = read_guarantee(model)
    condition = (  # how often a finding is asked for is the patients' too: a private model asks for what it was told
        kind.generator.free_conditions(model, run.settings)
        if promised
        else kind.cohorts.conditions(cohort.train, run.settings)
    )
    tries = begin_try(loaded.records, (config.digest(), cohort.digest, model_digest), work, run.progress)
    withheld = read_withheld(work)

    # 3. Calibrate the gate on strangers, and measure what it blocks and what it misses.
    run.progress.stage(3, STAGES, "calibrate")
    screen = open_screen(run, cohort, folder=filters, model=model)

    # 4. Generate and screen, slot by slot; test the generator by as many first attempts as show what must be seen.
    run.progress.stage(4, STAGES, "generate and screen")
    risk = level_for_try(RISK, tries or 1)
    reads = kind.generator.reads_cohort(model)
    slots = range(max(config.samples, config.gate.attempts) if reads else config.samples)
    strata = [condition(slot, config.seed).stratum for slot in slots]

    def mix(draws: int) -> Counter[Facet]:
        return Counter(("stratum", stratum) for stratum in strata[:draws])

    probes = (
        attempts_needed(
            screen.gate,
            mix,
            config.gate.attempts,
            config.gate.detectable,
            config.samples,
            power=1 - risk,
            catch=min(PLANNED_CATCH, catch_rate(screen.planted)),
        )
        - config.samples
        if reads
        else 0
    )
    generated = generate(
        run,
        model=model,
        judge=screen.judge,
        limit=first_limit(screen.gate, mix(config.samples + probes), config.samples + probes),
        probes=probes,
        condition=condition,
        engine=engine,
    )
    first = first_attempts(kind.cohorts, generated, _FIRST_ATTEMPTS)

    # 5. Attack and evaluate what would be released, then protect those who were the yardstick too.
    run.progress.stage(5, STAGES, "evaluate")
    evaluation = evaluate_release(run, cohort, model, generated)
    write_patient_exposure(evaluation.patients, work.audit)
    generated = last_pass(run, screen.gate, cohort.audit, generated)
    write_audit(run, screen.judge, cohort, generated)
    generated = withhold(generated, withheld)

    # 6. The verdict, and the release that it seals.
    run.progress.stage(6, STAGES, "verdict and release")
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
        floors=evaluation.floors,
        guarantee=promised,
        release=mode,
        exposure=evaluation.exposure,
    )
    privacy = privacy_report(findings, rules=screen.judge.rule_names, linked=linked, tries=tries)
    sealed = release(
        run,
        plan,
        generated,
        source=Source(DEMO if plan.demo else loaded.layout, loaded.licence, loaded.skipped),
        model_digest=model_digest,
        privacy=privacy,
        quality=evaluation.quality,
        private={r.patient for r in loaded.records} | {r.record for r in loaded.records},
        generator=kind.generator.describe(model, run.settings),
        reads_cohort=reads,
        model_note=str(origin) if origin is Origin.VOUCHED else "",
        counts=kind.generator.counts(model, run.settings),
    )
    end_try(work, privacy.outcome)
    return sealed


def origin_of(generator: GeneratorKind[T, C, M], model: Path, cohort: Cohort[T, C], *, vouched: bool) -> Origin:
    """Whom a model that was given is fitted on, held against T of this run, before anything is fitted.

    Raises:
        UserError: it is no model, was fitted on others, or does not say on whom.
    """
    generator.digest(model)
    return check_origin(model, cohort.train, reads_cohort=generator.reads_cohort(model), vouched=vouched)


def release_by_guarantee(run: Run[T, C, M], plan: Plan, engine: Engine, mode: ReleaseMode) -> Sealed:
    """From a private model to a release that rests on its guarantee: no filter and no attack decides anything.

    Of the cohort, where there is one, nothing goes into the release but what the private fit made of it.
    """
    generator, work = run.modality.generator, run.work

    # 1. The cohort, and the model on its training patients; or the model alone.
    run.progress.stage(1, 3, "private model")
    judge = open_judge(run) if mode == "dp+deniable" else None
    train: tuple[Real[T, C], ...] = ()
    source, origin = Source("unknown", "as stated by the data holder", ()), Origin.SAME
    if plan.data is not None:
        if plan.model is None:
            generator.check(run.settings)
        loaded, cohort, _ = split_cohort(run, plan.data)
        train, source = cohort.train, Source(DEMO if plan.demo else loaded.layout, loaded.licence, ())
        if judge is not None:
            check_size(judge.rule, len({record.patient for record in train}), run.config.samples)
        if plan.model is not None:
            origin = origin_of(generator, plan.model, cohort, vouched=plan.vouched)
    work.begin()
    reserved = () if judge is None else (judge.rule.event,)
    model = plan.model or fit_model(run, cohort, work.model, reserved)
    model_digest = generator.digest(model)
    work.claim_model(model_digest)
    promised, deniable = guarantee_of(model), None
    if judge is not None:
        check_budget(run, judge, train, promised)

    # 2. Samples, which nothing turns down but rules that read no patient, and a noisy count that is paid for.
    run.progress.stage(2, 3, "generate")
    rules, condition = Judgement(None, rules_of(run, model)), generator.free_conditions(model, run.settings)
    generated = generate(run, model=model, judge=rules, limit=None, probes=0, condition=condition, engine=engine)
    if judge is not None:
        generated, promised, deniable = judged(run, judge, train, generated, promised)

    # 3. The release.
    run.progress.stage(3, 3, "release")
    found = Findings(
        None, False, None, None, False, (), generated.facts, (), run.config.gate.limits, False,
        guarantee=promised, release=mode, deniable=deniable,
    )  # fmt: skip
    return release(
        run,
        plan,
        generated,
        source=source,
        model_digest=model_digest,
        privacy=privacy_report(found, rules=rules.rule_names),
        quality=(),
        private=set(),
        generator=generator.describe(model, run.settings),
        model_note=str(origin) if origin is Origin.VOUCHED else "",
    )


def release_without_cohort(run: Run[T, C, M], plan: Plan, engine: Engine) -> Sealed:
    """Generates from a fitted model with no real data at hand: nothing can be screened, and the verdict says so.

    Only doubles within the release are counted. The verdict NO_COHORT seals nothing unless the user accepts it.
    """
    if plan.model is None:
        raise ValueError("a run without a cohort needs a model")
    run.progress.stage(1, 2, "generate")
    generator = run.modality.generator
    model_digest = generator.digest(plan.model)
    run.work.claim_model(model_digest)
    judge = Judgement(None, rules_of(run, plan.model))
    condition = generator.free_conditions(plan.model, run.settings)
    run.work.begin()
    generated = generate(
        run,
        model=plan.model,
        judge=judge,
        limit=None,
        probes=0,
        condition=condition,
        engine=engine,
    )
    run.progress.stage(2, 2, "release")
    doubles = duplicates(generated)
    found = Findings(
        None, False, None, None, False, (), generated.facts, (), run.config.gate.limits, False,
        guarantee=read_guarantee(plan.model),
    )  # fmt: skip
    told = privacy_report(found, rules=judge.rule_names)
    doubled = f"{doubles} of {generated.facts.slots} samples are doubles of another"
    means = remedy(Why.DOUBLES, found)
    privacy = replace(told, reasons=(*told.reasons, doubled), remedies=(*told.remedies, means))
    return release(
        run,
        plan,
        generated,
        source=Source("unknown", "as stated by the data holder", ()),
        model_digest=model_digest,
        privacy=privacy,
        quality=(),
        private=set(),
        generator=generator.describe(plan.model, run.settings),
    )


@dataclass(frozen=True)
class Source:
    """What may be said in public of where the model's training data came from."""

    name: str
    licence: str
    skipped: tuple[Skipped, ...]


def release(
    run: Run[T, C, M],
    plan: Plan,
    generated: Generated[T, C],
    *,
    source: Source,
    model_digest: str,
    privacy: PrivacyReport,
    quality: tuple[Estimate, ...],
    private: set[str],
    generator: str,
    reads_cohort: bool = True,
    model_note: str = "",
    counts: str = "",
) -> Sealed:
    """Writes the kept samples and everything that is said of them, and seals or quarantines it.

    Args:
        private: patients and records of the cohort, none of which may stand anywhere in the release.
        generator: one line on what made the data.
    """
    kind, config, work = run.modality, run.config, run.work
    provenance = Provenance(
        synthgen_version=__version__,
        preset=plan.preset,
        config_digest=keyed(work.key, CONFIG, config.digest()),
        model_digest=keyed(work.key, MODEL, model_digest),
        source=source.name,
        source_licence=source.licence,
        generator=generator,
        skipped=source.skipped,
        reads_cohort=reads_cohort,
        model_note=model_note,
        counts=counts,
    )
    paths = {str(work.folder), *([] if plan.data is None else [str(plan.data.resolve())])}
    seed = keyed_seed(work.key, "release", model_digest, config.digest())  # DICOM's UIDs show what depends on it
    with staged(plan.out) as staging:
        (staging.folder / SETTINGS).write_text(public_yaml(config, kind.name, kind.configs), "utf-8")
        dataset = kind.releases.write(staging.folder, lambda: kept_samples(kind.cohorts, generated), plan.formats, seed)
        shown = [sample for _, sample in islice(kept_samples(kind.cohorts, generated), _PREVIEW)]
        return seal(
            staging,
            ReleaseReport(provenance, dataset, privacy, quality, checklist(plan.steward)),
            work=work.folder,
            accept=plan.accept,
            forbidden=sorted(private | paths),
            preview=kind.releases.preview(shown) if shown else None,
        )
