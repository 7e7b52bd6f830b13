"""Sealed releases of a few invented samples, one of each kind of data, as their writers write them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from synthgen.generators.cxr.write import write_dicom, write_imagefolder
from synthgen.generators.dialogue.write import write_release as write_dialogues
from synthgen.generators.speech.write import write_release as write_speech
from synthgen.payloads.cxr import CxrCondition
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.records import Synthetic
from synthgen.report import DatasetFacts

Write = Callable[[Path, int, int], DatasetFacts]
"""(folder, number of samples, seed) to what was written."""


def images(folder: Path, count: int, seed: int) -> DatasetFacts:
    """Noise of 16 px; labels of different lengths, an unknown age."""
    rng = np.random.default_rng(seed)
    labels: tuple[tuple[str, ...], ...] = ((), ("Effusion",), ("Edema", "Effusion"))
    conditions = [CxrCondition(labels[i % 3], "PA", "F", 40 if i % 2 else None) for i in range(count)]
    samples = [Synthetic(0, condition, rng.integers(0, 256, (16, 16), np.uint8)) for condition in conditions]
    write_dicom(folder, enumerate(samples), release_seed=seed)
    facts = write_imagefolder(folder, enumerate(samples))
    return DatasetFacts(**{**vars(facts), "formats": ("dicom",)})


def dialogues(folder: Path, count: int, seed: int) -> DatasetFacts:
    """Three turns each, of two patients."""
    samples = [
        Synthetic(
            0,
            DialogueCondition("therapy", "panic", "mild", 1, 1, i, seed),
            Dialogue((Turn("clinician", f"Hello {seed} {i}."), Turn("patient", "Hi."), Turn("companion", "Hello."))),
        )
        for i in range(count)
    ]
    return write_dialogues(folder, lambda: iter(list(enumerate(samples))))


def speech(folder: Path, count: int, seed: int) -> DatasetFacts:
    """Two tones each, of different lengths."""
    from speech_signals import session, synthetic, vowel

    scratch = folder.parent / f"{folder.name}-sounds"
    scratch.mkdir(exist_ok=True)
    samples = []
    for i in range(count):
        tone = vowel(100 + 10 * seed + i, 0.2 + 0.02 * i, seed=seed)
        turns = [("clinician", tone, "calm", "Hello."), ("patient", tone, "sad", "Hi.")]
        samples.append(synthetic([session(scratch, turns, 0.1)]))
    return write_speech(folder, enumerate(samples))


KINDS: dict[str, Write] = {"images": images, "dialogues": dialogues, "speech": speech}
