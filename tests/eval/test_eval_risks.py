"""Singling out, linkability and inference: copies are found, honest releases are not, and what is unknown stays so."""

from __future__ import annotations

import numpy as np
import pytest

from synthgen.estimates import NotMeasurableError
from synthgen.eval import battery, risks, singling_out
from synthgen.eval.known import Known, Row, features, gower, halved, subgroups, tables
from synthgen.eval.risks import Outcomes, Rows, Tables, joined
from synthgen.eval.subgroups import FLOOR, Read, Scored, of_privacy, of_use, together
from synthgen.progress import Silent
from synthgen.records import Cohort, Real
from synthgen.risks import Risk


def people(count: int, rng: np.random.Generator) -> list[Row]:
    rows: list[Row] = []
    for a, b, c in rng.normal(size=(count, 3)):
        sex, view = ("F" if rng.random() < 0.5 else "M"), ("AP" if a > 0 else "PA")
        rows.append({"age": round(50 + 15 * a), "weight": round(70 + 9 * b, 2), "rate": c, "sex": sex, "view": view})
    return rows


def drawn(share: float, seed: int, t: int = 200, e: int = 200, s: int = 200) -> Tables:
    rng = np.random.default_rng(seed)
    train, audit, release, reference = (people(n, rng) for n in (t, e, s, e))
    release[: int(share * s)] = train[: int(share * s)]
    return Tables(*tables(release, train, audit, reference))


def by_attack(found: Tables, seed: int = 0) -> dict[str, Risk]:
    owners = (
        [f"t{i}" for i in range(len(found.members))],
        [f"e{i}" for i in range(len(found.others))],
    )
    made = risks.on_each_person(found, (), owners, (), seed=seed, progress=Silent())
    both = [*risks.singling(found, (), seed=seed, progress=Silent()), *(one.risk for one in made)]
    return {f"{one.kind}, {one.attack}": one for one in both}


@pytest.mark.parametrize("seed", [0, 1])
def test_a_copied_release_singles_out_links_and_gives_away(seed: int) -> None:
    for name, found in by_attack(drawn(1.0, seed), seed).items():
        assert found.risk.ci95[0] > 0.09, name
    told = by_attack(drawn(1.0, seed), seed)
    assert told["singling_out, several attributes"].success.value == 1
    assert told["linkability, halves of the attributes"].risk.value > 0.95


def test_honest_releases_show_no_risk() -> None:
    above: dict[str, int] = {}
    for seed in range(6):
        for name, one in by_attack(drawn(0.0, seed, 200, 60, 120), seed).items():
            above[name] = above.get(name, 0) + (one.risk.ci95[0] > 0)
    assert len(above) == 8 and sum(above.values()) <= 3, above


def test_a_tenth_of_copies_is_seen_by_linking() -> None:
    found = by_attack(drawn(0.1, 0))["linkability, halves of the attributes"]
    assert 0.05 < found.risk.value < 0.15 and found.risk.ci95[0] > 0
    assert found.naive.value == pytest.approx(1 / 200)


def test_predicates_isolate_one_sample_each_and_are_drawn_once() -> None:
    release = drawn(0.0, 3).release
    for draw in (singling_out.of_one_attribute, singling_out.of_several):
        found = draw(release, 60, np.random.default_rng(0))
        assert len(found) == len(set(found)) == 60
        assert (singling_out.holds(found, release).sum(axis=1) == 1).all()


def test_a_control_of_fewer_people_is_scaled_to_as_many() -> None:
    """Predicates of known weight: the chance to isolate one of n is n w (1 − w)^(n − 1)."""
    rng = np.random.default_rng(0)
    weights = rng.beta(0.8, 60, size=3000)
    for m, n in ((75, 300), (100, 150)):
        truly = (n * weights * (1 - weights) ** (n - 1)).mean() / (m * weights * (1 - weights) ** (m - 1)).mean()
        assert singling_out.size_ratio(rng.binomial(m, weights), m, n) == pytest.approx(truly, rel=0.15)
    assert singling_out.size_ratio(np.zeros(50, dtype=np.intp), 20, 60) == 3


def test_a_ball_round_a_sample_finds_its_original_and_nobody_else() -> None:
    rng = np.random.default_rng(1)
    t, e, c, s = (rng.normal(size=(n, 12)) for n in (120, 60, 60, 80))
    copied = singling_out.near_a_sample(t[:80] + 0.01 * rng.normal(size=(80, 12)), t, e, c, seed=0)
    assert copied.success.value > 0.95 and copied.control.value < 0.1 and copied.naive.value < 0.1
    assert singling_out.near_a_sample(s, t, e, c, seed=0).risk.ci95[0] <= 0
    with pytest.raises(NotMeasurableError, match="patients of C"):
        singling_out.near_a_sample(s, t, e, c[:0], seed=0)


def test_equally_near_samples_share_the_chance_of_a_link() -> None:
    first, second = np.array([[0.0, 0, 1], [0, 1, 1]]), np.array([[0.0, 1, 0], [1, 0, 1]])
    assert joined(first, second).tolist() == [0.25, 0.0]


def test_whoever_was_not_attacked_counts_nowhere() -> None:
    made = Outcomes(
        "inference", "sex", np.array([1, np.nan, 0, 1]), np.array([0.0, np.nan]), np.array([0, np.nan, 0, 1])
    )
    assert (made.risk.success.n, made.risk.control.n, made.risk.risk.value) == (3, 1, pytest.approx(2 / 3))
    with pytest.raises(NotMeasurableError):
        _ = made.of(np.array([False, True, False, False]), np.array([True, True])).risk


