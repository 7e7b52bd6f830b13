"""Transcripts as a chat model sees them: one side's words are the assistant's, and only those are trained on.

Every session is seen twice, once from each side. A session that is longer than the model's window is cut between
turns; every utterance is trained on once, with as much of what was said before as fits into half a window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from synthgen.errors import UserError
from synthgen.generators.dialogue.conduct.prompts import conversation, system_message
from synthgen.generators.dialogue.realisers.protocol import Message
from synthgen.generators.dialogue.views import SOMEWHERE, ClinicianView, PatientView, View
from synthgen.payloads.dialogue import Dialogue, DialogueCondition, DialogueReal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Side = Literal["clinician", "patient"]
SIDES: tuple[Side, Side] = ("clinician", "patient")
IGNORED = -100
"""Label of a token that is not trained on, as transformers and torch have it."""

_MARK = "\ue000{}\ue001"  # of the private use area: stands for a message's text while the template is laid out


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence. ``labels`` equals ``tokens`` where a token is trained on, and is IGNORED elsewhere."""

    tokens: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def trained(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class SessionExamples:
    """The sequences of one session, from both sides, and how many utterances were too long for any."""

    patient: str
    examples: tuple[Example, ...]
    too_long: int


def real_view(side: Side, condition: DialogueCondition) -> View:
    """What is known of a real session to one side of it, before a word was said: setting, number, topic and severity;
    nothing of who the patient is."""
    if side == "clinician":
        return ClinicianView(
            setting=condition.setting,
            number=condition.session,
            sessions=condition.sessions if condition.sessions > 1 else 0,
            referral=condition.disorder,
            scores=(),
            agenda=(),
            technique="",
            stages=(),
            memory=(),
            reviewed=None,
            assign=None,
            disclosed=(),
            probes=(),
            position=SOMEWHERE,
            transcript=(),
        )
    return PatientView(
        setting=condition.setting,
        number=condition.session,
        age=0,
        sex="",
        occupation="",
        situation_in_life=(),
        history=(),
        problem=condition.disorder,
        disorder=condition.disorder,
        severity=condition.severity,
        conceptualisation=None,
        situation=None,
        style="",
        attitude="",
        due=(),
        told=(),
        withheld=(),
        homework=None,
        emotion="neutral",
        alliance="",
        position=SOMEWHERE,
        transcript=(),
    )


def system_prompt(side: Side, condition: DialogueCondition) -> str:
    """What a side is told, by the prompt that generation shows it (see conduct.prompts), as far as it is known."""
    return system_message(real_view(side, condition)).content


def chat(side: Side, system: str, dialogue: Dialogue) -> list[Message]:
    """The session as ``side`` takes part in it, laid out as generation lays it out."""
    return [Message("system", system), *conversation(side, dialogue.turns)]


class ChatLayout:
    """A chat template as the text that it puts around messages: exact, because it is asked with marks for texts."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """
        Raises:
            UserError: the tokenizer has no chat template, or is of a kind that cannot say where its tokens lie.
        """
        if not getattr(tokenizer, "chat_template", None):
            raise UserError("the base model has no chat template: choose an instruction-tuned (chat) model")
        if not tokenizer.is_fast:
            raise UserError("the base model's tokenizer has no fast version: choose another chat model")
        self._tokenizer = tokenizer

    def frame(self, messages: Sequence[Message], answer: bool = False) -> list[str]:
        """What stands before the first message's text, between the texts, and after the last one.

        Args:
            answer: end with the assistant's opening, as for generation.

        Raises:
            UserError: the template refuses the roles, or leaves a message out.
        """
        from jinja2 import TemplateError

        marked = [{"role": m.role, "content": _MARK.format(i)} for i, m in enumerate(messages)]
        try:
            text = self._tokenizer.apply_chat_template(
                marked, tokenize=False, add_generation_prompt=answer, enable_thinking=False
            )
        except TemplateError:
            if messages[0].role != "system":
                raise UserError("the base model's chat template cannot hold a dialogue: choose another model") from None
            # Some templates know no system message; its text then leads the first user's, as generation has it too.
            first, second, *rest = self.frame(messages[1:], answer)
            return [first, "\n\n", second, *rest]
        pieces, rest_of = [], str(text)
        for i in range(len(messages)):
            before, mark, rest_of = rest_of.partition(_MARK.format(i))
            if not mark:
                raise UserError("the base model's chat template leaves messages out: choose another model")
            pieces.append(before)
        return [*pieces, rest_of]

    def encode(
        self, messages: Sequence[Message], trained: Callable[[int], bool], part: tuple[int, int] | None = None
    ) -> Example:
        """The messages as tokens; of the assistant's messages i with ``trained(i)`` the text and the token that ends it
        are trained on.

        Args:
            part: only these characters of each such message, from and to, and not the token that ends it.
        """
        frame = self.frame(messages)
        text, spans = frame[0], []
        for i, message in enumerate(messages):
            if message.role == "assistant" and trained(i):
                start, end = part or (0, len(message.content))
                spans.append((len(text) + start, len(text) + end))
            text += message.content + frame[i + 1]
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        tokens = [int(token) for token in encoded["input_ids"]]
        starts, ends = np.asarray(encoded["offset_mapping"], np.int64).reshape(-1, 2).T
        inside = np.zeros(len(tokens) + 1, bool)
        for start, end in spans:
            within = np.flatnonzero((ends > start) & (starts < end))
            if len(within):  # the token after the text ends the turn
                inside[within[0] : within[-1] + (2 if part is None else 1)] = True
        labels = [token if on else IGNORED for token, on in zip(tokens, inside, strict=False)]
        return Example(tuple(tokens), tuple(labels))

    def length(self, text: str) -> int:
        """Tokens of ``text`` by itself."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def session_examples(layout: ChatLayout, record: DialogueReal, max_tokens: int) -> SessionExamples:
    """A session as sequences of at most ``max_tokens``, from the clinician's side and from the patient's."""
    examples, too_long = [], 0
    for side in SIDES:
        if not record.payload.said_by(side):
            continue
        messages = chat(side, system_prompt(side, record.condition), record.payload)
        whole = layout.encode(messages, lambda i: True)
        if len(whole.tokens) <= max_tokens:
            examples.append(whole)
            continue
        windows, left_out = _windows(layout, messages, max_tokens)
        examples.extend(windows)
        too_long += left_out
    return SessionExamples(record.patient, tuple(examples), too_long)


def _windows(layout: ChatLayout, messages: list[Message], max_tokens: int) -> tuple[list[Example], int]:
    """Cuts a chat between turns; each window opens with the system message and a user's turn."""
    frame = layout.frame(messages)
    costs = [layout.length(m.content) + layout.length(frame[i]) + 1 for i, m in enumerate(messages)]
    opening = costs[0] + layout.length(frame[-1]) + 1
    windows, left_out = [], 0
    next_answer = 2  # messages: system, user, assistant, user, …
    while next_answer < len(messages):
        used, start = opening, next_answer - 1
        pair = costs[next_answer - 1] + costs[next_answer]
        if used + pair > max_tokens:
            left_out += 1
            next_answer += 2
            continue
        used += pair
        while start - 2 >= 1 and used + costs[start - 1] + costs[start - 2] <= (max_tokens + opening) // 2:
            used += costs[start - 1] + costs[start - 2]
            start -= 2
        end = next_answer
        while end + 2 < len(messages) and used + costs[end + 1] + costs[end + 2] <= max_tokens:
            used += costs[end + 1] + costs[end + 2]
            end += 2
        window = [messages[0], *messages[start : end + 1]]
        first = next_answer - start + 1
        encoded = layout.encode(window, lambda i, first=first: i >= first)  # type: ignore[misc]
        if len(encoded.tokens) > max_tokens:  # a template whose opening differs from window to window
            left_out += 1
        elif encoded.trained:
            windows.append(encoded)
        next_answer = end + 2
    return windows, left_out


def few_shot_examples(train: Sequence[DialogueReal], count: int, turns: int, seed: int) -> tuple[Dialogue, ...]:
    """Excerpts of ``turns`` utterances from the middle of ``count`` patients' sessions, one of each patient.

    They are real text: whoever puts them into a prompt shows them to the model at every turn.
    """
    rng = np.random.default_rng(seed)
    by_patient: dict[str, list[DialogueReal]] = {}
    for record in sorted(train, key=lambda r: (r.patient, r.record)):
        by_patient.setdefault(record.patient, []).append(record)
    patients = list(by_patient)
    chosen = [patients[i] for i in rng.permutation(len(patients))[:count]]
    return tuple(_excerpts(by_patient, chosen, turns, rng))


def _excerpts(
    by_patient: dict[str, list[DialogueReal]], patients: list[str], turns: int, rng: np.random.Generator
) -> Iterator[Dialogue]:
    for patient in patients:
        sessions = by_patient[patient]
        said = sessions[rng.integers(len(sessions))].payload.turns
        start = int(rng.integers(max(0, len(said) - turns) + 1))
        yield Dialogue(said[start : start + turns])


def draw_examples(sessions: Sequence[SessionExamples], batch: int, step: int, seed: int) -> list[Example]:
    """The sequences of one step: patients in turn, each with a random one of its sequences' sessions.

    A function of (seed, step) alone. Every patient is drawn equally often, however many sessions it has.
    """
    by_patient: dict[str, list[SessionExamples]] = {}
    for session in sessions:
        if session.examples:
            by_patient.setdefault(session.patient, []).append(session)
    patients = sorted(by_patient)
    drawn = []
    for position in range(step * batch, (step + 1) * batch):
        turn, place = divmod(position, len(patients))
        patient = patients[np.random.default_rng([seed, 1, turn]).permutation(len(patients))[place]]
        rng = np.random.default_rng([seed, 2, position])
        session = by_patient[patient][rng.integers(len(by_patient[patient]))]
        drawn.append(session.examples[rng.integers(len(session.examples))])
    return drawn
