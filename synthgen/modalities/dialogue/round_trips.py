"""Copies in the generator's own domain: a real dialogue, as it would look if the generator had passed it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from synthgen.generators.dialogue.conditions import condition_sampler
from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.model_folder import check_folder
from synthgen.generators.dialogue.realisers.protocol import Message, Prompt, Realiser, Sampling
from synthgen.generators.dialogue.sampler import open_generator, open_realiser, realiser_of
from synthgen.payloads.dialogue import Dialogue, DialogueReal, DialogueRoundTrip, Turn
from synthgen.privacy_filters.dialogue.planted import spliced
from synthgen.records import Request, RoundTrip

_MOST_RECORDS, _MOST_TURNS = 60, 24
_INSTRUCTION = (
    "Say the utterance that the user gives you in other words. Keep its meaning and its person. "
    "Answer with the new wording alone."
)


def round_trips(model: Path, config: GeneratorConfig, rows: int, seed: int) -> tuple[DialogueRoundTrip, ...]:
    """The round trip through the generator.

    A language model rewords turn by turn: the first 24 turns of up to 60 records, since that already takes as long as
    twenty sessions. A grammar reads no transcript, so that it has no words for one; of it, a session is made into which
    twenty turns of the record are spliced (a shorter record as a whole).
    """
    card = check_folder(model)
    name = realiser_of(card, config)
    if name == "template":
        return (RoundTrip("within_a_generated_session", "generator", lambda r: _within(r, model, config, seed)),)
    realiser = open_realiser(name, model, card, config, rows)
    return (RoundTrip("paraphrased_by_the_model", "generator", lambda r: _by_model(r, realiser, rows, seed)),)


def _within(records: Sequence[DialogueReal], model: Path, config: GeneratorConfig, seed: int) -> list[Dialogue]:
    generator = open_generator(model, config, rows=len(records))
    condition = condition_sampler(config.plan)
    hosts = generator([Request(seed + i, condition(i * config.plan.sessions, seed)) for i in range(len(records))])
    rng = np.random.default_rng((seed, 0x5915))
    return [spliced(record.payload, host.payload.turns, rng) for record, host in zip(records, hosts, strict=True)]


def _by_model(records: Sequence[DialogueReal], realiser: Realiser, rows: int, seed: int) -> list[Dialogue]:
    cut = [replace(r.payload, turns=r.payload.turns[:_MOST_TURNS]) for r in records[:_MOST_RECORDS]]
    turns = [turn for dialogue in cut for turn in dialogue.turns]
    said: list[str] = []
    for low in range(0, len(turns), rows):
        requests = [_request(turn, seed + low + i) for i, turn in enumerate(turns[low : low + rows])]
        said += [response.text.strip() for response in realiser.generate(requests)]
    again = iter([replace(turn, text=text or turn.text) for turn, text in zip(turns, said, strict=True)])
    return [replace(dialogue, turns=tuple(next(again) for _ in dialogue.turns)) for dialogue in cut]


def _request(turn: Turn, seed: int) -> Prompt:
    messages = (Message("system", _INSTRUCTION), Message("user", turn.text))
    return Prompt(seed, messages, Sampling(max_tokens=max(32, 2 * len(turn.text.split()))))
