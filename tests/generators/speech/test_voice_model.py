"""Speech with a private prior: patients speak at the pitch that speakers voted for, and the model says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthgen.dp.ballots import votes_drawn
from synthgen.generators.speech.config import SpeakingConfig
from synthgen.generators.speech.evolution import NEAR, VoicePopulation, speech_features
from synthgen.generators.speech.model_folder import PRIOR, holds_prior, model_digest, reads_cohort
from synthgen.generators.speech.private_model import events, fit_prior, voice_of
from synthgen.generators.speech.sampler import card_of, cards
from synthgen.generators.speech.tracks import soundfile
from synthgen.generators.speech.voices import Person
from synthgen.modalities.speech.binding import SPEECH
from synthgen.modalities.speech.settings import SpeechConfig
from synthgen.payloads.speech import Audio, Recording, Speech, SpeechCondition, SpeechReal, Track
from synthgen.progress import Silent
from synthgen.records import Real

pytest.importorskip("espeakng_loader")
RATE = 16000


def hum(folder: Path, f0: float) -> Speech:
    t = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(f0 * 2 ** (np.sin(2 * np.pi * 1.5 * t) / 12)) / RATE
    path = folder / f"{f0:.2f}.flac"
    soundfile().write(path, 0.1 * np.sum([np.sin(k * phase) / k for k in range(1, 9)], axis=0), RATE)
    return Speech((Recording((Track("speaker", Audio(path, path.name, RATE, 2 * RATE), ()),)),))


@pytest.fixture(scope="module")
def low(tmp_path_factory: pytest.TempPathFactory) -> list[SpeechReal]:
    folder = tmp_path_factory.mktemp("low")
    heard = [hum(folder, float(f0)) for f0 in np.linspace(80, 90, 40)]
    return [Real(f"p{i}", f"r{i}", SpeechCondition(), speech) for i, speech in enumerate(heard)]


@pytest.fixture(scope="module")
def model(low: list[SpeechReal], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    fit_prior(low, events(8.0, 1e-3, 40), SpeakingConfig(), folder, 1, Silent())
    return folder


def test_patients_speak_at_the_pitch_that_was_voted_for_and_nobody_else_does(model: Path) -> None:
    spoken = [cards(seed, "en", voice=voice_of(model)) for seed in range(40)]
    assert np.median([voices["patient"].f0_hz for voices in spoken]) < 105
    assert [voices["clinician"] for voices in spoken] == [cards(seed, "en")["clinician"] for seed in range(40)]
    assert len({voices["patient"].colour for voices in spoken}) == 40


def test_a_fit_that_is_finished_is_left_alone_and_goes_on_from_its_votes(low: list[SpeechReal], model: Path) -> None:
    digest = model_digest(model)
    (model / PRIOR).unlink()
    assert not holds_prior(model) and votes_drawn(model) == 1
    for _ in range(2):
        fit_prior(low, events(8.0, 1e-3, 40), SpeakingConfig(), model, 1, Silent())
        assert model_digest(model) == digest


def test_a_model_with_a_prior_has_heard_patients_and_says_so(model: Path, tmp_path: Path) -> None:
    assert reads_cohort(model)
    assert "whose pitch patients voted on privately" in SPEECH.generator.describe(model, SpeechConfig())
    SPEECH.generator.fit((), SpeechConfig(), tmp_path / "plain", 0, Silent())
    assert not reads_cohort(tmp_path / "plain") and voice_of(tmp_path / "plain") is card_of
    assert card_of(3, "en", Person()) == cards(3, "en")["patient"]


def test_there_is_a_private_fit_where_nothing_else_may_have_heard_a_patient() -> None:
    (way,) = SPEECH.generator.private_fits(SpeechConfig())
    assert way.method == "evolution" and "pitch" in way.mechanism
    given = SpeechConfig.model_validate({"generator": {"dialogues": "mine.jsonl"}})
    assert SPEECH.generator.private_fits(given) == ()


def test_a_voice_is_explained_by_those_of_its_pitch(low: list[SpeechReal], tmp_path: Path) -> None:
    space = SPEECH.generator.public_space(SpeechConfig())
    assert space is not None and space.share == NEAR
    features = space.features([low[0].payload, low[1].payload, hum(tmp_path, 200.0)])
    assert np.linalg.norm(features[0] - features[1]) < space.radius(NEAR) < np.linalg.norm(features[0] - features[2])
    assert VoicePopulation().embed(VoicePopulation().draw(np.random.default_rng(0), 3)).shape == (3, 2)


def test_silence_has_no_features(tmp_path: Path) -> None:
    soundfile().write(tmp_path / "still.flac", np.zeros(RATE), RATE)
    audio = Audio(tmp_path / "still.flac", "still", RATE, RATE)
    still = Speech((Recording((Track("speaker", audio, ()),)),))
    assert np.isnan(speech_features([still])).any()
