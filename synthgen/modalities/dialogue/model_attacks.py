"""Attacks on the fine-tuned model itself: what would be lost if the model, which stays private, got out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from synthgen.estimates import NotMeasurableError, one_record_each
from synthgen.eval.dialogue.exposure import exposure_by_repetitions
from synthgen.eval.dialogue.membership import model_membership
from synthgen.generators.dialogue.fit.canaries import read_canaries
from synthgen.generators.dialogue.fit.config import FitConfig
from synthgen.generators.dialogue.model_folder import check_folder
from synthgen.payloads.dialogue import Dialogue, DialogueCondition
from synthgen.progress import Progress
from synthgen.records import Cohort, Estimate

_MOST_PATIENTS = 100


def model_attacks(
    model: Path | None, cohort: Cohort[Dialogue, DialogueCondition], config: FitConfig, seed: int, progress: Progress
) -> tuple[Estimate, ...]:
    """Membership inference of T against E on the model, and the exposure of its canaries. Nothing without adapters."""
    if model is None or not check_folder(model).adapted:
        return ()
    from synthgen.generators.dialogue.fit.scoring import open_model

    adapted = open_model(check_folder(model).base, model, max_tokens=config.max_tokens)
    members = one_record_each(cohort.train, seed)[:_MOST_PATIENTS]
    others = one_record_each(cohort.audit, seed)[:_MOST_PATIENTS]
    found: list[Estimate] = []
    try:
        found.extend(model_membership(members, others, adapted.token_log_probabilities, seed=seed))
        canaries = read_canaries(model)
        if canaries is not None and canaries.planted:
            where = members[0].condition
            planted = adapted.secret_log_probabilities(canaries, [c.secret for c in canaries.planted], where)
            references = adapted.secret_log_probabilities(canaries, canaries.references, where)
            repetitions = [canary.repetitions for canary in canaries.planted]
            found.extend(exposure_by_repetitions(np.asarray(planted), repetitions, np.asarray(references), seed=seed))
    except NotMeasurableError as error:
        progress.say(f"not measured on the model: {error}")
    return tuple(found)
