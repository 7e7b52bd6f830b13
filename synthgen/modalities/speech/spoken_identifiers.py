"""Identifiers in what the recordings of one patient say: found in their transcripts, with what is said instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from synthgen.generators.speech.respeak import Edit, written
from synthgen.payloads.dialogue import Dialogue, Speaker, Turn
from synthgen.payloads.speech import Role, SpeechReal
from synthgen.privacy_filters.dialogue.identifier_config import SAFE_HARBOR, IdentifierConfig
from synthgen.privacy_filters.dialogue.identifiers import identifier_spans, surrogate_edits

_SPEAKERS: Mapping[Role, Speaker] = {"clinician": "clinician", "companion": "companion"}


class Place(NamedTuple):
    """A turn: the number of its record among the patient's, of its recording, track and segment."""

    record: int
    recording: int
    track: int
    segment: int


def spoken_identifiers(
    records: Sequence[SpeechReal], seed: int, config: IdentifierConfig, *, silent: bool = False
) -> dict[Place, tuple[Edit, ...]]:
    """Of every turn in which the rules find an identifier, what is said there instead, in order.

    What is found in one recording is looked for in all. Surrogates are as those of transcripts; where a policy is to be
    measured, which takes known identifiers in a transcript's style, they are drawn anew from mention to mention.

    Args:
        silent: nothing is said instead.

    Raises:
        MissingExtraError: Presidio or Faker is not installed.
    """
    asked = config.model_copy(
        update={
            "reject": config.reject or SAFE_HARBOR,
            "policy": "markov" if config.policy == "measured" else config.policy,
        }
    )
    sessions = list(_sessions(records))
    dialogues = [Dialogue(tuple(turns)) for _, turns in sessions]
    edits = surrogate_edits(dialogues, identifier_spans(dialogues, asked), seed, asked)
    return {
        place: tuple((start, end, "") for start, end, _ in own) if silent else own
        for (places, turns), found in zip(sessions, edits, strict=True)
        for place, own in zip(places, _by_turn(turns, found), strict=True)
        if own
    }


def _sessions(records: Sequence[SpeechReal]) -> Iterator[tuple[list[Place], list[Turn]]]:
    """The turns of each recording whose words are known, in order of time, and where they stand."""
    for r, record in enumerate(records):
        for n, recording in enumerate(record.payload.recordings):
            said = sorted(
                (segment.start, t, s, Turn(_SPEAKERS.get(track.role, "patient"), written(segment)))
                for t, track in enumerate(recording.tracks)
                for s, segment in enumerate(track.segments)
                if written(segment).strip()
            )
            if said:
                yield [Place(r, n, t, s) for _, t, s, _ in said], [turn for *_, turn in said]


def _by_turn(turns: Sequence[Turn], edits: Sequence[Edit]) -> Iterator[tuple[Edit, ...]]:
    """Edits of a dialogue's text as edits of its turns; what goes on in a further turn is silence there."""
    start = 0
    for turn in turns:
        end = start + len(turn.text)
        yield tuple(
            (max(begins, start) - start, min(ends, end) - start, said if begins >= start else "")
            for begins, ends, said in edits
            if begins < end and ends > start
        )
        start = end + 1
