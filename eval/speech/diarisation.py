"""Diarisation error rate of a diariser that somebody else trained, on the mixes of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from synthgen.estimates import NotMeasurableError, drawn, patient_weights, percentile_interval, ratio
from synthgen.eval.speech.records import Sound, Voices, read
from synthgen.payloads.speech import Recording
from synthgen.progress import Progress
from synthgen.records import Estimate

Span = tuple[float, float, str]
"""Start and end in seconds, and who speaks; speakers may overlap."""


class Diariser(Protocol):
    """Says who spoke when."""

    @property
    def name(self) -> str: ...

    def __call__(self, mix: Sound, speakers: int, /) -> Sequence[Span]:
        """``mix`` at 16 kHz, and the number of speakers in it."""
        ...


_FRAME = 0.01
_COLLAR = 0.25


def diarisation_errors(
    reference: Sequence[Span], hypothesis: Sequence[Span], seconds: float, collar: float = _COLLAR
) -> tuple[float, float]:
    """(seconds in error, seconds of reference speech), NIST's definition: missed + false alarm + confused speech.

    Speakers are mapped one to one as it suits the hypothesis best. ``collar`` seconds about each boundary of the
    reference are not scored; overlapped speech is, each speaker of it.
    """
    frames = round(seconds / _FRAME)
    truth, guess = _activity(reference, frames), _activity(hypothesis, frames)
    scored = np.ones(frames, dtype=np.bool_)
    for start, end, _ in reference:
        for edge in (start, end):
            scored[max(0, round((edge - collar) / _FRAME)) : max(0, round((edge + collar) / _FRAME))] = False
    truth, guess = truth[:, scored], guess[:, scored]
    together = truth.astype(np.float64) @ guess.T.astype(np.float64)
    rows, columns = linear_sum_assignment(-together)
    right = np.zeros(truth.shape[1])
    for row, column in zip(rows, columns, strict=True):
        right += truth[row] & guess[column]
    wrong = np.maximum(truth.sum(axis=0), guess.sum(axis=0)) - right
    return float(wrong.sum()) * _FRAME, float(truth.sum()) * _FRAME


def _activity(spans: Sequence[Span], frames: int) -> NDArray[np.bool_]:
    """[speakers, frames]"""
    names = sorted({name for _, _, name in spans})
    found = np.zeros((max(1, len(names)), frames), dtype=np.bool_)
    for start, end, name in spans:
        found[names.index(name), max(0, round(start / _FRAME)) : max(0, round(end / _FRAME))] = True
    return found


def diarisation_error_rate(
    found: Voices, diariser: Diariser, progress: Progress, *, sessions: int, seconds: float, seed: int
) -> Estimate:
    """``der``: of the first ``seconds`` of sessions, collar 0.25 s, overlap scored; patients are resampled.

    Raises:
        NotMeasurableError: no recording has two speakers.
    """
    several = [(patient, one) for patient, one in found.recordings if sum(bool(t.segments) for t in one.tracks) > 1]
    if not several:
        raise NotMeasurableError("no recording has two speakers")
    chosen = [several[i] for i in drawn(len(several), sessions, seed)]
    task = progress.task("diarise", len(chosen), "session")
    errors, speech = np.zeros(len(chosen)), np.zeros(len(chosen))
    for i, (_, recording) in enumerate(chosen):
        reference, lasting = _spans(recording, seconds)
        speakers = len({name for _, _, name in reference})
        errors[i], speech[i] = diarisation_errors(reference, diariser(_mix(recording, lasting), speakers), lasting)
        task.advance()
    patients = [patient for patient, _ in chosen]
    weights = patient_weights(patients, seed)
    value = float(errors.sum() / max(speech.sum(), _FRAME))
    low, high = percentile_interval(ratio(weights @ errors, weights @ speech))
    scored = f"{diariser.name}, number of speakers given, collar {_COLLAR} s, overlap scored"
    note = f"{len(chosen)} sessions of up to {seconds:g} s, {scored}"
    return Estimate("der", value, (min(low, value), max(high, value)), len(set(patients)), "lower", note)


def _spans(recording: Recording, seconds: float) -> tuple[list[Span], float]:
    audio = recording.tracks[0].audio
    lasting = min(seconds, audio.seconds)
    spans = [
        (start / audio.rate, min(end / audio.rate, lasting), str(number))
        for number, track in enumerate(recording.tracks)
        for s in track.segments
        for start, end in s.stretches
        if start / audio.rate < lasting
    ]
    return spans, lasting


def _mix(recording: Recording, seconds: float) -> Sound:
    frames = round(seconds * recording.tracks[0].audio.rate)
    parts = [read(track, 0, frames) for track in recording.tracks]
    mixed = np.sum(parts, axis=0)
    return np.asarray(mixed, dtype=np.float32)
