"""The release gate: what is measured before and while samples are screened.

The steps are pure functions over scores. The one thing that a modality brings is a set of fitted ``Filters``. What
follows from the measurements is decided in :mod:`synthgen.verdict`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.estimates import one_record_each, proportion, some_records
from synthgen.privacy_filters.calibration import (
    Calibration,
    CopiesAmongStrangersError,
    attainable_alpha,
    calibrate,
    only,
    useful_columns,
)
from synthgen.privacy_filters.power import BlockRate, detectable_share, miss_upper, weighted
from synthgen.records import C, Condition, Estimate, Filters, Planted, Real, Verdict
from synthgen.report import CalibrationFacts, GeneratorTest, PlantedResult

T = TypeVar("T")

GENERATOR_LEVEL = 0.01  # probability at which an honest generator is refused
AUDIT_LEVEL = 0.005  # and at which audit patients contradict an honest calibration
LEAST_IN_FACET = 10
_MATTERS = 0.05
_WHOLE = 0.8  # share of the level for all first attempts; the rest is for conditions
FIRST_LEVEL = _WHOLE * GENERATOR_LEVEL  # of the test of all first attempts together
_REFERENCE = 200  # training patients who tell the shape of the filters' tails
_LEAST_REFERENCE = 40  # and who choose among the filters
PLANNED_CATCH = 0.95  # of planted copies, as a gate is assumed to catch before it was tried


@dataclass(frozen=True)
class Gate(Generic[T]):
    """Calibrated filters: judges any record, real, planted or synthetic, by the same rule.

    Attributes:
        filters: over T and C: both are protected.
        outsiders: over T alone, for measurements in which patients of C must be nobody.
        columns: places in ``filters.names`` of the filters that vote.
        strangers: the record of each calibration patient that was scored, in the order of ``calibration.strangers``.
        records: how many records each of them has.
    """

    filters: Filters[T]
    outsiders: Filters[T]
    calibration: Calibration
    columns: tuple[int, ...]
    strangers: tuple[Real[T, Any], ...]
    records: tuple[int, ...]

    def scores(self, payloads: Sequence[T], exclude: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Of the filters that vote, shape [N, F]; see :meth:`Filters.scores`."""
        return self.filters.scores(payloads, exclude)[:, list(self.columns)]

    def __call__(self, payloads: Sequence[T]) -> list[tuple[Verdict, ...]]:
        """One verdict per record and filter; a record is kept when every filter keeps it."""
        return self.calibration.verdicts(self.scores(payloads))

    def rejects(self, payloads: Sequence[T], exclude: Sequence[str] | None = None) -> NDArray[np.bool_]:
        """Shape [N]: True for what lies too close to a protected patient. Each part sees what those before it kept."""
        rejected, first = np.zeros(len(payloads), dtype=np.bool_), 0
        for part in self.filters.parts:
            columns = [f - first for f in self.columns if first <= f < first + len(part.names)]
            names = tuple(part.names[f] for f in columns)
            first += len(part.names)
            left = np.flatnonzero(~rejected).tolist()
            if columns and left:
                own = None if exclude is None else [exclude[i] for i in left]
                scores = part.scores([payloads[i] for i in left], own)[:, columns]
                rejected[left] = self.calibration.rejects(scores, names)
        return rejected

    def protecting(self, records: Sequence[Real[T, C]]) -> Gate[T]:
        """The same gate, protecting these records too."""
        return replace(self, filters=self.filters.enrolled(*_payloads(records)))

    @property
    def block_rate(self) -> BlockRate:
        """The rate at which strangers are rejected who are composed like the calibration patients."""
        return BlockRate(self.calibration.k, self.calibration.n)

    def block_rate_in(self, mix: Mapping[Facet, float]) -> BlockRate:
        """The same for strangers who are composed like ``mix``, with a weight for each facet, where facets differ."""
        g = np.asarray(self.calibration.strangers)
        owned = [facets(record.condition) for record in self.strangers]
        told = mix if len(mix) == 1 or _groups_differ(g, owned, mix) else {EVERYBODY: 1.0}
        return weighted(g <= self.calibration.threshold, mix_weights(owned, _that_matter(g, self.records), told))


