"""The demo cohort: speakers by espeak with known parameters, in the plain folder that a user's own clips would be."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np

from synthgen.files import demo_folder
from synthgen.generators.speech.backends.espeak import Espeak
from synthgen.generators.speech.config import RATE, DemoCohortConfig, GeneratorConfig
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.tracks import write_flac
from synthgen.generators.speech.voices import VoiceCard, draw_voice
from synthgen.payloads.speech import EMOTIONS, Emotion
from synthgen.progress import Progress
from synthgen.wordlists import Lines, WordLists, word_lists

_README = """Simulated recordings: sentences of random parts, spoken by espeak-ng in voices drawn from random numbers.
Free of any person.

metadata.csv has a row per clip. Clips of one speaker_id are in the same simulated voice; emotions are rendered by rule.
"""


class Sentences(WordLists):
    """``sentences.yaml``."""

    openings: Lines
    subjects: Lines
    verbs: Lines
    objects: Lines
    ends: Lines


@cache
def _sentences() -> Sentences:
    return word_lists(__package__, "sentences", Sentences)


def write_demo_cohort(folder: Path, config: DemoCohortConfig, seed: int, progress: Progress) -> None:
    """Writes ``folder/clips/*.flac``, ``folder/metadata.csv`` and a README that says that all of it is simulated.

    The same configuration and seed give the same bytes. The folder appears when it is complete, or not at all.

    Raises:
        UserError: the folder exists and is not empty, or cannot be written.
        MissingExtraError: espeak-ng is not installed.
    """
    with demo_folder(folder) as unfinished:
        _write(unfinished, config, seed, progress)


def demo_voice(index: int, seed: int) -> VoiceCard:
    """The known voice of speaker ``index``; no release draws it, for the demo cohort has a role of its own."""
    return draw_voice(seed * 1_000_003 + index, "demo cohort")


def sentence(rng: np.random.Generator) -> str:
    """A plain sentence of random parts, of no emotion in itself."""
    known = _sentences()
    parts = (known.openings, known.subjects, known.verbs, known.objects, known.ends)
    opening, subject, verb, thing, end = (options[int(rng.integers(len(options)))] for options in parts)
    return f"{opening}, {subject} {verb} {thing}, {end}."


def _write(folder: Path, config: DemoCohortConfig, seed: int, progress: Progress) -> None:
    (folder / "clips").mkdir()
    (folder / "README.txt").write_text(_README, encoding="utf-8")
    speaker = Speaker(Espeak.installed(), GeneratorConfig())
    digits = max(4, len(str(config.speakers)))
    task = progress.task("demo cohort", config.speakers, "speaker")
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file_name", "speaker_id", "emotion", "transcript"])
        for index in range(config.speakers):
            # One stream per speaker, so that the first hundred are the same in a cohort of any size.
            rng = np.random.default_rng([seed, index, 0x5BEEC4])
            voice, name = demo_voice(index, seed), f"s{index + 1:0{digits}d}"
            emotions = rng.permutation(len(EMOTIONS))
            for number in range(config.clips):
                emotion = EMOTIONS[int(emotions[number % len(EMOTIONS)])]
                said = [sentence(rng) for _ in range(config.sentences)]
                path = folder / "clips" / f"{name}_{number}.flac"
                write_flac(path, iter([_clip(said, voice, emotion, speaker, rng)]), RATE)
                table.writerow([f"clips/{path.name}", name, emotion, " ".join(said)])
            task.advance()


def _clip(
    said: list[str], voice: VoiceCard, emotion: Emotion, speaker: Speaker, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    manner = MANNERS[emotion]
    parts = [np.zeros(round(rng.uniform(0.1, 0.4) * RATE), np.float32)]
    for text in said:
        parts.append(speaker.speak(text, voice, emotion, 1.0, manner, int(rng.integers(2**31))).samples)
        parts.append(np.zeros(round(rng.uniform(0.3, 0.6) * manner.pauses * RATE), np.float32))
    sound = np.concatenate(parts)
    sound += rng.standard_normal(len(sound)).astype(np.float32) * 10 ** (-66 / 20)  # a quiet room
    return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
