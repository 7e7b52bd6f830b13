"""What changed recordings are still good for: the melody, the pauses, the words and the emotion that were in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, NotMeasurableError, mean, measured, patient_weights, percentile_interval, ratio
from synthgen.eval.speech import emotion
from synthgen.eval.speech.config import EvaluationConfig
from synthgen.eval.speech.features import Measured, acoustics, measure, pitch
from synthgen.eval.speech.intelligibility import Recogniser, word_error_rate, words
from synthgen.eval.speech.records import Sound, Turn, Voices, some_turns, sound_of
from synthgen.payloads.speech import Speech, SpeechReal
from synthgen.pretrained.recogniser import word_errors
from synthgen.progress import Progress
from synthgen.records import Estimate

_LEAST_VOICED = 20  # frames of 10 ms that are voiced in both
_QUIET_DB = 30.0  # below the loud frames a frame is silent


@dataclass(frozen=True)
class Pair:
    """A turn as it is, and as it was changed."""

    patient: str
    original: Turn
    changed: Turn


def changed_utility(
    records: Sequence[SpeechReal],
    changed: Sequence[Speech],
    train: Sequence[SpeechReal],
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
    recogniser: Recogniser | None = None,
) -> tuple[Estimate, ...]:
    """Of E: what is kept of pitch and pauses, word errors before and after, and emotion as T teaches it.

    Args:
        changed: of each record of E.
        train: T, on which the classifier of emotions learns, as it is.
        recogniser: where None, word errors are not measured.
    """
    made = [replace(record, payload=payload) for record, payload in zip(records, changed, strict=True)]
    before, after = (Voices.real(side, len(side), seed) for side in (records, made))
    pairs = [Pair(one.part.patient, one, other) for one, other in zip(before.turns, after.turns, strict=True)]
    if not pairs:
        return ()
    known = words_known(pairs, seed)
    chosen = {id(turn) for turn in some_turns(before, config.turns, seed)}
    kept = [pair for pair in pairs if id(pair.original) in chosen]
    found = [*known, *measured(progress, melody, kept, config.turn_seconds, seed)]
    found += measured(progress, pauses_kept, kept, config.turn_seconds, seed)
    found += measured(progress, rate_kept, kept, config.turn_seconds, seed)
    if recogniser is not None and config.wer_turns:
        found += measured(progress, heard_alike, kept[: config.wer_turns], recogniser, config.turn_seconds, seed)
        for name, side in (("wer_original", before), ("wer_changed", after)):
            found += measured(
                progress, word_error_rate, name, side, recogniser, progress,
                most=config.wer_turns, seconds=config.turn_seconds, seed=seed,
            )  # fmt: skip
    real = Voices.real(train, len(train), seed)
    if len({turn.segment.emotion for turn in real.turns} - {""}) > 1:
        sides = [_measured(side, config, seed) for side in (after, real, before)]
        told = measured(progress, emotion.recognised_by_real, *sides, seed=seed)
        found += [replace(one, metric=one.metric.replace("emotion_trained_on_real", "emotion_changed")) for one in told]
    return tuple(found)


def _measured(found: Voices, config: EvaluationConfig, seed: int) -> Measured:
    return measure(some_turns(found, config.turns, seed), config.turn_seconds)


def _sounds(pair: Pair, seconds: float) -> tuple[Sound, Sound]:
    one, other = (sound_of(turn.part.track, turn.segment, seconds) for turn in (pair.original, pair.changed))
    return one, other


def words_known(pairs: Sequence[Pair], seed: int) -> tuple[Estimate, ...]:
    """``turns_without_words`` and, of the others, ``transcripts_left_out``: shares of the turns.

    In the first nothing can be looked for, and a name can be heard; the others hold a name that could not be placed in
    the sound, or is kept to be heard.
    """
    bare = np.array([not pair.original.segment.said.strip() for pair in pairs])
    patients = [pair.patient for pair in pairs]
    note = "turns that came without a transcript: a name that is said in them can be heard"
    found = [mean("turns_without_words", bare, patients, seed=seed, better="lower", note=note, bounded=True)]
    told = [pair for pair, without in zip(pairs, bare, strict=True) if not without]
    if told:
        gone = np.array([not pair.changed.segment.said.strip() for pair in told])
        owners, note = [pair.patient for pair in told], "of the turns that came with one"
        found.append(mean("transcripts_left_out", gone, owners, seed=seed, better="lower", note=note, bounded=True))
    return tuple(found)


def melody(pairs: Sequence[Pair], seconds: float, seed: int) -> Estimate:
    """``pitch_contour_correlation``: Pearson's of log F0 before and after, where both are voiced; mean over turns.

    Raises:
        NotMeasurableError: no turn has enough that is voiced in both.
    """
    values, patients = _over(pairs, seconds, contour_correlation)
    note = f"log F0 of {len(values)} turns, frames voiced in both"
    return mean("pitch_contour_correlation", values, patients, seed=seed, better="1", note=note)


def pauses_kept(pairs: Sequence[Pair], seconds: float, seed: int) -> Estimate:
    """``pauses_kept``: share of frames of 10 ms that are speech, or no speech, in both.

    Raises:
        NotMeasurableError: there is nothing to compare.
    """
    values, patients = _over(pairs, seconds, _same_activity)
    return mean("pauses_kept", values, patients, seed=seed, better="1", note="frames of 10 ms", bounded=True)


def rate_kept(pairs: Sequence[Pair], seconds: float, seed: int) -> Estimate:
    """``speaking_rate_ratio``: syllables a second after over before, mean over turns.

    Raises:
        NotMeasurableError: no turn has a rate before and after.
    """
    values, patients = _over(pairs, seconds, _rate_ratio)
    return mean("speaking_rate_ratio", values, patients, seed=seed, better="1", note="peaks of the envelope")


def heard_alike(pairs: Sequence[Pair], recogniser: Recogniser, seconds: float, seed: int) -> Estimate:
    """``words_heard_otherwise``: word errors of what is heard after the change against what is heard before it.

    Needs no transcript; what was misheard before counts as said.

    Raises:
        NotMeasurableError: no words are heard.
    """
    errors, counts = np.zeros(len(pairs)), np.zeros(len(pairs))
    for i, pair in enumerate(pairs):
        said, heard = (words(recogniser(sound)) for sound in _sounds(pair, seconds))
        errors[i], counts[i] = word_errors(said, heard), len(said)
    if not counts.sum():
        raise NotMeasurableError("no words are heard in the recordings")
    patients = [pair.patient for pair in pairs]
    weights = patient_weights(patients, seed)
    value = float(errors.sum() / counts.sum())
    low, high = percentile_interval(ratio(weights @ errors, weights @ counts))
    note = f"{recogniser.name}; {int(counts.sum())} words in {len(pairs)} turns, as heard before"
    interval = (min(low, value), max(high, value))
    return Estimate("words_heard_otherwise", value, interval, len(set(patients)), "lower", note)


def _over(
    pairs: Sequence[Pair], seconds: float, of: Callable[[Sound, Sound], float | None]
) -> tuple[Floats, list[str]]:
    found = [(of(*_sounds(pair, seconds)), pair.patient) for pair in pairs]
    kept = [(value, patient) for value, patient in found if value is not None]
    if not kept:
        raise NotMeasurableError("no turn can be compared before and after")
    return np.asarray([value for value, _ in kept], dtype=np.float64), [patient for _, patient in kept]


def contour_correlation(before: Sound, after: Sound) -> float | None:
    """Pearson's correlation of log F0 at frames that are voiced in both; None where there are too few."""
    one, other = pitch(before), pitch(after)
    both = (one > 0) & (other > 0)
    if both.sum() < _LEAST_VOICED:
        return None
    x, y = np.log2(one[both]), np.log2(other[both])
    return float(np.corrcoef(x, y)[0, 1]) if min(x.std(), y.std()) > 1e-4 else None


def _same_activity(before: Sound, after: Sound) -> float | None:
    one, other = _active(before), _active(after)
    return float((one == other).mean()) if len(one) else None


def _active(samples: Sound) -> NDArray[np.bool_]:
    size = len(samples) // 160 * 160
    power = np.mean(samples[:size].reshape(-1, 160).astype(np.float64) ** 2, axis=1)
    level = 10 * np.log10(power + 1e-12)
    loud = np.percentile(level, 95) if len(level) else 0.0
    return np.asarray(level > loud - _QUIET_DB, dtype=np.bool_)


def _rate_ratio(before: Sound, after: Sound) -> float | None:
    one, other = acoustics(before), acoustics(after)
    return other.rate / one.rate if one is not None and other is not None and one.rate > 0 else None
