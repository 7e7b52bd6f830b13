"""The release gate: what is measured before, while and after samples are screened, and the verdict that follows.

The steps are pure functions over scores. The one thing that a modality brings is a set of fitted ``Filters``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.privacy_filters.calibration import (
    Calibration,
    attainable_alpha,
    block_rate,
    calibrate,
    generator_limit,
    miss_upper,
)
from synthgen.records import C, Estimate, Planted, Real, Verdict
from synthgen.report import CalibrationFacts, GeneratorTest, Outcome, PlantedResult, ScreeningFacts

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

GENERATOR_DOMAIN_MISS_LIMIT = 0.05


class Filters(Protocol[T_contra]):
    """Filters that were fitted on T alone and know its records, not yet calibrated."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def scores(self, payloads: Sequence[T_contra], exclude: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Density-normalised distance to the nearest training patient, shape [N, F], >= 0, larger is safer.

        Args:
            exclude: for each payload a patient to leave out: its own, when a training record is scored.
        """
        ...

    def enrolled(self, payloads: Sequence[T_contra], patients: Sequence[str]) -> Self:
        """The same filters, protecting these records too; nothing is fitted on them."""
        ...

    def nearest_patients(self, payloads: Sequence[T_contra]) -> list[str]:
        """The training patient whom each payload resembles most in the retrieval embedding."""
        ...

    def distances(self, payloads: Sequence[T_contra], references: Sequence[T_contra]) -> NDArray[np.float64]:
        """Plain distance in the retrieval embedding, shape [N, R]."""
        ...


@dataclass(frozen=True)
class Gate(Generic[T]):
    """Calibrated filters: judges any record, real, planted or synthetic, by the same rule."""

    filters: Filters[T]
    calibration: Calibration

    def __call__(self, payloads: Sequence[T]) -> list[tuple[Verdict, ...]]:
        """One verdict per record and filter; a record is kept when every filter keeps it."""
        return self.calibration.verdicts(self.filters.scores(payloads))


def one_record_each(records: Sequence[Real[T, C]], seed: int) -> list[Real[T, C]]:
    """One random record of each patient, in the order of the patients' names: patients are the unit, not images."""
    by_patient: dict[str, list[Real[T, C]]] = {}
    for record in sorted(records, key=lambda r: (r.patient, r.record)):
        by_patient.setdefault(record.patient, []).append(record)
    rng = np.random.default_rng(seed)
    return [group[rng.integers(len(group))] for group in by_patient.values()]


def calibrate_gate(
    filters: Filters[T],
    train: Sequence[Real[T, C]],
    calibration: Sequence[Real[T, C]],
    alpha: float,
    seed: int,
) -> Gate[T]:
    """Calibrates ``filters`` on one random record of each calibration patient.

    With no calibration patients the training patients stand in, each scored with itself left out; such a gate is
    calibrated on patients that its embedder has seen, and its verdict is never PASS.
    """
    strangers = one_record_each(calibration or train, seed)
    own = None if calibration else [r.patient for r in strangers]
    scores = filters.scores([r.payload for r in strangers], exclude=own)
    return Gate(filters, calibrate(filters.names, scores, alpha))


def calibration_facts(
    gate: Gate[T],
    train: Sequence[Real[T, C]],
    calibration: Sequence[Real[T, C]],
    audit: Sequence[Real[T, C]],
    seed: int,
) -> CalibrationFacts:
    """What the calibration attained, with the block rate measured on the audit patients, who set nothing."""
    c = gate.calibration
    expected, interval = block_rate(c.k, c.n)
    blocked = max(1, sum(c.blockers))
    witnesses = one_record_each(audit, seed)
    measured = None
    if witnesses:
        rejected = int(c.rejects(gate.filters.scores([r.payload for r in witnesses])).sum())
        measured = rate("audit_block_rate", rejected, len(witnesses), better="lower")
    return CalibrationFacts(
        patients_train=len({r.patient for r in train}),
        patients_calibration=len({r.patient for r in calibration}),
        patients_audit=len({r.patient for r in audit}),
        alpha=c.alpha,
        k=c.k,
        expected_block_rate=expected,
        block_rate_ci95=interval,
        attainable_alpha=attainable_alpha(c.n),
        filter_shares=tuple((name, count / blocked) for name, count in zip(c.names, c.blockers, strict=True)),
        audit_block_rate=measured,
    )


