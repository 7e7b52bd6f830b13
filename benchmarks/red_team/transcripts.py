"""Kinds of copies of transcripts that the gate's makers were told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
import yaml

from benchmarks.red_team.kinds import Kind, Material, number
from synthgen.payloads.dialogue import Dialogue, DialogueReal, Turn

Copy = Material[Dialogue]


@dataclass(frozen=True)
class Event:
    """Something that happened to one patient: as it was told, and in other words."""

    told: str
    retold: str


def events() -> tuple[Event, ...]:
    """The events of ``events.yaml``."""
    text = resources.files("benchmarks.red_team").joinpath("events.yaml").read_text("utf-8")
    return tuple(Event(**values) for values in yaml.safe_load(text))


EVENTS = events()


def with_events(records: Sequence[DialogueReal], seed: int) -> tuple[DialogueReal, ...]:
    """The same cohort, in which at most a tenth of the records tell an event each that no other record tells."""
    rng = np.random.default_rng(number("events", seed))
    chosen = rng.permutation(len(records))[: min(len(EVENTS), max(1, len(records) // 10))]
    told = dict(zip(chosen.tolist(), EVENTS, strict=False))
    return tuple(
        replace(record, payload=_telling(record.payload, told[i].told, rng)) if i in told else record
        for i, record in enumerate(records)
    )


def _telling(dialogue: Dialogue, text: str, rng: np.random.Generator) -> Dialogue:
    """The text added to what the patient says at some turn of his."""
    places = [i for i, turn in enumerate(dialogue.turns) if turn.speaker != "clinician"] or [0]
    at = places[rng.integers(len(places))]
    turns = list(dialogue.turns)
    turns[at] = replace(turns[at], text=f"{turns[at].text} {text}")
    return Dialogue(tuple(turns), dialogue.labels)


def _event_of(dialogue: Dialogue) -> Event | None:
    text = dialogue.text
    return next((event for event in EVENTS if event.told in text), None)


def _event_retold(copy: Copy) -> Dialogue:
    """A stranger's session, in which the patient tells the victim's event in other words."""
    event = _event_of(copy.victim)
    if event is None:
        raise ValueError("the victim tells no event")
    return _telling(replace(copy.stranger, labels=()), event.retold, copy.rng)


def _half_replaced(copy: Copy) -> Dialogue:
    """Half of the turns, at random places, replaced by turns of a stranger on the same side."""
    chosen = set(copy.rng.permutation(len(copy.victim.turns))[: len(copy.victim.turns) // 2].tolist())
    said = {side: [t for t in copy.stranger.turns if t.speaker == side] for side in ("clinician", "patient")}
    turns = []
    for i, turn in enumerate(copy.victim.turns):
        others = said.get(turn.speaker) or list(copy.stranger.turns)
        turns.append(others[copy.rng.integers(len(others))] if i in chosen else turn)
    return Dialogue(tuple(turns))


def _dealt(copy: Copy) -> Dialogue:
    """This session's share of the victim's turns, in their order, spread through a stranger's session."""
    count = len(copy.victim.turns)
    low, high = (count * part // copy.sessions for part in (copy.session, copy.session + 1))
    mine, turns = copy.victim.turns[low:high], list(copy.stranger.turns)
    for place, turn in enumerate(mine):
        turns.insert(round((place + 1) * len(copy.stranger.turns) / (len(mine) + 1)) + place, turn)
    return Dialogue(tuple(turns))


def verbatim(copy: Copy) -> Dialogue:
    """The victim's turns, without labels."""
    return Dialogue(copy.victim.turns)


KINDS: tuple[Kind[Dialogue], ...] = (
    Kind("verbatim", verbatim),
    Kind("half replaced", _half_replaced),
    Kind("event retold", _event_retold, applies=lambda record, dialogue: _event_of(dialogue) is not None),
    Kind("dealt over 8", _dealt, sessions=8),
    Kind("dealt over 12", _dealt, sessions=12),
    Kind("dealt over 20", _dealt, sessions=20),
    Kind("dealt over 30", _dealt, sessions=30),
)


def paraphrase(told_again: Mapping[str, Sequence[Turn]]) -> Kind[Dialogue]:
    """A transcript told again by somebody else: real paraphrases, by the record that each is one of."""
    return Kind(
        "paraphrase",
        lambda copy: Dialogue(tuple(told_again[copy.record])),
        applies=lambda record, dialogue: record in told_again,
    )
