"""What a layout's module finds in a folder: which sound is whose, and in which condition. No sample is read yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, cast, get_args

from synthgen.errors import UserError
from synthgen.payloads.speech import Emotion, Role
from synthgen.records import Skipped
from synthgen.wordlists import WordLists, WordSet, word_lists

SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64"})
"""Sound files that are read, by the end of their name in lower case."""


class Labels(WordLists):
    """``labels.yaml``."""

    emotions: Mapping[Emotion, WordSet]
    roles: Mapping[Role, WordSet]

    @cached_property
    def emotion_of(self) -> Mapping[str, Emotion]:
        return {"": "", **{word: emotion for emotion, words in self.emotions.items() for word in words}}

    @cached_property
    def role_of(self) -> Mapping[str, Role]:
        return {word: role for role, words in self.roles.items() for word in words}


@cache
def _labels() -> Labels:
    return word_lists(__package__, "labels", Labels)


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording of one speaker.

    Attributes:
        spans: seconds (start, end) in which the speaker speaks; empty: all of it.
        channel: of the file, from 0; None mixes all channels.
        where: where the user finds it, for messages: ``"metadata.csv, row 12"``.
        labels: sorted by key.
    """

    speaker: str
    record: str
    file: Path
    where: str
    emotion: Emotion = ""
    transcript: str = ""
    role: Role = "speaker"
    spans: tuple[tuple[float, float], ...] = ()
    channel: int | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Listing:
    """A cohort before its sound."""

    layout: str
    licence: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]


def emotion(word: str, where: str, mapped: Mapping[str, Emotion]) -> Emotion:
    """Our name of an emotion.

    Raises:
        UserError: the word is neither ours, nor a common one, nor mapped; the message says how to map it.
    """
    key = word.strip().lower()
    for name, ours in mapped.items():
        if name.strip().lower() == key:
            return ours
    if key in _labels().emotion_of:
        return _labels().emotion_of[key]
    choice = ", ".join(name for name in get_args(Emotion) if name)
    raise UserError(
        f"{where}: unknown emotion {word.strip()!r}: map it to one of {choice}, or to '' for none, with "
        f"--set modality.cohort.emotions='{{{key}: neutral}}'"
    )


def names_emotion(word: str, mapped: Mapping[str, Emotion]) -> bool:
    """True for a word that :func:`emotion` knows, other than a blank one."""
    key = word.strip().lower()
    return bool(_labels().emotion_of.get(key)) or key in {name.strip().lower() for name in mapped}


def role(word: str) -> Role:
    """A role by its own or a common name; ``speaker`` for anything else."""
    key = word.strip().lower()
    return cast(Role, key) if key in get_args(Role) else _labels().role_of.get(key, "speaker")
