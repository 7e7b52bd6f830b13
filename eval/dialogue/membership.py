"""Membership inference on a fine-tuned language model: does it know T's transcripts better than E's?

These are attacks on the model, which stays in the work folder, not on a release: they say what would be lost if the
model got out, and how far it learnt by heart. Four scores, each larger for a likelier member:

loss          mean ln p per token (Yeom et al. 2018)
reference     mean ln p under the model minus mean ln p under its base (Carlini et al. 2021; Mireshghallah et al. 2022)
zlib          total ln p per byte of the zlib-compressed text (Carlini et al. 2021)
min_k         mean of the lowest 20% of the tokens' ln p (Shi et al. 2024)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.estimates import Floats, NotMeasurableError
from synthgen.eval.attacks import by_score
from synthgen.payloads.dialogue import DialogueReal
from synthgen.records import Estimate

TokenLogProbabilities = Callable[[Sequence[DialogueReal]], list[tuple[Floats, Floats]]]
"""For each record ln p of its tokens, [L] each: under the fine-tuned model, and under the base it was tuned from."""

ATTACKS = ("loss", "reference", "zlib", "min_k")
_MIN_K = 0.2


@dataclass(frozen=True)
class Scores:
    """One row per patient, [patients, attacks], in the order of ATTACKS."""

    patients: tuple[str, ...]
    values: NDArray[np.float64]


def score_patients(records: Sequence[DialogueReal], log_probabilities: TokenLogProbabilities) -> Scores:
    """Each patient's scores: the mean over its records, so that a patient with many sessions counts once.

    Records that the model cannot read (no token fits its window) are left out.

    Raises:
        ValueError: if a log-probability is not finite.
    """
    by_patient: dict[str, list[Floats]] = {}
    for record, (model, base) in zip(records, log_probabilities(records), strict=True):
        if len(model):
            by_patient.setdefault(record.patient, []).append(_scores(record, model, base))
    patients = tuple(sorted(by_patient))
    rows = [np.mean(by_patient[patient], axis=0) for patient in patients]
    return Scores(patients, np.array(rows, np.float64).reshape(len(rows), len(ATTACKS)))


def _scores(record: DialogueReal, model: Floats, base: Floats) -> Floats:
    if not (np.isfinite(model).all() and np.isfinite(base).all()) or len(model) != len(base):
        raise ValueError("log-probabilities must be finite, one of the model and one of its base per token")
    lowest = np.sort(model)[: max(1, round(_MIN_K * len(model)))]
    packed = len(zlib.compress(record.payload.text.encode(), 9))
    return np.array([model.mean(), model.mean() - base.mean(), model.sum() / packed, lowest.mean()])


def model_membership(
    train: Sequence[DialogueReal],
    audit: Sequence[DialogueReal],
    log_probabilities: TokenLogProbabilities,
    *,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """AUC, and true positive rate at 1% false positives, of every attack: patients of T against patients of E.

    Args:
        train: the transcripts as they are, without planted canaries.

    Raises:
        NotMeasurableError: fewer than 2 patients on a side.
    """
    members, others = score_patients(train, log_probabilities), score_patients(audit, log_probabilities)
    if min(len(members.patients), len(others.patients)) < 2:
        raise NotMeasurableError("membership inference on the model needs 2 patients of T and 2 of E")
    found: list[Estimate] = []
    for column, name in enumerate(ATTACKS):
        t, e = members.values[:, column], others.values[:, column]
        found += by_score(f"model_membership_{name}", t, e, members.patients, others.patients, seed=seed)
    return tuple(found)
