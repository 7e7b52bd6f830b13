"""Attacks on a release of dialogues. Six, stated here, so that nobody picks the one that fails.

``membership_nn_tfidf``, ``membership_domias_tfidf`` and ``hole_tfidf`` in TF-IDF reduced by SVD, fitted on the release
and the reference population C; ``membership_runs`` by the longest shared run of words; ``identity`` by the patient's
style, which no filter looks at; ``attribute_inference`` of severity (or disorder). With a sentence encoder also
``membership_nn_encoder`` and ``membership_domias_encoder``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.estimates import Floats, NotMeasurableError, auc, measured, tpr_at_fpr
from synthgen.eval import attacks, copying
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.eval.dialogue.records import Dialogues, one_each, size_matched
from synthgen.eval.dialogue.runs import reproduction_rate, run_scores
from synthgen.eval.dialogue.space import Embed, TextEncoder, fit_style, fit_tfidf
from synthgen.progress import Progress
from synthgen.records import Estimate


@dataclass(frozen=True)
class Attacked:
    """Who is attacked, with what: the release, T and E (whole), and the attacker's reference population, C."""

    synthetic: Dialogues
    train: Dialogues
    audit: Dialogues
    reference: Dialogues
    encoder: TextEncoder | None


def attack_release(
    parts: Attacked, config: EvaluationConfig, seed: int, progress: Progress
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
    """(attacks, statistics of copying); one that has too little data is left out, and said.

    The attacks take one record of every patient of T and of E: an AUC needs no equal numbers, and leaving members out
    would only widen its interval. Statistics of copying, which do, take equal numbers.
    """
    members, others = one_each(parts.train, seed), one_each(parts.audit, seed + 1)
    try:
        tfidf = fit_tfidf(parts.synthetic, parts.reference, dimensions=config.dimensions, seed=seed)
    except NotMeasurableError as error:
        progress.say(f"attacks in text space are not measured: {error}")
        return (), ()
    note = f"TF-IDF and SVD to {tfidf(members.take([0])).shape[1]} dimensions, fitted on the release and C"
    found = list(_in_space(parts, members, others, tfidf, "tfidf", note, config, seed, progress, hole=True))
    found += measured(progress, _membership_runs, parts, members, others, config.longest_run, seed)
    found += measured(progress, _identity, parts, members, others, seed)
    found += measured(progress, _attribute_inference, parts, members, others, tfidf, config, seed)
    if parts.encoder is not None:
        encoder = parts.encoder

        def embed(x: Dialogues) -> Floats:
            return np.asarray(encoder(x.texts), dtype=np.float64)

        found += _in_space(
            parts, members, others, embed, "encoder", "sentence encoder", config, seed, progress, hole=False
        )
    return tuple(found), _copying(parts, *size_matched(parts.train, parts.audit, seed), config, seed, progress)


def _in_space(
    parts: Attacked,
    members: Dialogues,
    others: Dialogues,
    embed: Embed,
    name: str,
    note: str,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
    *,
    hole: bool,
) -> tuple[Estimate, ...]:
    s, reference = embed(parts.synthetic), embed(parts.reference)
    groups = attacks.Groups(embed(members), embed(others), members.patients, others.patients)
    nearest = measured(progress, attacks.nn_membership, groups, s, seed=seed, name=f"membership_nn_{name}", note=note)
    density = measured(
        progress,
        attacks.domias,
        groups,
        s,
        reference,
        dimensions=config.density_dimensions,
        seed=seed,
        name=f"membership_domias_{name}",
        note=note,
    )
    if not hole:
        return (*nearest, *density)
    far = measured(progress, attacks.hole_attack, groups, s, seed=seed, name=f"hole_{name}", note=note)
    return (*nearest, *far, *density)


def _membership_runs(
    parts: Attacked, members: Dialogues, others: Dialogues, limit: int, seed: int
) -> tuple[Estimate, ...]:
    t, e = run_scores((members, others), parts.synthetic, limit)
    note = "longest run of words shared with the release"
    area = auc(
        "membership_runs_auc",
        t,
        e,
        positive_patients=members.patients,
        negative_patients=others.patients,
        seed=seed,
        better="0.5",
        note=note,
    )
    rate = tpr_at_fpr(
        "membership_runs_tpr_at_fpr_0.01",
        t,
        e,
        0.01,
        positive_patients=members.patients,
        negative_patients=others.patients,
        seed=seed,
        better="0.01",
        note=note,
    )
    return (area, rate)


def _identity(parts: Attacked, members: Dialogues, others: Dialogues, seed: int) -> tuple[Estimate, ...]:
    style = fit_style(parts.reference)
    groups = attacks.Groups(style(members), style(others), members.patients, others.patients)
    note = "style of the patient's side (function words, marks, lengths), standardised on C"
    return attacks.identity_attack(groups, style(parts.synthetic), seed=seed, note=note)


def _attribute_inference(
    parts: Attacked, members: Dialogues, others: Dialogues, embed: Embed, config: EvaluationConfig, seed: int
) -> tuple[Estimate, ...]:
    name = config.label if config.label != "auto" else "severity"
    if config.label == "auto" and not all(
        len({c.severity for c in x.conditions} - {""}) > 1 for x in (parts.synthetic, members, others)
    ):
        name = "disorder"
    sets = (members, others, parts.synthetic)
    values = [[getattr(c, name) for c in x.conditions] for x in sets]
    groups = attacks.Groups(embed(members), embed(others), members.patients, others.patients)
    return attacks.attribute_inference(
        groups,
        embed(parts.synthetic),
        *values,
        seed=seed,
        name=f"attribute_inference_{name}",
        note="from the transcript in text space",
    )


def _copying(
    parts: Attacked,
    members: Dialogues,
    others: Dialogues,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """Statistics of copying. C_T and the shares compare T with E, who set no threshold.

    They hold distances of S against distances of E, so that the space is fitted on neither, but on C alone.
    """
    reproduced = measured(
        progress, reproduction_rate, parts.synthetic, parts.train, parts.reference, limit=config.longest_run, seed=seed
    )
    try:
        embed = fit_tfidf(parts.reference, dimensions=config.dimensions, seed=seed)
    except NotMeasurableError as error:
        progress.say(f"copying in text space is not measured: {error}")
        return reproduced
    s, t, e, every = (embed(x) for x in (parts.synthetic, members, others, parts.train))
    owners = parts.train.patients
    note = f"TF-IDF and SVD to {s.shape[1]} dimensions, fitted on C"
    scores = (-attacks.nearest_distance(t, s), -attacks.nearest_distance(e, s))
    return (
        *reproduced,
        *measured(progress, attacks.privacy_gain, *scores, seed=seed, note=note),
        *measured(progress, copying.authenticity, every, owners, s, note=note),
        *measured(progress, copying.nearest_neighbour_distance_ratio, every, owners, s, seed=seed, note=note),
        *measured(progress, copying.dcr_share, t, e, s, seed=seed, note=note),
        *measured(progress, copying.data_copying, t, e, s, seed=seed, note=note),
        *measured(progress, copying.epsilon_identifiability, t, e, s, seed=seed, note=note),
        *measured(progress, copying.outlier_similarity, every, e, s, note=note),
    )