def test_a_table_knows_numbers_words_lists_and_what_is_unknown() -> None:
    first: list[Row] = [{"age": 40, "finding": ["Mass"], "sex": "F", "site": "a", "flag": True}]
    second: list[Row] = [{"age": None, "finding": [], "sex": "", "site": "a", "flag": False}, {"age": 85, "sex": "M"}]
    a, b = tables(first, second)
    assert a.names == b.names == ("age", "finding: Mass", "sex", "flag")  # every site is the same
    assert np.isnan(b["age"][0]) and b["sex"].tolist() == ["", "M"] and b["finding: Mass"].tolist() == ["no", "no"]
    assert halved(b["age"], 50.0).tolist() == ["", "over 50"]
    told = {facet: groups.tolist() for facet, groups in subgroups(b)}
    assert told["age"] == ["", "80 and over"] and told["finding"] == ["", ""] and told["sex"] == ["", "M"]
    assert all(np.isfinite(x).all() for x in features(a, b))


def test_distances_after_gower() -> None:
    a, b = tables([{"x": 0.0, "sex": "F"}], [{"x": 4.0, "sex": "F"}, {"x": 1.0, "sex": ""}, {"x": None, "sex": "M"}])
    assert gower(a, b).tolist() == [[1.0, 1.25, 2.0]]


def test_records_without_anything_in_common_are_not_attacked() -> None:
    heard: list[str] = []

    class Told(Silent):
        def say(self, line: str) -> None:
            heard.append(line)

    empty = Tables(*(Known((), ()) for _ in range(4)))
    assert not list(risks.on_each_person(empty, (), ((), ()), (), seed=0, progress=Told()))
    assert heard == [
        "linked by attributes is not measured: linkability needs two attributes, 8 samples and 8 people on each side"
    ]


def test_groups_have_a_floor_the_worst_stands_first_and_a_secret_is_no_group_of_its_own() -> None:
    rng = np.random.default_rng(0)
    sex = np.array(["F"] * 60 + ["M"] * 60 + ["X"] * (FLOOR - 1))
    known = Known(("sex",), (sex,))
    hit = np.where(sex == "F", rng.random(len(sex)) < 0.8, rng.random(len(sex)) < 0.2).astype(float)
    none, naive = (rng.random(len(sex)) < 0.2).astype(float), np.zeros(len(sex))
    made = [Outcomes("linkability", "halves", hit, none, naive), Outcomes("inference", "sex", hit, none, naive)]
    scored = [Scored("membership_auc", np.where(sex == "M", 1.0, 0.0) + 0.1 * naive, none)]
    found = of_privacy(known, known, made, scored, seed=0)
    assert found.hidden == 1 and {one.group for one in found.figures} == {"F", "M"}
    assert not [one for one in found.figures if one.estimate.metric.startswith("inference")]
    worst = found.worst(use=False)
    assert worst is not None and worst.worse_by == max(one.worse_by for one in found.figures)


def test_use_by_group_counts_patients_and_not_images() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((160, 1)) < 0.5
    women = np.arange(160) < 80
    scores = np.where(women[:, None], rng.normal(size=(160, 1)), truth + 0.1 * rng.normal(size=(160, 1)))[None]
    known = Known(("sex",), (np.where(women, "F", "M"),), tuple(f"p{i // 2}" for i in range(160)))
    found = of_use(Read("tstr_auc_macro", truth, ("Mass",), scores, known), seed=0)
    assert [(one.group, one.estimate.n) for one in found.figures] == [("F", 40), ("M", 40)]
    assert found.figures[0].estimate.value < 0.7 < found.figures[1].estimate.value
    few = Known(("sex",), (np.where(women, "F", "M"),), tuple(f"p{i // 20}" for i in range(160)))
    assert of_use(Read("tstr_auc_macro", truth, ("Mass",), scores, few), seed=0).hidden == 2
    assert together((found, found)).count(use=True) == 4


def test_rows_of_a_cohort_are_enough_for_a_modality_of_ones_own() -> None:
    rng = np.random.default_rng(0)
    parts = [tuple(Real(f"{name}{i}", "r", 0, row) for i, row in enumerate(people(60, rng))) for name in "tce"]
    cohort = Cohort(*parts, "CC0", "0")
    copied = [record.payload for record in cohort.train]
    found = battery.exposure_of_rows(copied, cohort, lambda r: r.payload, seed=0, progress=Silent())
    assert {one.kind for one in found.risks} == {"singling_out", "linkability", "inference"}
    assert found.subgroups.floor == FLOOR and found.subgroups.figures
    without = Cohort(cohort.train, cohort.calibration, (), "CC0", "0")
    assert not battery.exposure_of_rows(copied, without, lambda r: r.payload, seed=0, progress=Silent()).risks


def test_attributes_are_joined_to_what_an_embedding_shows() -> None:
    found, rng = drawn(1.0, 5), np.random.default_rng(5)
    t, e = rng.normal(size=(2, 200, 8))
    space = Rows("pixels", t + 0.01, t, e, e)
    made = risks.linked_to_embedding(found, space).risk
    assert made.success.value > 0.9 and made.control.value < 0.1
