"""Planning: what is said is divided without loss, and severity shows in the pauses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.errors import UserError
from synthgen.generators.speech.config import GeneratorConfig, TimingConfig
from synthgen.generators.speech.emotions import MANNERS, infer_emotion
from synthgen.generators.speech.plan import SessionPlan, plan_session
from synthgen.generators.speech.text import LONGEST_WORDS, check_script, clean, divide, is_speakable
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import EMOTIONS

LONG = "I wake up early, and then I lie there; nothing helps. My sister called, but I did not answer. " * 3


def plan(*turns: Turn, severity: str = "", seed: int = 0, **timing: float) -> SessionPlan:
    config = GeneratorConfig(timing=TimingConfig(**timing))
    return plan_session(Dialogue(turns), severity=severity, seed=seed, config=config, unit="phrase")


@given(st.text(max_size=400), st.sampled_from(["phrase", "sentence"]))
@settings(max_examples=300, deadline=None)
def test_every_word_is_in_exactly_one_unit(text: str, unit: str) -> None:
    cleaned = clean(text)
    units = divide(cleaned, unit)  # type: ignore[arg-type]

    def letters(said: str) -> str:
        return "".join(character for character in said if character.isalnum())

    assert "".join(letters(u.text) for u in units) == letters(cleaned)
    assert all(is_speakable(u.text) and len(u.text.split()) <= LONGEST_WORDS + 1 for u in units)


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    units = divide("Dr. Miller gave me 1,500 mg, e.g. in the morning. It was 3.5 too much!", "sentence")
    assert [u.text for u in units] == [
        "Dr. Miller gave me 1,500 mg, e.g. in the morning.",
        "It was 3.5 too much!",
    ]


def test_a_turn_of_ten_thousand_words_comes_in_bounded_pieces() -> None:
    units = divide("word " * 10_000, "sentence")
    assert sum(len(u.text.split()) for u in units) == 10_000
    assert max(len(u.text.split()) for u in units) <= LONGEST_WORDS


def test_other_scripts_are_refused_in_one_line_without_the_text() -> None:
    check_script("¿Cómo está? Ça va, Zoë, 5 µg", "en-us")
    check_script("Привет", "ru")
    for text in ("Привет, как дела", "你好世界", "مرحبا", "γειά σου"):
        with pytest.raises(UserError) as error:
            plan(Turn("patient", text))
        assert text.split()[0] not in str(error.value) and "\n" not in str(error.value)


def test_punctuation_alone_is_silence_and_a_session_of_it_an_error() -> None:
    turns = plan(Turn("clinician", "Hello."), Turn("patient", "... !?"), Turn("clinician", "Yes.")).turns
    assert [turn.turn for turn in turns] == [0, 2]
    with pytest.raises(UserError, match="no word"):
        plan(Turn("patient", "…"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pauses_lengthen_and_spread_with_severity_and_tempo_falls(seed: int) -> None:
    pauses, spreads, rates = [], [], []
    for severity in ("minimal", "moderate", "severe"):
        turns = plan(*[Turn("patient", LONG, "neutral")] * 40, severity=severity, seed=seed).turns
        found = np.array([p.pause for t in turns for p in t.phrases if p.pause])
        pauses.append(found.mean())
        spreads.append(found.std())
        rates.append(np.mean([t.manner.rate for t in turns]))
    assert pauses[0] < pauses[1] < pauses[2]
    assert spreads[0] < spreads[1] < spreads[2]
    assert rates[0] > rates[1] > rates[2]


def test_severity_is_the_patients_alone_and_leaves_pitch_be() -> None:
    healthy, ill = (
        plan(Turn("clinician", LONG, "sad"), Turn("patient", LONG, "sad"), severity=severity)
        for severity in ("", "severe")
    )
    assert healthy.turns[0].phrases == ill.turns[0].phrases
    assert healthy.turns[1].phrases != ill.turns[1].phrases
    assert healthy.turns[1].manner.f0_range == ill.turns[1].manner.f0_range
    assert healthy.turns[1].manner.f0 == ill.turns[1].manner.f0


def test_a_turn_does_not_depend_on_those_before_it() -> None:
    first = plan(Turn("clinician", "Hello there."), Turn("patient", LONG, "sad"), seed=4).turns[1]
    second = plan(Turn("clinician", "How have you been, then?"), Turn("patient", LONG, "sad"), seed=4).turns[1]
    assert first == second


def test_overlaps_and_backchannels_come_at_their_rates() -> None:
    turns = [Turn("clinician", "And then?", "neutral"), Turn("patient", LONG, "angry")] * 100
    many = plan(*turns, overlap=0.3, backchannel=0.5).turns
    none = plan(*turns, overlap=0, backchannel=0).turns
    assert 0.2 < np.mean([t.latency < 0 for t in many]) < 0.4
    assert 0.35 < np.mean([t.backchannel is not None for t in many if t.role == "patient"]) < 0.65
    assert all(t.latency > 0 and t.backchannel is None for t in none)
    assert all(t.backchannel is None for t in many if t.role == "clinician")


def test_labels_are_kept_and_unlabelled_turns_inferred() -> None:
    turns = plan(Turn("patient", "I am so happy.", "sad"), Turn("patient", "I am so happy and glad.")).turns
    assert [t.emotion for t in turns] == ["sad", "happy"]
    assert infer_emotion("I feel worthless and empty") == "depressed"
    assert infer_emotion("I'm not happy") == "neutral"
    assert infer_emotion("The chair is blue") == "neutral"


def test_a_mood_outlasts_the_words_that_tell_it_and_fades() -> None:
    turns = [
        Turn("patient", "I cried.", "sad"),
        Turn("patient", "The chair is blue."),
        Turn("clinician", "I see."),
    ] * 60
    found = plan(*turns).turns
    after = found[1::3]
    kept = [turn for turn in after if turn.emotion == "sad"]
    assert {turn.emotion for turn in after} == {"sad", "neutral"} and 0.4 < len(kept) / len(after) < 0.8
    assert np.mean([t.intensity for t in kept]) < 0.8 * np.mean([t.intensity for t in found[::3]])
    assert {turn.emotion for turn in found[2::3]} == {"neutral"}


def test_no_mood_follows_a_label_of_neutral() -> None:
    turns = [Turn("patient", "I cried.", "sad"), Turn("patient", "The chair is blue.", "neutral")] * 20
    assert {turn.emotion for turn in plan(*turns).turns[1::2]} == {"neutral"}


@given(st.sampled_from(EMOTIONS), st.floats(0, 2))
def test_intensity_scales_towards_neutral(emotion: str, intensity: float) -> None:
    manner = MANNERS[emotion].at(intensity)  # type: ignore[index]
    full = MANNERS[emotion]  # type: ignore[index]
    assert np.isclose(np.log(manner.f0), intensity * np.log(full.f0), atol=1e-9)
    assert np.isclose(manner.gain, intensity * full.gain)
    assert MANNERS[emotion].at(0) == MANNERS["neutral"]  # type: ignore[index]


@pytest.mark.parametrize("intensity", [-0.1, 2.1, float("nan")])
def test_an_impossible_intensity_is_refused(intensity: float) -> None:
    with pytest.raises(ValueError, match="intensity must be in"):
        MANNERS["sad"].at(intensity)
