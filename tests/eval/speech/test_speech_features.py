"""What is measured of signals that were made to measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from speech_signals import keep, session, track, vowel

from synthgen.estimates import NotMeasurableError
from synthgen.eval.speech.diarisation import Span, diarisation_errors
from synthgen.eval.speech.features import NAMES, Acoustics, Measured, acoustics, timbre
from synthgen.eval.speech.intelligibility import words
from synthgen.eval.speech.records import RATE, SpeakerTrack, Turn, Voices, read, some_turns, sound_of
from synthgen.eval.speech.timing import latencies, pitch_correlation, severity_in_pauses
from synthgen.payloads.speech import Audio, Segment, Track
from synthgen.pretrained.recogniser import word_errors


def measured(samples: np.ndarray) -> Acoustics:
    found = acoustics(samples.astype(np.float32))
    assert found is not None
    return found


@pytest.mark.parametrize("hz", [90.0, 140.0, 220.0, 330.0])
def test_f0_is_found(hz: float) -> None:
    assert measured(vowel(hz, 2.0)).f0 == pytest.approx(12 * np.log2(hz / 100), abs=0.4)


@pytest.mark.parametrize("syllables", [2.0, 4.0, 6.0])
def test_syllables_are_counted(syllables: float) -> None:
    found = measured(vowel(150, 3.0, syllables=syllables))
    assert found.rate * 3.0 * (1 - found.pause_share) == pytest.approx(3 * syllables, abs=1.5)


def test_level_follows_gain_and_nothing_else_does() -> None:
    sound = vowel(150, 2.0, noise=0.001)
    loud, soft = measured(sound), measured(sound / 4)
    assert loud.level - soft.level == pytest.approx(20 * np.log10(4), abs=0.1)
    for name in ("f0", "rate", "tilt", "tilt_high", "pause_share"):
        assert getattr(loud, name) == pytest.approx(getattr(soft, name), abs=0.1), name


def test_tilt_follows_a_filter() -> None:
    sound = vowel(150, 2.0, noise=0.01)
    dark = signal.sosfilt(signal.butter(2, 1000, fs=RATE, output="sos"), sound)
    assert measured(sound).tilt - measured(dark).tilt > 6


def test_pauses_are_measured() -> None:
    talk, silence = vowel(150, 1.0), np.zeros(RATE // 2, np.float32)
    found = measured(np.concatenate([talk, silence, talk, silence, talk]))
    assert found.pause_mean == pytest.approx(0.5, abs=0.12)
    assert found.pause_share == pytest.approx(1.0 / 4.0, abs=0.07)
    assert measured(talk).pause_share < 0.1


def test_noise_lowers_harmonicity_and_wobble_raises_jitter() -> None:
    clean, noisy = vowel(150, 2.0, noise=0.0005), vowel(150, 2.0, noise=0.05)
    assert measured(clean).hnr > measured(noisy).hnr + 5
    rng = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    wobble = np.repeat(rng.normal(0, 3.0, 200), RATE // 100)
    shaken = np.sign(np.sin(2 * np.pi * np.cumsum(150 + wobble) / RATE)) * (0.2 + 0.1 * np.cos(8 * np.pi * t))
    steady = np.sign(np.sin(2 * np.pi * 150 * t)) * (0.2 + 0.1 * np.cos(8 * np.pi * t))
    assert measured(shaken).jitter > 2 * measured(steady).jitter


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(RATE), np.full(RATE, 0.5), np.random.default_rng(0).normal(0, 0.1, 400)],
    ids=["empty", "silent", "constant", "short"],
)
def test_what_has_no_voice_in_it_is_not_measured(samples: np.ndarray) -> None:
    assert acoustics(samples.astype(np.float32)) is None


def test_every_measure_is_finite_for_any_noise() -> None:
    for seed in range(4):
        found = acoustics(np.random.default_rng(seed).normal(0, 0.2, RATE).astype(np.float32))
        assert found is None or all(np.isfinite(getattr(found, name)) for name in NAMES)


def test_timbre_tells_formants_apart_and_is_the_same_for_the_same(tmp_path: Path) -> None:
    def of(formant: float, seed: int) -> np.ndarray:
        part = SpeakerTrack("p", "p", 0, "", track(tmp_path, vowel(150, 3.0, formant=formant, seed=seed)))
        found = timbre(part, 20.0)
        assert found is not None
        return found

    near, far = np.linalg.norm(of(500, 0) - of(500, 1)), np.linalg.norm(of(500, 0) - of(900, 2))
    assert of(500, 0).shape == (36,)
    assert far > 3 * near


def test_a_long_turn_is_heard_by_its_middle_and_another_rate_is_resampled(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(RATE), np.full(RATE, 0.25), np.zeros(RATE)])
    middle = sound_of(track(tmp_path, sound), Segment(0, 0, len(sound), ""), 1.0)
    assert len(middle) == RATE
    assert middle.min() > 0.2
    slow = Track("speaker", keep(tmp_path, vowel(150, 1.0)[::2], RATE // 2), ())
    assert len(read(slow, 0, RATE // 2)) == pytest.approx(RATE, abs=2)


def test_turns_are_drawn_evenly_over_voices_and_emotions() -> None:
    audio = Audio(Path("nowhere"), "0", RATE, RATE)
    parts = tuple(
        SpeakerTrack(
            str(v),
            str(v),
            v,
            "",
            Track("speaker", audio, tuple(Segment(i, 0, 1, "", "sad" if i == 0 else "calm") for i in range(n))),
        )
        for v, n in enumerate([2, 50, 50])
    )
    chosen = some_turns(Voices(parts, ()), 12, seed=1)
    counts = [sum(turn.part.voice == str(v) for turn in chosen) for v in range(3)]
    assert counts == [2, 5, 5]
    assert sum(turn.segment.emotion == "sad" for turn in chosen) == 3


def test_latencies_are_the_gaps_between_speakers(tmp_path: Path) -> None:
    talk = vowel(150, 1.0)
    turns = [("clinician", talk, "", ""), ("patient", talk, "", ""), ("clinician", talk, "", "")]
    assert latencies(session(tmp_path, turns, 0.4)) == pytest.approx([0.4, 0.4])  # type: ignore[arg-type]


def _sheet(columns: dict[str, list[float]], parts: list[SpeakerTrack]) -> Measured:
    rows = np.zeros((len(parts), len(NAMES)))
    for name, values in columns.items():
        rows[:, NAMES.index(name)] = values
    return Measured(tuple(Turn(part, Segment(0, 0, 1, "")) for part in parts), rows)


def _part(voice: int, recording: int, severity: str = "") -> SpeakerTrack:
    audio = Audio(Path("nowhere"), "0", RATE, RATE)
    return SpeakerTrack(str(voice), str(voice), recording, severity, Track("patient", audio, ()))


def test_pitch_that_persists_correlates_and_pitch_that_does_not_does_not() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(5, 4, 40)
    parts = [_part(v, 2 * v + k) for v in range(40) for k in (0, 1)]
    none = _sheet({"f0": []}, [])
    stays = _sheet({"f0": list(np.repeat(own, 2) + rng.normal(0, 0.2, 80))}, parts)
    drifts = _sheet({"f0": list(rng.normal(5, 4, 80))}, parts)
    assert pitch_correlation(stays, none, seed=0)[0].value > 0.98
    assert abs(pitch_correlation(drifts, none, seed=0)[0].value) < 0.35
    both = pitch_correlation(stays, stays, seed=0)
    assert [e.metric for e in both] == ["pitch_correlation", "pitch_correlation_real"]
    with pytest.raises(NotMeasurableError):
        pitch_correlation(_sheet({"f0": [1.0, 2.0]}, parts[:2]), none, seed=0)


def test_severity_shows_in_pauses_where_it_does() -> None:
    bands = ["mild", "moderate", "severe"] * 6
    parts = [_part(v, v, band) for v, band in enumerate(bands)]
    grows = _sheet({"pause_mean": [0.3 + 0.2 * bands.index(band) for band in bands]}, parts)
    assert severity_in_pauses(grows, seed=0).value == pytest.approx(1.0)
    with pytest.raises(NotMeasurableError):
        severity_in_pauses(_sheet({"pause_mean": [0.3] * 9}, [_part(v, v, "mild") for v in range(9)]), seed=0)


def test_words_and_word_errors() -> None:
    assert words("Well—I don’t know, I'm O.K.") == ["well", "i", "don't", "know", "i'm", "o", "k"]
    said = ["the", "cat", "sat", "on", "the", "mat"]
    assert word_errors(said, said) == 0
    assert word_errors(said, ["the", "cat", "sat", "on", "mat"]) == 1
    assert word_errors(said, ["a", "cat", "sat", "upon", "the", "mat", "today"]) == 3
    assert word_errors(said, []) == 6
    assert word_errors([], said) == 6


def _by_definition(reference: list[str], hypothesis: list[str]) -> int:
    """Levenshtein's distance as it is defined: the cheapest of leaving out, putting in, and saying something else."""
    if not reference or not hypothesis:
        return len(reference) + len(hypothesis)
    last = _by_definition(reference[:-1], hypothesis[:-1]) + (reference[-1] != hypothesis[-1])
    return min(_by_definition(reference[:-1], hypothesis) + 1, _by_definition(reference, hypothesis[:-1]) + 1, last)


