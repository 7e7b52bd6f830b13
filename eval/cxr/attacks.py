"""Attacks on a release of chest X-rays: in pixels, in features of a network trained on the release, by identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthgen.estimates import Indices, measured, one_per_patient
from synthgen.eval import attacks, copying
from synthgen.eval.cxr.classifier import LabelledImages
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import Embed, Floats, fit_identity, pixels
from synthgen.payloads.cxr import CxrCondition
from synthgen.progress import Progress
from synthgen.records import Estimate


@dataclass(frozen=True)
class Attacked:
    """Who is attacked, with what: the release, T and E (whole), and the attacker's reference population, C.

    Attributes:
        on_release: features of a network that was trained on the release alone: an attacker has it too.
        encoder: features of an encoder from the hub, if one was asked for.
    """

    synthetic: LabelledImages
    train: LabelledImages
    audit: LabelledImages
    reference: LabelledImages
    on_release: Embed
    encoder: Embed | None


def take(records: LabelledImages, rows: Indices) -> LabelledImages:
    """The given rows."""
    return LabelledImages(
        records.images[rows],
        tuple(records.conditions[i] for i in rows),
        tuple(records.patients[i] for i in rows) if records.patients else (),
    )


def size_matched(a: LabelledImages, b: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """One random record per patient, of as many patients on either side."""
    n = min(len(set(a.patients)), len(set(b.patients)))
    return take(a, one_per_patient(a.patients, seed, n)), take(b, one_per_patient(b.patients, seed + 1, n))


def _known_but(attribute: str, embedding: Floats, conditions: tuple[CxrCondition, ...]) -> Floats:
    """The embedding with the other attributes as columns."""
    columns = {
        "sex": [float(c.sex == "F") - float(c.sex == "M") for c in conditions],
        "view": [float(c.view == "AP") - float(c.view == "PA") for c in conditions],
        "age": [0.0 if c.age is None else (c.age - 50) / 20 for c in conditions],
    }
    kept = [np.asarray(values)[:, None] for name, values in columns.items() if name != attribute]
    return np.concatenate([embedding, *kept], axis=1)


def _values(attribute: str, conditions: tuple[CxrCondition, ...]) -> list[str]:
    if attribute == "sex":
        return [c.sex for c in conditions]
    return ["" if c.age is None else str(c.age >= 50) for c in conditions]


def attack_release(parts: Attacked, config: EvaluationConfig, seed: int, progress: Progress) -> tuple[Estimate, ...]:
    """Every attack and every statistic of copying; one that has too little data is left out, and said."""
    members, others = (take(p, one_per_patient(p.patients, seed + i)) for i, p in enumerate((parts.train, parts.audit)))
    spaces: list[tuple[str, Embed, str]] = [
        ("pixels", lambda x: pixels(x, config.pixel_size), f"pixels at {config.pixel_size} px, standardised"),
        ("features", parts.on_release, f"network trained on the release, {config.image_size} px"),
    ]
    if parts.encoder is not None:
        spaces.append(("encoder", parts.encoder, f"encoder {Path(config.encoder).name}"))
    found: list[Estimate] = []
    for name, embed, note in spaces:
        s, reference = embed(parts.synthetic.images), embed(parts.reference.images)
        groups = attacks.Groups(embed(members.images), embed(others.images), members.patients, others.patients)
        found += measured(
            progress, attacks.nn_membership, groups, s, seed=seed, name=f"membership_nn_{name}", note=note
        )
        found += measured(progress, attacks.hole_attack, groups, s, seed=seed, name=f"hole_{name}", note=note)
        found += measured(
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
    found += _identity(parts, members, others, config, seed, progress)
    for attribute in ("sex", "age"):
        found += _attribute_inference(parts, members, others, attribute, seed, progress)
    return (*found, *_copying(parts, *size_matched(parts.train, parts.audit, seed), config, seed, progress))


def _identity(
    parts: Attacked,
    members: LabelledImages,
    others: LabelledImages,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    if len(parts.reference) < 2:
        progress.say("identity attack is not measured: it needs calibration patients to learn identity from")
        return ()
    embed = fit_identity(parts.reference.images, parts.reference.patients, views=config.identity_views, seed=seed)
    groups = attacks.Groups(embed(members.images), embed(others.images), members.patients, others.patients)
    note = "linear discriminants of gradient histograms, fitted on the calibration patients"
    return measured(progress, attacks.identity_attack, groups, embed(parts.synthetic.images), seed=seed, note=note)


def _attribute_inference(
    parts: Attacked, members: LabelledImages, others: LabelledImages, attribute: str, seed: int, progress: Progress
) -> tuple[Estimate, ...]:
    def known(x: LabelledImages) -> Floats:
        return _known_but(attribute, parts.on_release(x.images), x.conditions)

    groups = attacks.Groups(known(members), known(others), members.patients, others.patients)
    return measured(
        progress,
        attacks.attribute_inference,
        groups,
        known(parts.synthetic),
        *(_values(attribute, x.conditions) for x in (members, others, parts.synthetic)),
        seed=seed,
        name=f"attribute_inference_{attribute}",
        note="age: 50 and over, or under" if attribute == "age" else "",
    )


def _copying(
    parts: Attacked,
    members: LabelledImages,
    others: LabelledImages,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """Statistics of copying in pixels. C_T and the shares compare T with E, who set no threshold."""
    note = f"pixels at {config.pixel_size} px"
    s, t, e, every = (pixels(x.images, config.pixel_size) for x in (parts.synthetic, members, others, parts.train))
    scores = (-attacks.nearest_distance(t, s), -attacks.nearest_distance(e, s))
    return (
        *measured(progress, attacks.privacy_gain, *scores, seed=seed, note=note),
        *measured(progress, copying.authenticity, every, parts.train.patients, s, note=note),
        *measured(
            progress, copying.nearest_neighbour_distance_ratio, every, parts.train.patients, s, seed=seed, note=note
        ),
        *measured(progress, copying.dcr_share, t, e, s, seed=seed, note=note),
        *measured(progress, copying.data_copying, t, e, s, seed=seed, note=note),
        *measured(progress, copying.epsilon_identifiability, t, e, s, seed=seed, note=note),
        *measured(progress, copying.outlier_similarity, every, e, s, note=note),
    )
