"""Does a voice stay itself? Cards over emotions and sessions, told apart by a speaker encoder (Resemblyzer).

    OMP_NUM_THREADS=1 python benchmarks/speech_voices.py --cards 200 --probed 40 --out voices.json

Every card is enrolled by a neutral clip of one session. Some are probed by clips of another session, other sentences, in
every emotion. A trial is a probe against its own card and one other card; it is won when its own is nearer. Printed too:
how often its own card is the nearest of all, the distances between cards, and G_VD of the enrolled voices against probes.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.demo_cohort import sentence
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.plan import stream
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.voices import VoiceCard, draw_voice
from synthgen.modalities.speech.types import EMOTIONS, Emotion

Floats = NDArray[np.float64]


def clip(card: VoiceCard, emotion: Emotion, session: int, speaker: Speaker, seconds: float) -> Floats:
    """Sentences of a session, some ``seconds`` long in neutral speech."""
    rng = stream(card.seed, "voices", session, emotion)
    parts: list[Floats] = []
    wanted = seconds * RATE / MANNERS[emotion].rate
    while sum(map(len, parts)) < wanted:
        said = speaker.speak(sentence(rng), card, emotion, 1.0, MANNERS[emotion], int(rng.integers(2**31)))
        parts += [said.samples.astype(np.float64), np.zeros(RATE // 4)]
    return np.concatenate(parts)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cards", type=int, default=200)
    options.add_argument("--probed", type=int, default=40)
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, required=True)
    arguments = options.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from resemblyzer import VoiceEncoder, preprocess_wav
    encoder = VoiceEncoder("cpu", verbose=False)
    speaker = Speaker(Espeak.installed(), GeneratorConfig())
    cards = [draw_voice(100_000 * arguments.seed + number, "patient") for number in range(arguments.cards)]

    def embed(card: VoiceCard, emotion: Emotion, session: int) -> Floats:
        sound = clip(card, emotion, session, speaker, arguments.seconds)
        return np.asarray(encoder.embed_utterance(preprocess_wav(sound.astype(np.float32), RATE)), np.float64)

    start = time.process_time()
    enrolled = np.array([embed(card, "neutral", 1) for card in cards])
    probes = {e: np.array([embed(card, e, 2) for card in cards[: arguments.probed]]) for e in EMOTIONS}
    report: dict[str, object] = {"cards": len(cards), "probed": arguments.probed, "seconds": arguments.seconds}
    won = wins = first = total = 0
    by_emotion = {}
    for emotion, values in probes.items():
        similarity = values @ enrolled.T
        own = similarity[np.arange(len(values)), np.arange(len(values))]
        others = similarity + np.where(np.eye(len(values), len(cards), dtype=bool), np.nan, 0)
        share = float(np.nanmean(np.where(np.isnan(others), np.nan, others < own[:, None])))
        nearest = int((np.nanmax(others, axis=1) < own).sum())
        by_emotion[emotion] = {"trials_won": round(share, 4), "nearest_of_all": round(nearest / len(values), 4)}
        won += share * len(values) * (len(cards) - 1)
        wins += len(values) * (len(cards) - 1)
        first, total = first + nearest, total + len(values)
    report["by_emotion"] = by_emotion
    report["trials_won"] = round(won / wins, 5)
    report["trials"] = wins
    report["nearest_of_all"] = round(first / total, 4)
    report["probes"] = total
    apart = (enrolled @ enrolled.T)[np.triu_indices(len(cards), 1)]
    own = np.concatenate([(v * enrolled[: len(v)]).sum(axis=1) for v in probes.values()])
    report["cosine_between_cards"] = np.percentile(apart, [1, 5, 25, 50, 75, 95, 99, 100]).round(3).tolist()
    report["cosine_within_card"] = np.percentile(own, [0, 1, 5, 25, 50, 75, 95]).round(3).tolist()
    report["g_vd_db"] = {e: round(voice_distinctiveness(v, enrolled[: len(v)]), 2) for e, v in probes.items()}
    report["g_vd_reference"] = "neutral probes against neutral enrolment"
    report["cpu_seconds"] = round(time.process_time() - start)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for key, value in report.items():
        print(key, value)


def dominance(similarity: Floats) -> float:
    """D_diag of a voice similarity matrix (Noé et al. 2020): mean of the diagonal against the rest."""
    matrix = 1 / (1 + np.exp(-similarity))
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    return float(abs(matrix.diagonal().mean() - off.mean()))


def voice_distinctiveness(values: Floats, enrolled: Floats) -> float:
    """Gain of distinctiveness of emotional probes, in dB against the enrolled neutral voices, by scaled cosines.

    The logistic takes log-likelihood ratios; scaled cosines (slope 20, zero at 0.75) stand in for them on both sides.
    """
    neutral = dominance(20 * (enrolled @ enrolled.T - 0.75))
    return 10 * float(np.log10(dominance(20 * (values @ enrolled.T - 0.75)) / neutral))


if __name__ == "__main__":
    main()