_SAID = st.lists(st.sampled_from(["yes", "no", "not", "don't", "été", "a", "b"]), max_size=5)


@given(_SAID, _SAID)
def test_word_errors_are_the_distance_of_levenshtein(reference: list[str], hypothesis: list[str]) -> None:
    assert word_errors(reference, hypothesis) == _by_definition(reference, hypothesis)


A, B = "a", "b"


@pytest.mark.parametrize(
    ("hypothesis", "wrong"),
    [
        ([(0.0, 5.0, "x"), (5.0, 10.0, "y")], 0.0),
        ([(0.0, 5.0, "y"), (5.0, 10.0, "x")], 0.0),
        ([(0.0, 10.0, "x")], 5.0),
        ([], 10.0),
        ([(0.0, 5.0, "x"), (5.0, 10.0, "y"), (0.0, 5.0, "z")], 5.0),
        ([(0.0, 7.0, "x"), (7.0, 10.0, "y")], 2.0),
    ],
)
def test_diarisation_errors_are_missed_false_and_confused_speech(hypothesis: list[Span], wrong: float) -> None:
    reference = [(0.0, 5.0, A), (5.0, 10.0, B)]
    found, speech = diarisation_errors(reference, hypothesis, 10.0, collar=0.0)
    assert speech == pytest.approx(10.0)
    assert found == pytest.approx(wrong, abs=0.02)


def test_overlapped_speech_counts_for_each_and_the_collar_does_not() -> None:
    reference = [(0.0, 6.0, A), (4.0, 10.0, B)]
    errors, speech = diarisation_errors(reference, [(0.0, 4.0, "x"), (4.0, 10.0, "y")], 10.0, collar=0.0)
    assert (errors, speech) == (pytest.approx(2.0, abs=0.02), pytest.approx(12.0, abs=0.02))
    errors, _ = diarisation_errors(reference, [(0.0, 6.2, "x"), (3.8, 10.0, "y")], 10.0, collar=0.25)
    assert errors == pytest.approx(0.0, abs=0.02)
