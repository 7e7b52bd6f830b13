"""What realisers of language models share: prompts that fit the context, and structured answers that are checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from synthgen.errors import UserError
from synthgen.generators.dialogue.realisers.protocol import Message, Response
from synthgen.records import JsonValue

STEP = 8
"""Exchanges that are dropped together when the context is full: prompts of the next turns then still begin alike."""


def without_front(messages: Sequence[Message], exchanges: int) -> tuple[Message, ...]:
    """``messages`` without the first ``exchanges`` pairs of user and assistant; the system message and the last message
    stay, and the user still speaks first."""
    head = 1 if messages and messages[0].role == "system" else 0
    keep = min(head + 2 * exchanges, len(messages) - 1)
    keep -= (keep - head) % 2
    return (*messages[:head], *messages[keep:])


def fit_to_context(
    messages: Sequence[Message], count: Callable[[Sequence[Message]], int], most: int
) -> tuple[Message, ...]:
    """``messages`` with as many exchanges left out at the front as it takes to fit, in steps of :data:`STEP`.

    Args:
        count: tokens of a prompt.
        most: tokens that a prompt may have.

    Raises:
        UserError: if the system message and the last message alone do not fit.
    """
    exchanges, shown = 0, tuple(messages)
    while count(shown) > most:
        if len(without_front(messages, exchanges)) <= 2:
            raise UserError(
                f"the instructions and one turn are longer than the model's context leaves room for ({most} tokens): "
                "choose a model with a longer context, or raise in_process.context"
            )
        exchanges += STEP
        shown = without_front(messages, exchanges)
    return shown


def with_schema(messages: Sequence[Message], schema: Mapping[str, JsonValue]) -> tuple[Message, ...]:
    """``messages`` with the schema asked for in words, for back-ends that cannot enforce it."""
    last = messages[-1]
    asked = f"{last.content}\n\nAnswer with one JSON object alone, of this JSON schema: {json.dumps(schema)}"
    return (*messages[:-1], replace(last, content=asked))


def structured(response: Response, schema: Mapping[str, JsonValue] | None) -> Response:
    """``response`` reduced to its JSON object, or failed where it holds none with the schema's required keys."""
    if schema is None or response.finish == "failed":
        return response
    text = response.text
    first, last = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[first : last + 1]) if first >= 0 else None
    except ValueError:
        value = None
    required = schema.get("required", [])
    if not isinstance(value, dict) or not isinstance(required, list) or any(key not in value for key in required):
        return Response("", "failed", "the answer is not JSON of the schema")
    return replace(response, text=text[first : last + 1])
