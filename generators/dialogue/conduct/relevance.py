"""Whether an utterance answers what was said, asked of the model that says it.

An utterance is more likely behind the words that it answers than behind none: the score is the difference of ln p per
token, the pointwise mutual information of answer and question (Li et al. 2016, "A Diversity-Promoting Objective
Function for Neural Conversation Models"). Its limit is set on the grammar's sessions, whose answers are to the point,
for each model anew; a model that cannot tell the grammar's answers from answers to something else is not asked.

Whose side an utterance is of cannot be told so: see docs/dialogue_models.md for the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthgen.estimates import auc
from synthgen.generators.dialogue.conduct.prompts import OPENING, prompt_words
from synthgen.generators.dialogue.conduct.session import Session
from synthgen.generators.dialogue.conduct.validate import told_now, words
from synthgen.generators.dialogue.realisers.protocol import Message, Weighing
from synthgen.payloads.dialogue import Setting, Speaker

LEAST_WORDS: Final = 4
"""Shorter utterances say too little to be judged."""
REJECTED: Final = 0.02
"""Share of good answers that the limit turns down."""
LEAST_AUC: Final = 0.6


@dataclass(frozen=True, slots=True)
class Line:
    """An utterance behind what the other side had said."""

    setting: Setting
    speaker: Speaker
    before: str
    text: str


@dataclass(frozen=True)
class Relevance:
    """The judgement of one model.

    Attributes:
        limit: least score of an answer; minus infinity where the model is not asked.
        auc: of the grammar's answers against answers to something else; chance is 0.5.
    """

    weigher: Weighing
    limit: float
    auc: float

    def reasons(self, said: Sequence[tuple[Session, str]]) -> list[str | None]:
        """For each session and its next utterance the reason against it, or None."""
        lines = [line_of(session, text) for session, text in said]
        asked = [line for line in lines if line is not None] if np.isfinite(self.limit) else []
        scores = dict(zip(asked, scored(self.weigher, asked), strict=True))
        return [
            "does not answer what was said" if line in scores and scores[line] < self.limit else None for line in lines
        ]


def line_of(session: Session, text: str) -> Line | None:
    """What is judged; None for what need not answer: a farewell, a fact that is due, a short utterance."""
    if not session.turns or session.remaining <= 2 or len(words(text)) < LEAST_WORDS or told_now(session, text):
        return None
    return Line(session.brief.plan.setting, session.speaker, session.turns[-1].text, text)


def scored(weigher: Weighing, lines: Sequence[Line]) -> list[float]:
    """ln p per token of each utterance behind what was said, less the same behind nothing."""
    asked = [(_messages(line, before), line.text) for line in lines for before in (line.before, OPENING)]
    with_it, without = np.reshape(weigher.log_likelihoods(asked), (-1, 2)).T if asked else (np.zeros(0), np.zeros(0))
    return [float(one) for one in with_it - without]


def _messages(line: Line, before: str) -> tuple[Message, ...]:
    who = prompt_words().clinician if line.speaker == "clinician" else prompt_words().patient
    return Message("system", who[line.setting or "other"]), Message("user", before)


def calibrated(weigher: Weighing, lines: Sequence[Line], seed: int = 0) -> Relevance:
    """The judgement of a model, with its limit set on ``lines``, which are to the point.

    Each is also held behind what another of them answers. Fewer than 20 lines are no basis: the model is not asked.
    """
    if len(lines) < 20:
        return Relevance(weigher, -np.inf, 0.5)
    shift = 1 + int(np.random.default_rng(seed).integers(len(lines) - 1))
    others = [Line(a.setting, a.speaker, lines[(i + shift) % len(lines)].before, a.text) for i, a in enumerate(lines)]
    good, bad = np.array(scored(weigher, lines)), np.array(scored(weigher, others))
    power = auc("relevance_auc", good, bad).value
    return Relevance(weigher, float(np.quantile(good, REJECTED)) if power >= LEAST_AUC else -np.inf, power)
