"""The gate over a small but real modality: points of the plane, filtered by their distance to training points."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from synthgen.estimates import one_record_each, some_records
from synthgen.privacy_filters.calibration import CopiesAmongStrangersError, only
from synthgen.privacy_filters.gate import (
    FirstAttempts,
    Gate,
    attempts_needed,
    calibrate_gate,
    calibration_facts,
    facets,
    judge_generator,
    mix_weights,
    plant,
    plant_returning,
    share_nearer_to_train,
)
from synthgen.privacy_filters.nearest import LocalScale
from synthgen.records import Filters, Planted, Real

Point = tuple[float, float]


@dataclass(frozen=True)
class Label:
    stratum: str = "any"

    def as_dict(self) -> dict[str, object]:
        return {"label": self.stratum}


@dataclass(frozen=True)
class Distance(Filters[Point]):
    """One filter: distance to the nearest training patient over that patient's own local scale."""

    points: np.ndarray
    patients: tuple[str, ...]
    names: tuple[str, ...] = ("distance",)

    def scores(self, payloads: Sequence[Point], exclude: Sequence[str] | None = None) -> np.ndarray:
        names, owner = np.unique(self.patients, return_inverse=True)
        between = self.distances([tuple(p) for p in self.points], [tuple(p) for p in self.points])
        people = np.minimum.reduceat(between[:, np.argsort(owner, kind="stable")], _starts(owner), axis=1)
        people[np.arange(len(owner)), owner] = np.inf
        two = np.argsort(people, axis=1)[:, :2]
        scale = LocalScale.over(np.take_along_axis(people, two, axis=1), two, owner)
        d = self.distances(payloads, [tuple(p) for p in self.points])
        left_out = None if exclude is None else np.searchsorted(names, exclude)
        if exclude is not None:
            d[np.array(exclude)[:, None] == np.array(self.patients)[None, :]] = np.inf
        nearest = d.argmin(axis=1)
        return (d[np.arange(len(d)), nearest] / scale.of(owner[nearest], left_out))[:, None]

    def enrolled(self, payloads: Sequence[Point], patients: Sequence[str]) -> "Distance":
        points = np.concatenate([self.points, np.array(payloads)])
        return replace(self, points=points, patients=(*self.patients, *patients))

    def nearest_patients(self, payloads: Sequence[Point]) -> list[str]:
        return [self.patients[i] for i in self.distances(payloads, [tuple(p) for p in self.points]).argmin(axis=1)]

    def distances(self, payloads: Sequence[Point], references: Sequence[Point]) -> np.ndarray:
        return np.linalg.norm(np.array(payloads)[:, None] - np.array(references)[None], axis=2)


def _starts(owner: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(owner), np.arange(owner.max() + 1))


def cohort(rng: np.random.Generator, people: int, prefix: str, visits: int = 2) -> list[Real[Point, Label]]:
    homes = rng.normal(size=(people, 2))
    return [
        Real(f"{prefix}{i}", f"{prefix}{i}-{v}", Label(), tuple(homes[i] + 0.002 * rng.normal(size=2)))
        for i in range(people)
        for v in range(visits)
    ]


@pytest.fixture(scope="module")
def world() -> tuple[Gate[Point], list[Real[Point, Label]], list[Real[Point, Label]], list[Real[Point, Label]]]:
    rng = np.random.default_rng(1)
    train, calibration, audit = (cohort(rng, n, p) for n, p in ((200, "t"), (120, "c"), (80, "e")))
    filters = Distance(np.array([r.payload for r in train]), tuple(r.patient for r in train))
    return calibrate_gate(filters, train, calibration, 0.05, seed=1), train, calibration, audit


@dataclass(frozen=True)
class Two:
    """Two filters of two parts: by place, and by the first coordinate alone."""

    parts: tuple[Distance, Distance]

    @property
    def names(self) -> tuple[str, ...]:
        return ("place", "line")

    def scores(self, payloads: Sequence[Point], exclude: Sequence[str] | None = None) -> np.ndarray:
        return np.concatenate([part.scores(payloads, exclude) for part in self.parts], axis=1)

    def enrolled(self, payloads: Sequence[Point], patients: Sequence[str]) -> "Two":
        return Two(tuple(part.enrolled(payloads, patients) for part in self.parts))  # type: ignore[arg-type]

    def nearest_patients(self, payloads: Sequence[Point]) -> list[str]:
        return self.parts[0].nearest_patients(payloads)

    def distances(self, payloads: Sequence[Point], references: Sequence[Point]) -> np.ndarray:
        return self.parts[0].distances(payloads, references)


