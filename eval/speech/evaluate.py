"""The evaluation of a release of speech: what an attacker gets out of it, and what a user does.

Sessions are long, so that excerpts are measured: of each set at most ``config.turns`` turns, evenly over voices and
emotions, and of a long turn its middle ``config.turn_seconds``. How much of a track the speaker vectors hear is up to
whoever hands them in.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.estimates import NotMeasurableError, measured
from synthgen.eval.battery import Sets
from synthgen.eval.speech import emotion, timing
from synthgen.eval.speech.attacks import attack_release
from synthgen.eval.speech.config import EvaluationConfig
from synthgen.eval.speech.diarisation import Diariser, diarisation_error_rate
from synthgen.eval.speech.distinctiveness import Likelihood, gain_of_distinctiveness
from synthgen.eval.speech.features import Measured, measure
from synthgen.eval.speech.intelligibility import Recogniser, word_error_rate
from synthgen.eval.speech.pairs import Prints, Scores, VoiceVectors, compares_recordings, pair_scores, prints
from synthgen.eval.speech.records import Voices, some_turns
from synthgen.eval.speech.verification import (
    accepted_as_registered,
    equal_error_rate,
    linkability_of_pairs,
    rates_at,
    registered_missed,
    threshold_at_equal_error,
)
from synthgen.payloads.speech import Speech, SpeechCondition, SpeechSynthetic
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate
from synthgen.report import Evaluation

LEAST_VOICES, LEAST_PATIENTS = 2, 8


def evaluate(
    samples: Sequence[SpeechSynthetic],
    cohort: Cohort[Speech, SpeechCondition],
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
    vectors: VoiceVectors,
    recogniser: Recogniser | None = None,
    diariser: Diariser | None = None,
) -> Evaluation:
    """Attacks with the audit patients as non-members; voices, emotions, words and timing, with real ones beside.

    Without audit patients there is nobody to attack beside T: no attacks, and the calibration patients stand beside the
    release. With fewer than 2 voices, 8 training patients or 8 held-out ones nothing is measured, and a line says so.

    Args:
        vectors: a track to speaker vectors of its windows, in order of time.
        recogniser: where None, the word error rate is not measured.
        diariser: where None, the diarisation error rate is not measured.

    Raises:
        MissingExtraError: soundfile, soxr or pyworld is not installed.
    """
    limit = config.max_samples
    sets = Sets.of(
        samples, cohort, lambda x, own: Voices.synthetic(x, limit, own), lambda x, own: Voices.real(x, limit, own), seed
    )
    synthetic, train, test = sets.synthetic, sets.train, sets.audit
    patients = min(len(set(train.patients)), len(set(test.patients)))
    if len(set(synthetic.voices)) < LEAST_VOICES or patients < LEAST_PATIENTS:
        progress.say(
            f"evaluation needs {LEAST_VOICES} voices, {LEAST_PATIENTS} training and {LEAST_PATIENTS} audit speakers: "
            "nothing is measured"
        )
        return Evaluation((), ())
    named = ((synthetic, "the release"), (train, "T"), (test, "E"), (sets.reference, "C"))
    heard = Sets(*(prints(found, vectors, progress, name) for found, name in named))
    quality = [*_voices(heard, config, seed, progress)]
    quality += _acoustics(synthetic, train, test, config, seed, progress)
    quality += _words(synthetic, test, recogniser, config, seed, progress)
    if config.diarised_seconds and diariser is None:
        progress.say("the diarisation error rate is not measured: no diariser is at hand")
    elif config.diarised_seconds and diariser is not None:
        quality += measured(
            progress, diarisation_error_rate, synthetic, diariser, progress,
            sessions=config.diarised_sessions, seconds=config.diarised_seconds, seed=seed,
        )  # fmt: skip
    if not cohort.audit:
        progress.say("no audit patients: no attack is measured")
        return Evaluation((), tuple(quality))
    try:
        found = attack_release(heard, config, seed, progress)
    except NotMeasurableError as error:
        progress.say(f"no attack is measured: {error}")
        return Evaluation((), tuple(quality))
    return Evaluation(found.attacks, (*quality, *found.copying), exposure=found.exposure, patients=found.patients)


def _voices(heard: Sets[Prints], config: EvaluationConfig, seed: int, progress: Progress) -> tuple[Estimate, ...]:
    """How well the speaker vectors tell real people apart; whether the release's persist, differ, and are new."""
    s, t, e, c = heard.synthetic, heard.train, heard.audit, heard.reference
    found: list[Estimate] = []
    ours = _pairs(s, seed, "the release", progress)
    # A threshold of recordings would not hold for halves of one: E and C are compared in the same way.
    halves = not (compares_recordings(e) and compares_recordings(c))
    theirs, setting = (_pairs(x, seed, name, progress, halves=halves) for x, name in ((e, "E"), (c, "C")))
    does = "D_sys of one voice's recordings against others': does a voice stay itself"
    for pairs, ending, whose, persists in (
        (ours, "", "the release's voices", does),
        (theirs, "_real", "real speakers of E", "the same of real speakers of E"),
    ):
        if pairs is not None:
            found.append(equal_error_rate(f"voice_eer{ending}", pairs, seed=seed, note=whose))
            found.append(
                linkability_of_pairs(
                    f"voice_persistence_dsys{ending}", pairs,
                    permutations=config.permutations, seed=seed, better="higher", note=persists,
                )
            )  # fmt: skip
    if setting is not None:
        tau = threshold_at_equal_error(setting)
        if theirs is not None:
            found += rates_at(theirs, tau, seed=seed, note="τ at the equal error of C's pairs, measured on E's")
        found += measured(
            progress, gain_of_distinctiveness, s, e, Likelihood.fit(setting),
            seed=seed, note="likelihood ratios calibrated on C",
        )  # fmt: skip
    found += measured(progress, accepted_as_registered, s, e, c, t)
    found += measured(progress, registered_missed, t, c, t)
    return tuple(found)


