"""What Whisper hears in the embedded voices: word errors by base voice and by emotion.

    OMP_NUM_THREADS=1 python benchmarks/speech_words.py say --folder said --sentences 3 --voices 8
    python benchmarks/speech_words.py hear --folder said --model WHISPER --out words.json

``say`` writes sentences of random, emotionless parts: each base voice without the layer and with it (neutral), then as
many drawn voices in each emotion at the intensities of a session. ``hear`` needs faster-whisper and a folder of its
converted weights, and may run in an environment of its own: it imports nothing of this project.
"""

from __future__ import annotations

import argparse
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def say(folder: Path, sentences: int, voices: int, seed: int) -> None:
    from dataclasses import replace

    import numpy as np
    import soundfile

    from synthgen.generators.speech import voices as cards
    from synthgen.generators.speech.backends.espeak import Espeak
    from synthgen.generators.speech.config import RATE, GeneratorConfig
    from synthgen.generators.speech.demo_cohort import sentence
    from synthgen.generators.speech.emotions import MANNERS
    from synthgen.generators.speech.render import Speaker
    from synthgen.payloads.speech import EMOTIONS

    folder.mkdir(parents=True)
    config = GeneratorConfig()
    speaker = Speaker(Espeak.installed(), config)
    rows: list[dict[str, Any]] = []

    def keep(samples: Any, rate: int, text: str, **what: str) -> None:
        name = f"{len(rows):05d}.wav"
        soundfile.write(folder / name, samples, rate)
        rows.append({"file": name, "text": text, **what})

    def drawn(number: int) -> cards.VoiceCard:
        return cards.draw_voice(1000 * seed + number, "benchmark")

    variants = [(sex, variant) for sex, names in cards._VARIANTS.items() for variant in names]
    for sex, variant in variants:
        rng = np.random.default_rng([seed, 0])
        card = next(c for c in map(drawn, range(1000)) if c.sex == sex)
        card = replace(card, variant=variant, language="en-us")
        for _ in range(sentences):
            text = sentence(rng)
            plain = speaker.backend(text, card, "neutral", 1.0, 0)
            keep(plain.samples, plain.rate, text, variant=variant, emotion="no layer")
            shaped = speaker.speak(text, card, "neutral", 1.0, MANNERS["neutral"], 1)
            keep(shaped.samples, RATE, text, variant=variant, emotion="neutral")
    for number in range(voices):
        card = drawn(number)
        for emotion in EMOTIONS:
            rng = np.random.default_rng([seed, 1, number])
            intensity = float(np.clip(rng.normal(config.intensity, config.intensity_spread), 0, 2))
            for _ in range(sentences):
                text = sentence(rng)
                shaped = speaker.speak(text, card, emotion, intensity, MANNERS[emotion].at(intensity), 1)
                keep(shaped.samples, RATE, text, variant="drawn", emotion=emotion, voice=str(number))
    (folder / "said.json").write_text(json.dumps(rows), "utf-8")


def words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKD", text.lower()).replace("’", "'")
    return re.findall(r"[a-z']+", text)


def errors(reference: list[str], heard: list[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def hear(folder: Path, model: str, every: int) -> Iterator[dict[str, Any]]:
    from faster_whisper import WhisperModel  # type: ignore[import-not-found,unused-ignore]

    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1)
    for row in json.loads((folder / "said.json").read_text("utf-8"))[::every]:
        found, _ = whisper.transcribe(str(folder / row["file"]), language="en", beam_size=1, temperature=0.0)
        reference = words(row["text"])
        yield {**row, "words": len(reference), "errors": errors(reference, words(" ".join(s.text for s in found)))}


def table(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for key in (f"{row['variant']}, {row['emotion']}", f"all {row['emotion']} ({row['variant'] == 'drawn'})"):
            for place, value in enumerate((row["errors"], row["words"], 1)):
                sums[key][place] += value
    return {key: {"wer": round(e / w, 3), "words": w, "n": n} for key, (e, w, n) in sorted(sums.items())}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("step", choices=["say", "hear"])
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--sentences", type=int, default=3)
    options.add_argument("--voices", type=int, default=8)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--model", default="")
    options.add_argument("--every", type=int, default=1, help="hear every so-many-th sentence")
    options.add_argument("--out", type=Path)
    told = options.parse_args()
    if told.step == "say":
        say(told.folder, told.sentences, told.voices, told.seed)
        return
    found = table(list(hear(told.folder, told.model, told.every)))
    print(json.dumps(found, indent=1))
    if told.out:
        told.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
