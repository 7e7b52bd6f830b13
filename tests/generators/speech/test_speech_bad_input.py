"""Bad input: one clear line that names no text, and nothing lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from synthgen.errors import SynthgenError, UserError
from synthgen.generators.speech.annotations import textgrid, webvtt
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.config import GeneratorConfig
from synthgen.generators.speech.plan import plan_session
from synthgen.generators.speech.read import read_release
from synthgen.generators.speech.sampler import SpeechGenerator
from synthgen.generators.speech.text import clean
from synthgen.generators.speech.write import write_release
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.payloads.speech import Recording, SpeechCondition, SpeechSynthetic
from synthgen.records import Request

pytest.importorskip("pyworld")


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    pytest.importorskip("espeakng_loader")
    backend = Espeak.installed()
    yield backend
    backend.close()


def spoken(espeak: Espeak, scratch: Path, *turns: Turn) -> SpeechSynthetic:
    make = SpeechGenerator(lambda _: [Dialogue(turns)], espeak, GeneratorConfig(), scratch)
    return make([Request(3, SpeechCondition())])[0]


def texts(recording: Recording) -> list[str]:
    return [s.text for s in sorted((s for t in recording.tracks for s in t.segments), key=lambda s: s.turn)]


def test_an_empty_turn_is_no_dialogue() -> None:
    with pytest.raises(ValueError, match="every turn has text"):
        Dialogue((Turn("patient", " "),))


@pytest.mark.parametrize(
    "text",
    [
        '<speak>Hello <break time="60s"/> there</speak>',
        "[[h@loU]] there",
        "$(touch pwned); `id` | rm -rf / && echo hello",
        """a -- b 'c' "d" %s {0} \\n""",
        "--> 00:00:01.000 NOTE",
    ],
)
def test_what_looks_like_markup_or_a_command_is_said_and_kept(espeak: Espeak, tmp_path: Path, text: str) -> None:
    sample = spoken(espeak, tmp_path / "scratch", Turn("patient", text, "neutral"), Turn("clinician", "Yes."))
    recording = sample.payload.recordings[0]
    assert texts(recording) == [text, "Yes."] and recording.tracks[0].audio.seconds < 30
    assert not (Path.cwd() / "pwned").exists()
    (tmp_path / "release").mkdir()
    write_release(tmp_path / "release", [(0, sample)])
    assert texts(read_release(tmp_path / "release")[0].payload.recordings[0]) == [text, "Yes."]
    assert webvtt(recording).count("-->") == 2  # no cue of the text's own
    assert textgrid(recording).count("IntervalTier") == 8


def test_other_founts_and_digits_are_said(espeak: Espeak, tmp_path: Path) -> None:
    assert clean("\U0001d4d7\U0001d4ee\U0001d4fb\U0001d4ee, ٣ mg, ½ m²") == "Here, 3 mg, ½ m²"
    sample = spoken(espeak, tmp_path, Turn("patient", "\U0001d4d7\U0001d4ee\U0001d4fb\U0001d4ee, I took ٣ mg."))
    assert texts(sample.payload.recordings[0]) == ["Here, I took 3 mg."]


def test_a_turn_of_mere_signs_is_silence_and_the_others_are_kept(espeak: Espeak, tmp_path: Path) -> None:
    turns = (Turn("clinician", "Yes?"), Turn("patient", "... ?! 🙂"), Turn("clinician", "Take your time."))
    recording = spoken(espeak, tmp_path, *turns).payload.recordings[0]
    assert texts(recording) == ["Yes?", "Take your time."] and recording.tracks[1].segments == ()


def test_a_turn_that_cannot_be_said_is_named_by_its_number(espeak: Espeak, tmp_path: Path) -> None:
    with pytest.raises(SynthgenError, match="turn 2 of a session") as error:
        spoken(espeak, tmp_path, Turn("clinician", "Yes."), Turn("patient", "A" * 300))
    assert "\n" not in str(error.value) and "AAA" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_emotion_is_one_clear_line() -> None:
    turns = (Turn("clinician", "Yes."), Turn("patient", "No.", "furious"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="turn 2 of a dialogue has an unknown emotion: give one of neutral, sad"):
        plan_session(Dialogue(turns), severity="", seed=0, config=GeneratorConfig(), unit="phrase")


@pytest.mark.parametrize("values", [{"intensity": -0.5}, {"intensity": float("nan")}, {"intensity_spread": -1}])
def test_a_negative_intensity_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        GeneratorConfig(**values)


def test_intensities_stay_within_their_bounds() -> None:
    config = GeneratorConfig(intensity=0.1, intensity_spread=1)
    turns = tuple(Turn("patient", "I am here.", "sad") for _ in range(200))
    plan = plan_session(Dialogue(turns), severity="", seed=0, config=config, unit="phrase")
    assert min(t.intensity for t in plan.turns) == 0.1 and max(t.intensity for t in plan.turns) <= 2


def test_a_turn_of_ten_thousand_words_is_planned_whole() -> None:
    words = " ".join(f"word{number % 97}" for number in range(10_000))
    plan = plan_session(
        Dialogue((Turn("patient", words),)), severity="severe", seed=0, config=GeneratorConfig(), unit="phrase"
    )
    assert " ".join(phrase.text for phrase in plan.turns[0].phrases) == plan.turns[0].spoken
    assert plan.turns[0].text == words and len(plan.turns[0].spoken.split()) >= 20_000


@pytest.mark.slow
def test_a_turn_of_ten_thousand_words_is_spoken_whole(espeak: Espeak, tmp_path: Path) -> None:
    words = " ".join(["I walked there, and nobody came."] * 1667)
    segment = spoken(espeak, tmp_path, Turn("patient", words)).payload.recordings[0].tracks[1].segments[0]
    assert segment.text == words and len(segment.words) == 10_002
    assert (segment.end - segment.start) / 16_000 > 1800


@given(st.lists(st.text(min_size=1, max_size=80).filter(str.strip), min_size=1, max_size=4), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_any_text_is_planned_or_refused_in_one_line(said: list[str], seed: int) -> None:
    dialogue = Dialogue(tuple(Turn("patient", text) for text in said))
    try:
        plan = plan_session(dialogue, severity="mild", seed=seed, config=GeneratorConfig(), unit="phrase")
    except UserError as error:
        assert "\n" not in str(error)
        return
    for turn in plan.turns:
        assert turn.text == clean(said[turn.turn])