def _pairs(found: Prints, seed: int, name: str, progress: Progress, *, halves: bool = False) -> Scores | None:
    try:
        return pair_scores(found, seed, halves=halves)
    except NotMeasurableError as error:
        progress.say(f"pairs of {name} are not compared: {error}")
        return None


def _acoustics(
    synthetic: Voices, train: Voices, test: Voices, config: EvaluationConfig, seed: int, progress: Progress
) -> tuple[Estimate, ...]:
    s, t, e = (_measured(x, config, seed) for x in (synthetic, train, test))
    return (
        *measured(progress, emotion.recognised_across_voices, s, seed=seed),
        *measured(progress, emotion.recognised_by_real, s, t, e, seed=seed),
        *measured(progress, emotion.tstr, s, t, e, repeats=config.classifier_repeats, seed=seed),
        *measured(progress, timing.pitch_correlation, s, e, seed=seed),
        *timing.durations(synthetic, test, seed=seed),
        *timing.tempo(s, e, seed=seed),
        *measured(progress, timing.severity_in_pauses, s, seed=seed),
    )


def _measured(found: Voices, config: EvaluationConfig, seed: int) -> Measured:
    return measure(some_turns(found, config.turns, seed), config.turn_seconds)


def _words(
    synthetic: Voices,
    test: Voices,
    recogniser: Recogniser | None,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    if not config.wer_turns:
        return ()
    if recogniser is None:
        progress.say("the word error rate is not measured: no recogniser is installed")
        return ()
    found: list[Estimate] = []
    for name, voices in (("wer", synthetic), ("wer_real", test)):
        found += measured(
            progress, word_error_rate, name, voices, recogniser, progress,
            most=config.wer_turns, seconds=config.turn_seconds, seed=seed,
        )  # fmt: skip
    return tuple(found)
