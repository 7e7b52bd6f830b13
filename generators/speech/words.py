"""What is said: sessions planned by the dialogue modality and put into words by its grammar, or a user's dialogues."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthgen.errors import UserError
from synthgen.generators.dialogue.cohort import CohortConfig as TranscriptConfig
from synthgen.generators.dialogue.cohort import load_cohort as load_transcripts
from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import GeneratorConfig as DialogueGeneratorConfig
from synthgen.generators.dialogue.encode import decode, encode
from synthgen.generators.dialogue.plan.config import PlanConfig
from synthgen.generators.dialogue.realisers.template import TemplateRealiser
from synthgen.generators.dialogue.sampler import DialogueGenerator, is_failed, planner
from synthgen.generators.speech.config import SpeakingConfig
from synthgen.generators.speech.language import check_language
from synthgen.generators.speech.spoken import remarks
from synthgen.generators.speech.spoken.sounds import without_remarks
from synthgen.generators.speech.text import is_speakable
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, Turn
from synthgen.payloads.speech import SpeechCondition
from synthgen.progress import Progress
from synthgen.records import Request
from synthgen.seeds import condition_seed


@dataclass(frozen=True)
class Told:
    """A patient of a user's dialogues: the sessions in order, and what is known of them."""

    setting: str
    disorder: str
    severity: str
    sessions: tuple[Dialogue, ...]

    def condition(self, slot: int, seed: int) -> SpeechCondition:
        return SpeechCondition("", self.setting, self.disorder, self.severity, len(self.sessions), slot, seed)


def told_in(config: SpeakingConfig, progress: Progress) -> tuple[Told, ...]:
    """The patients of the file or folder ``config.dialogues``, in its order.

    Raises:
        UserError: it cannot be read as dialogues, or is not in the language of the voices.
    """
    path = Path(config.dialogues)
    if not path.exists():
        raise UserError(f"generator.dialogues: there is no file or folder {path}")
    reading = TranscriptConfig(
        roles=dict(config.roles),
        emotions=dict(config.emotions),
        unknown_emotions="stop",
        synthetic="take",  # a release of dialogues may well be spoken
        markup="keep",  # a mark of laughter is heard
    )
    offered = frozenset({"roles", "emotions"})
    loaded = load_transcripts(path, reading, progress, key="modality.generator", offered=offered)
    turns = [turn for record in loaded.records for turn in record.payload.turns]
    if config.check_language:
        check_language((turn.text for turn in turns), config.language)
    _tell_remarks(turns, progress)
    patients: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, record in enumerate(loaded.records):
        patients[record.patient].append((record.condition.session, number))
    found = []
    for own in patients.values():
        records = [loaded.records[number] for _, number in sorted(own)]
        first = records[0].condition
        found.append(Told(first.setting, first.disorder, first.severity, tuple(r.payload for r in records)))
    return tuple(found)


def _tell_remarks(turns: Sequence[Turn], progress: Progress) -> None:
    """Says how many remarks, sounds and emoji are not read out, and how many turns are nothing else."""
    found = [remarks(turn.text) for turn in turns]
    if sum(found):
        silent = sum(
            bool(count) and not is_speakable(without_remarks(turn.text))
            for count, turn in zip(found, turns, strict=True)
        )
        progress.say(
            f"{sum(found)} remarks, sounds and emoji in {sum(map(bool, found))} turns become pauses, not words; "
            f"{silent} turns hold nothing else and are silent"
        )


def told_bytes(patients: Sequence[Told]) -> bytes:
    """JSON lines, a patient each."""
    lines = [
        json.dumps(
            {
                "setting": told.setting,
                "disorder": told.disorder,
                "severity": told.severity,
                "sessions": [encode(dialogue).decode() for dialogue in told.sessions],
            },
            ensure_ascii=False,
        )
        for told in patients
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def told_from(content: bytes) -> tuple[Told, ...]:
    """Inverse of :func:`told_bytes`.

    Raises:
        ValueError: these are not its bytes.
    """
    found = []
    for line in content.decode().split("\n"):
        if line:
            values = json.loads(line)
            try:
                sessions = tuple(decode(session.encode()) for session in values["sessions"])
                found.append(Told(values["setting"], values["disorder"], values["severity"], sessions))
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError("not the lines of dialogues") from error
    return tuple(found)


# --- From a condition to words ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned:
    """The sessions of a planned patient: they depend on the condition alone, not on the voice."""

    generator: DialogueGenerator

    @classmethod
    def by_grammar(cls, plan: PlanConfig) -> Planned:
        config = DialogueGeneratorConfig(plan=plan)
        return cls(DialogueGenerator(realiser=TemplateRealiser(), plan=planner(plan), config=config, segment=0))

    def __call__(self, condition: SpeechCondition) -> list[Dialogue]:
        """Raises UserError where the grammar gives up a session."""
        requests = [
            Request(
                _session_seed(condition.case_seed, session),
                DialogueCondition.from_dict({**condition.as_dict(), "session": session}),
            )
            for session in range(1, condition.sessions + 1)
        ]
        sessions = [sample.payload for sample in self.generator(requests)]
        if any(is_failed(dialogue) for dialogue in sessions):
            raise UserError("a planned session could not be put into words: choose another --seed, or other plans")
        return sessions


@dataclass(frozen=True)
class Given:
    """The sessions of a patient in a user's dialogues, by the number of the case; more cases than patients: again."""

    patients: tuple[Told, ...]

    def __call__(self, condition: SpeechCondition) -> Sequence[Dialogue]:
        """Raises UserError for a condition that was not drawn from these dialogues."""
        told = self.patients[condition.case % len(self.patients)]
        if condition != told.condition(condition.case, condition.case_seed):
            raise UserError(
                "the model speaks the dialogues of a file, and other ones are asked for: give the same file with "
                "--set modality.generator.dialogues=FILE"
            )
        return told.sessions


# --- From a slot to a condition --------------------------------------------------------------------------------------


def planned_conditions(plan: PlanConfig) -> Callable[[int, int], SpeechCondition]:
    """A slot is a case with all its sessions; the cases are those of the dialogue modality at the same seed."""
    draw = condition_sampler(plan)

    def condition(slot: int, run_seed: int) -> SpeechCondition:
        drawn = draw(slot * plan.sessions, run_seed)
        return SpeechCondition.from_dict({**drawn.as_dict(), "emotion": ""})

    return condition


def given_conditions(patients: Sequence[Told]) -> Callable[[int, int], SpeechCondition]:
    """Slot i is patient i; beyond the last patient the first speaks again, in another voice."""

    def condition(slot: int, run_seed: int) -> SpeechCondition:
        return patients[slot % len(patients)].condition(slot, condition_seed(run_seed, slot))

    return condition


def _session_seed(case_seed: int, session: int) -> int:
    digest = hashlib.blake2b(f"words,{case_seed},{session}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
