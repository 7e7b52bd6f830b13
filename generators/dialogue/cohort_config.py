"""The settings of cohort loading."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section
from synthgen.payloads.dialogue import Emotion, Setting, Speaker


class CohortConfig(Section):
    """How a file or a folder of real transcripts is read."""

    layout: Literal["auto", "jsonl", "csv", "datasets", "webvtt", "textgrid"] = Field(
        "auto", description="The kind of the files; auto recognises it."
    )
    roles: dict[str, Speaker] = Field(
        {}, description="Role names of this cohort that are not known by themselves, each with the side that it is."
    )
    emotions: dict[str, Emotion] = Field(
        {}, description="Words for the emotions of turns, each with ours, or with an empty one: not labelled."
    )
    unknown_emotions: Literal["count", "stop"] = Field(
        "count", description="Turns whose emotion has a name that is not known: counted and not labelled, or an error."
    )
    clinician: Literal["assistant", "user"] = Field(
        "assistant", description="The chat role that the clinician has in messages and ShareGPT files."
    )
    setting: Setting = Field("", description="What the dialogues are, where their labels do not say: therapy or visit.")
    longest_turn: int = Field(
        20_000, ge=100, description="Characters of one turn; a dialogue with a longer one is left out, and counted."
    )
    repeated_speaker: Literal["keep", "merge"] = Field(
        "keep", description="Turns of one speaker in a row stay as they are, or become one."
    )
    rare_topic: int = Field(
        3, ge=1, description="Topics of fewer patients become 'other': a topic can be told in a release, a person not."
    )
