"""The settings of cohort loading."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section
from synthgen.payloads.speech import Emotion


class CohortConfig(Section):
    """How a folder of real recordings is read."""

    layout: Literal["auto", "metadata", "folders", "rttm"] = Field(
        "auto", description="the folder's layout; auto recognises it"
    )
    emotions: dict[str, Emotion] = Field(
        {}, description="the cohort's words for emotions, each with ours, or with an empty one: not labelled"
    )
    folders: Literal["auto", "speaker", "emotion"] = Field(
        "auto", description="what the folder of a recording names, in a cohort without a table"
    )
    speaker_names: Literal["auto", "cohort", "recording"] = Field(
        "auto",
        description="whether a speaker's name in RTTM holds for the whole cohort or within its recording; auto: "
        "names like SPEAKER_00, spk1 or A hold within the recording",
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
    unreadable: Literal["error", "skip"] = Field(
        "error", description="a file that cannot be decoded or holds NaN: an error, or left out and counted"
    )
