"""The state of a session under way: what was said, which stage it is in, which facts are due. No model, no chance
beyond the session's seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from synthgen.generators.dialogue.conduct.emotion import emotion_of
from synthgen.generators.dialogue.plan.types import CaseArc, Fact, Patient, SessionPlan, Stage
from synthgen.generators.dialogue.views import Position
from synthgen.payloads.dialogue import Dialogue, Label, Speaker, Turn


@dataclass(frozen=True, slots=True)
class Brief:
    """One session that is to be conducted.

    Attributes:
        number: of the session within the arc, from 1.
        seed: of the wording and of the stages' lengths, in [0, 2^63).
    """

    arc: CaseArc
    number: int
    seed: int

    @property
    def plan(self) -> SessionPlan:
        return self.arc.sessions[self.number - 1]

    @property
    def patient(self) -> Patient:
        return self.arc.patient


@dataclass(frozen=True, slots=True)
class Opening:
    """One utterance that the session will hold.

    Attributes:
        stage: index of its stage; ``said`` and ``left`` count within it, as in :class:`Position`.
        due: facts that fall due with this utterance of the patient.
        deadline: True where every fact of the stage that is still untold must be told now.
    """

    stage: int
    said: int
    left: int
    due: tuple[str, ...] = ()
    deadline: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A session under way. The clinician opens it and has the last word; the sides alternate strictly.

    Attributes:
        told: keys of the facts that the patient has disclosed in this session, in order.
    """

    brief: Brief
    slots: tuple[Opening, ...]
    turns: tuple[Turn, ...] = ()
    told: tuple[str, ...] = ()
    facts: dict[str, Fact] = field(default_factory=dict, compare=False, repr=False)

    @property
    def finished(self) -> bool:
        return len(self.turns) == len(self.slots)

    @property
    def speaker(self) -> Speaker:
        """Who speaks next."""
        return speaker_of(len(self.turns))

    @property
    def slot(self) -> Opening:
        return self.slots[len(self.turns)]

    @property
    def stage(self) -> Stage:
        return self.brief.plan.stages[self.slot.stage]

    @property
    def remaining(self) -> int:
        """Utterances that are still to come, the next one included."""
        return len(self.slots) - len(self.turns)

    @property
    def position(self) -> Position:
        slot = self.slot
        return Position(self.stage, slot.said, slot.left, first=len(self.turns) < 2, last=self.remaining <= 2)

    @property
    def due(self) -> tuple[Fact, ...]:
        """Facts that are due by the next utterance and have not been told."""
        return self._due(len(self.turns))

    @property
    def asked_for(self) -> tuple[Fact, ...]:
        """Facts that the patient's next utterance is to hold; what the clinician asks about before it."""
        after = len(self.turns) + 1
        return self._due(after) if after < len(self.slots) and self.slots[after].stage == self.slot.stage else ()

    def _due(self, turn: int) -> tuple[Fact, ...]:
        stage = self.slots[turn].stage
        keys = [key for slot in self.slots[: turn + 1] if slot.stage == stage for key in slot.due]
        return tuple(self.facts[key] for key in keys if key not in self.told)

    @property
    def withheld(self) -> tuple[Fact, ...]:
        """Facts that the patient keeps back for now: those of later sessions, and of later in this one."""
        due = {fact.key for fact in self.due}
        earlier = earlier_disclosures(self.brief)
        return tuple(
            fact
            for fact in self.brief.patient.facts
            if fact.key not in due and fact.key not in self.told and fact.key not in earlier
        )

    def with_turn(self, text: str, told: tuple[str, ...]) -> Session:
        """The session after the next utterance.

        Args:
            told: keys of the facts that the utterance disclosed.
        """
        before = self.turns[-2] if len(self.turns) > 1 and self.turns[-2].stage == self.stage.name else None
        held = before.emotion if before is not None else "neutral"
        emotion = emotion_of(text, self.stage.emotion, held) if self.speaker == "patient" else "neutral"
        turn = Turn(self.speaker, text, emotion, self.stage.name)
        return replace(self, turns=(*self.turns, turn), told=(*self.told, *told))

    def dialogue(self) -> Dialogue:
        """The finished session with its labels."""
        return Dialogue(self.turns, labels_of(self.brief.plan))


