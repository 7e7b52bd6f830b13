"""Copies in the generator's own domain: a real dialogue, said again by what puts the plans into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synthgen.generators.dialogue.config import GeneratorConfig
from synthgen.generators.dialogue.model_folder import check_folder
from synthgen.generators.dialogue.realisers.protocol import Message, Realiser, Request, Sampling
from synthgen.generators.dialogue.sampler import open_realiser, realiser_of
from synthgen.modalities.dialogue.types import Dialogue, DialogueReal, Turn
from synthgen.privacy_filters.dialogue.planted import RoundTrip

_MOST_RECORDS, _MOST_TURNS = 60, 24
_INSTRUCTION = (
    "Say the utterance that the user gives you in other words. Keep its meaning and its person. "
    "Answer with the new wording alone."
)


def paraphrasers(model: Path, config: GeneratorConfig, rows: int, seed: int) -> tuple[tuple[str, str, RoundTrip], ...]:
    """Name, domain and function of the round trip through the generator's realiser; none for a grammar.

    A grammar reads no transcript, so that it has no words for one. A language model rewords turn by turn: the first 24
    turns of up to 60 records, since that already takes as long as twenty sessions.
    """
    card = check_folder(model)
    name = realiser_of(card, config)
    if name == "template":
        return ()
    realiser = open_realiser(name, model, card, config, rows)
    return (("paraphrased_by_the_model", "generator", lambda records: _by_model(records, realiser, rows, seed)),)


def _by_model(records: Sequence[DialogueReal], realiser: Realiser, rows: int, seed: int) -> list[Dialogue]:
    cut = [replace(r.payload, turns=r.payload.turns[:_MOST_TURNS]) for r in records[:_MOST_RECORDS]]
    turns = [turn for dialogue in cut for turn in dialogue.turns]
    said: list[str] = []
    for low in range(0, len(turns), rows):
        requests = [_request(turn, seed + low + i) for i, turn in enumerate(turns[low : low + rows])]
        said += [response.text.strip() for response in realiser.generate(requests)]
    again = iter([replace(turn, text=text or turn.text) for turn, text in zip(turns, said, strict=True)])
    return [replace(dialogue, turns=tuple(next(again) for _ in dialogue.turns)) for dialogue in cut]


def _request(turn: Turn, seed: int) -> Request:
    messages = (Message("system", _INSTRUCTION), Message("user", turn.text))
    return Request(seed, messages, Sampling(max_tokens=max(32, 2 * len(turn.text.split()))))
