"""What a layout's module finds in a folder: which sound is whose, and in which condition. No sample is read yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath
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


def counted(reasons: Counter[str]) -> tuple[Skipped, ...]:
    """The reasons with their counts, the most frequent first."""
    return tuple(Skipped(reason, count) for reason, count in sorted(reasons.items(), key=lambda rc: (-rc[1], rc[0])))


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries by record id, whatever the order of the table or of the file system.

    Raises:
        UserError: two entries have the same record id.
    """
    ordered = sorted(entries, key=lambda entry: entry.record)
    for before, after in pairwise(ordered):
        if before.record == after.record:
            raise UserError(
                f"{before.file.name} is named twice, in {before.where} and in {after.where}: keep one of the two"
            )
    return tuple(ordered)


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


def inside(folder: Path, name: str, where: str) -> Path:
    """A file below the folder. Raises UserError for an empty name, an absolute path, or one that leads outside."""
    relative = PurePosixPath(name.replace("\\", "/"))
    if not name.strip():
        raise UserError(f"{where}: the file name is empty")
    if relative.is_absolute() or ".." in relative.parts:
        raise UserError(f"{where}: the file name must be a path below the table's folder")
    return folder / relative


def sounds_below(folder: Path) -> list[Path]:
    """Every sound file below the folder, sorted; hidden ones are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def licence_of(data: Path, told: Counter[str] | None = None) -> str:
    """The commonest licences that a table tells, the first line of a LICENSE file, or that only the holder knows."""
    if known := [name[:60] for name, _ in (told or Counter()).most_common(3) if name]:
        return "; ".join(known)
    for name in ("LICENSE", "LICENSE.txt", "LICENCE", "LICENCE.txt"):
        if (data / name).is_file():
            for line in (data / name).read_text(encoding="utf-8", errors="replace").splitlines():
                if line.strip():
                    return line.strip()[:200]
    return "as stated by the data holder"
