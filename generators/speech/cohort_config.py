"""The settings of cohort loading."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from synthgen.config import Section
from synthgen.payloads.speech import Emotion


class CohortConfig(Section):
    """How a folder of real recordings is read."""

    layout: Literal["auto", "metadata", "kaldi", "rttm", "folders"] = Field(
        "auto", description="the folder's layout; auto recognises it"
    )
    emotions: dict[str, Emotion] = Field(
        {}, description="the cohort's words for emotions, each with ours, or with an empty one: not labelled"
    )
    folders: Literal["auto", "speaker", "emotion"] = Field(
        "auto", description="what the folder of a recording names, in a cohort without a table"
    )
    names: str = Field(
        "",
        description="a regular expression of the files' names without their endings, with a group speaker, and one of "
        "emotion if they tell it: (?P<speaker>p\\d+)_.*",
    )
    level: int = Field(
        0, ge=0, le=9, description="which folder names the speaker, counted from 1 below the cohort's; 0: recognised"
    )
    speaker_names: Literal["auto", "cohort", "recording", "group"] = Field(
        "auto",
        description="whether a speaker's name in RTTM holds for the whole cohort or within its recording; auto: "
        "names like SPEAKER_00, spk1 or A, and roles like Patient, hold within the recording; group: as auto, and a "
        "folder's name holds within the group of folders above it",
    )
    recurring: tuple[str, ...] | None = Field(
        None,
        description="names in RTTM or roles that are one person in all recordings, such as [Therapist]; [] for none",
    )
    channel: Literal["ask", "left", "right", "mix"] = Field(
        "ask", description="of recordings with several channels that differ, the speaker's, where no table tells it"
    )
    columns: dict[str, str] = Field(
        {}, description="our names of columns, each with the table's, or with an empty one: not there"
    )
    synthetic: Literal["error", "take"] = Field(
        "error", description="a release of synthetic speech in place of real recordings: an error, or read as if real"
    )
    shortest_seconds: float = Field(
        1.0, ge=0.1, le=60, description="speech below which a recording is left out, since no voice can be told from it"
    )
    longest_minutes: float = Field(
        120.0, gt=0, le=1440, description="length beyond which a recording is left out: cut such into sessions"
    )
    absent: Literal["error", "skip"] = Field(
        "error", description="a recording that the table names and the folder lacks: an error, or left out and counted"
    )
    damaged: Literal["error", "skip"] = Field(
        "error", description="a file that is cut off, cannot be decoded or holds NaN: an error, or left out and counted"
    )
    unknown: Literal["error", "skip"] = Field(
        "error",
        description="a recording of which nobody knows who speaks: an error, or left out and counted; an emotion that "
        "nobody knows: an error, or not labelled",
    )

    @field_validator("names")
    @classmethod
    def _tells_the_speaker(cls, names: str) -> str:
        try:
            groups = re.compile(names).groupindex
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if names and "speaker" not in groups:
            raise ValueError("needs a group (?P<speaker>…)")
        return names
