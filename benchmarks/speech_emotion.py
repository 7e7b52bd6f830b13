"""Is emotion in the signal? A classifier on acoustic features, trained on other voices and other sentences.

    OMP_NUM_THREADS=1 python benchmarks/speech_emotion.py --voices 24 --turns 4 --seeds 0 1 2 --out emotion.json

Every voice says turns of random, emotionless sentences in each of seven emotions, planned and rendered as in a session.
Two thirds of the voices train, the others test; no sentence is in both. The table holds what was measured against what
was planned, relative to the same voice's neutral turns.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.demo_cohort import sentence
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.plan import plan_session
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.voices import VoiceCard, draw_voice
from synthgen.generators.speech.world import pitch
from synthgen.modalities.dialogue.types import Dialogue, Turn
from synthgen.modalities.speech.types import EMOTIONS, Emotion

Floats = NDArray[np.float64]

FEATURES = (
    "f0_st",  # median F0, semitones above 100 Hz
    "f0_range_st",  # 16th to 84th percentile of F0, half of it, semitones
    "f0_slope",  # mean absolute slope of F0, semitones a second
    "rate",  # syllable nuclei a second of speech
    "pause_share",
    "pause_mean",  # seconds
    "pause_sd",  # seconds
    "level_db",
    "level_sd_db",
    "tilt_db",  # above 1 kHz against below, voiced frames
    "tilt_high_db",  # above 3 kHz against 1 to 3 kHz
    "hnr_db",
    "jitter",  # percent
    "shimmer_db",
)


def features(samples: Floats) -> Floats:
    """Acoustic features of one turn at 16 kHz; nothing in it knows how the turn was made."""
    frame, window = 160, 640
    count = max(1, (len(samples) - window) // frame)
    cut = np.lib.stride_tricks.sliding_window_view(samples, window)[::frame][:count] * np.hanning(window)
    power = np.abs(np.fft.rfft(cut, 1024)) ** 2
    energy = power.sum(axis=1) + 1e-12
    level = 10 * np.log10(energy)
    active = level > np.percentile(level, 95) - 30
    f0 = pitch(samples, RATE)[:count]
    voiced = (f0 > 0) & active[: len(f0)]
    semitones = 12 * np.log2(np.maximum(f0, 1) / 100)
    both = voiced[1:] & voiced[:-1]
    steps = np.abs(np.diff(semitones))[both]
    spoken = semitones[voiced]
    low, high = np.percentile(spoken, [16, 84])
    frequency = np.fft.rfftfreq(1024, 1 / RATE)

    def band(first: float, last: float) -> Floats:
        inside = (frequency >= first) & (frequency < last)
        return 10 * np.log10(power[: len(f0)][voiced][:, inside].sum(axis=1) + 1e-12)

    smooth = np.convolve(np.sqrt(energy), np.hanning(9) / np.hanning(9).sum(), "same")
    peaks = (
        (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]) & (smooth[1:-1] > 0.25 * np.percentile(smooth, 90))
    )
    peaks &= active[1:-1]
    pauses = _runs(~active, 8) * 0.010
    lag = np.fft.irfft(power[: len(f0)][voiced])
    lag_window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), 1024)) ** 2)
    place = np.round(RATE / f0[voiced]).astype(int)
    ratio = np.clip(lag[np.arange(len(lag)), place] / lag[:, 0] / (lag_window[place] / lag_window[0]), 1e-3, 1 - 1e-3)
    deviation = np.abs(np.diff(f0, 2))[both[1:] & both[:-1]] / np.median(f0[voiced]) / 2
    return np.array(
        [
            np.median(spoken),
            (high - low) / 2,
            steps[steps < 3].mean() * 100,
            peaks.sum() / (active.sum() * 0.010),
            pauses.sum() / (count * 0.010),
            pauses.mean() if len(pauses) else 0.0,
            pauses.std() if len(pauses) else 0.0,
            10 * np.log10(energy[active].mean()),
            level[active].std(),
            (band(1000, 8000) - band(60, 1000)).mean(),
            (band(3000, 8000) - band(1000, 3000)).mean(),
            np.median(10 * np.log10(ratio / (1 - ratio))),
            100 * np.median(deviation),
            np.median(np.abs(np.diff(level[: len(f0)], 2))[both[1:] & both[:-1]]) / 2,
        ]
    )


def _runs(mask: NDArray[np.bool_], least: int) -> Floats:
    """Lengths of the runs of True that are at least so long, frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    lengths = (edges[1::2] - edges[::2]).astype(float)
    return lengths[lengths >= least]


@dataclass
class Spoken:
    voice: int
    emotion: Emotion
    planned: float  # seconds of pauses
    values: Floats


def turn(text: str, emotion: Emotion, voice: VoiceCard, speaker: Speaker, seed: int) -> Floats:
    """One turn, planned and rendered."""
    dialogue = Dialogue((Turn("clinician", "Yes.", "neutral"), Turn("patient", text, emotion)))
    plan = plan_session(dialogue, severity="", seed=seed, config=speaker.config, unit="phrase").turns[1]
    parts = []
    for number, phrase in enumerate(plan.phrases):
        said = speaker.speak(phrase.text, voice, emotion, plan.intensity, plan.manner, seed + number)
        parts += [said.samples, np.zeros(round(phrase.pause * RATE), np.float32)]
    return np.concatenate(parts).astype(np.float64)


