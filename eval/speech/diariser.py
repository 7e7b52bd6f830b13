"""A small diariser out of the speaker encoder that is there anyway: windows, clustered.

Loudness says when somebody speaks; windows of 1.6 s every 0.4 s are embedded and clustered by average linkage into as
many speakers as there are; a frame is the speaker's whose windows about it say so. It finds no overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.pretrained.speaker import Resemblyzer, SpeakerEncoder

_RATE = 16_000
_FRAME = _RATE // 100
_WINDOW, _HOP = 160, 40  # frames
_QUIET_DB = 30.0
_BRIDGE = 30  # frames: a shorter silence is part of the turn
_SPOKEN = 0.4  # share of a window in which somebody speaks

Span = tuple[float, float, str]


@dataclass(frozen=True)
class WindowClustering:
    """Who spoke when, the number of speakers being known."""

    encoder: SpeakerEncoder

    @property
    def name(self) -> str:
        return f"clustered windows of {self.encoder.name}"

    @classmethod
    def by_resemblyzer(cls) -> WindowClustering:
        """Raises MissingExtraError where Resemblyzer is not installed."""
        return cls(Resemblyzer.load())

    def __call__(self, mix: NDArray[np.float32], speakers: int) -> list[Span]:
        spoken = _spoken(mix)
        if not spoken.any():
            return []
        starts = [
            start
            for start in range(0, max(1, len(spoken) - _WINDOW + 1), _HOP)
            if spoken[start : start + _WINDOW].mean() >= _SPOKEN
        ]
        if len(starts) <= speakers:
            return _spans(spoken, np.zeros(len(spoken), dtype=np.intp))
        windows = [mix[start * _FRAME : (start + _WINDOW) * _FRAME] for start in starts]
        labels = _clusters(np.asarray(self.encoder(windows), dtype=np.float64), speakers)
        votes = np.zeros((speakers, len(spoken)))
        kernel = np.hanning(_WINDOW + 2)[1:-1]
        for start, label in zip(starts, labels, strict=True):
            length = min(_WINDOW, len(spoken) - start)
            votes[label, start : start + length] += kernel[:length]
        return _spans(spoken, np.asarray(votes.argmax(axis=0), dtype=np.intp))


def _spoken(mix: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Per frame of 10 ms."""
    frames = len(mix) // _FRAME
    framed = mix[: frames * _FRAME].reshape(frames, _FRAME).astype(np.float64)
    level = 10 * np.log10(np.mean(framed**2, axis=1) + 1e-12)
    loud = (level > np.percentile(level, 95) - _QUIET_DB) & (level > -80) if frames else np.zeros(0, dtype=np.bool_)
    return np.asarray(ndimage.binary_closing(loud, np.ones(_BRIDGE)) | loud, dtype=np.bool_)


def _clusters(vectors: NDArray[np.float64], speakers: int) -> NDArray[np.intp]:
    if speakers < 2:
        return np.zeros(len(vectors), dtype=np.intp)
    from sklearn.cluster import AgglomerativeClustering

    model = AgglomerativeClustering(n_clusters=speakers, metric="cosine", linkage="average")
    labels = np.asarray(model.fit_predict(vectors), dtype=np.intp)
    # Average linkage may split off one odd window: the centres of the clusters have the last word.
    for _ in range(5):
        centres = np.stack([vectors[labels == k].mean(axis=0) for k in range(speakers)])
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
        moved = np.asarray((vectors @ centres.T).argmax(axis=1), dtype=np.intp)
        if len(np.unique(moved)) < speakers or np.array_equal(moved, labels):
            break
        labels = moved
    return labels


def _spans(spoken: NDArray[np.bool_], speaker: NDArray[np.intp]) -> list[Span]:
    who = np.where(spoken, speaker, -1)
    edges = np.flatnonzero(np.diff(who)) + 1
    return [
        (low / 100, high / 100, str(who[low]))
        for low, high in zip([0, *edges], [*edges, len(who)], strict=True)
        if who[low] >= 0
    ]
