"""Voice cards: seeded, spread, within the prior, and apart from each other."""

import numpy as np
import pytest
from pydantic import ValidationError

from synthgen.generators.dialogue.plan.config import THERAPY, PlanConfig
from synthgen.generators.dialogue.sampler import planner
from synthgen.generators.speech.conditions import ConditionConfig, condition_sampler
from synthgen.generators.speech.sampler import cards
from synthgen.generators.speech.voices import COLOURS, WARPS, draw_voice
from synthgen.modalities.dialogue.types import DialogueCondition


def test_a_card_depends_on_its_seed_and_role_alone() -> None:
    assert draw_voice(7, "patient") == draw_voice(7, "patient")
    assert len({draw_voice(seed, role) for seed in range(100) for role in ("patient", "clinician")}) == 200


def test_two_hundred_cards_spread_over_the_prior() -> None:
    drawn = [draw_voice(seed, "patient") for seed in range(200)]
    for sex, low, high in (("f", 150, 260), ("m", 80, 170)):
        f0 = np.array([card.f0_hz for card in drawn if card.sex == sex])
        assert len(f0) > 70 and low <= f0.min() and f0.max() <= high and f0.std() > 12
    assert np.std([card.tract for card in drawn]) > 0.04
    assert len({card.variant for card in drawn}) >= 12
    assert all(len(card.colour) == COLOURS and len(card.warp) == WARPS for card in drawn)
    assert all(0 <= card.breathiness < 1 and 0.8 < card.rate < 1.2 for card in drawn)


def test_patient_and_clinician_differ_and_a_language_is_kept() -> None:
    voices = cards(3, "de")
    assert len(set(voices.values())) == 3
    assert {card.language for card in voices.values()} == {"de"}
    assert {draw_voice(seed, "patient").language for seed in range(50)} >= {"en-us", "en-gb"}


@pytest.mark.parametrize("run_seed", [0, 1, 2**62])
def test_conditions_are_by_slot_and_seed(run_seed: int) -> None:
    draw = condition_sampler(ConditionConfig(sessions=3))
    found = [draw(slot, run_seed) for slot in range(60)]
    assert found == [draw(slot, run_seed) for slot in range(60)]
    assert [c.case for c in found] == list(range(60)) and len({c.case_seed for c in found}) == 60
    assert {c.severity for c in found} == {"mild", "moderate", "severe"} and {c.sessions for c in found} == {3}
    assert draw(0, run_seed).case_seed != draw(0, run_seed + 1).case_seed


@pytest.mark.parametrize("setting", ["therapy", "visit"])
def test_every_condition_can_be_planned_as_a_dialogue(setting: str) -> None:
    every = ("mild", "moderate", "moderately severe", "severe")
    draw = condition_sampler(ConditionConfig(setting=setting, severities=every, sessions=4))  # type: ignore[arg-type]
    plan = planner(PlanConfig(sessions=4))
    found = [draw(slot, 3) for slot in range(120)]
    assert setting != "therapy" or {c.disorder for c in found} == set(THERAPY)
    for condition in found:
        wanted = DialogueCondition(setting, condition.disorder, condition.severity, 1, 4, 0, condition.case_seed)  # type: ignore[arg-type]
        assert len(plan(wanted).sessions) == 4


@pytest.mark.parametrize(
    "values",
    [{"disorders": ("boredom",)}, {"disorders": ("cough",)}, {"severities": ("moderately severe",)}, {"sessions": 0}],
)
def test_what_cannot_be_planned_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConditionConfig(setting="therapy", **values)  # type: ignore[arg-type]
