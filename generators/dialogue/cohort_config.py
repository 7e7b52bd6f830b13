"""The settings of cohort loading."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.config import Section
from synthgen.payloads.dialogue import Emotion, Setting, Speaker

Layout = Literal["auto", "jsonl", "csv", "datasets", "webvtt", "srt", "textgrid", "elan", "chat", "text"]

Side = Speaker | Literal["nobody", "text"]
"""What a name in a transcript may stand for: a side; nobody, whose words are left out; or words, no name at all."""

ColumnField = Literal[
    "turns", "speaker", "text", "dialogue_id", "patient_id", "session", "date", "turn", "start", "question", "answer"
]


class CohortConfig(Section):
    """How a file or a folder of real transcripts is read."""

    layout: Layout = Field("auto", description="The kind of the files; auto recognises it.")
    columns: dict[ColumnField, str] = Field(
        {}, description="Names of columns or keys that are not known by themselves, as in {patient_id: MRN}."
    )
    roles: dict[str, Side] = Field(
        {},
        description=(
            "Role names that are not known by themselves, each with its side; nobody leaves their words out, text says "
            "that it is no name but words."
        ),
    )
    pair: Literal["ask", "infer"] = Field(
        "ask", description="Of two speakers of whom one is known, the other is asked for, or is the other side."
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
    without_id: Literal["stop", "file"] = Field(
        "stop", description="Turns in a table that no column divides into dialogues: stop, or each file is one."
    )
    patient: Literal["named", "folder"] = Field(
        "named", description="Whose a dialogue is: as a column names it, or the folder that its file lies in."
    )
    absent: Literal["stop", "skip"] = Field("stop", description="Rows of metadata.csv whose file is not there.")
    damaged: Literal["stop", "skip"] = Field("stop", description="Files, or lines of JSON, that cannot be read.")
    unknown: Literal["stop", "skip"] = Field(
        "stop", description="Dialogues in which somebody speaks whose side is not known."
    )
    synthetic: Literal["skip", "take"] = Field(
        "skip", description="Dialogues of a synthetic release are left out of a cohort, or taken for patients'."
    )
    markup: Literal["strip", "keep"] = Field(
        "strip", description="Marks of a transcriber, as in [inaudible] or <laughter>, are taken off, or stay."
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