def begin(brief: Brief) -> Session:
    """A session before its first word: the stages' lengths are drawn from the brief's seed.

    Raises:
        ValueError: if the plan names an unknown fact, or no lengths within its budgets let the clinician close.
    """
    facts = {fact.key: fact for fact in brief.patient.facts}
    lengths = _lengths(brief.plan.stages, np.random.default_rng((brief.seed, 0x5E55)))
    slots: list[Opening] = []
    total = sum(lengths)
    for index, (stage, length) in enumerate(zip(brief.plan.stages, lengths, strict=True)):
        if missing := [key for key in stage.disclosures if key not in facts]:
            raise ValueError(f"stage {stage.name!r} discloses a fact that the patient has not: {missing[0]!r}")
        slots += _stage_slots(index, stage, length, start=len(slots), total=total)
    return Session(brief, tuple(slots), facts=facts)


def _lengths(stages: tuple[Stage, ...], rng: np.random.Generator) -> list[int]:
    """Utterances of each stage, within its budget: even ones where that can be, so that the clinician opens each stage;
    an odd sum, because the clinician opens and closes the session."""
    lengths = []
    for stage in stages:
        low, high = stage.turns
        choices = [n for n in range(low, high + 1) if n % 2 == 0] or [low]
        lengths.append(int(rng.choice(choices)))
    if sum(lengths) % 2 == 0:
        for index in reversed(range(len(stages))):  # the closing stage first
            low, high = stages[index].turns
            if lengths[index] < high or lengths[index] > low:
                lengths[index] += 1 if lengths[index] < high else -1
                break
        else:
            raise ValueError("the stages' budgets leave no odd number of utterances")
    return lengths


def _stage_slots(index: int, stage: Stage, length: int, *, start: int, total: int) -> list[Opening]:
    """Spreads the stage's disclosures over the patient's utterances in it, after the clinician could ask."""
    patient = [n for n in range(length) if speaker_of(start + n) == "patient"]
    open_to = [n for n in patient if n > 0 and start + n < total - 2] or patient
    if stage.disclosures and not open_to:
        raise ValueError(f"stage {stage.name!r} discloses facts but leaves the patient no utterance")
    due: dict[int, list[str]] = {}
    for j, key in enumerate(stage.disclosures):
        due.setdefault(open_to[j * len(open_to) // len(stage.disclosures)], []).append(key)
    last = open_to[-1] if stage.disclosures else -1
    return [Opening(index, n, length - n, tuple(due.get(n, ())), deadline=n >= last >= 0) for n in range(length)]


def speaker_of(turn: int) -> Speaker:
    """Who has utterance ``turn``, counted from 0."""
    return "clinician" if turn % 2 == 0 else "patient"


def earlier_disclosures(brief: Brief) -> tuple[str, ...]:
    """Keys of the facts that were disclosed in earlier sessions of the arc."""
    earlier = brief.arc.sessions[: brief.number - 1]
    return tuple(key for plan in earlier for stage in plan.stages for key in stage.disclosures)


def labels_of(plan: SessionPlan) -> tuple[tuple[str, Label], ...]:
    """The plan's labels with the severity of the session, sorted by key."""
    labels: dict[str, Label] = dict(plan.labels)
    labels.setdefault("severity", plan.severity)
    return tuple(sorted(labels.items()))


def turn_seed(session_seed: int, turn: int, attempt: int) -> int:
    """blake2b(session seed, turn, attempt) as an integer in [0, 2^63)."""
    text = f"turn,{session_seed},{turn},{attempt}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def restart_seed(session_seed: int, restart: int) -> int:
    """The seed of a session that starts anew after it was given up; restart 0 keeps the seed."""
    if restart == 0:
        return session_seed
    text = f"restart,{session_seed},{restart}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
