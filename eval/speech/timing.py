"""How long turns, pauses and latencies are, how fast speech is, and whether a voice keeps its pitch over sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from synthgen.estimates import Floats, NotMeasurableError, mean, patient_counts, percentile_interval
from synthgen.eval.speech.features import Measured
from synthgen.eval.speech.records import Voices
from synthgen.payloads.speech import Recording
from synthgen.records import Estimate

_LEAST = 4
_RESAMPLES = 1000
_LEVELS = {"minimal": 0, "mild": 1, "moderate": 2, "moderately severe": 3, "severe": 4}


def beside(synthetic: Estimate, real: Estimate | None) -> tuple[Estimate, ...]:
    """A figure of the release, and the real one, which is the ideal of both; without it no direction is better."""
    if real is None:
        return (replace(synthetic, better=""),)
    ideal = f"{real.value:.3g}"
    s = Estimate(synthetic.metric, synthetic.value, synthetic.ci95, synthetic.n, ideal, synthetic.note)
    return s, Estimate(f"{real.metric}_real", real.value, real.ci95, real.n, ideal, real.note)


def durations(synthetic: Voices, real: Voices, *, seed: int) -> tuple[Estimate, ...]:
    """``turn_seconds``, ``latency_seconds`` and ``overlap_share``, means over turns; real ones of conversations.

    A latency is the time from the end of what was said before to a turn of another speaker, negative where they
    overlap; the share counts those below zero. Single clips are no turns, and stand beside nothing.
    """
    found: list[Estimate] = []
    s, r = _turn_seconds(synthetic), _turn_seconds(real)
    found += _figure("turn_seconds", s, r, seed)
    s, r = _latencies(synthetic), _latencies(real)
    found += _figure("latency_seconds", s, r, seed)
    negative = [(v < 0).astype(np.float64) for v in (s[0], r[0])]
    found += _figure("overlap_share", (negative[0], s[1]), (negative[1], r[1]), seed, bounded=True)
    return tuple(found)


def tempo(synthetic: Measured, real: Measured, *, seed: int) -> tuple[Estimate, ...]:
    """``pause_share`` of turns, ``pause_seconds`` and ``syllables_a_second``: measured alike in both."""
    found: list[Estimate] = []
    names = {"pause_share": "pause_share", "pause_seconds": "pause_mean", "syllables_a_second": "rate"}
    for name, column in names.items():
        sides = []
        for measured in (synthetic, real):
            values = measured.column(column)
            kept = values > 0 if column == "pause_mean" else np.ones(len(values), dtype=np.bool_)
            sides.append((values[kept], [p for p, k in zip(measured.patients, kept, strict=True) if k]))
        found += _figure(name, sides[0], sides[1], seed)
    return tuple(found)


def pitch_correlation(synthetic: Measured, real: Measured, *, seed: int) -> tuple[Estimate, ...]:
    """``pitch_correlation``: Pearson's, over voices, of the mean F0 in one recording and in the next of the voice.

    There is no source recording that a synthetic turn could be compared with, as in voice conversion; this says instead
    whether a voice keeps its pitch from session to session. Real beside, where speakers have two recordings.

    Raises:
        NotMeasurableError: fewer than four synthetic voices with two recordings.
    """
    ours = _pitch_pairs(synthetic)
    if len(ours) < _LEAST:
        raise NotMeasurableError(f"{_LEAST} voices with two recordings are needed")
    theirs = _pitch_pairs(real)
    s = _correlation("pitch_correlation", ours, seed, "mean F0 of a voice in two of its recordings")
    if len(theirs) < _LEAST:
        return (s,)
    return beside(s, _correlation("pitch_correlation", theirs, seed + 1, "mean F0 of a speaker in two recordings"))


def severity_in_pauses(synthetic: Measured, *, seed: int) -> Estimate:
    """``severity_pause_correlation``: Spearman's, over patients, of severity and the mean pause in their own turns.

    Raises:
        NotMeasurableError: fewer than eight patients, or all of one severity.
    """
    pauses: dict[str, list[float]] = defaultdict(list)
    level: dict[str, int] = {}
    for turn, pause in zip(synthetic.turns, synthetic.column("pause_mean"), strict=True):
        if turn.part.role == "patient" and pause > 0 and turn.part.severity in _LEVELS:
            pauses[turn.part.patient].append(float(pause))
            level[turn.part.patient] = _LEVELS[turn.part.severity]
    names = sorted(pauses)
    if len(names) < 2 * _LEAST or len(set(level.values())) < 2:
        raise NotMeasurableError(f"{2 * _LEAST} patients of two severities are needed")
    points = np.array([[level[name], float(np.mean(pauses[name]))] for name in names])
    return _correlation("severity_pause_correlation", points, seed, "severity and mean pause, ranks", ranks=True)


def _figure(
    name: str,
    synthetic: tuple[Floats, Sequence[str]],
    real: tuple[Floats, Sequence[str]],
    seed: int,
    *,
    bounded: bool = False,
) -> tuple[Estimate, ...]:
    if not len(synthetic[0]):
        return ()

    def one(side: tuple[Floats, Sequence[str]], seed: int) -> Estimate:
        values, patients = side
        note = f"{len(values)} measured, median {np.median(values):.3g}, SD {values.std():.3g}"
        return mean(name, values, patients, seed=seed, note=note, bounded=bounded)

    theirs = one(real, seed + 1) if len(real[0]) >= _LEAST else None
    return beside(one(synthetic, seed), theirs)


def _turn_seconds(found: Voices) -> tuple[Floats, list[str]]:
    """Of conversations alone: a recording of one segment is a clip that somebody cut."""
    values, patients = [], []
    for part in found.parts:
        if len(part.track.segments) > 1 or len(found.recordings[part.recording][1].tracks) > 1:
            for segment in part.track.segments:
                values.append((segment.end - segment.start) / part.track.audio.rate)
                patients.append(part.patient)
    return np.asarray(values, dtype=np.float64), patients


def _latencies(found: Voices) -> tuple[Floats, list[str]]:
    values: list[float] = []
    patients: list[str] = []
    for patient, recording in found.recordings:
        own = latencies(recording)
        values += own
        patients += [patient] * len(own)
    return np.asarray(values, dtype=np.float64), patients


def latencies(recording: Recording) -> list[float]:
    """Seconds from the end of a turn to the next by another speaker; what lies within another's turn is no answer."""
    spoken = sorted((s.start, s.end, number) for number, track in enumerate(recording.tracks) for s in track.segments)
    found: list[float] = []
    last_end, last_speaker = -1, -1
    for start, end, speaker in spoken:
        if last_speaker >= 0 and speaker != last_speaker and end > last_end:
            found.append((start - last_end) / recording.tracks[0].audio.rate)
        if end > last_end:
            last_end, last_speaker = end, speaker
    return found


