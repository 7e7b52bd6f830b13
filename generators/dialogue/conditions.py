"""Which session every slot of a release asks for: cases in a row, each with all its sessions."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from synthgen.generators.dialogue.plan.arc import plan_case
from synthgen.generators.dialogue.plan.config import PlanConfig, severities
from synthgen.generators.dialogue.plan.course import draw
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.payloads.dialogue import DialogueCondition


def condition_sampler(config: PlanConfig) -> Callable[[int, int], DialogueCondition]:
    """The condition of a slot, from its number and the run's seed.

    Slots are sessions: slot ``i`` is session ``i % sessions + 1`` of case ``i // sessions``, so that a longer run has
    the same cases first. The condition's severity is the band at intake; a session's own band is in its plan.
    """

    def condition(slot: int, run_seed: int) -> DialogueCondition:
        case, session = slot // config.sessions, slot % config.sessions + 1
        seed = case_seed(run_seed, case)
        rng = random.Random(seed)  # noqa: S311 (not for cryptography)
        setting = draw(config.settings, rng)
        disorder = draw(config.therapy if setting == "therapy" else config.visit, rng)
        bands = severities(setting, disorder)
        severity = draw({band: config.severity.get(band, 0.0) for band in bands}, rng)
        return DialogueCondition(setting, disorder, severity, session, config.sessions, case, seed)

    return condition


def case_seed(run_seed: int, case: int) -> int:
    """blake2b(run seed, "case", case) as an integer in [0, 2^63)."""
    text = f"{run_seed},case,{case}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def case_of(condition: DialogueCondition, config: PlanConfig) -> CaseArc:
    """The case that is planned for a condition, drawn from its seed under these distributions."""
    return plan_case(
        condition.case_seed,
        setting=condition.setting,
        disorder=condition.disorder,
        severity=condition.severity,
        sessions=condition.sessions,
        config=config,
    )