def rate(metric: str, successes: int, n: int, *, better: str, note: str = "") -> Estimate:
    """A proportion with its Clopper-Pearson 95% interval."""
    low = float(stats.beta.ppf(0.025, successes, n - successes + 1)) if successes else 0.0
    high = float(stats.beta.ppf(0.975, successes + 1, n - successes)) if successes < n else 1.0
    return Estimate(metric, successes / n, (low, high), n, better, note)


def plant(gate: Gate[T], planted: Iterable[Planted[T]]) -> Iterator[PlantedResult]:
    """Puts planted copies through the gate and counts, per perturbation, what it catches."""
    for copies in planted:
        caught = int(gate.calibration.rejects(gate.filters.scores(copies.payloads)).sum())
        count = len(copies.payloads)
        yield PlantedResult(copies.perturbation, copies.domain, count, caught, miss_upper(count, caught))


def plant_returning(gate: Gate[T], held_out: Sequence[Real[T, C]], seed: int) -> PlantedResult | None:
    """Another visit of a protected patient, the hard case, measured on patients that no embedder was fitted on.

    One record of each held-out patient with two or more is enrolled as if it were a training record; another record of
    the same patient is then put through the gate. None where no held-out patient has two records.
    """
    by_patient: dict[str, list[Real[T, C]]] = {}
    for record in sorted(held_out, key=lambda r: (r.patient, r.record)):
        by_patient.setdefault(record.patient, []).append(record)
    rng = np.random.default_rng(seed)
    pairs = [tuple(rng.permutation(len(g))[:2]) for g in by_patient.values() if len(g) >= 2]
    groups = [g for g in by_patient.values() if len(g) >= 2]
    if not groups:
        return None
    known = [g[i] for g, (i, _) in zip(groups, pairs, strict=True)]
    returning = [g[j] for g, (_, j) in zip(groups, pairs, strict=True)]
    filters = gate.filters.enrolled([r.payload for r in known], [r.patient for r in known])
    caught = int(gate.calibration.rejects(filters.scores([r.payload for r in returning])).sum())
    return PlantedResult("another_visit", "beyond", len(groups), caught, miss_upper(len(groups), caught))


def judge_generator(
    calibration: Calibration, attempts: int, rejected: int, train_share: Estimate | None
) -> GeneratorTest:
    """Holds the generator's first attempts against BetaBinomial(N; k, n + 1 - k).

    A generator whose samples fall below the threshold more often than strangers do memorises; rejecting its worst
    samples would be no cure, so it is refused as a whole.
    """
    limit = generator_limit(attempts, calibration.k, calibration.n)
    return GeneratorTest(attempts, rejected, limit, rejected > limit, train_share)


