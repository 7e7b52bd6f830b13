"""The gate over a small but real modality: points of the plane, filtered by their distance to training points."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from synthgen.privacy_filters.gate import (
    Findings,
    Gate,
    attack_succeeds,
    calibrate_gate,
    calibration_facts,
    claim,
    decide,
    judge_generator,
    one_record_each,
    plant,
    plant_returning,
    share_nearer_to_train,
)
from synthgen.privacy_filters.nearest import local_scale
from synthgen.records import Estimate, Planted, Real
from synthgen.report import Outcome, PlantedResult, ScreeningFacts

Point = tuple[float, float]


@dataclass(frozen=True)
class Label:
    stratum: str = "any"

    def as_dict(self) -> dict[str, object]:
        return {"label": self.stratum}


@dataclass(frozen=True)
class Distance:
    """One filter: distance to the nearest training patient over that patient's own local scale."""

    points: np.ndarray
    patients: tuple[str, ...]
    names: tuple[str, ...] = ("distance",)

    def scores(self, payloads: Sequence[Point], exclude: Sequence[str] | None = None) -> np.ndarray:
        owners = np.array(self.patients)
        between = self.distances([tuple(p) for p in self.points], [tuple(p) for p in self.points])
        between[owners[:, None] == owners[None, :]] = np.inf
        scale = local_scale(between.min(axis=1))
        d = self.distances(payloads, [tuple(p) for p in self.points])
        if exclude is not None:
            d[np.array(exclude)[:, None] == owners[None, :]] = np.inf
        nearest = d.argmin(axis=1)
        return (d[np.arange(len(d)), nearest] / scale[nearest])[:, None]

    def enrolled(self, payloads: Sequence[Point], patients: Sequence[str]) -> "Distance":
        return Distance(np.concatenate([self.points, np.array(payloads)]), (*self.patients, *patients))

    def nearest_patients(self, payloads: Sequence[Point]) -> list[str]:
        return [self.patients[i] for i in self.distances(payloads, [tuple(p) for p in self.points]).argmin(axis=1)]

    def distances(self, payloads: Sequence[Point], references: Sequence[Point]) -> np.ndarray:
        return np.linalg.norm(np.array(payloads)[:, None] - np.array(references)[None], axis=2)


def cohort(rng: np.random.Generator, people: int, prefix: str, visits: int = 2) -> list[Real[Point, Label]]:
    homes = rng.normal(size=(people, 2))
    return [
        Real(f"{prefix}{i}", f"{prefix}{i}-{v}", Label(), tuple(homes[i] + 0.002 * rng.normal(size=2)))
        for i in range(people)
        for v in range(visits)
    ]


@pytest.fixture(scope="module")
def world() -> tuple[Gate[Point], list[Real[Point, Label]], list[Real[Point, Label]], list[Real[Point, Label]]]:
    rng = np.random.default_rng(0)
    train, calibration, audit = (cohort(rng, n, p) for n, p in ((200, "t"), (120, "c"), (80, "e")))
    filters = Distance(np.array([r.payload for r in train]), tuple(r.patient for r in train))
    return calibrate_gate(filters, train, calibration, 0.05, seed=1), train, calibration, audit


def findings(gate: Gate[Point], **changes: object) -> Findings:
    base = Findings(
        calibration=gate.calibration,
        calibrated_on_strangers=True,
        generator_test=judge_generator(gate.calibration, 100, 3, None),
        far_from_all=False,
        planted=(PlantedResult("exact", "exact", 59, 59, 0.05), PlantedResult("round", "generator", 59, 59, 0.05)),
        screening=ScreeningFacts(100, 103, 3, 0),
        attacks=(Estimate("membership_auc", 0.52, (0.44, 0.6), 80),),
        attack_limit=0.55,
        audited=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


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
        rejected = int(gate.calibration.rejects(gate.filters.scores(samples)).sum())
        assert judge_generator(gate.calibration, len(samples), rejected, None).memorises is memorises


def test_the_verdicts(world) -> None:  # type: ignore[no-untyped-def]
    gate, *_ = world
    exact = PlantedResult("exact", "exact", 59, 59, 0.05)
    blind = PlantedResult("autoencoder", "generator", 60, 56, 0.15)
    nearly = PlantedResult("autoencoder", "generator", 60, 58, 0.1)

    def outcome(**changes: object) -> Outcome:
        return decide(findings(gate, **changes))[0]

    assert outcome() is Outcome.PASS
    assert outcome(generator_test=judge_generator(gate.calibration, 100, 90, None)) is Outcome.REFUSE
    assert outcome(planted=(replace(exact, caught=58),)) is Outcome.REFUSE
    assert outcome(planted=()) is Outcome.REFUSE
    assert outcome(planted=(exact, blind)) is Outcome.INCONCLUSIVE
    assert outcome(planted=(exact, nearly)) is Outcome.PASS
    assert outcome(planted=(exact, nearly), far_from_all=True) is Outcome.INCONCLUSIVE
    assert outcome(planted=(exact,), far_from_all=True) is Outcome.INCONCLUSIVE
    assert outcome(attacks=(Estimate("identity_auc", 0.7, (0.56, 0.8), 80),)) is Outcome.REFUSE
    assert outcome(attacks=(Estimate("authenticity", 0.9, (0.8, 1.0), 80),)) is Outcome.PASS
    assert outcome(screening=ScreeningFacts(100, 150, 51, 1)) is Outcome.INCONCLUSIVE
    assert outcome(attacks=()) is Outcome.INCONCLUSIVE
    assert outcome(audited=False, attacks=()) is Outcome.CALIBRATED_NOT_AUDITED
    assert outcome(audited=False) is Outcome.CALIBRATED_NOT_AUDITED
    assert outcome(calibrated_on_strangers=False) is Outcome.CALIBRATED_NOT_AUDITED
    assert outcome(calibration=None) is Outcome.NO_COHORT
    assert outcome(calibration=replace(gate.calibration, n=10)) is Outcome.UNCALIBRATED
    both = decide(findings(gate, planted=(replace(exact, caught=0), blind)))
    assert both[0] is Outcome.REFUSE
    assert len(both[1]) == 2


def test_an_attack_succeeds_only_when_its_whole_interval_does() -> None:
    assert attack_succeeds(Estimate("nn_auc", 0.6, (0.551, 0.65), 90), 0.55)
    assert not attack_succeeds(Estimate("nn_auc", 0.6, (0.55, 0.65), 90), 0.55)
    assert not attack_succeeds(Estimate("nn_auc", float("nan"), (float("nan"), float("nan")), 0), 0.55)


def test_the_claim_names_what_it_rests_on(world) -> None:  # type: ignore[no-untyped-def]
    gate, train, calibration, audit = world
    facts = calibration_facts(gate, train, calibration, audit, seed=1)
    text = claim(("distance",), facts, [PlantedResult("exact", "exact", 59, 59, 0.0495)])
    assert "all 200 training patients than the 6th closest of 120 held-out patients" in text
    assert "≤ 5.0% (95%)" in text
    assert "not DP and not anonymity" in text
