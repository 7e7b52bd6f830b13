"""Voice cards: seeded, spread, within the prior, apart from each other, and of the sex and age that is asked for."""

import numpy as np
import pytest

from synthgen.generators.speech.sampler import cards
from synthgen.generators.speech.voices import COLOURS, WARPS, Person, draw_voice, person_of


def test_a_card_depends_on_its_seed_and_role_alone() -> None:
    assert draw_voice(7, "patient") == draw_voice(7, "patient")
    assert len({draw_voice(seed, role) for seed in range(100) for role in ("patient", "clinician")}) == 200


def test_two_hundred_cards_spread_over_the_prior() -> None:
    drawn = [draw_voice(seed, "patient") for seed in range(200)]
    for sex, low, high in (("f", 165, 255), ("m", 80, 155)):
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
    assert {draw_voice(seed, "patient").language for seed in range(50)} == {"en-us"}  # what espeak is understood in


@pytest.mark.field("spoken text", "read")
@pytest.mark.parametrize(
    ("labels", "person"),
    [
        ({"sex": "female", "age_band": "30-39"}, Person("f", 35)),
        ({"sex": "male", "age_band": "80+"}, Person("m", 85)),
        ({"Gender": "W", "Alter": 67}, Person("f", 67)),
        ({"patient_gender": "Mann", "age": "45 years"}, Person("m", 45)),
        ({"sex": "diverse", "age_group": ""}, Person(None, None)),
        ({"age": 2024}, Person(None, None)),
        ({}, Person()),
    ],
)
def test_a_person_is_read_from_the_labels_of_a_session(labels: dict[str, object], person: Person) -> None:
    assert person_of(labels) == person


@pytest.mark.parametrize("age", [None, 20, 35, 50, 67, 85])
def test_a_voice_is_of_the_sex_that_is_asked_for(age: float | None) -> None:
    women = [cards(seed, "en", Person("f", age))["patient"] for seed in range(60)]
    men = [cards(seed, "en", Person("m", age))["patient"] for seed in range(60)]
    assert {card.sex for card in women} == {"f"} and {card.sex for card in men} == {"m"}
    assert min(card.f0_hz for card in women) > 160 > max(card.f0_hz for card in men)
    assert len({card.f0_hz for card in women}) > 50


def test_age_shows_in_the_voice() -> None:
    def median(sex: str, age: float, field: str) -> float:
        return float(np.median([getattr(draw_voice(s, "patient", "en", Person(sex, age)), field) for s in range(200)]))  # type: ignore[arg-type]

    assert median("f", 75, "f0_hz") < median("f", 25, "f0_hz") - 10
    assert median("m", 85, "f0_hz") > median("m", 40, "f0_hz") + 8
    assert median("f", 8, "f0_hz") > 240 and median("m", 8, "tract") < 0.9
    assert median("f", 85, "jitter") > median("f", 30, "jitter") and median("f", 85, "rate") < median("f", 30, "rate")


def test_the_clinician_does_not_take_the_patients_sex_or_age() -> None:
    for person in (Person("f", 30), Person("m", 80)):
        assert cards(5, "en", person)["clinician"] == cards(5, "en")["clinician"]
