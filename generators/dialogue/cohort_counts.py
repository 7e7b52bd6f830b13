"""A cohort shapes what is made from it: plans follow counts of its patients, and nothing else of its transcripts.

What a transcript is about is what its label says, where that is one of the plan's subjects, and otherwise the subject
whose content file its opening is most like (``evolution``). A count is kept where five patients share it, and written
down to the five below, so that no patient alone makes one appear. Counts are not differentially private; for that, see
``private_model``.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

from synthgen.errors import UserError
from synthgen.files import write_atomically
from synthgen.generators.dialogue.conditions import case_of, condition_sampler
from synthgen.generators.dialogue.evolution import LONGEST, SHORTEST, SUBJECTS, dialogue_features
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, PlanConfig
from synthgen.generators.dialogue.plan.course import draw
from synthgen.generators.dialogue.plan.types import CaseArc
from synthgen.payloads.dialogue import DialogueCondition, DialogueReal

COUNTS: Final = "plan_counts.json"
SHARED: Final = 5
"""Patients who must share what is counted, and the step to which counts are written down."""
SAID: Final = (
    f"what sessions are about, their setting and their length, each shared by {SHARED} patients or more and written "
    "down to the nearest five below"
)
_FORMAT: Final = "synthgen-plan-counts-1"
_EDGES: Final = (SHORTEST, 20, 30, 45, 65, 95, 140, LONGEST + 1)
"""Utterances at which one length ends and the next begins: each about half as long again as the one before."""


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """Patients by what their sessions are about, and by length, all multiples of :data:`SHARED`.

    Attributes:
        subjects: by disorder or complaint of the plan.
        lengths: by the least utterances of a range of ``_EDGES``.
    """

    subjects: Mapping[str, int]
    lengths: Mapping[str, int]


def count(train: Sequence[DialogueReal]) -> PlanCounts:
    """The counts of a training split. A patient counts once for each subject and length."""
    subjects: dict[str, set[str]] = defaultdict(set)
    lengths: dict[str, set[str]] = defaultdict(set)
    among = _subjects_among(train)
    for record in train:
        if subject := subject_of(record, among):
            subjects[subject].add(record.patient)
        turns = min(LONGEST, max(SHORTEST, len(record.payload.turns)))
        lengths[str(max(edge for edge in _EDGES[:-1] if edge <= turns))].add(record.patient)
    return PlanCounts(_shared(subjects), _shared(lengths))


def subject_of(record: DialogueReal, among: Sequence[str] = SUBJECTS) -> str:
    """What a transcript is about; empty where it is like nothing.

    Args:
        among: the subjects it may be about where no label says it.
    """
    if record.condition.disorder in SUBJECTS:
        return record.condition.disorder
    likeness = dialogue_features(record.payload)[: len(SUBJECTS)]
    best = max(among, key=lambda name: likeness[SUBJECTS.index(name)])
    return best if likeness[SUBJECTS.index(best)] > 0 else ""


def _subjects_among(train: Sequence[DialogueReal]) -> Sequence[str]:
    """The subjects of one setting, where four fifths of the transcripts without a label are like one of them: who sees
    the doctor for a racing heart is not in therapy for panic."""
    alike = [subject_of(record) in THERAPY for record in train if record.condition.disorder not in SUBJECTS]
    if not alike or 0.2 < sum(alike) / len(alike) < 0.8:
        return SUBJECTS
    return THERAPY if 2 * sum(alike) > len(alike) else VISIT


def _shared(patients: Mapping[str, set[str]]) -> dict[str, int]:
    return {key: len(own) // SHARED * SHARED for key, own in sorted(patients.items()) if len(own) >= SHARED}


def counted_config(counts: PlanCounts, config: PlanConfig) -> PlanConfig:
    """The configuration with its settings and subjects by the counts; unchanged where nothing is shared by enough."""
    if not counts.subjects:
        return config
    therapy = {name: float(n) for name, n in counts.subjects.items() if name in THERAPY}
    visit = {name: float(n) for name, n in counts.subjects.items() if name not in THERAPY}
    update = {"settings": {"therapy": sum(therapy.values()), "visit": sum(visit.values())}}
    update |= {name: weights for name, weights in (("therapy", therapy), ("visit", visit)) if weights}
    return config.model_copy(update=update)


def counted_conditions(counts: PlanCounts, config: PlanConfig) -> Callable[[int, int], DialogueCondition]:
    """The condition of a slot, as ``conditions.condition_sampler`` has it, by the counts."""
    return condition_sampler(counted_config(counts, config))


def counted_planner(counts: PlanCounts, config: PlanConfig) -> Callable[[DialogueCondition], CaseArc]:
    """Plans the case of a condition: as long as the counts say, all else as configured."""
    ends = {str(low): (low, high - 1) for low, high in pairwise(_EDGES)}

    def plan(condition: DialogueCondition) -> CaseArc:
        rng = random.Random(f"length,{condition.case_seed}")  # noqa: S311 (not for cryptography)
        update = {"utterances": ends[draw(counts.lengths, rng)]} if counts.lengths else {}
        return case_of(condition, config.model_copy(update=update))

    return plan


def write_counts(path: Path, counts: PlanCounts) -> None:
    """Writes counts as JSON."""
    write_atomically(path, (json.dumps({"format": _FORMAT, **asdict(counts)}, indent=1) + "\n").encode())


def read_counts(path: Path) -> PlanCounts:
    """Inverse of :func:`write_counts`.

    Raises:
        UserError: the file is missing, or holds anything but such counts.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
        if set(held) != {"format", "subjects", "lengths"} or held["format"] != _FORMAT:
            raise ValueError("format")
        subjects, lengths = (cast(dict[str, int], held[key]) for key in ("subjects", "lengths"))
        fitting = set(subjects) <= set(SUBJECTS) and set(lengths) <= {str(edge) for edge in _EDGES[:-1]}
        numbers = (*subjects.values(), *lengths.values())
        if not fitting or not all(type(n) is int and n >= SHARED and n % SHARED == 0 for n in numbers):
            raise ValueError("counts")
        return PlanCounts(subjects, lengths)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise UserError(f"{path} holds no counts of plans: fit the model again") from None