def _payloads(records: Sequence[Real[T, C]]) -> tuple[list[T], list[str]]:
    return [r.payload for r in records], [r.patient for r in records]


Facet = tuple[str, str]
"""A value that conditions take, with its key: ``("view", "AP")``."""

EVERYBODY: Facet = ("", "")
"""The facet of a release whose conditions are unknown: strangers like all calibration patients."""


def facets(condition: Condition) -> tuple[Facet, ...]:
    """The values of a condition that many records share: its stratum, its texts, and each text of its lists."""
    found: list[Facet] = [("stratum", condition.stratum)]
    for key, value in condition.as_dict().items():
        texts = value if isinstance(value, list) else [value]
        found += [(key, text) for text in texts if isinstance(text, str) and text]
    return tuple(dict.fromkeys(found))


def mix_weights(
    owned: Sequence[tuple[Facet, ...]], records: NDArray[np.float64], mix: Mapping[Facet, float]
) -> NDArray[np.float64]:
    """Weights that compose calibration patients like a release, shape [n].

    A patient weighs as much as his records among those of a facet. A facet that fewer than ``LEAST_IN_FACET``
    calibration patients have is spread over all of them.

    Args:
        owned: the facets of each calibration patient.
        records: shape [n], how many records each counts for.
        mix: weight of each facet in the release.
    """
    weights = np.zeros(len(owned))
    for facet, share in mix.items():
        inside = np.array([facet in own for own in owned])
        members = np.where(inside, records, 0.0) if inside.sum() >= LEAST_IN_FACET else records
        weights += share * members / members.sum()
    return weights


def _groups_differ(g: NDArray[np.float64], owned: Sequence[tuple[Facet, ...]], mix: Mapping[Facet, float]) -> bool:
    """Whether the facets' patients lie closer or farther than one another (Kruskal and Wallis 1952, 5%).

    Where they do not, weights would take the calibration's power and mend nothing.
    """
    inside = [np.array([facet in own for own in owned]) for facet in mix]
    groups = [g[members] for members in inside if members.sum() >= LEAST_IN_FACET]
    return len(groups) > 1 and bool(stats.kruskal(*groups).pvalue < _MATTERS)


def _that_matter(g: NDArray[np.float64], records: Sequence[int]) -> NDArray[np.float64]:
    """Records per patient where patients with many lie closer or farther than others (Spearman, 5%); else one each.

    A generator that was trained on records shows a patient with many of them more often.
    """
    count = np.asarray(records, dtype=np.float64)
    if np.ptp(count) == 0 or stats.spearmanr(g, count).pvalue > _MATTERS:
        return np.ones(len(count))
    return count


def calibrate_gate(
    filters: Filters[T],
    train: Sequence[Real[T, C]],
    calibration: Sequence[Real[T, C]],
    alpha: float,
    seed: int,
    trial: Iterable[Planted[T]] = (),
) -> Gate[T]:
    """Calibrates ``filters`` on one random record of each calibration patient.

    The calibration patients are protected too: each is scored against T and the other calibration patients, as a
    stranger is against T and all of them. With no calibration patients the training patients stand in, each left out;
    such a gate is calibrated on patients that its embedder has seen, and its verdict is never PASS.

    Args:
        trial: copies of training records by which filters are dropped that cost level and catch nothing more; not
            those whose rate is reported.

    Raises:
        CopiesAmongStrangersError: if a calibration patient lies at copy distance from another patient.
    """
    strangers = one_record_each(calibration or train, seed)
    known = filters.enrolled(*_payloads(calibration)) if calibration else filters
    scores = known.scores(*_payloads(strangers))
    reference = known.scores(*_payloads(some_records(train, _REFERENCE, seed)))
    everything = calibrate(filters.names, scores, alpha, reference)
    tried = [(copies.domain, known.scores(copies.payloads)) for copies in trial]
    columns = _columns(filters.names, reference, [copies for _, copies in tried], alpha)
    gate = only(everything, columns)
    for domain, copies in tried:
        if domain == "exact" and not gate.rejects(copies[:, list(columns)]).all():
            raise CopiesAmongStrangersError(
                "the closest calibration patient lies as near to another patient as an exact copy does"
            )
    owned = Counter(record.patient for record in calibration or train)
    return Gate(
        filters=known,
        outsiders=filters,
        calibration=gate,
        columns=columns,
        strangers=tuple(strangers),
        records=tuple(owned[record.patient] for record in strangers),
    )


