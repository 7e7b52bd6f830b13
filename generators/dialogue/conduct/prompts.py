"""The prompt of a language model: rendered from one side's view, and from nothing else, in training as in generation.

What holds for the whole session comes first in the system message, what holds for the next utterance last in it. Behind
the other side's words it would save a server the reading of the transcript, and a model takes it for a part of them and
answers in kind (docs/dialogue_models.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Annotated, Literal, get_args

from synthgen.generators.dialogue.plan.types import Homework, Style
from synthgen.generators.dialogue.realisers.protocol import Message
from synthgen.generators.dialogue.views import SOMEWHERE, ClinicianView, PatientView, SessionSummary, View
from synthgen.payloads.dialogue import Speaker, Turn
from synthgen.wordlists import Lines, WordLists, with_keys, word_lists

_SETTINGS = ("therapy", "visit", "other")


class PromptWords(WordLists):
    """``prompts.yaml``."""

    rules: Lines
    clinician: Annotated[Mapping[str, str], with_keys(*_SETTINGS)]
    clinician_manner: str
    patient: Annotated[Mapping[str, str], with_keys(*_SETTINGS)]
    patient_manner: str
    styles: Annotated[Mapping[Style, str], with_keys(*get_args(Style))]
    alliance: Mapping[str, str]


@cache
def prompt_words() -> PromptWords:
    """``prompts.yaml``, read once. Raises UserError where it is malformed."""
    return word_lists(__package__, "prompts", PromptWords)


_NOW = "Now say your next words."
_LEAVE = "Now say goodbye in one or two sentences. The session is over: ask nothing more."
_NOT_YET = "Do not say goodbye yet."
_ANSWER = "Answer what the other person has just said."
_END = "Bring the session to its end, so that the other person can say goodbye next."
_ON = "It is time to come to the next subject."
_THANK = "The session is over: thank the other person and say goodbye in one short sentence."
DIRECTIONS = (_NOW, _LEAVE, _NOT_YET, _ANSWER, _END, _ON, _THANK)
"""What a side may be told of its next utterance, whatever the session."""

OPENING = "Hello."
"""What the side that speaks first answers to: chat templates want a user to begin, and a remark about the session is
carried on as a tale."""


def render(view: View, examples: Sequence[tuple[Turn, ...]] = ()) -> tuple[Message, ...]:
    """The prompt for the next utterance of the side whose view this is: system, then user and assistant in turn.

    Args:
        examples: excerpts that show the manner of speaking; only where the configuration asks for them.
    """
    own: Speaker = "clinician" if isinstance(view, ClinicianView) else "patient"
    return (system_message(view, examples), *conversation(own, view.transcript))


def system_message(view: View, examples: Sequence[tuple[Turn, ...]] = ()) -> Message:
    """All that a side is told. What the view does not hold is left out: of a real session that is most of it."""
    if isinstance(view, ClinicianView):
        known, direction = _clinician_system(view), _clinician_direction(view)
    else:
        known, direction = _patient_system(view), _patient_direction(view)
    rules = "\n".join(prompt_words().rules)
    return Message("system", "\n\n".join((known, rules, *map(_example, examples), direction)))


def conversation(own: Speaker, turns: Sequence[Turn]) -> list[Message]:
    """What was said, as the side ``own`` takes part in it: its own turns are the assistant's, a companion's are marked,
    and what one role says in a row is one message. The user speaks first."""

    def role(turn: Turn) -> Literal["user", "assistant"]:
        return "assistant" if turn.speaker == own else "user"

    messages: list[Message] = []
    if not turns or role(turns[0]) == "assistant":
        messages.append(Message("user", OPENING))
    for name, run in groupby(turns, key=role):
        said = (f"(Companion) {t.text.strip()}" if t.speaker == "companion" else t.text.strip() for t in run)
        messages.append(Message(name, " ".join(said)))
    return messages


def direction_of(view: View) -> str:
    """What a side is told of its next utterance alone."""
    return _clinician_direction(view) if isinstance(view, ClinicianView) else _patient_direction(view)


def _clinician_system(view: ClinicianView) -> str:
    kind = {"therapy": "Session", "visit": "Visit"}.get(view.setting, "Session")
    parts = [
        prompt_words().clinician[view.setting or "other"],
        f"{kind} {view.number} of {view.sessions}." if view.sessions else "",
        f"Referral: {view.referral}." if view.referral else "",
        *(f"{s.instrument} filled in before the session: total {s.total}." for s in view.scores),
        _listed("Agenda", view.agenda),
        f"Technique of today: {view.technique}." if view.technique else "",
        _listed("Parts of the session, in order", view.stages),
        *(_remembered(summary) for summary in view.memory),
        f"Homework from last time, to be reviewed: {_clause(view.reviewed)}." if view.reviewed else "",
        f"Homework to agree on for next time: {_clause(view.assign)}." if view.assign else "",
        prompt_words().clinician_manner,
    ]
    return "\n".join(part for part in parts if part)


def _clinician_direction(view: ClinicianView) -> str:
    position = view.position
    if position == SOMEWHERE:
        return _NOW
    if position.last:
        return _LEAVE
    parts = [f"{_NOW} Greet the other person." if position.first else _NOW]
    parts.append(f"What you want to reach: {position.stage.goal.rstrip('.')}.")
    if view.probes:
        parts.append(f"Ask, without guessing the answer, about {' and '.join(view.probes)}.")
    if position.left == 3 and position.stage.name == view.stages[-1]:
        parts.append(_END)
    else:
        parts += [_ON if position.left <= 2 else "", _NOT_YET]
    return " ".join(part for part in parts if part)


def _patient_system(view: PatientView) -> str:
    sex = {"female": "woman", "male": "man"}.get(view.sex, "person")
    before = [fact.statement for fact in view.told if fact.session < view.number]
    now = [fact.statement for fact in (*view.told, *view.due) if fact.session >= view.number]
    kept = sorted({*now, *view.withheld})  # the same for the whole session: the beginning of the prompt stays as it is
    parts = [
        prompt_words().patient[view.setting or "other"],
        f"You are a {sex} of {view.age}, {view.occupation}. This is session {view.number}." if view.age else "",
        _listed("Your life", view.situation_in_life),
        _listed("Notes on your history", view.history),
        f"What troubles you, in your own words: {view.problem}" if view.problem else "",
        f"How bad it is these days: {view.severity}." if view.severity else "",
        _death(view),
        *_beliefs(view),
        *_lately(view),
        _homework(view.homework),
        prompt_words().styles[view.style] if view.style else "",
        f"Your attitude to the treatment: {view.attitude}." if view.attitude else "",
        prompt_words().alliance.get(view.alliance, ""),
        _listed("You have told in earlier sessions", before),
        _listed("You keep these to yourself until you are told to tell one", kept),
        prompt_words().patient_manner,
    ]
    return "\n".join(part for part in parts if part)


def _beliefs(view: PatientView) -> list[str]:
    if view.conceptualisation is None:
        return []
    return [
        f"What you believe deep down, without saying it in these words: {view.conceptualisation.core_belief}",
        _listed("Rules you live by", view.conceptualisation.intermediate_beliefs),
        _listed("How you cope", view.conceptualisation.coping),
    ]


def _lately(view: PatientView) -> list[str]:
    now = view.situation
    if now is None:
        return []
    return [
        f"A situation of the last days: {_bare(now.event)}. You thought: {_bare(now.thought)}. "
        f"You felt: {_bare(now.emotion)}. What you did: {_bare(now.behaviour)}."
    ]


def _death(view: PatientView) -> str:
    """What the patient wrote down before the session about thoughts of death."""
    often = {1: "on some days", 2: "on more than half the days", 3: "nearly every day"}.get(view.death, "")
    return f"You have had thoughts of being better off dead {often}, and no plan; say so where asked." if often else ""


def _homework(homework: Homework | None) -> str:
    if homework is None:
        return ""
    obstacle = f" What got in the way: {_bare(homework.obstacle)}." if homework.obstacle else ""
    return f"Your homework from last time, {_clause(homework)}: {homework.done or 'done'}.{obstacle}"


def _patient_direction(view: PatientView) -> str:
    position = view.position
    if position == SOMEWHERE:
        return _NOW
    parts = [_NOW]
    parts.append(f"You feel {view.emotion}." if view.emotion not in {"", "neutral"} else "")
    parts += [f'Say this now, in words of your own: "{_bare(fact.statement)}."' for fact in view.due]
    if position.last:
        parts.append(_THANK)
    else:
        parts += [_ANSWER, _NOT_YET]
    return " ".join(part for part in parts if part)


def _remembered(summary: SessionSummary) -> str:
    parts = [f"Your notes on session {summary.number}:"]
    parts.append(f"technique {summary.technique}." if summary.technique else "")
    parts.append(f"Severity {summary.severity}." if summary.severity else "")
    parts.append(f"Told: {' '.join(f'{_bare(told)}.' for told in summary.disclosed)}" if summary.disclosed else "")
    parts.append(f"Homework set: {_bare(summary.homework)}." if summary.homework else "")
    return " ".join(part for part in parts if part)


def _example(turns: tuple[Turn, ...]) -> str:
    """An excerpt, for the manner alone. The speakers are dashes, so that no role name is there to be copied."""
    lines = "\n".join(f"– {turn.text}" for turn in turns)
    return f"This is how people sound in such a session; take the manner, never the content:\n{lines}"


def _listed(heading: str, items: Sequence[str]) -> str:
    return f"{heading}: {'; '.join(_bare(item) for item in items)}." if items else ""


def _clause(homework: Homework) -> str:
    return _bare(homework.task)


def _bare(text: str) -> str:
    return text.strip().rstrip(".")
