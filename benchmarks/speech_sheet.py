"""Draws docs/images/speech_sheet.png: one sentence by voice and emotion, its spectrogram with F0. Nobody is in it.

Run from the repository, with the extras ``piper`` and ``plots``: ``python benchmarks/speech_sheet.py``
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from synthgen.generators.speech.backends.opening import open_backend
from synthgen.generators.speech.config import RATE, GeneratorConfig
from synthgen.generators.speech.emotions import MANNERS
from synthgen.generators.speech.render import Speaker
from synthgen.generators.speech.voices import Person, draw_voice
from synthgen.generators.speech.world import FRAME, pitch
from synthgen.payloads.speech import EMOTIONS

mpl.use("Agg")
from matplotlib import pyplot as plt

OUT = Path(__file__).parent.parent / "docs" / "images" / "speech_sheet.png"
SAID = "I could not sleep, and nobody called."
SECONDS, HIGHEST, F0_HIGHEST = 3.4, 5000, 600
VOICES = (
    ("espeak", Person("f", 34)),
    ("espeak", Person("m", 52)),
    ("piper", Person("f", 34)),
    ("piper", Person("m", 52)),
)


def main() -> None:
    figure, axes = plt.subplots(len(EMOTIONS), len(VOICES), figsize=(13, 13), sharex=True, sharey=True)
    for column, (name, person) in enumerate(VOICES):
        config = GeneratorConfig(backend=name)
        speaker, card = Speaker(open_backend(config), config), draw_voice(7, "sheet", "en", person)
        for row, emotion in enumerate(EMOTIONS):
            manner = MANNERS[emotion].at(config.intensity)
            samples = speaker.speak(SAID, card, emotion, config.intensity, manner, 1).samples
            axis = axes[row, column]
            padded = np.pad(samples, (0, max(0, round(SECONDS * RATE) - len(samples))))
            noise = 1e-6 * np.random.default_rng(0).standard_normal(len(padded))
            axis.specgram(padded + noise, NFFT=512, noverlap=432, Fs=RATE, cmap="gray_r", vmin=-120, vmax=-50)
            f0 = pitch(samples, RATE)
            times = np.arange(len(f0)) * FRAME
            # On a scale of its own, that of the whole height: 0 to 600 Hz.
            axis.plot(times[f0 > 0], f0[f0 > 0] * HIGHEST / F0_HIGHEST, ".", color="tab:red", ms=1.5)
            axis.set(xlim=(0, SECONDS), ylim=(0, HIGHEST), yticks=[], xticks=[])
            level = 10 * np.log10(float(np.mean(samples.astype(np.float64) ** 2)))
            axis.text(0.03, 4550, f"{np.median(f0[f0 > 0]):.0f} Hz, {level:.0f} dB", fontsize=8)
            if not row:
                axis.set_title(f"{name}, {'woman' if person.sex == 'f' else 'man'} of {person.age:g}", fontsize=10)
            if not column:
                axis.set_ylabel(emotion)
    figure.tight_layout(pad=0.4)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=64, format="png")
    Image.open(drawn).convert("RGB").quantize(24).save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
