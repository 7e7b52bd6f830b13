"""Word error rate of a recogniser that somebody else trained, on the release and on real recordings."""

from __future__ import annotations

import re
from typing import Protocol

import numpy as np

from synthgen.estimates import Floats, NotMeasurableError, patient_weights, percentile_interval, ratio
from synthgen.eval.speech.records import Sound, Turn, Voices, some_turns, sound_of
from synthgen.pretrained.recogniser import word_errors
from synthgen.progress import Progress
from synthgen.records import Estimate


class Recogniser(Protocol):
    """Hears words."""

    @property
    def name(self) -> str: ...

    def __call__(self, samples: Sound, /) -> str:
        """A turn at 16 kHz, full scale at ±1, to words."""
        ...


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FEWEST = 3


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; contractions whole."""
    return _WORD.findall(text.lower().replace("’", "'"))


def word_error_rate(
    name: str, found: Voices, recogniser: Recogniser, progress: Progress, *, most: int, seconds: float, seed: int
) -> Estimate:
    """``name``: errors over words of the reference; above 1 where the recogniser hears more than was said.

    Turns with three words or more that last no longer than ``seconds``, without digits, whose reading is not known;
    as evenly over voices and emotions as can be.

    Raises:
        NotMeasurableError: no such turn has a transcript.
    """
    turns = [turn for turn in some_turns(found, 50 * most, seed) if _fits(turn, seconds)][:most]
    if not turns:
        raise NotMeasurableError("no turn with a transcript is short enough")
    task = progress.task(f"recognise words ({name})", len(turns), "turn")
    errors, counts = np.zeros(len(turns)), np.zeros(len(turns))
    for i, turn in enumerate(turns):
        reference = words(turn.segment.said)
        errors[i] = word_errors(reference, words(recogniser(sound_of(turn.part.track, turn.segment, seconds))))
        counts[i] = len(reference)
        task.advance()
    weights = patient_weights([turn.part.patient for turn in turns], seed)
    draws: Floats = ratio(weights @ errors, weights @ counts)
    value = float(errors.sum() / counts.sum())
    low, high = percentile_interval(draws)
    n = len({turn.part.patient for turn in turns})
    note = f"{recogniser.name}; {int(counts.sum())} words in {len(turns)} turns"
    return Estimate(name, value, (min(low, value), max(high, value)), n, "lower", note)


def _fits(turn: Turn, seconds: float) -> bool:
    text = turn.segment.said
    lasting = (turn.segment.end - turn.segment.start) / turn.part.track.audio.rate
    return len(words(text)) >= _FEWEST and not re.search(r"\d", text) and 0.3 < lasting <= seconds
