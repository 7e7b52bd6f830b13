"""The evaluation as a whole: on a release that copies T, on one of nobody's voices, and on too little of anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import fft
from speech_signals import real, session, synthetic, track, vowel

from synthgen.eval.speech.config import EvaluationConfig
from synthgen.eval.speech.diarisation import Span
from synthgen.eval.speech.emotion import recognised_across_voices, tstr
from synthgen.eval.speech.evaluate import evaluate
from synthgen.eval.speech.features import Measured, measure
from synthgen.eval.speech.records import RATE, Sound, Voices, read
from synthgen.payloads.speech import Emotion, Role, Speech, SpeechCondition, SpeechReal, SpeechSynthetic, Track
from synthgen.progress import Silent
from synthgen.records import Cohort, Estimate
from synthgen.report import Evaluation

EMOTIONS: tuple[Emotion, ...] = ("sad", "angry")
Known = tuple[Cohort[Speech, SpeechCondition], list[tuple[float, float]]]
"""A cohort, and the voices of T."""

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"]
CONFIG = EvaluationConfig(turns=80, permutations=20, wer_turns=4, classifier_repeats=2, diarised_seconds=10)


class Notices(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def spoken(rng: np.random.Generator, hz: float, formant: float, emotion: Emotion) -> NDArray[np.float32]:
    """Sad is slow and low, angry fast, high and loud; a voice has its F0 and its formant."""
    lift, pace = {"sad": (0.9, 3.0), "angry": (1.25, 6.0)}[emotion]
    sound = vowel(hz * lift, 1.2, syllables=pace, formant=formant, seed=int(rng.integers(2**31)))
    return np.asarray(sound * (0.4 if emotion == "sad" else 1.0), dtype=np.float32)


def voice(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(90, 260)), float(rng.uniform(400, 1100))


def cohort_of(folder: Path, speakers: int, seed: int) -> Known:
    rng = np.random.default_rng(seed)
    parts: tuple[list[SpeechReal], ...] = ([], [], [])
    voices = []
    for number in range(3 * speakers):
        hz, formant = voice(rng)
        if number < speakers:
            voices.append((hz, formant))
        for clip, emotion in enumerate(EMOTIONS):
            one = track(
                folder, spoken(rng, hz, formant, emotion), text=" ".join(rng.permutation(WORDS)), emotion=emotion
            )
            parts[number // speakers].append(real(f"p{number}", f"p{number}-{clip}", one))
    train, calibration, audit = (tuple(part) for part in parts)
    return Cohort(train, calibration, audit, "CC0", "digest"), voices


def release_of(folder: Path, voices: Sequence[tuple[float, float]], seed: int) -> list[SpeechSynthetic]:
    """A sample per voice: two sessions with a clinician of a voice of its own."""
    rng = np.random.default_rng(seed)
    roles: tuple[Role, ...] = ("clinician", "patient")
    samples = []
    for number, own in enumerate(voices):
        pair = {"clinician": voice(rng), "patient": own}
        sessions = []
        for _ in range(2):
            turns = [
                (role, spoken(rng, *pair[role], emotion), emotion, " ".join(rng.permutation(WORDS)))
                for emotion in EMOTIONS
                for role in roles
            ]
            sessions.append(session(folder, turns, 0.3))
        samples.append(synthetic(sessions, severity=("mild", "severe")[number % 2]))
    return samples


def vectors(one: Track) -> NDArray[np.float64] | None:
    """A small ear: the smoothed long-term spectrum of each half of what is said, without its level."""
    sound = np.concatenate([read(one, s.start, s.end) for s in one.segments]).astype(np.float64)
    if not np.abs(sound).max() > 0:
        return None
    found = []
    for half in np.array_split(sound, 2):
        frames = np.lib.stride_tricks.sliding_window_view(half, 512)[::256] * np.hanning(512)
        spectrum = np.log(np.mean(np.abs(fft.rfft(frames, axis=1)) ** 2, axis=0) + 1e-6)
        found.append(fft.dct(spectrum, norm="ortho")[1:25])
    return np.stack(found)


@dataclass(frozen=True)
class OneSpeaker:
    """A diariser that calls everything one speaker."""

    name = "one speaker"

    def __call__(self, mix: Sound, speakers: int, /) -> list[Span]:
        return [(0.0, len(mix) / RATE, "x")]


@dataclass(frozen=True)
class OneTwoThree:
    """A recogniser that always hears the same."""

    name = "one two three"

    def __call__(self, samples: Sound, /) -> str:
        return "one two three"


@pytest.fixture(scope="module")
def cohort(
    tmp_path_factory: pytest.TempPathFactory,
) -> Known:
    return cohort_of(tmp_path_factory.mktemp("cohort"), 36, 0)


def few(known: Known, speakers: int = 9) -> Cohort[Speech, SpeechCondition]:
    """The same with fewer speakers, who take less time."""
    full = known[0]
    parts = (part[: 2 * speakers] for part in (full.train, full.calibration, full.audit))
    return Cohort(*parts, full.licence, full.digest)


def named(found: Sequence[Estimate]) -> dict[str, Estimate]:
    assert len({e.metric for e in found}) == len(found)
    return {e.metric: e for e in found}


@pytest.fixture(scope="module")
def honest(cohort: Known, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder, rng = tmp_path_factory.mktemp("honest"), np.random.default_rng(77)
    samples = release_of(folder, [voice(rng) for _ in range(12)], 5)
    return evaluate(samples, cohort[0], CONFIG, 0, Silent(), vectors, OneTwoThree(), OneSpeaker())


def test_a_release_of_nobody_passes_every_attack(honest: Evaluation) -> None:
    aucs = [e for e in honest.attacks if e.metric.endswith("_auc")]
    assert {e.metric for e in aucs} == {
        "membership_nn_voice_auc", "hole_voice_auc", "membership_domias_voice_auc", "identity_auc",
        "membership_runs_auc",
    }  # fmt: skip
    assert all(e.ci95[0] <= 0.55 for e in aucs)
    quality = named(honest.quality)
    assert quality["voices_accepted"].value < 0.35
    assert float(quality["linkability_dsys"].note.rpartition("p = ")[2]) > 0.05


def test_what_is_measured_of_an_honest_release(honest: Evaluation) -> None:
    quality = named(honest.quality)
    for name in (
        "voice_eer", "voice_eer_real", "speaker_far_at_tau", "speaker_frr_at_tau", "gvd_db", "voices_accepted_real",
        "registered_frr_at_tau", "emotion_uar", "emotion_recall_sad", "emotion_recall_angry",
        "emotion_trained_on_real_uar", "emotion_uar_real", "tstr_auc_macro", "pitch_correlation",
        "pitch_correlation_real", "turn_seconds", "latency_seconds", "overlap_share", "syllables_a_second",
        "syllables_a_second_real", "wer", "wer_real", "der", "linkability_dsys", "authenticity",
    ):  # fmt: skip
        assert name in quality, name
        low, high = quality[name].ci95
        assert math.isnan(low) or low <= quality[name].value <= high, name
    assert quality["emotion_uar"].value > 0.9
    assert quality["emotion_trained_on_real_uar"].value > 0.9
    assert quality["voice_eer"].value < 0.25
    assert quality["pitch_correlation"].value > 0.8
    assert quality["latency_seconds"].value == pytest.approx(0.3)
    assert "latency_seconds_real" not in quality  # clips have none
    assert quality["turn_seconds"].value == pytest.approx(1.2)
    assert quality["wer"].value == pytest.approx(10 / 13, abs=0.1)
    assert quality["der"].value == pytest.approx(0.5, abs=0.15)


def test_a_release_in_the_voices_of_t_is_found_out(cohort: Known, tmp_path: Path) -> None:
    samples = release_of(tmp_path, cohort[1], 6)
    found = evaluate(samples, cohort[0], CONFIG, 0, Silent(), vectors)
    nearest = next(e for e in found.attacks if e.metric == "membership_nn_voice_auc")
    assert nearest.ci95[0] > 0.55
    assert nearest.value > 0.65
    quality = named(found.quality)
    assert quality["linkability_dsys"].value > 0.12
    assert float(quality["linkability_dsys"].note.rpartition("p = ")[2]) < 0.05
    assert quality["voices_accepted"].value > quality["voices_accepted_real"].value


def test_what_cannot_be_measured_is_said(cohort: Known, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    samples = release_of(tmp_path, [voice(rng) for _ in range(4)], 7)
    full, notices = few(cohort), Notices()
    assert evaluate([], full, CONFIG, 0, notices, vectors) == Evaluation((), ())
    assert "nothing is measured" in notices.lines[-1]
    unaudited = Cohort(full.train, full.calibration, (), full.licence, full.digest)
    notices = Notices()
    found = evaluate(samples, unaudited, CONFIG, 0, notices, vectors)
    assert found.attacks == ()
    assert found.quality
    for said in ("no recogniser", "no diariser", "no attack is measured"):
        assert any(said in line for line in notices.lines), said
    assert not {"wer", "der"} & {e.metric for e in found.quality}


def test_a_single_patient_and_a_clinician_are_attacked_too(cohort: Known, tmp_path: Path) -> None:
    samples = release_of(tmp_path, [(120.0, 600.0)], 9)
    found = evaluate(samples, few(cohort), CONFIG, 0, Silent(), vectors)
    assert {"membership_nn_voice_auc", "membership_domias_voice_auc", "identity_auc"} <= {
        e.metric for e in found.attacks
    }


def test_a_silent_release_is_not_attacked(cohort: Known, tmp_path: Path) -> None:
    silence = np.zeros(RATE, np.float32)
    samples = [synthetic([session(tmp_path, [("patient", silence, "sad", "words")], 0.0)]) for _ in range(5)]
    notices = Notices()
    found = evaluate(samples, few(cohort), CONFIG, 0, notices, vectors)
    assert found.attacks == ()
    assert any("nobody is heard" in line for line in notices.lines)


def test_the_same_seed_gives_the_same_figures(cohort: Known, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    samples = release_of(tmp_path, [voice(rng) for _ in range(4)], 8)
    first, second = (evaluate(samples, few(cohort), CONFIG, 3, Silent(), vectors) for _ in range(2))
    assert first == second


def _turns(folder: Path, voices: int, seed: int, *, labelled: bool = True) -> Measured:
    rng = np.random.default_rng(seed)
    samples = release_of(folder, [voice(rng) for _ in range(voices)], seed)
    found = measure(Voices.synthetic(samples, 100, 0).turns, 5.0)
    if labelled:
        return found
    order = rng.permutation(len(found.turns))
    return Measured(found.turns, found.rows[order])


def test_emotions_that_are_not_in_the_sound_are_not_recognised(tmp_path: Path) -> None:
    shuffled = recognised_across_voices(_turns(tmp_path, 10, 3, labelled=False), seed=0)
    assert shuffled[0].metric == "emotion_uar"
    assert shuffled[0].ci95[0] < 0.5 < shuffled[0].ci95[1] + 0.15
    true = recognised_across_voices(_turns(tmp_path, 10, 3), seed=0)
    assert true[0].value > 0.95
    recalls = {e.metric: e.value for e in true[1:]}
    assert true[0].value == pytest.approx(np.mean(list(recalls.values())))


def test_trained_on_synthetic_tested_on_real(tmp_path: Path) -> None:
    s, t, e = (_turns(tmp_path, 8, seed) for seed in (10, 11, 12))
    found = named(tstr(s, t, e, repeats=2, seed=0))
    assert found["tstr_auc_macro"].value > 0.95
    noise = named(tstr(_turns(tmp_path, 8, 13, labelled=False), t, e, repeats=2, seed=0))
    assert noise["tstr_gap"].value > 0.1
