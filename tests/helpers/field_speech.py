"""Folders of recordings in the shapes of real exports, with voices that are known, and the advice of messages."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray
from scipy import signal

from synthgen.errors import UserError
from synthgen.generators.speech.cohort import CohortConfig, load_cohort
from synthgen.payloads.speech import Speech, SpeechCondition
from synthgen.progress import Silent
from synthgen.records import Loaded

RATE = 16_000
Floats = NDArray[np.float64]


class Notices(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def voice(hz: float = 120.0, seconds: float = 2.0, rate: int = RATE, seed: int = 0) -> Floats:
    """A pulse train through a resonance, its pitch gliding by a fifth and its level swelling as syllables do."""
    rng = np.random.default_rng([seed, round(hz)])
    t = np.arange(round(seconds * rate)) / rate
    pitch = hz * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6)))
    pulses = np.diff(np.floor(np.cumsum(pitch / rate)), prepend=0.0)
    radius = np.exp(-np.pi * 120 / rate)
    pulses -= pulses.mean()
    made = signal.lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * 500 / rate), radius**2], pulses)
    level = 0.6 - 0.4 * np.cos(2 * np.pi * rng.uniform(3, 5) * t + rng.uniform(0, 6))
    return np.asarray(0.3 * made / np.abs(made).max() * level + 1e-3 * rng.standard_normal(len(t)))


def write(path: Path, samples: NDArray[Any], rate: int = RATE, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def write_voices(folder: Path, names: Iterable[str], rate: int = RATE, seconds: float = 2.0) -> None:
    """A file for each name, each in another pitch."""
    for number, name in enumerate(names):
        write(folder / name, voice(90 + 15 * (number % 16), seconds, rate, number), rate)


def write_table(folder: Path, rows: Sequence[Sequence[str]], name: str = "metadata.csv", delimiter: str = ",") -> Path:
    """A table with its header as the first row."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return folder / name


def read(folder: Path, notices: Silent | None = None, **config: Any) -> Loaded[Speech, SpeechCondition]:
    return load_cohort(folder, CohortConfig(**config), folder.parent / "cache", notices or Silent())


def people_of(loaded: Loaded[Speech, SpeechCondition]) -> list[str]:
    return [record.patient for record in loaded.records]


def refusal(folder: Path, **config: Any) -> str:
    """The one line by which the folder is refused."""
    try:
        read(folder, **config)
    except UserError as error:
        assert "\n" not in str(error)
        return str(error)
    raise AssertionError("the folder was read")


def advised(message: str, key: str, number: int = 0) -> dict[str, Any]:
    """What a message says to set: the value of ``modality.cohort.KEY``, the first or a later one."""
    found = re.findall(rf"modality\.cohort\.{key}=('[^']*'|[\w\[\]]+)", message)
    return {key: yaml.safe_load(found[number].strip("'"))}


def samples_of(loaded: Loaded[Speech, SpeechCondition], number: int = 0) -> Floats:
    samples, rate = soundfile.read(loaded.records[number].payload.recordings[0].tracks[0].audio.path)
    assert rate == RATE
    return np.asarray(samples)


def pitch_of(samples: Floats) -> float:
    """The median fundamental of the loud frames, between 70 and 350 Hz."""
    frames = samples[: len(samples) // 960 * 960].reshape(-1, 960)
    loud = frames[frames.std(axis=1) > 0.3 * frames.std(axis=1).max()] * np.hanning(960)
    power = np.abs(np.fft.rfft(loud, 2048, axis=1)) ** 2
    found = np.fft.irfft(power, axis=1)[:, RATE // 350 : RATE // 70]
    found /= 1 - np.arange(RATE // 350, RATE // 70) / 960
    return float(np.median(RATE / (RATE // 350 + found.argmax(axis=1))))
