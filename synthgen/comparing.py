"""Anonymise or synthesise: one cohort as it is, changed, and synthesised, under the same attacks and for the same use.

What would be released of T is a bag of records, whatever made it, so that whoever attacks a generator's samples attacks
changed records too: who is in it, and what does it tell of them. To these come the attackers of changed records, who
hold a record of somebody and look for him in the bag. Whether records can be linked to each other is asked where each
is of somebody. C is what attackers learn on, E are those who are not in the bag, and on whom a use is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthgen import __version__
from synthgen.anonymising import OpenOperator, anonymiser_of, open_operator, operator_of
from synthgen.config import Section
from synthgen.engines import Engine
from synthgen.errors import UserError
from synthgen.estimates import auc, measured, one_record_each, tpr_at_fpr
from synthgen.linkage_verdict import linkage_report
from synthgen.linking import LEAST, SAME, Person, attack_all, people_of, trial, untouched
from synthgen.pipeline import Plan, release_from, split_cohort
from synthgen.records import Anonymised, Attacker, C, Cohort, Estimate, Matcher, Real, Synthetic
from synthgen.release import staged, write_comparison
from synthgen.report import Compared, Comparison
from synthgen.run import Run
from synthgen.sizes import SizeCheck
from synthgen.workfolder import opened

T = TypeVar("T")
M = TypeVar("M", bound=Section)

AS_THEY_ARE, SYNTHETIC = "as they are", "synthetic"
FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class Way:
    """An operator and how much it changes."""

    operator: str
    strength: float = 1.0

    def __str__(self) -> str:
        return f"{self.operator}, {self.strength:g}"


@dataclass(frozen=True)
class ComparePlan:
    """What the user asked for, beside the configuration.

    Attributes:
        ways: how records are changed; each operator of the kind of data at strength 1 where none is given.
        model: a fitted generator; one is fitted where there is none.
        samples: of the generator; as many as T has records where that is not said.
    """

    data: Path
    out: Path
    preset: str
    ways: tuple[Way, ...] = ()
    model: Path | None = None
    samples: int | None = None


def compare(run: Run[T, C, M], plan: ComparePlan, engine: Engine) -> Comparison:
    """One table of what is lost and what is kept, in a folder of its own. Run again after a crash, it resumes.

    Raises:
        UserError: for whatever the user must put right.
    """
    anonymiser = anonymiser_of(run)
    ways = plan.ways or tuple(Way(name) for name in anonymiser.operators)
    for way in ways:
        anonymiser.check(operator_of(anonymiser, way.operator), way.strength, run.settings)
    if plan.model is None:
        run.modality.generator.check(run.settings)
    reads = plan.model is not None or run.modality.generator.will_read(run.settings)
    check = SizeCheck(run.config.gate, run.config.split, may_accept=False, reads_cohort=reads)
    loaded, cohort, _ = split_cohort(run, plan.data, check)
    if not cohort.audit or not cohort.calibration:
        raise UserError(
            "a comparison needs patients to learn on and patients to judge by: set split.calibration, split.audit"
        )
    run.work.begin()
    stages = 2 + len(ways)

    run.progress.stage(1, stages, AS_THEY_ARE)
    found = [_untouched(run, cohort)]
    for number, way in enumerate(ways, start=2):
        run.progress.stage(number, stages, str(way))
        found.append(_changed(run, cohort, way))
    run.progress.stage(stages, stages, SYNTHETIC)
    found.append(_synthetic(run, cohort, plan, engine))

    comparison = Comparison(
        __version__, run.modality.name, plan.preset, tuple(len({r.patient for r in part}) for part in _parts(cohort)),
        len(cohort.train), run.config.anonymise.eer, tuple(found),
    )  # fmt: skip
    private = {r.patient for r in loaded.records} | {r.record for r in loaded.records}
    with staged(plan.out) as staging:
        write_comparison(staging, comparison, sorted(private | {str(run.work.folder), str(plan.data.resolve())}))
    return comparison


def _parts(cohort: Cohort[T, C]) -> tuple[Sequence[Real[T, C]], ...]:
    return cohort.train, cohort.calibration, cohort.audit


def _untouched(run: Run[T, C, M], cohort: Cohort[T, C]) -> Compared:
    """T itself: what attacks and uses come to where nothing is done."""
    bag = [Synthetic(0, record.condition, record.payload) for record in cohort.train]
    return _examined(run, cohort, AS_THEY_ARE, "The records of T", "", bag, _as_they_are(cohort, run.seed("linking")))


def _changed(run: Run[T, C, M], cohort: Cohort[T, C], way: Way) -> Compared:
    """T, changed; and whether changed records of E are linked."""
    name = operator_of(anonymiser_of(run), way.operator)
    folder = run.work.folder / "ways" / f"{name}-{way.strength:g}"
    changing: OpenOperator[T, C, M] = open_operator(run, cohort, name, way.strength, folder)
    learnt_from, judged = changing.people(cohort, run.seed("linking"))
    attackers = changing.anonymiser.attackers(run.settings)
    attacked = attack_all(attackers, learnt_from, judged, run.seed("linking"), run.progress)
    settings = run.config.anonymise.model_copy(update={"strength": way.strength})
    people = (len({r.patient for r in cohort.train}), len(learnt_from), len(judged))
    verdict = linkage_report(attacked, settings, name, people).outcome
    told = changing.anonymiser.describe(name, way.strength, run.settings)
    bag = [Synthetic(0, made.condition, made.payload) for made in _of_train(changing, cohort)]
    found = _examined(run, cohort, str(way), told, str(verdict), bag, learnt_from, changed=True)
    return replace(found, linked=attacked.facts)


def _of_train(changing: OpenOperator[T, C, M], cohort: Cohort[T, C]) -> list[Anonymised[T, C]]:
    by_patient: dict[str, list[Real[T, C]]] = {}
    for record in sorted(cohort.train, key=lambda r: (r.patient, r.record)):
        by_patient.setdefault(record.patient, []).append(record)
    return [made for person, own in enumerate(by_patient.values(), start=1) for made in changing.holders(person, own)]


def _synthetic(run: Run[T, C, M], cohort: Cohort[T, C], plan: ComparePlan, engine: Engine) -> Compared:
    """Samples of a generator that was fitted on T, as the gate lets them pass; they lie in the work folder."""
    folder, kind = run.work.folder / "ways" / SYNTHETIC, run.modality
    config = run.config.model_copy(update={"samples": plan.samples or len(cohort.train)})
    with opened(folder, modality=kind.name, config_digest=config.digest(), seed=config.seed, config=config) as own:
        out, formats = own.folder / "release", kind.releases.formats[:1]
        wanted = Plan(plan.data, plan.model, out, plan.preset, formats, (), demo=False)
        sealed = release_from(replace(run, config=config, work=own), wanted, engine)
        samples = kind.releases.read(sealed.folder)
        told = kind.generator.describe(plan.model or own.model, run.settings)
    run.progress.say(f"{SYNTHETIC}: {sealed.outcome}; now its {len(samples)} samples are attacked")
    learnt_from = _as_they_are(cohort, run.seed("linking"))
    return _examined(run, cohort, SYNTHETIC, told, str(sealed.outcome), samples, learnt_from)


def _examined(
    run: Run[T, C, M],
    cohort: Cohort[T, C],
    name: str,
    told: str,
    verdict: str,
    bag: Sequence[Synthetic[T, C]],
    learnt_from: Sequence[Person[T]],
    *,
    changed: bool = False,
) -> Compared:
    evaluation = run.modality.releases.evaluate(bag, cohort, run.settings, run.seed("evaluation"), run.progress)
    attackers = anonymiser_of(run).attackers(run.settings)
    present = (
        _present(run, attackers, learnt_from, [one.payload for one in bag], cohort, changed=changed) if bag else ()
    )
    return Compared(name, told, verdict, len(bag), (*present, *evaluation.attacks), (), evaluation.quality)


def _present(
    run: Run[T, C, M],
    attackers: Sequence[Attacker[T]],
    learnt_from: Sequence[Person[T]],
    bag: Sequence[T],
    cohort: Cohort[T, C],
    *,
    changed: bool,
) -> tuple[Estimate, ...]:
    """Whoever holds a record of somebody: is he in the bag? Score: the likest record, by attackers of changed records.

    They learn on C, from records as they are and, where records are changed, from changed ones.
    """
    seed = run.seed("linking")
    members, others = (one_record_each(part, seed) for part in (cohort.train, cohort.audit))
    found: list[Estimate] = []
    for attacker in attackers:
        for level, matcher in _matchers(attacker, learnt_from, seed, changed=changed):
            name = f"present_{attacker.name.split(',')[0].replace(' ', '_')}{level}"
            found += measured(run.progress, _presence, name, matcher, members, others, bag, seed)
    return tuple(found)


def _matchers(
    attacker: Attacker[T], learnt_from: Sequence[Person[T]], seed: int, *, changed: bool
) -> list[tuple[str, Matcher[T]]]:
    if len(learnt_from) < LEAST:
        return []
    matchers = [("", attacker.trained(*untouched(learnt_from).pairs, seed))]
    if attacker.learns and changed:
        matchers.append(("_semi_informed", attacker.trained(*trial(SAME, learnt_from).pairs, seed)))
    return matchers


def _presence(
    name: str,
    matcher: Matcher[T],
    members: Sequence[Real[T, C]],
    others: Sequence[Real[T, C]],
    bag: Sequence[T],
    seed: int,
) -> tuple[Estimate, ...]:
    """AUC, and TPR at 1% false positives; members are of T, the others of E, one record each."""
    of_members, of_others = (
        np.asarray(matcher([r.payload for r in part], bag).max(axis=1), dtype=np.float64) for part in (members, others)
    )
    t, e = [r.patient for r in members], [r.patient for r in others]
    return (
        auc(
            f"{name}_auc", of_members, of_others,
            positive_patients=t, negative_patients=e, seed=seed, better="0.5",
        ),
        tpr_at_fpr(
            f"{name}_tpr_at_fpr_{FALSE_ALARMS:g}", of_members, of_others, FALSE_ALARMS,
            positive_patients=t, negative_patients=e, seed=seed, better=f"{FALSE_ALARMS:g}",
        ),
    )  # fmt: skip


def _as_they_are(cohort: Cohort[T, C], seed: int) -> list[Person[T]]:
    """The people of C, of whom no record is changed."""

    def same(person: int, records: Sequence[Real[T, C]]) -> list[Anonymised[T, C]]:
        return [Anonymised(AS_THEY_ARE, record.condition, record.payload) for record in records]

    return people_of(cohort.calibration, same, same, seed)
