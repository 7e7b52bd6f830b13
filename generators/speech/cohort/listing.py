"""What a layout's module finds in a folder: which sound is whose, and in which condition. No sample is read yet."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, get_args

from synthgen.errors import UserError
from synthgen.generators.cohort.emotions import emotion_names
from synthgen.generators.cohort.listing import files_below
from synthgen.generators.speech.cohort_config import CohortConfig
from synthgen.payloads.speech import Emotion, Role
from synthgen.records import Skipped
from synthgen.wordlists import PhraseSet, WordLists, word_lists

SUFFIXES: Final = frozenset(
    {
        ".wav",
        ".wave",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".mp2",
        ".aiff",
        ".aif",
        ".aifc",
        ".au",
        ".snd",
        ".w64",
        ".rf64",
        ".caf",
        ".voc",
        ".sph",
        ".nist",
        ".m4a",
        ".m4b",
        ".mp4",
        ".mov",
        ".aac",
        ".webm",
        ".mka",
        ".mkv",
        ".amr",
        ".3gp",
        ".3gpp",
        ".wma",
        ".ac3",
    }
)
"""Sound files, and films with sound, by the end of their name in lower case."""

_MOST_WORDS: Final = 12
_NUMBER_FIRST: Final = re.compile(r"^\d+[.)]? +")


class Labels(WordLists):
    """``labels.yaml``."""

    roles: Mapping[Role, PhraseSet]
    nobody: PhraseSet
    places: PhraseSet
    splits: PhraseSet
    groups: PhraseSet
    sessions: PhraseSet
    people: PhraseSet

    @cached_property
    def role_of(self) -> Mapping[str, Role]:
        return {word: role for role, words in self.roles.items() for word in words}


@cache
def labels() -> Labels:
    return word_lists(__package__, "labels", Labels)


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording of one speaker.

    Attributes:
        spans: seconds (start, end) in which the speaker speaks; empty: all of it.
        channel: of the file, from 0; None: not told.
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
    """A cohort before its sound.

    Attributes:
        notices: what the user should know of how the folder was read, a line each.
    """

    layout: str
    licence: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class EmotionsFound:
    """What the words for emotions of a cohort stand for."""

    of: Mapping[str, Emotion]
    notices: tuple[str, ...]

    def __getitem__(self, word: str) -> Emotion:
        return self.of[word]


def sound_files(folder: Path) -> list[Path]:
    """Every sound file below the folder, sorted; what lies in hidden folders, or is another system's copy, is none."""
    return [path for path in files_below(folder, SUFFIXES) if not _hidden(path.relative_to(folder).parts)]


def _hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def plain(word: str) -> str:
    """A word as it is compared with the lists."""
    spaced = re.sub(r"[_\-]+", " ", unicodedata.normalize("NFC", word)).casefold()
    return " ".join(spaced.split()).rstrip(":") or word.strip()


def emotions(words: Sequence[str], where: str, config: CohortConfig) -> EmotionsFound:
    """Our names of the cohort's words for emotions.

    Args:
        words: one for each recording.
        where: ``"metadata.csv"``.

    Raises:
        UserError: some are neither ours, nor common, nor mapped; the message says how to map them all.
    """
    counts = Counter(words)
    known = {word: _emotion(word, config.emotions) for word in counts}
    unknown = sorted(word for word, emotion in known.items() if emotion is None and not _further(word))
    if unknown and config.unknown == "error":
        raise UserError(_unknown_emotions(unknown, sum(counts[word] for word in unknown), where))
    notices = []
    further = sorted(word for word in counts if known[word] is None and _further(word))
    if further:
        notices.append(
            f"{sum(counts[word] for word in further)} recordings of emotions that have no name here "
            f"({_some(further)}) count as not labelled; modality.cohort.emotions maps them otherwise"
        )
    if unknown:
        notices.append(f"{sum(counts[word] for word in unknown)} recordings of unknown emotions count as not labelled")
    return EmotionsFound({word: emotion or "" for word, emotion in known.items()}, tuple(notices))


def names_emotion(word: str, mapped: Mapping[str, Emotion]) -> bool:
    """True for a word that stands for an emotion, ours or not; a blank one does not."""
    return bool(_emotion(word, mapped)) or _further(word) or plain(word) in {plain(name) for name in mapped}


def role(word: str) -> Role:
    """A role by its own or a common name; ``speaker`` for anything else."""
    return labels().role_of.get(plain(word), "speaker")


def names_role(word: str) -> bool:
    """True for "Therapist" or "male voice", which say what somebody is, and not who."""
    return plain(word) in labels().role_of


def names_group(word: str) -> bool:
    """True for "control" or "MDD", which many people share."""
    return plain(word) in labels().groups


def nobody(word: str) -> bool:
    """True for an empty cell, and for words that say that nobody knows."""
    return not word.strip() or plain(word) in labels().nobody


def _emotion(word: str, mapped: Mapping[str, Emotion]) -> Emotion | None:
    key = plain(word)
    for name, ours in mapped.items():
        if plain(name) == key:
            return ours
    known = emotion_names().emotion_of
    return known.get(key, known.get(_NUMBER_FIRST.sub("", key)))


def _further(word: str) -> bool:
    key, further = plain(word), emotion_names().further
    return key in further or _NUMBER_FIRST.sub("", key) in further


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:5]) + (", …" if len(words) > 5 else "")


def _unknown_emotions(unknown: Sequence[str], count: int, where: str) -> str:
    if len(unknown) > _MOST_WORDS:
        return (
            f"{where}: {len(unknown)} different words stand where emotions should, unknown to us: if they are none, "
            "leave them out with --set modality.cohort.columns='{emotion: \"\"}', or set modality.cohort.unknown=skip"
        )
    choice = ", ".join(name for name in get_args(Emotion) if name)
    mapping = ", ".join(f'{json.dumps(word, ensure_ascii=False)}: ""' for word in unknown)
    return (
        f'{where}: {count} recordings of unknown emotion: map each word to one of {choice}, or to "" for none, with '
        f"--set modality.cohort.emotions='{{{mapping}}}', or set modality.cohort.unknown=skip"
    )
