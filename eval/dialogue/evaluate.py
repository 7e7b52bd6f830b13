"""The evaluation of a release of dialogues: what an attacker gets out of it, and what a user does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synthgen.estimates import attempted, measured
from synthgen.eval import subgroups
from synthgen.eval.battery import Sets, enough
from synthgen.eval.dialogue import diversity
from synthgen.eval.dialogue.attacks import attack_release, rows
from synthgen.eval.dialogue.classifier import Trained, tstr
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.eval.dialogue.consistency import persona_consistency
from synthgen.eval.dialogue.judge import LanguageModel, judged
from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.dialogue.space import TextEncoder
from synthgen.eval.known import tables
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueSynthetic
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate
from synthgen.report import Evaluation
from synthgen.risks import Exposure, Subgroups


def evaluate(
    samples: Sequence[DialogueSynthetic],
    cohort: Cohort[Dialogue, DialogueCondition],
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
    encoder: TextEncoder | None = None,
) -> Evaluation:
    """Attacks on the release with the audit patients as non-members; lengths, diversity and utility beside real ones.

    Without audit patients there is nobody to attack beside T: no attacks, and the calibration patients stand beside the
    release. With fewer than 8 samples, training patients or held-out patients nothing is measured, and a line says so.

    Args:
        encoder: texts to rows, one more space for the attacks on membership.
    """
    if not enough(len(samples), cohort, progress):
        return Evaluation((), ())
    limit = config.max_samples
    sets = Sets.of(
        samples,
        cohort,
        lambda x, own: Dialogues.synthetic(x, limit, own),
        lambda x, own: Dialogues.real(x, limit, own),
        seed,
    )
    synthetic, train, test = sets.synthetic, sets.train, sets.audit
    quality, use = [*_quality(synthetic, train, test, config, seed, progress)], Subgroups()
    trained = attempted(progress, tstr, synthetic, train, test, config, seed=seed)
    if trained is not None:
        quality += measured(progress, trained.utility, seed)
        use = _by_group(trained, seed)
    if not cohort.audit:
        progress.say("no audit patients: no attack is measured")
        return Evaluation((), tuple(quality), exposure=Exposure((), use))
    found = attack_release(sets, encoder, config, seed, progress)
    exposed = replace(found.exposure, subgroups=subgroups.together((found.exposure.subgroups, use)))
    return Evaluation(found.attacks, (*quality, *found.copying), exposure=exposed, patients=found.patients)


def _by_group(trained: Trained, seed: int) -> Subgroups:
    """What classifiers trained on the release read, by whose sessions they read."""
    (known,) = tables(rows(trained.test))
    read = subgroups.Read(
        "tstr_auc_macro",
        trained.truth,
        trained.classes,
        trained.on_synthetic,
        replace(known, patients=trained.test.patients),
    )
    return subgroups.of_use(read, seed=seed)


def judge_release(
    samples: Sequence[DialogueSynthetic],
    cohort: Cohort[Dialogue, DialogueCondition],
    config: EvaluationConfig,
    judge: LanguageModel,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """What a language model says of the release beside real dialogues: see :func:`synthgen.eval.dialogue.judge.judged`.

    Args:
        judge: prompts to answers of a language model on this machine: real transcripts stand in its prompts.
    """
    synthetic = Dialogues.synthetic(samples, config.max_samples, seed)
    test = Dialogues.real(cohort.audit or cohort.calibration, config.max_samples, seed + 2)
    return measured(
        progress,
        judged,
        judge,
        synthetic,
        test,
        progress,
        dialogues=config.judge_dialogues,
        most_words=config.judge_words,
        seed=seed,
    )


def _quality(
    synthetic: Dialogues,
    train: Dialogues,
    test: Dialogues,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """Every figure of the release beside the same of held-out real dialogues."""
    found = [*diversity.lengths(synthetic, test, seed=seed)]
    for n in (1, 2):
        found += measured(progress, diversity.distinct, synthetic, test, n, budget=config.words, seed=seed)
    found += measured(
        progress,
        diversity.self_bleu,
        synthetic,
        test,
        dialogues=config.self_bleu_dialogues,
        references=config.self_bleu_references,
        window=config.self_bleu_words,
        seed=seed,
    )
    found += measured(progress, diversity.topic_entropy, synthetic, test, train, topics=config.topics, seed=seed)
    found += measured(progress, diversity.shared_openings, synthetic, test, seed=seed)
    found += measured(progress, persona_consistency, synthetic)
    found += measured(progress, persona_consistency, test, real=True)
    return tuple(found)
