"""A dialogue as bytes, the same for the same dialogue: what lies in a shard."""

from __future__ import annotations

import json
from typing import cast, get_args

from synthgen.payloads.dialogue import Dialogue, Emotion, Label, Speaker, Turn


def encode(dialogue: Dialogue) -> bytes:
    """Canonical JSON in UTF-8, without white space.

    Raises:
        ValueError: a text holds half a surrogate pair, or a label is NaN or infinite.
    """
    values = {
        "labels": [[name, value] for name, value in dialogue.labels],
        "turns": [[turn.speaker, turn.text, turn.emotion, turn.stage] for turn in dialogue.turns],
    }
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(content: bytes) -> Dialogue:
    """Inverse of :func:`encode`.

    Raises:
        ValueError: these are not the bytes of a dialogue.
    """
    values = json.loads(content)
    try:
        turns = tuple(
            Turn(_speaker(speaker), str(text), _emotion(emotion), str(stage))
            for speaker, text, emotion, stage in values["turns"]
        )
        labels = tuple((str(name), cast(Label, value)) for name, value in values["labels"])
    except (KeyError, TypeError) as error:
        raise ValueError("not the bytes of a dialogue") from error
    return Dialogue(turns, labels)


def _speaker(name: object) -> Speaker:
    if name not in get_args(Speaker):
        raise ValueError("not a speaker")
    return cast(Speaker, name)


def _emotion(name: object) -> Emotion:
    if name not in get_args(Emotion):
        raise ValueError("not an emotion")
    return cast(Emotion, name)
