"""Where a phrase has speech in it: what diarisers call speech, without the silence inside."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from synthgen.generators.speech.config import RATE

Stretch = tuple[int, int]
GAP = 0.3
"""Seconds of silence that divide two stretches; shorter ones are within speech."""
_FRAME = RATE // 100
_BELOW_DB = 38.0
"""Against the loudest frame: below it a frame is silent."""
_EDGE = 2  # frames that are kept about speech, for sounds begin and end quietly


def stretches(samples: NDArray[np.float32], start: int) -> list[Stretch]:
    """Stretches of speech in a phrase that begins at the sample ``start`` of its track, in samples of the track."""
    count = max(1, -(-len(samples) // _FRAME))
    padded = np.zeros(count * _FRAME, np.float64)
    padded[: len(samples)] = samples
    levels = np.sqrt(np.mean(padded.reshape(count, _FRAME) ** 2, axis=1))
    loud = levels > levels.max() * 10 ** (-_BELOW_DB / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]])))
    found = [
        (start + max(0, int(a) - _EDGE) * _FRAME, start + min(len(samples), (int(b) + _EDGE) * _FRAME))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    return joined(found)


def joined(found: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in order, those less than :data:`GAP` apart as one."""
    whole: list[Stretch] = []
    for start, end in sorted(found):
        if whole and start - whole[-1][1] < GAP * RATE:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole
