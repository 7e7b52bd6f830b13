"""Corpora whose file names tell who speaks and how: RAVDESS, CREMA-D and others, as ``conventions.yaml`` says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from synthgen.errors import UserError
from synthgen.wordlists import word_lists

_NEARLY_ALL: Final = 0.9


class Convention(BaseModel):
    """One form of names; see the head of ``conventions.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corpus: str
    name: str
    speaker: str
    folders: str
    in_folders: bool = False
    emotions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a name tells; ``emotion`` is a word of ``emotions.yaml``, or empty."""

    speaker: str
    emotion: str


@cache
def conventions() -> tuple[Convention, ...]:
    return tuple(word_lists(__package__, "conventions", list[Convention]))


def convention_of(names: Sequence[PurePosixPath]) -> tuple[str, list[Told | None]] | None:
    """The corpus whose form nearly all names have, and what each tells; None where there is none.

    Raises:
        UserError: the folders contradict the names.
    """
    for one in conventions():
        told = [_told(one, name) for name in names]
        if sum(tell is not None for tell in told) >= max(1, _NEARLY_ALL * len(names)):
            _agreeing(one, names, told)
            return one.corpus, told
    return None


def told_by(pattern: str, names: Sequence[PurePosixPath]) -> list[Told | None]:
    """What names tell by the user's own expression, with a group "speaker"; None for one that is not of it."""
    found = [re.fullmatch(pattern, name.stem) for name in names]
    return [
        Told(match["speaker"], match.groupdict().get("emotion") or "")
        if match is not None and match["speaker"]
        else None
        for match in found
    ]


def _told(one: Convention, name: PurePosixPath) -> Told | None:
    match = re.fullmatch(one.name, name.stem, re.IGNORECASE)
    if match is None:
        return None
    if one.speaker:
        speaker = one.speaker.format(**{key: (value or "").lower() for key, value in match.groupdict().items()})
        if one.in_folders and _folder_speaker(one, name) != speaker:
            return None
    else:
        speaker = _folder_speaker(one, name)
    emotion = one.emotions.get((match.groupdict().get("emotion") or "").lower(), "")
    return Told(speaker, emotion) if speaker else None


def _folder_speaker(one: Convention, name: PurePosixPath) -> str:
    depth = one.folders.count("/") + 1
    match = re.fullmatch(one.folders, "/".join(name.parent.parts[-depth:]), re.IGNORECASE) if one.folders else None
    return match["speaker"].lower() if match is not None else ""


def _agreeing(one: Convention, names: Sequence[PurePosixPath], told: Sequence[Told | None]) -> None:
    apart = sum(
        tell is not None and _folder_speaker(one, name) not in ("", tell.speaker)
        for name, tell in zip(names, told, strict=True)
    )
    if apart:
        raise UserError(
            f"{apart} files lie in the folder of another speaker than their names tell, as {one.corpus} writes them: "
            "put them right, or set modality.cohort.folders=speaker to go by the folders"
        )
