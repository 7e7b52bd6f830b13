"""Plans follow what at least five patients of a cohort share, and nothing that fewer do."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort_counts import (
    COUNTS,
    SHARED,
    PlanCounts,
    count,
    counted_conditions,
    counted_planner,
    read_counts,
    write_counts,
)
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.fit.config import FitConfig
from synthgen.generators.dialogue.fit.training import fit_generator
from synthgen.generators.dialogue.model_folder import is_bare_grammar
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.private_model import conditions_of, planner_of
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Turn
from synthgen.progress import Silent
from synthgen.records import Real

COUGH = (
    "I've had a cough for weeks, with phlegm, and a fever at night. I cough up rusty phlegm, I'm breathless, and "
    "it stabs when I breathe in. I took a cough syrup with honey and lemon."
)
ALONE = "I restore church organs in Zanzibar"


def record(number: int, disorder: str = "", turns: int = 50, text: str = COUGH) -> DialogueReal:
    said = tuple(Turn("clinician" if i % 2 == 0 else "patient", text) for i in range(turns))
    condition = DialogueCondition("", disorder)
    return Real(f"p{number}", f"r{number}", condition, Dialogue(said))


def cohort() -> list[DialogueReal]:
    return [
        *(record(n, "asthma") for n in range(13)),
        *(record(n, "panic", turns=25) for n in range(20, 29)),
        *(record(n, "rash", text=ALONE) for n in range(30, 34)),  # four patients
        *(record(n) for n in range(40, 46)),
    ]


def test_counts_are_shared_by_five_and_written_down_to_the_five_below() -> None:
    counts = count(cohort())
    assert counts.subjects == {"asthma": 10, "panic": 5, "cough": 5}  # a cough is known by its words
    assert counts.lengths == {"20": 5, "45": 20}


def test_one_patient_makes_no_count_however_many_records() -> None:
    many = [Real("one", f"r{i}", DialogueCondition("", "rash"), record(0).payload) for i in range(50)]
    assert count(many) == PlanCounts({}, {})


@pytest.mark.parametrize("left_out", range(32))
def test_without_any_one_patient_a_count_changes_by_one_step_at_most(left_out: int) -> None:
    whole, less = count(cohort()), count(cohort()[:left_out] + cohort()[left_out + 1 :])
    for all_of, without in ((whole.subjects, less.subjects), (whole.lengths, less.lengths)):
        assert all(0 <= n - without.get(key, 0) <= SHARED for key, n in all_of.items())
        assert set(without) <= set(all_of)


def test_plans_follow_the_counts() -> None:
    counts = PlanCounts({"asthma": 30, "cough": 10, "panic": 10}, {"20": 40, "95": 10})
    config = PlanConfig(sessions=1)
    condition, plan = counted_conditions(counts, config), counted_planner(counts, config)
    drawn = [condition(slot, 0) for slot in range(300)]
    found = Counter(one.disorder for one in drawn)
    assert set(found) == {"asthma", "cough", "panic"}
    assert 0.5 < found["asthma"] / 300 < 0.7 and 0.13 < found["panic"] / 300 < 0.28
    lengths = [plan(one).sessions[0].turns[0] for one in drawn[:60]]
    assert 0.65 < sum(n < 45 for n in lengths) / 60 < 0.95


def test_nothing_shared_leaves_the_plans_as_configured() -> None:
    config = PlanConfig(sessions=1)
    condition = counted_conditions(PlanCounts({}, {}), config)
    assert len({condition(slot, 0).disorder for slot in range(200)}) > 15


def test_a_model_holds_counts_and_no_word(tmp_path: Path) -> None:
    config = GeneratorConfig(follow_cohort=True, plan=PlanConfig(sessions=1))
    fit_generator(cohort(), config, FitConfig(), tmp_path / "model", seed=0, progress=Silent())
    folder = tmp_path / "model"
    assert read_counts(folder / COUNTS) == count(cohort())
    assert all("Zanzibar" not in path.read_text() and "rash" not in path.read_text() for path in folder.iterdir())
    assert is_bare_grammar(folder)
    drawn = conditions_of(folder, config.plan)(0, 0)
    assert drawn.disorder in {"asthma", "cough", "panic"}
    assert planner_of(folder, config.plan)(drawn).patient.disorder == drawn.disorder


def test_counts_round_trip_and_nothing_else_is_read(tmp_path: Path) -> None:
    counts = count(cohort())
    write_counts(tmp_path / COUNTS, counts)
    assert read_counts(tmp_path / COUNTS) == counts
    for held in (
        {"subjects": {"asthma": 7}, "lengths": {}},
        {"subjects": {ALONE: 10}, "lengths": {}},
        {"subjects": {}, "lengths": {"50": 10}},
        {"subjects": {"asthma": True}, "lengths": {}},
        [],
    ):
        text = json.dumps({"format": "synthgen-plan-counts-1", **held} if isinstance(held, dict) else held)
        (tmp_path / COUNTS).write_text(text)
        with pytest.raises(UserError, match="no counts of plans"):
            read_counts(tmp_path / COUNTS)


def test_the_papers_say_that_nothing_was_read_beyond_counts(tmp_path: Path) -> None:
    from synthgen.modalities.dialogue.binding import DIALOGUE
    from synthgen.modalities.dialogue.settings import DialogueConfig
    from synthgen.release import words
    from synthgen.report import Provenance

    config = DialogueConfig.model_validate({"generator": {"follow_cohort": True, "plan": {"sessions": 1}}})
    fit_generator(cohort(), config.generator, FitConfig(), tmp_path / "model", seed=0, progress=Silent())
    generator = DIALOGUE.generator
    counts, said = generator.counts(tmp_path / "model", config), generator.describe(tmp_path / "model", config)
    assert "shared by 5 patients" in counts and f"counts of the cohort ({counts})" in said
    assert "no transcript was read beyond them" in said
    assert not generator.reads_cohort(tmp_path / "model")
    paper = Provenance("1", "cpu", "c0ffee", "decaf", "cohort", "", said, reads_cohort=False, counts=counts)
    assert "beyond counts" in words.whose_records(paper) and "beyond counts" in words.collection(paper)
    assert "beyond counts" in words.source_label(paper)
    plain = Provenance("1", "cpu", "c0ffee", "decaf", "cohort", "", "a grammar", reads_cohort=False)
    assert "counts" not in words.whose_records(plain) + words.collection(plain) + words.source_label(plain)
    assert generator.counts(tmp_path / "model", DialogueConfig()) == counts  # what a model follows it follows anywhere
