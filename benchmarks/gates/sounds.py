"""Filters for voices that others use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates.rules import Fitted, Rule, nearest, protected
from synthgen.payloads import sound
from synthgen.payloads.speech import Speech
from synthgen.pretrained.speaker import Resemblyzer
from synthgen.records import Cohort

encoder = Resemblyzer.load()


def embed(samples: Sequence[Speech]) -> NDArray[np.float32]:
    """Unit vectors, shape [N, 256]: of all that is said in a sample, as Resemblyzer embeds an utterance."""
    return encoder([_samples(sample) for sample in samples])


def _samples(speech: Speech) -> NDArray[np.float32]:
    tracks = [track for recording in speech.recordings for track in recording.tracks]
    return np.concatenate([sound.read(track.audio, sound.spoken(track)) for track in tracks])


def _exact(cohort: Cohort[Speech, Any], seed: int) -> Fitted[Speech]:
    known = {_samples(one).tobytes() for one in protected(cohort)}
    return Fitted(lambda samples: np.array([0.0 if _samples(s).tobytes() in known else 1.0 for s in samples]), 0.0)


def _voice(cohort: Cohort[Speech, Any], seed: int) -> Fitted[Speech]:
    return Fitted(nearest(embed, protected(cohort)), 0.25)


RULES: tuple[Rule[Speech], ...] = (
    Rule("identical samples", _exact),
    Rule("voice at a cosine of 0.75 (Resemblyzer)", _voice),
)