@dataclass(frozen=True)
class Line(Distance):
    """By the first coordinate alone."""

    def distances(self, payloads: Sequence[Point], references: Sequence[Point]) -> np.ndarray:
        return np.abs(np.array(payloads)[:, None, 0] - np.array(references)[None, :, 0])


@pytest.mark.parametrize("columns", [(0,), (1,), (0, 1)])
def test_part_by_part_the_same_is_rejected(columns: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    train, calibration = cohort(rng, 60, "t"), cohort(rng, 60, "c")
    points, patients = np.array([r.payload for r in train]), tuple(r.patient for r in train)
    gate = calibrate_gate(
        Two((Distance(points, patients, ("place",)), Line(points, patients, ("line",)))),
        train,
        calibration,
        0.05,
        seed=1,
    )
    gate = replace(gate, calibration=only(gate.calibration, columns), columns=columns)
    near = [tuple(p) for p in points[:40] + rng.normal(size=(40, 2)) * np.logspace(-6, 0, 40)[:, None]]
    payloads = [*near, (float("nan"), 0.0)]
    assert gate.rejects(payloads).tolist() == gate.calibration.rejects(gate.scores(payloads)).tolist()
    assert 0 < gate.rejects(near).sum() < len(near)


def attempts(judged: int, close: int, **told: tuple[int, int]) -> FirstAttempts:
    return FirstAttempts(judged, close, {("stratum", "any"): judged}, {("group", key): n for key, n in told.items()})


def test_one_record_each_is_by_patient_and_seeded(world) -> None:  # type: ignore[no-untyped-def]
    _, train, _, _ = world
    once, again, other = (one_record_each(train, seed) for seed in (1, 1, 2))
    assert [r.patient for r in once] == sorted({r.patient for r in train})
    assert once == again
    assert once != other


def test_strangers_pass_and_copies_do_not(world) -> None:  # type: ignore[no-untyped-def]
    gate, train, calibration, audit = world
    facts = calibration_facts(gate, train, calibration, audit, seed=1)
    assert facts.k == 6
    assert facts.audit_block_rate is not None
    assert facts.audit_block_rate.ci95[0] <= facts.expected_block_rate <= facts.audit_block_rate.ci95[1]
    copies = Planted("exact", "exact", tuple(r.payload for r in one_record_each(train, 3)))
    nan = Planted("nan", "perturbed", ((float("nan"), 0.0),))
    exact, broken = plant(gate, [copies, nan])
    assert exact.caught == exact.planted == 200
    assert broken.caught == 1
    returning = plant_returning(gate, (*calibration, *audit), seed=1)
    assert returning is not None
    assert returning.planted == 200
    assert returning.caught / returning.planted > 0.8


def test_no_second_visit_no_figure(world) -> None:  # type: ignore[no-untyped-def]
    gate, *_ = world
    assert plant_returning(gate, cohort(np.random.default_rng(9), 10, "x", visits=1), seed=0) is None


def test_the_share_leans_towards_train_for_a_copier_only(world) -> None:  # type: ignore[no-untyped-def]
    gate, train, calibration, _ = world
    rng = np.random.default_rng(5)
    honest = [tuple(p) for p in rng.normal(size=(150, 2))]
    copier = [tuple(np.array(r.payload) + 0.01 * rng.normal(size=2)) for r in train[:150]]
    fair = share_nearer_to_train(gate.filters, honest, train, calibration, seed=0)
    leaning = share_nearer_to_train(gate.filters, copier, train, calibration, seed=0)
    assert fair is not None
    assert leaning is not None
    assert fair.ci95[0] < 0.5 < fair.ci95[1]
    assert leaning.value > 0.6 > fair.value
    assert share_nearer_to_train(gate.filters, honest, train, [], seed=0) is None


@pytest.mark.parametrize("seed", range(100, 110))
def test_a_copier_is_refused_and_an_honest_generator_is_not(world, seed: int) -> None:  # type: ignore[no-untyped-def]
    gate, train, _, _ = world
    rng = np.random.default_rng(seed)
    honest = [tuple(p) for p in rng.normal(size=(100, 2))]
    chosen = rng.integers(len(train), size=100)
    copier = [tuple(np.array(train[i].payload) + 0.003 * rng.normal(size=2)) for i in chosen]
    for samples, memorises in ((honest, False), (copier, True)):
        rejected = int(gate.rejects(samples).sum())
        assert judge_generator(gate, attempts(100, rejected), 1.0, None).memorises is memorises


def test_calibration_patients_are_protected_and_strangers_are_judged_as_before(world) -> None:  # type: ignore[no-untyped-def]
    gate, _, calibration, audit = world
    assert gate.rejects([r.payload for r in one_record_each(calibration, 5)]).all()
    own = [r.patient for r in gate.strangers]
    assert gate.rejects([r.payload for r in gate.strangers], exclude=own).sum() == gate.calibration.k
    yardstick = [r.payload for r in one_record_each(audit, 5)]
    assert gate.rejects(yardstick).mean() < 0.25
    assert gate.protecting(audit).rejects(yardstick).all()


def test_the_block_rate_of_strangers_has_the_spread_that_is_stated() -> None:
    """With the calibration patients enrolled too, over forty cohorts."""
    rates, inside = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        train, calibration = cohort(rng, 100, "t", visits=1), cohort(rng, 60, "c", visits=1)
        filters = Distance(np.array([r.payload for r in train]), tuple(r.patient for r in train))
        gate = calibrate_gate(filters, train, calibration, 0.05, seed=seed)
        rates.append(gate.rejects([tuple(p) for p in rng.normal(size=(400, 2))]).mean())
        low, high = gate.block_rate.interval
        inside.append(low <= rates[-1] <= high)
    assert np.mean(rates) == pytest.approx(gate.block_rate.expected, abs=0.02)
    assert np.mean(inside) > 0.8


def test_a_condition_that_is_memorised_does_not_drown_in_the_others(world) -> None:  # type: ignore[no-untyped-def]
    gate, *_ = world
    drowned = judge_generator(gate, attempts(400, 15, rare=(8, 8), common=(392, 7)), 1.0, None)
    assert drowned.rejected <= drowned.limit
    assert drowned.memorises
    assert drowned.conditions_memorised == ("group = rare",)
    spread = judge_generator(gate, attempts(400, 15, rare=(8, 1), common=(392, 14)), 1.0, None)
    assert not spread.memorises


def test_as_many_first_attempts_are_judged_as_show_the_share(world) -> None:  # type: ignore[no-untyped-def]
    gate, *_ = world
    mix = {("stratum", "any"): 1.0}
    needed = attempts_needed(gate, lambda draws: mix, most=5000, share=0.2, least=10)
    assert 10 < needed < 5000
    assert judge_generator(gate, attempts(needed, 0), 0.95, None).detectable_share <= 0.2
    assert judge_generator(gate, attempts(needed // 2, 0), 0.95, None).detectable_share > 0.2
    assert attempts_needed(gate, lambda draws: mix, most=5000, share=0.001, least=10) == 10


def test_honest_generators_of_uneven_cohorts_are_not_refused() -> None:
    """A tenth of the patients lies dense and has fifteen records each: an honest generator shows it more often."""
    refused = {"records": 0, "condition": 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)

        def people(count: int, prefix: str, dense: bool, rng: np.random.Generator = rng) -> list[Real[Point, Label]]:
            homes = rng.normal(size=(count, 2)) * (0.08 if dense else 1.0) + (6.0 if dense else 0.0)
            label, visits = Label("dense" if dense else "wide"), 15 if dense else 1
            return [
                Real(f"{prefix}{dense}{i}", f"{i}-{v}", label, tuple(home + 0.001 * rng.normal(size=2)))
                for i, home in enumerate(homes)
                for v in range(visits)
            ]

        train = people(324, "t", False) + people(36, "t", True)
        calibration = people(135, "c", False) + people(15, "c", True)
        filters = Distance(np.array([r.payload for r in train]), tuple(r.patient for r in train))
        gate = calibrate_gate(filters, train, calibration, 0.01, seed=seed)
        for case, share in (("records", 540 / 864), ("condition", 0.5)):
            dense = round(400 * share)
            shown = [r.payload for r in people(dense, "s", True)[::15] + people(400 - dense, "s", False)]
            close = gate.rejects(shown)
            mix = {("stratum", "dense"): float(dense), ("stratum", "wide"): float(400 - dense)}
            first = FirstAttempts(400, int(close.sum()), mix, {})
            refused[case] += judge_generator(gate, first, 1.0, None).memorises
    assert refused == {"records": 0, "condition": 0}


def test_weights_follow_the_mix_and_spread_what_nobody_has() -> None:
    own = [(("stratum", "a"),)] * 30 + [(("stratum", "b"),)] * 10 + [(("stratum", "c"),)] * 2
    weights = mix_weights(own, np.ones(42), {("stratum", "a"): 1.0, ("stratum", "b"): 1.0})
    assert weights[:30].sum() == pytest.approx(weights[30:40].sum())
    assert not weights[40:].any()
    spread = mix_weights(own, np.ones(42), {("stratum", "c"): 1.0, ("stratum", "unheard of"): 1.0})
    assert spread == pytest.approx(np.full(42, 2 / 42))


def test_facets_are_what_many_records_share() -> None:
    @dataclass(frozen=True)
    class Told:
        stratum: str = "Edema|Effusion"

        def as_dict(self) -> dict[str, object]:
            return {"labels": ["Edema", "Effusion"], "view": "AP", "sex": "", "age": 61, "case_seed": 5}

    assert facets(Told()) == (
        ("stratum", "Edema|Effusion"),
        ("labels", "Edema"),
        ("labels", "Effusion"),
        ("view", "AP"),
    )


def test_copies_are_planted_of_random_patients(world) -> None:  # type: ignore[no-untyped-def]
    _, train, *_ = world
    some = [r.patient for r in some_records(train, 50, seed=2)]
    assert len(set(some)) == 50
    assert some != sorted(some)
    assert some == [r.patient for r in some_records(train, 50, seed=2)]
    assert set(some) != {r.patient for r in some_records(train, 50, seed=3)}


def test_a_threshold_at_copy_distance_is_refused() -> None:
    """A calibration patient who is a training patient, a little changed, and was not linked."""
    rng = np.random.default_rng(11)
    train, calibration = cohort(rng, 100, "t", visits=1), cohort(rng, 60, "c", visits=1)
    x, y = train[7].payload
    calibration[3] = replace(calibration[3], payload=(x + 1e-9, y))
    filters = Distance(np.array([r.payload for r in train]), tuple(r.patient for r in train))
    noise = [tuple(np.array(r.payload) + 1e-7) for r in train[20:36]]
    with pytest.raises(CopiesAmongStrangersError, match="as near to another patient as an exact copy"):
        calibrate_gate(filters, train, calibration, 0.02, seed=0, trial=[Planted("exact", "exact", tuple(noise))])


def test_groups_that_do_not_differ_cost_no_power() -> None:
    rng = np.random.default_rng(4)
    train = cohort(rng, 100, "t")
    calibration = [
        Real(r.patient, r.record, Label("rare" if int(r.patient[1:]) % 10 == 0 else "common"), r.payload)
        for r in cohort(rng, 150, "c", visits=1)
    ]
    filters = Distance(np.array([r.payload for r in train]), tuple(r.patient for r in train))
    gate = calibrate_gate(filters, train, calibration, 0.05, seed=1)
    mix = {("stratum", "rare"): 1.0, ("stratum", "common"): 1.0}
    assert gate.block_rate_in(mix).n == pytest.approx(gate.block_rate.n)
    apart = [
        replace(r, payload=(9.0 + r.payload[0] / 50, 9.0)) if r.condition.stratum == "rare" else r for r in calibration
    ]
    uneven = calibrate_gate(filters, train, apart, 0.05, seed=1)
    assert uneven.block_rate_in(mix).n < 0.6 * uneven.block_rate.n
