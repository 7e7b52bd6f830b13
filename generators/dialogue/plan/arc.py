"""A case: the patient, the course over the weeks, and every session's plan. Pure: the seed and the condition decide."""

from __future__ import annotations

import random

from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, PlanConfig, severities
from synthgen.generators.dialogue.plan.therapy import plan_therapy
from synthgen.generators.dialogue.plan.types import (
    CaseArc,
)
from synthgen.generators.dialogue.plan.visits import plan_visits
from synthgen.payloads.dialogue import Setting, Severity


def plan_case(
    seed: int, *, setting: Setting, disorder: str, severity: Severity, sessions: int, config: PlanConfig
) -> CaseArc:
    """The patient and all sessions of a case.

    Args:
        seed: decides everything that the condition leaves open.
        severity: band at intake of the leading instrument; in a visit of the complaint.
        sessions: 1 to 12.

    Raises:
        ValueError: the disorder is not one of the setting's, the instrument has no such band, or too many sessions.
    """
    known = THERAPY if setting == "therapy" else VISIT if setting == "visit" else ()
    if disorder not in known:
        raise ValueError(f"{disorder!r} cannot be planned for the setting {setting!r}; known: {', '.join(known)}")
    if severity not in severities(setting, disorder):
        raise ValueError(f"{disorder} has no severity {severity!r} at intake")
    if not 1 <= sessions <= 12:
        raise ValueError(f"an arc has 1 to 12 sessions, got {sessions}")
    rng = random.Random(seed)  # noqa: S311 (not for cryptography)
    return (plan_therapy if setting == "therapy" else plan_visits)(rng, disorder, severity, sessions, config)
