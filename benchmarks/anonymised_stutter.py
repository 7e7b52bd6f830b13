"""Repetitions and blocks, put into recordings at known places: whether a detector still finds them in changed voices.

    python benchmarks/anonymised_stutter.py --data SPEECH --out anonymised_stutter.json --strengths 1 --seeds 0 1

Into each of some clips of ``librispeech_multi`` two syllables' worth of sound is said twice more, and two stretches of
0.4 s of the clip's own background are put in. A block is found where the level lies 30 dB below the loud frames for 0.3
to 0.6 s, a repetition where log mel spectra of two neighbouring stretches correlate; the least correlation is the best
on untouched clips of the first five speakers, and all is judged on those of the other five.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from synthgen.generators.speech.operators import draw_speaker, joined, measure, world
from synthgen.pretrained.speaker import mel_power

Floats = NDArray[np.float64]

RATE, FADE = 16_000, 160
CLIP, BLOCK, SYLLABLE = 6.0, 0.4, 0.2  # seconds
NEAR = 0.2  # seconds from a known event at which it counts as found
LEAST = np.round(np.linspace(0.5, 0.98, 25), 3)


@dataclass(frozen=True)
class Stuttered:
    """A clip and where its events begin, seconds."""

    speaker: str
    samples: Floats
    blocks: tuple[float, ...]
    repetitions: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=2, help="of each of the ten speakers")
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    clips = stuttered(given.data / "librispeech_multi", given.clips)
    speakers = sorted({clip.speaker for clip in clips})
    learn, judged = ([c for c in clips if (c.speaker in speakers[:5]) is first] for first in (True, False))
    least = max(LEAST, key=lambda x: f1([repetitions(c.samples, x) for c in learn], [c.repetitions for c in learn]))
    told = [{"strength": 0.0, "seed": 0, **figures(judged, [c.samples for c in judged], float(least))}]
    found = [one for clip in clips if (one := measure(clip.samples)) is not None]
    for strength in given.strengths:
        for seed in given.seeds:
            made = []
            for number, clip in enumerate(judged):
                own = measure(clip.samples)
                assert own is not None  # noqa: S101
                speaker = draw_speaker(1000 * seed + number, strength)
                made.append(world(clip.samples, own, joined(found).spectrum, speaker))
            told.append({"strength": strength, "seed": seed, **figures(judged, made, float(least))})
    given.out.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


def stuttered(folder: Path, count: int) -> list[Stuttered]:
    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        rows = sorted((row["speaker_id"], row["file_name"]) for row in csv.DictReader(file))
    found = []
    for speaker in sorted({speaker for speaker, _ in rows}):
        for number, name in enumerate([name for who, name in rows if who == speaker][:count]):
            samples, _ = soundfile.read(folder / name, dtype="float64")
            found.append(with_events(speaker, samples[: int(CLIP * RATE)], number))
    return found


def with_events(speaker: str, samples: Floats, seed: int) -> Stuttered:
    """Four events, at quiet places within speech, a second apart or more."""
    level = levels(samples)
    loud = np.percentile(level, 95)
    rng = np.random.default_rng([seed, *speaker.encode()])
    dips = [i for i in range(60, len(level) - 60) if level[i] == level[i - 5 : i + 6].min() and level[i] > loud - 30]
    places: list[int] = []
    for place in rng.permutation(dips).tolist():
        if len(places) < 4 and all(abs(place - other) >= 100 for other in places):
            places.append(place)
    kinds = dict(zip(sorted(places), rng.permutation(["block", "repetition"] * 2)[: len(places)].tolist(), strict=True))
    quiet = samples[int(np.argmin(np.convolve(level, np.ones(10), "valid"))) * 160 :][:1600]
    parts, events, position, last = [], {"block": [], "repetition": []}, 0, 0
    for place, kind in kinds.items():
        start = place * 160
        parts.append(samples[last:start])
        position += start - last
        events[kind].append(position / RATE)
        syllable = samples[start : start + int(SYLLABLE * RATE)]
        put = np.tile(quiet, int(BLOCK * RATE / len(quiet))) if kind == "block" else np.tile(syllable, 2)
        parts.append(put)
        position, last = position + len(put), start
    return Stuttered(speaker, faded([*parts, samples[last:]]), tuple(events["block"]), tuple(events["repetition"]))


def faded(parts: Sequence[Floats]) -> Floats:
    """One after the other, 5 ms at each seam faded out and in."""
    ramp = np.linspace(0, 1, FADE // 2)
    shaped = [part.copy() for part in parts if len(part) >= FADE]
    for one in shaped[1:]:
        one[: FADE // 2] *= ramp
    for one in shaped[:-1]:
        one[-(FADE // 2) :] *= ramp[::-1]
    return np.concatenate(shaped)


def levels(samples: Floats) -> Floats:
    """dB of each 10 ms, over 30 ms."""
    power = np.mean(samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2, axis=1)
    return np.asarray(10 * np.log10(np.convolve(power, np.ones(3) / 3, "same") + 1e-10), dtype=np.float64)


def blocks(samples: Floats) -> list[float]:
    """Where silences of 0.3 to 0.6 s begin, seconds."""
    level = levels(samples)
    silent = np.concatenate([[0], (level < np.percentile(level, 95) - 30).astype(int), [0]])
    edges = np.flatnonzero(np.diff(silent)).reshape(-1, 2)
    return [float(a) / 100 for a, b in edges if 30 <= b - a <= 60]


def repetitions(samples: Floats, least: float) -> list[float]:
    """Where a stretch begins that is like the next one, seconds."""
    mel = np.log(mel_power(samples.astype(np.float32)).astype(np.float64) + 1e-6)
    loud = mel.mean(axis=1) > np.percentile(mel.mean(axis=1), 30)
    size = int(SYLLABLE * 100)
    scores = np.zeros(max(0, len(mel) - 2 * size))
    for t in range(len(scores)):
        one, other = mel[t : t + size], mel[t + size : t + 2 * size]
        if loud[t : t + 2 * size].mean() > 0.6:
            scores[t] = np.corrcoef((one - one.mean(0)).ravel(), (other - other.mean(0)).ravel())[0, 1]
    found: list[float] = []
    for t in np.argsort(-scores):
        if scores[t] < least:
            break
        if all(abs(t / 100 - other) > 3 * SYLLABLE for other in found):
            found.append(float(t) / 100)
    return found


def f1(found: Sequence[Sequence[float]], known: Sequence[Sequence[float]]) -> float:
    hits = sum(any(abs(place - one) <= NEAR for one in f) for f, k in zip(found, known, strict=True) for place in k)
    right = sum(any(abs(place - one) <= NEAR for place in k) for f, k in zip(found, known, strict=True) for one in f)
    total, said = sum(map(len, known)), sum(map(len, found))
    return (hits + right) / (total + said) if total + said else 0.0


def figures(clips: Sequence[Stuttered], sounds: Sequence[Floats], least: float) -> dict[str, float]:
    return {
        "blocks": f1([blocks(sound) for sound in sounds], [clip.blocks for clip in clips]),
        "repetitions": f1([repetitions(sound, least) for sound in sounds], [clip.repetitions for clip in clips]),
        "known blocks": sum(len(clip.blocks) for clip in clips),
        "known repetitions": sum(len(clip.repetitions) for clip in clips),
    }


if __name__ == "__main__":
    main()
