"""Private Evolution of dialogues: patients vote on plans, and the plans that win say what sessions are to be like.

A candidate is what a case is planned from: setting, disorder or complaint, severity, style, attitude, length. Records
and plans meet in a public space: how like the content files of each disorder their words are (TF-IDF over those files
alone), how long the session is, and how much the patient says at a time.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from synthgen.dp.evolution import EvolutionSettings, Evolved, Floats, Voters, sample
from synthgen.dp.prior_file import read_prior_file, write_prior_file
from synthgen.generators.dialogue.conditions import case_of, case_seed
from synthgen.generators.dialogue.plan.compose import CONTENT
from synthgen.generators.dialogue.plan.config import THERAPY, VISIT, PlanConfig, severities
from synthgen.generators.dialogue.plan.course import draw
from synthgen.generators.dialogue.plan.empty_words import words_of
from synthgen.generators.dialogue.plan.types import Attitude, CaseArc, Style
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal, Setting, Severity

SUBJECTS: Final = (*THERAPY, *VISIT)
"""Disorders and complaints, in the order of the features."""
SHORTEST, LONGEST = 12, 199
"""Utterances of a session that can be planned."""
_FORMAT: Final = "synthgen-dialogue-prior-1"
_PLAN: Final = 0x9A5E
BY: Final = "what a session is about, its length, and how much the patient says at a time"
"""What the votes look at, in words."""
NEAR: Final = 0.01
"""Share of pairs of plans that lie nearer than a session may lie to one that it explains: of another subject, or of a
length that differs by a third, none does; chosen on half of osce_interviews (docs/differential_privacy.md)."""
# These four were chosen on patients of osce_interviews who do not judge (docs/results/private_evolution.md).
PLAN_SETTINGS: Final = EvolutionSettings(spread=0.03)
_SHARPNESS: Final = 4
"""Power that makes the subjects that stand out stand out more."""
_LENGTH: Final = 2.5
"""What a factor of e in length weighs, beside √2 between subjects that have nothing in common."""
_OPENING: Final = 12
"""Utterances of the patient in which the complaint is told, before everything else is asked about."""
_WORDS: Final[Mapping[str, float]] = {
    "terse": 10.6, "guarded": 12.3, "plain": 12.8, "pleasing": 13.3, "tangential": 14.2, "verbose": 14.7,
}  # fmt: skip
"""Mean words of a patient's utterance in the grammar's own sessions, 24 in each style."""


@dataclass(frozen=True, slots=True)
class PlanCandidate:
    """What a case is planned from. ``utterances`` is odd: the clinician opens the session and closes it."""

    setting: Setting
    disorder: str
    severity: Severity
    style: Style
    attitude: Attitude
    utterances: int


@dataclass(frozen=True)
class Subjects:
    """The content files as TF-IDF vectors of length 1, [subjects, words], over their own words."""

    words: Mapping[str, int]
    rarity: Floats
    vectors: Floats

    def likeness(self, words: Counter[str]) -> Floats:
        """How like each subject a text is, [subjects], >= 0, of length 1: what stands out; zeros where nothing does."""
        seen = np.zeros(len(self.words))
        for word, count in words.items():
            if word in self.words:
                seen[self.words[word]] = (1 + math.log(count)) * self.rarity[self.words[word]]
        cosines = self.vectors @ seen
        above = np.maximum(cosines - cosines.mean(), 0.0)
        sharp = (above / max(float(above.max()), 1e-12)) ** _SHARPNESS
        return np.asarray(sharp / max(float(np.linalg.norm(sharp)), 1e-12))


@cache
def subjects() -> Subjects:
    """Read once. Public: the files are part of the project."""
    texts = [resources.files(CONTENT).joinpath(f"{name}.yaml").read_text("utf-8") for name in SUBJECTS]
    counted = [_counted([text]) for text in texts]
    vocabulary = {word: i for i, word in enumerate(sorted(set().union(*counted)))}
    counts = np.zeros((len(texts), len(vocabulary)))
    for row, words in enumerate(counted):
        for word, count in words.items():
            counts[row, vocabulary[word]] = 1 + math.log(count)
    rarity = np.log(len(texts) / (counts > 0).sum(axis=0))
    vectors = counts * rarity
    return Subjects(vocabulary, rarity, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _counted(texts: Sequence[str]) -> Counter[str]:
    """In how many lines a word of content stands."""
    return Counter(word for text in texts for line in text.splitlines() for word in words_of(line))


@cache
def _likeness_of(disorder: str) -> Floats:
    text = resources.files(CONTENT).joinpath(f"{disorder}.yaml").read_text("utf-8")
    return subjects().likeness(_counted([text]))


def _features(likeness: Floats, utterances: float, words: float) -> Floats:
    return np.concatenate([likeness, [_LENGTH * math.log(max(utterances, 1.0)), math.log(max(words, 1.0))]])


@dataclass(frozen=True)
class PlanPopulation:
    """Plans to vote on, drawn from wide public distributions: every subject and length of session is there."""

    config: PlanConfig

    def draw(self, rng: np.random.Generator, n: int) -> list[PlanCandidate]:
        """Settings, severities, styles and attitudes as the configuration weighs them, lengths log-uniform."""
        return [self._one(_stream(rng)) for _ in range(n)]

    def vary(self, rng: np.random.Generator, parents: Sequence[PlanCandidate], strength: float) -> list[PlanCandidate]:
        """Each choice is made anew with a chance of ``strength``; the length moves by as much of its logarithm."""
        return [self._child(_stream(rng), parent, strength) for parent in parents]

    def embed(self, candidates: Sequence[PlanCandidate]) -> Floats:
        return np.stack([_features(_likeness_of(c.disorder), c.utterances, _WORDS[c.style]) for c in candidates])

    def conditions(self, candidates: Sequence[PlanCandidate]) -> list[str]:
        """One for all: what a session is about is what is voted on."""
        return [""] * len(candidates)

    def _one(self, rng: random.Random) -> PlanCandidate:
        setting = draw(self.config.settings, rng)
        disorder = draw(self.config.therapy if setting == "therapy" else self.config.visit, rng)
        length = math.exp(rng.uniform(math.log(SHORTEST), math.log(LONGEST)))
        return PlanCandidate(
            setting,
            disorder,
            self._severity(setting, disorder, rng),
            draw(self.config.styles, rng),
            draw(self.config.attitudes, rng),
            _odd(length),
        )

    def _severity(self, setting: Setting, disorder: str, rng: random.Random) -> Severity:
        return draw({band: self.config.severity.get(band, 0.0) for band in severities(setting, disorder)}, rng)

    def _child(self, rng: random.Random, parent: PlanCandidate, strength: float) -> PlanCandidate:
        fresh = self._one(rng)
        subject = fresh if rng.random() < strength else parent
        severity = subject.severity if rng.random() >= strength else None
        return PlanCandidate(
            subject.setting,
            subject.disorder,
            severity or self._severity(subject.setting, subject.disorder, rng),
            (fresh if rng.random() < strength else parent).style,
            (fresh if rng.random() < strength else parent).attitude,
            _odd(parent.utterances * math.exp(0.5 * strength * rng.gauss(0, 1))),
        )


def _stream(rng: np.random.Generator) -> random.Random:
    return random.Random(int(rng.integers(2**62)))  # noqa: S311 (not for cryptography)


def _odd(length: float) -> int:
    return int(min(LONGEST, max(SHORTEST, length))) | 1


def dialogue_features(dialogue: Dialogue) -> Floats:
    """A real session in the space of the plans: by what the patient says, of the subject in the opening alone."""
    said = dialogue.said_by("patient") or (dialogue.text,)
    words = float(np.mean([len(text.split()) for text in said]))
    return _features(subjects().likeness(_counted(said[:_OPENING])), len(dialogue.turns), words)


def session_features(dialogues: Sequence[Dialogue]) -> Floats:
    """Sessions, real or not, in the space of the plans, [n, d]."""
    return np.stack([dialogue_features(dialogue) for dialogue in dialogues])


def dialogue_voters(records: Sequence[DialogueReal]) -> Voters:
    """The patients of a cohort as voters. Private."""
    features = session_features([record.payload for record in records])
    return Voters(features, tuple(record.patient for record in records), ("",) * len(records))


def evolved_conditions(prior: Evolved[PlanCandidate], config: PlanConfig) -> Callable[[int, int], DialogueCondition]:
    """The condition of a slot, as ``conditions.condition_sampler`` has it, of plans drawn from a prior."""

    def condition(slot: int, run_seed: int) -> DialogueCondition:
        case, session = slot // config.sessions, slot % config.sessions + 1
        seed = case_seed(run_seed, case)
        one = _plan_of(prior, seed)
        return DialogueCondition(one.setting, one.disorder, one.severity, session, config.sessions, case, seed)

    return condition


def evolved_planner(prior: Evolved[PlanCandidate], config: PlanConfig) -> Callable[[DialogueCondition], CaseArc]:
    """Plans the case of such a condition: of the plan's style, attitude and length, all else as configured."""

    def plan(condition: DialogueCondition) -> CaseArc:
        one = _plan_of(prior, condition.case_seed)
        around = (max(SHORTEST, one.utterances - 2), one.utterances + 1)
        return case_of(
            condition,
            config.model_copy(
                update={"styles": {one.style: 1.0}, "attitudes": {one.attitude: 1.0}, "utterances": around}
            ),
        )

    return plan


def _plan_of(prior: Evolved[PlanCandidate], case: int) -> PlanCandidate:
    rng = np.random.default_rng([case, _PLAN])
    return sample(prior, ("",) * len(prior.candidates), "", rng, 1)[0]


def write_prior(path: Path, prior: Evolved[PlanCandidate]) -> None:
    """Writes a prior as JSON: plans and their weights, no word of anybody."""
    write_prior_file(path, prior, _FORMAT)


def read_prior(path: Path) -> Evolved[PlanCandidate]:
    """Inverse of :func:`write_prior`.

    Raises:
        UserError: the file is missing, or no prior of dialogues.
    """
    return read_prior_file(path, _FORMAT, "dialogues", _read)


def _read(row: dict[str, Any]) -> PlanCandidate:
    one = PlanCandidate(**{field.name: row[field.name] for field in fields(PlanCandidate)})
    known = THERAPY if one.setting == "therapy" else VISIT if one.setting == "visit" else ()
    if one.disorder not in known or one.severity not in severities(one.setting, one.disorder):
        raise ValueError("disorder or severity")
    if one.style not in get_args(Style) or one.attitude not in get_args(Attitude):
        raise ValueError("style or attitude")
    return replace(one, utterances=_odd(float(one.utterances)))