def share_nearer_to_train(
    filters: Filters[T],
    payloads: Sequence[T],
    train: Sequence[Real[T, C]],
    calibration: Sequence[Real[T, C]],
    seed: int,
    resamples: int = 400,
) -> Estimate | None:
    """P(d_T < d_C) + P(d_T = d_C) / 2 over samples, T cut to the size of C; ideal one half.

    Patients of both sides and samples are resampled, so the interval holds the choice of patients too. None without
    calibration patients or samples.
    """
    members = one_record_each(train, seed)
    strangers = one_record_each(calibration, seed)
    size = min(len(members), len(strangers))
    if not size or not payloads:
        return None
    rng = np.random.default_rng(seed)
    to_train = filters.distances(payloads, [r.payload for r in members])
    to_strangers = filters.distances(payloads, [r.payload for r in strangers])

    def share(rows: NDArray[np.intp], t: NDArray[np.intp], c: NDArray[np.intp]) -> float:
        d_t = to_train[np.ix_(rows, t)].min(axis=1)
        d_c = to_strangers[np.ix_(rows, c)].min(axis=1)
        return float(np.mean((d_t < d_c) + 0.5 * (d_t == d_c)))

    everyone = np.arange(len(payloads))
    centre = np.mean(
        [
            share(everyone, rng.permutation(len(members))[:size], rng.permutation(len(strangers))[:size])
            for _ in range(min(50, resamples))
        ]
    )
    draws = [
        share(
            rng.integers(len(payloads), size=len(payloads)),
            np.unique(rng.integers(len(members), size=size)),
            np.unique(rng.integers(len(strangers), size=size)),
        )
        for _ in range(resamples)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    note = "share of first attempts nearer to a training patient than to a calibration patient, equal numbers of each"
    return Estimate("train_share", float(centre), (float(low), float(high)), size, "0.5", note)


def attack_succeeds(attack: Estimate, limit: float) -> bool:
    """True when an AUC's 95% interval lies above ``limit`` as a whole. Other figures of an attack decide nothing."""
    return attack.metric.endswith("_auc") and attack.ci95[0] > limit


@dataclass(frozen=True)
class Findings:
    """All that the verdict rests on."""

    calibration: Calibration | None
    calibrated_on_strangers: bool
    generator_test: GeneratorTest | None
    far_from_all: bool
    planted: tuple[PlantedResult, ...]
    screening: ScreeningFacts
    attacks: tuple[Estimate, ...]
    attack_limit: float
    audited: bool


def decide(found: Findings) -> tuple[Outcome, tuple[str, ...]]:
    """The verdict on a release and its reasons, the gravest first. Only an empty list of reasons is a PASS."""
    if found.calibration is None:
        return Outcome.NO_COHORT, ("no real cohort was given: only duplicate checks ran, nothing is known of copies",)
    refuse: list[str] = []
    doubt: list[str] = []
    test = found.generator_test
    if test is not None and test.memorises:
        refuse.append(
            f"the generator memorises: {test.rejected} of its {test.attempts} first attempts lie too close to a "
            f"training patient, an honest generator stays at or below {test.limit}"
        )
    for result in found.planted:
        missed = result.planted - result.caught
        if result.domain == "exact" and missed:
            refuse.append(f"the gate misses {missed} of {result.planted} exact copies ({result.perturbation})")
        if result.domain == "generator" and missed > GENERATOR_DOMAIN_MISS_LIMIT * result.planted:
            doubt.append(
                f"the gate misses {missed} of {result.planted} copies in the generator's own domain "
                f"({result.perturbation}), more than {GENERATOR_DOMAIN_MISS_LIMIT:.0%}"
            )
        elif result.domain == "generator" and missed and found.far_from_all:
            doubt.append(
                "the samples lie farther from every real record than strangers do, and not every copy in the "
                f"generator's own domain is caught ({result.perturbation})"
            )
    if found.far_from_all and not any(result.domain == "generator" for result in found.planted):
        doubt.append(
            "the samples lie farther from every real record than strangers do, and without their generator nobody "
            "knows whether the gate would catch a copy among them"
        )
    if not any(result.domain == "exact" for result in found.planted):
        refuse.append("no exact copies were planted, so nothing is known of what the gate misses")
    for attack in found.attacks:
        if attack_succeeds(attack, found.attack_limit):
            refuse.append(
                f"an attack succeeds: {attack.metric} {attack.value:.3f}, 95% interval {attack.ci95[0]:.3f} to "
                f"{attack.ci95[1]:.3f}, limit {found.attack_limit}"
            )
    if found.screening.exhausted:
        doubt.append(
            f"{found.screening.exhausted} of {found.screening.slots} slots found no sample that the gate keeps "
            "within their attempts"
        )
    if found.audited and not found.attacks:
        doubt.append("no attack could be measured: too few samples or audit patients")
    if refuse:
        return Outcome.REFUSE, tuple(refuse + doubt)
    if not found.calibration.attained:
        n = found.calibration.n
        doubt.insert(
            0,
            f"{n} calibration patients attain a level of {attainable_alpha(n):.2%}, not {found.calibration.alpha:.2%}",
        )
        return Outcome.UNCALIBRATED, tuple(doubt)
    if doubt:
        return Outcome.INCONCLUSIVE, tuple(doubt)
    if not found.audited or not found.calibrated_on_strangers:
        return Outcome.CALIBRATED_NOT_AUDITED, (
            "no attack was run: there are no audit patients, or the conditions are unknown",
        )
    return Outcome.PASS, ()


def claim(filters: Sequence[str], facts: CalibrationFacts, planted: Sequence[PlantedResult]) -> str:
    """The sentence that every release carries. The miss rate is the worst bound over the copies that are claimed."""
    listed = [r for r in planted if r.domain != "beyond"]
    worst = max((r.miss_upper95 for r in listed), default=1.0)
    names = ", ".join(r.perturbation for r in listed)
    held_out = facts.patients_calibration or facts.patients_train
    return (
        f"Under filters {', '.join(filters)}, every released record scores farther from all {facts.patients_train} "
        f"training patients than the {_ordinal(facts.k)} of {held_out} held-out patients; planted-copy miss rate "
        f"≤ {worst:.1%} (95%) for the listed perturbations ({names}); this is screening, not DP and not anonymity."
    )


def _ordinal(k: int) -> str:
    if k == 1:
        return "closest"
    suffix = "th" if 10 <= k % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k}{suffix} closest"