def _pitch_pairs(found: Measured) -> NDArray[np.float64]:
    """Mean F0 (semitones) of each voice in its first two recordings, [V, 2]."""
    by_voice: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn, f0 in zip(found.turns, found.column("f0"), strict=True):
        by_voice[turn.part.voice][turn.part.recording].append(float(f0))
    pairs = [
        [float(np.mean(own[number])) for number in sorted(own)[:2]]
        for _, own in sorted(by_voice.items())
        if len(own) > 1
    ]
    return np.asarray(pairs, dtype=np.float64).reshape(-1, 2)


def _correlation(name: str, points: Floats, seed: int, note: str, *, ranks: bool = False) -> Estimate:
    """Correlation of the two columns of ``points`` [n, 2], rows resampled."""
    used = np.stack([stats.rankdata(points[:, k]) for k in (0, 1)], axis=1) if ranks else points
    counts = np.concatenate([np.ones((1, len(used))), patient_counts(len(used), seed, _RESAMPLES)])
    weight = counts / counts.sum(axis=1, keepdims=True)
    x, y = used[:, 0], used[:, 1]
    mx, my = weight @ x, weight @ y
    cov = weight @ (x * y) - mx * my
    spread = np.sqrt(np.maximum((weight @ x**2 - mx**2) * (weight @ y**2 - my**2), 0.0))
    draws = np.divide(cov, spread, out=np.full(len(cov), np.nan), where=spread > 1e-12)
    value = float(draws[0])
    if np.isnan(value):
        raise NotMeasurableError(f"{name}: one side does not vary")
    low, high = percentile_interval(draws[1:])
    return Estimate(name, value, (min(low, value), max(high, value)), len(points), "1", note)
