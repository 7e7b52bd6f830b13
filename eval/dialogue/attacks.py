"""Attacks on a release of dialogues. Six, stated here, so that nobody picks the one that fails.

``membership_nn_tfidf``, ``membership_domias_tfidf`` and ``hole_tfidf`` in TF-IDF reduced by SVD, fitted on the release
and the reference population C; ``membership_runs`` by the longest shared run of words; ``identity`` by the patient's
style, which no filter looks at; ``attribute_inference`` of severity (or disorder). With a sentence encoder also
``membership_nn_encoder`` and ``membership_domias_encoder``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from synthgen.estimates import NotMeasurableError, attempted, measured
from synthgen.eval import battery
from synthgen.eval.battery import Attacked, Sets, Space
from synthgen.eval.dialogue.config import EvaluationConfig
from synthgen.eval.dialogue.records import Dialogues
from synthgen.eval.dialogue.runs import membership_runs, reproduction_rate
from synthgen.eval.dialogue.space import Embed, TextEncoder, fit_style, fit_tfidf
from synthgen.eval.known import Row
from synthgen.progress import Progress
from synthgen.records import Estimate


def attack_release(
    sets: Sets[Dialogues], encoder: TextEncoder | None, config: EvaluationConfig, seed: int, progress: Progress
) -> Attacked:
    """All attacks on the release; what has too little data is left out, and said.

    The attacks take one record of every patient of T and of E: an AUC needs no equal numbers, and leaving members out
    would only widen its interval. Statistics of copying, which do, take equal numbers.
    """
    try:
        tfidf = fit_tfidf(sets.synthetic, sets.reference, dimensions=config.dimensions, seed=seed)
    except NotMeasurableError as error:
        progress.say(f"attacks in text space are not measured: {error}")
        return Attacked()
    each, dimensions = sets.one_each(seed), config.density_dimensions
    note = f"TF-IDF and SVD to {tfidf(each.train.take([0])).shape[1]} dimensions, fitted on the release and C"
    space = Space.of(each, tfidf, "tfidf", note)
    found = [*battery.membership(space, dimensions=dimensions, seed=seed, progress=progress)]
    found += measured(
        progress, membership_runs, each.train, each.audit, each.synthetic, config.longest_run,
        seed=seed, note="longest run of words shared with the release",
    )  # fmt: skip
    known = attempted(progress, _identity, each)
    found += battery.identity(known, seed=seed) if known is not None else ()
    label, values = _label(each, config)
    inferred = attempted(
        progress, battery.attribute_inference, each, tfidf, values, label,
        seed=seed, note="from the transcript in text space",
    )  # fmt: skip
    found += inferred.estimates() if inferred is not None else ()
    spaces = [space]
    if encoder is not None:
        spaces.append(Space.of(each, _by_encoder(encoder), "encoder", "sentence encoder"))
        found += battery.membership(spaces[1], dimensions=dimensions, seed=seed, progress=progress, hole=False)
    exposed = battery.exposure(
        each, rows, spaces, [(label, inferred)] if inferred is not None else (),
        dimensions=dimensions, seed=seed, progress=progress, identity=known,
    )  # fmt: skip
    copying = _copying(sets, config, seed, progress)
    return Attacked(tuple(found), copying, exposed, battery.patient_exposure(spaces[0]))


def rows(x: Dialogues) -> list[Row]:
    """What is known of a session beside its words, and what is counted in it."""
    return [
        {
            "setting": condition.setting,
            "disorder": condition.disorder,
            "severity": condition.severity,
            "turns": len(turns),
            "words": sum(map(len, turns)),
        }
        for condition, turns in zip(x.conditions, x.turn_words, strict=True)
    ]


def _by_encoder(encoder: TextEncoder) -> Embed:
    return lambda x: np.asarray(encoder(x.texts), dtype=np.float64)


def _identity(each: Sets[Dialogues]) -> Space:
    note = "style of the patient's side (function words, marks, lengths), standardised on C"
    return Space.of(each, fit_style(each.reference), note=note)


def _label(each: Sets[Dialogues], config: EvaluationConfig) -> tuple[str, Callable[[Dialogues], list[str]]]:
    """The attribute that is inferred, and how it is read: severity, or disorder where one side has one severity."""
    sides = (each.synthetic, each.train, each.audit)
    known = all(len({c.severity for c in x.conditions} - {""}) > 1 for x in sides)
    name = config.label if config.label != "auto" else "severity" if known else "disorder"
    return name, lambda x: [getattr(c, name) for c in x.conditions]


def _copying(sets: Sets[Dialogues], config: EvaluationConfig, seed: int, progress: Progress) -> tuple[Estimate, ...]:
    """They hold distances of S against distances of E, so that the space is fitted on neither, but on C alone."""
    reproduced = measured(
        progress, reproduction_rate, sets.synthetic, sets.train, sets.reference, limit=config.longest_run, seed=seed
    )
    try:
        embed = fit_tfidf(sets.reference, dimensions=config.dimensions, seed=seed)
    except NotMeasurableError as error:
        progress.say(f"copying in text space is not measured: {error}")
        return reproduced
    note = f"TF-IDF and SVD to {embed(sets.reference.take([0])).shape[1]} dimensions, fitted on C"
    return (*reproduced, *battery.described(sets, embed, seed=seed, progress=progress, note=note))