def text_of(rng: np.random.Generator, half: int) -> str:
    """Two sentences of one half: no sentence is in both."""
    found: list[str] = []
    while len(found) < 2:
        candidate = sentence(rng)
        if zlib.crc32(candidate.encode()) % 2 == half:
            found.append(candidate)
    return " ".join(found)


def run(voices: int, turns: int, seed: int) -> tuple[list[Spoken], int]:
    speaker = Speaker(Espeak.installed(), GeneratorConfig())
    training = voices * 2 // 3
    found = []
    for number in range(voices):
        rng = np.random.default_rng([seed, number])
        card = draw_voice(1000 * seed + number, "benchmark")
        for emotion in EMOTIONS:
            for _ in range(turns):
                said = turn(text_of(rng, number < training), emotion, card, speaker, int(rng.integers(2**31)))
                noise = rng.standard_normal(len(said)) * 10 ** (-70 / 20)
                found.append(Spoken(number, emotion, 0.0, features(said + noise)))
    return found, training


def recognise(found: list[Spoken], training: int, normalised: bool) -> NDArray[np.int64]:
    """Confusion matrix on the test voices: rows are what was rendered."""
    values = np.array([s.values for s in found])
    voice = np.array([s.voice for s in found])
    labels = np.array([EMOTIONS.index(s.emotion) for s in found])
    if normalised:  # by each speaker's own mean over all turns, whose emotions are not looked at
        for number in np.unique(voice):
            values[voice == number] -= values[voice == number].mean(axis=0)
    train = voice < training
    model = make_pipeline(StandardScaler(), SVC(C=10.0)).fit(values[train], labels[train])
    return confusion_matrix(labels[~train], model.predict(values[~train]), labels=range(len(EMOTIONS)))


def table(found: list[Spoken]) -> dict[str, dict[str, float]]:
    """Means over voices of each emotion's features, relative to the same voice's neutral."""
    rows: dict[str, dict[str, float]] = {}
    index = {name: place for place, name in enumerate(FEATURES)}
    for emotion in EMOTIONS:
        ratios = []
        for number in sorted({s.voice for s in found}):
            own = np.mean([s.values for s in found if s.voice == number and s.emotion == emotion], axis=0)
            neutral = np.mean([s.values for s in found if s.voice == number and s.emotion == "neutral"], axis=0)
            ratios.append(
                [
                    2 ** ((own[index["f0_st"]] - neutral[index["f0_st"]]) / 12),
                    own[index["f0_range_st"]] / neutral[index["f0_range_st"]],
                    own[index["rate"]] / neutral[index["rate"]],
                    own[index["pause_mean"]] / neutral[index["pause_mean"]],
                    own[index["pause_sd"]] / neutral[index["pause_sd"]],
                    own[index["level_db"]] - neutral[index["level_db"]],
                    own[index["tilt_db"]] - neutral[index["tilt_db"]],
                    own[index["hnr_db"]] - neutral[index["hnr_db"]],
                    own[index["shimmer_db"]] / neutral[index["shimmer_db"]],
                ]
            )
        names = ("f0", "f0_range", "rate", "pause", "pause_sd", "gain_db", "tilt_db", "hnr_db", "shimmer")
        rows[emotion] = dict(zip(names, np.mean(ratios, axis=0).round(2).tolist(), strict=True))
        m = MANNERS[emotion]
        planned = {"f0": m.f0, "f0_range": m.f0_range, "rate": m.rate, "pause": m.pauses, "gain_db": m.gain}
        rows[emotion] |= {f"planned_{name}": value for name, value in {**planned, "tilt_db": m.tilt}.items()}
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--voices", type=int, default=24)
    options.add_argument("--turns", type=int, default=4)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--out", type=Path, required=True)
    arguments = options.parse_args()
    report: dict[str, object] = {"voices": arguments.voices, "turns": arguments.turns, "seeds": {}}
    everything: list[Spoken] = []
    matrices = {False: np.zeros((7, 7), np.int64), True: np.zeros((7, 7), np.int64)}
    for seed in arguments.seeds:
        start = time.process_time()
        found, training = run(arguments.voices, arguments.turns, seed)
        everything += [Spoken(s.voice + 10_000 * seed, s.emotion, s.planned, s.values) for s in found]
        for normalised, matrix in matrices.items():
            own = recognise(found, training, normalised)
            matrix += own
            print(f"seed {seed} {'speaker mean removed' if normalised else 'as it is'}: UAR {uar(own):.3f}")
        print(f"seed {seed}: {time.process_time() - start:.0f} s of CPU")
    for normalised, matrix in matrices.items():
        recalls = matrix.diagonal() / matrix.sum(axis=1)
        name = "speaker_mean_removed" if normalised else "as_it_is"
        report[name] = {
            "uar": round(uar(matrix), 4),
            "recall": dict(zip(EMOTIONS, recalls.round(3).tolist(), strict=True)),
            "confusion": matrix.tolist(),
            "n": int(matrix.sum()),
        }
        print(name, report[name])
    report["table"] = table(everything)
    for emotion, row in report["table"].items():  # type: ignore[attr-defined]
        print(f"{emotion:>10}", row)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def uar(matrix: NDArray[np.int64]) -> float:
    """Unweighted average recall."""
    return float(np.mean(matrix.diagonal() / matrix.sum(axis=1)))


if __name__ == "__main__":
    main()
