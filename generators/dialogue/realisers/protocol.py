"""What every realiser answers: a batch of requests, one utterance (or one structured answer) each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from synthgen.generators.dialogue.views import View
from synthgen.records import JsonValue

Finish = Literal["stop", "length", "failed"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a language model is sampled. A grammar takes no notice."""

    max_tokens: int = 160
    temperature: float = 0.8
    top_p: float = 0.95


@dataclass(frozen=True, slots=True)
class Prompt:
    """One answer that is wanted. It depends on nothing but this.

    Attributes:
        seed: of this answer, in [0, 2^63).
        messages: what a language model is given; a grammar takes no notice.
        view: what the speaking side sees; the grammar realises it. None where no side speaks (judging, summaries).
        schema: JSON schema of a structured answer; None for free text.
    """

    seed: int
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    view: View | None = None
    schema: Mapping[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. ``failed`` means that the back-end gave none after its bounded retries; ``reason`` says why, in terms
    that hold no private text."""

    text: str
    finish: Finish = "stop"
    reason: str = ""


class Realiser(Protocol):
    """Answers requests in one batch. The answer to a request does not depend on the others beyond rounding."""

    def generate(self, requests: Sequence[Prompt]) -> list[Response]: ...


@runtime_checkable
class Weighing(Protocol):
    """A realiser that can say how likely an answer is, without drawing one."""

    def log_likelihoods(self, answers: Sequence[tuple[tuple[Message, ...], str]]) -> list[float]:
        """ln p of each text as the answer to its messages, in the mean over its tokens; texts hold a token at least."""
        ...
