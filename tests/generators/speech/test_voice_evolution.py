"""Voice cards as candidates: pitch is what is voted on, and nothing else of a voice follows the speakers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthgen.dp.evolution import Evolved, Voters, evolve, noisy_votes
from synthgen.errors import UserError
from synthgen.generators.speech.evolution import (
    VOICE_SETTINGS,
    VoiceCandidate,
    VoicePopulation,
    draw_card,
    pitch_of,
    read_prior,
    voice_voters,
    write_prior,
)
from synthgen.generators.speech.tracks import soundfile
from synthgen.generators.speech.voices import Person
from synthgen.payloads.speech import Audio, Recording, Speech, SpeechCondition, Track
from synthgen.records import Real

POPULATION = VoicePopulation()
CHOSEN = replace(VOICE_SETTINGS, candidates=200, children=100, refinements=1, prior=3.0)


def humming(f0: float, seconds: float = 2.0, rate: int = 16000) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(f0 * 2 ** (np.sin(2 * np.pi * 1.5 * t) / 12)) / rate
    return 0.1 * np.sum([np.sin(k * phase) / k for k in range(1, 9)], axis=0)


@pytest.mark.parametrize("f0", [100.0, 210.0])
def test_the_pitch_of_a_hum_is_heard(f0: float) -> None:
    median, spread = pitch_of(humming(f0), 16000)
    assert abs(12 * math.log2(median / f0)) < 0.5 and 0.4 < spread < 1.6


def test_silence_does_not_vote(tmp_path: Path) -> None:
    records = []
    for name, samples in (("hum", humming(120.0)), ("still", np.zeros(32000))):
        path = tmp_path / f"{name}.flac"
        soundfile().write(path, samples, 16000)
        audio = Audio(path, name, 16000, 32000)
        speech = Speech((Recording((Track("speaker", audio, ()),)),))
        records.append(Real(name, name, SpeechCondition(), speech))
    assert voice_voters(records).patients == ("hum",)


def test_low_voices_give_low_cards() -> None:
    rng = np.random.default_rng(0)
    low = [VoiceCandidate("m", float(f0), 2.0) for f0 in rng.normal(85, 3, 100)]
    voters = Voters(POPULATION.embed(low), tuple(f"p{i}" for i in range(100)), ("",) * 100)
    prior = evolve(
        POPULATION, lambda n, b: noisy_votes(voters, b, CHOSEN, 0.5, np.random.default_rng([1, n])), 0.5, CHOSEN, seed=0
    )
    cards = [draw_card(prior, seed) for seed in range(60)]
    assert np.median([card.f0_hz for card in cards]) < 105
    assert sum(card.sex == "m" for card in cards) > 45
    assert len({card.colour for card in cards}) == 60  # of nobody
    assert draw_card(prior, 3) == cards[3]


def test_a_known_sex_and_age_are_kept() -> None:
    prior = Evolved((VoiceCandidate("m", 90.0, 2.0), VoiceCandidate("f", 220.0, 2.0)), np.array([0.5, 0.5]))
    assert all(draw_card(prior, seed, person=Person(sex="f")).f0_hz > 200 for seed in range(10))
    assert draw_card(Evolved(prior.candidates[:1], np.ones(1)), 1, person=Person(sex="m", age=8.0)).f0_hz > 190


def test_variations_stay_within_what_people_have() -> None:
    drawn = POPULATION.draw(np.random.default_rng(0), 200)
    for one in POPULATION.vary(np.random.default_rng(1), drawn, 1.0):
        assert 70 <= one.f0_hz <= 340 and 1 <= one.f0_range <= 5


def test_a_prior_is_read_as_it_was_written(tmp_path: Path) -> None:
    prior = Evolved(tuple(POPULATION.draw(np.random.default_rng(0), 20)), np.full(20, 0.05))
    write_prior(tmp_path / "prior.json", prior)
    assert read_prior(tmp_path / "prior.json").candidates == prior.candidates


@pytest.mark.parametrize(("name", "value"), [("sex", "x"), ("f0_hz", 1000), ("f0_range", "wide"), ("weight", -1)])
def test_a_file_that_is_no_prior_is_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "prior.json"
    write_prior(path, Evolved((VoiceCandidate("m", 90.0, 2.0),), np.ones(1)))
    values = json.loads(path.read_text())
    values["candidates"][0][name] = value
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match="is no prior of voices"):
        read_prior(path)
