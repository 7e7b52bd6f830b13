"""Many sessions advance together: one batch of requests per step, one utterance of each session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthgen.errors import SynthgenError, UserError
from synthgen.generators.dialogue.conduct.prompts import render
from synthgen.generators.dialogue.conduct.relevance import Relevance
from synthgen.generators.dialogue.conduct.repair import repaired
from synthgen.generators.dialogue.conduct.session import Brief, Session, begin, turn_seed
from synthgen.generators.dialogue.conduct.tally import ACCEPTED, Tally, repeats_itself
from synthgen.generators.dialogue.conduct.validate import (
    UNTOLD,
    complaint,
    due_fact_untold,
    session_fault,
    told_now,
    withheld_fact_told,
)
from synthgen.generators.dialogue.conduct.views import view
from synthgen.generators.dialogue.config import ConductConfig
from synthgen.generators.dialogue.realisers.protocol import Prompt, Realiser, Response, Sampling
from synthgen.payloads.dialogue import Dialogue, Turn
from synthgen.progress import Task


@dataclass(frozen=True, slots=True)
class Rejected:
    """An answer that was not taken. Private: it may repeat a real transcript."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A session that was given up, with its trace.

    Attributes:
        turn: the utterance, from 0, that no try could fill.
        rejected: every answer to it and the reason against each.
        turns: what had been said before.
    """

    brief: Brief
    turn: int
    rejected: tuple[Rejected, ...]
    turns: tuple[Turn, ...]

    @property
    def reasons(self) -> Counter[str]:
        """How often each reason was given, without the names of facts."""
        return Counter(without_key(rejected.reason) for rejected in self.rejected)


def without_key(reason: str) -> str:
    """A reason without the keys of facts."""
    return reason.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Underway:
    """A session and the answers to its next utterance that were turned down."""

    session: Session
    rejected: tuple[Rejected, ...] = ()


def conduct_sessions(
    briefs: Sequence[Brief],
    realiser: Realiser,
    config: ConductConfig,
    *,
    sampling: Sampling = Sampling(),  # noqa: B008 (frozen)
    examples: Sequence[Sequence[tuple[Turn, ...]]] | None = None,
    relevance: Relevance | None = None,
    tally: Tally | None = None,
    task: Task | None = None,
) -> list[Dialogue | Failure]:
    """Conducts one session per brief, in order of the briefs.

    In each step every open session asks for one answer: its next utterance, or another try at it where the last answer
    was turned down. A session's requests follow from its brief and its own answers alone, so it comes out the same
    whoever advances beside it, as far as the realiser's answers do.

    Args:
        examples: excerpts for each brief's prompts; None shows none.
        relevance: judges whether an utterance answers what was said; None judges nothing.
        tally: of the run, which goes on counting here.
        task: advances by one per utterance.

    Raises:
        SynthgenError: if the back-end is gone for good; nothing of the step is lost where the realiser is journaled.
        UserError: if every further try brings the same words, though they are to be drawn.
        ValueError: if a plan cannot be conducted (see :func:`begin`).
    """
    counts = Tally() if tally is None else tally
    counts.started += len(briefs)
    shown = [()] * len(briefs) if examples is None else examples
    results: list[Dialogue | Failure | None] = [None] * len(briefs)
    open_sessions = {index: Underway(begin(brief)) for index, brief in enumerate(briefs)}
    while open_sessions:
        step = list(open_sessions.items())[: config.batch]
        requests = [_request(underway, sampling, shown[index], config.warmer) for index, underway in step]
        responses = realiser.generate(requests)
        if len(responses) != len(requests):
            raise SynthgenError(f"the back-end gave {len(responses)} answers to {len(requests)} requests")
        judged = _judged([underway for _, underway in step], responses, config, relevance)
        for (index, underway), (text, reason) in zip(step, judged, strict=True):
            _count(counts, underway, text, reason)
            if reason is None:
                session = underway.session.with_turn(text, told_now(underway.session, text))
                underway = Underway(session)
                if task is not None:
                    task.advance(1, f"{counts.answers[ACCEPTED] / sum(counts.answers.values()):.0%} of answers taken")
            else:
                underway = Underway(underway.session, (*underway.rejected, Rejected(reason, text)))
            outcome = _outcome(underway, config.tries)
            if outcome is None:
                open_sessions[index] = underway
            else:
                results[index] = outcome
                counts.finished += isinstance(outcome, Dialogue)
                del open_sessions[index]
        if sampling.temperature > 0 and repeats_itself(counts):
            raise UserError(SAME_WORDS)
    return [result for result in results if result is not None]


SAME_WORDS = (
    "the model gives the same words at every further try, though their seeds differ: it does not draw, and tries are "
    "in vain. Where transformers serve runs it, set modality.generator.server.draws=true, or write "
    '"do_sample": true into the generation_config.json of its model and start it again; elsewhere see that the server '
    "heeds temperature"
)


def _judged(
    step: Sequence[Underway], responses: Sequence[Response], config: ConductConfig, relevance: Relevance | None
) -> list[tuple[str, str | None]]:
    """What is said in each answer, and the reason against it."""
    texts = [
        repaired(response, underway.session.speaker, config.max_words)
        for underway, response in zip(step, responses, strict=True)
    ]
    reasons = [
        complaint(underway.session, text, response, max_words=config.max_words)
        for underway, text, response in zip(step, texts, responses, strict=True)
    ]
    for i, underway in enumerate(step):
        if reasons[i] is not None and config.told_for and len(underway.rejected) + 1 >= config.told_for:
            texts[i], reasons[i] = _told_for(underway.session, texts[i], reasons[i])
    if relevance is not None:
        good = [i for i, reason in enumerate(reasons) if reason is None]
        for i, reason in zip(good, relevance.reasons([(step[i].session, texts[i]) for i in good]), strict=True):
            reasons[i] = reason
    return list(zip(texts, reasons, strict=True))


def _told_for(session: Session, text: str, reason: str | None) -> tuple[str, str | None]:
    """The answer with the facts that it owes put before it, as the plan has them, where it lacks nothing else."""
    if reason is None or without_key(reason) != UNTOLD:
        return text, reason
    told = told_now(session, text)
    owed = " ".join(fact.statement for fact in session.due if fact.key not in told)
    longer = f"{owed} {text}"
    return longer, due_fact_untold(longer, session) or withheld_fact_told(text, session)


def _count(tally: Tally, underway: Underway, text: str, reason: str | None) -> None:
    tally.answers[ACCEPTED if reason is None else without_key(reason)] += 1
    if underway.rejected:
        tally.retried += 1
        tally.same += any(text == rejected.text for rejected in underway.rejected)


def _request(underway: Underway, sampling: Sampling, examples: Sequence[tuple[Turn, ...]], warmer: float) -> Prompt:
    """The prompt of the next utterance; every further try is drawn a little more freely."""
    session, tried = underway.session, len(underway.rejected)
    seen = view(session)
    drawn = replace(sampling, temperature=min(2.0, sampling.temperature * (1 + warmer * tried)))
    return Prompt(turn_seed(session.brief.seed, len(session.turns), tried), render(seen, examples), drawn, seen)


def _outcome(underway: Underway, tries: int) -> Dialogue | Failure | None:
    session = underway.session
    if len(underway.rejected) >= tries:
        return Failure(session.brief, len(session.turns), underway.rejected, session.turns)
    if not session.finished:
        return None
    fault = session_fault(session)
    if fault is not None:
        return Failure(session.brief, len(session.turns), (Rejected(fault, ""),), session.turns)
    return session.dialogue()