def _columns(
    names: Sequence[str], reference: NDArray[np.float64], copies: Sequence[NDArray[np.float64]], alpha: float
) -> tuple[int, ...]:
    """The filters that are worth their share of the level, chosen before the calibration patients are looked at.

    Chosen on them, the choice would fall where their closest one lies far out, and strangers would be blocked more
    often than the calibration says. The training patients, each left out, stand in for strangers.
    """
    known = reference[(reference > 0).all(axis=1)]
    if len(known) < _LEAST_REFERENCE:
        return tuple(range(len(names)))
    return useful_columns(calibrate(names, known, alpha), copies)


def calibration_facts(
    gate: Gate[T],
    train: Sequence[Real[T, C]],
    calibration: Sequence[Real[T, C]],
    audit: Sequence[Real[T, C]],
    seed: int,
) -> CalibrationFacts:
    """What the calibration attained, with the block rate measured on the audit patients, who set nothing."""
    c = gate.calibration
    block = gate.block_rate
    blocked = max(1, sum(c.blockers))
    witnesses = one_record_each(audit, seed)
    measured, limit = None, None
    if witnesses:
        rejected = int(gate.rejects([r.payload for r in witnesses]).sum())
        measured = proportion("audit_block_rate", rejected, len(witnesses), better="lower")
        limit = block.limit(len(witnesses), AUDIT_LEVEL)
    return CalibrationFacts(
        patients_train=len({r.patient for r in train}),
        patients_calibration=len({r.patient for r in calibration}),
        patients_audit=len({r.patient for r in audit}),
        alpha=c.alpha,
        k=c.k,
        expected_block_rate=block.expected,
        block_rate_ci95=block.interval,
        attainable_alpha=attainable_alpha(c.n),
        filter_shares=tuple((name, count / blocked) for name, count in zip(c.names, c.blockers, strict=True)),
        dropped_filters=tuple(name for name in gate.filters.names if name not in c.names),
        audit_block_rate=measured,
        audit_limit=limit,
    )


def plant(gate: Gate[T], planted: Iterable[Planted[T]]) -> Iterator[PlantedResult]:
    """Puts planted copies through the gate and counts, per perturbation, what it catches."""
    for copies in planted:
        caught = int(gate.rejects(copies.payloads).sum())
        count = len(copies.payloads)
        yield PlantedResult(copies.perturbation, copies.domain, count, caught, miss_upper(count, caught))


def plant_returning(gate: Gate[T], held_out: Sequence[Real[T, C]], seed: int) -> PlantedResult | None:
    """Another visit of a protected patient, the hard case, measured on patients that no embedder was fitted on.

    Held-out patients are enrolled with all records but one, where they have two or more; that one is then put through
    the gate. None where no held-out patient has two records.
    """
    by_patient: dict[str, list[Real[T, C]]] = {}
    for record in sorted(held_out, key=lambda r: (r.patient, r.record)):
        by_patient.setdefault(record.patient, []).append(record)
    rng = np.random.default_rng(seed)
    returning = [group[rng.integers(len(group))] for group in by_patient.values() if len(group) >= 2]
    if not returning:
        return None
    away = {(record.patient, record.record) for record in returning}
    known = gate.outsiders.enrolled(*_payloads([r for r in held_out if (r.patient, r.record) not in away]))
    caught = int(replace(gate, filters=known).rejects([r.payload for r in returning]).sum())
    return PlantedResult("another_visit", "beyond", len(returning), caught, miss_upper(len(returning), caught))


