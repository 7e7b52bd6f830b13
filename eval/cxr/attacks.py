"""Attacks on a release of chest X-rays: in pixels, in features of a network trained on the release, by identity."""

from __future__ import annotations

import numpy as np

from synthgen.estimates import attempted
from synthgen.eval import battery
from synthgen.eval.attacks import Inferred
from synthgen.eval.battery import Attacked, Sets, Space
from synthgen.eval.cxr.classifier import LabelledImages
from synthgen.eval.cxr.config import EvaluationConfig
from synthgen.eval.cxr.features import Embed, Floats, fit_identity, pixels
from synthgen.eval.known import Row
from synthgen.payloads.cxr import CxrCondition
from synthgen.pretrained.image import encoder_label
from synthgen.progress import Progress
from synthgen.records import Estimate


def attack_release(
    sets: Sets[LabelledImages],
    on_release: Embed,
    encoder: Embed | None,
    config: EvaluationConfig,
    seed: int,
    progress: Progress,
) -> Attacked:
    """All attacks on the release; what has too little data is left out, and said.

    Args:
        on_release: features of a network that was trained on the release alone: an attacker has it too.
        encoder: features of an encoder from the hub, if one was asked for.
    """
    each, dimensions = sets.one_each(seed), config.density_dimensions
    spaces = _spaces(each, on_release, encoder, config)
    found: list[Estimate] = []
    for space in spaces:
        found += battery.membership(space, dimensions=dimensions, seed=seed, progress=progress)
    known = None
    if len(each.reference) < 2:
        progress.say("identity attack is not measured: it needs calibration patients to learn identity from")
    else:
        known = attempted(progress, _identity, each, config, seed)
        found += battery.identity(known, seed=seed) if known is not None else ()
    told: list[tuple[str, Inferred]] = []
    for attribute in ("sex", "age"):
        one = _attribute(each, on_release, attribute, seed, progress)
        if one is not None:
            found += one.estimates()
            told.append((attribute, one))
    exposed = battery.exposure(
        each, lambda x: rows(x.conditions), spaces, told,
        dimensions=dimensions, seed=seed, progress=progress, identity=known,
    )  # fmt: skip
    copying = _copying(sets, config, seed, progress)
    return Attacked(tuple(found), copying, exposed, battery.patient_exposure(spaces[0]))


def rows(conditions: tuple[CxrCondition, ...]) -> list[Row]:
    """What is known of images beside themselves."""
    return [{"finding": list(c.labels), "view": c.view, "sex": c.sex, "age": c.age} for c in conditions]


def _spaces(
    each: Sets[LabelledImages], on_release: Embed, encoder: Embed | None, config: EvaluationConfig
) -> list[Space]:
    size, trained = config.pixel_size, f"network trained on the release, {config.image_size} px"
    spaces = [
        Space.of(each, lambda x: pixels(x.images, size), "pixels", f"pixels at {size} px, standardised"),
        Space.of(each, lambda x: on_release(x.images), "features", trained),
    ]
    if encoder is not None:
        note = f"encoder {encoder_label(config.encoder)}"
        spaces.append(Space.of(each, lambda x: encoder(x.films), "encoder", note))
    return spaces


def _identity(each: Sets[LabelledImages], config: EvaluationConfig, seed: int) -> Space:
    known = each.reference
    embed = fit_identity(known.images, known.patients, views=config.identity_views, seed=seed)
    note = "linear discriminants of gradient histograms, fitted on the calibration patients"
    return Space.of(each, lambda x: embed(x.images), note=note)


def _attribute(
    each: Sets[LabelledImages], on_release: Embed, attribute: str, seed: int, progress: Progress
) -> Inferred | None:
    return attempted(
        progress,
        battery.attribute_inference,
        each,
        lambda x: _known_but(attribute, on_release(x.images), x.conditions),
        lambda x: _values(attribute, x.conditions),
        attribute,
        seed=seed,
        note="age: 50 and over, or under" if attribute == "age" else "",
    )


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


def _copying(
    sets: Sets[LabelledImages], config: EvaluationConfig, seed: int, progress: Progress
) -> tuple[Estimate, ...]:
    size = config.pixel_size
    return battery.described(
        sets, lambda x: pixels(x.images, size), seed=seed, progress=progress, note=f"pixels at {size} px"
    )
