"""Voice cards: seeded, spread, within the prior, and apart from each other."""

import numpy as np

from synthgen.generators.speech.sampler import cards
from synthgen.generators.speech.voices import COLOURS, WARPS, draw_voice


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