@dataclass(frozen=True)
class FirstAttempts:
    """How a generator's first attempts fared, before screening flatters it.

    Attributes:
        judged, close: how many were judged, and lie too close to a protected patient.
        mix: the strata that were asked for, with the count of each.
        facets: of each value that conditions take: how many were judged, and lie too close.
    """

    judged: int
    close: int
    mix: Mapping[Facet, float]
    facets: Mapping[Facet, tuple[int, int]]


def first_limit(gate: Gate[T], mix: Mapping[Facet, float], attempts: int) -> int:
    """More first attempts too close to a patient than this refuse a generator, whatever its conditions."""
    return gate.block_rate_in(mix).limit(attempts, FIRST_LEVEL)


def judge_generator(
    gate: Gate[T], first: FirstAttempts, catch: float, train_share: Estimate | None, power: float = 0.95
) -> GeneratorTest:
    """Holds the generator's first attempts against what strangers would show, as a whole and by condition.

    A generator whose samples fall below the threshold more often than strangers do memorises; rejecting its worst
    samples would be no cure, so it is refused as a whole. The count of all is held against
    BetaBinomial(N; k, n + 1 - k) at four fifths of ``GENERATOR_LEVEL``; that of each value of a condition at an equal
    part of the rest, so that a condition which is memorised does not drown in the others.

    Args:
        catch: the share of planted copies that the gate catches, for the smallest share of copies that would show.
        power: with which that share would show.
    """
    block = gate.block_rate_in(first.mix)
    limit = first_limit(gate, first.mix, first.judged)
    each = (1 - _WHOLE) * GENERATOR_LEVEL / max(1, len(first.facets))
    worst = [
        facet
        for facet, (judged, close) in first.facets.items()
        if close > gate.block_rate_in({facet: 1.0}).limit(judged, each)
    ]
    return GeneratorTest(
        attempts=first.judged,
        rejected=first.close,
        limit=limit,
        expected_block_rate=block.expected,
        detectable_share=detectable_share(block, first.judged, limit, catch, power),
        conditions_tested=len(first.facets),
        conditions_memorised=tuple(f"{key} = {value}" for key, value in sorted(worst)),
        memorises=first.close > limit or bool(worst),
        train_share=train_share,
    )


def attempts_needed(
    gate: Gate[T],
    mix: Callable[[int], Mapping[Facet, float]],
    most: int,
    share: float,
    least: int,
    power: float = 0.95,
    catch: float = PLANNED_CATCH,
) -> int:
    """The fewest first attempts, from ``least`` to ``most``, whose test would see ``share`` copies; ``least`` if none.

    Args:
        catch: share of copies that the gate catches; nineteen in twenty are assumed where that is not known.
        mix: what so many first attempts ask for: the more they are, the more it is like what the patients are.
    """
    draws = least
    while draws <= most:
        block, limit = gate.block_rate_in(mix(draws)), first_limit(gate, mix(draws), draws)
        if detectable_share(block, draws, limit, catch, power) <= share:
            return draws
        draws = most if draws < most < 1.1 * draws + 1 else math.ceil(1.1 * draws) + 1
    return least


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
        """``t`` and ``c`` of equal size: the side with more patients would be the nearer one."""
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
    draws = []
    for _ in range(resamples):
        t = np.unique(rng.choice(rng.permutation(len(members))[:size], size))
        c = np.unique(rng.choice(rng.permutation(len(strangers))[:size], size))
        equal = min(len(t), len(c))
        rows = rng.integers(len(payloads), size=len(payloads))
        draws.append(share(rows, rng.permutation(t)[:equal], rng.permutation(c)[:equal]))
    low, high = np.quantile(draws, [0.025, 0.975])
    note = "share of first attempts nearer to a training patient than to a calibration patient, equal numbers of each"
    return Estimate("train_share", float(centre), (float(low), float(high)), size, "0.5", note)
